"""Engines to kill: processes of their own, most of them forked from one that has imported all.

Importing takes longer than painting such small pictures, and is over before anything is changed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

from engine.__main__ import _leave
from tests.engine.programs import command, environment

PATIENCE = 90.0
SAVE_OFTEN = """
from engine.states import keeper
keeper.SAVE_SECONDS = keeper.END_SECONDS = 0.0
keeper.MOST_COST = 1e9
"""
"""Code to run first, with which a painting saves its state at every chance."""


class Forked:
    """A forked engine, with what is used of `subprocess.Popen`."""

    def __init__(
        self, arguments: tuple[str, ...], place: Path, variables: dict[str, str], before: str,
        stderr: IO[bytes] | int,
    ) -> None:  # fmt: skip
        self.returncode: int | None = None
        from_parent, to_child = os.pipe()
        from_child, to_parent = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            errors = stderr if isinstance(stderr, int) else stderr.fileno()
            _become(arguments, place, variables, before, (from_parent, to_parent, errors))
        os.close(from_parent)
        os.close(to_parent)
        self.stdin: IO[bytes] = open(to_child, "wb", buffering=0)  # noqa: SIM115
        self.stdout: IO[bytes] = open(from_child, "rb")  # noqa: SIM115

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end."""
        last = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > last:
                raise subprocess.TimeoutExpired(str(self.pid), seconds)
            time.sleep(0.005)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


def _become(
    arguments: tuple[str, ...], place: Path, variables: dict[str, str], before: str,
    descriptors: tuple[int, int, int],
) -> NoReturn:  # fmt: skip
    """Be an engine from now on, as `python -m engine` is once it has imported."""
    status = 70
    try:
        os.setsid()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.closerange(3, 256)
        os.chdir(place)
        os.environ.clear()
        os.environ.update(variables)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python starts
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave)
        exec(before, {})
        from engine.cli.commands import main

        status = main(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(status)


def preload() -> None:
    """Import what engines import, before they are forked."""
    import engine.cli.commands
    import engine.run
    import engine.run_worker  # noqa: F401

    with suppress(ImportError):
        import matplotlib.figure  # noqa: F401


def start(
    arguments: tuple, place: Path, home: Path, *, before: str = "", fresh: bool,
    stderr: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes] | Forked:  # fmt: skip
    """Start an engine with pipes for input and output, as the leader of a session of its own.

    Parameters
    ----------
    arguments : tuple
    place : Path
        The folder that it works in, which is its folder for temporary files, too.
    home : Path
        The data folder.
    before : str
        Code that it runs first.
    fresh : bool
        Whether Python is started anew.
    stderr : file or int
        Where its standard error goes.
    """
    variables = environment(home, TMPDIR=str(place))
    if fresh:
        return subprocess.Popen(
            command(arguments, before), cwd=place, env=variables, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=stderr, start_new_session=True,
        )  # fmt: skip
    if isinstance(stderr, int):
        with open(os.devnull, "wb") as nowhere:
            return Forked(tuple(map(str, arguments)), place, variables, before, nowhere)
    return Forked(tuple(map(str, arguments)), place, variables, before, stderr)


def is_gone(group: int) -> bool:
    """Return whether no process of a session is left."""
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return False
    return True
