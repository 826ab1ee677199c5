"""Engine processes forked from a server that has imported the libraries already.

A fresh process imports NumPy, SciPy and onnxruntime for half a second, which is not what most tests
prove. A forked one is a real process too, with streams, folder, variables and signals of its own.
Tests of the start itself use fresh ones, see `programs.started`.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from typing import IO, Any

CHECKOUT = Path(__file__).resolve().parents[2]
CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")

IMPORTED = (
    "engine.cli.commands",
    "engine.cli.estimate",
    "engine.cli.gallery",
    "engine.cli.measure",
    "engine.gallery.build",
    "engine.report.folder",
    "engine.run",
    "engine.run_worker",
    "scipy.optimize",
)
"""And matplotlib, with the list of fonts of the tests' own data folder."""

MODULE = """
import runpy, sys
runpy.run_module("engine", run_name="__main__", alter_sys=True)
"""
"""The work of `python -m engine`, its handlers of signals included."""
_STATUS = struct.Struct("i")


class ForkedProcess:
    """A process of the engine; a part of `subprocess.Popen`'s interface.

    Parameters
    ----------
    arguments : list of str
        What follows `python -m engine`.
    code : str
        What is run in place of `python -m engine`; empty for just that.
    cwd : Path
    env : dict of str to str
    stdin, stdout, stderr : int or file
        As for `subprocess.Popen`, except None.
    text : bool
    server : socket, optional
        A connection to the process that forks; by default one is started, which others share.
    tied : bool
        Whether the process is killed when this one ends first, however it ends. Linux only.
    """

    def __init__(
        self,
        arguments: list[str],
        code: str,
        *,
        cwd: Path,
        env: dict[str, str],
        stdin: Any = subprocess.DEVNULL,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        text: bool = False,
        server: socket.socket | None = None,
        tied: bool = False,
    ) -> None:
        self.returncode: int | None = None
        mode = "" if text else "b"
        theirs: list[int] = []
        ours: list[IO[Any] | None] = []
        for asked, writes in ((stdin, False), (stdout, True), (stderr, True)):
            end = None
            if asked == subprocess.PIPE:
                reading, writing = os.pipe()
                theirs.append(writing if writes else reading)
                buffering = -1 if text or writes else 0
                own = reading if writes else writing
                end = os.fdopen(own, ("r" if writes else "w") + mode, buffering)
            elif asked == subprocess.DEVNULL:
                theirs.append(os.open(os.devnull, os.O_RDWR))
            elif asked == subprocess.STDOUT:
                theirs.append(os.dup(theirs[1]))
            else:
                theirs.append(os.dup(asked if isinstance(asked, int) else asked.fileno()))
            ours.append(end)
        self.stdin, self.stdout, self.stderr = ours
        self._reply, reply = socket.socketpair()
        request = json.dumps([arguments, code, str(cwd), env, tied]).encode()
        server = server or _server()
        socket.send_fds(server, [_STATUS.pack(len(request))], [*theirs, reply.fileno()])
        server.sendall(request)
        reply.close()
        for each in theirs:
            os.close(each)
        self.pid = self._receive()

    def _receive(self) -> int:
        (number,) = _STATUS.unpack(self._reply.recv(_STATUS.size, socket.MSG_WAITALL))
        return number

    def poll(self) -> int | None:
        """Return the exit status; None while the process runs."""
        if self.returncode is None and select.select([self._reply], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status, or the signal's number as a negative one."""
        if self.returncode is None:
            if not select.select([self._reply], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("engine", timeout or 0)
            self.returncode = self._receive()
            self._reply.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[Any, Any]:
        """Read both streams to their ends; wait for the end of the process, or kill it in time."""
        late = threading.Event()

        def kill() -> None:
            late.set()
            self.kill()

        timer = threading.Timer(timeout or 1e6, kill)
        timer.daemon = True
        timer.start()
        found: dict[int, Any] = {}
        streams = {number: each for number, each in ((1, self.stdout), (2, self.stderr)) if each}

        def read(number: int) -> None:
            with streams[number] as stream:
                found[number] = stream.read()

        readers = [threading.Thread(target=read, args=(number,)) for number in streams]
        for each in readers:
            each.start()
        if self.stdin:
            self.stdin.close()
        for each in readers:
            each.join()
        timer.cancel()
        self.wait(timeout)
        if late.is_set():
            raise subprocess.TimeoutExpired("engine", timeout or 0, found.get(1), found.get(2))
        return found.get(1), found.get(2)


@functools.cache
def _server() -> socket.socket:
    """Start the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.forked", str(theirs.fileno())],
        cwd=CHECKOUT,
        # A process with threads is not safe to fork; the engine gives BLAS one thread anyway.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def serve(channels: Iterable[socket.socket]) -> None:
    """Fork for every request that comes over a channel, and do its work in the new process.

    Parameters
    ----------
    channels : iterable of socket
        For each request, in turn, the connection that it comes over. The end of one ends this
        process after those that it has forked.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for channel in channels:
        size, streams, _, _ = socket.recv_fds(channel, _STATUS.size, 4)
        with suppress(ChildProcessError):  # none is left
            while os.waitpid(-1, 0 if not size else os.WNOHANG)[0]:
                continue
        if not size:
            os._exit(0)
        request = channel.recv(_STATUS.unpack(size)[0], socket.MSG_WAITALL)
        if not os.fork():
            break
        for each in streams:
            os.close(each)
    arguments, code, cwd, env, tied = json.loads(request)
    # This helper tells the process's number and its end, which only a parent learns.
    channel.close()
    reply = streams.pop()
    process = os.fork()
    if process:
        for each in streams:
            os.close(each)
        os.write(reply, _STATUS.pack(process))
        if tied:
            _wait_for_either(process, reply)
        _, status = os.waitpid(process, 0)
        with suppress(BrokenPipeError):  # nobody waits any more
            os.write(reply, _STATUS.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.close(reply)
    _become(streams, cwd, env)
    sys.argv = ["engine", *arguments]
    try:
        exec(compile(code or MODULE, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        _leave(end.code)


def _wait_for_either(process: int, reply: int) -> None:
    """Wait for the end of a process or of the one that asked for it; then the first is killed."""
    end = os.pidfd_open(process)
    if end not in select.select([reply, end], [], [])[0]:
        os.kill(process, signal.SIGKILL)


def _become(streams: list[int], cwd: str, env: dict[str, str]) -> None:
    """Give this process what a fresh one has: its streams, folder, variables and signals."""
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    through = bool(env.get("PYTHONUNBUFFERED"))
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for name, number, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
        stream = open(number, "w", encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        line_buffering = number == 2 or stream.isatty()
        stream.reconfigure(line_buffering=line_buffering, write_through=through)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _leave(status: int) -> None:
    """End like Python, but leave in place what the server imported: it takes 0.3 s to take down."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits, as multiprocessing does it too
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = 120
    os._exit(status)


if __name__ == "__main__":
    for _module in IMPORTED:
        importlib.import_module(_module)
    importlib.import_module("engine.loss_plot").check_plotting()
    importlib.import_module("matplotlib.font_manager")
    serve(repeat(socket.socket(fileno=int(sys.argv[1]))))
