"""Masks in the numbers of their files, and read in strips: large ones take a byte per pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.pictures.strips import resized_by_strips, strips

ROUNDING = 1e-6
"""The most that masks that add up to 1 leave as float32; 16-bit masks have steps of 1.5e-5."""


class Mask:
    """A mask, from 0 to 1.

    Parameters
    ----------
    numbers : ndarray, shape (height, width)
        uint8 or uint16, of which the largest number stands for 1, or float32.
    """

    def __init__(self, numbers: np.ndarray) -> None:
        self._numbers = numbers

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self._numbers.shape[0], self._numbers.shape[1]

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return self._numbers.nbytes if self._numbers.strides[0] else 0

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Return some rows, float32, shape (bottom - top, width)."""
        return self._block(np.s_[top:bottom])

    def columns(self, left: int, right: int) -> np.ndarray:
        """Return some columns, float32, shape (height, right - left)."""
        return self._block(np.s_[:, left:right])

    def whole(self) -> np.ndarray:
        """Return all of it, float32, shape (height, width)."""
        return self._block(np.s_[:])

    def resized(self, size: tuple[int, int]) -> np.ndarray:
        """Return it at another size, float32, from 0 to 1."""
        if size == self.size:
            return self.whole()
        resized = resized_by_strips(lambda *at: self.rows(*at)[None], self.size, size)[0]
        return np.clip(resized, 0, 1)

    def any(self) -> bool:
        """Return whether it covers anything."""
        return any(self.rows(*at).any() for at in strips(*self.size))

    def mean(self) -> float:
        """Return the share of the picture that it covers, from 0 to 1."""
        height, width = self.size
        covered = sum(self.rows(*at).sum(dtype=np.float64) for at in strips(height, width))
        return float(covered / (height * width))

    def _block(self, at: slice | tuple[slice, slice]) -> np.ndarray:
        numbers = self._numbers[at]
        if numbers.dtype == np.float32:
            return numbers
        values = numbers.astype(np.float32)
        values /= np.float32(np.iinfo(numbers.dtype).max)
        return values


class Everywhere(Mask):
    """A mask that is 1 everywhere, and takes neither memory nor time.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(np.broadcast_to(np.float32(1), size))

    def resized(self, size: tuple[int, int]) -> np.ndarray:
        """Return it at another size, float32."""
        return np.ones(size, np.float32)

    def any(self) -> bool:
        """Return that it covers something."""
        return True

    def mean(self) -> float:
        """Return 1, the share of the picture that it covers."""
        return 1.0


class Rest(Mask):
    """The part that other masks leave: 1 minus their sum, computed when it is read.

    Parameters
    ----------
    others : sequence of Mask
    size : (int, int)
        Height and width.
    """

    def __init__(self, others: Sequence[Mask], size: tuple[int, int]) -> None:
        super().__init__(np.broadcast_to(np.float32(1), size))
        self._others = others

    def _block(self, at: slice | tuple[slice, slice]) -> np.ndarray:
        whole = super()._block(at)
        others = (other._block(at) for other in self._others)
        rest = np.clip(1 - sum(others, np.zeros(whole.shape, np.float32)), 0, 1)
        rest[rest < ROUNDING] = 0
        return rest
