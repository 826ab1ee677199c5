"""Masked Gram matrices and feature gradients, block by block, on several threads.

The losses of `definition.py`, computed over blocks of positions that stay in a core's cache. Blocks
where a mask is 0 are left out: two regions that share a picture cost little more than one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

BLOCK_VALUES = 1 << 19
"""Values of one block: 2 MB of float32, about one core's second-level cache."""


@dataclass(frozen=True)
class LayerGuidance:
    """A region's guidance at one layer, with what the blocks need to know of it.

    Attributes
    ----------
    values : ndarray, shape (M,)
        float32, from 0 up.
    root : ndarray, shape (M,)
        Its square root: ``F diag(T) F'`` is the product of one matrix with its own transpose,
        which takes half the multiplications.
    total : float
        The sum.
    """

    values: np.ndarray
    root: np.ndarray
    total: float

    @classmethod
    def of(cls, values: np.ndarray) -> LayerGuidance:
        """Describe a guidance of any shape."""
        flat = np.ascontiguousarray(values, np.float32).ravel()
        return cls(flat, np.sqrt(flat), float(flat.sum(dtype=np.float64)))

    @property
    def area(self) -> float:
        """The area share, from 0 to 1."""
        return self.total / self.values.size


class BlockedLosses:
    """Runs the block sums of all layers on a pool of threads.

    Parameters
    ----------
    threads : int
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sums")

    def masked_grams(
        self, features: Mapping[str, np.ndarray], masks: Mapping[str, Sequence[LayerGuidance]]
    ) -> dict[str, list[np.ndarray]]:
        """Return the masked Gram matrices, in mean form, of every mask at every layer.

        Parameters
        ----------
        features : dict of str to ndarray, shape (N, M)
        masks : dict of str to sequence of LayerGuidance
            None of them 0 everywhere.

        Returns
        -------
        dict of str to list of ndarray, shape (N, N)
            As `definition.masked_gram` gives them.
        """
        jobs: dict[str, list[list[Future]]] = {}
        for layer, layer_masks in masks.items():
            F = features[layer]
            blocks = list(_blocks(F))
            jobs[layer] = [
                [
                    self._pool.submit(_gram_of_block, F, mask, block)
                    for block in blocks
                    if mask.values[block].any()
                ]
                for mask in layer_masks
            ]
        return {
            layer: [
                _added(parts) / np.float32(mask.total)
                for parts, mask in zip(jobs[layer], layer_masks)
            ]
            for layer, layer_masks in masks.items()
        }

    def feature_gradients(
        self,
        features: Mapping[str, np.ndarray],
        styles: Mapping[str, Sequence[tuple[np.ndarray, LayerGuidance]]],
        contents: Mapping[str, tuple[np.ndarray, float, np.ndarray | None]],
        out: Mapping[str, np.ndarray],
    ) -> dict[str, float]:
        """Write each layer's gradient and return the content losses.

        Parameters
        ----------
        features : dict of str to ndarray, shape (N, M)
        styles : dict of str to sequence of (ndarray, LayerGuidance)
            The matrices ``D``, shape (N, N), of `definition.gram_loss`, weighted, with their masks:
            each adds ``D F diag(T) / M``.
        contents : dict of str to (ndarray, float, ndarray or None)
            The content picture's features, shape (N, M), a weight, and how many times each
            position counts, shape (M,), or None: each adds ``weight K (F - P) / M``.
        out : dict of str to ndarray, shape (N, M)
            Where the gradients go; it may not overlap with `features`.

        Returns
        -------
        dict of str to float
            The content loss of each layer of `contents`, without its weight.
        """
        jobs = {}
        for layer, target in out.items():
            F = features[layer]
            content = contents.get(layer)
            pairs = styles.get(layer, ())
            jobs[layer] = [
                self._pool.submit(_gradient_of_block, F, pairs, content, target, block)
                for block in _blocks(F)
            ]
        squares = {layer: sum(part.result() for part in parts) for layer, parts in jobs.items()}
        return {layer: squares[layer] / (2 * features[layer].shape[1]) for layer in contents}


def _blocks(F: np.ndarray) -> Iterator[slice]:
    channels, positions = F.shape
    length = max(BLOCK_VALUES // channels, 1)
    for start in range(0, positions, length):
        yield slice(start, min(start + length, positions))


def _gram_of_block(F: np.ndarray, mask: LayerGuidance, block: slice) -> np.ndarray:
    part = F[:, block]
    root = mask.root[block]
    if not (root == 1).all():
        part = part * root
    # numpy hands a matrix times its own transpose to BLAS's syrk.
    return part @ part.T


def _added(parts: list[Future]) -> np.ndarray:
    """Add the blocks up in their order, so that a run can be repeated to the last bit."""
    total = parts[0].result()
    for part in parts[1:]:
        total += part.result()
    return total


def _gradient_of_block(
    F: np.ndarray,
    pairs: Sequence[tuple[np.ndarray, LayerGuidance]],
    content: tuple[np.ndarray, float, np.ndarray | None] | None,
    out: np.ndarray,
    block: slice,
) -> float:
    """Write one block of the gradient; return its squared content differences, times `K`."""
    part, target = F[:, block], out[:, block]
    positions = F.shape[1]
    squares = 0.0
    written = False
    if content is not None:
        P, weight, keep = content
        np.subtract(part, P[:, block], out=target)
        if keep is None:
            squares = float(np.einsum("ij,ij->i", target, target).sum(dtype=np.float64))
        else:
            each = np.einsum("ij,ij->j", target, target)
            squares = float(np.dot(each.astype(np.float64), keep[block]))
            target *= keep[block]
        target *= np.float32(weight / positions)
        written = True
    for D, mask in pairs:
        values = mask.values[block]
        if not values.any():
            continue
        scaled = values / np.float32(positions)
        if written:
            product = D @ part
            product *= scaled
            target += product
        else:
            np.matmul(D, part, out=target)
            target *= scaled
            written = True
    if not written:
        target[...] = 0
    return squares
