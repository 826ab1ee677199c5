"""Targets: the content's features and the styles' moments at one working size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from engine.job import Job
from engine.loss.definition import protect_factors
from engine.loss.grain import variograms
from engine.loss.make_terms import MIN_COVERED_POSITIONS, PIXELS, layers_of, weighted_layers
from engine.loss.shrinking import by_shrinking_tiles
from engine.loss.terms import StyleMoments
from engine.loss.tiles import content_features, style_moments
from engine.loss.tiling import Tiling, choose_feature_tiling
from engine.masks.propagation import propagate
from engine.masks.regions import LoadedRegion
from engine.sizes import resized, resized_mask, stroke_size, style_size
from engine.translations import _

if TYPE_CHECKING:
    from engine.loss.tiles import OnTile
    from engine.network import Network

BASE_RATIO = 0.05
"""Content weight over style weight at strength 1; by eye, strong strokes over clear content."""


@dataclass(frozen=True)
class Targets:
    """The features and moments that the terms of one scale aim at.

    Attributes
    ----------
    contents : mapping of str to (ndarray or None, float)
        For each content layer the content's features, shape (N, M), and the weight of its term.
        Where they are None, `tiles.TileEvaluator` computes them tile by tile.
    styles : list of dict of str to StyleMoments
        For each region and layer the style's Gram matrix and means; a layer where nothing of the
        style is left is missing.
    grains : list of ndarray or None
        For each region the style's variograms, as `grain.variograms` gives them; empty if the job
        does not hold them.
    protect : dict of str to ndarray
        For each layer, and for the pixels under `PIXELS`, shape (M,), how many times as much the
        content counts at its positions, and how many times less the styles; empty where nothing is
        protected.
    """

    contents: Mapping[str, tuple[np.ndarray | None, float]]
    styles: list[dict[str, StyleMoments]]
    grains: list[np.ndarray | None] = field(default_factory=list)
    protect: dict[str, np.ndarray] = field(default_factory=dict)


class StyleCache:
    """Moments of style pictures, for runs that share the pictures' arrays."""

    def __init__(self) -> None:
        self._entries: dict[tuple, tuple[tuple[np.ndarray, ...], Any]] = {}

    def take(self, arrays: tuple[np.ndarray, ...], key: tuple, compute: Callable[[], Any]) -> Any:
        """Return what `compute` gives; the next time, the same again.

        Parameters
        ----------
        arrays : tuple of ndarray
            What the value is made from; they are told apart by identity and must not change.
        key : tuple
            What else it depends on.
        compute : callable
        """
        full = (*map(id, arrays), *key)
        if full not in self._entries:
            self._entries[full] = (arrays, compute())  # the arrays too, so that no id is used again
        return self._entries[full][1]

    def keep(self, arrays: Iterable[np.ndarray]) -> None:
        """Forget everything that is made from other arrays."""
        known = {id(array) for array in arrays}
        self._entries = {
            key: entry
            for key, entry in self._entries.items()
            if known.issuperset(map(id, entry[0]))
        }


def compute_targets(
    job: Job,
    network: Network,
    content: np.ndarray,
    regions: list[LoadedRegion],
    on_style: Callable[[int], None],
    on_notice: Callable[[str], None],
    protect: np.ndarray | None = None,
    *,
    tiling: Tiling | None = None,
    keeps_content: bool = True,
    style_memory: float = math.inf,
    cache: StyleCache | None = None,
    on_tile: OnTile | None = None,
    content_factor: float = 1.0,
) -> Targets:
    """Compute the targets of one scale from the content and the styles.

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
        Called with a sentence when a layer is skipped, and when a card's memory runs out.
    protect : ndarray, shape (height, width), optional
        Where the content is protected, from 0 to 1, at the working size.
    tiling : Tiling, optional
        How the content is cut; without it, not at all.
    keeps_content : bool
        Whether the content's features are computed here; else the evaluator does it, tile by tile.
    style_memory : float
        Bytes that analyzing a style picture may take; a larger picture is cut into tiles.
    cache : StyleCache, optional
        Of earlier runs with this network.
    on_tile : callable, optional
        As `tiles.OnTile` says, for the content and for each style.
    content_factor : float
        How many times as much the content counts as the job has it.

    Raises
    ------
    DeviceMemoryError
        If a card has not enough memory even for the smallest tiles.
    """
    cache = cache or StyleCache()
    content_layers, style_layers = layers_of(job)
    contents: dict[str, tuple[np.ndarray | None, float]] = {}
    if content_layers:
        features: dict[str, np.ndarray] = {}
        if keeps_content:
            whole = tiling or Tiling.of(content.shape[1:], content_layers, (1, 1))
            features = by_shrinking_tiles(
                whole,
                content_layers,
                lambda cut: content_features(network, cut, content, content_layers, on_tile),
                on_notice,
            )
        alpha = content_factor * BASE_RATIO / job.strength
        contents = {
            layer: (features.get(layer), alpha * weight)
            for layer, weight in weighted_layers(job.content_layers)
        }
    styles, grains = [], []
    area = content.shape[1] * content.shape[2]
    for index, region in enumerate(regions):
        on_style(index)
        styles.append(
            _style_moments(
                job, network, region, area, style_layers, on_notice, style_memory, cache, on_tile
            )
        )
        if job.grain and style_layers:
            grains.append(_variograms(job, region, area, cache))
    return Targets(contents, styles, grains, _protect_factors(job, protect))


def _variograms(job: Job, region: LoadedRegion, area: int, cache: StyleCache) -> np.ndarray | None:
    size = style_size(region.style, area, stroke_size(region.style_size, job.brush_size))
    return cache.take(
        (region.style, region.style_mask),
        ("variograms", size),
        lambda: variograms(resized(region.style, size), resized_mask(region.style_mask, size)),
    )


def _protect_factors(job: Job, protect: np.ndarray | None) -> dict[str, np.ndarray]:
    if protect is None:
        return {}
    # Receptive averaging however the regions' masks are carried: a face has no hard border.
    carried = propagate(protect, tuple(dict.fromkeys(sum(layers_of(job), ()))))
    carried[PIXELS] = protect
    return {
        layer: protect_factors(values.ravel(), job.protect_strength)
        for layer, values in carried.items()
    }


def _style_moments(
    job: Job,
    network: Network,
    region: LoadedRegion,
    area: int,
    layers: tuple[str, ...],
    on_notice: Callable[[str], None],
    style_memory: float,
    cache: StyleCache,
    on_tile: OnTile | None,
) -> dict[str, StyleMoments]:
    if not layers:
        return {}
    size = style_size(region.style, area, stroke_size(region.style_size, job.brush_size))
    kind = "receptive" if job.propagation == "auto" else job.propagation
    cut = choose_feature_tiling(size, layers, style_memory)

    def compute() -> tuple[dict[str, StyleMoments], list[str]]:
        guidance = propagate(resized_mask(region.style_mask, size), layers, kind)
        covered, skipped = {}, []
        for layer in layers:
            values = guidance[layer].ravel()
            if values.sum(dtype=np.float64) < MIN_COVERED_POSITIONS:
                skipped.append(layer)
            else:
                covered[layer] = values
        if not covered:
            return {}, skipped
        # Without the deepest layer a tile may have less margin.
        tiling = choose_feature_tiling(size, tuple(covered), style_memory)
        style = resized(region.style, size)
        moments = by_shrinking_tiles(
            tiling,
            tuple(covered),
            lambda cut: style_moments(network, cut, style, covered, on_tile),
            on_notice,
        )
        return moments, skipped

    moments, skipped = cache.take(
        (region.style, region.style_mask), (size, kind, layers, cut.tile), compute
    )
    for layer in skipped:
        text = _("Region {region}: nothing of the style mask is left at {layer}, which is skipped.")
        on_notice(text.format(region=region.name, layer=layer))
    return moments
