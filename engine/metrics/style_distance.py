"""Style distance: how far the painted texture is from the style's, by no loss that is minimized."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.loss.make_terms import MIN_COVERED_POSITIONS
from engine.masks.propagation import propagate
from engine.metrics.sliced_wasserstein import sliced_wasserstein
from engine.sizes import resized, resized_mask, working_size
from engine.threads import single_threaded_blas

if TYPE_CHECKING:
    from engine.network import Network

LAYERS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")
"""The last layer before each pooling: no default style layer is among them."""

SIZES = (1.0, 1 / 4, 1 / 16)
"""The areas at which both pictures are compared, in parts of the largest."""

MOST_PIXELS = 1_000_000
"""The largest area; larger pictures are made smaller first."""

POOLING = "max"
"""The pooling that VGG-16 was trained with."""

SAMPLES = 32_768
"""Most positions of a layer to compare; larger layers are sampled."""

SEED = 0


class StyleDistance(NamedTuple):
    """The style distance of a painted region.

    Attributes
    ----------
    value : float
        0: the style's own texture; NaN where no layer is left.
    by_layer : dict of str to float
        For each layer the mean over the sizes.
    left_out : tuple of str
        Layers that the region or the style does not cover at any size.
    """

    value: float
    by_layer: dict[str, float]
    left_out: tuple[str, ...]


@single_threaded_blas()
def style_distance(
    network: Network,
    result: np.ndarray,
    style: np.ndarray,
    mask: np.ndarray | None = None,
    style_mask: np.ndarray | None = None,
) -> StyleDistance:
    r"""Return how far the texture of a region is from that of a style picture.

    For a layer, the activations at each position are points, weighted with the mask's receptive
    average. The distance is

    .. math:: d = \frac{SW_2(F, S)}{\sqrt{\sum_k \operatorname{Var} S_k}}

    with `SW_2` of `engine.metrics.sliced_wasserstein`: relative to the style's own spread. It is
    averaged over the four `LAYERS` and the three `SIZES`. Both pictures are resized to the same
    area: the smaller of theirs, at most `MOST_PIXELS`. A style is never enlarged, because its blur
    would count as texture.

    Parameters
    ----------
    network : Network
        With max pooling.
    result : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    style : ndarray, shape (3, rows, columns)
    mask : ndarray, shape (height, width), optional
        The region, from 0 to 1; all of the picture if left out.
    style_mask : ndarray, shape (rows, columns), optional
        The part of the style picture that is the style, from 0 to 1.

    Returns
    -------
    StyleDistance

    Raises
    ------
    ValueError
        If the network has another pooling.

    References
    ----------
    Heitz et al. 2021, *A sliced Wasserstein loss for neural texture synthesis*; the scale by the
    style's spread is ours.
    """
    check_pooling(network)
    area = min(result[0].size, style[0].size, MOST_PIXELS)
    distances: dict[str, list[float]] = {layer: [] for layer in LAYERS}
    for part in SIZES:
        painted, weights = _features(network, result, mask, area * part)
        wanted, style_weights = _features(network, style, style_mask, area * part)
        for layer in LAYERS:
            covered = min(weights[layer].sum(), style_weights[layer].sum())
            if covered >= MIN_COVERED_POSITIONS:
                distances[layer].append(
                    _relative_distance(
                        *_sampled(painted[layer], weights[layer]),
                        *_sampled(wanted[layer], style_weights[layer]),
                    )
                )
    by_layer = {layer: float(np.mean(values)) for layer, values in distances.items() if values}
    left_out = tuple(layer for layer in LAYERS if layer not in by_layer)
    value = float(np.mean(list(by_layer.values()))) if by_layer else float("nan")
    return StyleDistance(value, by_layer, left_out)


def check_pooling(network: Network) -> None:
    """Refuse a network that is not the one of the neutral yardsticks.

    Raises
    ------
    ValueError
    """
    if network.pooling != POOLING:
        message = f"the network's pooling is {network.pooling!r}, not {POOLING!r}"
        raise ValueError(message)


def _features(
    network: Network, picture: np.ndarray, mask: np.ndarray | None, area: float
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return a picture's activations at an area, and each position's weight."""
    _, height, width = picture.shape
    size = working_size(height, width, area)
    if mask is None:
        mask = np.ones(picture.shape[1:], np.float32)
    guidance = propagate(resized_mask(mask, size), LAYERS)
    weights = {layer: values.ravel().astype(np.float64) for layer, values in guidance.items()}
    return network.features(resized(picture, size), LAYERS), weights


def _sampled(features: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions that have weight, or as many of them as are compared."""
    positions = np.flatnonzero(weights)
    if len(positions) > SAMPLES:
        random = np.random.default_rng(SEED)
        positions = np.sort(random.choice(positions, SAMPLES, replace=False))
    return features[:, positions], weights[positions]


def _relative_distance(
    features: np.ndarray, weights: np.ndarray, wanted: np.ndarray, style_weights: np.ndarray
) -> float:
    mean = np.average(wanted, axis=1, weights=style_weights)
    deviations = np.average((wanted - mean[:, None]) ** 2, axis=1, weights=style_weights)
    distance = sliced_wasserstein(features, wanted, weights, style_weights, seed=SEED)
    return distance / float(np.sqrt(deviations.sum()))
