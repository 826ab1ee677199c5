from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
SOURCES = ("engine", "models", "plugin", "tests", "docs", "install.py")
LONGEST = 500


@pytest.mark.first
@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--no-cache", *SOURCES],
        ["ruff", "format", "--no-cache", "--check", *SOURCES],
        ["mypy", "engine", "models", "plugin", "install.py", "tests"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_tools_find_nothing(command: list[str], request: pytest.FixtureRequest) -> None:
    # mypy takes a minute without what it found the last time; that is kept where pytest keeps its.
    cache = getattr(request.config, "cache", None)
    kept = cache.mkdir("mypy") if cache else os.devnull
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=CHECKOUT,
        env={**os.environ, "MYPY_CACHE_DIR": str(kept)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.filterwarnings("default:.* lines")
def test_long_files_are_warned_of() -> None:
    """A warning and no failure, since rooms are cut by idea and not by length."""
    files = [path for source in SOURCES for path in (CHECKOUT / source).rglob("*.py")]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(lengths) > 20
    for path, lines in lengths.items():
        if lines > LONGEST:
            warnings.warn(f"{path.relative_to(CHECKOUT)} has {lines} lines", stacklevel=1)


def test_ci_runs_the_tests_as_developers_do() -> None:
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in script
    assert "python3 install.py test" in script
