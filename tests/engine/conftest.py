from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.programs import FullDisk


@pytest.fixture
def model_home(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder of the test's own, with the real weights in it."""
    home = tmp_path_factory.mktemp("data")
    (home / "models").mkdir()
    (home / "models" / model.name).symlink_to(model)
    return home


@pytest.fixture
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullDisk]:
    """Return a folder on a small disk of its own, or on one that only says that it is full."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield FullDisk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
