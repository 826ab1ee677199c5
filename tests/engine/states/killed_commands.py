"""The command line in processes of its own, which are killed at chosen points.

Each is the real command line with real files and a real SIGKILL, forked from a process that has the
libraries in memory and no threads (see `tests.engine.forked`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np

from engine.loss.objective import BlockEvaluator
from engine.states import keeper
from tests.engine.programs import scumble

KILLED = -signal.SIGKILL

FILE_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")

CODE = """
from tests.engine.states import killed_commands
killed_commands.save_always()
killed_commands.kill_at_{point}({kill_at}, {places})
{before}
"""


class Runner:
    """A runner of command lines with one data folder.

    Parameters
    ----------
    home : Path
    folder : Path
        Where the processes work, and write results in a folder "out".
    """

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder

    def run(
        self, *arguments: Any, kill_at: int = 0, point: str = "evaluation", before: str = ""
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
        before : str
            Code that is run first in the new process.
        """
        places = (str(self.home / "states"), str(self.folder / "out"))
        code = CODE.format(point=point, kill_at=kill_at, places=places, before=before)
        done = scumble(
            *arguments,
            home=self.home,
            folder=self.folder,
            before=code,
            streams={"stderr": subprocess.STDOUT},
        )
        return done.returncode, done.stdout


def save_always() -> None:
    """Let this process save a state whenever it could."""
    keeper.SAVE_SECONDS = keeper.END_SECONDS = 0.0
    keeper.MOST_COST = 1e9


def kill_at_evaluation(number: int, places: tuple[str, ...]) -> None:
    """Let this process be killed at the beginning of an evaluation."""
    count, evaluate = _killer(number), BlockEvaluator.__call__

    def counted(self: BlockEvaluator, picture: np.ndarray) -> Any:
        count()
        return evaluate(self, picture)

    BlockEvaluator.__call__ = counted  # type: ignore[method-assign]


def kill_at_file(number: int, places: tuple[str, ...]) -> None:
    """Let this process be killed when it does something to a file in one of some places."""
    count = _killer(number)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and isinstance(given[0], (str, os.PathLike)):
            # The last part of a rename is where the file goes.
            paths = given[:2] if event == "os.rename" else given[:1]
            if any(str(path).startswith(places) for path in paths):
                count()

    sys.addaudithook(hook)


def _killer(number: int) -> Callable[[], None]:
    """Return a function that kills this process when it is called for the so manieth time."""
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def random_picture(seed: int, *shape: int) -> np.ndarray:
    """Return random values from 0 to 1, float32."""
    return np.random.default_rng(seed).random(shape).astype(np.float32)
