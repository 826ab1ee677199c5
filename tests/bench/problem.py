"""Problem of the benchmarks: masks and loss terms for one side length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.job import Job
from engine.loss.definition import masked_gram
from engine.loss.terms import ContentTerm, LayerGuidance, StyleTerm, Term
from engine.masks.bands import mask_bands
from engine.masks.propagation import propagate
from tests.bench.setting import (
    CONTENT_LAYER,
    CONTENT_WEIGHT,
    STYLE_LAYERS,
    STYLE_WEIGHT,
    pictures,
)

if TYPE_CHECKING:
    from engine.network import Network

LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)


def loss_terms(network: Network, side: int, regions: str) -> list[Term]:
    """Return the terms that a benchmark evaluates.

    Parameters
    ----------
    network : Network
        Computes the targets.
    side : int
        Pixels; pictures are square.
    regions : str
        As for `masks`, or 'banded' for 'soft' with the bands of that method.
    """
    content, style, _ = pictures(side)
    P = network.features(content, (CONTENT_LAYER,))[CONTENT_LAYER]
    terms: list[Term] = [ContentTerm(CONTENT_LAYER, P, CONTENT_WEIGHT, P.shape[1])]
    features = network.features(style, STYLE_LAYERS)
    grams = {
        layer: masked_gram(values, np.ones(values.shape[1], np.float32))
        for layer, values in features.items()
    }
    del features
    carried = [propagate(mask, STYLE_LAYERS) for mask in masks(side, regions)]
    for layer in STYLE_LAYERS:
        parts = [guidance[layer] for guidance in carried]
        if regions == "banded":
            parts = [band for band, _ in mask_bands([part.ravel() for part in parts], Job().bands)]
        terms += [
            StyleTerm(layer, LayerGuidance.of(part), STYLE_WEIGHT, index, grams[layer])
            for index, part in enumerate(parts)
        ]
    return terms


def masks(side: int, regions: str) -> list[np.ndarray]:
    """Return one mask of ones, or two complementary ones: a hard edge or a sigmoid."""
    everywhere = np.ones((side, side), np.float32)
    if regions == "one":
        return [everywhere]
    ramp = 1 / (1 + np.exp(-np.linspace(-6, 6, side, dtype=np.float32)))
    left = everywhere * (ramp > 0.5 if regions == "hard" else ramp)
    return [left, 1 - left]
