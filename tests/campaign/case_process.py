"""A process for the cases of one part, which a case may crash or fill."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.campaign.case import CURRENT, Case

if TYPE_CHECKING:
    from tests.campaign.parts import Part

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Finding:
    """A case that failed: what is wrong, the command that repeats it, and its input files."""

    text: str
    command: str
    folder: Path


def run_part(
    part: Part, seed: int, first: int, cases: int | None, seconds: float, findings: Path
) -> Iterator[str | Finding]:
    """Run the cases of a part until their number or the time is used up.

    Parameters
    ----------
    part : Part
    seed : int
    first : int
        The number of the first case.
    cases : int or None
        The most cases.
    seconds : float
        Wall-clock time for the part.
    findings : Path
        The folder for the input files of failing cases.

    Yields
    ------
    str or Finding
        A case's outcome.
    """
    last = time.monotonic() + seconds
    folder = Path(tempfile.mkdtemp(prefix=f"scumble-campaign-{part.name}-"))
    number, end = first, None if cases is None else first + cases
    try:
        while time.monotonic() < last and number != end:
            left = last - time.monotonic()
            for answer in _child(part, seed, number, end, left, folder, findings):
                number = answer["number"] + 1
                yield _result(part, seed, answer, findings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _result(part: Part, seed: int, answer: dict[str, Any], findings: Path) -> str | Finding:
    if "outcome" in answer:
        return answer["outcome"]
    number = answer["number"]
    command = (
        f"PYTHON -m tests.campaign --only {part.name} --seed {seed} --first {number} --cases 1"
    )
    kept = _kept(findings, part.name, seed, number)
    return Finding(f"{part.name} {number}: {answer['fault']}", command, kept)


def _kept(findings: Path, name: str, seed: int, number: int) -> Path:
    """Return the folder for the inputs of a case that failed."""
    return findings / f"{name}-{seed}-{number}"


def _child(
    part: Part, seed: int, first: int, end: int | None, seconds: float, folder: Path, findings: Path
) -> Iterator[dict[str, Any]]:
    """Yield the answers of a process that works on cases until one of them ends it."""
    request = {
        "name": part.name, "seed": seed, "first": first, "end": end, "seconds": seconds,
        "folder": str(folder), "findings": str(findings),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.campaign.case_process", json.dumps(request)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    begun: int | None = None
    try:
        for line in process.stdout or ():
            answer = json.loads(line)
            if "begun" in answer:
                begun = answer["begun"]
            else:
                begun = None
                yield answer
    finally:
        if process.poll() is None and begun is not None:
            os.killpg(process.pid, signal.SIGTERM)
        status = process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if begun is not None:
        kept = _kept(findings, part.name, seed, begun)
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder / CURRENT, kept)
        yield {"number": begun, "fault": f"the process that tries it ended with status {status}"}
    elif status:
        message = f"the part {part.name} cannot be run (status {status})"
        raise RuntimeError(message)


def _work(request: dict[str, Any]) -> None:
    """Work on cases and say how each ended, on the descriptor that was standard output."""
    name = request["name"]
    # The processes that are tried must not inherit that a shell's jobs in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    answers = os.dup(1)
    with open(os.devnull, "wb") as nowhere:  # what the code under test prints is no answer
        os.dup2(nowhere.fileno(), 1)

    def say(**answer: Any) -> None:
        os.write(answers, json.dumps(answer).encode() + b"\n")

    last = time.monotonic() + request["seconds"]
    folder, number = Path(request["folder"]), request["first"]
    module: Any = importlib.import_module(f"tests.campaign.{name}")
    with module.prepared(folder) as state:
        while number != request["end"] and (time.monotonic() < last or number == request["first"]):
            say(begun=number)
            case = Case(request["seed"], name, number, folder)
            try:
                outcome = module.attempt(state, case)
                answer = {"outcome": outcome}
            except Exception as error:
                answer = {"fault": f"{error or type(error).__name__}"}
                kept = _kept(Path(request["findings"]), name, request["seed"], number)
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder / CURRENT, kept)
                text = "".join(traceback.format_exception(error))
                (kept / "why.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
            say(number=number, **answer)
            number += 1


if __name__ == "__main__":
    _work(json.loads(sys.argv[1]))
