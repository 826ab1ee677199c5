"""Data folder and pictures that the parts work with."""

from __future__ import annotations

import os
from pathlib import Path

from engine.paths import model_file


def data_folder(folder: Path) -> Path:
    """Make a data folder with the checked weights, let this process use it, and return it."""
    model = model_file()
    home = folder / "home"
    (home / "models").mkdir(parents=True, exist_ok=True)
    link = home / "models" / model.name
    if model.is_file() and not os.path.lexists(link) and link != model:
        link.symlink_to(model)
    os.environ["SCUMBLE_HOME"] = str(home)
    return home
