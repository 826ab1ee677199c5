"""Compositing: painted pictures combined with the content, at the content's size."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np

from engine.pictures.strips import ArrayPlanes, Enlarged, Planes


@dataclass(frozen=True)
class Block:
    """Some columns of everything that a result is put together from.

    Attributes
    ----------
    read_content : callable
        Returns the content, shape (3, height, columns), 0..255, of its own size.
    masks : sequence of ndarray, shape (height, columns)
        From 0 to 1.
    protected : ndarray, shape (height, columns), or float
        How far the content is protected within the masks, from 0 to 1.
    pictures : sequence of ndarray, shape (3, height, columns)
        Painted, 0..255, one for each mask or one in all. Where they were painted at a smaller size
        they are enlarged, and may leave the range.
    read_smooth : callable or None
        Returns a picture enlarged without strokes, by its number; None where none has strokes.
    read_small : callable or None
        Returns the content as it is after being made as small as the pictures and enlarged again;
        None where they have the content's size.
    """

    read_content: Callable[[], np.ndarray]
    masks: Sequence[np.ndarray]
    protected: np.ndarray | float
    pictures: Sequence[np.ndarray]
    read_smooth: Callable[[int], np.ndarray] | None
    read_small: Callable[[], np.ndarray] | None

    @property
    def content(self) -> np.ndarray:
        """The content, shape (3, height, columns), 0..255, of its own size."""
        return self.read_content()

    def covered(self) -> np.ndarray:
        """Return the masks' sum, at most 1."""
        return np.minimum(_total(self.masks), 1)

    def unpainted(self) -> np.ndarray:
        """Return the share of the content in the result, from 0 to 1."""
        return 1 - self.covered() * (1 - self.protected)

    def detailed(self, index: int, share: np.ndarray | float) -> np.ndarray:
        """Return a picture with a share of the content's detail, which its strokes make way for."""
        if self.read_small is None:
            return self.pictures[index]
        enlarged = self.pictures[index]
        if np.any(share):
            if self.read_smooth is not None:
                smooth = self.read_smooth(index)
                enlarged = smooth + (1 - share) * (enlarged - smooth)
            enlarged = enlarged + share * (self.content - self.read_small())
        return np.clip(enlarged, 0, 255)


Composite = Callable[[Block], np.ndarray]
"""Returns some columns of the result, shape (3, height, columns), 0..255. Where the working size is
smaller, parts without style get the content's own detail back."""


def _blend(block: Block) -> np.ndarray:
    """Return the one picture."""
    return block.detailed(0, block.unpainted())


def _pinned(block: Block) -> np.ndarray:
    """Return the one picture; where no mask is it is the content, bit for bit."""
    painted = _blend(block)
    if block.read_small is None:
        return painted  # its bounds have held it
    return np.where(_total(block.masks) == 0, block.content, painted)


def _cut_out(block: Block) -> np.ndarray:
    """Return ``T X + (1 - T) content``, where T is the masks' sum, at most 1."""
    return stitched([block.detailed(0, block.protected)], block.content, [block.covered()])


def _stitch(block: Block) -> np.ndarray:
    """Return ``sum T_r X_r + (1 - sum T_r) content``."""
    pictures = [block.detailed(each, block.protected) for each in range(len(block.pictures))]
    return stitched(pictures, block.content, block.masks)


COMPOSITES: dict[str, Composite] = {
    "blend": _blend,
    "pinned": _pinned,
    "cut out": _cut_out,
    "stitch": _stitch,
}
"""Ways to put a result together; the names are those of `methods.Method.composite`."""


class Assembly:
    """Painted pictures at the content's size, some columns at a time.

    Parameters
    ----------
    pictures : sequence of ndarray, shape (3, rows, columns)
        0..255, of the working size.
    content : Planes
        In the colors that were painted.
    small : ndarray, shape (3, rows, columns), optional
        The content at the working size, if it is there already.
    with_strokes : sequence of Planes
        The pictures at the content's size, with strokes; empty to enlarge them smoothly.
    """

    def __init__(
        self,
        pictures: Sequence[np.ndarray],
        content: Planes,
        small: np.ndarray | None = None,
        with_strokes: Sequence[Planes] = (),
    ) -> None:
        self._content = content
        size, working = content.size, pictures[0].shape[1:]
        self._same = working == size
        if self._same:
            self._pictures: list[Planes | Enlarged] = [ArrayPlanes(each) for each in pictures]
            return
        self._smooth = [Enlarged(each, size) for each in pictures]
        self._has_strokes = bool(with_strokes)
        self._pictures = list(with_strokes) or list(self._smooth)
        self._working = working[0], working[1]
        self._given_small = small
        self._small: Enlarged | None = None
        self._enlarging = threading.Lock()

    def block(
        self,
        left: int,
        right: int,
        masks: Sequence[np.ndarray],
        protected: np.ndarray | float,
        index: int | None = None,
    ) -> Block:
        """Return some columns of everything, with all the pictures or with one of them."""
        numbers = range(len(self._pictures)) if index is None else [index]

        def smooth(position: int) -> np.ndarray:
            return self._smooth[numbers[position]].columns(left, right)

        return Block(
            lambda: self._content.columns(left, right),
            masks,
            protected,
            [self._pictures[number].columns(left, right) for number in numbers],
            smooth if not self._same and self._has_strokes else None,
            None if self._same else lambda: self._small_columns(left, right),
        )

    def _small_columns(self, left: int, right: int) -> np.ndarray:
        """Return some columns of the content after being made as small as the pictures."""
        with self._enlarging:  # only once it is wanted, since it takes time
            if self._small is None:
                small = self._given_small
                small = self._content.resized(self._working) if small is None else small
                self._small = Enlarged(small, self._content.size)
        return self._small.columns(left, right)


def composite(
    name: str,
    pictures: Sequence[np.ndarray],
    content: np.ndarray,
    masks: Sequence[np.ndarray],
    protected: np.ndarray | float,
) -> np.ndarray:
    """Put a whole picture together that is small enough for it.

    Parameters
    ----------
    name : str
        One of `COMPOSITES`.
    pictures : sequence of ndarray, shape (3, rows, columns)
        0..255, of the working size, one for each mask or one in all.
    content : ndarray, shape (3, height, width)
        0..255.
    masks : sequence of ndarray, shape (height, width)
        From 0 to 1.
    protected : ndarray, shape (height, width), or float
        How far the content is protected within the masks, from 0 to 1.

    Returns
    -------
    ndarray, shape (3, height, width)
        0..255.
    """
    assembly = Assembly(pictures, ArrayPlanes(content))
    return COMPOSITES[name](assembly.block(0, content.shape[2], masks, protected))


def _total(masks: Sequence[np.ndarray]) -> np.ndarray:
    return sum(masks, np.zeros_like(masks[0]))


def stitched(
    pictures: Sequence[np.ndarray], content: np.ndarray, masks: Sequence[np.ndarray]
) -> np.ndarray:
    """Return ``sum T_r X_r + (1 - sum T_r) content`` (section 4.2 of the paper).

    Where the masks add up to more than 1, they count as shares of their sum.

    Parameters
    ----------
    pictures : sequence of ndarray, shape (3, height, width)
        One per mask.
    content : ndarray, shape (3, height, width)
    masks : sequence of ndarray, shape (height, width)
        From 0 to 1.
    """
    total = _total(masks)
    painted = (1 - np.minimum(total, 1)) * content
    for share, picture in zip(shares(masks), pictures):
        painted += share * picture
    return np.clip(painted, 0, 255)


def rectangles(covered: np.ndarray) -> np.ndarray:
    """Return rectangles that hold exactly the covered pixels, from the top.

    Parameters
    ----------
    covered : ndarray of bool, shape (height, width)

    Returns
    -------
    ndarray of int, shape (n, 4)
        Left, top, width and height. No pixel is in two of them.
    """
    height, width = covered.shape
    repeats = (covered[1:] == covered[:-1]).all(axis=1)
    tops = np.flatnonzero(np.concatenate([[True], ~repeats]))
    heights = np.diff(np.append(tops, height))
    edges = np.zeros((len(tops), width + 2), np.int8)
    edges[:, 1:-1] = covered[tops]
    steps = np.diff(edges, axis=1)
    bands, left = np.nonzero(steps == 1)
    _, right = np.nonzero(steps == -1)
    return np.stack([left, tops[bands], right - left, heights[bands]], axis=1)


def shares(masks: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield each region's share of the picture, ``T_r / max(sum T, 1)``.

    The shares add up to at most 1. A mask that overlaps no other is its own share.

    Parameters
    ----------
    masks : sequence of ndarray, shape (height, width)
        From 0 to 1.
    """
    total = np.maximum(_total(masks), 1)
    for mask in masks:
        yield mask / total
