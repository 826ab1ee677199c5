"""Benchmark of the processor time to the loss that two peers show after 300 evaluations.

    PYTHON -m tests.bench.peers FOLDER --torch PYTHON [--only PEER] [--side N] [--evaluations N]
        [--seconds N]

The first PYTHON is the environment of `install.py test`, the second one has PyTorch (see
`minimize_torch.py`). The peers, rebuilt from their papers, minimize the loss of `problem.py` from
the content in PyTorch; the losses of their pictures, clipped and rounded to 8 bits as they are
shown, are what Scumble has to reach. FOLDER keeps what is done: a call works on each peer for so
many SECONDS, and says so if there is more to do. At the end a table in Markdown is printed and the
figures are appended to `history.jsonl`. Times are processor seconds of all threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np

from engine.job import Job
from engine.loss.blocks import BlockedLosses
from engine.loss.objective import BlockEvaluator, Evaluation
from engine.methods import METHODS
from engine.network import open_network
from engine.optimizer_choice import choose_optimizer
from engine.pictures.colors import match_colors
from engine.threads import single_threaded_blas
from engine.trace import Trace
from tests.bench import history
from tests.bench.problem import LAYERS, loss_terms
from tests.bench.setting import pictures

ROOT = Path(__file__).resolve().parents[2]
PEERS = {"lbfgs": "L-BFGS without bounds, clipped at the end", "adam": "Adam, clamped"}
STARTS = {"content": "Scumble from the content", "colors": "Scumble from the style's colors"}


class Scumble:
    """Scumble's loss of the benchmark, and the default optimizer.

    Parameters
    ----------
    side : int
        Pixels; the picture is square.
    """

    def __init__(self, side: int) -> None:
        network = open_network(Job())
        terms = loss_terms(network, side, "one")
        sized = network.differentiable(side, side, LAYERS)
        self._evaluator = BlockEvaluator(sized, [terms], BlockedLosses(network.threads))
        content, style, _ = pictures(side)
        everywhere = np.ones((side, side), np.float32)
        colored = match_colors(content, everywhere, style, everywhere)
        self._starts = {"content": content, "colors": colored}
        self._optimizer = choose_optimizer(Job(), METHODS["joint"], side * side, 0)

    def shown(self, picture: np.ndarray) -> float:
        """Return the loss of a picture, shape (3, side, side), clipped and rounded to 8 bits."""
        return self._evaluate(np.round(np.clip(picture, 0, 255)).astype(np.float32)).loss

    def reach(self, losses: list[float], start: str, most: int) -> dict[float, tuple[int, float]]:
        """Minimize until the picture that is shown has the lowest of some losses.

        Parameters
        ----------
        losses : list of float
        start : {'content', 'colors'}
        most : int
            Evaluations after which it gives up.

        Returns
        -------
        dict of float to (int, float)
            For each loss that was reached, evaluations and processor seconds.
        """
        found: dict[float, tuple[int, float]] = {}
        aside = 0.0
        began = time.process_time()

        def on_step(step: int, trace: Trace) -> bool:
            nonlocal aside
            now = time.process_time()
            for loss in losses:
                if loss not in found and trace.loss <= loss and self.shown(trace.picture) <= loss:
                    found[loss] = (trace.evaluations, now - began - aside)
            aside += time.process_time() - now
            return len(found) == len(losses) or trace.evaluations >= most

        self._optimizer.minimize(
            self._evaluate, self._starts[start], (0.0, 255.0), steps=most, on_step=on_step
        )
        return found

    def _evaluate(self, picture: np.ndarray) -> Evaluation:
        return next(self._evaluator(picture))


def advance(asked: argparse.Namespace, kind: str) -> bool:
    """Let a peer work for a while; return whether it is done."""
    command = [asked.torch, "-m", "tests.bench.minimize_torch", kind, str(asked.side)]
    command += [str(asked.evaluations), str(asked.seconds), str(asked.folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return _peer(asked.folder, kind)["evaluations"] >= asked.evaluations


@single_threaded_blas()
def main() -> None:
    """Work on the peers, and print the table when they are done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", required=True, help="a Python that has PyTorch")
    parser.add_argument("--only", choices=PEERS, help="one of the peers")
    parser.add_argument("--side", type=int, default=256, help="pixels (default: %(default)s)")
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=1e9)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    kinds = [asked.only] if asked.only else list(PEERS)
    for kind in kinds:
        if not advance(asked, kind):
            print("Call this again: there is more to do.")
            return
    scumble = Scumble(asked.side)
    peers = {kind: _peer(asked.folder, kind) for kind in kinds}
    shown = {kind: scumble.shown(np.load(asked.folder / f"{kind}.npy")) for kind in kinds}
    figures = {}
    heads = ["who", "evaluations", "processor seconds", "of the peer's", "loss that is shown"]
    print(f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", sep="\n")
    found = {
        start: scumble.reach(list(shown.values()), start, asked.evaluations) for start in STARTS
    }
    for kind in kinds:
        theirs, seconds = peers[kind]["evaluations"], peers[kind]["processor seconds"]
        print(f"| {PEERS[kind]} | {theirs} | {seconds:.1f} | 1 | {shown[kind]:.3g} |")
        for start, name in STARTS.items():
            if shown[kind] not in found[start]:
                print(f"| {name} | more than {asked.evaluations} | | | {shown[kind]:.3g} |")
                continue
            count, own = found[start][shown[kind]]
            print(f"| {name} | {count} | {own:.1f} | {own / seconds:.3f} | {shown[kind]:.3g} |")
            figures[f"evaluations from {start}, of {kind}'s"] = count / theirs
            figures[f"processor time from {start}, of {kind}'s"] = own / seconds
    bench = f"peers {asked.side}, {asked.evaluations} evaluations"
    history.append(f"{bench}, {asked.only}" if asked.only else bench, figures)


def _peer(folder: Path, kind: str) -> dict[str, float]:
    return json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
