"""Region style loss: the loss of a finished picture's region, the same for every method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.job import Job
from engine.loss.definition import masked_gram, style_loss
from engine.loss.make_terms import MIN_COVERED_POSITIONS, layers_of
from engine.masks.propagation import propagate
from engine.metrics.borders import check_sizes
from engine.sizes import resized, resized_mask, style_size
from engine.threads import single_threaded_blas

if TYPE_CHECKING:
    from engine.network import Network


class RegionStyleLoss(NamedTuple):
    """A region's style loss under the one yardstick of `region_style_loss`.

    Attributes
    ----------
    value : float
        0 is the style itself; NaN where no layer is left.
    left_out : tuple of str
        Layers without a position that sees nothing but the region (or but the style's own mask);
        `value` is without them.
    """

    value: float
    left_out: tuple[str, ...]


@single_threaded_blas()
def region_style_loss(
    network: Network,
    result: np.ndarray,
    style: np.ndarray,
    mask: np.ndarray,
    style_mask: np.ndarray | None = None,
) -> RegionStyleLoss:
    """Return a region's style loss in the finished picture, whatever method has painted it.

    The one yardstick: inside guidance (only positions that see nothing but the region), the masked
    Gram losses of `engine.loss.definition` with a default job's layers and weights, and the style
    picture at as many pixels as the result.

    Parameters
    ----------
    network : Network
        With the default pooling.
    result : ndarray, shape (3, height, width)
        Losses depend on the size; compare results of the same size.
    style : ndarray, shape (3, rows, columns)
    mask : ndarray, shape (height, width)
    style_mask : ndarray, shape (rows, columns), optional
        The part of the style picture that is the style, from 0 to 1.

    Returns
    -------
    RegionStyleLoss

    Raises
    ------
    ValueError
        If the mask is not of the result's size, or the network has another pooling.
    """
    check_sizes(mask, result)
    yardstick = Job()
    if network.pooling != yardstick.pooling:
        message = f"the network's pooling is {network.pooling!r}, not {yardstick.pooling!r}"
        raise ValueError(message)
    _, layers = layers_of(yardstick)
    size = style_size(style, mask.size, 1.0)
    if style_mask is None:
        style_mask = np.ones(style.shape[1:], np.float32)
    region = propagate(mask, layers, "inside")
    source = propagate(resized_mask(style_mask, size), layers, "inside")
    used = tuple(
        layer
        for layer in layers
        if min(each[layer].sum(dtype=np.float64) for each in (region, source))
        >= MIN_COVERED_POSITIONS
    )
    left_out = tuple(layer for layer in layers if layer not in used)
    if not used:
        return RegionStyleLoss(math.nan, left_out)
    of_style = network.features(resized(style, size), used)
    grams = {layer: masked_gram(of_style[layer], source[layer].ravel()) for layer in used}
    del of_style
    features = network.features(result, used)
    value = 0.0
    for layer, weight in yardstick.style_layers:
        if layer in used:
            value += weight * style_loss(features[layer], region[layer].ravel(), grams[layer])[0]
    return RegionStyleLoss(value, left_out)
