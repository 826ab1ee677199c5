"""Events: the news of a run, for a terminal, the line protocol or another program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Union

from engine.messages import one_line

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Progress:
    """One step of a run.

    Attributes
    ----------
    stage : str
        'model', 'content', 'style', 'paint', 'enlarge' (before a further scale), 'strokes' (after
        the last one) or 'write'.
    step, steps : int
        Steps of this stage that are done, from 0, and how many there are.
    scale, scales : int
        Number of the size that is being painted, from 1, and how many there are.
    loss : float or None
        The best value of the objective so far; None before the first evaluation.
    seconds_left : float or None
        Estimated time for the rest of the run; None before there is an estimate.
    tile, tiles : int
        The tile at work, from 1, and how many there are, in an evaluation that takes long; 0 in
        others. An evaluation sees every tile twice, so they count twice.
    """

    stage: str
    step: int
    steps: int
    scale: int = 1
    scales: int = 1
    loss: float | None = None
    seconds_left: float | None = None
    tile: int = 0
    tiles: int = 0


@dataclass(frozen=True)
class Estimated:
    """Size, time and memory of a run, before it starts to paint.

    Attributes
    ----------
    width, height : int
        Of the last scale, in pixels.
    scales : int
    tiles : int
        Of the last scale.
    seconds : float
    bytes : int
        The most memory that the process will have.
    """

    width: int
    height: int
    scales: int
    tiles: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Preview:
    """The best picture so far, uint8, shape (height, width, 3), at the working size."""

    picture: np.ndarray


@dataclass(frozen=True)
class Notice:
    """One sentence that the user should read: a fallback, a skipped layer, a reduced size.

    Names of files in it may hold anything, so it is made printable.
    """

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True)
class Device:
    """The device on which the network runs, known once its session is made.

    Attributes
    ----------
    name : str
        'cpu', 'cuda' or 'directml'.
    provider : str
        onnxruntime's name of the execution provider.
    threads : int
        Processor threads in use.
    losses : str
        Where the losses are computed: 'processor' or 'card'.
    """

    name: str
    provider: str
    threads: int
    losses: str


@dataclass(frozen=True)
class MethodChosen:
    """The method that paints, with 'auto' resolved."""

    name: str


@dataclass(frozen=True)
class Saved:
    """A state of the run was saved, from which it can be resumed.

    Attributes
    ----------
    name : str
        The name that `scumble resume` takes.
    bytes : int
        What this state and the files beside it take on the disk.
    """

    name: str
    bytes: int


Event = Union[Progress, Preview, Notice, Device, MethodChosen, Estimated, Saved]
OnEvent = Callable[[Event], None]
