"""Evaluation by tiles: cost per pixel, compared with an untiled picture, and peak memory.

    PYTHON -m tests.bench.tile_cost [--height 3000] [--width 4000] [--budgets 2 12] [--sample 3]

PYTHON is the environment of `install.py test`. Two regions share the picture: a soft ramp and the
rest. Each row is a process of its own. A budget limits the activations of the tiles, in GB; `lazy`
computes the content's features anew in each evaluation. Times are CPU times summed over the cores,
so other work on the machine hardly affects them. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from engine.loss.blocks import BlockedLosses
from engine.loss.terms import ContentTerm, LayerGuidance, SmoothingTerm, StyleTerm
from engine.loss.tiles import evaluator_maker
from engine.loss.tiling import Plan, Tiling, choose_plan
from engine.masks.propagation import propagate
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


def evaluate(size: tuple[int, int], budget: float, lazy: bool, sample: int) -> dict[str, float]:
    """Evaluate in this process; return the figures."""
    network = Network(Kernels(Weights(model_file())), device="cpu")
    content = _picture("photo.jpg", size)
    whole = Plan(Tiling.of(size, LAYERS, (1, 1)), 0, 0)
    plan = choose_plan(size, LAYERS, budget * 1e9) if budget else whole
    count, kept = len(plan.tiling.tiles), plan.kept_tiles
    chosen = min(sample or count, count)
    sampled = Plan(replace(plan.tiling, tiles=plan.tiling.tiles[:chosen]), min(kept, chosen - 1), 0)
    positions = math.prod(layer_size(CONTENT_LAYER, *size))
    # What the targets are does not change what they cost.
    target = None if lazy else np.ones((CHANNELS[CONTENT_LAYER], positions), np.float32)
    terms: list = [ContentTerm(CONTENT_LAYER, target, CONTENT_WEIGHT, positions)]
    terms.append(SmoothingTerm(1.0))
    ramp = 1 / (1 + np.exp(-np.linspace(-6, 6, size[1], dtype=np.float32)))
    for index, row in enumerate((ramp, 1 - ramp)):
        guidance = propagate(np.tile(row, (size[0], 1)), STYLE_LAYERS)
        terms += [
            StyleTerm(
                layer,
                LayerGuidance.of(guidance[layer]),
                STYLE_WEIGHT,
                index,
                np.ones((CHANNELS[layer], CHANNELS[layer]), np.float32),
            )
            for layer in STYLE_LAYERS
        ]
        del guidance
    before = peak()
    process = psutil.Process()
    stamps: list[float] = []
    with single_threaded_blas(), BlockedLosses(network.threads) as losses:
        make = evaluator_maker(
            network, sampled, LAYERS, losses, content, lambda *done: stamps.append(_cores(process))
        )
        evaluator = make([terms])
        next(iter(evaluator(content)))  # the first time, memory is new and kernels are made
        stamps.clear()
        began = _cores(process)
        next(iter(evaluator(content)))
        ended = _cores(process)
    cores = ended - began
    if not plan.tiling.whole:
        spent = np.diff([*stamps, ended])
        first, second = spent[:chosen], spent[chosen:]
        seen = 1 + sampled.kept_tiles  # tiles of the second pass without a forward pass
        cores = count * first.mean() + (1 + kept) * second[:seen].mean()
        if count > 1 + kept:
            cores += (count - 1 - kept) * second[seen:].mean()
    return {
        "cores": cores,
        "before": before,
        "peak": peak(),
        "tiles": count,
        "height": plan.tiling.tile[0],
        "width": plan.tiling.tile[1],
        "overhead": plan.tiling.overhead,
        "kept": kept,
        "bytes": plan.bytes,
    }


def _cores(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _picture(name: str, size: tuple[int, int]) -> np.ndarray:
    with Image.open(DEMO / name) as image:
        resized = image.convert("RGB").resize(size[::-1], Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(resized, np.float32).transpose(2, 0, 1))


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--budgets", nargs="+", default=["2", "2:lazy", "12"])
    parser.add_argument("--sample", type=int, default=0, help="tiles to evaluate; 0 for all")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        budget, _, lazy = options.one.partition(":")
        size = options.height, options.width
        print(json.dumps(evaluate(size, float(budget), bool(lazy), options.sample)))
        return

    def row(size: tuple[int, int], budget: str) -> dict[str, float]:
        command = [sys.executable, "-m", "tests.bench.tile_cost", "--one", budget]
        command += ["--height", str(size[0]), "--width", str(size[1])]
        command += ["--sample", str(options.sample)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    whole = row(UNTILED, "0")
    per_pixel = whole["cores"] / math.prod(UNTILED)
    print(
        "| picture | GB for tiles | tiles | kept | overhead | s | core s | cost of a pixel | GB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    size = options.height, options.width
    for pixels, budget in [(UNTILED, "whole"), *((size, budget) for budget in options.budgets)]:
        found = whole if budget == "whole" else row(size, budget)
        print(
            f"| {pixels[0]}x{pixels[1]} | {budget} "
            f"| {found['tiles']} of {found['height']}x{found['width']} | {found['kept']} "
            f"| {found['overhead']:.2f} | {found['cores']:.1f} "
            f"| {found['cores'] / math.prod(pixels) / per_pixel:.2f} | {found['peak'] / 1e9:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
