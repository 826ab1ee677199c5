"""Sums and gradients of terms, block by block, on several threads.

The terms of `terms.py` are evaluated over blocks of positions that stay in a core's cache. Blocks
where a guidance is 0 are left out: two regions that share a picture cost little more than one. A
window limits a tile's terms to the positions that no other tile has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.loss.terms import LayerTerm
from engine.threads import single_threaded_blas

if TYPE_CHECKING:
    from engine.loss.tiling import Window

BLOCK_VALUES = 1 << 19
"""Values of one block: 2 MB of float32, about one core's second-level cache."""


class BlockedLosses:
    """A pool of threads that adds up terms' sums and writes their feature gradients.

    A context manager; at its end the threads are gone.

    Parameters
    ----------
    threads : int
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="losses")

    def __enter__(self) -> BlockedLosses:
        """Return the pool."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the threads."""
        self._pool.shutdown()

    @single_threaded_blas()
    def sums(
        self,
        features: Mapping[str, np.ndarray],
        terms: Sequence[LayerTerm],
        windows: Mapping[str, Window] | None = None,
    ) -> list[Any]:
        """Return each term's sums over all positions of the features, or over those of a window.

        Parameters
        ----------
        features : mapping of str to ndarray, shape (N, positions)
        terms : sequence of LayerTerm
            With as many positions as the features, or as the window of their layer.
        windows : mapping of str to Window, optional
            For each layer the positions of the features that count.

        Returns
        -------
        list
            For each term the sum of what its `sums` returns, float64; None where all of it is 0.
        """
        jobs = [
            [
                self._pool.submit(_sums_of_block, term, block)
                for block in _blocks(features[term.layer], _window(windows, term.layer))
            ]
            for term in terms
        ]
        return [_added(parts) for parts in jobs]

    @single_threaded_blas()
    def gradients(
        self,
        features: Mapping[str, np.ndarray],
        terms: Sequence[LayerTerm],
        slopes: Sequence[Any],
        out: Mapping[str, np.ndarray],
        windows: Mapping[str, Window] | None = None,
    ) -> None:
        """Write the gradient with respect to each layer's features.

        Parameters
        ----------
        features, terms
            As for `sums`.
        slopes : sequence
            What each term's `loss` returned.
        out : mapping of str to ndarray, shape (N, positions)
            Where the gradients go: 0 for a layer without terms. It may not overlap with `features`.
        windows : mapping of str to Window, optional
            As for `sums`; the gradient is 0 at all other positions.
        """
        by_layer: dict[str, list[tuple[LayerTerm, Any]]] = defaultdict(list)
        for term, slope in zip(terms, slopes):
            by_layer[term.layer].append((term, slope))
        jobs = []
        for layer, target in out.items():
            window = _window(windows, layer)
            if window is not None:
                jobs.append(self._pool.submit(window.clear_outside, target))
            jobs += [
                self._pool.submit(_write_block, by_layer[layer], block, written)
                for block, written in zip(_blocks(features[layer], window), _blocks(target, window))
            ]
        for each in jobs:
            each.result()


def added(total: Any, value: Any) -> Any:
    """Return the sum of two terms' sums, in float64; None is 0."""
    if value is None:
        return total
    # A float32 sum of the hundreds of blocks of a large picture would lose digits.
    if total is None:
        return value.astype(np.float64) if isinstance(value, np.ndarray) else value
    return total + value


class _Block(NamedTuple):
    """Some positions of a layer.

    Attributes
    ----------
    values : ndarray, shape (N, positions) or (N, rows, columns)
        A view of the features or of their gradient there.
    where : slice
        The positions among those of the terms.
    """

    values: np.ndarray
    where: slice


def _window(windows: Mapping[str, Window] | None, layer: str) -> Window | None:
    return None if windows is None else windows[layer]


def _blocks(F: np.ndarray, window: Window | None) -> Iterator[_Block]:
    """Cut the positions of a layer into blocks; those of a window into whole rows of it."""
    if window is None:
        channels, positions = F.shape
        length = max(BLOCK_VALUES // channels, 1)
        for start in range(0, positions, length):
            where = slice(start, min(start + length, positions))
            yield _Block(F[:, where], where)
        return
    values = window.view(F)
    channels, rows, columns = values.shape
    height = max(BLOCK_VALUES // (channels * max(columns, 1)), 1)
    for start in range(0, rows, height):
        stop = min(start + height, rows)
        yield _Block(values[:, start:stop], slice(start * columns, stop * columns))


def _sums_of_block(term: LayerTerm, block: _Block) -> Any:
    return term.sums(block.values.reshape(len(block.values), -1), block.where)


def _added(parts: list[Future]) -> Any:
    """Add the blocks up in their order, so that a run can be repeated bit for bit."""
    total: Any = None
    for part in parts:
        total = added(total, part.result())
    return total


def _write_block(terms: Sequence[tuple[LayerTerm, Any]], block: _Block, out: _Block) -> None:
    part = block.values.reshape(len(block.values), -1)
    in_place = out.values.ndim == 2
    target = out.values if in_place else np.empty_like(part)
    written = False
    for term, slope in terms:
        written = term.add_gradient(part, block.where, slope, target, written)
    if not written:
        out.values[...] = 0
    elif not in_place:
        out.values[...] = target.reshape(out.values.shape)
