"""Pictures and processes for the tests of the command line and of the worker."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.pictures.picture import Picture, write_picture
from tests.engine.forked import CAN_FORK, MODULE, ForkedProcess

CHECKOUT = Path(__file__).resolve().parents[2]
HEIGHT, WIDTH = 48, 64
SHALLOW_JOB: dict[str, Any] = {
    "style_layers": (("conv1_1", 0.5), ("conv2_1", 0.5)),
    "content_layers": (("conv2_2", 1.0),),
}
"""Three shallow layers, where a test asks for nothing of the others: painting takes a quarter."""
SHALLOW = ("--style-layers", "conv1_1=0.5,conv2_1=0.5", "--content-layers", "conv2_2")
"""The same as options."""
QUICK = ("--iterations", "2", *SHALLOW)
ENDLESS_JOB: dict[str, Any] = {"iterations": 10_000, "scales": 1, "optimizer": "adam"}
"""A job that no test waits for: with one scale and Adam nothing ends it before its last step."""
ENDLESS = (*SHALLOW, "--iterations", "10000", "--scales", "1", "--optimizer", "adam")
"""The same as options, with three shallow layers."""
PATIENCE = 120
"""Seconds after which a process that should have ended makes a test fail."""
UNSEEN_PACKAGES = """
import sys
from engine.cli import doctor
doctor.damaged_packages = lambda python: {}
sys.modules["distributed"] = None
"""
QUICK_DOCTOR = UNSEEN_PACKAGES + "doctor.check_plotting = lambda: None\n"
"""Code that leaves out what takes the doctor seconds: a look at every file of the packages, and the
imports of Dask and matplotlib. `UNSEEN_PACKAGES` leaves in matplotlib.
"""
PLAIN_CURVES = """
from PIL import Image
from engine.gallery import build
from engine.report import folder
def plain(path, *given):
    Image.new("L", (16, 16)).save(path)
build.loss_curves = folder.loss_curves = plain
"""
"""Code that stands in for matplotlib, which takes longer than a small picture takes to paint."""
KEPT_SESSIONS = "from tests.engine.kept_sessions import keep_sessions\nkeep_sessions()\n"
"""Code that saves most of the time of a process that paints many pictures of one size."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the variables of a process whose data folder is `home`."""
    return {**os.environ, "SCUMBLE_HOME": str(home), "PYTHONPATH": str(CHECKOUT), **more}


def command(arguments: tuple, before: str = "") -> list[str]:
    """Return the command line of the engine; `before` is code that is run first."""
    start = ["-c", before + MODULE] if before else ["-m", "engine"]
    return [sys.executable, *start, *map(str, arguments)]


def started(
    *arguments: Any,
    home: Path,
    folder: Path,
    before: str = "",
    fresh: bool = False,
    variables: dict[str, str] | None = None,
    **streams: Any,
) -> Any:
    """Start the command line in a folder.

    Parameters
    ----------
    arguments : strings and paths
    home : Path
        The data folder.
    folder : Path
        The working folder.
    before : str
        Code that is run first.
    fresh : bool
        Whether Python itself is started anew, for tests of what happens until the command line
        runs; else the process has the libraries in memory from its start.
    variables : dict of str to str
        More environment variables.
    streams
        As for `subprocess.Popen`; pipes of text by default.

    Returns
    -------
    Popen or ForkedProcess
    """
    given: dict[str, Any] = {
        "cwd": folder,
        "env": environment(home, **variables or {}),
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        **streams,
    }
    if fresh or not CAN_FORK:
        return subprocess.Popen(command(arguments, before), **given)
    return ForkedProcess(list(map(str, arguments)), before and before + MODULE, **given)


def scumble(
    *arguments: Any,
    home: Path,
    folder: Path,
    before: str = "",
    fresh: bool = False,
    streams: Any = None,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder and wait for its end; see `started`."""
    process = started(
        *arguments,
        home=home,
        folder=folder,
        before=before,
        fresh=fresh,
        variables=variables,
        **streams or {},
    )
    out, err = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(list(arguments), process.returncode, out, err)


def noise(seed: int, height: int = HEIGHT, width: int = WIDTH, channels: int = 3) -> np.ndarray:
    """Return random values, uint8, shape (height, width, channels)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def make_pictures(folder: Path) -> Path:
    """Put a content, two styles and a mask into a folder."""
    write_picture(folder / "content.png", Picture(noise(1).astype(np.float32)))
    write_picture(folder / "waves.png", Picture(noise(2, 40, 50).astype(np.float32)))
    write_picture(folder / "oil.png", Picture(noise(3, 50, 40).astype(np.float32)))
    ramp = np.tile(np.linspace(0, 255, WIDTH), (HEIGHT, 1)).astype(np.uint8)
    Image.fromarray(ramp).save(folder / "ramp.png")
    return folder


def alpha_of(picture: Picture) -> np.ndarray:
    """Return the transparency of a picture that must have one."""
    assert picture.alpha is not None
    return picture.alpha


def check_sentence(text: str, *words: str) -> None:
    """Check that an error is one line without a traceback, and says these words."""
    assert "Traceback" not in text
    assert text.count("\n") == 1, text
    for word in words:
        assert word in text


# Where no disk can be made (it takes root, and Linux), the last step of writing says it is full.
NO_SPACE = """
import errno, os
from pathlib import Path
replace = Path.replace
def replace_if_there_is_space(self, target):
    if str(target).startswith(FOLDER):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return replace(self, target)
Path.replace = replace_if_there_is_space
"""


@dataclass(frozen=True)
class FullDisk:
    """A folder on a disk without room.

    Attributes
    ----------
    folder : Path
    real : bool
        Whether the disk is real; else `before` makes the process under test believe it.
    """

    folder: Path
    real: bool

    @property
    def before(self) -> str:
        """Code to run first in the process that is to find the disk full."""
        return "" if self.real else f"FOLDER = {os.path.realpath(self.folder)!r}" + NO_SPACE

    def fill(self) -> None:
        """Leave no byte free."""
        if self.real:
            with (self.folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(512))
