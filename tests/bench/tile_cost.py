"""Evaluation by tiles: cost per pixel, compared with an untiled picture, and peak memory.

    PYTHON -m tests.bench.tile_cost [--height 3000] [--width 4000] [--budgets 2 5] [--sample 3]

PYTHON is the environment of `install.py test`. Two regions share the picture: a soft ramp and the
rest. Each row is a process of its own, in which the tiled picture and an untiled one of 1000x1000
pixels are evaluated in turn; of each piece the quickest turn counts. A budget limits the memory of
the tiles, in GB; `lazy` computes the content's features anew in each evaluation. The peak is that
of the sample. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from engine.loss.blocks import BlockedLosses
from engine.loss.terms import ContentTerm, LayerGuidance, StyleTerm, Term
from engine.loss.tiles import evaluator_maker
from engine.loss.tiling import Plan, Tiling, choose_plan
from engine.memory import peak
from engine.network import Network
from engine.paths import model_file
from engine.threads import single_threaded_blas
from models.kernels import Kernels
from models.vgg16 import CHANNELS, layer_size
from models.weights import Weights
from tests.bench.setting import CONTENT_LAYER, CONTENT_WEIGHT, DEMO, STYLE_LAYERS, STYLE_WEIGHT

ROOT = Path(__file__).resolve().parents[2]
LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)
UNTILED = (1000, 1000)


class Times(NamedTuple):
    """Seconds.

    Attributes
    ----------
    cores : float
        Processor time, summed over the cores.
    wall : float
    """

    cores: float
    wall: float


def evaluate(
    size: tuple[int, int], budget: float, lazy: bool, sample: int, turns: int
) -> dict[str, Any]:
    """Evaluate in this process; return the figures."""
    network = Network(Kernels(Weights(model_file())), device="cpu")
    plan = choose_plan(size, LAYERS, budget * 1e9)
    count = len(plan.tiling.tiles)
    chosen = min(sample or count, count)
    # Of each kind of tile at least one: kept ones, and such as are seen twice.
    kept = min(plan.kept_tiles, chosen - 1 - (plan.kept_tiles < count - 1))
    sampled = Plan(replace(plan.tiling, tiles=plan.tiling.tiles[:chosen]), kept, 0)
    whole = Plan(Tiling.of(UNTILED, LAYERS, (1, 1)), 0, 0)
    content, untiled = _picture("photo.jpg", size), _picture("photo.jpg", UNTILED)
    stamps: list[Times] = []
    alone, spent = [], []
    with single_threaded_blas(), BlockedLosses(network.threads) as losses:
        make = evaluator_maker(
            network, sampled, LAYERS, losses, content, lambda *done: stamps.append(_now())
        )
        by_tiles = make([_terms(size, lazy)])
        next(iter(by_tiles(content)))  # the first time, memory is new and kernels are made
        most = peak()
        in_one = evaluator_maker(network, whole, LAYERS, losses, untiled)([_terms(UNTILED, False)])
        next(iter(in_one(untiled)))
        for _turn in range(turns):
            began = _now()
            next(iter(in_one(untiled)))
            alone.append(np.subtract(_now(), began))
            stamps.clear()
            next(iter(by_tiles(content)))
            spent.append(np.diff([*stamps, _now()], axis=0))
    pieces = np.min(spent, axis=0)
    first, second = pieces[:chosen], pieces[chosen:]
    again = chosen - 1 - kept  # tiles that the network sees twice, the first ones
    tiled = first[-1] + second[0]
    if kept:
        each = first[again:-1].mean(axis=0) + second[1 : 1 + kept].mean(axis=0)
        tiled += plan.kept_tiles * each
    if again:
        each = first[:again].mean(axis=0) + second[1 + kept :].mean(axis=0)
        tiled += (count - 1 - plan.kept_tiles) * each
    per_pixel = np.min(alone, axis=0) / math.prod(UNTILED)
    return {
        "seconds": tiled.tolist(),
        "ratios": (tiled / math.prod(size) / per_pixel).tolist(),
        "peak": most,
        "tiles": count,
        "height": plan.tiling.tile[0],
        "width": plan.tiling.tile[1],
        "overhead": plan.tiling.overhead,
        "kept": plan.kept_tiles,
    }


def _terms(size: tuple[int, int], lazy: bool) -> list[Term]:
    """Return the terms of layers; what the targets are does not change what they cost."""
    positions = math.prod(layer_size(CONTENT_LAYER, *size))
    target = None if lazy else np.ones((CHANNELS[CONTENT_LAYER], positions), np.float32)
    terms: list[Term] = [ContentTerm(CONTENT_LAYER, target, CONTENT_WEIGHT, positions)]
    for layer in STYLE_LAYERS:
        height, width = layer_size(layer, *size)
        ramp = 1 / (1 + np.exp(-np.linspace(-6, 6, width, dtype=np.float32)))
        for index, row in enumerate((ramp, 1 - ramp)):
            guidance = LayerGuidance.of(np.tile(row, (height, 1)))
            gram = np.ones((CHANNELS[layer], CHANNELS[layer]), np.float32)
            terms.append(StyleTerm(layer, guidance, STYLE_WEIGHT, index, gram))
    return terms


def _now() -> Times:
    return Times(time.process_time(), time.perf_counter())


def _picture(name: str, size: tuple[int, int]) -> np.ndarray:
    with Image.open(DEMO / name) as image:
        resized = image.convert("RGB").resize(size[::-1], Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(resized, np.float32).transpose(2, 0, 1))


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--budgets", nargs="+", default=["2", "2:lazy", "5"])
    parser.add_argument("--sample", type=int, default=0, help="tiles to evaluate; 0 for all")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        budget, _, lazy = options.one.partition(":")
        size = options.height, options.width
        figures = evaluate(size, float(budget), bool(lazy), options.sample, options.turns)
        print(json.dumps(figures))
        return
    print("| GB for tiles | tiles | kept | overhead | core s | of a pixel | wall | GB |")
    print("|---|---|---|---|---|---|---|---|")
    for budget in options.budgets:
        command = [sys.executable, "-m", "tests.bench.tile_cost", *sys.argv[1:], "--one", budget]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        cores, wall = found["ratios"]
        print(
            f"| {budget} | {found['tiles']} of {found['height']}x{found['width']} "
            f"| {found['kept']} | {found['overhead']:.2f} | {found['seconds'][0]:.1f} "
            f"| {cores:.2f} | {wall:.2f} | {found['peak'] / 1e9:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
