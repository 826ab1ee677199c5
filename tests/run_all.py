"""All tests, run in parts: python -m tests.run_all [ARGUMENTS FOR PYTEST], in the checkout.

The tests without GIMP come first, on every core. Those in GIMP mostly wait, and each has a screen
to itself, so one process for each version of GIMP runs beside the others.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from engine.durations import duration
from tests.gimp.gimp_root import versions

CHECKOUT = Path(__file__).resolve().parents[1]
ALL_WELL, FAILED, NO_TESTS = 0, 1, 5
"""pytest's exit statuses after which the other parts are run too."""


@dataclass
class Part:
    """A process of pytest and what came of it.

    Attributes
    ----------
    name : str
    tests : list of str
        The arguments that choose its tests.
    status : int
        Its exit status.
    seconds : float
    output : bytes
        What it printed; empty if it printed while it ran.
    failed : list of str
        The names of the tests that failed.
    """

    name: str
    tests: list[str]
    status: int = ALL_WELL
    seconds: float = 0.0
    output: bytes = b""
    failed: list[str] = field(default_factory=list)


def main(arguments: list[str]) -> int:
    """Run the tests and return the worst of pytest's exit statuses."""
    done: list[Part] = []
    for parts in parts_of_tests("--without-gimp" not in arguments):
        run_side_by_side(parts, arguments)
        done += parts
        if any(part.status not in (ALL_WELL, FAILED, NO_TESTS) for part in parts):
            break
    times = ", ".join(f"{part.name} {duration(part.seconds)}" for part in done)
    print(f"Time of the tests: {times}.")
    failed = [name for part in done for name in part.failed]
    if failed:
        print(f"Failed ({len(failed)}):", *failed, sep="\n")
    # A choice such as -k may leave some parts without tests, but not all.
    return max((part.status for part in done if part.status != NO_TESTS), default=NO_TESTS)


def parts_of_tests(with_gimp: bool) -> list[list[Part]]:
    """Return the parts; those of one list run side by side."""
    spread = ["-n", str(os.cpu_count() or 1), "--dist=worksteal", "--ignore=tests/gimp"]
    parts = [[Part("without GIMP", ["tests", *spread])]]
    if with_gimp:
        # Where none can be had, pytest says so.
        chosen = [["--gimp", version] for version in versions()] or [[]]
        gimps = [Part(" ".join(["in GIMP", *one[1:]]), ["tests/gimp", *one]) for one in chosen]
        parts.append(gimps)
    return parts


def run_side_by_side(parts: list[Part], arguments: list[str]) -> None:
    """Run parts at once; the first one prints while it runs, the others afterwards in turn."""
    sys.stdout.flush()
    with ThreadPoolExecutor(len(parts)) as pool:
        runs = [pool.submit(run, part, arguments, part is parts[0]) for part in parts]
        for part, each in zip(parts, runs):
            each.result()
            sys.stdout.buffer.write(part.output)
            sys.stdout.flush()


def run(part: Part, arguments: list[str], prints: bool) -> None:
    """Run a part to its end; keep what it prints, unless it `prints` while it runs."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        list_ = Path(folder, "failed")
        options = [*part.tests, f"--list-failed={list_}", *arguments]
        ended = subprocess.run(
            [sys.executable, "-X", "utf8", "-m", "pytest", *options],
            cwd=CHECKOUT,
            stdout=None if prints else subprocess.PIPE,
            stderr=None if prints else subprocess.STDOUT,
        )
        if list_.exists():
            part.failed = list_.read_text(encoding="utf-8").splitlines()
    part.status = ended.returncode if ended.returncode >= 0 else 128 - ended.returncode
    part.output = ended.stdout or b""
    part.seconds = time.monotonic() - began


if __name__ == "__main__":
    # Ctrl-C reaches every process of pytest, which ends and says so.
    signal.signal(signal.SIGINT, lambda *_: None)
    sys.exit(main(sys.argv[1:]))
