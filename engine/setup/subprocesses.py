"""Commands of the installer that end when the installer ends, however it ends.

A small supervisor starts the command as a group of its own. The supervisor's standard input is a
pipe from the installer: when it closes, the supervisor kills the whole group, pip's children
included. Code for another Python watches such a pipe itself. Standard library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_SUPERVISOR = r"""
import os, signal, subprocess, sys, threading

windows = os.name == "nt"
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the installer decides
try:
    command = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        close_fds=False,
        start_new_session=not windows,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        preexec_fn=None if windows else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
except OSError as error:
    sys.exit("%s cannot be started: %s" % (sys.argv[1], error.strerror or error))

def end_all():
    if windows:
        subprocess.call(
            ["taskkill", "/F", "/T", "/PID", str(command.pid)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
    else:
        try:
            os.killpg(command.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

def watch():
    os.read(0, 1)
    end_all()
    os._exit(1)

threading.Thread(target=watch, daemon=True).start()
status = command.wait()
if not windows:
    end_all()  # what the command may have left running
sys.stdout.flush()
os._exit(status if status >= 0 else 128 - status)
"""

_WATCHING = r"""
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
"""
LONGEST_SECONDS = 600.0
"""The time limit of code in another Python."""


def output_of(python: Path, code: str) -> bytes:
    """Run code in another Python, which ends when this process ends, and return what it prints.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If it cannot be run, fails, or takes more than `LONGEST_SECONDS`.
    """
    watched, held = os.pipe()
    try:
        done = subprocess.run(
            [str(python), "-I", "-X", "utf8", "-c", _WATCHING + code],
            stdin=watched,
            capture_output=True,
            timeout=LONGEST_SECONDS,
            check=True,
        )
    finally:
        os.close(watched)
        os.close(held)
    return done.stdout


@contextmanager
def supervised(
    command: list[str], variables: Mapping[str, str], folder: Path, lock: int | None
) -> Iterator[subprocess.Popen[str]]:
    """Start a command, and end it with everything it started when the block is left.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    variables : mapping
        The command's environment variables.
    folder : Path
        Where it runs.
    lock : int or None
        A file descriptor for the command to inherit: the lock is held until the command, too, has
        ended.

    Yields
    ------
    Popen
        Its standard output has the command's output and errors, as text in UTF-8.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", _SUPERVISOR, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(variables),
        cwd=str(folder),
        pass_fds=() if lock is None or os.name == "nt" else (lock,),
        encoding="utf-8",
        errors="replace",
    )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait()
        if process.stdout:
            process.stdout.close()
