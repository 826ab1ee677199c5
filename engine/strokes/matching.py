"""Matching: for each patch of a painting, a patch of the style, so that neighbors fit together."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from engine.strokes.patches import SIDE, STRIDE, Description

TREE_PATCHES = 200_000
"""The most patches of a style that are searched."""

INEXACT = 3.0
"""A match may be farther away than the nearest one by this share. Against 1, that is four times as
quick, with the same detail, and it looks the same or better."""

CHOICE = 8
"""How many of the nearest matches one is taken from."""

SPREAD = 0.2
"""By which share these may be farther away than the nearest one."""

PASSES = 3
"""Times that every patch is compared with its neighbors."""

COHERENCE = 1.0
"""How much farther away a match may be for each neighbor whose stroke it continues, as a share of
the squared distance of the first one. By eye: at 0 strokes are broken, at 5 they are misplaced."""

NEAR = 1.0
"""The least distance that shares are taken of, since the distances of flat patches are noise."""

REACH = STRIDE * 2 * PASSES + SIDE
"""Pixels beyond which a patch has no influence on another patch's match."""

NEIGHBORS = ((0, 1), (1, 0), (0, -1), (-1, 0))

NOWHERE = -1_000_000
"""A row or column that is in no style, wherever a neighbor would continue it."""

STROKE_BYTES = 12
"""Per pixel of a style: its finest strokes."""

PATCH_BYTES = 270
"""Per patch that is described: the description, and the tree in which it is found; measured."""


class Bank:
    """The patches of a style picture.

    Parameters
    ----------
    low : ndarray, shape (3, height, width)
        The style picture without its finest strokes, 0..255.
    high : ndarray, shape (3, height, width)
        The finest strokes: the difference.
    usable : ndarray of bool, shape (height, width)
        Where the style may be taken from.

    Attributes
    ----------
    high : ndarray, shape (height, width, 3)
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, usable: np.ndarray) -> None:
        self.high = np.ascontiguousarray(high.transpose(1, 2, 0))
        self._description = Description(low)
        self._grid = _grid(usable.size)
        self._described = self._description.describe(low, self._grid)
        self._good = _whole_patches(usable)[:: self._grid, :: self._grid]
        places = np.argwhere(self._good)
        self._places = places[:: max(-(-len(places) // TREE_PATCHES), 1)]
        self._tree = cKDTree(self._described[self._places[:, 0], self._places[:, 1]])

    def match(self, low: np.ndarray, wanted: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
        """Find a patch of the style for each patch of a painting.

        One of the nearest is taken first, by chance: in flat parts the nearest one would be the
        same again and again, which shows as a pattern. Then every patch prefers matches that
        continue those of its neighbors (Ashikhmin, *Synthesizing natural textures*, 2001), by
        iterated conditional modes over the two colors of a chessboard.

        Parameters
        ----------
        low : ndarray, shape (3, height, width)
            A part of the painting, 0..255.
        wanted : ndarray of bool, shape (rows, columns)
            Which of its patches, `STRIDE` pixels apart, need a match.
        origin : (int, int)
            The row and the column of its first patch among those of the whole painting, on which
            chance depends.

        Returns
        -------
        ndarray of int, shape (rows, columns, 2)
            The first row and column of the style's patch; 0 where none is wanted.
        """
        described = self._description.describe(low, STRIDE)
        count = min(CHOICE, len(self._places))
        found, index = self._tree.query(described[wanted], k=range(1, count + 1), eps=INEXACT)
        near = found <= found[:, :1] * (1 + SPREAD) + NEAR
        chosen = (_chances(wanted.shape, origin)[wanted] * near.sum(axis=1)).astype(int)
        each = np.arange(len(chosen))
        matches = np.full((*wanted.shape, 2), NOWHERE)
        matches[wanted] = self._places[index[each, chosen]]
        distances = np.zeros(wanted.shape, np.float32)
        distances[wanted] = found[each, chosen] ** 2
        scales = np.maximum(distances, NEAR)
        black = np.indices(wanted.shape).sum(axis=0) % 2 == 0
        for _ in range(PASSES):
            for color in (black, ~black):
                self._improve(matches, distances, scales, described, wanted & color)
        return np.where(wanted[..., None], matches * self._grid, 0)

    def _improve(
        self,
        matches: np.ndarray,
        distances: np.ndarray,
        scales: np.ndarray,
        described: np.ndarray,
        here: np.ndarray,
    ) -> None:
        """Let some patches choose again, from their own matches and those that continue another's.

        Parameters
        ----------
        matches, distances : ndarray
            Of all patches; those of the patches at hand are changed.
        scales : ndarray
            What the squared distances are divided by.
        described : ndarray
            The patches' descriptions.
        here : ndarray of bool
            The patches at hand, no two of them side by side.
        """
        step = STRIDE // self._grid
        rows, columns = np.nonzero(here)
        padded = np.pad(matches, ((1, 1), (1, 1), (0, 0)), constant_values=NOWHERE)
        continuing = [
            padded[rows + 1 - down, columns + 1 - right] + (step * down, step * right)
            for down, right in NEIGHBORS
        ]
        wanted, scale = described[here], scales[here]

        def cost(candidate: np.ndarray, distance: np.ndarray) -> np.ndarray:
            agreeing = sum((candidate == other).all(axis=1) for other in continuing)
            return distance / scale - COHERENCE * agreeing

        best, nearest = matches[here], distances[here]
        least = cost(best, nearest)
        for candidate in continuing:
            row, column = candidate.T
            there = (row >= 0) & (row < len(self._good))
            there &= (column >= 0) & (column < self._good.shape[1])
            row, column = np.where(there, row, 0), np.where(there, column, 0)
            there &= self._good[row, column]
            distance = ((wanted - self._described[row, column]) ** 2).sum(axis=1)
            found = cost(candidate, distance)
            better = there & (found < least)
            best = np.where(better[:, None], candidate, best)
            nearest = np.where(better, distance, nearest)
            least = np.where(better, found, least)
        matches[here], distances[here] = best, nearest


def bank_bytes(pixels: float) -> float:
    """Return the bytes that the bank of a style of so many pixels takes."""
    return STROKE_BYTES * pixels + PATCH_BYTES * pixels / _grid(pixels) ** 2


def _grid(pixels: float) -> int:
    """Return how many pixels the described patches of a style lie apart.

    The grid divides the stride, so that neighbors can be continued on it.
    """
    grid = 1
    while pixels / grid**2 > TREE_PATCHES and grid < STRIDE:
        grid *= 2
    return grid


def has_patches(usable: np.ndarray) -> bool:
    """Return whether a whole patch can be taken from a style picture.

    Parameters
    ----------
    usable : ndarray of bool, shape (height, width)
    """
    return min(usable.shape) >= SIDE and bool(_whole_patches(usable).any())


def _chances(shape: tuple[int, ...], origin: tuple[int, int]) -> np.ndarray:
    """Return a number from 0 to 1, below 1, for each patch; it depends on its place alone."""
    row, column = np.indices(shape, np.uint64)
    mixed = (row + np.uint64(origin[0])) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= (column + np.uint64(origin[1])) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(40)) / float(1 << 24)


def _whole_patches(usable: np.ndarray) -> np.ndarray:
    """Return at which pixels a patch begins that is usable as a whole."""
    whole = usable
    for axis in (0, 1):
        whole = np.all(np.lib.stride_tricks.sliding_window_view(whole, SIDE, axis=axis), axis=-1)
    return whole
