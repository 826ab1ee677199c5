"""Clocks that are set back, or jump, before and during a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.files import PART_PREFIX, PART_SUFFIX
from tests.campaign.case import Case, check
from tests.campaign.home import data_folder
from tests.engine.programs import command, environment, make_pictures

LIBRARIES = "usr/lib/*/faketime/libfaketimeMT.so.1"


def faketime() -> Path | None:
    """Return the library that shows a process another time; None where there is none."""
    from engine.setup.datafolder import tests_home

    for root in (Path("/"), tests_home() / "tools"):
        found = next(root.glob(LIBRARIES), None)
        if found:
            return found
    return None


def why_skipped() -> str:
    """Return why no process can be shown another time."""
    return "" if faketime() else "libfaketime is not on this machine (Debian's package)."


@dataclass
class State:
    """The folder of the pictures, the data folder, the library, and the picture without it."""

    place: Path
    home: Path
    library: Path
    alone: bytes


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Paint once by the right clock."""
    home = data_folder(folder)
    place = folder / "pictures"
    place.mkdir(exist_ok=True)
    make_pictures(place)
    library = faketime()
    assert library is not None
    state = State(place, home, library, b"")
    code = "import sys, time; print(time.time() + 3e8 < float(sys.argv[1]))"
    shown = subprocess.run(
        [sys.executable, "-c", code, str(time.time())],
        env={**os.environ, "LD_PRELOAD": str(library), "FAKETIME": "-3650d"},
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    check(shown.stdout == "True\n", "libfaketime does not change the clock")
    check(_paint(state, {}, [])[0] == 0, "by the right clock it fails")
    state.alone = (place / "out.png").read_bytes()
    yield state


def attempt(state: State, case: Case) -> str:
    """Paint by a wrong clock; leave something of a killed run beside it."""
    chance = case.chance
    jumps = [f"{chance.choice('+-')}{chance.choice((1, 30, 3600, 86400 * 3, 86400 * 3650))}"
             for _ in range(chance.choice((1, 2, 4)))]  # fmt: skip
    case.keep("how.txt", repr(jumps))
    left = state.place / f"{PART_PREFIX}0123456789abcdef{PART_SUFFIX}"
    left.touch()
    status, words = _paint(state, {"LD_PRELOAD": str(state.library)}, jumps)
    check(status == 0, f"status {status}: {words}")
    check("Traceback" not in words, words)
    check((state.place / "out.png").read_bytes() == state.alone, "another picture")
    check(not left.exists(), "what a killed run left is still there")
    return f"{len(jumps)} times"


def _paint(state: State, variables: dict[str, str], jumps: list[str]) -> tuple[int, str]:
    """Paint, and set the clock at each line of progress."""
    clock = state.place.parent / "clock"
    shutil.rmtree(clock, ignore_errors=True)
    clock.write_text(jumps[0] if jumps else "+0")
    # As where the user sets the clock: what counts seconds since the start goes on.
    more = {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    arguments = ("stylize", "content.png", "out.png", "--style", "waves.png", "--iterations", "6")
    process = subprocess.Popen(
        command((*arguments, "--json", "--threads", "1")), cwd=state.place,
        env=environment(state.home, **(more if variables else {}), **variables),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for jump in jumps[1:]:
        process.stdout.readline()
        written = clock.with_suffix(".new")
        written.write_text(jump)
        os.replace(written, clock)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors.decode("utf-8", "backslashreplace")
