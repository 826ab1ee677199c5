"""Pieces of one evaluation over several machines: times of a tile, and bytes that are sent.

    python -m tests.bench.tiles_on_machines [--tile 1024] [--repeats 3]

The default layers and one region. Times are processor seconds; bytes are those that Dask sends.
"""

from __future__ import annotations

import argparse
import functools
import time
from typing import Any

import numpy as np
from distributed.protocol import serialize_bytelist
from distributed.utils import nbytes

from engine.job import Job
from engine.loss.make_terms import layers_of
from engine.loss.terms import ContentTerm, LayerGuidance, StyleTerm
from engine.loss.tile_map import TileTask, tile_gradient_and_sums, tile_sums, tile_task
from engine.loss.tiling import Tiling
from engine.threads import single_threaded_blas
from models.vgg16 import CHANNELS, layer_size


def make_task(side: int) -> tuple[TileTask, list[Any]]:
    """Return the middle one of nine tiles whose content is not kept, and slopes."""
    contents, styles = layers_of(Job())
    layers = tuple(dict.fromkeys((*styles, *contents)))
    own = side - 128
    size = (3 * own + 128, 3 * own + 128)
    tiling = Tiling.of(size, layers, (3, 3))
    picture = np.random.default_rng(1).uniform(0, 255, (3, *size)).astype(np.float32)
    terms: list[Any] = []
    for layer in styles:
        guidance = LayerGuidance.of(np.ones(np.prod(layer_size(layer, *size)), np.float32))
        target = np.eye(CHANNELS[layer], dtype=np.float32)
        terms.append(StyleTerm(layer, guidance, 0.2, 0, target))
    for layer in contents:
        terms.append(ContentTerm(layer, None, 0.05, int(np.prod(layer_size(layer, *size)))))
    slopes = [None if isinstance(term, ContentTerm) else term.target / 1e6 for term in terms]
    task = tile_task(tiling.tiles[4], tiling, layers, terms, picture, picture, "average")
    return task, slopes


@single_threaded_blas()
def main() -> None:
    """Print the pieces of one tile."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    task, slopes = make_task(given.tile)
    second = functools.partial(tile_gradient_and_sums, task, slopes)
    results = {"sums": tile_sums(task), "gradient": second()}
    for name, function in (("sums", functools.partial(tile_sums, task)), ("gradient", second)):
        times = []
        for _ in range(given.repeats):
            began = time.process_time()
            function()
            times.append(time.process_time() - began)
        print(f"{name}: {min(times):.2f} s of processors, {_size(results[name]):.2f} MB back")
    height, width = task.pixels.shape[1:]
    print(f"tile of {width} x {height}: task {_size(task):.2f} MB, of which pixels and content "
          f"{2 * task.pixels.nbytes / 1e6:.2f}; slopes {_size(slopes):.2f} MB")  # fmt: skip


def _size(value: Any) -> float:
    """Return the megabytes that Dask sends for a value."""
    return sum(nbytes(frame) for frame in serialize_bytelist(value)) / 1e6


if __name__ == "__main__":
    main()
