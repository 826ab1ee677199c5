from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gimp.gimp_root import Gimp, NoGimpError, alone, make_gimp, untested, versions
from tests.gimp.launch import forking

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", params=versions())
def gimp(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gimp]:
    """Return a real GIMP with Scumble installed by the real install.py."""
    version = request.param
    # Its home folder is the same in every run of the tests.
    with alone(f"home-{version}"):
        try:
            gimp = make_gimp(version, tmp_path_factory.mktemp(f"gimp-{version}"))
        except NoGimpError as error:
            pytest.fail(str(error), pytrace=False)
        with forking(gimp):
            yield gimp


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for version in untested():
        words = f"NOT TESTED: GIMP {version}, which is made with apt, and is not on this machine."
        terminalreporter.write_line(words, red=True, bold=True)
