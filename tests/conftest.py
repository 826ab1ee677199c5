from __future__ import annotations

from pathlib import Path

import pytest

from engine.home import model_file


@pytest.fixture(scope="session")
def model() -> Path:
    """Return the file of the checked weights, which `install.py test` has made."""
    path = model_file()
    if not path.is_file():
        pytest.fail(f"The weights are not in {path}; run the tests with: python3 install.py test")
    return path
