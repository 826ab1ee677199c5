"""The plug-in's own modules, as they lie in a GIMP; those of the engine are the checkout's."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = (
    "adviser_process",
    "engine_process",
    "installer_process",
    "interrupted_runs",
    "labels",
    "npy",
    "png",
    "python_finder",
    "source_choices",
    "sources",
)
"""Modules that need nothing of GIMP."""


@pytest.fixture(scope="session", autouse=True)
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make the plug-in's modules importable."""
    folder = tmp_path_factory.mktemp("plug-in")
    for name in MODULES:
        shutil.copy(CHECKOUT / "plugin" / "scumble" / f"{name}.py", folder)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in MODULES:
        sys.modules.pop(name, None)
