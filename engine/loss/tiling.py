"""Tiles: how a picture is cut into pieces that the network sees one at a time.

Each tile has its *own* part, which no other tile has, and a margin around it, so that the features
at its own positions are those of the whole picture. A side of a tile that is a side of the picture
has no margin: the network's border of zeros belongs there, and nowhere else.

All tiles of a picture have one size, so that one session serves them all: they begin at multiples
of the deepest layer's stride, and the tile's length leaves the same remainder as the picture's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.forms import LEAST_WINOGRAD, USUAL_FORMS, Forms, winograd_tile
from models.graphs import state_for, value_type
from models.vgg16 import CHANNELS, LAYERS, deepest, layer_size, receptive_field

ARENA_BYTES = {"average": 1200, "max": 1750}
"""Bytes that onnxruntime takes per pixel of a tile for values that live within one run, by pooling;
measured from 512x512 to 1024x1024."""

WINOGRAD_POSITIONS, WINOGRAD_BYTES = 0.25, -200
"""Of layers with 128 output channels: positions per pixel, and the bytes by which the transforms of
Winograd convolution take more or less than they would by themselves; measured at 930x700. Layers
with 64 channels are never Winograd convolutions (`models.forms`), and those of further blocks take
less than onnxruntime does anyway."""

LARGEST_TILE = 2_000_000
"""The most pixels of a tile. Larger ones gain little, since their memory holds forward passes of
smaller ones instead."""

LARGEST_WHOLE = 4_500_000
"""Pixels up to which the memory of a picture in one piece was measured."""

DIVIDED_FROM = 1024 * 1024
"""Pixels from which on onnxruntime's memory is more and more divided, since a value of a layer
takes more than a block of it."""

DIVIDED_BYTES, DIVIDED_TILE_BYTES = 200, 400
"""Bytes per pixel that each doubling from there adds, in one piece and in tiles. Measured at 4.3
megapixels in one piece, and with tiles of 1.7 and 1.8."""

FEATURE_BYTES = 1500
"""Bytes that features without gradients take per pixel of a tile; measured."""

MOST_OVERHEAD = 4.0
"""The most pixels that the network may see per pixel of the picture in tiles that are small because
a card's memory ran out; smaller ones would be nearly all margin."""

FORWARD_SHARE = 0.37
"""The part of an evaluation's time that its forward pass takes; measured at 752x712."""

RECALL_SHARE = 0.04
"""The part of an evaluation's time that it takes to keep and recall a forward pass; measured at
752x712."""

RECOMPUTED = LAYERS[0]
"""The layer that is computed again where a forward pass is kept."""


class Span(NamedTuple):
    """One tile along one axis of the picture, in pixels.

    Attributes
    ----------
    start, stop : int
        What the network sees.
    own_start, own_stop : int
        What belongs to this tile alone.
    """

    start: int
    stop: int
    own_start: int
    own_stop: int


class Window(NamedTuple):
    """The own positions of a tile at one layer.

    Attributes
    ----------
    grid : (int, int)
        Rows and columns of the tile.
    rows, columns : slice
        The own ones among them.
    indices : ndarray, shape (own positions,)
        Which positions of the whole picture's layer they are, row by row.
    """

    grid: tuple[int, int]
    rows: slice
    columns: slice
    indices: np.ndarray

    def view(self, values: np.ndarray) -> np.ndarray:
        """Return the own positions of an array of shape (N, positions of the tile).

        Returns
        -------
        ndarray, shape (N, rows, columns)
        """
        return values.reshape(len(values), *self.grid)[:, self.rows, self.columns]

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return a copy of the own positions, shape (N, own positions)."""
        return self.view(values).reshape(len(values), -1)

    def clear_outside(self, values: np.ndarray) -> None:
        """Write 0 at all other positions of an array of shape (N, positions of the tile)."""
        grid = values.reshape(len(values), *self.grid)
        grid[:, : self.rows.start] = 0
        grid[:, self.rows.stop :] = 0
        grid[:, self.rows, : self.columns.start] = 0
        grid[:, self.rows, self.columns.stop :] = 0


class Tile(NamedTuple):
    """A rectangle of the picture.

    Attributes
    ----------
    rows, columns : Span
    """

    rows: Span
    columns: Span

    def of(self, picture: np.ndarray) -> np.ndarray:
        """Return what the network sees of a picture, shape (..., height, width), as a view."""
        return picture[
            ..., self.rows.start : self.rows.stop, self.columns.start : self.columns.stop
        ]


@dataclass(frozen=True)
class Tiling:
    """The tiles of one picture.

    Attributes
    ----------
    size : (int, int)
        Height and width of the picture.
    tile : (int, int)
        Height and width of every tile.
    tiles : tuple of Tile
        Row by row.
    """

    size: tuple[int, int]
    tile: tuple[int, int]
    tiles: tuple[Tile, ...]

    @classmethod
    def of(cls, size: tuple[int, int], layers: tuple[str, ...], counts: tuple[int, int]) -> Tiling:
        """Cut a picture into rows and columns of tiles.

        Parameters
        ----------
        size : (int, int)
            Height and width.
        layers : tuple of str
            The layers that are used; the deepest one sets margin and stride.
        counts : (int, int)
            Rows and columns of tiles.

        Raises
        ------
        ValueError
            If the picture is too small for so many.
        """
        rows, columns = (spans(*each, layers) for each in zip(size, counts))
        tile = (rows[0].stop - rows[0].start, columns[0].stop - columns[0].start)
        return cls(size, tile, tuple(Tile(row, column) for row in rows for column in columns))

    @classmethod
    def fitting(
        cls, size: tuple[int, int], layers: tuple[str, ...], longest: tuple[int, int]
    ) -> Tiling:
        """Cut a picture into as few tiles as possible that are no higher and wider than asked.

        Parameters
        ----------
        size, layers
            As for `of`.
        longest : (int, int)
            The greatest height and width of a tile.

        Raises
        ------
        ValueError
            If no tile is so small.
        """
        counts = []
        for length, most in zip(size, longest):
            fitting = [n for n, tile in tile_lengths(length, layers) if tile <= most]
            if not fitting:
                message = f"a tile of {most} pixels is too small for {deepest(layers)}"
                raise ValueError(message)
            counts.append(fitting[0])
        return cls.of(size, layers, (counts[0], counts[1]))

    @classmethod
    def within(cls, size: tuple[int, int], layers: tuple[str, ...], pixels: float) -> Tiling | None:
        """Cut a picture into the quickest tiles of no more than so many pixels.

        Parameters
        ----------
        size, layers
            As for `of`.
        pixels : float
            The greatest area of a tile with its margin.

        Returns
        -------
        Tiling or None
            None where such tiles would be nearly all margin, as `MOST_OVERHEAD` has it.
        """
        counts, sides = _possible(size, layers)
        areas = sides.prod(axis=1)
        cost = np.where(areas <= pixels, areas * counts.prod(axis=1), np.inf)
        best = int(np.argmin(cost))
        if cost[best] > MOST_OVERHEAD * math.prod(size):
            return None
        return cls.of(size, layers, (int(counts[best, 0]), int(counts[best, 1])))

    @property
    def whole(self) -> bool:
        """Return whether the picture is one tile."""
        return len(self.tiles) == 1

    @property
    def overhead(self) -> float:
        """Pixels that the network sees per pixel of the picture."""
        return len(self.tiles) * math.prod(self.tile) / math.prod(self.size)

    def window(self, tile: Tile, layer: str) -> Window:
        """Return the own positions of a tile at a layer."""
        whole = layer_size(layer, *self.size)
        stride = receptive_field(layer)[1]
        starts, stops = [], []
        for span, length, pixels in zip(tile, whole, self.size):
            starts.append(span.own_start // stride)
            stops.append(length if span.own_stop == pixels else span.own_stop // stride)
        inside = [
            slice(start - span.start // stride, stop - span.start // stride)
            for span, start, stop in zip(tile, starts, stops)
        ]
        rows, columns = (np.arange(*ends) for ends in zip(starts, stops))
        indices = (rows[:, None] * whole[1] + columns).ravel()
        return Window(layer_size(layer, *self.tile), inside[0], inside[1], indices)

    def windows(self, tile: Tile, layers: Sequence[str]) -> dict[str, Window]:
        """Return the own positions of a tile at each of some layers."""
        return {layer: self.window(tile, layer) for layer in layers}


def margin(layers: tuple[str, ...]) -> int:
    """Return the pixels that features need around their own part, a multiple of the stride."""
    side, stride = receptive_field(deepest(layers))
    return math.ceil((side - stride) / 2 / stride) * stride


def tile_lengths(length: int, layers: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield each number of tiles along an axis with the shortest tile that allows it."""
    yield 1, length
    stride = receptive_field(deepest(layers))[1]
    steps, around = length // stride, margin(layers) // stride
    tiles = 2
    while True:
        # Two tiles have a margin on one side only, the others on both.
        tile = math.ceil((steps + 2 * around * (tiles - 1)) / tiles)
        # Each inner tile owns at least one step.
        if tile <= 2 * around or tile + tiles - 1 > steps:
            return
        yield tiles, tile * stride + length % stride
        tiles += 1


def spans(length: int, tiles: int, layers: tuple[str, ...]) -> list[Span]:
    """Return so many tiles along an axis.

    Raises
    ------
    ValueError
        If the axis is too short for them.
    """
    if tiles == 1:
        return [Span(0, length, 0, length)]
    possible = dict(tile_lengths(length, layers))
    if tiles not in possible:
        message = f"{length} pixels cannot be cut into {tiles} tiles for {deepest(layers)}"
        raise ValueError(message)
    stride = receptive_field(deepest(layers))[1]
    around = margin(layers)
    tile = possible[tiles]
    room = (length - tile) // stride
    starts = [stride * round(index * room / (tiles - 1)) for index in range(tiles)]
    borders = [0, *(start + around for start in starts[1:]), length]
    return [
        Span(start, start + tile, borders[index], borders[index + 1])
        for index, start in enumerate(starts)
    ]


def tile_bytes(layers: tuple[str, ...], pooling: str, forms: Forms = USUAL_FORMS) -> float:
    """Return the bytes per pixel of a tile that one evaluation takes.

    Those are the network's values, their gradients, the tile of the picture and its gradient, and
    what lives within one run.

    Parameters
    ----------
    layers : tuple of str
        The layers of all terms.
    pooling : {'average', 'max'}
    forms : Forms
        How each kind of convolution is computed.
    """
    state = sum(_values(name) * value_type(name).itemsize for name in state_for(layers, pooling))
    gradients = sum(_values(layer) * 4 for layer in layers)
    return state + gradients + 24 + ARENA_BYTES[pooling] + _winograd_bytes(forms)


def _winograd_bytes(forms: Forms) -> float:
    """Return the bytes per pixel of a tile by which Winograd convolution enlarges the arena.

    A layer's input and output are transformed, to (t + 2)^2 values for every t^2.
    """
    most = 0.0
    for (inputs, outputs, _), form in forms.items():
        tile = winograd_tile(form)
        if tile and outputs == LEAST_WINOGRAD:
            values = (inputs + outputs) * WINOGRAD_POSITIONS * (tile + 2) ** 2 / tile**2
            most = max(most, 4 * values + WINOGRAD_BYTES)
    return most


def whole_bytes(
    size: tuple[int, int], layers: tuple[str, ...], pooling: str, forms: Forms = USUAL_FORMS
) -> float:
    """Return the bytes that one evaluation of a picture in one piece takes.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    layers, pooling, forms
        As for `tile_bytes`.

    Returns
    -------
    float
        Infinity where the picture is larger than what was measured.
    """
    pixels = math.prod(size)
    if pixels > LARGEST_WHOLE:
        return math.inf
    return float(_area_bytes(pixels, tile_bytes(layers, pooling, forms), DIVIDED_BYTES))


def kept_bytes(layers: tuple[str, ...], pooling: str) -> tuple[float, float]:
    """Return the bytes that `KeptPass` takes: per own pixel of a tile, and per pixel of it."""
    own = sum(_values(layer) * 4 for layer in layers if layer != RECOMPUTED)
    of_one_bit = (
        name
        for name in state_for(layers, pooling)
        if name != RECOMPUTED and not name.startswith("pool")
    )
    return own, sum(map(_values, of_one_bit)) / 8


def _values(name: str) -> float:
    """Return the values per pixel of a layer's or pool's output."""
    layer = name.split(".")[0]
    if layer.startswith("pool"):
        block = int(layer[len("pool") :])
        return CHANNELS[f"conv{block}_1"] / 4**block
    return CHANNELS[layer] / receptive_field(layer)[1] ** 2


def _area_bytes(pixels: np.ndarray | float, per_pixel: float, divided: float) -> np.ndarray:
    """Return the bytes of areas of so many pixels.

    Parameters
    ----------
    pixels : ndarray or float
    per_pixel : float
        Bytes of small areas.
    divided : float
        Bytes per pixel that each doubling from `DIVIDED_FROM` adds.
    """
    doublings = np.log2(np.maximum(pixels / np.float64(DIVIDED_FROM), 1))
    return pixels * (per_pixel + divided * doublings)


@dataclass(frozen=True)
class Plan:
    """A plan to evaluate a picture within the available memory.

    Attributes
    ----------
    tiling : Tiling
    kept_tiles : int
        Tiles whose forward pass is kept from the first pass for the second, as `KeptPass` does it.
    bytes : int
        What an evaluation takes besides the terms and the picture's gradient.
    """

    tiling: Tiling
    kept_tiles: int
    bytes: int

    @property
    def cost(self) -> float:
        """The time of an evaluation, in evaluations of the picture in one piece."""
        tiles = len(self.tiling.tiles)
        return self.tiling.overhead * float(_cost(tiles, self.kept_tiles)) / tiles


def choose_plan(
    size: tuple[int, int],
    layers: Sequence[str],
    memory: float,
    *,
    pooling: str = "average",
    forms: Forms = USUAL_FORMS,
    keeps: bool = True,
    largest: float = LARGEST_TILE,
) -> Plan:
    """Return the quickest way to evaluate a picture in so much memory.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    layers : sequence of str
        The layers of all terms.
    memory : float
        Bytes.
    pooling : {'average', 'max'}
    forms : Forms
        How each kind of convolution is computed.
    keeps : bool
        Whether forward passes may be kept.
    largest : float
        The most pixels of a tile.

    Returns
    -------
    Plan
        One tile where the whole picture fits.

    Raises
    ------
    MemoryError
        If there is no room for the smallest tile; it names the bytes that it takes.
    """
    layers = tuple(layers)
    per_pixel = tile_bytes(layers, pooling, forms)
    whole = whole_bytes(size, layers, pooling, forms)
    if whole <= memory:
        return Plan(Tiling.of(size, layers, (1, 1)), 0, math.ceil(whole))
    counts, sides = _possible(size, layers)
    tiles, areas = counts.prod(axis=1), sides.prod(axis=1)
    # Where there are several tiles, each has a margin on one side at least.
    own = (sides - margin(layers) * (counts > 1)).prod(axis=1)
    per_own_pixel, per_bit_pixel = kept_bytes(layers, pooling)
    of_kept = own * per_own_pixel + areas * per_bit_pixel
    working = _area_bytes(areas, per_pixel, DIVIDED_TILE_BYTES)
    room = memory - working
    kept = np.clip(room // of_kept, 0, tiles - 1) if keeps else np.zeros(len(tiles))
    cost = areas * _cost(tiles, kept)
    cost[(room < 0) | (areas > largest)] = np.inf
    best = int(np.argmin(cost))
    _check_room(cost[best], working.min(), memory)
    tiling = Tiling.of(size, layers, (int(counts[best, 0]), int(counts[best, 1])))
    used = working[best] + of_kept[best] * kept[best]
    return Plan(tiling, int(kept[best]), math.ceil(used))


def _cost(tiles: np.ndarray | int, kept: np.ndarray | int) -> np.ndarray | float:
    """Return the time of an evaluation by tiles, in evaluations of a tile in one piece."""
    # The first tile of the second pass is the last one of the first pass.
    again = np.maximum(tiles - 1 - kept, 0)
    return tiles + FORWARD_SHARE * again + RECALL_SHARE * kept


def choose_feature_tiling(size: tuple[int, int], layers: Sequence[str], memory: float) -> Tiling:
    """Return the quickest tiles to take features from, without gradients, in so much memory.

    For style pictures and for the content's features.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    layers : sequence of str
    memory : float
        Bytes.

    Raises
    ------
    MemoryError
        If there is no room for the smallest tile; it names the bytes that it takes.
    """
    layers = tuple(layers)
    if math.prod(size) * FEATURE_BYTES <= memory:
        return Tiling.of(size, layers, (1, 1))
    counts, sides = _possible(size, layers)
    areas = sides.prod(axis=1)
    cost = np.where(areas * FEATURE_BYTES <= memory, areas * counts.prod(axis=1), np.inf)
    best = int(np.argmin(cost))
    _check_room(cost[best], areas.min() * FEATURE_BYTES, memory)
    return Tiling.of(size, layers, (int(counts[best, 0]), int(counts[best, 1])))


def _possible(size: tuple[int, int], layers: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return all counts of rows and columns, and the height and width of a tile; shape (n, 2)."""
    rows, columns = (list(tile_lengths(length, layers)) for length in size)
    pairs = [(row, column) for row in rows for column in columns]
    counts = np.array([(row[0], column[0]) for row, column in pairs])
    return counts, np.array([(float(row[1]), column[1]) for row, column in pairs])


def _check_room(cost: float, least: float, memory: float) -> None:
    if not math.isfinite(cost):
        message = f"one tile takes {least / 1e9:.2f} GB, and {max(memory, 0) / 1e9:.2f} GB are free"
        raise MemoryError(message)
