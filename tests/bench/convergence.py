"""Evaluations that optimizers need to one loss, on eight pairs of pictures.

    PYTHON -m tests.bench.convergence run FILE [--pairs N ...] [--area N] [--only NAME ...]
    PYTHON -m tests.bench.convergence scales FILE [--pairs N ...] [--area N]
    PYTHON -m tests.bench.convergence table FILE

PYTHON is the environment of `install.py test`. `run` minimizes the losses of PAIRS with each of the
CANDIDATES, from the default's start, and appends one line of JSON for each to FILE. `scales` paints
a quarter of the area first, and then the area itself with several things handed over. `table`
prints what the file holds in Markdown, for each area and for all of them: the median, the least and
the most of each candidate's figures over those of BASE. It ends where a painting would, by its
plateau; a candidate's evaluations and processor time are those to the loss that BASE has there.
Losses are of pictures within 0..255, which are shown as they are.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from engine import projected_lbfgs
from engine.optimizers import Lbfgs32, LbfgsB, Optimizer
from engine.projected_lbfgs import Bound, ProjectedLbfgs
from engine.schedule import PLATEAUS, STEP_SHARES
from engine.sizes import next_start, resized_unclipped
from engine.trace import Plateau
from tests.bench.experiment_scenes import HELD_OUT_ONE, ONE_STYLE
from tests.bench.optimizer_comparison import SCENES, Problem, run

PAIRS = (*SCENES, (ONE_STYLE[3], "joint"), (HELD_OUT_ONE[2], "joint"))
BASE = "L-BFGS-B 10"
"""The candidate that the others are compared with."""


class FirstChange(ProjectedLbfgs):
    """The search with another length of its first step.

    Parameters
    ----------
    change : float
        Root mean square of the first step, in units of 0..255.
    """

    def __init__(
        self, change: float, start: np.ndarray, low: Bound, high: Bound, memory: int
    ) -> None:
        super().__init__(start, low, high, memory)
        self.first_change = change


class Curvature(ProjectedLbfgs):
    """The search with a line search that also asks for a flatter slope (the weak Wolfe condition).

    A trial that decreases the loss enough, but along which it still falls as steeply as at 0.9 of
    the start, is doubled once.
    """

    def tell(self, loss: float, gradient: np.ndarray) -> None:
        """Take the loss and the gradient of `trial`, and choose the next trial."""
        flat = np.ascontiguousarray(gradient, np.float32).ravel()
        enough = loss <= self._loss + projected_lbfgs.SUFFICIENT * self._slope
        if self._loss < math.inf and enough and self._trials == 1 and self.steps:
            step = self._trial - self._picture
            if float(flat @ step) < 0.9 * self._slope:
                self._try(2 * self._length)
                return
        super().tell(loss, gradient)


CANDIDATES: dict[str, Optimizer] = {
    BASE: LbfgsB(10),
    "L-BFGS-B 20": LbfgsB(20),
    "L-BFGS-B 30": LbfgsB(30),
    "float32 10": Lbfgs32(10),
    "float32 20": Lbfgs32(20),
    "float32 30": Lbfgs32(30),
    "float32 20, first step 8": Lbfgs32(20, partial(FirstChange, 8.0)),
    "float32 20, first step 32": Lbfgs32(20, partial(FirstChange, 32.0)),
    "float32 20, flatter slope": Lbfgs32(20, Curvature),
    "float32 10, diagonal": Lbfgs32(10, diagonal=True),
    "float32 30, diagonal": Lbfgs32(30, diagonal=True),
}

HANDED = ("picture", "picture and pairs", "picture and scaled pairs")
"""Things that the coarse scale hands over; the first one is the default."""


def measure(file: Path, pair: int, area: int, evaluations: int, names: Sequence[str]) -> None:
    """Minimize one pair's loss with each candidate; append the runs to a file."""
    scene, method = PAIRS[pair]
    problem = Problem(scene, method, area, threads=1)
    start = problem.start("auto")
    with problem.loss() as evaluate:
        evaluate(start)  # to warm up
        for name in names:
            done = run(CANDIDATES[name], evaluate, start, problem.bounds, evaluations)
            _append(file, pair, area, name, done.losses, done.own, done.evaluation)


def measure_scales(file: Path, pair: int, area: int, evaluations: int) -> None:
    """Paint a quarter of the area, hand it over in each way, and append the second scale's runs."""
    scene, method = PAIRS[pair]
    coarse = Problem(scene, method, area // 4, threads=1)
    searches: list[ProjectedLbfgs] = []

    def make(start: np.ndarray, low: Bound, high: Bound, memory: int) -> ProjectedLbfgs:
        searches.append(ProjectedLbfgs(start, low, high, memory))
        return searches[0]

    with coarse.loss() as evaluate:
        plateau = Plateau(*PLATEAUS["coarse"])
        first = Lbfgs32(10, make).minimize(
            evaluate,
            coarse.start("auto"),
            coarse.bounds,
            steps=evaluations,
            on_step=lambda step, trace: False,
            plateau=plateau,
        )
    problem = Problem(scene, method, area, threads=1)
    start = next_start(first.picture, problem.size)
    steps = round(evaluations * STEP_SHARES[1])
    numbers, arrays = searches[0].state()
    rows = numbers["order"]
    with problem.loss() as evaluate:
        evaluate(start)  # to warm up
        for name in HANDED:
            factor = {"picture": 0.0, "picture and pairs": 1.0}.get(
                name, math.prod(coarse.size) / math.prod(problem.size)
            )
            pairs = [
                tuple(
                    resized_unclipped(arrays[each][row].reshape(3, *coarse.size), problem.size)
                    for each in ("s", "y")
                )
                for row in rows
            ]
            optimizer = Lbfgs32(10, partial(_warm, pairs if factor else [], factor))
            done = run(optimizer, evaluate, start, problem.bounds, steps)
            _append(file, pair, area, f"hands over {name}", done.losses, done.own, done.evaluation)


def _warm(
    pairs: Sequence[tuple[np.ndarray, ...]],
    factor: float,
    start: np.ndarray,
    low: Bound,
    high: Bound,
    memory: int,
) -> ProjectedLbfgs:
    """Return a search that begins with pairs, the y of which are multiplied by a factor."""
    search = ProjectedLbfgs(start, low, high, memory)
    parts = list(search._parts())
    nothing = np.zeros(start.size, np.float32)
    for row, (s, y) in enumerate(pairs):
        search._s.put(row, s.ravel(), nothing, parts)
        search._y.put(row, np.float32(factor) * y.ravel(), nothing, parts)
        search._order.append(row)
        search._scale = float((s * y).sum() / (factor * (y * y).sum()))
    return search


def _append(
    file: Path,
    pair: int,
    area: int,
    name: str,
    losses: np.ndarray,
    own: float,
    evaluation: float,
) -> None:
    line = {"pair": pair, "area": area, "name": name, "own": own, "evaluation": evaluation}
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({**line, "losses": [float(each) for each in losses]}) + "\n")


def end_of_base(losses: Sequence[float]) -> int:
    """Return after how many evaluations a painting would have ended."""
    plateau = Plateau(*PLATEAUS["last"])
    counts = range(1, len(losses) + 1)
    return next((n for n in counts if plateau.reached(losses[:n])), len(losses))


def evaluations_to(losses: Sequence[float], loss: float) -> float:
    """Return how many evaluations reach a loss; infinity if none does."""
    return next((n for n, each in enumerate(losses, 1) if each <= loss), math.inf)


def table(found: list[dict], first: str) -> list[str]:
    """Return the lines of a table: each candidate against the first one.

    Parameters
    ----------
    found : list of dict
        Lines of the file.
    first : str
        The name that the others are compared with.
    """
    runs = {(each["pair"], each["area"], each["name"]): each for each in found}
    base = {key[:2]: each for key, each in runs.items() if key[2] == first}
    names = list(dict.fromkeys(each["name"] for each in found))
    heads = ["candidate", "pairs", "evaluations", "loss at equal evaluations", "processor time"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in names:
        counts, losses, times = [], [], []
        for key, reference in base.items():
            if (*key, name) not in runs:
                continue
            own = runs[(*key, name)]
            end = end_of_base(reference["losses"][: len(own["losses"])])
            needed = evaluations_to(own["losses"], reference["losses"][end - 1])
            counts.append(needed / end)
            losses.append(own["losses"][end - 1] / reference["losses"][end - 1])
            reference_time = reference["own"] + reference["evaluation"]
            times.append(needed / end * (own["own"] + reference["evaluation"]) / reference_time)
        if counts:
            cells = " | ".join(_spread(each) for each in (counts, losses, times))
            lines.append(f"| {name} | {len(counts)} | {cells} |")
    return lines


def _spread(values: Sequence[float]) -> str:
    middle, least, most = (
        "not reached" if math.isinf(each) else f"{each:.2f}"
        for each in (np.median(values), min(values), max(values))
    )
    return f"{middle} ({least} to {most})"


def main() -> None:
    """Measure, or print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "scales", "table"))
    parser.add_argument("file", type=Path)
    every = range(len(PAIRS))
    parser.add_argument("--pairs", type=int, nargs="+", choices=every, default=every, metavar="N")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=CANDIDATES)
    parser.add_argument("--area", type=int, default=10_000)
    parser.add_argument("--evaluations", type=int, default=120)
    asked = parser.parse_args()
    if asked.what != "table":
        for pair in asked.pairs:
            if asked.what == "run":
                measure(asked.file, pair, asked.area, asked.evaluations, asked.only)
            else:
                measure_scales(asked.file, pair, asked.area, asked.evaluations)
        return
    found = [json.loads(line) for line in asked.file.read_text(encoding="utf-8").splitlines()]
    handing = [each for each in found if each["name"].startswith("hands over")]
    alone = [each for each in found if each not in handing]
    for title, of_kind, first in (
        ("One scale", alone, BASE),
        ("The second of two scales", handing, f"hands over {HANDED[0]}"),
    ):
        areas = sorted({each["area"] for each in of_kind})
        for area in areas:
            of_area = [each for each in of_kind if each["area"] == area]
            print(f"\n{title}, {area} pixels\n", *table(of_area, first), sep="\n")
        if len(areas) > 1:
            print(f"\n{title}, all sizes\n", *table(of_kind, first), sep="\n")


if __name__ == "__main__":
    main()
