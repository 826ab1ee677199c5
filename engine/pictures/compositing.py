"""Compositing: painted pictures combined with the content, at the content's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Callable, Union

import numpy as np

from engine.sizes import resized, resized_unclipped

Composite = Callable[
    [Sequence[np.ndarray], np.ndarray, Sequence[np.ndarray], Union[np.ndarray, float]], np.ndarray
]
"""Brings painted pictures to the content's size.

Parameters: the pictures, shape (3, rows, columns), 0..255, of the working size, one for each mask
or one in all; the content, shape (3, height, width), 0..255; the masks, shape (height, width), from
0 to 1; how far the content is protected within the masks, shape (height, width) or a number, from 0
to 1. Returns a picture of the content's size, 0..255. Where the working size is smaller, parts
without style get the content's own detail back.
"""


def _blend(
    pictures: Sequence[np.ndarray],
    content: np.ndarray,
    masks: Sequence[np.ndarray],
    protected: np.ndarray | float,
) -> np.ndarray:
    """Return the one picture."""
    covered = np.minimum(_total(masks), 1)
    return _enlarged(pictures[0], content, 1 - covered * (1 - protected))


def _pinned(
    pictures: Sequence[np.ndarray],
    content: np.ndarray,
    masks: Sequence[np.ndarray],
    protected: np.ndarray | float,
) -> np.ndarray:
    """Return the one picture; where no mask is it is the content, bit for bit."""
    painted = _blend(pictures, content, masks, protected)
    if pictures[0].shape == content.shape:
        return painted  # its bounds have held it
    return np.where(_total(masks) == 0, content, painted)


def _cut_out(
    pictures: Sequence[np.ndarray],
    content: np.ndarray,
    masks: Sequence[np.ndarray],
    protected: np.ndarray | float,
) -> np.ndarray:
    """Return ``T X + (1 - T) content``, where T is the masks' sum, at most 1."""
    covered = np.minimum(_total(masks), 1)
    return stitched([_enlarged(pictures[0], content, protected)], content, [covered])


def _stitch(
    pictures: Sequence[np.ndarray],
    content: np.ndarray,
    masks: Sequence[np.ndarray],
    protected: np.ndarray | float,
) -> np.ndarray:
    """Return ``sum T_r X_r + (1 - sum T_r) content``."""
    return stitched([_enlarged(each, content, protected) for each in pictures], content, masks)


COMPOSITES: dict[str, Composite] = {
    "blend": _blend,
    "pinned": _pinned,
    "cut out": _cut_out,
    "stitch": _stitch,
}
"""How a result is put together; the names are those of `methods.Method.composite`."""


def uncut(
    picture: np.ndarray, content: np.ndarray, protected: np.ndarray | float = 0.0
) -> np.ndarray:
    """Bring one painted picture to the content's size without masks."""
    return _blend([picture], content, [np.ones(content.shape[1:], np.float32)], protected)


def _total(masks: Sequence[np.ndarray]) -> np.ndarray:
    return sum(masks, np.zeros_like(masks[0]))


def _enlarged(picture: np.ndarray, content: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Bring a picture to the content's size, with a share of the detail that the content has."""
    size = content.shape[1:]
    if picture.shape[1:] == size:
        return picture
    enlarged = resized_unclipped(picture, size)
    if np.any(share):
        small = resized(content, picture.shape[1:])
        enlarged += share * (content - resized_unclipped(small, size))
    return np.clip(enlarged, 0, 255)


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
