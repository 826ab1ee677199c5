"""Propagation: a mask at picture size becomes one soft mask, a guidance, per layer.

Gatys et al. 2016 (*Controlling perceptual factors*) call these guidance channels; `receptive` is
the receptive averaging of Henighan, section 3.2.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
from scipy import ndimage

from models.vgg16 import Conv, layer_size, operations_through


def propagate(
    mask: np.ndarray, layers: tuple[str, ...], kind: str = "receptive", grow: int = 0
) -> dict[str, np.ndarray]:
    """Carry a mask to layers of VGG-16.

    Parameters
    ----------
    mask : ndarray, shape (height, width)
        From 0 to 1.
    layers : tuple of str
    kind : {'receptive', 'inside', 'all', 'resize', 'squared'}
        The mask's mean, minimum or maximum over the receptive field, step by step through the
        network; plain resizing by area; or the square of the mean, which is what a Gram matrix is
        weighted with where a program multiplies the features by the mask. At the picture's edge
        the windows are cut to the picture, so that a constant mask stays constant.
    grow : int
        Positions by which the result is grown (positive) or shrunk (negative).

    Returns
    -------
    dict of str to ndarray, shape (rows, columns)
        float32, from 0 to 1.

    Raises
    ------
    ValueError
        If `kind` is none of the five.
    """
    mask = np.asarray(mask, np.float32)
    if not layers:
        return {}
    if kind == "resize":
        carried = {layer: _resized(mask, layer_size(layer, *mask.shape)) for layer in layers}
    elif kind == "squared":
        averages = _through_network(mask, layers, "receptive")
        carried = {layer: values * values for layer, values in averages.items()}
    elif kind in _WINDOWS:
        carried = _through_network(mask, layers, kind)
    else:
        message = (
            f"propagation is {kind!r}; allowed are 'receptive', 'inside', 'all', 'resize' and "
            "'squared'"
        )
        raise ValueError(message)
    return {layer: _grown(values, grow) for layer, values in carried.items()}


def steepen(guidance: np.ndarray) -> np.ndarray:
    """Return ``clip(2T - 1, 0, 1)``: only positions that see more region than anything else."""
    return np.clip(2 * guidance - 1, 0, 1)


def steepen_relative(guidance: np.ndarray) -> np.ndarray:
    """Steepen against the best covered position, so that a thin region does not vanish.

    Where some position sees nothing but the region this is `steepen`.
    """
    highest = guidance.max()
    return steepen(guidance / highest) if highest > 0 else guidance


STEEPENINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda guidance: guidance,
    "absolute": steepen,
    "relative": steepen_relative,
}
"""Ways to steepen a guidance; the names are those of `methods.Method.steepening`."""


def _through_network(mask: np.ndarray, layers: tuple[str, ...], kind: str) -> dict[str, np.ndarray]:
    window = _WINDOWS[kind]
    deepest = max(layers, key=lambda layer: len(operations_through(layer)))
    carried = {}
    value = mask
    for operation in operations_through(deepest):
        if isinstance(operation, Conv):
            value = window(value)
            if operation.name in layers:
                carried[operation.name] = value
        else:
            value = _pooled(value, kind)
    return carried


def _mean_window(value: np.ndarray) -> np.ndarray:
    """Return the mean over the part of each 3x3 window that lies in the picture."""
    total = np.float64(9) * ndimage.uniform_filter(value, 3, np.float64, mode="constant")
    count = np.multiply.outer(*(_window_counts(length) for length in value.shape))
    # A mean cannot leave the range of its values; rounding could.
    return np.clip(total / count, value.min(), value.max()).astype(np.float32)


def _window_counts(length: int) -> np.ndarray:
    """Return how many of the three positions around each one exist."""
    counts = np.full(length, 3)
    counts[0] -= 1
    counts[-1] -= 1
    return counts


def _smallest(value: np.ndarray) -> np.ndarray:
    return ndimage.minimum_filter(value, 3, mode="nearest")


def _largest(value: np.ndarray) -> np.ndarray:
    return ndimage.maximum_filter(value, 3, mode="nearest")


_WINDOWS = {"receptive": _mean_window, "inside": _smallest, "all": _largest}
_POOLS: dict[str, Callable[..., np.ndarray]] = {
    "receptive": np.mean,
    "inside": np.min,
    "all": np.max,
}


def _pooled(value: np.ndarray, kind: str) -> np.ndarray:
    """Reduce 2x2 positions to one; like the network, drop an odd last row or column."""
    rows, columns = value.shape[0] // 2, value.shape[1] // 2
    blocks = value[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
    return _POOLS[kind](blocks, axis=(1, 3))


def _resized(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Average over the area that each position of the smaller grid covers."""
    if mask.shape == tuple(size):
        return mask
    averaged = mask
    for axis, length in enumerate(size):
        averaged = _averaged(averaged, length, axis)
    return np.clip(averaged, mask.min(), mask.max()).astype(np.float32)


def _averaged(values: np.ndarray, shorter: int, axis: int) -> np.ndarray:
    """Average over equal parts of an axis, by differences of its running sum.

    Time and memory grow with the number of values. A part's edge may fall inside a pixel, which
    then counts in both parts by its shares: the running sum is linear within a pixel.
    """
    values = np.moveaxis(values, axis, 0)
    length = values.shape[0]
    sums = np.zeros((length + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, dtype=np.float64, out=sums[1:])
    edges = np.linspace(0, length, shorter + 1)
    whole = np.minimum(edges.astype(np.int64), length - 1)
    share = (edges - whole)[:, None]
    at_edges = (1 - share) * sums[whole] + share * sums[whole + 1]
    return np.moveaxis(np.diff(at_edges, axis=0) * (shorter / length), 0, axis)


def _grown(values: np.ndarray, grow: int) -> np.ndarray:
    if grow == 0:
        return values
    window = ndimage.maximum_filter if grow > 0 else ndimage.minimum_filter
    return window(values, 2 * abs(grow) + 1, mode="nearest")
