"""Grid: a weave or specks at the steps of the network's pooling, which no painter leaves."""

from __future__ import annotations

import math

import numpy as np

PERIODS = (2, 4, 8, 16)
"""Pixels: the steps of the network's poolings."""

_WAVES = 8
"""Periods that a tile is wide."""

_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Waves along a row, along a column, and along both diagonals, the directions of pooling."""

_offsets = np.mgrid[-6:7, -6:7]
_distance = np.hypot(*_offsets)
_PEAK = tuple(each[_distance < 2] for each in _offsets)
"""Bins that a pure wave fills under a Hann window, relative to its own."""

_RING = tuple(each[(_distance >= 2.5) & (_distance <= 5.5)] for each in _offsets)
"""The neighborhood. The mean logarithm over a ring is the logarithm in its middle for a spectrum
that falls with any power of the frequency, as long as frequency 0 lies outside."""


def grid(
    result: np.ndarray,
    style: np.ndarray,
    mask: np.ndarray | None = None,
    style_mask: np.ndarray | None = None,
) -> tuple[float, ...]:
    """Return how far a result's spectrum stands out at each period, less what the style's does.

    Parameters
    ----------
    result : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    style : ndarray, shape (3, rows, columns)
        At its own pixels.
    mask : ndarray, shape (height, width), optional
        The painted region, from 0 to 1.
    style_mask : ndarray, shape (rows, columns), optional
        The part of the style picture that is the style, from 0 to 1.

    Returns
    -------
    tuple of four floats
        For periods of 2, 4, 8 and 16 pixels the result's `peaks` less the style's, in the
        direction in which that is most; 0 if the style's are higher in all, since a canvas that
        the painting shows is no fault of the result. NaN where the region has no square 8 periods
        wide; where the style has none, 1 is subtracted.
    """
    own = np.nan_to_num(peaks(style, style_mask), nan=1.0)
    excess = (peaks(result, mask) - own).max(axis=1)
    return tuple(float(value) for value in np.maximum(excess, 0))


def peaks(picture: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Return how far the spectrum stands out at each period, in four directions.

    For each period the picture is cut into square tiles 8 periods wide that overlap by half, each
    multiplied by a Hann window (Welch's method). The power spectra are averaged over the tiles and
    the three channels, each tile with the smallest value of the mask under it. The power at the
    period (3x3 frequencies, over which the window spreads a pure wave) is divided by the geometric
    mean over a ring around it.

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    mask : ndarray, shape (height, width), optional
        From 0 to 1.

    Returns
    -------
    ndarray, shape (4, 4)
        By period (2, 4, 8 and 16 pixels) and direction of the wave (along rows, along columns, the
        two diagonals). 1: nothing stands out; 2: twice the power of the neighborhood. Pictures
        have less than 1 at a period of 2 pixels, where their own detail ends. NaN where no tile
        fits.

    References
    ----------
    Welch 1967, *The use of fast Fourier transform for the estimation of power spectra*.
    """
    mask = np.ones(picture.shape[1:], np.float32) if mask is None else mask
    return np.array([_peaks_at(picture, mask, _WAVES * period) for period in PERIODS])


def _peaks_at(picture: np.ndarray, mask: np.ndarray, side: int) -> list[float]:
    power = _spectrum(picture, mask, side)
    if power is None:
        return [math.nan] * len(_DIRECTIONS)
    if power.max() < 1e-9:  # a flat picture
        return [1.0] * len(_DIRECTIONS)
    power = np.maximum(power, 1e-12 * power.max())
    found = []
    for down, right in _DIRECTIONS:
        row, column = down * _WAVES, right * _WAVES
        peak = power[(row + _PEAK[0]) % side, (column + _PEAK[1]) % side]
        ring = power[(row + _RING[0]) % side, (column + _RING[1]) % side]
        found.append(float(peak.mean() / np.exp(np.log(ring).mean())))
    return found


def _spectrum(picture: np.ndarray, mask: np.ndarray, side: int) -> np.ndarray | None:
    """Return the mean power of the picture's tiles, shape (side, side); None without any tile."""
    if min(mask.shape) < side:
        return None
    step = side // 2
    shape = (side, side)
    tiles = np.lib.stride_tricks.sliding_window_view(picture, shape, axis=(1, 2))
    masks = np.lib.stride_tricks.sliding_window_view(mask, shape)[::step, ::step]
    window = np.outer(*[np.hanning(side + 1)[:-1]] * 2)
    total, weight = np.zeros(shape), 0.0
    for row, here in zip(np.moveaxis(tiles[:, ::step, ::step], 1, 0), masks):
        weights = here.min(axis=(1, 2)).astype(np.float64)
        used = np.flatnonzero(weights)
        if not len(used):
            continue
        values = row[:, used].astype(np.float64)
        values -= values.mean(axis=(2, 3), keepdims=True)
        power = np.square(np.abs(np.fft.fft2(values * window))).mean(axis=0)
        total += np.tensordot(weights[used], power, 1)
        weight += weights[used].sum()
    return total / weight if weight else None
