"""Protocol streams: commands to the worker, and lines of an engine that has lost its mind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.engine_location import EngineLocation
from engine.job import RUN_FOLDER_PREFIX
from engine.protocol import Lines
from engine.run_worker import LINE_BYTES, _Worker
from tests.campaign.case import Case, check
from tests.campaign.home import data_folder
from tests.campaign.mutations import mutated, value

PLUGIN = Path(__file__).resolve().parents[2] / "plugin" / "scumble"

COMMANDS = (
    *(
        b"stop",
        b"forget",
        b"stop\r",
        b" stop ",
        b"STOP",
        b"stop stop",
        b"sto",
        b"st\0op",
        b"\xff\xfe",
        b"",
    ),
    *(b"x" * 996 + b"stop", b"x" * 1000 + b"stop", b"y" * 3000, b"\x1b[2J\x07", b"{}", b"{" * 900),
    *(b"\xe2\x80\xae stop", "stöp".encode(), b"quit", b"stop\x00", b"\x0bstop", b"\x0c"),
)
WHOLE: tuple[dict[str, Any], ...] = (
    {"type": "hello", "version": "1", "threads": 2, "pid": 3},
    {"type": "device", "device": "cpu", "provider": "x", "threads": 2, "losses": "processor"},
    {"type": "progress", "stage": "paint", "step": 1, "steps": 3, "scale": 1, "scales": 1,
     "loss": 2.5, "seconds_left": 1.0},
    {"type": "preview", "file": "preview-0.png", "width": 64, "height": 48},
    {"type": "notice", "text": "a"},
    {"type": "error", "code": "job", "message": "a", "hint": "b", "log": ""},
    {"type": "done", "files": ["result.npy"], "masks": [None, "m.npy"], "areas": None,
     "loss": 1.0, "seconds": 1.0, "steps": 3, "stopped": False, "warnings": [], "device": "cpu",
     "settings": {"method": "cutout"}},
)  # fmt: skip


@dataclass
class State:
    """The worker's run folder, and what else both sides need."""

    folder: Path
    plugin: Any


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Make a run folder with a result in it, and load the plug-in's side."""
    data_folder(folder)
    run_folder = folder / f"{RUN_FOLDER_PREFIX}x"
    run_folder.mkdir(exist_ok=True)
    (run_folder / "result.npy").touch()
    sys.path.insert(0, str(PLUGIN))
    sys.path.insert(0, str(PLUGIN.parents[1] / "engine"))  # where the plug-in's copies come from
    import engine_process

    yield State(run_folder, engine_process)


def attempt(state: State, case: Case) -> str:
    """Try one stream, in one of the two directions."""
    if case.number % 2:
        return _to_the_worker(state, case)
    return _from_the_engine(state, case)


def _to_the_worker(state: State, case: Case) -> str:
    """Only a line that is 'stop' stops; everything else has one notice at most."""
    chance = case.chance
    lines = [chance.choice(COMMANDS) for _ in range(chance.randrange(1, 9))]
    end = chance.choice((b"\n", b"\n", b""))
    data = b"\n".join(lines) + end
    if chance.random() < 0.3:
        data = mutated(chance, data)
    case.keep("input", data)
    reading, writing = os.pipe()
    kept = os.dup(0)
    source, target = os.pipe()
    sender = threading.Thread(target=_send, args=(target, data))
    before = set(threading.enumerate())
    worker = _Worker(state.folder, Lines(writing), "")
    try:
        os.dup2(source, 0)
        sender.start()
        worker._listen()
        sender.join()
        for thread in set(threading.enumerate()) - before:
            thread.join()
    finally:
        os.dup2(kept, 0)
        for each in (kept, source, writing, worker._held):
            if each is not None:
                os.close(each)
    with open(reading, "rb") as said:
        answers = [json.loads(line) for line in said]
    # A line that is too long is no command, whatever its end is.
    orders = [line.strip() if len(line) < LINE_BYTES else b"x" for line in data.split(b"\n")]
    check(worker._stop.is_set() == (b"stop" in orders), f"stopped: {worker._stop.is_set()}")
    strange = any(each not in (b"", b"begin", b"stop", b"forget") for each in orders)
    check(len(answers) == strange, f"{len(answers)} notices")
    for each in answers:
        check(each["type"] == "notice" and each["text"].isprintable(), str(each))
    return "to the worker: " + ("stopped" if worker._stop.is_set() else "goes on")


def _send(target: int, data: bytes) -> None:
    with open(target, "wb") as file:
        file.write(data)


def _from_the_engine(state: State, case: Case) -> str:
    """The plug-in takes what it can use, and else fails with its own kind of error."""
    data = engine_lines(case.chance)
    case.keep("output", data)
    plugin = state.plugin
    running = object.__new__(plugin.EngineProcess)
    running.run_folder = state.folder
    running.log = state.folder / "log"
    running._location = EngineLocation("python", "home", "1")
    running._started = running._greeted = 0
    running._events = queue.Queue()
    running._process = _Ended(io.BytesIO(data), case.chance.choice((0, 1, -9, -11, 137, 130)))
    running._read()
    try:
        while True:
            event = running.next_event(0)
            check(isinstance(event, dict), f"the event {event!r}")
            if event.get("type") == "done":
                running.result(event)
                return "from the engine: a result"
    except plugin.EngineError as error:
        text = str(error)
        check(text.splitlines()[-1].startswith("The log is"), text)
        check(text.count("\n") <= 2, text)
        check(all(line.isprintable() for line in text.splitlines()), repr(text))
    return "from the engine: an error"


class _Ended:
    """A process that has ended."""

    def __init__(self, output: io.BytesIO, status: int) -> None:
        self.stdout = output
        self._status = status

    def wait(self, _seconds: float = 0) -> int:
        return self._status


def engine_lines(chance: random.Random) -> bytes:
    """Return what an engine may print, and what it may not."""
    lines = []
    if chance.random() < 0.9:
        lines.append(json.dumps(WHOLE[0]).encode())
    for _ in range(chance.randrange(6)):
        line = dict(chance.choice(WHOLE))
        for _ in range(chance.choice((0, 0, 1, 2))):
            name = chance.choice([*line, "type", "files"])
            if chance.random() < 0.3:
                line.pop(name, None)
            else:
                line[name] = value(chance)
        with contextlib.suppress(ValueError):
            lines.append(json.dumps(line).encode("utf-8", "surrogatepass"))
        if chance.random() < 0.2:
            lines.append(chance.choice((b"a library", b"[" * 5000, b"\xff\xfe", b"5", b"null")))
    data = b"\n".join(lines) + b"\n"
    return mutated(chance, data) if chance.random() < 0.3 else data
