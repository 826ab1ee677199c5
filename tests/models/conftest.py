from __future__ import annotations

from pathlib import Path

import pytest

from models.weights import load_weights
from tests.models.weight_tools import (
    WRITERS,
    Layers,
    Sources,
)


@pytest.fixture(scope="session")
def layers(model: Path) -> Layers:
    return load_weights(model)


@pytest.fixture(scope="session")
def sources(layers: Layers, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("sources")
    for name, write in WRITERS.items():
        write(folder / name, layers)
    return {name: folder / name for name in WRITERS}
