"""Colour statistics: one picture's colours moved to another's mean and covariance."""

from __future__ import annotations

import numpy as np

RIDGE = 1.0
"""Added to the variances, in units of 1/255 squared: flat pictures have no colour axes."""


def match_colors(
    picture: np.ndarray, mask: np.ndarray, style: np.ndarray, style_mask: np.ndarray
) -> np.ndarray:
    """Return the picture with the style's colour mean and covariance.

    The linear map of Gatys et al. 2016 (*Controlling perceptual factors*, section 5.1), with the
    symmetric square roots of the covariances, so that colours turn as little as can be.

    Parameters
    ----------
    picture, style : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    mask, style_mask : ndarray, shape (height, width)
        Where the statistics are taken, from 0 to 1.

    Returns
    -------
    ndarray, shape (3, height, width)
        float32, within 0..255.
    """
    mean, covariance = _statistics(picture, mask)
    style_mean, style_covariance = _statistics(style, style_mask)
    turn = _power(style_covariance, 0.5) @ _power(covariance, -0.5)
    moved = np.tensordot(turn, picture - mean[:, None, None], 1) + style_mean[:, None, None]
    return np.clip(moved, 0, 255).astype(np.float32)


def _statistics(picture: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    colors = picture.reshape(3, -1).astype(np.float64)
    mean = np.average(colors, axis=1, weights=mask.ravel())
    covariance = np.cov(colors, aweights=mask.ravel(), ddof=0)
    return mean, covariance + RIDGE * np.eye(3)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T
