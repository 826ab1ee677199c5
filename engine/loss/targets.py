"""What a picture of one size is to become: content features, Gram matrices and guidance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable

import numpy as np

from engine.job import Job
from engine.loss.blocks import LayerGuidance
from engine.loss.definition import keep_factors, masked_gram
from engine.loss.objective import ContentTerm, StyleTerm
from engine.masks.bands import mask_bands
from engine.masks.propagation import propagate, steepen, steepen_relative
from engine.masks.regions import LoadedRegion
from engine.sizes import resized, resized_mask, style_size
from models.vgg16 import layer_size

if TYPE_CHECKING:
    from engine.network import Network

BASE_RATIO = 0.05
"""Content weight over style weight at strength 1; by eye, strong strokes over clear content."""

STEEPENING = {"pinned": steepen, "cutout": steepen_relative}
"""How the methods for hard borders steepen their guidance."""

MIN_COVERED_POSITIONS = 1e-3
"""Positions; a region with less than this at a layer has no say there."""


@dataclass(frozen=True)
class Targets:
    """The terms of the loss for one size, before a method combines them.

    Attributes
    ----------
    contents : list of ContentTerm
        With the content's weight.
    grams : list of dict of str to ndarray
        For each region and layer the style's Gram matrix; a layer where nothing of the style is
        left is missing.
    keep : dict of str to ndarray
        For each layer by how much the styles count less at its positions; empty where nothing is
        kept.
    """

    contents: list[ContentTerm]
    grams: list[dict[str, np.ndarray]]
    keep: dict[str, np.ndarray] = field(default_factory=dict)


def layers_of(job: Job) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the content and the style layers that have a weight."""
    contents = tuple(layer for layer, weight in job.content_layers if weight)
    styles = tuple(layer for layer, weight in job.style_layers if weight)
    return contents, styles


def prepare(
    job: Job,
    network: Network,
    content: np.ndarray,
    regions: list[LoadedRegion],
    on_style: Callable[[int], None],
    on_notice: Callable[[str], None],
    keep: np.ndarray | None = None,
) -> Targets:
    """Look at the content and the styles.

    Parameters
    ----------
    job : Job
    network : Network
    content : ndarray, shape (3, height, width)
        At the working size.
    regions : list of LoadedRegion
    on_style : callable
        Called before each style with its index.
    on_notice : callable
        Called with a sentence when a layer is skipped.
    keep : ndarray, shape (height, width), optional
        Where the content is kept, from 0 to 1, at the working size.
    """
    content_layers, style_layers = layers_of(job)
    factors = _keep_factors(job, keep)
    contents = []
    if content_layers:
        features = network.features(content, content_layers)
        alpha = BASE_RATIO / job.strength
        contents = [
            ContentTerm(layer, features[layer], alpha * weight, factors.get(layer))
            for layer, weight in job.content_layers
            if weight
        ]
    grams = []
    area = content.shape[1] * content.shape[2]
    for index, region in enumerate(regions):
        on_style(index)
        grams.append(_style_grams(job, network, region, area, style_layers, on_notice))
    return Targets(contents, grams, factors)


def _keep_factors(job: Job, keep: np.ndarray | None) -> dict[str, np.ndarray]:
    if keep is None:
        return {}
    # Receptive averaging whatever the regions' guidance is: a face has no hard border.
    carried = propagate(keep, tuple(dict.fromkeys(sum(layers_of(job), ()))))
    return {
        layer: keep_factors(values.ravel(), job.keep_strength) for layer, values in carried.items()
    }


def _weakened_where_kept(terms: list[StyleTerm], targets: Targets) -> list[StyleTerm]:
    """Return the terms with less say where the content is kept."""
    if not targets.keep:
        return terms
    return [
        replace(each, mask=LayerGuidance.of(each.mask.values / targets.keep[each.layer]))
        for each in terms
    ]


def _style_grams(
    job: Job,
    network: Network,
    region: LoadedRegion,
    area: int,
    layers: tuple[str, ...],
    on_notice: Callable[[str], None],
) -> dict[str, np.ndarray]:
    if not layers:
        return {}
    size = style_size(region.style, area, region.scale)
    features = network.features(resized(region.style, size), layers)
    mask = resized_mask(region.style_mask, size)
    kind = "receptive" if job.guidance == "auto" else job.guidance
    guidance = propagate(mask, layers, kind)
    grams = {}
    for layer in layers:
        values = guidance[layer].ravel()
        if values.sum(dtype=np.float64) < MIN_COVERED_POSITIONS:
            on_notice(
                f"Region {region.name}: nothing of the style mask is left at {layer}, "
                "which is skipped."
            )
            continue
        grams[layer] = masked_gram(features[layer], values)
    return grams


def whole_picture_terms(
    job: Job, targets: Targets, region: int, weight: float, size: tuple[int, int]
) -> list[StyleTerm]:
    """Return one style's terms without a mask (equations 2 to 5), for a picture of `size`."""
    terms = []
    for layer, layer_weight in job.style_layers:
        target = targets.grams[region].get(layer)
        if layer_weight and target is not None:
            mask = LayerGuidance.of(np.ones(layer_size(layer, *size), np.float32))
            terms.append(StyleTerm(layer, mask, target, weight * layer_weight, region))
    return _weakened_where_kept(terms, targets)


def region_terms(
    job: Job,
    targets: Targets,
    regions: list[LoadedRegion],
    masks: list[np.ndarray],
    on_notice: Callable[[str], None],
) -> list[StyleTerm]:
    """Return the masked terms of every region and layer, as the job's method has them.

    Parameters
    ----------
    masks : list of ndarray, shape (height, width)
        At the working size.
    """
    _, layers = layers_of(job)
    carried = [propagate(mask, layers, job.guidance_used, job.grow) for mask in masks]
    terms: list[StyleTerm] = []
    for layer, layer_weight in job.style_layers:
        if not layer_weight:
            continue
        guidance = [each[layer] for each in carried]
        if job.method in STEEPENING:
            guidance = [STEEPENING[job.method](each) for each in guidance]
        present = []
        for index, region in enumerate(regions):
            if guidance[index].sum(dtype=np.float64) >= MIN_COVERED_POSITIONS:
                present.append(index)
            else:
                positions = guidance[index].size
                on_notice(
                    f"Region {region.name} covers 0 of {positions} positions at {layer}, which is "
                    "skipped for it."
                )
        present = [index for index in present if layer in targets.grams[index]]
        if job.method == "banded":
            terms += _banded(layer, layer_weight, job.bands, guidance, present, targets, regions)
            continue
        for index in present:
            weight = regions[index].weight * layer_weight
            target = targets.grams[index][layer]
            terms.append(StyleTerm(layer, LayerGuidance.of(guidance[index]), target, weight, index))
    return _weakened_where_kept(terms, targets)


def _banded(
    layer: str,
    layer_weight: float,
    bands: int,
    guidance: list[np.ndarray],
    present: list[int],
    targets: Targets,
    regions: list[LoadedRegion],
) -> list[StyleTerm]:
    """Return one term per band; its target is the mixture of the styles at the band's centre."""
    terms: list[StyleTerm] = []
    if not present:
        return terms
    for values, shares in mask_bands([guidance[index] for index in present], bands):
        weights = np.array([regions[index].weight for index in present]) * shares
        if not weights.any() or values.sum(dtype=np.float64) < MIN_COVERED_POSITIONS:
            continue
        target = sum(
            (float(weight) / float(weights.sum()) * targets.grams[index][layer])
            for index, weight in zip(present, weights)
            if weight
        )
        region = present[int(np.argmax(weights))]
        weight = float(weights.sum()) * layer_weight
        terms.append(StyleTerm(layer, LayerGuidance.of(values), np.asarray(target), weight, region))
    return terms
