from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.reference_weights import Layer
from tests.engine.programs import FullDisk


@pytest.fixture
def model_home(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder of the test's own, with the real weights in it."""
    return _data_folder(model, tmp_path_factory)


@pytest.fixture(scope="module")
def home(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder of the module's own, with the real weights in it."""
    return _data_folder(model, tmp_path_factory)


def _data_folder(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("data")
    (home / "models").mkdir()
    (home / "models" / model.name).symlink_to(model)
    return home


@pytest.fixture
def weights_checked_once(weights: dict[str, Layer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run in this process take the weights that were read for all tests."""
    monkeypatch.setattr("engine.network.Weights", lambda path: weights)


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
