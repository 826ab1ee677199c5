"""Profiles of the user's GIMPs: where they are, and the plug-in's installation and removal there.

Standard library only, since install.py runs this. All that depends on the system comes in through
`Account`, so that tests try made-up home folders of every system.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.engine_location import LOCATION_FILE, EngineLocation
from engine.translations import _

NAME = "scumble"
HELP = "help"
"""The folder with the pages that GIMP's help system shows."""
ICONS = "icons"
NEW, OLD = ".scumble-new", ".scumble-old"
"""Folders beside plug-ins, where GIMP does not search: the copy while it is made or removed."""

CARRIED = (
    "__init__.py",
    "durations.py",
    "engine_location.py",
    "job.py",
    "job_checks.py",
    "locks.py",
    "looks.py",
    "messages.py",
    "methods.py",
    "paths.py",
    "paintings/__init__.py",
    "paintings/catalog.csv",
    "paintings/catalog.py",
    "translations.py",
)
"""Files of the engine that the plug-in has copies of, in a folder of the same name."""

CATALOGS = "locale"
"""The engine's folder with the catalogs of translations, which the plug-in has copies of, too."""

SOURCE = Path(__file__).resolve().parent / NAME
FLATPAK = "org.gimp.GIMP"
"""Name of GIMP in Flatpak; others begin with it, such as org.gimp.GIMP.Nightly."""

VERSION = re.compile(r"3\.\d+")


class PluginError(ValueError):
    """A plug-in folder cannot be changed; the message is one sentence for the user."""


@dataclass(frozen=True)
class Account:
    """The user's account on the system: where programs keep their files.

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
        """The plug-in's folder."""
        return self.folder / "plug-ins" / NAME


@dataclass(frozen=True)
class InstalledPlugin:
    """The plug-in in a GIMP.

    `version` and `home` come from its file; empty if that is missing or damaged.
    """

    profile: Profile
    version: str
    home: str

    def fits(self, version: str, home: Path) -> bool:
        """Return whether it has this version, or belongs to the engine of another data folder."""
        return self.version == version or (bool(self.home) and Path(self.home) != home)

    def state(self, version: str, home: Path) -> str:
        """Describe it in relation to the engine of this version in this data folder."""
        if not self.version:
            return _("damaged")
        text = _("version {version}")
        if self.version != version:
            text = _("version {version}, but the engine is {engine}")
        elif Path(self.home) != home:
            text = _("version {version}, with the engine in {home}")
        return text.format(version=self.version, engine=version, home=self.home)


def install_everywhere(
    location: EngineLocation,
    checkout: Path,
    account: Account,
    more: Iterable[Path] = (),
    besides: Collection[Profile] = (),
) -> list[str]:
    """Install the plug-in into every GIMP of the user; return a sentence for each.

    Parameters
    ----------
    location : EngineLocation
        Where the engine is.
    checkout : Path
        The folder with install.py, engine/ and plugin/.
    account : Account
        Whose GIMPs.
    more : iterable of Path
        Folders that the user names.
    besides : collection of Profile
        GIMPs that have the plug-in in another way.

    Raises
    ------
    PluginError
        If a GIMP's folder cannot be written; the others have the plug-in all the same.
    """
    found = find_profiles(account, more)
    engine = checkout / "engine"
    source = checkout / "plugin" / NAME
    done, failed = [], []
    for profile in (each for each in found if each not in besides):
        try:
            done.append(install(profile, location, engine, source))
        except PluginError as error:
            failed.append(str(error))
    if failed:
        raise PluginError(" ".join(failed))
    return done + obstacles(account, found)


def remove_everywhere(home: Path, account: Account, more: Iterable[Path] = ()) -> list[str]:
    """Remove the plug-in that belongs to a data folder from every GIMP; return a sentence for each.

    Raises
    ------
    PluginError
        If it cannot be removed from one of them.
    """
    done = (uninstall(profile, home) for profile in find_profiles(account, more))
    return [sentence for sentence in done if sentence]


def survey(
    home: Path,
    version: str,
    account: Account,
    more: Iterable[Path] = (),
    besides: Collection[Profile] = (),
) -> list[tuple[str, bool]]:
    """Return a line for every GIMP, and whether its plug-in is missing or fits this engine.

    A GIMP in `besides` has a line only if the plug-in is there.
    """
    lines = []
    for profile in find_profiles(account, more):
        copy = read_copy(profile)
        if copy is None and profile in besides:
            continue
        if copy is None:
            text = _("{gimp}: no plug-in in {folder}")
            lines.append((text.format(gimp=profile.name, folder=profile.folder), True))
        else:
            text = _("{gimp}: {state}, in {folder}").format(
                gimp=profile.name, state=copy.state(version, home), folder=profile.plugin
            )
            lines.append((text, copy.fits(version, home)))
    return lines


def find_profiles(account: Account, more: Iterable[Path] = ()) -> list[Profile]:
    """Return every GIMP 3.x folder of the user, the named ones first.

    Parameters
    ----------
    account : Account
        Whose GIMPs.
    more : iterable of Path
        Folders that the user names.
    """
    found = [Profile(_("GIMP in {folder}").format(folder=folder), folder) for folder in more]
    named = account.variables.get("GIMP3_DIRECTORY", "")
    if named:
        folder = account.home / named
        name = _("GIMP in {folder}").format(folder=folder)
        found.append(Profile(f"{name} (GIMP3_DIRECTORY)", folder))
    for parent, application in _parents(account):
        with contextlib.suppress(OSError):
            versions = [entry for entry in parent.iterdir() if VERSION.fullmatch(entry.name)]
            for folder in sorted(versions, key=lambda each: int(each.name[2:])):
                if folder.is_dir():
                    name = f"GIMP {folder.name}"
                    if application:
                        text = _("{gimp} of {application}")
                        name = text.format(gimp=name, application=application)
                    found.append(Profile(name, folder))
    unique: dict[str, Profile] = {}
    for profile in found:
        unique.setdefault(os.path.realpath(profile.folder), profile)
    return list(unique.values())


def obstacles(account: Account, found: list[Profile]) -> list[str]:
    """Return a sentence for every GIMP that the plug-in cannot be installed into, with a remedy.

    Parameters
    ----------
    account : Account
        Whose GIMPs.
    found : list of Profile
        The GIMPs that it can be installed into.
    """
    sentences = []
    if (account.home / "snap" / "gimp").is_dir():
        sentences.append(
            _(
                "GIMP from the Snap store cannot start programs outside of its sandbox, so the "
                "plug-in would not work there; install GIMP from your distribution or from Flatpak "
                "instead."
            )
        )
    if not found:
        sentences.append(
            _(
                "No GIMP 3 was found. If you have one, start it once so that it makes its folder, "
                "then run install.py again; or name its folder with --gimp-dir."
            )
        )
    return sentences


def install(profile: Profile, location: EngineLocation, engine: Path, source: Path = SOURCE) -> str:
    """Copy the plug-in into a GIMP, through a folder beside it, and return a sentence on it.

    Parameters
    ----------
    profile : Profile
        The GIMP.
    location : EngineLocation
        Where the engine is.
    engine : Path
        The engine's folder. The plug-in carries copies of its `CARRIED` files.
    source : Path
        The plug-in's folder.

    Raises
    ------
    PluginError
        If the folder cannot be written, or has a plug-in of this name that is not Scumble's.
    """
    target = profile.plugin
    before = read_copy(profile)
    if target.exists() and before is None:
        message = _("{path} is not Scumble's; move it away, then run install.py again.")
        raise PluginError(message.format(path=target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacement(target, profile) as new:
            new.mkdir()
            for file in sorted(source.glob("*.py")):
                shutil.copyfile(file, new / file.name)
            for folder in (HELP, ICONS):
                shutil.copytree(source / folder, new / folder)
            (new / "engine").mkdir()
            (new / "engine" / "paintings").mkdir()
            for name in CARRIED:
                shutil.copyfile(engine / name, new / "engine" / name)
            uncompiled = shutil.ignore_patterns("*.po")
            shutil.copytree(engine / CATALOGS, new / "engine" / CATALOGS, ignore=uncompiled)
            (new / LOCATION_FILE).write_text(location.text(), encoding="utf-8")
            # Without the run bit GIMP ignores it silently.
            (new / f"{NAME}.py").chmod(0o755)
    except OSError as error:
        message = _(
            "The plug-in cannot be installed into {folder}: {reason}. Close GIMP, make sure that "
            "the folder can be written to, then run install.py again."
        ).format(folder=target, reason=error.strerror or error)
        raise PluginError(message) from error
    if before is None:
        text = _("{gimp}: the plug-in is in {folder}")
    elif before.version == location.version:
        text = _("{gimp}: the plug-in in {folder} was installed again")
    else:
        text = _("{gimp}: the plug-in in {folder} replaces version {version}")
    replaced = before.version if before else ""
    return text.format(gimp=profile.name, folder=target, version=replaced or "?")


@contextlib.contextmanager
def replacement(folder: Path, profile: Profile) -> Iterator[Path]:
    """Make a folder that takes the place of another one as a whole, or not at all.

    Parameters
    ----------
    folder : Path
        The place; it may be empty.
    profile : Profile
        The GIMP in whose folder, where it searches for nothing, the new one is made.

    Yields
    ------
    Path
        The place to make the new folder in.

    Raises
    ------
    OSError
        If that fails; the earlier folder is where it was then.
    """
    new, old = profile.folder / NEW, profile.folder / OLD
    try:
        for leftover in (new, old):
            _remove(leftover)
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        _remove(old)
    except OSError:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise


def uninstall(profile: Profile, home: Path | None = None) -> str:
    """Remove the plug-in from a GIMP; return a sentence, or nothing where it was not there.

    Parameters
    ----------
    profile : Profile
        The GIMP.
    home : Path, optional
        Only a plug-in that belongs to this data folder is removed.

    Raises
    ------
    PluginError
        If it cannot be removed.
    """
    copy = read_copy(profile)
    if copy is None or (home is not None and copy.home and Path(copy.home) != home):
        return ""
    if profile.plugin.is_symlink():  # a developer's: nothing of it was made by the installer
        text = _("{gimp}: the link {path} stays, since Scumble did not make it")
        return text.format(gimp=profile.name, path=profile.plugin)
    try:
        # Renamed first, so that GIMP never sees half of it.
        old = profile.folder / OLD
        _remove(old)
        profile.plugin.rename(old)
        _remove(old)
        _remove(profile.folder / NEW)
    except OSError as error:
        message = _("{path} cannot be removed: {reason}. Close GIMP first.")
        message = message.format(path=profile.plugin, reason=error.strerror or error)
        raise PluginError(message) from error
    text = _("{gimp}: the plug-in was removed from {folder}")
    return text.format(gimp=profile.name, folder=profile.plugin)


def read_copy(profile: Profile) -> InstalledPlugin | None:
    """Return the plug-in in a GIMP; None if there is none."""
    return read_place(profile, profile.plugin) if _is_ours(profile.plugin) else None


def read_place(profile: Profile, folder: Path) -> InstalledPlugin:
    """Return what the file that names the engine says, for the plug-in in a folder of a GIMP."""
    try:
        location = EngineLocation.from_text((folder / LOCATION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return InstalledPlugin(profile, "", "")
    return InstalledPlugin(profile, location.version, location.home)


def _is_ours(folder: Path) -> bool:
    """Return whether a folder is Scumble's plug-in, damaged or not."""
    if (folder / LOCATION_FILE).is_file():
        return True
    jobs = ("engine/job.py", "job.py")  # the second is that of version 0.1.0
    has_job = any((folder / name).is_file() for name in jobs)
    return has_job and (folder / f"{NAME}.py").is_file()


def _parents(account: Account) -> list[tuple[Path, str]]:
    """Return the folders in which GIMPs keep a folder per version, and what to add to the name."""
    if account.system == "win32":
        roaming = account.variables.get("APPDATA", "")
        return [((Path(roaming) if roaming else account.home / "AppData" / "Roaming") / "GIMP", "")]
    if account.system == "darwin":
        return [(account.home / "Library" / "Application Support" / "GIMP", "")]
    parents = [(account.home / ".config" / "GIMP", "")]
    named = account.variables.get("XDG_CONFIG_HOME", "")
    if named:
        parents.insert(0, (Path(named) / "GIMP", ""))
    # Flatpak shows its GIMP the folder above, but only where there was one when GIMP was started.
    own = account.home / ".var" / "app"
    for folder in sorted(own.glob(f"{FLATPAK}*")):
        parents.append((folder / "config" / "GIMP", folder.name))
    return parents


def _remove(path: Path) -> None:
    """Remove a folder of ours, or a link; nothing there is fine."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
