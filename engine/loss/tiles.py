"""Evaluation by tiles: loss and gradient of a picture of any size, in bounded memory.

Gram matrices and content losses are sums over positions, and the network is local. The first pass
adds up each term's sums over the tiles' own positions. The totals give the loss and what each
term's gradient needs. The second pass writes feature gradients at the own positions of a tile and 0
elsewhere, takes them back to the picture, and adds the result, with its margin, to the whole
gradient. By linearity that is the gradient of the whole picture, to rounding.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from engine.loss.blocks import BlockedLosses
from engine.loss.definition import masked_gram, masked_mean
from engine.loss.in_graph import GraphEvaluator
from engine.loss.kept_passes import KeptPass
from engine.loss.objective import (
    BlockEvaluator,
    Evaluation,
    Evaluator,
    Groups,
    MakeEvaluator,
    split_terms,
    with_picture_terms,
)
from engine.loss.terms import (
    ContentTerm,
    LayerGuidance,
    LayerTerm,
    MomentsTerm,
    Part,
    StyleMoments,
)
from engine.loss.tiling import Plan, Tile, Tiling, Window
from models.vgg16 import layer_size

if TYPE_CHECKING:
    from engine.network import DifferentiableNetwork, Network

OnTile = Callable[[int, int], None]
"""Called before each tile with how many are done and how many there are, in an evaluation both
passes together; an exception that it raises ends the work."""


def evaluator_maker(
    network: Network,
    plan: Plan,
    layers: tuple[str, ...],
    losses: BlockedLosses,
    content: np.ndarray,
    on_tile: OnTile | None = None,
    *,
    rounded: bool = False,
    on_notice: Callable[[str], None] = lambda text: None,
) -> MakeEvaluator:
    """Return what makes the evaluators of one picture size: whole where it fits, else by tiles.

    All evaluators that it makes share the network's sessions and activations, and the memory of the
    gradients.

    Parameters
    ----------
    network : Network
    plan : Plan
        From `tiling.choose_plan`. One tile is evaluated by `objective.BlockEvaluator`.
    layers : tuple of str
        The layers of all terms.
    losses : BlockedLosses
    content : ndarray, shape (3, height, width)
        The content, R, G, B from 0 to 255. Content terms without a target take their features from
        it, tile by tile, at every evaluation.
    on_tile : callable, optional
        As `OnTile` says. It is not called where the picture is one tile.
    rounded : bool
        Whether a card may round the convolutions' products (TF32).
    on_notice : callable
        Called with a sentence if part of the network does not run where it should.

    Returns
    -------
    callable
        From groups of terms, which share the features, to their evaluator.
    """
    sized = network.differentiable(*plan.tiling.tile, layers, rounded=rounded)
    if sized.notice:
        on_notice(sized.notice)
    if plan.tiling.whole and network.losses == "card":
        return lambda groups: GraphEvaluator(sized, groups)
    if plan.tiling.whole:
        return lambda groups: BlockEvaluator(sized, groups, losses)
    # The second pass begins with the last tile, which is still in the network.
    last = len(plan.tiling.tiles) - 1
    kept = {
        index: KeptPass(sized, plan.tiling.windows(plan.tiling.tiles[index], layers))
        for index in range(last - plan.kept_tiles, last)
    }

    @functools.lru_cache(maxsize=1)
    def extractor(wanted: tuple[str, ...]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        return network.extractor(*plan.tiling.tile, wanted, holds_memory=True)

    @functools.cache
    def gradient(group: int) -> np.ndarray:
        # Made once: memory fresh from the system costs more time than the sums that go there.
        return np.empty((3, *plan.tiling.size), np.float32)

    def content_features(tile: Tile, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
        return extractor(wanted)(tile.of(content)) if wanted else {}

    def evaluator(groups: Groups) -> Evaluator:
        gradients = [gradient(group) for group in range(len(groups))]
        return TileEvaluator(
            plan.tiling, sized, kept, groups, gradients, losses, content_features, on_tile
        )

    return evaluator


class TileEvaluator:
    """The evaluator of a picture by tiles; `evaluator_maker` makes it.

    Parameters
    ----------
    tiling : Tiling
    network : DifferentiableNetwork
        For the tiles' size.
    kept : mapping of int to KeptPass
        Room for the forward passes of some tiles, by their index.
    groups : sequence of sequence of Term
    gradients : sequence of ndarray, shape (3, height, width)
        Room for each group's gradient.
    losses : BlockedLosses
    content_features : callable
        From a tile and layers to the content's features there.
    on_tile : callable or None
    """

    def __init__(
        self,
        tiling: Tiling,
        network: DifferentiableNetwork,
        kept: Mapping[int, KeptPass],
        groups: Groups,
        gradients: Sequence[np.ndarray],
        losses: BlockedLosses,
        content_features: Callable[[Tile, tuple[str, ...]], dict[str, np.ndarray]],
        on_tile: OnTile | None,
    ) -> None:
        self._tiling = tiling
        self._network = network
        self._kept = kept
        self._losses = losses
        self._content_features = content_features
        self._on_tile = on_tile
        self._picture_terms = []
        self._terms: list[tuple[int, LayerTerm]] = []
        for index, group in enumerate(groups):
            of_layers, of_picture = split_terms(group)
            self._picture_terms.append(of_picture)
            self._terms += [(index, term) for term in of_layers]
        self._lazy_layers = tuple(
            dict.fromkeys(term.layer for _, term in self._terms if is_lazy(term))
        )
        self._out = network.gradient_arrays()
        self._gradients = gradients

    def __call__(self, picture: np.ndarray) -> Iterator[Evaluation]:
        """Evaluate each group; all of them share the two passes."""
        totals: list[Any] = [None] * len(self._terms)
        features = self._first_pass(picture, totals)
        slopes = [
            None if is_lazy(term) else term.loss(total)[1]
            for (_, term), total in zip(self._terms, totals)
        ]
        self._second_pass(picture, features, slopes, totals)
        parts: list[dict[Part, float]] = [defaultdict(float) for _ in self._gradients]
        for (group, term), total in zip(self._terms, totals):
            parts[group][term.part] += term.loss(total)[0]
        for each in zip(parts, self._gradients, self._picture_terms):
            yield with_picture_terms(picture, *each)

    def _first_pass(self, picture: np.ndarray, totals: list[Any]) -> dict[str, np.ndarray]:
        """Add up the terms' sums; return the features of the last tile."""
        features: dict[str, np.ndarray] = {}
        numbers = [number for number, (_, term) in enumerate(self._terms) if not is_lazy(term)]
        for index, tile in enumerate(self._tiling.tiles):
            self._tell(index)
            features = self._network.forward(tile.of(picture))
            windows = self._windows(tile)
            terms = [self._terms[number][1] for number in numbers]
            pieces = [term.piece(windows[term.layer].indices) for term in terms]
            _add(totals, numbers, self._losses.sums(features, pieces, windows))
            if index in self._kept:
                self._kept[index].keep()
        return features

    def _second_pass(
        self,
        picture: np.ndarray,
        features: dict[str, np.ndarray],
        slopes: Sequence[Any],
        totals: list[Any],
    ) -> None:
        """Write each group's gradient; add up the sums that the first pass has left out."""
        count = len(self._tiling.tiles)
        for gradient in self._gradients:
            gradient.fill(0)
        lazy = [number for number, (_, term) in enumerate(self._terms) if is_lazy(term)]
        for done, index in enumerate(reversed(range(count))):
            self._tell(count + done)
            tile = self._tiling.tiles[index]
            if index in self._kept:
                features = self._kept[index].recall(tile.of(picture))
            elif done:
                features = self._network.forward(tile.of(picture))
            windows = self._windows(tile)
            pieces = self._pieces(tile, windows)
            if lazy:
                sums = self._losses.sums(features, [pieces[number] for number in lazy], windows)
                _add(totals, lazy, sums)
            for group, gradient in enumerate(self._gradients):
                of_group = [n for n, (owner, _) in enumerate(self._terms) if owner == group]
                part = tile_gradient(
                    self._network,
                    features,
                    [pieces[number] for number in of_group],
                    [slopes[number] for number in of_group],
                    windows,
                    self._losses,
                    self._out,
                )
                view = tile.of(gradient)
                view += part

    def _pieces(self, tile: Tile, windows: Mapping[str, Window]) -> list[LayerTerm]:
        """Return all terms at the tile's own positions."""
        features = self._content_features(tile, self._lazy_layers)
        pieces = []
        for _, term in self._terms:
            piece = term.piece(windows[term.layer].indices)
            if isinstance(piece, ContentTerm) and piece.target is None:
                own = windows[piece.layer].of(features[piece.layer])
                piece = replace(piece, target=own)
            pieces.append(piece)
        return pieces

    def _windows(self, tile: Tile) -> dict[str, Window]:
        return self._tiling.windows(tile, tuple(self._out))

    def _tell(self, done: int) -> None:
        if self._on_tile is not None:
            self._on_tile(done, 2 * len(self._tiling.tiles))


def tile_gradient(
    network: DifferentiableNetwork,
    features: Mapping[str, np.ndarray],
    pieces: Sequence[LayerTerm],
    slopes: Sequence[Any],
    windows: Mapping[str, Window],
    losses: BlockedLosses,
    out: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Return what a tile's own positions add to the picture's gradient.

    Parameters
    ----------
    network : DifferentiableNetwork
        Its last forward pass was that of the tile.
    features : mapping of str to ndarray, shape (N, positions of the tile)
        What that pass returned.
    pieces : sequence of LayerTerm
        The terms at the tile's own positions.
    slopes : sequence
        What each term's `loss` returned for the sums over the whole picture.
    windows : mapping of str to Window
    losses : BlockedLosses
    out : mapping of str to ndarray, shape (N, positions of the tile)
        Room for the feature gradients.

    Returns
    -------
    ndarray, shape (3, height, width)
        Of the tile with its margin; valid until the network's next run.
    """
    losses.gradients(features, pieces, slopes, out, windows)
    return network.backward(out)


def content_features(
    network: Network,
    tiling: Tiling,
    content: np.ndarray,
    layers: tuple[str, ...],
    on_tile: OnTile | None = None,
) -> dict[str, np.ndarray]:
    """Return the features of a whole picture, computed by tiles.

    Parameters
    ----------
    network : Network
    tiling : Tiling
        Made for layers at least as deep.
    content : ndarray, shape (3, height, width)
    layers : tuple of str
    on_tile : callable, optional
        As `OnTile` says, in one pass.

    Returns
    -------
    dict of str to ndarray, shape (N, M)
        float32.
    """
    if tiling.whole:
        return network.features(content, layers)
    extract = network.extractor(*tiling.tile, layers)
    whole: dict[str, np.ndarray] = {}
    for index, tile in enumerate(tiling.tiles):
        if on_tile is not None:
            on_tile(index, len(tiling.tiles))
        for layer, features in extract(tile.of(content)).items():
            window = tiling.window(tile, layer)
            if layer not in whole:
                positions = math.prod(layer_size(layer, *tiling.size))
                whole[layer] = np.empty((len(features), positions), np.float32)
            whole[layer][:, window.indices] = window.of(features)
    return whole


def style_moments(
    network: Network,
    tiling: Tiling,
    style: np.ndarray,
    guidance: Mapping[str, np.ndarray],
    on_tile: OnTile | None = None,
) -> dict[str, StyleMoments]:
    """Return the masked Gram matrices and means of a style picture, computed by tiles.

    Parameters
    ----------
    network : Network
    tiling : Tiling
        Of the style picture, for the layers of `guidance`.
    style : ndarray, shape (3, height, width)
    guidance : mapping of str to ndarray, shape (M,)
        The style's mask, carried to each layer; none of them 0 everywhere.
    on_tile : callable, optional
        As `OnTile` says, in one pass.

    Returns
    -------
    dict of str to StyleMoments
    """
    layers = tuple(guidance)
    if tiling.whole:
        features = network.features(style, layers)
        return {
            layer: StyleMoments(
                masked_gram(features[layer], guidance[layer]),
                masked_mean(features[layer], guidance[layer]),
            )
            for layer in layers
        }
    extract = network.extractor(*tiling.tile, layers)
    nothing = np.empty(0)
    terms = [
        MomentsTerm(layer, LayerGuidance.of(guidance[layer]), 1.0, 0, nothing, nothing)
        for layer in layers
    ]
    totals: list[Any] = [None] * len(terms)
    with BlockedLosses(network.threads) as losses:
        for index, tile in enumerate(tiling.tiles):
            if on_tile is not None:
                on_tile(index, len(tiling.tiles))
            windows = tiling.windows(tile, layers)
            pieces = [term.piece(windows[term.layer].indices) for term in terms]
            sums = losses.sums(extract(tile.of(style)), pieces, windows)
            _add(totals, range(len(terms)), sums)
    found = {}
    for term, total in zip(terms, totals):
        moments = (total / term.guidance.total).astype(np.float32)
        found[term.layer] = StyleMoments(
            np.ascontiguousarray(moments[:, :-1]), np.ascontiguousarray(moments[:, -1])
        )
    return found


def is_lazy(term: LayerTerm) -> bool:
    """Return whether a term's target is computed tile by tile."""
    return isinstance(term, ContentTerm) and term.target is None


def _add(totals: list[Any], numbers: Iterable[int], sums: Sequence[Any]) -> None:
    for number, value in zip(numbers, sums):
        if value is not None:
            before = totals[number]
            totals[number] = value if before is None else before + value
