"""Pixels that a position of VGG-16 sees, and how much of each: counted one by one.

Positions are looked at from above: each one asks the positions that it was made of, down to the
picture. Rows and columns are separate, so a position's share of pixel (y, x) is the product of its
row's share of y and its column's share of x.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tests.reference.vgg import steps_through

Shares = dict[int, Fraction]


def shares(layer: str, position: int, length: int) -> Shares:
    """Return how much of each pixel of a row of `length` a position of that layer sees.

    A convolution averages over those of its three inputs that exist, a pooling over its two.
    """
    names = steps_through([layer])
    lengths = [length]
    for name in names:
        lengths.append(lengths[-1] // 2 if name.startswith("pool") else lengths[-1])
    seen: Shares = {position: Fraction(1)}
    for name, available in zip(names[::-1], lengths[-2::-1]):
        below: Shares = {}
        for index, share in seen.items():
            wanted = [2 * index, 2 * index + 1]
            if name.startswith("conv"):
                wanted = [index - 1, index, index + 1]
            there = [each for each in wanted if 0 <= each < available]
            for each in there:
                below[each] = below.get(each, Fraction(0)) + share / len(there)
        seen = below
    return seen


def layer_shape(layer: str, height: int, width: int) -> tuple[int, int]:
    pools = sum(name.startswith("pool") for name in steps_through([layer]))
    for _ in range(pools):
        height, width = height // 2, width // 2
    return height, width


def share_table(layer: str, length: int) -> np.ndarray:
    """Return the shares of each position of a layer in a row of `length`, one row for each."""
    positions, _ = layer_shape(layer, length, length)
    table = np.zeros((positions, length))
    for position in range(positions):
        for pixel, share in shares(layer, position, length).items():
            table[position, pixel] = float(share)
    return table


def guidance(mask: np.ndarray, layer: str, kind: str) -> np.ndarray:
    """Carry a mask to a layer: the mean, its square, or the extremes of what a position sees."""
    down, across = (share_table(layer, length) for length in mask.shape)
    if kind in ("receptive", "squared"):
        mean = down @ mask.astype(np.float64) @ across.T
        return mean**2 if kind == "squared" else mean
    extreme = np.min if kind == "inside" else np.max
    return np.array(
        [[extreme(mask[np.ix_(row > 0, column > 0)]) for column in across] for row in down],
        np.float64,
    ).reshape(len(down), len(across))


def resized(mask: np.ndarray, layer: str) -> np.ndarray:
    """Average over equal parts of the picture: every pixel is cut into rows x columns crumbs."""
    height, width = mask.shape
    rows, columns = layer_shape(layer, height, width)
    crumbs = mask.astype(np.float64).repeat(rows, axis=0).repeat(columns, axis=1)
    return crumbs.reshape(rows, height, columns, width).mean(axis=(1, 3))
