"""One evaluation over many processes: sums and gradients of tiles as functions that a map can run.

The two passes are those of `tiles.TileEvaluator`. Here each tile of a pass is a task that holds all
it needs and can go to another process: to Python's own `map`, a pool's, or Dask's. A process opens
its network once, and its sessions once per size of tile.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Callable

import numpy as np

from engine.job import Job
from engine.loss.blocks import BlockedLosses, added
from engine.loss.objective import Evaluation, split_terms, with_picture_terms
from engine.loss.terms import ContentTerm, LayerTerm, Part, Term
from engine.loss.tiles import is_lazy, tile_gradient
from engine.loss.tiling import Tile, Tiling, Window
from engine.network import DifferentiableNetwork, Network, open_network


@dataclass(frozen=True)
class TileTask:
    """A tile, with all that its sums and its gradient need.

    Attributes
    ----------
    layers : tuple of str
        The layers of all terms.
    pooling : {'average', 'max'}
    windows : dict of str to Window
        The tile's own positions at each layer.
    pieces : tuple of LayerTerm
        The terms at these positions. A content term without a target takes it from `content`.
    pixels : ndarray, shape (3, height, width)
        The picture, R, G, B from 0 to 255, with the tile's margin.
    content : ndarray, shape (3, height, width), or None
        The content there.
    """

    layers: tuple[str, ...]
    pooling: str
    windows: dict[str, Window]
    pieces: tuple[LayerTerm, ...]
    pixels: np.ndarray
    content: np.ndarray | None


MapTiles = Callable[[Callable[[TileTask], Any], Sequence[TileTask]], Iterable[Any]]
"""Calls a function with each task, anywhere, and gives the results in their order."""


def tile_sums(task: TileTask) -> list[Any]:
    """Return each term's sums over a tile's own positions, to be added up.

    Returns
    -------
    list
        What `terms.LayerTerm.sums` returns, in float64; None for a term whose sums are 0, or whose
        target is computed with the gradient.
    """
    network = _network(task.pooling, task.pixels.shape[1:], task.layers)
    features = network.forward(task.pixels)
    numbers = [number for number, piece in enumerate(task.pieces) if not is_lazy(piece)]
    pieces = [task.pieces[number] for number in numbers]
    sums: list[Any] = [None] * len(task.pieces)
    with BlockedLosses(network.network.threads) as losses:
        for number, value in zip(numbers, losses.sums(features, pieces, task.windows)):
            sums[number] = value
    return sums


def tile_gradient_and_sums(task: TileTask, slopes: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
    """Return what a tile's own positions add to the picture's gradient, and the sums left out.

    Parameters
    ----------
    task : TileTask
    slopes : sequence
        What each term's `loss` returned for the sums over the whole picture.

    Returns
    -------
    gradient : ndarray, shape (3, height, width)
        float32, of the tile with its margin.
    sums : list
        Those of the terms for which `tile_sums` has none by its second reason; else None.
    """
    network = _network(task.pooling, task.pixels.shape[1:], task.layers)
    features = network.forward(task.pixels)
    lazy = [number for number, piece in enumerate(task.pieces) if is_lazy(piece)]
    pieces = list(task.pieces)
    if lazy:
        assert task.content is not None
        wanted = tuple(dict.fromkeys(pieces[number].layer for number in lazy))
        targets = _open(task.pooling).features(task.content, wanted)
        for number in lazy:
            piece = pieces[number]
            assert isinstance(piece, ContentTerm)
            own = task.windows[piece.layer].of(targets[piece.layer])
            pieces[number] = replace(piece, target=own)
    sums: list[Any] = [None] * len(pieces)
    with BlockedLosses(network.network.threads) as losses:
        of_lazy = losses.sums(features, [pieces[number] for number in lazy], task.windows)
        for number, value in zip(lazy, of_lazy):
            sums[number] = value
        out = network.gradient_arrays()
        gradient = tile_gradient(network, features, pieces, slopes, task.windows, losses, out)
    return gradient.copy(), sums


def evaluate(
    picture: np.ndarray,
    terms: Sequence[Term],
    tiling: Tiling,
    layers: tuple[str, ...],
    map_tiles: MapTiles,
    *,
    content: np.ndarray | None = None,
    pooling: str = "average",
) -> Evaluation:
    """Evaluate a picture with its tiles in other processes.

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    terms : sequence of Term
    tiling : Tiling
    layers : tuple of str
        The layers of all terms.
    map_tiles : callable
        Such as ``map``, or ``lambda f, tasks: client.gather(client.map(f, tasks))``.
    content : ndarray, shape (3, height, width), optional
        For content terms without a target.
    pooling : {'average', 'max'}
    """
    of_layers, of_picture = split_terms(terms)
    given = tiling, layers, of_layers, picture, content, pooling
    tasks = [tile_task(tile, *given) for tile in tiling.tiles]
    totals: list[Any] = [None] * len(of_layers)
    for sums in map_tiles(tile_sums, tasks):
        totals = [added(total, value) for total, value in zip(totals, sums)]
    slopes = [
        None if is_lazy(term) else term.loss(total)[1] for term, total in zip(of_layers, totals)
    ]
    gradient = np.zeros(picture.shape, np.float32)
    second = functools.partial(tile_gradient_and_sums, slopes=slopes)
    for tile, (part, sums) in zip(tiling.tiles, map_tiles(second, tasks)):
        view = tile.of(gradient)
        view += part
        totals = [added(total, value) for total, value in zip(totals, sums)]
    parts: dict[Part, float] = defaultdict(float)
    for term, total in zip(of_layers, totals):
        parts[term.part] += term.loss(total)[0]
    return with_picture_terms(picture, parts, gradient, of_picture)


def tile_task(
    tile: Tile,
    tiling: Tiling,
    layers: tuple[str, ...],
    terms: Sequence[LayerTerm],
    picture: np.ndarray,
    content: np.ndarray | None,
    pooling: str,
) -> TileTask:
    """Return all that the functions of a tile need, as a value that can be sent.

    Parameters
    ----------
    tile : Tile
    tiling : Tiling
    layers : tuple of str
    terms : sequence of LayerTerm
        Of the whole picture.
    picture : ndarray, shape (3, height, width)
    content : ndarray, shape (3, height, width), or None
        For content terms without a target.
    pooling : {'average', 'max'}
    """
    windows = tiling.windows(tile, layers)
    pieces = [term.piece(windows[term.layer].indices) for term in terms]
    return TileTask(
        layers=layers,
        pooling=pooling,
        windows=windows,
        pieces=tuple(each.alone() if isinstance(each, ContentTerm) else each for each in pieces),
        pixels=np.ascontiguousarray(tile.of(picture)),
        content=None if content is None else np.ascontiguousarray(tile.of(content)),
    )


@functools.lru_cache(maxsize=2)
def _open(pooling: str) -> Network:
    return open_network(Job(pooling=pooling, device="cpu"))


@functools.lru_cache(maxsize=2)
def _network(pooling: str, size: tuple[int, int], layers: tuple[str, ...]) -> DifferentiableNetwork:
    return _open(pooling).differentiable(*size, layers)
