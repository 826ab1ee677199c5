"""The look of enlarged paintings: smooth and with strokes, by yardsticks that nothing minimizes.

    PYTHON -m tests.bench.enlarged_look FOLDER [--area PIXELS] [--to PIXELS] [--only N ...]

FOLDER holds what `look_study` has painted of the held-out pairs, with the candidates 'before' and
'now'. Each painting is enlarged from `--area` to `--to` pixels: 'before' smoothly, as version 0.1.0
did, and 'now' smoothly and with strokes. The figures compare them with the photograph of that size.
A table of medians over the pairs follows, with the ratios to 'before'.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path

import numpy as np

from engine.metrics.metric_table import neutral_metrics
from engine.network import Network
from engine.paths import model_file
from engine.pictures.picture import read_picture
from engine.sizes import planar, resized, resized_mask, style_size, working_size
from engine.strokes.enlarging import StrokeSource, enlarge_with_strokes
from models.kernels import Kernels
from models.weights import Weights
from tests.bench.look_scenes import HELD_OUT, Pair
from tests.bench.look_study import SHOWN, mask_of, style_of

VERSIONS = (("before", False), ("now", False), ("now", True))
"""Each candidate, and whether it is enlarged with strokes."""


def measured(
    folder: Path, pair: Pair, area: int, to: int, candidate: str, strokes: bool, network: Network
) -> dict[str, float]:
    """Enlarge a painting and return its figures."""
    title = f"{pair.name}, {area}, {candidate}, 0"
    stem = "".join(letter if letter.isalnum() else "-" for letter in title)
    painting = planar(read_picture(folder / f"{stem}.png").rgb)
    full = planar(read_picture(pair.content).rgb)
    size = working_size(full.shape[1], full.shape[2], to)
    content = np.round(resized(full, size))
    styles = [style_of(pair, index) for index in range(len(pair.styles))]
    mask = mask_of(pair, size)
    sides = [mask] if mask is None or len(styles) == 1 else [mask, 1 - mask]
    enlarged = resized(painting, size)
    if strokes:
        small = painting.shape[1], painting.shape[2]
        shares = [
            np.ones(small, np.float32) if side is None else resized_mask(side, small)
            for side in sides
        ]
        sources = [
            StrokeSource(style, np.ones(style.shape[1:], np.float32), 1.0, share)
            for style, share in zip(styles, shares)
        ]
        found = enlarge_with_strokes(painting, size, sources)
        if found is not None:  # a small photograph leaves no room for strokes
            enlarged = found.transpose(2, 0, 1) / np.float32(257)
    figures: dict[str, list[float]] = {}
    for style, side in zip(styles, sides):
        seen = resized(style, style_size(style, size[0] * size[1], 1.0))
        for metric in neutral_metrics(network, content, np.round(enlarged), seen, side)[0]:
            figures.setdefault(metric.name, []).append(metric.value)
    return {name: float(np.mean(values)) for name, values in figures.items()}


def table(found: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Return a table in Markdown: medians of the values, and of the ratios to 'before'."""
    shown = [name for name in SHOWN if name != "seconds"]
    lines = [f"| version | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
    names = list(next(iter(found.values())))
    for name in names:
        cells = []
        for figure in shown:
            values = [pair[name][figure] for pair in found.values()]
            ratios = [pair[name][figure] / pair[names[0]][figure] for pair in found.values()]
            cells.append(f"{statistics.median(values):.3f} ({statistics.median(ratios):.2f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Enlarge, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--area", type=int, default=300_000)
    parser.add_argument("--to", type=int, default=1_000_000)
    parser.add_argument("--only", type=int, nargs="*", default=range(len(HELD_OUT)))
    given = parser.parse_args()
    network = Network(Kernels(Weights(model_file())), pooling="max", threads=1)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for pair in [HELD_OUT[number] for number in given.only]:
        for candidate, strokes in VERSIONS:
            name = f"{candidate}, {'strokes' if strokes else 'smooth'}"
            figures = measured(
                given.folder, pair, given.area, given.to, candidate, strokes, network
            )
            found.setdefault(pair.name, {})[name] = figures
            print(json.dumps({"pair": pair.name, "version": name, **figures}), flush=True)
    print("\n".join(table(found)))


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
