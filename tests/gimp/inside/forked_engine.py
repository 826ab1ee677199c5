"""Engines of the checks, forked from a process that has imported the libraries.

A fresh engine imports them for longer than it paints the small pictures of the checks. Run beside
GIMP in two ways: `serve` is the process that forks, and anything else stands for the arguments that
the plug-in gives the engine's Python. In the second way a copy of what the worker receives is kept.
"""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))
from tests.engine.forked import ForkedProcess, serve

TMP = Path(os.environ["TMPDIR"])
SOCKET = TMP / "engines"
RECORD = TMP / "recorded"
IMPORTED = (
    "engine.cli.commands",
    "engine.dialog_adviser",
    "engine.run",
    "engine.run_worker",
    "scipy.optimize",
)


def fork_for_all() -> None:
    """Listen, and fork an engine for every connection."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(SOCKET))
    listener.listen()
    print("listening", flush=True)
    # A process with threads is not safe to fork; the engine gives BLAS one thread anyway.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for module in IMPORTED:
        importlib.import_module(module)
    serve(connection for connection, _ in iter(listener.accept, None))


def record(folder: str) -> None:
    """Keep a copy of a run folder."""
    shutil.rmtree(RECORD, ignore_errors=True)
    with suppress(OSError):  # a folder that is no run folder, which the engine refuses
        shutil.copytree(folder, RECORD)


def pass_on(sending: int, folder: str) -> None:
    """Pass the plug-in's commands on; when the engine is to begin, keep a copy of the folder."""
    with open(0, "rb", closefd=False) as commands, open(sending, "wb", buffering=0) as engine:
        for line in commands:
            if folder and line == b"begin\n":
                record(folder)
            engine.write(line)


def run(arguments: list[str]) -> int:
    """Run `python -m engine` and end as it does; it ends with this process."""
    orders = 0
    if arguments[0] == "worker":
        orders, sending = os.pipe()
        waits = "--wait" in arguments
        if not waits:
            record(arguments[1])
        threading.Thread(
            target=pass_on, args=(sending, arguments[1] if waits else ""), daemon=True
        ).start()
    server = socket.socket(socket.AF_UNIX)
    server.connect(str(SOCKET))
    engine = ForkedProcess(
        arguments, "", cwd=Path.cwd(), env=dict(os.environ), stdin=orders, stdout=1, stderr=2,
        server=server, tied=True,
    )  # fmt: skip
    status = engine.wait()
    if status < 0:
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        fork_for_all()
    else:
        sys.exit(run(sys.argv[sys.argv.index("engine") + 1 :]))
