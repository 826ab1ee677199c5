"""Large pictures worked on in strips, so that never all of one is there in float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, Protocol

import numpy as np

from engine.sizes import resize

STRIP_PIXELS = 1 << 18
"""Pixels of a strip."""


class Planes(Protocol):
    """A picture that is read in strips.

    Attributes
    ----------
    size : (int, int)
        Height and width.
    """

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        ...

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Return some rows, float32, shape (3, bottom - top, width), 0..255."""
        ...

    def columns(self, left: int, right: int) -> np.ndarray:
        """Return some columns, float32, shape (3, height, right - left), 0..255."""
        ...

    def resized(self, size: tuple[int, int]) -> np.ndarray:
        """Return it at another size, float32, shape (3, rows, columns), 0..255."""
        ...


class ArrayPlanes:
    """A picture that is an array.

    Parameters
    ----------
    array : ndarray, shape (3, height, width)
        float32, 0..255.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self._array.shape[1], self._array.shape[2]

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Return some rows, shape (3, bottom - top, width)."""
        return self._array[:, top:bottom]

    def columns(self, left: int, right: int) -> np.ndarray:
        """Return some columns, shape (3, height, right - left)."""
        return self._array[:, :, left:right]

    def resized(self, size: tuple[int, int]) -> np.ndarray:
        """Return it at another size, within 0..255."""
        return np.clip(resized_by_strips(self.rows, self.size, size), 0, 255)


class Enlarged:
    """A picture brought to a larger size, some columns at a time.

    The columns are those of `sizes.resized_unclipped`, bit for bit: Pillow's resizing goes along
    the rows first, and then along each column by itself.

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
    size : (int, int)
        The new height and width.
    """

    def __init__(self, picture: np.ndarray, size: tuple[int, int]) -> None:
        self._height = size[0]
        self._wide = [resize(plane, (picture.shape[1], size[1])) for plane in picture]

    def columns(self, left: int, right: int) -> np.ndarray:
        """Return some columns, shape (3, height, right - left); edges may leave the range."""
        size = (self._height, right - left)
        return np.stack([resize(plane[:, left:right], size) for plane in self._wide])


def pixels_at_work(length: int, across: int, at_a_time: int = 1) -> int:
    """Return the pixels of the strips that are in memory together, as `strips` cuts them."""
    first = next(strips(length, across, at_a_time))[1]
    return min(first * at_a_time, length) * across


def strips(length: int, across: int, at_a_time: int = 1) -> Iterator[tuple[int, int]]:
    """Yield the beginnings and ends of strips along a side of this length.

    Parameters
    ----------
    length, across : int
        The side that is cut, and the other one, in pixels.
    at_a_time : int
        Strips that are in memory together.
    """
    step = max(STRIP_PIXELS // at_a_time // max(across, 1), 16)
    for begin in range(0, length, step):
        yield begin, min(begin + step, length)


def resized_by_strips(
    rows: Callable[[int, int], np.ndarray], size: tuple[int, int], new: tuple[int, int]
) -> np.ndarray:
    """Resize a picture that is read in strips, bit for bit as `sizes.resize` does the whole.

    Parameters
    ----------
    rows : callable
        Returns the rows from one number to another, shape (planes, rows, width).
    size, new : (int, int)
        Height and width of the picture, and those to bring it to.

    Returns
    -------
    ndarray, shape (planes, *new)
        float32. At sharp edges Lanczos goes a little beyond the range of the values.
    """
    height, width = size
    columns = new[1]
    narrow: np.ndarray | None = None
    for top, bottom in strips(height, width):
        strip = np.asarray(rows(top, bottom), np.float32)
        if narrow is None:
            narrow = np.empty((len(strip), height, columns), np.float32)
        for plane, values in zip(narrow, strip):
            plane[top:bottom] = resize(values, (bottom - top, columns))
    assert narrow is not None
    if height == new[0]:
        return narrow
    return np.stack([resize(plane, new) for plane in narrow])
