"""Optimizers side by side: losses after equal evaluations, and the time that they take themselves.

    PYTHON -m tests.bench.optimizer_comparison [--area N] [--evaluations N] [--scenes N] [NAME ...]

PYTHON is the environment that `install.py test` has made. Every scene's loss is minimized by each
of the optimizers named (by all of OPTIMIZERS unless some are named) from the same start, and the
tables are printed in Markdown. The losses of the second table are relative to the first optimizer:
geometric mean over the scenes, and in brackets the smallest and the largest.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from engine.initial_picture import start_picture
from engine.job import Job
from engine.loss.blocks import BlockedLosses
from engine.loss.make_terms import ScaleInputs, layers_of
from engine.loss.objective import OBJECTIVES, BlockEvaluator, Evaluation
from engine.loss.targets import compute_targets
from engine.masks.mask import Mask
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.network import open_network
from engine.optimizers import Adam, Bounds, Evaluate, Lbfgs32, LbfgsB, Optimizer
from engine.pictures.picture import read_picture
from engine.sizes import planar, resized, working_size
from engine.threads import single_threaded_blas
from tests.bench.experiment_scenes import (
    HELD_OUT_ONE,
    HELD_OUT_TWO,
    ONE_STYLE,
    SLOPES,
    TWO_STYLES,
    Scene,
    mask_of,
    ramps,
)

SCENES = (
    (ONE_STYLE[0], "joint"),
    (TWO_STYLES[1], "cutout"),
    (ramps(SLOPES, 0.5)[2], "banded"),
    (HELD_OUT_ONE[6], "pinned"),
    (HELD_OUT_TWO[0], "cutout"),
    (HELD_OUT_ONE[7], "joint"),
)
OPTIMIZERS: dict[str, Optimizer] = {
    "L-BFGS-B 10": LbfgsB(10),
    "L-BFGS-B 20": LbfgsB(20),
    "L-BFGS-B 30": LbfgsB(30),
    "float32 5": Lbfgs32(5),
    "float32 10": Lbfgs32(10),
    "float32 5, half precision": Lbfgs32(5, half=True),
    "float32 10, half precision": Lbfgs32(10, half=True),
    "float32 20": Lbfgs32(20),
    "float32 30": Lbfgs32(30),
    "float32 10, diagonal": Lbfgs32(10, diagonal=True),
    "float32 30, diagonal": Lbfgs32(30, diagonal=True),
    "Adam": Adam(5.0),
}


@dataclass
class Run:
    """One optimizer's run.

    Attributes
    ----------
    losses : ndarray, shape (evaluations,)
        The lowest loss so far, by evaluation.
    own : float
        Processor seconds per evaluation that the optimizer itself took.
    evaluation : float
        Processor seconds per evaluation that the loss and its gradient took.
    picture : ndarray, shape (3, height, width)
    """

    losses: np.ndarray
    own: float
    evaluation: float
    picture: np.ndarray


class Problem:
    """The loss of one scene, to be minimized by several optimizers.

    Parameters
    ----------
    scene : Scene
    method : str
    area : int
        Pixels.
    threads : int
    """

    def __init__(self, scene: Scene, method: str, area: int, threads: int) -> None:
        self.scene = scene
        self.method = METHODS[method]
        full = planar(read_picture(scene.content).rgb)
        self.size = working_size(full.shape[1], full.shape[2], area)
        self.content = resized(full, self.size)
        mask = mask_of(scene, self.size)
        if method == "joint":
            self.masks = [np.ones_like(mask)]
        else:
            self.masks = [mask, 1 - mask][: len(scene.styles)]
        styles = [planar(read_picture(style).rgb) for style in scene.styles]
        self.regions = [
            LoadedRegion(
                f"style {number}", style, np.ones(style.shape[1:], np.float32), Mask(mask), 1, 1
            )
            for number, (style, mask) in enumerate(zip(styles, self.masks), 1)
        ]
        self.job = Job(method=method, threads=threads)

    def start(self, init: str) -> np.ndarray:
        """Return the picture that such a start begins with."""
        return start_picture(
            replace(self.job, init=init),
            self.content,
            self.regions,
            self.masks,
            cut_out=self.method.paints_past_masks,
        )

    @property
    def bounds(self) -> Bounds:
        """The smallest and the largest values."""
        if not self.method.pins_outside:
            return 0.0, 255.0
        free = sum(self.masks) > 0
        low, high = np.float32(0), np.float32(255)
        return np.where(free, low, self.content), np.where(free, high, self.content)

    @contextmanager
    def loss(self) -> Iterator[Evaluate]:
        """Provide the loss as a function of the picture."""

        def silent(text: object) -> None:
            pass

        network = open_network(self.job)
        targets = compute_targets(self.job, network, self.content, self.regions, silent, silent)
        inputs = ScaleInputs(
            self.job, self.method, self.size, self.regions, self.masks, targets, silent
        )
        layers = tuple(dict.fromkeys(sum(layers_of(self.job), ())))
        with single_threaded_blas(), BlockedLosses(network.threads) as losses:
            sessions = network.differentiable(*self.size, layers)
            objectives = OBJECTIVES[self.method.objective](
                inputs, lambda groups: BlockEvaluator(sessions, groups, losses)
            )
            yield objectives[0]


def run(
    optimizer: Optimizer, evaluate: Evaluate, start: np.ndarray, bounds: Bounds, evaluations: int
) -> Run:
    """Minimize with one optimizer.

    Raises
    ------
    AssertionError
        If its picture has left the bounds.
    """
    inside = 0.0

    def timed(picture: np.ndarray) -> Evaluation:
        nonlocal inside
        began = time.process_time()
        evaluation = evaluate(picture)
        inside += time.process_time() - began
        return evaluation

    began = time.process_time()
    trace = optimizer.minimize(
        timed,
        start,
        bounds,
        steps=evaluations,
        on_step=lambda step, trace: trace.evaluations >= evaluations,
    )
    own = time.process_time() - began - inside
    if np.any(trace.picture < bounds[0]) or np.any(trace.picture > bounds[1]):
        message = f"{optimizer.used} has left the bounds"
        raise AssertionError(message)
    count = trace.evaluations
    losses = np.pad(np.minimum.accumulate(trace.losses), (0, evaluations - count), "edge")
    return Run(losses, own / count, inside / count, trace.picture)


def table(found: list[dict[str, Run]], at: tuple[int, ...]) -> list[str]:
    """Return the lines of a table: losses over the first one's, and the optimizers' own time."""
    lines = [
        "| optimizer | " + " | ".join(f"loss at {each}" for each in at) + " | own ms | share |",
        "|---" * (len(at) + 3) + "|",
    ]
    first, *_ = found[0]
    for name in found[0]:
        cells = []
        for each in at:
            ratios = [runs[name].losses[each - 1] / runs[first].losses[each - 1] for runs in found]
            mean = np.exp(np.mean(np.log(ratios)))
            cells.append(f"{mean:.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
        own = np.median([runs[name].own for runs in found])
        share = np.median([runs[name].own / runs[name].evaluation for runs in found])
        lines.append(f"| {name} | {' | '.join(cells)} | {own * 1000:.1f} | {share:.0%} |")
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(OPTIMIZERS))
    parser.add_argument("--area", type=int, default=30_000)
    parser.add_argument("--evaluations", type=int, default=120)
    parser.add_argument("--scenes", type=int, default=len(SCENES))
    parser.add_argument("--start", default="content", choices=("content", "colors", "noise"))
    parser.add_argument("--threads", type=int, default=0)
    asked = parser.parse_args()
    names = asked.names or list(OPTIMIZERS)
    unknown = [name for name in names if name not in OPTIMIZERS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(OPTIMIZERS)}")
    print(f"| scene | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|", sep="\n")
    found = []
    for scene, method in SCENES[: asked.scenes]:
        problem = Problem(scene, method, asked.area, asked.threads)
        start = problem.start(asked.start)
        with problem.loss() as evaluate:
            evaluate(start)  # to warm up
            runs = {
                name: run(OPTIMIZERS[name], evaluate, start, problem.bounds, asked.evaluations)
                for name in names
            }
        found.append(runs)
        ends = " | ".join(f"{each.losses[-1]:.4g}" for each in runs.values())
        print(f"| {scene.name}, {method} | {ends} |", flush=True)
    at = tuple(int(asked.evaluations * share) for share in (0.25, 0.5, 1.0))
    print("\n".join(["", *table(found, at)]))


if __name__ == "__main__":
    main()
