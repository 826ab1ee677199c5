from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gimp.gimp_root import SUITES, Gimp, NoGimpError, make_gimp

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", params=sorted(SUITES))
def gimp(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gimp]:
    """Return a real GIMP with Scumble installed by the real install.py."""
    try:
        yield make_gimp(request.param, tmp_path_factory.mktemp(f"gimp-{request.param}"))
    except NoGimpError as error:
        pytest.fail(str(error), pytrace=False)
