"""Pictures in the numbers of their files: as many bytes per pixel as there, and read in strips."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.pictures.metadata import Metadata
from engine.pictures.profiles import ColorSpace
from engine.pictures.strips import resized_by_strips, strips


@dataclass(frozen=True, eq=False)
class StoredPicture:
    """A picture.

    Attributes
    ----------
    numbers : ndarray, shape (height, width, 1 or 3)
        Gray, or red, green and blue, in the file's own color space. uint8 and uint16 from 0 to
        their largest number; float32 from 0 to 1, which is always sRGB.
    opacity : ndarray, shape (height, width), or None
        Numbers of the same type; None without transparency.
    space : ColorSpace
        What the numbers mean.
    srgb : ndarray or None
        The same picture in sRGB, of uint8 or uint16; None where the numbers are sRGB themselves.
    metadata : Metadata
    notes : tuple of str
        Sentences about what was lost or assumed in reading it, to follow the name of the file.
    lost : tuple of str
        Sentences about what a result cannot have of it.
    reduced : bool
        Whether it was read with fewer pixels than its file has.
    """

    numbers: np.ndarray
    opacity: np.ndarray | None = None
    space: ColorSpace = field(default_factory=ColorSpace)
    srgb: np.ndarray | None = None
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    reduced: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.numbers.shape[0], self.numbers.shape[1]

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        arrays = (self.numbers, self.opacity, self.srgb)
        return sum(each.nbytes for each in arrays if each is not None)

    @property
    def rgb(self) -> np.ndarray:
        """All of it in sRGB, float32, shape (height, width, 3), 0..255."""
        return np.ascontiguousarray(self._block(np.s_[:]).transpose(1, 2, 0))

    @property
    def alpha(self) -> np.ndarray | None:
        """The opacity, float32, shape (height, width), 0..1; or None."""
        return None if self.opacity is None else fractions(self.opacity)

    def is_finite(self) -> bool:
        """Return whether every number is finite."""
        if self.numbers.dtype != np.float32:
            return True
        return all(np.isfinite(self.numbers[slice(*at)]).all() for at in strips(*self.size))

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Return some rows in sRGB, float32, shape (3, bottom - top, width), 0..255."""
        return self._block(np.s_[top:bottom])

    def columns(self, left: int, right: int) -> np.ndarray:
        """Return some columns in sRGB, float32, shape (3, height, right - left), 0..255."""
        return self._block(np.s_[:, left:right])

    def resized(self, size: tuple[int, int]) -> np.ndarray:
        """Return it in sRGB at another size, float32, shape (3, rows, columns), 0..255."""
        planes = resized_by_strips(lambda *at: self._planes(np.s_[slice(*at)]), self.size, size)
        return _three(np.clip(planes, 0, 255))

    def _block(self, at: slice | tuple[slice, slice]) -> np.ndarray:
        return _three(self._planes(at))

    def _planes(self, at: slice | tuple[slice, slice]) -> np.ndarray:
        """Return a part of it in sRGB, float32, 0..255, shape (1 or 3, rows, columns)."""
        numbers = fractions((self.numbers if self.srgb is None else self.srgb)[at])
        return np.ascontiguousarray((numbers * np.float32(255)).transpose(2, 0, 1))


def _three(planes: np.ndarray) -> np.ndarray:
    """Return three planes, of which a gray picture has one."""
    return planes if len(planes) == 3 else np.repeat(planes, 3, axis=0)


def in_srgb(numbers: np.ndarray, space: ColorSpace) -> np.ndarray | None:
    """Return the numbers of a picture in sRGB, of 16 bits; None if they are that themselves."""
    if space.is_srgb:
        return None
    found = np.empty((*numbers.shape[:2], 3), np.uint16)
    for top, bottom in strips(*numbers.shape[:2]):
        values = fractions(numbers[top:bottom])
        if values.shape[2] == 1:
            values = np.repeat(values, 3, axis=2)
        found[top:bottom] = whole_numbers(space.to_srgb(values), np.dtype(np.uint16))
    return found


def fractions(numbers: np.ndarray) -> np.ndarray:
    """Return whole numbers as float32 from 0 to 1; float32 as it is."""
    if numbers.dtype == np.float32:
        return numbers
    values = numbers.astype(np.float32)
    values /= np.float32(np.iinfo(numbers.dtype).max)
    return values


def whole_numbers(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values from 0 to 1 as whole numbers of a type, cut to its range."""
    return np.rint(np.clip(values, 0, 1) * np.float32(np.iinfo(dtype).max)).astype(dtype)


def in_type(numbers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the numbers of a picture as whole numbers of another type."""
    if numbers.dtype == dtype:
        return numbers
    found = np.empty(numbers.shape, dtype)
    for top, bottom in strips(*numbers.shape[:2]):
        found[top:bottom] = whole_numbers(fractions(numbers[top:bottom]), dtype)
    return found
