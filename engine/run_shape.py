"""The shape of a run: the sizes of its pictures and masks, on which its memory and time depend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.pictures.reading_memory import Read


@dataclass(frozen=True)
class RunShape:
    """The sizes on which memory and time depend.

    Attributes
    ----------
    content : (int, int)
        Height and width.
    styles : sequence of (int, int)
        Height and width of each region's style picture.
    protect : bool
        Whether there is a mask of what is protected.
    held : int
        Bytes of the pictures and masks that were read.
    reading : int
        The most bytes that reading them took.
    depth : int
        Bytes of a number of the result: 1, 2, or 4 for float32.
    planes : int
        Of the content: 1 for a gray one, else 3.
    masks : int
        Regions with a mask.
    converted : bool
        Whether the content's colors are of another space than sRGB.
    reads : sequence of Read
        The files that are read.
    """

    content: tuple[int, int]
    styles: Sequence[tuple[int, int]]
    protect: bool = False
    held: int = 0
    reading: int = 0
    depth: int = 1
    planes: int = 3
    masks: int = 0
    converted: bool = False
    reads: Sequence[Read] = ()

    @property
    def pixels(self) -> int:
        """The content's area."""
        return math.prod(self.content)
