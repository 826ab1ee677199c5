"""Content structure: how much of what the photograph shows is still there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.masks.propagation import propagate
from engine.metrics.style_distance import check_pooling
from engine.sizes import resized, resized_mask, working_size

if TYPE_CHECKING:
    from engine.network import Network

LAYER = "conv4_3"
AREA = 65_536
"""Pixels at which both pictures are compared; a position of the layer is 8 pixels wide."""


def content_structure(
    network: Network, result: np.ndarray, content: np.ndarray, mask: np.ndarray | None = None
) -> float:
    r"""Return how much of the content's structure is lost.

    A picture's structure is which of its places are alike: the matrix `D` of cosine distances
    between the activations of every two positions, each column divided by its sum. Colors and
    strokes may change all activations and leave it as it is. The figure is the mean over the
    columns of the distance between the two pictures' columns,

    .. math:: \sum_j T_j \sum_i \left| \frac{T_i D_{ij}}{\sum_k T_k D_{kj}}
              - \frac{T_i D'_{ij}}{\sum_k T_k D'_{kj}} \right| \Big/ \sum_j T_j

    with the mask `T` carried to the layer.

    Parameters
    ----------
    network : Network
        With max pooling.
    result, content : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    mask : ndarray, shape (height, width), optional
        The painted region, from 0 to 1; all of the picture if left out.

    Returns
    -------
    float
        0: the content's structure; 2 at most. NaN where the region covers no two positions, or
        one of the pictures is flat.

    Raises
    ------
    ValueError
        If the sizes differ, or the network has another pooling.

    References
    ----------
    Kolkin, Salavon and Shakhnarovich 2019, *Style transfer by relaxed optimal transport and
    self-similarity* (STROTSS), equation 7; the mean over columns in place of all pairs makes the
    figure independent of the size.
    """
    check_pooling(network)
    if result.shape != content.shape:
        message = f"the result's shape is {result.shape}, the content's {content.shape}"
        raise ValueError(message)
    _, height, width = content.shape
    size = working_size(height, width, AREA)
    whole = np.ones(content.shape[1:], np.float32) if mask is None else mask
    weights = propagate(resized_mask(whole, size), (LAYER,))[LAYER].ravel().astype(np.float64)
    columns = [
        _similarities(network.features(resized(picture, size), (LAYER,))[LAYER], weights)
        for picture in (result, content)
    ]
    differences = np.abs(columns[0] - columns[1]).sum(axis=0)
    if weights.sum() == 0:
        return float("nan")
    return float(np.average(differences, weights=weights))


def _similarities(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted cosine distances, shape (positions, positions); columns add up to 1."""
    vectors = features.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=0)
    vectors /= np.where(lengths > 0, lengths, 1)
    distances = np.clip(1 - vectors.T @ vectors, 0, None) * weights[:, None]
    np.fill_diagonal(distances, 0)  # what rounding leaves of 0
    sums = distances.sum(axis=0)
    return distances / np.where(sums > 1e-6 * max(len(sums), 1), sums, np.nan)
