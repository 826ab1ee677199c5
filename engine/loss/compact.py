"""Compact values: large guidance arrays that take memory only where they vary.

Most of a mask of many megapixels is 0 or 1, and a band of a soft mask is 0 outside its ramp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COMPACT_POSITIONS = 1 << 21
"""Positions from which `compact` is worth its while; a layer of a smaller picture takes 8 MB."""

_CHUNK = 256
"""Positions that are stored together; a power of 2."""


@dataclass(frozen=True)
class CompactValues:
    """An array of one dimension in chunks, of which equal constant ones are stored once.

    It is read like an array, by a slice or by an array of indices, and gives the same values.

    Attributes
    ----------
    size : int
        Positions.
    chunk : ndarray, shape (chunks,)
        Which row of `rows` holds each chunk.
    rows : ndarray, shape (rows, _CHUNK)
    """

    size: int
    chunk: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> CompactValues:
        """Store an array of shape (positions,)."""
        whole = len(values) // _CHUNK
        chunks = values[: whole * _CHUNK].reshape(whole, _CHUNK)
        low = chunks.min(axis=1)
        constant = low == chunks.max(axis=1)
        levels, which = np.unique(low[constant], return_inverse=True)
        chunk = np.empty(whole + 1, np.int32)
        chunk[:whole][constant] = which
        rest = np.append(~constant, True)
        chunk[rest] = len(levels) + np.arange(rest.sum())
        last = np.zeros((1, _CHUNK), values.dtype)
        last[0, : len(values) - whole * _CHUNK] = values[whole * _CHUNK :]
        flat = np.repeat(levels[:, None], _CHUNK, axis=1)
        return cls(len(values), chunk, np.concatenate([flat, chunks[~constant], last]))

    def __getitem__(self, where: slice | np.ndarray) -> np.ndarray:
        """Return the values at positions, as an array in brackets would."""
        if isinstance(where, slice):
            where = np.arange(*where.indices(self.size))
        return self.rows[self.chunk[where // _CHUNK], where % _CHUNK]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """Return all values."""
        return np.asarray(self.rows[self.chunk].ravel()[: self.size], dtype)

    @property
    def nbytes(self) -> int:
        """The bytes that it takes."""
        return self.chunk.nbytes + self.rows.nbytes


def compact(values: np.ndarray) -> np.ndarray | CompactValues:
    """Return values, shape (positions,), in the form that suits how many they are."""
    return CompactValues.of(values) if values.size >= COMPACT_POSITIONS else values
