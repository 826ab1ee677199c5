"""Banded guidance: every part of a soft ramp carries full style by itself.

One Gram matrix over a whole soft region is content if the far ends carry all of the style, which
leaves a dull band in the ramp. Here the values of the masks are cut into overlapping bands, each
band has a Gram matrix of its own, and its target is the mixture of the styles at that band's value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_POSITIONS = 1 << 20
"""Positions per pass; this bounds the memory used in addition to the masks."""


def mask_bands(masks: Sequence[np.ndarray], bands: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut masks into bands.

    The masks of one position, with what they leave uncovered, are a point of a simplex (where they
    add up to more than 1, after division by their sum). A grid with `bands` points on each edge
    cuts the simplex into small ones, and each position belongs to the corners of the one it lies
    in, by its barycentric coordinates. For two masks that add up to 1 these are the triangular hats
    on the first mask.

    Parameters
    ----------
    masks : sequence of ndarray, shape (M,)
        One per region, from 0 to 1.
    bands : int
        Points on each edge of the simplex, at least 2.

    Returns
    -------
    list of (ndarray, ndarray)
        For each band that is not empty: its mask, shape (M,), and the regions' shares at its
        center, shape (regions,). The band masks add up to 1 at every position, and to the masks'
        sum where that is more: where masks overlap, styles add up.
    """
    given = np.stack([np.asarray(mask, np.float64).ravel() for mask in masks])
    # The cut depends on an order, which may not be that of the list: larger regions come first,
    # and regions as large as one another in the order of their bytes. Equal masks are one mask,
    # of which each region has an equal share.
    keys = [mask.tobytes() for mask in given]
    distinct = sorted(set(keys))
    group = np.array([distinct.index(key) for key in keys])
    members = np.bincount(group)
    values = given[[keys.index(key) for key in distinct]]
    del given, keys, distinct
    values *= members[:, None]
    order = np.argsort(-values.sum(axis=1), kind="stable")
    values = values[order]
    positions = values.shape[1]
    found: dict[tuple[int, ...], np.ndarray] = {}
    for start in range(0, positions, _POSITIONS):
        where = slice(start, start + _POSITIONS)
        excess = np.maximum(values[:, where].sum(axis=0), 1)
        for point, chosen, shares in _corner_shares(values[:, where] / excess, bands - 1):
            band = found.setdefault(point, np.zeros(positions, np.float32))
            band[where][chosen] = shares * excess[chosen]
    result = []
    for point in sorted(found):
        at_center = np.empty(len(values))
        at_center[order] = np.diff(np.concatenate([[0], point])) / (bands - 1)
        result.append((found[point], (at_center / members)[group]))
    return result


def _corner_shares(
    values: np.ndarray, grid: int
) -> Iterator[tuple[tuple[int, ...], np.ndarray, np.ndarray]]:
    """Yield corners of the grid with positions that belong to them and to which share.

    Parameters
    ----------
    values : ndarray, shape (masks, positions)
        Points of the simplex.
    grid : int
        Steps on each edge of the simplex.
    """
    # In running sums the grid of the simplex is the integer grid, cut by Kuhn's triangulation:
    # walk from the floor to the ceiling, the largest fraction first. Rounding keeps a sum that is
    # a grid value up to float errors on that value.
    sums = np.round(np.cumsum(values, axis=0) * grid, 6)
    floors = np.floor(sums)
    fractions = sums - floors
    walk = np.argsort(-fractions, axis=0, kind="stable")
    fraction = np.take_along_axis(fractions, walk, axis=0)
    ends = np.ones((1, fraction.shape[1])), np.zeros((1, fraction.shape[1]))
    shares = -np.diff(np.concatenate([ends[0], fraction, ends[1]]), axis=0)
    corner = floors.astype(np.int64)
    for step in range(len(values) + 1):
        if step:
            corner[walk[step - 1], np.arange(values.shape[1])] += 1
        used = np.flatnonzero(shares[step] > 0)
        first, which = _distinct_columns(corner[:, used], grid + 1)
        for index, column in enumerate(first):
            chosen = used[which == index]
            yield tuple(corner[:, used[column]].tolist()), chosen, shares[step][chosen]


def _distinct_columns(values: np.ndarray, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each distinct column stands first, and which of these each column is.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        Integers from 0 to `base`.
    base : int
    """
    code = np.zeros(values.shape[1], np.int64)
    for number, row in enumerate(values, 1):
        code = code * (base + 1) + row
        if number % 12 == 0:  # so that 64 bits suffice for any number of rows
            code = np.unique(code, return_inverse=True)[1].ravel()
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return first, which.ravel()
