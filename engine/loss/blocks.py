"""Sums and gradients of terms, block by block, on several threads.

The terms of `terms.py` are evaluated over blocks of positions that stay in a core's cache. Blocks
where a guidance is 0 are left out: two regions that share a picture cost little more than one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from engine.loss.terms import LayerTerm

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

    def sums(self, features: Mapping[str, np.ndarray], terms: Sequence[LayerTerm]) -> list[Any]:
        """Return each term's sums over all positions of the features.

        Parameters
        ----------
        features : mapping of str to ndarray, shape (N, positions)
        terms : sequence of LayerTerm
            With as many positions as the features.

        Returns
        -------
        list
            For each term the sum of what its `sums` returns, float64; None where all of it is 0.
        """
        jobs = [
            [
                self._pool.submit(term.sums, features[term.layer][:, block], block)
                for block in _blocks(features[term.layer])
            ]
            for term in terms
        ]
        return [_added(parts) for parts in jobs]

    def gradients(
        self,
        features: Mapping[str, np.ndarray],
        terms: Sequence[LayerTerm],
        slopes: Sequence[Any],
        out: Mapping[str, np.ndarray],
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
        """
        by_layer: dict[str, list[tuple[LayerTerm, Any]]] = defaultdict(list)
        for term, slope in zip(terms, slopes):
            by_layer[term.layer].append((term, slope))
        jobs = [
            self._pool.submit(_write_block, features[layer], by_layer[layer], target, block)
            for layer, target in out.items()
            for block in _blocks(features[layer])
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


def _blocks(F: np.ndarray) -> Iterator[slice]:
    channels, positions = F.shape
    length = max(BLOCK_VALUES // channels, 1)
    for start in range(0, positions, length):
        yield slice(start, min(start + length, positions))


def _added(parts: list[Future]) -> Any:
    """Add the blocks up in their order, so that a run can be repeated bit for bit."""
    total: Any = None
    for part in parts:
        total = added(total, part.result())
    return total


def _write_block(
    F: np.ndarray, terms: Sequence[tuple[LayerTerm, Any]], out: np.ndarray, block: slice
) -> None:
    part, target = F[:, block], out[:, block]
    written = False
    for term, slope in terms:
        written = term.add_gradient(part, block, slope, target, written)
    if not written:
        target[...] = 0
