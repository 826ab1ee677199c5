"""Enlargement with strokes: a painting gets the fine strokes that it was too small for.

A painting that was painted smaller than the content is enlarged in steps of about two. After each,
its patches are looked up in the style picture as it looks without its finest strokes, and the
strokes that the style has there are added. Patches overlap, and each prefers to continue its
neighbors' strokes. This is example-based super-resolution (Freeman, Jones and Pasztor, 2002) with
the style as the example; Texler et al., *Enhancing neural style transfer using patch-based
synthesis*, 2019, show how much it adds to a painting by a network. It takes seconds per megapixel,
where painting as many pixels with the network takes minutes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

from engine.pictures.stored import whole_numbers
from engine.sizes import resized, resized_unclipped, style_size, without_weave
from engine.strokes.matching import REACH, Bank, bank_bytes, has_patches
from engine.strokes.patches import SIDE, STRIDE

LEAST_ENLARGEMENT = 1.15
"""A painting that is enlarged by less has all the strokes that it has room for."""

TILE = 768
"""Pixels of a tile's side. It does not depend on the machine, so neither does the result."""

MARGIN = 48
"""Pixels around a tile that decide about it."""

assert MARGIN >= REACH + 2 * SIDE
assert MARGIN % (2 * STRIDE) == TILE % (2 * STRIDE) == 0

FILTER_REACH = 4
"""Pixels of the smaller picture around a part that Lanczos needs to enlarge it."""

MOST_STYLE_PIXELS = 2_000_000
"""Pixels of a style that are searched. A larger one is represented by bands of its rows."""

BAND_ROWS = 128
"""Rows of such a band."""

EDGE = 6
"""Rows at its edges that the resizing falsifies."""

LEAST_SHARE = 1 / 64
"""A style with a smaller share of a place leaves no strokes there."""

MOST_GAIN = 2.0
"""How many times as strong strokes get, at most, where patches disagree and weaken each other."""

MOST_THREADS = 4
"""More threads would only wait for the memory."""

TILE_BYTES = 95
"""Per pixel of a tile with its margin, while it is at work; measured."""

LEARNING_BYTES = 120_000_000
"""While the patches of a style are described for the first time: samples of them in float64."""

PREPARING_BYTES = 75
"""Per pixel of a style, while its patches are taken from it. The C library keeps about as many
afterwards."""

WINDOW = np.outer(np.hanning(SIDE + 2)[1:-1], np.hanning(SIDE + 2)[1:-1]).astype(np.float32)
"""The weight of each of a patch's pixels."""

OnTile = Callable[[int, int], None]
"""Is called after each tile with the number of tiles that are done, and of all."""


@dataclass(frozen=True)
class StrokeSource:
    """A style, as far as strokes are taken from it.

    Attributes
    ----------
    style : ndarray, shape (3, height, width)
        0..255.
    usable : ndarray, shape (height, width)
        Where strokes are taken from, from 0 to 1.
    times : float
        How many times as large as usual its strokes are.
    share : ndarray, shape (rows, columns)
        Its share of the painting, from 0 to 1, at the painting's size.
    """

    style: np.ndarray
    usable: np.ndarray
    times: float
    share: np.ndarray


def sizes_between(small: tuple[int, int], large: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the sizes to which a painting is enlarged, one after the other.

    Parameters
    ----------
    small, large : (int, int)
        Height and width of the painting, and those to bring it to.

    Returns
    -------
    list of (int, int)
        In steps of about 2, `large` at the end; empty if there is no room for strokes between.
    """
    times = math.sqrt(math.prod(large) / math.prod(small))
    if times < LEAST_ENLARGEMENT:
        return []
    steps = max(round(math.log2(times)), 1)
    between = [
        tuple(round(side * (end / side) ** (step / steps)) for side, end in zip(small, large))
        for step in range(1, steps)
    ]
    return [*((height, width) for height, width in between), large]


def enlarge_with_strokes(
    painting: np.ndarray,
    size: tuple[int, int],
    sources: Sequence[StrokeSource],
    threads: int = 1,
    on_tile: OnTile = lambda done, count: None,
) -> np.ndarray | None:
    """Enlarge a painting and add the strokes of its styles.

    Parameters
    ----------
    painting : ndarray, shape (3, rows, columns)
        0..255.
    size : (int, int)
        Height and width to bring it to.
    sources : sequence of StrokeSource
    threads : int
        The result does not depend on it.
    on_tile : callable
        As `OnTile` says; what it raises ends the enlargement.

    Returns
    -------
    ndarray of uint16, shape (height, width, 3), or None
        65535 stands for 255. None if there is no room for strokes between the two sizes.
    """
    enlarged: np.ndarray | None = None
    smaller = without_weave(painting)
    sizes = sizes_between((painting.shape[1], painting.shape[2]), size)
    count = sum(len(list(_tiles(*each))) for each in sizes)
    finished = itertools.count(1)
    for number, new in enumerate(sizes):
        if enlarged is not None:
            smaller = enlarged.transpose(2, 0, 1)
        # Its banks are gone before the next one makes its own.
        enlarged = _Level(smaller, new, sources, filtered=not number).enlarged(
            threads, lambda: on_tile(next(finished), count)
        )
    return enlarged


class _Level:
    """One step of the enlargement.

    Parameters
    ----------
    smaller : ndarray, shape (3, rows, columns)
        The painting before it: float32 from 0 to 255, or uint16.
    size : (int, int)
        Height and width after it.
    sources : sequence of StrokeSource
    filtered : bool
        Whether `smaller` has no waves of two pixels' period, so that the styles must have none.
    """

    def __init__(
        self,
        smaller: np.ndarray,
        size: tuple[int, int],
        sources: Sequence[StrokeSource],
        filtered: bool,
    ) -> None:
        self._smaller = smaller
        self._size = size
        times = math.sqrt(math.prod(size) / math.prod(smaller.shape[1:]))
        banks = [(_bank(each, math.prod(size), times, filtered), each.share) for each in sources]
        self._banks = [(bank, share) for bank, share in banks if bank is not None]

    def enlarged(self, threads: int, on_tile: Callable[[], None]) -> np.ndarray:
        """Return the painting with strokes, uint16, shape (height, width, 3)."""
        height, width = self._size
        result = np.empty((height, width, 3), np.uint16)

        def paint(tile: tuple[int, int, int, int]) -> None:
            top, bottom, left, right = tile
            values = self._tile(*tile).transpose(1, 2, 0) / np.float32(255)
            result[top:bottom, left:right] = whole_numbers(values, result.dtype)

        with ThreadPoolExecutor(_tiles_at_work(self._size, threads)) as pool:
            futures = [pool.submit(paint, tile) for tile in _tiles(height, width)]
            try:
                for future in futures:
                    future.result()
                    on_tile()
            finally:
                for future in futures:
                    future.cancel()
        return result

    def _tile(self, top: int, bottom: int, left: int, right: int) -> np.ndarray:
        """Return a part of the painting with strokes, float32, shape (3, rows, columns)."""
        height, width = self._size
        around = max(top - MARGIN, 0), min(bottom + MARGIN, height)
        across = max(left - MARGIN, 0), min(right + MARGIN, width)
        low = np.stack([_part(plane, self._size, around, across) for plane in self._smaller])
        if self._smaller.dtype == np.uint16:
            low *= np.float32(255 / 65535)
        inner = np.s_[:, top - around[0] : bottom - around[0], left - across[0] : right - across[0]]
        painted = low[inner].copy()
        for bank, share in self._banks:
            here = _part(share, self._size, around, across, Image.Resampling.BILINEAR)
            if here.max() < LEAST_SHARE:
                continue
            origin = around[0] // STRIDE, across[0] // STRIDE
            strokes = _strokes(bank, low, here >= LEAST_SHARE, origin)
            painted += here[inner[1:]] * strokes[inner]
        return painted


def working_bytes(size: tuple[int, int], styles: Sequence[float], threads: int) -> float:
    """Return the bytes that an enlargement with strokes takes besides the pictures.

    Parameters
    ----------
    size : (int, int)
        Height and width of the enlarged painting.
    styles : sequence of float
        Pixels of each style that are searched.
    threads : int
    """
    height, width = (min(side, TILE + 2 * MARGIN) for side in size)
    tiles = TILE_BYTES * height * width * _tiles_at_work(size, threads)
    banks = sum(map(bank_bytes, styles))
    return banks + PREPARING_BYTES * max(styles, default=0) + max(LEARNING_BYTES, tiles)


def _tiles_at_work(size: tuple[int, int], threads: int) -> int:
    """Return how many tiles are at work at a time."""
    return min(threads, MOST_THREADS, len(list(_tiles(*size))))


def _tiles(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield top, bottom, left and right of each tile."""
    for top, left in itertools.product(range(0, height, TILE), range(0, width, TILE)):
        yield top, min(top + TILE, height), left, min(left + TILE, width)


def _part(
    plane: np.ndarray,
    size: tuple[int, int],
    rows: tuple[int, int],
    columns: tuple[int, int],
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
) -> np.ndarray:
    """Return a part of a plane that is enlarged to a size, float32."""
    taken, box = [], []
    for small, large, (begin, end) in zip(plane.shape, size, (rows, columns)):
        scale = small / large
        first = max(math.floor(begin * scale) - FILTER_REACH, 0)
        taken.append(slice(first, min(math.ceil(end * scale) + FILTER_REACH, small)))
        box.append((begin * scale - first, end * scale - first))
    image = Image.fromarray(np.ascontiguousarray(plane[tuple(taken)], np.float32))
    (top, bottom), (left, right) = box
    new = columns[1] - columns[0], rows[1] - rows[0]
    bounds = left, top, min(right, image.width), min(bottom, image.height)
    return np.array(image.resize(new, resampling, box=bounds))


def _bank(source: StrokeSource, area: int, times: float, filtered: bool) -> Bank | None:
    """Return the patches of a style for a step of the enlargement; None if it has none."""
    height, width = style_size(source.style, area, source.times)
    scale = height / source.style.shape[1]
    lows, highs, usables = [], [], []
    for rows in _bands(source.style.shape[1], scale, width):
        size = max(round((rows.stop - rows.start) * scale), 1), width
        style = resized(source.style[:, rows], size)
        small = max(round(size[0] / times), 1), max(round(size[1] / times), 1)
        low = resized_unclipped(style, small)
        lows.append(resized_unclipped(without_weave(low) if filtered else low, size))
        highs.append(style - lows[-1])
        usables.append(resized_unclipped(source.usable[None, rows], size)[0])
        if size[0] < height:
            # What is beyond the band is not known, so its edges are not those of the style.
            usables[-1][:EDGE] = usables[-1][-EDGE:] = 0
    usable = np.concatenate(usables)
    usable = (usable > 0) & (usable >= usable.max() / 2)
    if not has_patches(usable):
        return None
    return Bank(np.concatenate(lows, axis=1), np.concatenate(highs, axis=1), usable)


def _bands(height: int, scale: float, width: int) -> list[slice]:
    """Return the rows of a style that are searched: all, or bands at equal distances.

    Parameters
    ----------
    height : int
        Rows of the style picture.
    scale : float
        How many times as high it is used.
    width : int
        Columns with which it is used.
    """
    if height * scale * width <= MOST_STYLE_PIXELS:
        return [slice(0, height)]
    rows = min(math.ceil(BAND_ROWS / scale), height)
    count = max(MOST_STYLE_PIXELS // (width * BAND_ROWS), 1)
    begins = np.linspace(0, height - rows, count).round().astype(int)
    return [slice(begin, begin + rows) for begin in map(int, begins)]


def _strokes(
    bank: Bank, low: np.ndarray, needed: np.ndarray, origin: tuple[int, int]
) -> np.ndarray:
    """Return the strokes of a style for a part of a painting.

    Parameters
    ----------
    bank : Bank
    low : ndarray, shape (3, height, width)
        The part, without them.
    needed : ndarray of bool, shape (height, width)
        Where they are wanted.
    origin : (int, int)
        The row and column of its first patch among those of the whole painting.

    Returns
    -------
    ndarray, shape (3, height, width)
        What to add.
    """
    _, height, width = low.shape
    # Patches begin one side before the part, so that each pixel lies in equally many.
    rows, columns = (math.ceil((side + SIDE) / STRIDE) for side in (height, width))
    pads = [
        (SIDE, STRIDE * (count - 1) - side) for count, side in ((rows, height), (columns, width))
    ]
    padded = np.pad(low, [(0, 0), *pads], mode="symmetric")
    within = np.lib.stride_tricks.sliding_window_view(np.pad(needed, pads), (SIDE, SIDE))
    wanted = np.any(within[::STRIDE, ::STRIDE], axis=(2, 3))
    row, column = np.moveaxis(bank.match(padded, wanted, origin), -1, 0)
    total = np.zeros((*padded.shape[1:], 3), np.float32)
    weights = np.zeros(padded.shape[1:], np.float32)
    energy = np.zeros(padded.shape[1:], np.float32)
    for (down, right), weight in np.ndenumerate(WINDOW):
        values = bank.high[row + down, column + right]
        share = weight * wanted
        at = np.s_[down : down + STRIDE * rows : STRIDE, right : right + STRIDE * columns : STRIDE]
        total[at] += share[..., None] * values
        energy[at] += share * (values**2).sum(axis=2)
        weights[at] += share
    weights = np.maximum(weights, np.float32(1e-6))
    strokes = total / weights[..., None]
    # The mean of patches that disagree is weaker than each of them.
    wished = uniform_filter(energy / weights, SIDE)
    present = uniform_filter((strokes**2).sum(axis=2), SIDE)
    gain = np.sqrt(wished / np.maximum(present, np.float32(1e-3)))
    strokes *= np.clip(gain, 1, MOST_GAIN)[..., None]
    return strokes[SIDE : SIDE + height, SIDE : SIDE + width].transpose(2, 0, 1)
