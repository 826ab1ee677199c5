"""Kills of the engine at every phase: reading, painting, writing, replacing an old result.

A case starts the command line or a worker, and ends it by a signal: at a moment after one of its
lines, or exactly at one of the changes that it makes to files. Some save their state at every
chance, and half of those that leave one are resumed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.job import RUN_FOLDER_PREFIX
from engine.output_files import check_files, load
from engine.paths import states_folder
from engine.pictures.picture import read_picture
from engine.states import store
from tests.campaign.case import Case, check
from tests.campaign.home import data_folder
from tests.campaign.processes import (
    PATIENCE,
    SAVE_OFTEN,
    is_gone,
    preload,
    start,
)
from tests.engine.programs import HEIGHT, SHALLOW, SHALLOW_JOB, WIDTH, make_pictures

FRESH = 0.1
"""The share of the runs that start Python anew."""

SAVING = 0.4
"""The share of the runs that save their state at every chance."""

OLD = 7
"""The gray of the result that is there before."""

AT_FILE_CHANGE = """
import os, signal, sys
CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown",
           "os.truncate", "os.utime")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
seen = 0
def see(event, arguments):
    global seen
    if event not in CHANGES or event == "open" and not arguments[2] & WRITING:
        return
    if str(arguments[0]).startswith("/dev/"):
        return
    seen += 1
    os.write(2, b"change: %s\\n" % event.encode())
    if seen == {number}:
        os.kill(os.getpid(), {signal})
sys.addaudithook(see)
"""
SLOW_DISK = """
import os, time
def slowly(change):
    def slow(*arguments, **more):
        time.sleep(0.03)
        done = change(*arguments, **more)
        time.sleep(0.03)
        return done
    return slow
for name in ("fsync", "replace", "open", "rename", "unlink"):
    setattr(os, name, slowly(getattr(os, name)))
"""
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


@dataclass
class State:
    """The folders and files of all cases.

    Attributes
    ----------
    place : Path
        The folder that they work in.
    home : Path
        The data folder.
    inputs : frozenset of str
        The names of the files that belong in `place`.
    old : dict of str to bytes
        The results that may be there before, by name.
    changes : dict of bool to int
        How often a whole run changes files, without and with states that are saved often.
    """

    place: Path
    home: Path
    inputs: frozenset[str]
    old: dict[str, bytes]
    changes: dict[bool, int] = field(default_factory=dict)


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Make the folder."""
    home = data_folder(folder)
    place = folder / "kills"
    place.mkdir(exist_ok=True)
    make_pictures(place)
    inputs = frozenset({*os.listdir(place), "job.json"})
    (place / "job.json").write_text("{}", encoding="utf-8")
    gray = Image.new("RGB", (WIDTH, HEIGHT), (OLD, OLD, OLD))
    old = {}
    for name in ("out.png", "out.jpg", "out.npy"):
        if name.endswith(".npy"):
            np.save(place / name, np.full((HEIGHT, WIDTH, 3), OLD, np.uint8))
        else:
            gray.save(place / name)
        old[name] = (place / name).read_bytes()
        (place / name).unlink()
    preload()
    state = State(place, home, inputs, old)
    for saving in (False, True):
        state.changes[saving] = _changes(state, saving=saving)
    yield state


def _changes(state: State, *, saving: bool) -> int:
    """Return how often a whole run that replaces a result changes files."""
    name = "out.png"
    (state.place / name).write_bytes(state.old[name])
    with (state.place.parent / "errors").open("w+b") as errors:
        process = start(
            (*_arguments(name), "--iterations", "2"), state.place, state.home, fresh=False,
            before=SAVE_OFTEN * saving + AT_FILE_CHANGE.format(number=0, signal=0), stderr=errors,
        )  # fmt: skip
        said, status = _end(process)
        errors.seek(0)
        changes = re.findall(rb"^change: (.*)$", errors.read(), re.MULTILINE)
    check(status == 0 and b'"done"' in said, f"unkilled, a run ends with status {status}")
    check(b"os.rename" in changes, "a run replaces no result")
    check(changes[-1] == b"os.rmdir", f"a run ends with {changes[-1]!r}, not without its state")
    (state.place / name).unlink()
    return len(changes)


def _arguments(name: str) -> tuple[str, ...]:
    return ("stylize", "content.png", name, "--style", "waves.png", "--json", *SHALLOW)


def attempt(state: State, case: Case) -> str:
    """Kill one run and look at what is left."""
    if case.chance.random() < 0.25:
        return _worker(state, case)
    return _command(state, case)


def _command(state: State, case: Case) -> str:
    chance, place = case.chance, state.place
    name = chance.choice(list(state.old))
    had = chance.random() < 0.6
    for each in state.old:
        (place / each).unlink(missing_ok=True)
    if had:
        (place / name).write_bytes(state.old[name])
    arguments = (*_arguments(name), "--iterations", chance.choice(("1", "1", "2", "50")))
    saving = chance.random() < SAVING
    sent = chance.choice(SIGNALS)
    at_change = chance.random() < 0.5
    before = SLOW_DISK if chance.random() < 0.3 else ""
    before += SAVE_OFTEN * saving
    if at_change:
        number = chance.randrange(1, state.changes[saving] + 2)
        before += AT_FILE_CHANGE.format(number=number, signal=int(sent))
        when = f"change {number}"
    else:
        lines, delay = chance.randrange(11), chance.uniform(0, 0.25)
        delay = chance.uniform(0, 1.0) if not lines else delay
        when = f"{delay:.2f} s after line {lines}"
    case.keep("how.txt", f"{arguments}\n{sent!r} {when}\n{before}")
    with (place.parent / "errors").open("w+b") as errors:
        fresh = chance.random() < FRESH
        process = start(arguments, place, state.home, before=before, fresh=fresh, stderr=errors)
        said = _kill(process, sent, None if at_change else (lines, delay))
        status = process.wait()
        errors.seek(0)
        words = errors.read().decode("utf-8", "backslashreplace")
    check(is_gone(process.pid), "a process is left")
    early = b"hello" not in said
    if early and not at_change and sent != signal.SIGKILL:
        # Python itself has no handler yet while it starts.
        check(status in (0, 130, -sent) or (status == 1 and sent == signal.SIGINT), f"{status}")
    else:
        allowed = {signal.SIGKILL: (0, -9), signal.SIGTERM: (0, 130), signal.SIGINT: (0, 130)}
        check(status in allowed[sent], f"status {status} after {sent!r} at {when}: {words[-500:]}")
        check("Traceback" not in words, words[-1000:])
    new = _check_result(state, name, had=had, status=status)
    parts = _check_folder(state, name, killed=sent == signal.SIGKILL)
    _next_start(state, name)
    resumed = _check_states(state, name, resume=chance.random() < 0.5)
    left = ", a part" if parts else ""
    result = "new" if new else ("old" if had else "none")
    return f"command, {sent.name}, status {status}: {result}{left}{resumed}"


def _end(process: Any) -> tuple[bytes, int]:
    """Let a run end; return what it printed and its exit status."""
    return _kill(process, signal.SIGKILL, None), process.wait()


def _kill(process: Any, sent: signal.Signals, when: tuple[int, float] | None) -> bytes:
    """Send the signal at its moment, wait for the end, and return what was printed."""
    assert process.stdout is not None
    said = b""
    try:
        if when is not None:
            for _ in range(when[0]):
                said += process.stdout.readline()
            time.sleep(when[1])
            process.send_signal(sent)
        said += process.stdout.read()
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    return said


def _check_result(state: State, name: str, *, had: bool, status: int) -> bool:
    """Check that a result is the old one or a whole new one; return whether it is new."""
    file = state.place / name
    if not file.exists():
        check(not had, "the old result is lost")
        check(status, "status 0 without a result")
        return False
    if had and file.read_bytes() == state.old[name]:
        check(status, "status 0, and the old result is there")
        return False
    picture = read_picture(file)
    check(picture.rgb.shape == (HEIGHT, WIDTH, 3), f"the result has {picture.rgb.shape}")
    check(not picture.notes, f"the result is partial: {picture.notes}")
    check(float(picture.rgb.std()) > 1, "the result is flat")
    return True


def _check_folder(state: State, name: str, *, killed: bool) -> list[str]:
    """Check that nothing else is there, but parts after SIGKILL; return their names."""
    left = set(os.listdir(state.place)) - state.inputs - {name}
    parts = [each for each in left if each.startswith(".scumble-") and each.endswith(".part")]
    # The test for a writable folder; it has no name where the system can make such files.
    strange = left - set(parts)
    check(not strange, f"left in the folder: {strange}")
    check(killed or not parts, f"left without SIGKILL: {parts}")
    return parts


def _next_start(state: State, name: str) -> None:
    """Let the checks of the next run remove what is left."""
    job = {"content": "content.png", "output": name, "regions": [{"style": "waves.png"}]}
    (state.place / "job.json").write_text(json.dumps(job), encoding="utf-8")
    check_files(load(state.place / "job.json"))
    left = set(os.listdir(state.place)) - state.inputs - {name}
    check(not left, f"left after the next start: {left}")


def _check_states(state: State, name: str, *, resume: bool) -> str:
    """Check that the next run finds whole states only; resume or forget them, so none is left."""
    store.sweep()
    kept = [each.name for each in states_folder().iterdir() if each.is_dir()]
    check(len(kept) <= 1, f"left among the states: {kept}")
    for each in kept:
        found = store.read(each)
        check(found is not None, f"left among the states: {each}")
        assert found is not None
        check(not found.problem, found.problem)
        if not resume:
            check(store.forget(each), f"{each} cannot be forgotten")
    if kept and resume:
        process = start(("resume", "latest", "--json"), state.place, state.home, fresh=False)
        said, status = _end(process)
        check(status == 0, f"resuming ends with status {status}: {said[-500:]!r}")
        check(_check_result(state, name, had=True, status=0), "resuming gives no result")
        _check_folder(state, name, killed=False)
    left = [each.name for each in states_folder().iterdir() if each.is_dir()]
    check(not left, f"left among the states: {left}")
    return (", resumed" if resume else ", a state") if kept else ""


def _worker(state: State, case: Case) -> str:
    """Kill a worker, or what talks to it; the next one removes its folder."""
    chance, place = case.chance, state.place
    folder = place / f"{RUN_FOLDER_PREFIX}{chance.randrange(10**9)}"
    folder.mkdir()
    for name in ("content.png", "waves.png"):
        shutil.copy(place / name, folder)
    job = {"content": "content.png", "regions": [{"style": "waves.png"}], "iterations": 50}
    job |= SHALLOW_JOB
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    way = chance.choice(("SIGKILL", "SIGTERM", "end of input", "reader gone"))
    lines, delay = chance.randrange(9), chance.uniform(0, 0.3)
    case.keep("how.txt", f"worker, {way} {delay:.2f} s after line {lines}")
    before = SLOW_DISK if chance.random() < 0.3 else ""
    process = start(
        ("worker", folder), place, state.home, before=before, fresh=chance.random() < FRESH
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        said = b""
        for _ in range(lines):
            said += process.stdout.readline()
        time.sleep(delay)
        if way.startswith("SIG"):
            process.send_signal(getattr(signal, way))
        elif way == "reader gone":
            process.stdout.close()
        else:
            process.stdin.close()
        if way == "reader gone":
            _wait_for_a_line(process)
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        with suppress(OSError):
            process.stdin.close()
        process.stdout.close()
    try:
        return _judged(state, process, folder, way, early=b"hello" not in said)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # of a worker that was killed before it began


def _judged(state: State, process: Any, folder: Path, way: str, *, early: bool) -> str:
    """Check what an ended worker leaves; return the outcome."""
    place = state.place
    check(is_gone(process.pid), "a process is left")
    if way != "SIGKILL" and not early:
        check(process.returncode in (0, 130), f"status {process.returncode} after {way}")
        check(not folder.exists(), f"the run folder is left after {way}")
    left = folder.exists()
    if left and (folder / ".owner").exists():
        from engine.leftovers import remove_run_folders

        remove_run_folders([place])
        check(not folder.exists(), "the run folder is left after the next start")
    strange = set(os.listdir(place)) - state.inputs - set(state.old) - {folder.name}
    check(not strange, f"left beside the run folder: {strange}")
    _check_states(state, "", resume=False)
    return f"worker, {way}, status {process.returncode}" + (", folder" if left else "")


def _wait_for_a_line(process: Any) -> None:
    """Wait for the end, of which a worker without a reader hears with its next line."""
    assert process.stdin is not None
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
        return
    with suppress(OSError):
        process.stdin.close()
