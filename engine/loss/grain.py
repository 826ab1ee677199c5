"""The term of the finest texture: a region's variograms are those of its style."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.loss.definition import LAGS, grain_factor, pairs, variogram
from engine.loss.terms import Part

STRIP_PIXELS = 1 << 18
"""Pixels of a picture whose differences are taken at a time: 3 MB an array."""

WEIGHT = 1e7
"""Weight of the relative errors against the style losses, which are of the order of 1e6 in the end.
At three times as much a fine hatching shows in flat parts, at a third the grid is half as faint."""


@dataclass(frozen=True)
class GrainTerm:
    """The loss of a region's variograms (`definition.grain_factor`), its mean over `LAGS`.

    Attributes
    ----------
    roots : ndarray, shape (height, width), or None
        The square root of the region's mask, float32; None where it is 1 everywhere.
    totals : tuple of float
        For each lag the sum of the pairs' weights.
    targets : ndarray, shape (lags, 3, 3)
        The style's variograms.
    area : float
        The area share, from 0 to 1.
    weight : float
    region : int
        The index of its region.
    """

    roots: np.ndarray | None
    totals: tuple[float, ...]
    targets: np.ndarray
    area: float
    weight: float
    region: int

    @classmethod
    def of(cls, mask: np.ndarray, targets: np.ndarray, weight: float, region: int) -> GrainTerm:
        """Return the term of a region.

        Parameters
        ----------
        mask : ndarray, shape (height, width)
            From 0 to 1.
        targets, weight, region
            As the attributes.
        """
        area = float(mask.mean(dtype=np.float64))
        roots = None if (mask == 1).all() else np.sqrt(mask, dtype=np.float32)
        totals = []
        for lag in LAGS:
            here, there = pairs(mask.shape[0], mask.shape[1], lag)
            if roots is None:
                totals.append(float(mask[here].size))
            else:
                totals.append(float(np.vdot(roots[here], roots[there])))
        return cls(roots, tuple(totals), targets, area, weight, region)

    @property
    def part(self) -> Part:
        """The part of the loss that it counts for."""
        return Part("style", self.region)

    @property
    def factors(self) -> np.ndarray:
        """The factor of the squares of ``S - A`` at each lag; 0 without any pair."""
        sizes = [grain_factor(target, self.area) for target in self.targets]
        there = np.array([total > 0 for total in self.totals])
        return there * (self.weight / len(self.totals)) * np.array(sizes)

    @property
    def slopes(self) -> np.ndarray:
        """The p of each lag, where the gradient with respect to `X_p` is ``p (S - A) e_p w_p``."""
        totals = np.array([total or np.inf for total in self.totals])
        return 4 * self.factors / totals

    def add_gradient(self, picture: np.ndarray, gradient: np.ndarray) -> float:
        """Add the weighted loss's gradient, strip by strip; return the weighted loss."""
        sums = np.zeros(self.targets.shape)
        for number, (e, weighted, _, _) in self._differences(picture):
            sums[number] += weighted.reshape(3, -1) @ e.reshape(3, -1).T
        totals = np.array([total or np.inf for total in self.totals])
        away = sums / totals[:, None, None] - self.targets
        value = float(self.factors @ (away**2).sum(axis=(1, 2)))
        single = (self.slopes[:, None, None] * away).astype(np.float32)
        for number, (_, weighted, here, there) in self._differences(picture):
            slope = np.tensordot(single[number], weighted, 1)
            gradient[(slice(None), *here)] += slope
            gradient[(slice(None), *there)] -= slope
        return value

    def _differences(self, picture: np.ndarray) -> Iterator[tuple[int, tuple]]:
        """Yield each lag's number with the differences, weighted, and where they are, by strips."""
        _, height, width = picture.shape
        rows = max(STRIP_PIXELS // width, 1)
        for start in range(0, height, rows):
            for number, lag in enumerate(LAGS):
                here, there = pairs(height, width, lag, slice(start, start + rows))
                e = picture[(slice(None), *here)] - picture[(slice(None), *there)]
                weighted = e if self.roots is None else e * (self.roots[here] * self.roots[there])
                yield number, (e, weighted, here, there)


def variograms(style: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Return a style's variograms at `LAGS`, shape (lags, 3, 3); None if its mask has no pairs.

    Parameters
    ----------
    style : ndarray, shape (3, height, width)
        At the size at which it is used.
    mask : ndarray, shape (height, width)
        From 0 to 1.
    """
    try:
        return np.stack([variogram(style, mask, lag) for lag in LAGS]).astype(np.float64)
    except ValueError:
        return None
