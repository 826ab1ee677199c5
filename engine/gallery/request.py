"""Requests: the settings of a gallery. Standard library only, for the command line's help."""

from __future__ import annotations

from dataclasses import dataclass

NUMBERS = (4, 5, 6, 9, 10)
"""The figures of the paper that can be painted."""

SIZE, ITERATIONS = 60_000, 100
"""Pixels and steps of each picture unless others are asked for."""


@dataclass(frozen=True)
class GalleryRequest:
    """A request for a gallery.

    Attributes
    ----------
    figures : tuple of int
    content, mask : str
        Files of the user; empty for the gallery's.
    styles : tuple of str
        Up to two files of the user.
    size, iterations, seed, threads, device
        As in a job.
    """

    figures: tuple[int, ...]
    content: str
    styles: tuple[str, ...]
    mask: str
    size: int
    iterations: int
    seed: int
    threads: int
    device: str
