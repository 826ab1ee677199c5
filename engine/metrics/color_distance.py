"""Color distance: how far the palette of a painted region is from the style's."""

from __future__ import annotations

import numpy as np

from engine.metrics.lab import lab
from engine.metrics.sliced_wasserstein import sliced_wasserstein

BASES = 16
"""Random bases of the three color axes: 48 directions."""

SAMPLES = 65_536
"""Most pixels of a picture to compare; larger pictures are sampled."""

SEED = 0


def color_distance(
    result: np.ndarray,
    style: np.ndarray,
    mask: np.ndarray | None = None,
    style_mask: np.ndarray | None = None,
) -> float:
    """Return the sliced Wasserstein distance of two pictures' colors in CIE Lab.

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
    float
        In units of Lab (a difference of 2.3 is just visible): how far colors have to move, as a
        root mean square, to become the style's. 0: the style's palette in the style's shares.

    Raises
    ------
    ValueError
        If a mask is empty.

    References
    ----------
    Bonneel et al. 2015, *Sliced and Radon Wasserstein barycenters of measures*.
    """
    points, weights = _sampled(result, mask)
    others, other_weights = _sampled(style, style_mask)
    return sliced_wasserstein(points, others, weights, other_weights, bases=BASES, seed=SEED)


def _sampled(picture: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return colors in Lab, shape (3, count), and their weights."""
    colors = picture.reshape(3, -1)
    weights = np.ones(colors.shape[1]) if mask is None else mask.ravel().astype(np.float64)
    pixels = np.flatnonzero(weights)
    if len(pixels) > SAMPLES:
        random = np.random.default_rng(SEED)
        pixels = np.sort(random.choice(pixels, SAMPLES, replace=False))
    return lab(colors[:, pixels, None])[..., 0], weights[pixels]
