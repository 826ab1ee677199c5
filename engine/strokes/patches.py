"""Patches of pictures, described by a few numbers each, so that similar ones are found quickly."""

from __future__ import annotations

import numpy as np

SIDE = 8
"""Pixels of a patch's side."""

STRIDE = 4
"""Pixels from one patch of a painting to the next."""

NUMBERS = 16
"""Numbers that describe a patch: 98 % of the variance of a painting's patches."""

COLOR_SHARE = 0.5
"""How much a patch's mean color counts, as a share of its weight among the squared differences. A
painting mixes its style's colors, so the form of a stroke has to count more than its color."""

SAMPLES = 20_000
"""Patches from which the description is learned."""

ROWS = 64
"""Rows of patches that are described at a time."""


class Description:
    """A linear map from a patch to a few numbers, learned from the patches of a picture.

    The squared distance of two descriptions is about the sum of squared differences of the patches,
    in which the mean color counts less (principal components).

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
        The picture that it is learned from.
    """

    def __init__(self, picture: np.ndarray) -> None:
        mean = np.kron(np.eye(3), np.full((SIDE**2, SIDE**2), 1 / SIDE**2))
        weighted = np.eye(3 * SIDE**2) - (1 - COLOR_SHARE) * mean
        patches = _windows(picture, 1)
        rows, columns = patches.shape[:2]
        step = max(rows * columns // SAMPLES, 1)
        chosen = np.arange(0, rows * columns, step)
        samples = patches[chosen // columns, chosen % columns].reshape(len(chosen), -1)
        samples = (samples - samples.mean(axis=0)).astype(np.float64) @ weighted
        _, vectors = np.linalg.eigh(samples.T @ samples)
        self._map = (weighted @ vectors[:, ::-1][:, :NUMBERS]).astype(np.float32)

    def describe(self, picture: np.ndarray, stride: int) -> np.ndarray:
        """Return the descriptions of a picture's patches.

        Parameters
        ----------
        picture : ndarray, shape (3, height, width)
        stride : int
            Pixels from one patch to the next.

        Returns
        -------
        ndarray, shape (rows, columns, NUMBERS)
            float32.
        """
        patches = _windows(picture, stride)
        rows, columns = patches.shape[:2]
        found = np.empty((rows, columns, self._map.shape[1]), np.float32)
        for top in range(0, rows, ROWS):
            some = patches[top : top + ROWS]
            found[top : top + ROWS] = (some.reshape(-1, len(self._map)) @ self._map).reshape(
                len(some), columns, -1
            )
        return found


def _windows(picture: np.ndarray, stride: int) -> np.ndarray:
    """Return a view of the patches, shape (rows, columns, 3, SIDE, SIDE)."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (SIDE, SIDE), axis=(1, 2))
    return windows[:, ::stride, ::stride].transpose(1, 2, 0, 3, 4)
