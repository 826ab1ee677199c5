"""Where Scumble keeps what it installs. Standard library only: install.py asks here too."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MARKER = "scumble.json"
"""The installation's own record, in its data folder; it is written last."""


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

    `SCUMBLE_HOME` comes first, then the folder whose environment runs this, then the default.
    """
    if os.environ.get("SCUMBLE_HOME"):
        return Path(os.environ["SCUMBLE_HOME"]).expanduser().absolute()
    around = Path(sys.prefix).parent
    return around if (around / MARKER).is_file() else default_home()


def model_file(folder: Path | None = None) -> Path:
    """Return the file of the checked VGG-16 weights in a data folder, by default the one in use."""
    return (folder or home()) / "models" / "vgg16.npz"
