"""Checks inside a real GIMP without windows: each module of them is one launch."""

from __future__ import annotations

from functools import cache

import pytest

from tests.gimp.gimp_root import Gimp
from tests.gimp.launch import check_names, run_checks


@cache
def results(gimp: Gimp, module: str) -> dict[str, str]:
    return run_checks(gimp, module)


@pytest.mark.parametrize("name", check_names("behaviour"))
def test_behaviour(gimp: Gimp, name: str) -> None:
    failure = results(gimp, "behaviour")[name]
    assert not failure, failure


def test_every_pixel(gimp: Gimp) -> None:
    found = results(gimp, "pixels")
    failures = {name: failure for name, failure in found.items() if failure}
    assert not failures, "\n".join(f"{name}\n{failure}" for name, failure in failures.items())
    assert len(found) == 38
