"""Paths of the data folder. Standard library only, since install.py uses them too."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

MARKER = "scumble.json"
"""The installation's record, in its data folder."""

OWN_MARK = ".made-by-scumble"
"""The file that marks a folder as Scumble's, with everything in it."""


MODEL = "models/vgg16.npz"
"""The file of the checked VGG-16 weights, in the data folder."""


def default_home() -> Path:
    """Return the user's data folder for Scumble, whether or not it exists."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "scumble"


def home() -> Path:
    """Return the data folder in use.

    `SCUMBLE_HOME` comes first, then the folder of the environment that runs this, then the default.
    """
    if os.environ.get("SCUMBLE_HOME"):
        return Path(os.environ["SCUMBLE_HOME"]).expanduser().absolute()
    around = Path(sys.prefix).parent
    return around if (around / MARKER).is_file() else default_home()


def model_file(folder: Path | None = None) -> Path:
    """Return the file of the checked VGG-16 weights in a data folder, by default the one in use."""
    return (folder or home()) / MODEL


def states_folder() -> Path:
    """Return the folder for states of unfinished paintings, whether or not it exists."""
    return home() / "states"


def cache_folder(home: Path) -> Path:
    """Return the folder for caches in a data folder, whether or not it exists."""
    return home / "cache" / "scumble"


def is_own_folder(folder: Path) -> bool:
    """Return whether a folder is marked as Scumble's, with everything in it."""
    return (folder / OWN_MARK).is_file()


def make_own_folder(folder: Path) -> Path:
    """Make a folder that belongs to Scumble with everything in it, mark it, and return it.

    Raises
    ------
    FileExistsError
        If the folder has content but no mark.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not is_own_folder(folder):
        if any(folder.iterdir()):
            raise FileExistsError(errno.EEXIST, "it was not made by Scumble", str(folder))
        mark_own_folder(folder)
    return folder


def mark_own_folder(folder: Path) -> None:
    """Mark a folder as Scumble's, with everything in it."""
    text = "Scumble made this folder. 'install.py --uninstall' removes it with its content.\n"
    (folder / OWN_MARK).write_text(text, encoding="utf-8")
