"""Each GIMP has a worker of pytest-xdist for itself, so that two are tested side by side.

The tests with windows measure times, so each of them has the machine to itself: they come last, and
wait for the other worker's test to end.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from engine.setup.datafolder import tests_home
from tests.gimp.gimp_root import Gimp, NoGimpError, make_gimp, untested, versions

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", params=versions())
def gimp(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gimp]:
    """Return a real GIMP with Scumble installed by the real install.py."""
    try:
        yield make_gimp(request.param, tmp_path_factory.mktemp(f"gimp-{request.param}"))
    except NoGimpError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec and "gimp" in callspec.params:
            item.add_marker(pytest.mark.xdist_group(callspec.params["gimp"]))
    items.sort(key=lambda item: "alone" in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest, gimp: Gimp) -> Iterator[None]:
    """Run beside tests of the other GIMP; with the fixture `alone`, on the whole machine alone."""
    alone = "alone" in request.fixturenames
    with (tests_home() / "gimp-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        cores = os.sched_getaffinity(0)
        if alone:
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
        yield
        os.sched_setaffinity(0, cores)


@pytest.fixture
def alone() -> None:
    """Ask for a turn without a test of another GIMP at the same time; see `turn`."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for version in untested():
        words = f"NOT TESTED: GIMP {version}, which is made with apt, and is not on this machine."
        terminalreporter.write_line(words, red=True, bold=True)
