"""Color modes: the styles' colors, or two ways to keep the content's.

Gatys et al. 2016, *Controlling perceptual factors in neural style transfer*, section 5.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.pictures.picture import LUMA

if TYPE_CHECKING:
    from engine.masks.regions import LoadedRegion

RIDGE = 1.0
"""Added to the variances, in units of 1/255 squared: flat pictures have no color axes."""


def apply_color_mode(
    colors: str, content: np.ndarray, regions: list[LoadedRegion]
) -> tuple[np.ndarray, list[LoadedRegion]]:
    """Return the content and the regions to paint.

    Parameters
    ----------
    colors : {'style', 'luminance', 'match'}
        'style' changes nothing. 'match' gives each style the content's colors (section 5.1).
        'luminance' uses the luminance alone and moves each style's mean and deviation to the
        content's (section 5.2); `restore_chroma` restores the colors.
    content : ndarray, shape (3, height, width)
        0..255.
    regions : list of LoadedRegion
    """
    if colors == "match":
        return content, [
            replace(each, style=match_colors(each.style, each.style_mask, content, each.mask))
            for each in regions
        ]
    if colors == "luminance":
        gray = _gray(luminance(content))
        return gray, [replace(each, style=_match_luminance(each, gray[0])) for each in regions]
    return content, regions


def restore_chroma(painted: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return the content with the luminance of the painted picture.

    All three channels change by the same amount, which keeps the chroma (the differences between
    them). The amount is limited where a channel would leave 0..255, because clipping one channel
    would shift the hue.

    Parameters
    ----------
    painted, content : ndarray, shape (3, height, width)
        0..255.
    """
    change = luminance(painted) - luminance(content)
    change = np.clip(change, -content.min(axis=0), 255 - content.max(axis=0))
    return content + change


def luminance(picture: np.ndarray) -> np.ndarray:
    """Return the luminance of (3, height, width), shape (height, width)."""
    return np.tensordot(LUMA, picture, 1)


def _gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[None], 3, axis=0)


def _match_luminance(region: LoadedRegion, gray: np.ndarray) -> np.ndarray:
    """Return the style in gray, with the content's mean and contrast in the region."""
    values = luminance(region.style)
    mean, deviation = _moments(values, region.style_mask)
    wanted_mean, wanted_deviation = _moments(gray, region.mask)
    moved = (values - mean) * (wanted_deviation / deviation) + wanted_mean
    return _gray(np.clip(moved, 0, 255).astype(np.float32))


def _moments(values: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    mean = np.average(values.astype(np.float64), weights=mask)
    variance = np.average((values - mean) ** 2, weights=mask)
    return float(mean), float(np.sqrt(variance + RIDGE))


def match_colors(
    picture: np.ndarray, mask: np.ndarray, style: np.ndarray, style_mask: np.ndarray
) -> np.ndarray:
    """Return the picture with the style's color mean and covariance.

    The linear map of Gatys et al. 2016 (*Controlling perceptual factors*, section 5.1), with the
    symmetric square roots of the covariances, so that hues shift as little as possible.

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
