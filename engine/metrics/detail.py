"""Detail by octave: whether a result is as sharp at 1:1 as the style picture itself."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from engine.metrics.lab import lightness

OCTAVES = 3

_KERNEL = np.array([1, 4, 6, 4, 1]) / 16


def detail(
    result: np.ndarray,
    style: np.ndarray,
    mask: np.ndarray | None = None,
    style_mask: np.ndarray | None = None,
) -> tuple[float, ...]:
    """Return how much fine structure a result has, octave by octave, against the style picture.

    For each octave the root mean square of that band of the Laplacian pyramid of the lightness
    (L* of CIE Lab), over the same of the style picture. Both pictures are taken at their own
    pixels. The first octave holds periods of about 2 to 4 pixels, the second of 4 to 8, the third
    of 8 to 16.

    Parameters
    ----------
    result : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    style : ndarray, shape (3, rows, columns)
    mask : ndarray, shape (height, width), optional
        The painted region, from 0 to 1; each pixel counts with its value.
    style_mask : ndarray, shape (rows, columns), optional
        The part of the style picture that is the style, from 0 to 1.

    Returns
    -------
    tuple of three floats
        1: as sharp as the painting; less: blurred; more: grainier. NaN where neither has anything,
        infinite where the style alone is flat.

    References
    ----------
    Burt and Adelson 1983, *The Laplacian pyramid as a compact image code*.
    """
    painted, wanted = band_strengths(result, mask), band_strengths(style, style_mask)
    return tuple(
        own / other if other > 0 else (math.inf if own > 0 else math.nan)
        for own, other in zip(painted, wanted)
    )


def band_strengths(picture: np.ndarray, mask: np.ndarray | None = None) -> tuple[float, ...]:
    """Return the root mean square of each of the three finest bands, in units of L* (0..100).

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    mask : ndarray, shape (height, width), optional
        Each pixel's weight, from 0 to 1.
    """
    values = lightness(picture).astype(np.float64)
    weights = np.ones(values.shape) if mask is None else np.asarray(mask, np.float64)
    strengths = []
    for _ in range(OCTAVES):
        smaller = _reduced(values)
        band = values - _expanded(smaller, values.shape)
        total = weights.sum()
        mean = (weights * band**2).sum() / total if total > 0 else math.nan
        # Rounding leaves a little where the band is 0.
        strengths.append(math.sqrt(mean) if not mean < 1e-12 else 0.0)
        values, weights = smaller, _reduced(weights)
    return tuple(strengths)


def _reduced(values: np.ndarray) -> np.ndarray:
    """Blur and keep every second row and column."""
    for axis in (0, 1):
        values = ndimage.correlate1d(values, _KERNEL, axis, mode="mirror")
    return values[::2, ::2]


def _expanded(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array twice as large, to subtract from the one that it was reduced from."""
    spread = np.zeros(shape)
    spread[::2, ::2] = values
    for axis in (0, 1):
        spread = ndimage.correlate1d(spread, 2 * _KERNEL, axis, mode="mirror")
    return spread
