"""The end of a run: the result at the content's own size, in its numbers and its color space."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Callable, TypeVar

import numpy as np

from engine.masks.mask import Mask
from engine.pictures.colors import restore_chroma
from engine.pictures.compositing import COMPOSITES, Assembly, Block
from engine.pictures.profiles import ColorSpace
from engine.pictures.stored import StoredPicture, fractions, whole_numbers
from engine.pictures.strips import Planes, strips

CLIPPED = 1.5 / 255
"""A color is clipped if a number of it changes by more."""

UNPAINTED = 0.999
"""Share of the content in a pixel from which on it counts as unpainted."""

MOST_THREADS = 4
"""More threads would only wait for the memory."""

T = TypeVar("T")


@dataclass(frozen=True)
class Finisher:
    """Everything that a result is made from, at the content's own size.

    Attributes
    ----------
    content : StoredPicture
    canvas : Planes
        The content in the colors that are painted.
    masks : sequence of Mask
    protect : Mask or None
    protect_strength : float
    keeps_chroma : bool
        Whether the result has the content's chroma (the colors 'luminance').
    in_float : bool
        Whether the result is in sRGB, as float32, whatever the content is.
    small : ndarray, shape (3, rows, columns), optional
        The canvas at the working size, if it is there already.
    threads : int
        Strips that are put together at a time.
    with_strokes : sequence of StoredPicture
        The painted pictures at the content's size, with strokes; empty to enlarge them smoothly.
    """

    content: StoredPicture
    canvas: Planes
    masks: Sequence[Mask]
    protect: Mask | None
    protect_strength: float
    keeps_chroma: bool
    in_float: bool
    small: np.ndarray | None = None
    threads: int = 1
    with_strokes: Sequence[StoredPicture] = ()

    def result(self, composite: str, pictures: Sequence[np.ndarray]) -> tuple[StoredPicture, float]:
        """Put the result together.

        Parameters
        ----------
        composite : str
            One of `COMPOSITES`.
        pictures : sequence of ndarray, shape (3, rows, columns)
            0..255, of the working size.

        Returns
        -------
        picture : StoredPicture
            Of the content's size, with its opacity and metadata. Where nothing is painted it has
            the content's own numbers.
        clipped : float
            The share of the painted pixels whose colors lie beyond sRGB, or beyond the content's
            color space, and were clipped; from 0 to 1.
        """
        assembly = self._assembly(pictures)
        result = self._empty()

        def put_together(left: int, right: int) -> tuple[int, int]:
            masks = [mask.columns(left, right) for mask in self.masks]
            block = assembly.block(left, right, masks, self._protected(left, right))
            values = self._colored(COMPOSITES[composite](block), left, right)
            clips = self._store(result, values, block, left)
            if clips is None:
                return 0, 0
            here = block.unpainted() < UNPAINTED
            return int(np.count_nonzero(here)), int(np.count_nonzero(clips & here))

        counts = list(self._by_strips(put_together))
        painted, clipped = (sum(each) for each in zip(*counts))
        return self._picture(result), clipped / painted if painted else 0.0

    def uncut(self, pictures: Sequence[np.ndarray]) -> tuple[StoredPicture, ...]:
        """Return each painted picture by itself at the content's size, as if without masks."""
        assembly = self._assembly(pictures)
        return tuple(self._uncut(assembly, index) for index in range(len(pictures)))

    def _assembly(self, pictures: Sequence[np.ndarray]) -> Assembly:
        return Assembly(pictures, self.canvas, self.small, self.with_strokes)

    def _uncut(self, assembly: Assembly, index: int) -> StoredPicture:
        result = self._empty()

        def put_together(left: int, right: int) -> None:
            everywhere = [np.ones((self.content.size[0], right - left), np.float32)]
            protected = self._protected(left, right)
            block = assembly.block(left, right, everywhere, protected, index)
            values = self._colored(COMPOSITES["blend"](block), left, right)
            self._store(result, values, block, left)

        list(self._by_strips(put_together))
        return self._picture(result)

    def _by_strips(self, put_together: Callable[[int, int], T]) -> Iterable[T]:
        """Yield what is made of each strip of columns, in their order."""
        height, width = self.content.size
        threads = min(self.threads, MOST_THREADS)
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(lambda at: put_together(*at), strips(width, height, threads))

    def _protected(self, left: int, right: int) -> np.ndarray | float:
        if self.protect is None:
            return 0.0
        return 1 - np.power(np.float32(self.protect_strength), -self.protect.columns(left, right))

    def _colored(self, painted: np.ndarray, left: int, right: int) -> np.ndarray:
        if not self.keeps_chroma:
            return painted
        return restore_chroma(painted, self.content.columns(left, right))

    def _empty(self) -> np.ndarray:
        whole = not self.in_float and self.content.numbers.dtype != np.float32
        dtype = self.content.numbers.dtype if whole else np.float32
        return np.empty((*self.content.size, 3), dtype)

    def _store(
        self, result: np.ndarray, painted: np.ndarray, block: Block, left: int
    ) -> np.ndarray | None:
        """Write some painted columns into the result.

        Returns
        -------
        ndarray of bool, shape (height, columns), or None
            Where colors were clipped; None where none can be.
        """
        values = painted.transpose(1, 2, 0)
        there = np.s_[:, left : left + values.shape[1]]
        if result.dtype == np.float32:
            result[there] = np.clip(values / np.float32(255), 0, 1)
            return None
        space, top = self.content.space, np.float32(np.iinfo(result.dtype).max)
        if space.is_srgb:
            result[there] = np.rint(np.clip(values, 0, 255) * (top / np.float32(255)))
            return None
        # What sRGB cannot hold of the content is put back where the content shows.
        kept = self.content.columns(left, left + values.shape[1]).transpose(1, 2, 0)
        numbers = fractions(self.content.numbers[there])
        lost = numbers - space.from_srgb(kept / np.float32(255))
        numbers = space.from_srgb(values / np.float32(255))
        beyond = np.abs(numbers - np.clip(numbers, 0, 1))
        numbers = numbers + block.unpainted()[..., None] * lost
        result[there] = whole_numbers(numbers, result.dtype)
        return np.maximum(np.abs(lost), beyond).max(axis=2) > CLIPPED

    def _picture(self, numbers: np.ndarray) -> StoredPicture:
        opacity = self.content.opacity
        if numbers.dtype != np.float32:
            return replace(self.content, numbers=numbers, srgb=None, notes=())
        if opacity is not None:
            opacity = fractions(opacity)
        return replace(
            self.content, numbers=numbers, opacity=opacity, space=ColorSpace(), srgb=None, notes=()
        )
