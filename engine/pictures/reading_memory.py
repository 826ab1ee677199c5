"""Memory for reading pictures, compared with the memory available, and the time it took."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engine.errors import PictureError
from engine.memory import memory
from engine.messages import shown_name
from engine.translations import _, number_text

ALWAYS_READ = 64_000_000
"""Bytes that a picture may always take: less than the libraries themselves take."""


class Read(NamedTuple):
    """A file that was read.

    Attributes
    ----------
    kind : str
        The kind of work, as `overhead.TYPICAL` has it.
    pixels : int
        Of the file, also where fewer were decoded.
    seconds : float
        The time that it took; 0 where that is not known.
    """

    kind: str
    pixels: int
    seconds: float = 0.0


class ReadingMemory:
    """The memory for reading the pictures of a run, one after the other.

    Parameters
    ----------
    room : int, optional
        Bytes that all of them may take; by default what is free.
    limited : bool
        Whether the user has set a limit, which could be raised.

    Attributes
    ----------
    held : int
        Bytes of what has been read and is kept.
    most : int
        The most bytes that were taken at a time.
    reads : list of Read
        The files that were read.
    """

    def __init__(self, room: int | None = None, *, limited: bool = False) -> None:
        self._room = room
        self._limited = limited
        self.held = 0
        self.most = 0
        self.reads: list[Read] = []

    def keep(self, nbytes: int) -> None:
        """Count what is kept of a picture."""
        self.held += nbytes

    def take(self, path: Path, width: int, height: int, bytes_per_pixel: float) -> None:
        """Refuse a picture that would fill the memory while it is read.

        Raises
        ------
        PictureError
            Says how much memory it takes and how much there is.
        """
        needed = int(width * height * bytes_per_pixel)
        free = memory().free if self._room is None else self._room - self.held
        if needed > max(free, ALWAYS_READ):
            message = _(
                "{name} has {width}x{height} pixels; reading it takes about {needed} GB of memory "
                "and {free} GB are available; make it smaller."
            )
            if self._limited:
                message = _(
                    "{name} has {width}x{height} pixels; reading it takes about {needed} GB of "
                    "memory and {free} GB are available; make it smaller or raise --memory."
                )
            sizes = [number_text(each / 1e9, ".1f") for each in (needed, max(free, 0))]
            raise PictureError(
                message.format(
                    name=shown_name(path),
                    width=width,
                    height=height,
                    needed=sizes[0],
                    free=sizes[1],
                )
            )
        self.most = max(self.most, self.held + needed)
