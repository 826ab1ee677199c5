"""Sizes: how large each scale and each style picture is, and pictures and masks brought to them.

Pictures are arrays of shape (3, height, width) inside of the engine, and (height, width, 3) in
files and previews.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from engine.job import MIN_SIDE

BINOMIAL = (0.25, 0.5, 0.25)
"""A filter without response at a period of two pixels; a half at four, and 1 for a constant."""


def working_size(height: int, width: int, area: float) -> tuple[int, int]:
    """Return a size of about `area` pixels with the same aspect; 0 or too large keeps the size."""
    factor = math.sqrt(area / (height * width)) if area else 1.0
    # A long thin picture may not get thinner than the network can see.
    factor = max(min(factor, 1.0), min(MIN_SIDE / min(height, width), 1.0))
    return round(height * factor), round(width * factor)


def style_size(style: np.ndarray, area: float, times: float) -> tuple[int, int]:
    """Return the size that a style picture is resized to before the network sees it.

    Parameters
    ----------
    style : ndarray, shape (3, height, width)
    area : float
        Pixels of the painted picture. A style gets as many (section 2.5 of the paper), but not more
        than its own: enlarging would blur its strokes, and those of the painting.
    times : float
        The style size: how many times as wide and as high. Above 1 it enlarges beyond the style's
        own pixels, since larger strokes are asked for.
    """
    _, height, width = style.shape
    factor = times * min(math.sqrt(area / (height * width)), 1.0)
    factor = max(factor, MIN_SIDE / min(height, width))
    return round(height * factor), round(width * factor)


def stroke_size(size: float, brush: float) -> float:
    """Return how many times as large as usual a style is used, from 1/4 to 4.

    Parameters
    ----------
    size : float
        The region's style size.
    brush : float
        The job's brush size.
    """
    return min(max(size * brush, 0.25), 4.0)


def planar(rgb: np.ndarray) -> np.ndarray:
    """Turn (height, width, 3) into contiguous (3, height, width)."""
    return np.ascontiguousarray(rgb.transpose(2, 0, 1), np.float32)


def interleaved(picture: np.ndarray) -> np.ndarray:
    """Turn (3, height, width) into contiguous (height, width, 3)."""
    return np.ascontiguousarray(picture.transpose(1, 2, 0), np.float32)


def resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (3, height, width), 0..255, without leaving its range."""
    return np.clip(resized_unclipped(picture, size), 0, 255)


def resized_unclipped(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (3, height, width); sharp edges may go beyond its range."""
    if picture.shape[1:] == tuple(size):
        return np.ascontiguousarray(picture, np.float32)
    return np.stack([resize(plane, size) for plane in picture])


def next_start(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return what a finer scale starts from, given the finished picture of the scale before.

    Waves of two pixels' period are taken out first. Most layers are blind to them, since the first
    pooling takes means over two pixels, so they are a weave along the axes rather than strokes.
    Enlarged, they would have four pixels' period, and the finer scale would keep them.

    Parameters
    ----------
    picture : ndarray, shape (3, rows, columns)
        0..255.
    size : (int, int)
        Height and width of the finer scale.

    Returns
    -------
    ndarray, shape (3, height, width)
        float32, 0..255. Where both scales have one size, the picture as it is.
    """
    if picture.shape[1:] == tuple(size):
        return resized(picture, size)
    return resized(without_weave(picture), size)


def without_weave(picture: np.ndarray) -> np.ndarray:
    """Take waves of two pixels' period out of (3, height, width)."""
    return np.stack([_without_weave(_without_weave(each).T).T for each in picture])


def _without_weave(plane: np.ndarray) -> np.ndarray:
    """Take waves of two pixels' period along the columns out of (height, width)."""
    rows = len(plane)
    padded = np.pad(plane, ((1, 1), (0, 0)), mode="edge")
    filtered = np.zeros_like(plane, np.float32)
    for start, weight in enumerate(BINOMIAL):
        filtered += np.float32(weight) * padded[start : start + rows]
    return filtered


def resized_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask without leaving 0..1."""
    return np.clip(resize(mask, size), 0, 1)


def resize(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize with Pillow's antialiased Lanczos filter, in float32.

    Parameters
    ----------
    array : numpy.ndarray
        Shape (height, width) or (height, width, channels).
    size : tuple of int
        The new height and width in pixels.

    Returns
    -------
    numpy.ndarray
        float32. At sharp edges Lanczos goes a little beyond the range of the values: clip them
        where that matters.
    """
    array = np.asarray(array, dtype=np.float32)
    if array.shape[:2] == tuple(size):
        return array
    if array.ndim == 3:
        return np.stack([resize(array[..., k], size) for k in range(array.shape[2])], axis=-1)
    height, width = size
    image = Image.fromarray(np.ascontiguousarray(array))
    return np.array(image.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float32)
