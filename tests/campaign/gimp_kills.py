"""Kills in a real GIMP: of the engine, of the plug-in, and of both; the image stays as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.job import RUN_FOLDER_PREFIX
from engine.leftovers import OWNER
from tests.campaign.case import Case, check
from tests.gimp.gimp_root import Gimp, NoGimpError, make_gimp, versions

VICTIMS = ("engine", "engine", "plug-in", "both")
PATIENCE = 240.0
SOON = 20.0
"""Seconds after which nothing may be left of a run whose plug-in or engine lives; it takes less
than one, unless the machine has much else to do."""

ITERATIONS = "100"

INSIDE = """
import sys; sys.path.insert(0, {inside!r})
import served
served.serve()
"""


def why_skipped() -> str:
    """Return why there is no GIMP."""
    return "" if versions() else "there is no GIMP 3, and none can be made."


@dataclass
class State:
    """A GIMP that waits for requests."""

    gimp: Gimp
    process: subprocess.Popen[bytes]


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Start GIMP with a script that waits for requests."""
    tmp = folder / "tmp"
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir()
    try:
        gimp = make_gimp(versions()[-1], tmp)
    except NoGimpError as error:
        raise RuntimeError(str(error)) from error
    flags = ("-idf", "--batch-interpreter=python-fu-eval", "-b", "-", "--quit")
    process = subprocess.Popen(
        gimp.command(f"gimp-console-{gimp.version}", *flags),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    process.stdin.write(INSIDE.format(inside=inside).encode())
    process.stdin.close()
    try:
        _wait(lambda: (tmp / "ready").exists(), "GIMP does not start", PATIENCE)
        yield State(gimp, process)
        (tmp / "request").write_text("null")
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def attempt(state: State, case: Case) -> str:
    """Kill one run in GIMP, and look at the image, the processes and the folders."""
    chance, tmp = case.chance, state.gimp.tmp
    victim = "nobody" if chance.random() < 0.1 else chance.choice(VICTIMS)
    sent = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
    delay = chance.uniform(0, 1.6) * chance.random()
    before = set(tmp.glob(f"{RUN_FOLDER_PREFIX}*"))
    case.keep("how.txt", f"{victim}, {sent.name} after {delay:.3f} s")
    (tmp / "answer").unlink(missing_ok=True)
    written = tmp / "request.part"
    written.write_text(ITERATIONS)
    written.rename(tmp / "request")
    _wait(lambda: _plug_ins(state) or (tmp / "answer").exists(), "no plug-in starts", PATIENCE)
    if victim in ("engine", "both"):
        _wait(lambda: _engines(state) or (tmp / "answer").exists(), "no engine starts", PATIENCE)
    time.sleep(delay)
    victims = [*(_plug_ins(state) if victim in ("plug-in", "both") else ()),
               *(_engines(state) if victim in ("engine", "both") else ())]  # fmt: skip
    for each in victims:
        with suppress(ProcessLookupError):
            os.kill(each, sent)
    _wait((tmp / "answer").exists, "GIMP does not answer", PATIENCE)
    answer: dict[str, Any] = json.loads((tmp / "answer").read_text())
    _wait(lambda: not _engines(state), "an engine is left", SOON)
    check(answer["same"], "the layer has changed")
    if answer["done"]:
        check(answer["layers"][1:] == ["Photo"], f"the layers are {answer['layers']}")
    else:
        check(answer["layers"] == ["Photo"], f"the layers are {answer['layers']}")
        check(answer["message"], "an empty message")
        check("Traceback" not in answer["message"], answer["message"])

    def left() -> set[Path]:
        return set(tmp.glob(f"{RUN_FOLDER_PREFIX}*"))

    if victim == "nobody":  # and what the kills before have left is removed
        check(answer["done"], f"unkilled, it fails: {answer['message']}")
        marked = [each for each in before if (each / OWNER).exists()]
        check(not marked, f"left after the next start: {marked}")
    elif victim != "both":
        _wait(lambda: not left() - before, "a run folder is left", SOON)
    ended = "painted" if answer["done"] else "refused"
    return f"{victim}, {sent.name}: {ended}" + (", folder" if left() else "")


def _wait(condition: Any, message: str, seconds: float) -> None:
    last = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < last, message)
        time.sleep(0.01)


def _plug_ins(state: State) -> list[int]:
    return _below(state, b"plug-ins/scumble/scumble.py")


def _engines(state: State) -> list[int]:
    return _below(state, b"\0engine\0worker\0")


def _below(state: State, words: bytes) -> list[int]:
    """Return the processes that GIMP has started and whose command line has these words."""
    parents, found = {}, []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(process.name)] = int(fields[1])
                if words in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
    return [each for each in found if _is_below(each, state.process.pid, parents)]


def _is_below(process: int, ancestor: int, parents: dict[int, int]) -> bool:
    while process in parents:
        if process == ancestor:
            return True
        process = parents[process]
    return False
