"""Color modes: the styles' colors, or two ways to keep the content's.

Gatys et al. 2016, *Controlling perceptual factors in neural style transfer*, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.pictures.strips import Planes, resized_by_strips, strips

if TYPE_CHECKING:
    from engine.masks.mask import Mask
    from engine.masks.regions import LoadedRegion

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in the luminance (Y of YIQ)."""

RIDGE = 1.0
"""Added to the variances, in units of 1/255 squared: flat pictures have no color axes."""


Samples = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
"""Yields values, shape (channels, n), and their weights, shape (n,), part by part."""


def apply_color_mode(
    colors: str, content: Planes, regions: list[LoadedRegion]
) -> tuple[Planes, list[LoadedRegion]]:
    """Return the content and the regions to paint.

    Parameters
    ----------
    colors : {'style', 'luminance', 'match'}
        'style' changes nothing. 'match' gives each style the content's colors (section 5.1).
        'luminance' uses the luminance alone and moves each style's mean and deviation to the
        content's (section 5.2); `restore_chroma` restores the colors.
    content : Planes
    regions : list of LoadedRegion
    """
    if colors == "match":
        return content, [replace(each, style=_matched(each, content)) for each in regions]
    if colors == "luminance":
        gray = GrayPlanes(content)
        return gray, [replace(each, style=_match_luminance(each, gray)) for each in regions]
    return content, regions


class GrayPlanes:
    """The luminance of a picture, three times.

    Parameters
    ----------
    picture : Planes
    """

    def __init__(self, picture: Planes) -> None:
        self._picture = picture

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self._picture.size

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Return some rows, shape (3, bottom - top, width)."""
        return _gray(luminance(self._picture.rows(top, bottom)))

    def columns(self, left: int, right: int) -> np.ndarray:
        """Return some columns, shape (3, height, right - left)."""
        return _gray(luminance(self._picture.columns(left, right)))

    def resized(self, size: tuple[int, int]) -> np.ndarray:
        """Return it at another size, within 0..255."""
        one = resized_by_strips(lambda *at: self.rows(*at)[:1], self.size, size)
        return np.repeat(np.clip(one, 0, 255), 3, axis=0)


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


def to_gray(picture: np.ndarray) -> np.ndarray:
    """Return a picture without its colors, shape (3, height, width)."""
    return _gray(luminance(picture))


def _gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[None], 3, axis=0)


def _match_luminance(region: LoadedRegion, gray: GrayPlanes) -> np.ndarray:
    """Return the style in gray, with the content's mean and contrast in the region."""
    values = luminance(region.style)
    mean, deviation = _moments(_of_array(values[None], region.style_mask))
    wanted_mean, wanted_deviation = _moments(_of_strips(gray, region.mask, 1))
    moved = (values - mean) * (wanted_deviation / deviation) + wanted_mean
    return _gray(np.clip(moved, 0, 255).astype(np.float32))


def _moments(samples: Samples) -> tuple[float, float]:
    """Return the mean and the deviation of one channel."""
    parts = [(float((values[0].astype(np.float64) * weights).sum()),
              float(weights.sum(dtype=np.float64))) for values, weights in samples()]  # fmt: skip
    mean = sum(part[0] for part in parts) / sum(part[1] for part in parts)
    squares, total = np.float32(0), np.float32(0)
    for values, weights in samples():
        squares += ((values[0] - mean) ** 2 * weights).sum()
        total += weights.sum()
    return mean, float(np.sqrt(squares / total + RIDGE))


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
    return _moved(picture, _of_array(picture, mask), _of_array(style, style_mask))


def _matched(region: LoadedRegion, content: Planes) -> np.ndarray:
    """Return the style with the content's color mean and covariance in the region."""
    own = _of_array(region.style, region.style_mask)
    return _moved(region.style, own, _of_strips(content, region.mask, 3))


def _moved(picture: np.ndarray, own: Samples, wanted: Samples) -> np.ndarray:
    mean, covariance = _statistics(own)
    wanted_mean, wanted_covariance = _statistics(wanted)
    turn = _power(wanted_covariance, 0.5) @ _power(covariance, -0.5)
    moved = np.tensordot(turn, picture - mean[:, None, None], 1) + wanted_mean[:, None, None]
    return np.clip(moved, 0, 255).astype(np.float32)


def _of_array(picture: np.ndarray, mask: np.ndarray) -> Samples:
    values, weights = picture.reshape(len(picture), -1), mask.ravel()

    def samples() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for at in strips(len(weights), 1):
            yield values[:, slice(*at)], weights[slice(*at)]

    return samples


def _of_strips(picture: Planes, mask: Mask, channels: int) -> Samples:
    def samples() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for at in strips(*picture.size):
            values = picture.rows(*at)[:channels]
            yield values.reshape(channels, -1), mask.rows(*at).ravel()

    return samples


def _statistics(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance, in float64."""
    sums: list[np.ndarray] = []
    for values, weights in samples():
        weighted = values.astype(np.float64) * weights
        sums.append(np.append(weighted.sum(axis=1), weights.sum(dtype=np.float64)))
    *_, total = np.sum(sums, axis=0)
    mean = np.sum(sums, axis=0)[:-1] / total
    covariance = np.zeros((len(mean), len(mean)))
    for values, weights in samples():
        away = values - mean[:, None]
        covariance += away @ (away * weights).T
    return mean, covariance / total + RIDGE * np.eye(len(mean))


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T
