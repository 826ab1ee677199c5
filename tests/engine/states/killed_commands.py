"""The command line in processes of its own, which are killed at chosen points.

The processes are forked from one that has everything loaded but has run nothing: a fresh one would
take a second to start. Each is the real command line with real files and a real SIGKILL.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

import engine.network
import engine.run
from engine.cli.commands import main
from engine.loss.objective import BlockEvaluator
from engine.states import keeper
from models.reference_weights import Layer

KILLED = -signal.SIGKILL

FILE_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


class Runner:
    """A runner of command lines with one data folder.

    Parameters
    ----------
    home : Path
    folder : Path
        Where the processes work, and write results in a folder "out".
    weights : dict of str to Layer
        Already loaded.
    """

    def __init__(self, home: Path, folder: Path, weights: dict[str, Layer]) -> None:
        self.home = home
        self.folder = folder
        self._weights = weights

    def run(
        self,
        *arguments: Any,
        kill_at: int = 0,
        point: str = "evaluation",
        prepare: Callable[[], None] = lambda: None,
    ) -> tuple[int, str]:
        """Run a command line; return its status and what it said.

        Parameters
        ----------
        *arguments
        kill_at : int
            The process is killed at this one of all points; 0 lets it live.
        point : str
            'evaluation' for the beginning of each evaluation, 'file' for each file among the
            states or the results that is opened, renamed or removed.
        prepare : callable
            Called in the new process.
        """
        said = self.home / "said.txt"
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if not child:
            status = 99
            with suppress(BaseException):
                status = self._child(arguments, said, kill_at, point, prepare)
            os._exit(status)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), said.read_text()

    def _child(
        self,
        arguments: tuple[Any, ...],
        said: Path,
        kill_at: int,
        point: str,
        prepare: Callable[[], None],
    ) -> int:
        os.environ["SCUMBLE_HOME"] = str(self.home)
        os.chdir(self.folder)
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "wb", closefd=False), line_buffering=True)
        sys.stderr = sys.stdout
        pytest.MonkeyPatch().setattr(engine.network, "Weights", lambda path: self._weights)
        keeper.SAVE_SECONDS = keeper.END_SECONDS = 0.0
        keeper.MOST_COST = 1e9
        seen = 0

        def count() -> None:
            nonlocal seen
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        if kill_at and point == "evaluation":
            evaluate = BlockEvaluator.__call__

            def counted(self: BlockEvaluator, picture: np.ndarray) -> Any:
                count()
                return evaluate(self, picture)

            BlockEvaluator.__call__ = counted  # type: ignore[method-assign]
        elif kill_at:
            places = (str(self.home / "states"), str(self.folder / "out"))

            def hook(event: str, given: tuple[Any, ...]) -> None:
                if event in FILE_EVENTS and isinstance(given[0], (str, os.PathLike)):
                    # The last part of a rename is where the file goes.
                    paths = given[:2] if event == "os.rename" else given[:1]
                    if any(str(path).startswith(places) for path in paths):
                        count()

            sys.addaudithook(hook)
        prepare()
        return main([str(each) for each in arguments])


def random_picture(seed: int, *shape: int) -> np.ndarray:
    """Return random values from 0 to 1, float32."""
    return np.random.default_rng(seed).random(shape).astype(np.float32)
