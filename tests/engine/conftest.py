from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.kernels import Kernels
from models.reference_weights import Layer
from tests.engine.kept_sessions import drop_sessions, keep_sessions, take_kernels
from tests.engine.programs import FullDisk, make_pictures


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
def pictures(tmp_path: Path) -> Path:
    """Return a folder with a content, two styles and a mask."""
    return make_pictures(tmp_path)


@pytest.fixture
def colors() -> np.ndarray:
    """Return pixels of 8 bits, shape (20, 24, 3)."""
    return np.random.default_rng(3).integers(0, 256, (20, 24, 3), dtype=np.uint8)


@pytest.fixture
def opacity() -> np.ndarray:
    """Return the opacity of as many pixels, in 8 bits."""
    return np.random.default_rng(4).integers(0, 256, (20, 24), dtype=np.uint8)


@pytest.fixture
def weights_checked_once(weights: dict[str, Layer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run in this process take the weights that were read for all tests."""
    monkeypatch.setattr("engine.network.Weights", lambda path: weights)


@pytest.fixture
def kernels_made_once(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run in this process take the kernels that were made once for all tests."""
    take_kernels(kernels, monkeypatch)


@pytest.fixture(scope="module")
def sessions_kept() -> Iterator[None]:
    """Keep the sessions of this process's networks until the end of the module."""
    keep_sessions()
    yield
    drop_sessions()


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
