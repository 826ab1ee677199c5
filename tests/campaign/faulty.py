"""A part that fails in every way, for the test of the campaign itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.campaign.case import Case, check


@contextmanager
def prepared(folder: Path) -> Iterator[str]:
    yield "prepared"


def attempt(state: str, case: Case) -> str:
    """Fail at 1, raise at 2, crash at 3; else draw a number."""
    case.keep("input.txt", str(case.number))
    check(case.number != 1, "a fault")
    if case.number == 2:
        raise KeyError("an exception")
    if case.number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return f"{state}, {case.chance.randrange(10**6)}"
