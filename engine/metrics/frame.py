"""Frame: lines along the picture's edge, where the network sees its own border of zeros."""

from __future__ import annotations

import math

import numpy as np

from engine.metrics.lab import lightness

WIDTH = 12
"""Pixels from the picture's edge that count as the frame."""


def frame(picture: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Return how much busier a picture is along its edge than inside.

    The mean length of the gradient of the lightness (L* of CIE Lab, central differences) within 12
    pixels of the picture's edge, over that of the rest. Compare a result with the photograph that
    it was painted from: what that has along its edge is no fault of the paint.

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    mask : ndarray, shape (height, width), optional
        The painted region, from 0 to 1; each pixel counts with its value.

    Returns
    -------
    float
        1: as busy as inside. NaN if the region does not come within 12 pixels of the edge or lies
        entirely there, or if the picture is flat; infinite if only the inside is flat.
    """
    down, right = np.gradient(lightness(picture).astype(np.float64))
    slopes = np.hypot(down, right)
    weights = np.ones(slopes.shape) if mask is None else np.asarray(mask, np.float64)
    inside = np.zeros(slopes.shape, bool)
    inside[WIDTH:-WIDTH, WIDTH:-WIDTH] = True
    at_edge, within = (
        np.average(slopes[where], weights=weights[where]) if weights[where].sum() else math.nan
        for where in (~inside, inside)
    )
    if within < 1e-6:
        return math.inf if at_edge >= 1e-6 else math.nan
    return float(at_edge / within)
