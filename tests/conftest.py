from __future__ import annotations

import os

os.environ["LANGUAGE"] = "en"  # of the tests and of all that they start

import ctypes
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from engine.paths import model_file
from engine.threads import single_threaded_blas

if TYPE_CHECKING:
    from models.kernels import Kernels
    from models.reference_weights import Layer
    from tests.made_up import MadeUp

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h

# Workers of pytest-xdist keep to one core each, with all that they start: two engines that each
# take every core are slower than one.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker and hasattr(os, "sched_setaffinity"):
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(_worker.removeprefix("gw")) % len(_cores)]})

# Freed memory stays with this process. Tests that compute would spend a fifth of their time on
# getting the memory of large arrays from the system anew. Processes that tests start do as usual.
if platform.libc_ver()[0] == "glibc":
    _set_allocator = ctypes.CDLL(None).mallopt
    for _parameter, _bytes in ((_MMAP_THRESHOLD, 32 << 20), (_TRIM_THRESHOLD, 1 << 30)):
        _set_allocator(_parameter, _bytes)

# Every run tries the same examples and leaves nothing behind.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.load_profile("same")


GIMP_TESTS = Path(__file__).resolve().parent / "gimp"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-gimp", action="store_true", help="leave out the tests in a real GIMP"
    )
    parser.addoption(
        "--gimp", metavar="VERSION", help="leave out the tests in other GIMPs than this one (3.0)"
    )
    parser.addoption(
        "--list-failed", metavar="FILE", help="write the names of the tests that failed into a file"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--gimp")

    def is_left_out(item: pytest.Item) -> bool:
        if GIMP_TESTS not in item.path.parents:
            return False
        call = getattr(item, "callspec", None)
        version = call.params.get("gimp") if call else None
        return config.getoption("--without-gimp") or wanted not in (None, version)

    left_out = [item for item in items if is_left_out(item)]
    items[:] = [item for item in items if item not in left_out]
    # At the end these would run alone, beside idle cores.
    items.sort(key=lambda item: item.get_closest_marker("first") is None)
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("--without-gimp"):
        words = "NOT TESTED: the plug-in in a real GIMP, which --without-gimp leaves out."
        terminalreporter.write_line(words, red=True, bold=True)
    if config.getoption("--list-failed"):
        reports = [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]
        names = dict.fromkeys(report.nodeid for report in reports)
        list_ = Path(config.getoption("--list-failed"))
        list_.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread, as in the engine: tests may run side by side."""
    with single_threaded_blas():
        yield


@pytest.fixture(scope="session")
def model() -> Path:
    """Return the file of the checked weights, which `install.py test` has made."""
    path = model_file()
    if not path.is_file():
        pytest.fail(f"The weights are not in {path}; run the tests with: python3 install.py test")
    return path


@pytest.fixture(scope="session")
def weights(model: Path) -> dict[str, Layer]:
    from models.weights import load_weights

    return load_weights(model)


@pytest.fixture(scope="session")
def kernels(weights: dict[str, Layer]) -> Kernels:
    from models.kernels import Kernels

    return Kernels(weights)


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """Return a made-up Scumble; tests leave it as it is."""
    from tests.made_up import make

    return make(tmp_path_factory.mktemp("made up"))


@pytest.fixture(scope="session")
def installed(made_up: MadeUp, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with the made-up Scumble in it; tests leave it as it is."""
    home = tmp_path_factory.mktemp("installed") / "Müller's data ♥"
    done = made_up.install("--home", home, MADE_UP_WEIGHTS="fetched")
    assert (done.returncode, done.stderr) == (0, "")
    return home


@pytest.fixture
def home(installed: Path, tmp_path: Path) -> Path:
    """Return a copy of that folder for a test to change; environments can be copied."""
    from tests.made_up import copy_installation

    return copy_installation(installed, tmp_path / "home")
