"""Terms made from a job: which losses one scale of a job has, as its method combines them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

import numpy as np

from engine.loss.grain import WEIGHT as GRAIN_WEIGHT
from engine.loss.grain import GrainTerm
from engine.loss.terms import (
    ContentTerm,
    LayerGuidance,
    MomentsTerm,
    SmoothingTerm,
    StyleMoments,
    StyleTerm,
    Term,
)
from engine.masks.bands import mask_bands
from engine.masks.propagation import STEEPENINGS, propagate
from engine.translations import _
from models.vgg16 import layer_size

if TYPE_CHECKING:
    from engine.job import Job
    from engine.loss.targets import Targets
    from engine.masks.regions import LoadedRegion
    from engine.methods import Method

MIDDLE_BLOCK = 3
"""The block of VGG-16 whose weight `detail` leaves alone against the others."""

PIXELS = "pixels"
"""The key of the picture's own pixels, where others are layers."""

MIN_COVERED_POSITIONS = 1e-3
"""A region whose guidance adds up to less than this at a layer is skipped there."""


@dataclass(frozen=True)
class ScaleInputs:
    """One scale of a job, from which the terms are made.

    Attributes
    ----------
    job : Job
    method : Method
    size : (int, int)
        Height and width.
    regions : sequence of LoadedRegion
    masks : sequence of ndarray, shape (height, width)
        One per region.
    targets : Targets
    on_notice : callable
        Called with a sentence when a layer is skipped.
    """

    job: Job
    method: Method
    size: tuple[int, int]
    regions: Sequence[LoadedRegion]
    masks: Sequence[np.ndarray]
    targets: Targets
    on_notice: Callable[[str], None]


def content_terms(inputs: ScaleInputs) -> list[Term]:
    """Return the content terms, one for each content layer."""
    return [
        ContentTerm(
            layer,
            features,
            weight,
            math.prod(layer_size(layer, *inputs.size)),
            inputs.targets.protect.get(layer),
        )
        for layer, (features, weight) in inputs.targets.contents.items()
    ]


def smoothing_terms(inputs: ScaleInputs) -> list[Term]:
    """Return the squared total variation, where the job asks for it."""
    return [SmoothingTerm(inputs.job.smoothing)] if inputs.job.smoothing else []


def style_terms(inputs: ScaleInputs) -> list[Term]:
    """Return the style terms of every region and layer, as the job's method makes them."""
    make = STATISTICS_TERMS[inputs.job.statistics]
    return [*STYLE_TERMS[inputs.method.style_terms](inputs, make), *_grain_terms(inputs)]


def _grain_terms(inputs: ScaleInputs) -> list[Term]:
    """Return a term of each style's finest texture, where the job holds it."""
    job = inputs.job
    # Smoothing takes away what this term asks for.
    weight = job.grain * GRAIN_WEIGHT / (1 + job.smoothing)
    terms: list[Term] = []
    for index, (region, targets) in enumerate(zip(inputs.regions, inputs.targets.grains)):
        mask = inputs.masks[index]
        if not inputs.method.masks_layers:
            mask = np.ones_like(mask)
        if inputs.targets.protect:
            mask = mask / inputs.targets.protect[PIXELS].reshape(mask.shape)
        if targets is not None and mask.any():
            terms.append(GrainTerm.of(mask, targets, weight * region.weight, index))
    return terms


COMMON_TERMS: tuple[Callable[[ScaleInputs], list[Term]], ...] = (content_terms, smoothing_terms)
"""The functions that make the terms without a style from a scale of a job."""


def common_terms(inputs: ScaleInputs) -> list[Term]:
    """Return the terms without a style."""
    return [term for make in COMMON_TERMS for term in make(inputs)]


def all_terms(inputs: ScaleInputs) -> list[Term]:
    """Return all terms of equation 6, ``alpha content + beta style + gamma smoothing``."""
    return [*style_terms(inputs), *common_terms(inputs)]


def weighted_layers(weights: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Return the layers whose weight is not 0."""
    return tuple((layer, weight) for layer, weight in weights if weight)


def style_weights(job: Job) -> tuple[tuple[str, float], ...]:
    """Return the style layers with their weights, as the job's `detail` moves them.

    A layer's weight is multiplied by ``detail ** (2 (3 - b))``, where b is its block, from 1 to 5;
    then all are scaled so that their sum is what it was.
    """
    layers = weighted_layers(job.style_layers)
    if job.detail == 1:
        return layers
    moved = [
        (layer, weight * job.detail ** (2 * (MIDDLE_BLOCK - int(layer[len("conv")]))))
        for layer, weight in layers
    ]
    scale = sum(weight for _, weight in layers) / sum(weight for _, weight in moved)
    return tuple((layer, weight * scale) for layer, weight in moved)


def layers_of(job: Job) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the content and the style layers that have a weight."""
    contents = tuple(layer for layer, _ in weighted_layers(job.content_layers))
    styles = tuple(layer for layer, _ in weighted_layers(job.style_layers))
    return contents, styles


MakeStyleTerm = Callable[[str, LayerGuidance, float, int, StyleMoments], Term]
"""Maker of a term from a layer, its guidance, a weight, the region's index and target moments."""


def _gram_term(
    layer: str, guidance: LayerGuidance, weight: float, region: int, style: StyleMoments
) -> Term:
    return StyleTerm(layer, guidance, weight, region, style.gram)


def _moments_term(
    layer: str, guidance: LayerGuidance, weight: float, region: int, style: StyleMoments
) -> Term:
    return MomentsTerm(layer, guidance, weight, region, style.gram, style.mean)


STATISTICS_TERMS: dict[str, MakeStyleTerm] = {"moments": _moments_term, "gram": _gram_term}
"""The kind of style term, by the statistics of the features that are held; names of the option."""


def _whole_picture_terms(inputs: ScaleInputs, make: MakeStyleTerm) -> list[Term]:
    """Return every style's terms without a mask (equations 2 to 5 of the paper)."""
    layers = style_weights(inputs.job)
    everywhere = {
        layer: _weakened(
            LayerGuidance.of(np.ones(layer_size(layer, *inputs.size), np.float32)),
            inputs.targets,
            layer,
        )
        for layer, _ in layers
    }
    return [
        make(layer, everywhere[layer], region.weight * layer_weight, index, style[layer])
        for index, (region, style) in enumerate(zip(inputs.regions, inputs.targets.styles))
        for layer, layer_weight in layers
        if layer in style
    ]


def _masked_terms(inputs: ScaleInputs, make: MakeStyleTerm) -> list[Term]:
    """Return one term for every region and layer."""
    terms = []
    for layer, layer_weight, guidance, present in _covered_layers(inputs):
        for index in present:
            carried = _weakened(LayerGuidance.of(guidance[index]), inputs.targets, layer)
            weight = inputs.regions[index].weight * layer_weight
            moments = inputs.targets.styles[index][layer]
            terms.append(make(layer, carried, weight, index, moments))
    return terms


def _banded_terms(inputs: ScaleInputs, make: MakeStyleTerm) -> list[Term]:
    """Return a term for every band, which aims at the mixture of the styles at its center."""
    terms = []
    for layer, layer_weight, guidance, present in _covered_layers(inputs):
        if not present:
            continue
        region_weights = np.array([inputs.regions[index].weight for index in present])
        for values, shares in mask_bands([guidance[index] for index in present], inputs.job.bands):
            weights = region_weights * shares
            if not weights.any() or values.sum(dtype=np.float64) < MIN_COVERED_POSITIONS:
                continue
            parts = [
                (float(weight) / float(weights.sum()), inputs.targets.styles[index][layer])
                for index, weight in zip(present, weights)
                if weight
            ]
            mixture = StyleMoments(
                np.asarray(sum(part * moments.gram for part, moments in parts)),
                np.asarray(sum(part * moments.mean for part, moments in parts)),
            )
            region = present[int(np.argmax(weights))]
            weight = float(weights.sum()) * layer_weight
            carried = _weakened(LayerGuidance.of(values), inputs.targets, layer)
            terms.append(make(layer, carried, weight, region, mixture))
    return terms


STYLE_TERMS: dict[str, Callable[[ScaleInputs, MakeStyleTerm], list[Term]]] = {
    "whole": _whole_picture_terms,
    "masked": _masked_terms,
    "banded": _banded_terms,
}
"""Ways to make terms of masks and styles; the names are those of `methods.Method.style_terms`."""


def _covered_layers(
    inputs: ScaleInputs,
) -> list[tuple[str, float, list[np.ndarray], list[int]]]:
    """Return each style layer with its weight, all guidances, and the regions present there."""
    job, method = inputs.job, inputs.method
    _content, layers = layers_of(job)
    kind = method.propagation_for(job)
    steepen = STEEPENINGS[method.steepening]
    carried = [propagate(mask, layers, kind, job.grow) for mask in inputs.masks]
    found = []
    for layer, layer_weight in style_weights(job):
        guidance = [steepen(each[layer]) for each in carried]
        present = []
        for index, region in enumerate(inputs.regions):
            if guidance[index].sum(dtype=np.float64) >= MIN_COVERED_POSITIONS:
                present.append(index)
            else:
                text = _(
                    "Region {region} covers 0 of {positions} positions at {layer}, which is "
                    "skipped for it."
                )
                positions = guidance[index].size
                text = text.format(region=region.name, positions=positions, layer=layer)
                inputs.on_notice(text)
        present = [index for index in present if layer in inputs.targets.styles[index]]
        found.append((layer, layer_weight, guidance, present))
    return found


def _weakened(guidance: LayerGuidance, targets: Targets, layer: str) -> LayerGuidance:
    """Return the guidance, divided where the content is protected."""
    if not targets.protect:
        return guidance
    return LayerGuidance.of(np.asarray(guidance.values) / targets.protect[layer])
