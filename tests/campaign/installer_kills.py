"""Kills of install.py with tiny packages: the next run completes, and the user loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engine.paths import OWN_MARK
from tests import made_up
from tests.campaign.case import Case, FaultError, check, check_sentence

KILLS = 8
"""Runs to kill in one data folder before one is left to complete; some end before their kill."""

LATEST = 1.05
"""Latest moment to kill install.py: a part of the time that a whole run takes."""

PATIENCE = 180.0
"""Seconds after its kill in which it must have ended, on a machine with much else to do."""

SOON = 20.0
"""Seconds after its end in which all that it started must have ended, on such a machine."""

TEMPORARY = ".scumble."
USERS = {"notes.txt": b"mine", "tmp/mine.txt": b"mine", "env-of-mine/x": b"mine"}


@dataclass
class State:
    """The made-up Scumble, the folder of data folders, and the seconds that whole runs take."""

    made_up: made_up.MadeUp
    folder: Path
    installing: float
    again: float
    removing: float


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Make the made-up Scumble, and install it twice and remove it, by the clock."""
    place, home = folder / "made-up", folder / "home"
    shutil.rmtree(place, ignore_errors=True)
    made = made_up.make(place)
    times = []
    for more in ((), (), ("--uninstall",)):
        began = time.monotonic()
        done = made.install("--home", home, *more, **made_up.SLOW)
        check(done.returncode == 0, f"unkilled: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        times.append(time.monotonic() - began)
    yield State(made, folder, *times)


def attempt(state: State, case: Case) -> str:
    """Kill install.py again and again in one folder, then let it complete or remove itself."""
    chance = case.chance
    home = state.folder / f"home-{case.number}"
    if home.exists():
        shutil.rmtree(home)
    mine = chance.random() < 0.5
    if mine:  # a folder of the user's own
        for name, data in USERS.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(data)
    story = []
    hit, complete = 0, False
    for _ in range(KILLS):
        arguments = ["--home", str(home)]
        if chance.random() < (0.5 if complete else 0.15):
            arguments.append("--uninstall")
        sent = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        whole = state.again if complete else state.installing
        whole = state.removing if "--uninstall" in arguments else whole
        delay = chance.uniform(0, LATEST) * whole
        story.append(f"{arguments[2:]} {sent.name} after {delay:.3f} s")
        case.keep("how.txt", "\n".join(story))
        killed = _kill(state, arguments, sent, delay)
        hit += killed
        complete = not killed and "--uninstall" not in arguments
        for name, data in USERS.items() if mine else ():
            check((home / name).read_bytes() == data, f"{name} is lost after {story[-1]}")
    done = state.made_up.install("--home", home)
    check(done.returncode == 0, f"afterwards: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    left = [path for path in home.rglob("*") if path.name.startswith(TEMPORARY)]
    left = [path for path in left if path.name not in (".scumble", ".scumble.json")]
    check(not left, f"left after the next start: {left}")
    work = home / "tmp" / "scumble"
    check(not work.exists() or os.listdir(work) == [OWN_MARK], f"left in {work}")
    removed = state.made_up.install("--home", home, "--uninstall")
    check(removed.returncode == 0, f"removal: {removed.stderr[-1500:]}")
    there = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    check(there == (set(USERS) if mine else set()), f"after the removal there are {there}")
    shutil.rmtree(home, ignore_errors=True)
    return f"{hit} kills, " + ("beside files of the user's" if mine else "in a folder of its own")


def _kill(state: State, arguments: list[str], sent: signal.Signals, delay: float) -> bool:
    """Kill one run, and check that all it started ends too; return whether it ran until then."""
    mark = f"SCUMBLE_CAMPAIGN={time.monotonic_ns()}"
    name, _, value = mark.partition("=")
    process = subprocess.Popen(
        state.made_up.command(*arguments),
        env={
            **state.made_up.variables(**made_up.SLOW),
            name: value,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONFAULTHANDLER": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    ran = process.poll() is None
    if sent == signal.SIGINT:  # as a terminal does, to the whole group
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
    try:
        _, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # it says where it waits
        _, errors = process.communicate()
        message = f"not ended {PATIENCE:.0f} s after {sent.name}: {errors.decode()[-3000:]}"
        raise FaultError(message) from None
    words = errors.decode("utf-8", "backslashreplace")
    if sent == signal.SIGINT and delay < 0.3:
        pass  # Python itself has no handler yet while it starts
    else:
        check("Traceback" not in words, words[-1500:])
    if process.returncode == 1 and words.strip() and "Traceback" not in words:
        sentence = words.strip().splitlines()[-1].partition(": ")[2]
        check_sentence(sentence)
        allowed = "is not installed" in sentence
        check(allowed, f"status 1: {sentence}")
    last = time.monotonic() + SOON
    while _with_mark(mark):
        check(time.monotonic() < last, f"processes are left: {_with_mark(mark)}")
        time.sleep(0.02)
    return ran


def _with_mark(mark: str) -> list[str]:
    """Return the command lines of the processes with a variable in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def why_skipped() -> str:
    """Return why it cannot be seen what is left running."""
    return "" if Path("/proc/self/environ").exists() else "it takes Linux's /proc."
