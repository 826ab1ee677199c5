"""Puts the plug-in into every GIMP 3 of the user, and takes it out again.

Standard library only: install.py runs this. Everything about the machine comes in through `Machine`
so that made-up home folders can be tried for every system.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

NAME = "scumble"
PLACE = "engine.json"
HELP = "help"
"""The folder with the pages that GIMP's help system shows."""
NEW, OLD = ".scumble-new", ".scumble-old"
"""Beside the folder plug-ins, where GIMP does not look: the copy while it is made or removed."""

SOURCE = Path(__file__).resolve().parent / NAME
FLATPAK = "org.gimp.GIMP"
"""What GIMP is called in Flatpak; others begin with it, such as org.gimp.GIMP.Nightly."""

VERSION = re.compile(r"3\.\d+")


class PluginError(ValueError):
    """A plug-in folder that cannot be changed; the message is one sentence for the user."""


@dataclass(frozen=True)
class Machine:
    """Where this user's programs keep their things.

    Attributes
    ----------
    system : str
        As in `sys.platform`.
    home : Path
        The user's home folder.
    variables : mapping
        The environment's variables.
    root : Path
        What the system's own paths are taken from.
    """

    system: str = sys.platform
    home: Path = field(default_factory=Path.home)
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    root: Path = Path("/")


@dataclass(frozen=True)
class Profile:
    """A folder in which a GIMP keeps one user's settings and plug-ins."""

    name: str
    folder: Path

    @property
    def plugin(self) -> Path:
        """Where Scumble goes."""
        return self.folder / "plug-ins" / NAME


@dataclass(frozen=True)
class Place:
    """Where the engine is; the plug-in reads it from the file beside it."""

    python: Path
    home: Path
    version: str

    def text(self) -> str:
        """Return the file's content."""
        data = {"python": str(self.python), "home": str(self.home), "version": self.version}
        return json.dumps(data, indent=1) + "\n"


@dataclass(frozen=True)
class Copy:
    """A copy of the plug-in that lies in a GIMP.

    `version` and `home` are what its file says; empty where that is missing or damaged.
    """

    profile: Profile
    version: str
    home: str

    def fits(self, version: str, home: Path) -> bool:
        """Whether it is of this version, unless it goes with another data folder's engine."""
        return self.version == version or (bool(self.home) and Path(self.home) != home)

    def state(self, version: str, home: Path) -> str:
        """Say whether this copy goes with the engine of this version in this data folder."""
        if not self.version:
            return "damaged"
        if self.version != version:
            return f"version {self.version}, but the engine is {version}"
        if Path(self.home) != home:
            return f"version {self.version}, with the engine in {self.home}"
        return f"version {self.version}"


def put_everywhere(
    place: Place, checkout: Path, machine: Machine, more: Iterable[Path] = ()
) -> list[str]:
    """Put the plug-in into every GIMP of the user; say what was done and what could not be.

    Raises
    ------
    PluginError
        If a GIMP's folder cannot be written; the others are served.
    """
    found = find_profiles(machine, more)
    job = checkout / "engine" / "job.py"
    source = checkout / "plugin" / NAME
    said, failed = [], []
    for profile in found:
        try:
            said.append(install(profile, place, job, source))
        except PluginError as error:
            failed.append(str(error))
    if failed:
        raise PluginError(" ".join(failed))
    return said + obstacles(machine, found)


def remove_everywhere(home: Path, machine: Machine, more: Iterable[Path] = ()) -> list[str]:
    """Take the plug-in that belongs to a data folder out of every GIMP, and say so.

    Raises
    ------
    PluginError
        If it cannot be removed from one of them.
    """
    said = (uninstall(profile, home) for profile in find_profiles(machine, more))
    return [sentence for sentence in said if sentence]


def survey(
    home: Path, version: str, machine: Machine, more: Iterable[Path] = ()
) -> list[tuple[str, bool]]:
    """Return a line for every GIMP, and whether its copy goes with this engine or is not there."""
    lines = []
    for profile in find_profiles(machine, more):
        copy = read_copy(profile)
        if copy is None:
            lines.append((f"{profile.name}: no plug-in in {profile.folder}", True))
        else:
            state = copy.state(version, home)
            lines.append(
                (f"{profile.name}: {state}, in {profile.plugin}", copy.fits(version, home))
            )
    return lines


def find_profiles(machine: Machine, more: Iterable[Path] = ()) -> list[Profile]:
    """Return every GIMP 3.x folder of the user, the named ones first.

    Parameters
    ----------
    machine : Machine
        Where to look.
    more : iterable of Path
        Folders that the user names.
    """
    found = [Profile(f"GIMP in {folder}", folder) for folder in more]
    named = machine.variables.get("GIMP3_DIRECTORY", "")
    if named:
        folder = machine.home / named
        found.append(Profile(f"GIMP in {folder} (GIMP3_DIRECTORY)", folder))
    for parent, note in _parents(machine):
        with contextlib.suppress(OSError):
            versions = [entry for entry in parent.iterdir() if VERSION.fullmatch(entry.name)]
            for folder in sorted(versions, key=lambda each: int(each.name[2:])):
                if folder.is_dir():
                    found.append(Profile(f"GIMP {folder.name}{note}", folder))
    unique: dict[str, Profile] = {}
    for profile in found:
        unique.setdefault(os.path.realpath(profile.folder), profile)
    return list(unique.values())


def obstacles(machine: Machine, found: list[Profile]) -> list[str]:
    """Return a sentence for every GIMP that was seen but cannot be served, and what to do.

    Parameters
    ----------
    machine : Machine
        Where to look.
    found : list of Profile
        The GIMPs that can be served.
    """
    sentences = []
    if (machine.home / "snap" / "gimp").is_dir():
        sentences.append(
            "GIMP from the Snap store cannot start programs outside its box, so the plug-in would "
            "not work there; install GIMP from your distribution or from Flatpak instead."
        )
    if not found:
        sentences.append(
            "No GIMP 3 was found. If you have one, start it once so that it makes its folder, then "
            "run install.py again; or name its folder with --gimp-dir."
        )
    return sentences


def install(profile: Profile, place: Place, job: Path, source: Path = SOURCE) -> str:
    """Copy the plug-in into a GIMP, through a folder beside it, and say so.

    Parameters
    ----------
    profile : Profile
        The GIMP.
    place : Place
        Where the engine is.
    job : Path
        The contract, job.py, of which the plug-in carries a copy, with the methods beside it.
    source : Path
        The plug-in's folder.

    Raises
    ------
    PluginError
        If the folder cannot be written, or holds somebody else's plug-in of this name.
    """
    target, new, old = profile.plugin, profile.folder / NEW, profile.folder / OLD
    before = read_copy(profile)
    if target.exists() and not (target / f"{NAME}.py").is_file():
        message = f"{target} is not Scumble's; move it away, then run install.py again."
        raise PluginError(message)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in (new, old):
            _remove(leftover)
        new.mkdir()
        for file in sorted(source.glob("*.py")):
            shutil.copyfile(file, new / file.name)
        shutil.copytree(source / HELP, new / HELP)
        shutil.copyfile(job, new / "job.py")
        # job.py imports the methods from where they are in the engine.
        (new / "engine").mkdir()
        for name in ("__init__.py", "methods.py"):
            shutil.copyfile(job.with_name(name), new / "engine" / name)
        (new / PLACE).write_text(place.text(), encoding="utf-8")
        # Without the run bit GIMP does not see it, and says nothing.
        (new / f"{NAME}.py").chmod(0o755)
        if target.exists():
            target.rename(old)
        new.rename(target)
        _remove(old)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        message = (
            f"The plug-in cannot be put into {target}: {error.strerror or error}. "
            "Close GIMP, see that the folder can be written, then run install.py again."
        )
        raise PluginError(message) from error
    if before is None:
        return f"{profile.name}: the plug-in is in {target}"
    if before.version == place.version:
        return f"{profile.name}: the plug-in in {target} was put in anew"
    return f"{profile.name}: the plug-in in {target} replaces version {before.version or '?'}"


def uninstall(profile: Profile, home: Path | None = None) -> str:
    """Remove the plug-in from a GIMP; return a sentence, or nothing where it was not there.

    Parameters
    ----------
    profile : Profile
        The GIMP.
    home : Path, optional
        Leave a copy alone that goes with an engine in another data folder.

    Raises
    ------
    PluginError
        If it cannot be removed.
    """
    copy = read_copy(profile)
    if copy is None or (home is not None and copy.home and Path(copy.home) != home):
        return ""
    try:
        # Renamed first, so that GIMP never sees half of it.
        old = profile.folder / OLD
        _remove(old)
        profile.plugin.rename(old)
        _remove(old)
        _remove(profile.folder / NEW)
    except OSError as error:
        message = (
            f"{profile.plugin} cannot be removed: {error.strerror or error}. Close GIMP first."
        )
        raise PluginError(message) from error
    return f"{profile.name}: the plug-in was removed from {profile.plugin}"


def read_copy(profile: Profile) -> Copy | None:
    """Return what lies in a GIMP; None where Scumble is not there."""
    if not (profile.plugin / f"{NAME}.py").is_file():
        return None
    try:
        data = json.loads((profile.plugin / PLACE).read_text(encoding="utf-8"))
        return Copy(profile, str(data["version"]), str(data["home"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Copy(profile, "", "")


def _parents(machine: Machine) -> list[tuple[Path, str]]:
    """Return the folders in which GIMPs keep a folder per version, and what to add to the name."""
    if machine.system == "win32":
        roaming = machine.variables.get("APPDATA", "")
        return [((Path(roaming) if roaming else machine.home / "AppData" / "Roaming") / "GIMP", "")]
    if machine.system == "darwin":
        return [(machine.home / "Library" / "Application Support" / "GIMP", "")]
    parents = [(machine.home / ".config" / "GIMP", "")]
    named = machine.variables.get("XDG_CONFIG_HOME", "")
    if named:
        parents.insert(0, (Path(named) / "GIMP", ""))
    # Flatpak shows its GIMP the folder above, but only where there was one when GIMP was started.
    own = machine.home / ".var" / "app"
    for folder in sorted(own.glob(f"{FLATPAK}*")):
        parents.append((folder / "config" / "GIMP", f" of {folder.name}"))
    return parents


def _remove(path: Path) -> None:
    """Remove a folder of ours; one that is not there is fine."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
