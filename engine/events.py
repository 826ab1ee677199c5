"""Events: the news of a run, for a terminal, the line protocol or another program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Union

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Progress:
    """One step of the work.

    Attributes
    ----------
    stage : str
        'model', 'content', 'style', 'paint' or 'write'.
    step, steps : int
        How far this stage is, from 0 to `steps`.
    scale, scales : int
        Which size of the pyramid is being painted, from 1.
    loss : float or None
        The objective's best value so far, once there is one.
    seconds_left : float or None
        An estimate for all that remains, once there is one.
    tile, tiles : int
        How many tiles of the evaluation at hand are done, and how many it has; 0 where the picture
        is evaluated in one piece.
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
    """What a run will take, before it starts to paint.

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
    """One sentence that the user should read: a fallback, a skipped layer, a reduced size."""

    text: str


@dataclass(frozen=True)
class Device:
    """Where the network really runs, as found after its session was made.

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


Event = Union[Progress, Preview, Notice, Device, MethodChosen, Estimated]
OnEvent = Callable[[Event], None]
