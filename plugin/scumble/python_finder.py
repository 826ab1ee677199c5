"""A Python of the system that can run the installer. Standard library only.

If GIMP brings its own Python, that does not work: on Windows it cannot install ordinary packages,
in an AppImage it is gone when GIMP ends, and in a sandbox the engine could not stay.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.translations import _

OLDEST, WANTED = (3, 9), (3, 11)
"""The oldest Python that the installer runs with, and the oldest that gets current packages."""

NEWEST_MINOR = 14
FLATPAK_INFO = Path("/.flatpak-info")
MAC_FOLDERS = (
    "/Library/Frameworks/Python.framework/Versions/Current/bin",
    "/opt/homebrew/bin",
    "/usr/local/bin",
)
"""The folders of Python on macOS; programs from the desktop get a short PATH."""

PROBE = (
    "import importlib.util, json, platform, sys, sysconfig; "
    "has = lambda name: importlib.util.find_spec(name) is not None; "
    "print(json.dumps([sys.version_info[:2], platform.python_implementation() == 'CPython' "
    "and sys.maxsize > 2**32 and not sysconfig.get_platform().startswith('mingw'), "
    "(has('venv') and has('ensurepip')) or has('virtualenv')]))"
)


class NoPythonError(Exception):
    """An error: no Python can run the installer from here; the message says what to do."""


def find_python(installer: Path, variables: Mapping[str, str]) -> str:
    """Return the path of a Python that can run the installer, the best one first.

    Parameters
    ----------
    installer : Path
        install.py, for the message.
    variables : mapping
        The environment's variables, without those of the program around.

    Raises
    ------
    NoPythonError
        If there is none, or GIMP runs in a sandbox.
    """
    if variables.get("SNAP_NAME") == "gimp":
        message = _(
            "GIMP from the Snap store cannot start programs outside of its sandbox, so the engine "
            "would not work there. Install GIMP from your distribution or from Flatpak instead."
        )
        raise NoPythonError(message)
    if FLATPAK_INFO.exists():
        message = _(
            "GIMP from Flatpak runs in a sandbox, which has no Python for the engine. Open a "
            "terminal and run\n\n{command}\n\nThen press Try again."
        )
        raise NoPythonError(message.format(command=f'python3 "{installer}"'))
    bundle = variables.get("APPDIR", "")
    usable: list[tuple[bool, bool, str]] = []
    for path in candidates(variables):
        if bundle and is_inside(path, bundle):
            continue
        found = probe(path, variables)
        if found is None:
            continue
        version, suitable, makes_environments = found
        if suitable and version >= OLDEST:
            if makes_environments and version >= WANTED:
                return path
            usable.append((makes_environments, version >= WANTED, path))
    if not usable:
        message = _(
            "No Python 3.9 or newer was found that can run the installer. Install Python 3.11 or "
            "newer (from python.org or your system's packages), then press Try again."
        )
        raise NoPythonError(message)
    # The installer says what is missing, such as Debian's python3-venv.
    return max(usable, key=lambda entry: entry[:2])[2]


def without_bundle(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose PATH has no folder of an AppImage, which is gone with GIMP."""
    bundle = variables.get("APPDIR", "")
    folders = variables.get("PATH", "").split(os.pathsep)
    kept = [folder for folder in folders if not (bundle and folder and is_inside(folder, bundle))]
    return {**variables, "PATH": os.pathsep.join(kept)}


def candidates(variables: Mapping[str, str], system: str = sys.platform) -> list[str]:
    """Return the paths of Pythons to try, each once.

    Parameters
    ----------
    variables : mapping
        The environment's variables.
    system : str
        As in `sys.platform`.
    """
    folders = [each for each in variables.get("PATH", "").split(os.pathsep) if each]
    if system == "win32":
        listed = launcher_paths(_output(["py", "-0p"], variables))
        # WindowsApps has a program of this name that only opens the Microsoft Store.
        found = [
            str(Path(folder) / "python.exe")
            for folder in folders
            if "WindowsApps" not in folder and (Path(folder) / "python.exe").is_file()
        ]
        return list(dict.fromkeys([*listed, *found]))
    if system == "darwin":
        folders = [*MAC_FOLDERS, *folders]
        if not _output(["xcode-select", "-p"], variables):
            # There /usr/bin/python3 would ask to install Apple's developer tools.
            folders = [folder for folder in folders if folder != "/usr/bin"]
    names = ["python3", *(f"python3.{minor}" for minor in range(NEWEST_MINOR, OLDEST[1] - 1, -1))]
    own = [sys.executable] if sys.executable and system != "darwin" else []
    paths = [str(Path(folder) / name) for name in names for folder in folders]
    return list(dict.fromkeys([*own, *(path for path in paths if os.access(path, os.X_OK))]))


def launcher_paths(listing: str) -> list[str]:
    """Return the paths in the output of Windows' `py -0p`, the newest Python first."""
    found = []
    for line in listing.splitlines():
        match = re.match(r"\s*-(?:V:)?3\.(\d+)(?:-64)?\s+(?:\*\s+)?(\S.*\.exe)\s*$", line)
        if match and int(match[1]) <= NEWEST_MINOR:
            found.append((int(match[1]), match[2]))
    return [path for _, path in sorted(found, key=lambda entry: -entry[0])]


def probe(path: str, variables: Mapping[str, str]) -> tuple[tuple[int, int], bool, bool] | None:
    """Examine a Python.

    Returns
    -------
    tuple or None
        Its version, whether the engine's packages are built for it, and whether it makes
        environments; None if it does not run.
    """
    try:
        version, suitable, makes_environments = json.loads(
            _output([path, "-I", "-c", PROBE], variables)
        )
        return (int(version[0]), int(version[1])), bool(suitable), bool(makes_environments)
    except (ValueError, TypeError):
        return None


def is_inside(path: str, folder: str) -> bool:
    """Return whether a path lies in a folder, links followed."""
    real = os.path.realpath(folder)
    return os.path.commonpath([real, os.path.realpath(path)]) == real


def _output(command: Iterable[str], variables: Mapping[str, str]) -> str:
    """Return what a command prints; nothing if it fails."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(variables),
            timeout=30,
            check=True,
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # only Windows has it
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
