"""Measurements on a graphics card, in one go; the results are written after every step.

    PYTHON -m tests.bench.gpu [--device cuda] [--out FOLDER] [--budget SECONDS]

PYTHON has the engine's packages, onnxruntime for the card, and PyTorch. `gpu.json` in the folder
holds one entry per step: what was measured, or the error. With `--device cpu --sides 128` the
script itself can be tried where there is no card.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Callable
from unittest.mock import patch

import numpy as np
import onnxruntime
from PIL import Image

from engine import devices
from engine.card_lbfgs import CardLbfgs
from engine.events import Event, Notice
from engine.job import Job, Region
from engine.loss.blocks import BlockedLosses
from engine.loss.in_graph import GraphEvaluator
from engine.loss.objective import BlockEvaluator, Evaluation, Evaluator
from engine.network import DifferentiableNetwork, Network
from engine.optimizers import Lbfgs32, LbfgsB, Optimizer
from engine.paths import model_file
from engine.run import stylize
from engine.threads import single_threaded_blas
from models.kernels import Kernels
from models.weights import Weights
from tests.bench.problem import LAYERS, loss_terms, masks
from tests.bench.setting import DEMO, pictures

REGIONS = "soft"
"""Two regions with a soft border: the peer's masked Gram matrices are the same."""

COMPARED_SIDE = 512
"""Pixels; at this side gradients and optimizations are held against the processor's."""

HOST_LIMIT = 2048
"""Pixels; beyond, the losses are not computed on the processor: gigabytes cross the bus."""


class Bench:
    """The steps and their results.

    Parameters
    ----------
    options : argparse.Namespace
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._device: str = options.device
        self._began = time.perf_counter()
        self._file = Path(options.out) / "gpu.json"
        self._found: dict[str, Any] = {}
        self._kernels = Kernels(Weights(model_file()))
        self._compared = min(COMPARED_SIDE, *options.sides)
        self._gradient = np.zeros(0)

    def step(self, name: str, seconds: float, measure: Callable[[], Any]) -> None:
        """Measure one thing, if there is time for it, and write all results down.

        Parameters
        ----------
        name : str
        seconds : float
            A guess at what it takes.
        measure : callable
            Returns the figures.
        """
        only = self._options.only
        if only and not any(name.startswith(each) for each in only):
            return
        began = time.perf_counter()
        if began - self._began + seconds > self._options.budget:
            self._found[name] = {"skipped": "no time left"}
        else:
            try:
                self._found[name] = measure()
            except Exception as error:  # a step that fails leaves the others
                lines = traceback.format_exc().strip().splitlines()
                self._found[name] = {"error": f"{type(error).__name__}: {error}", "trace": lines}
            gc.collect()
        took = time.perf_counter() - began
        print(f"{name} ({took:.1f} s): {json.dumps(self._found[name])[:600]}", flush=True)
        self._found["seconds"] = time.perf_counter() - self._began
        self._file.write_text(json.dumps(self._found, indent=1), encoding="utf-8")

    def run(self) -> None:
        """Take all steps, the most wanted first."""
        sides = self._options.sides
        self.step("machine", 5, self._machine)
        if self._found.get("machine", {}).get("device", self._device) != self._device:
            sys.exit(1)
        self.step(f"processor {self._compared}", 20, self._processor)
        for side in sides:
            self.step(f"graph {side}", 15, partial(self._graph, side, rounded=False))
            self.step(f"graph tf32 {side}", 15, partial(self._graph, side, rounded=True))
            self.step(f"torch {side}", 15, partial(self._torch, side, tf32=False))
            self.step(f"torch tf32 {side}", 15, partial(self._torch, side, tf32=True))
        for side in sides:
            if side <= HOST_LIMIT:
                self.step(f"host {side}", 20, partial(self._host, side))
        self.step("painting 1 MP", 30, partial(self._painting, self._options.small, 150, 90))
        self.step("painting 12 MP", 60, partial(self._painting, self._options.large, 60, 75))
        for name, arguments in _HUNDREDS.items():
            self.step(f"hundred, {name}", 20, partial(self._hundred, *arguments))
        for name, more in ({} if self._device == "cpu" else _VARIANTS).items():
            side = sides[min(1, len(sides) - 1)]
            self.step(f"{name} {side}", 15, partial(self._variant, side, more))

    def _machine(self) -> dict[str, Any]:
        import torch

        chosen, notice = devices.choose_device(self._device)
        return {
            "card": _nvidia_smi("name,driver_version,memory.total,memory.free"),
            "cores": Network(self._kernels, device="cpu").threads,
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
            "torch cudnn": torch.backends.cudnn.version(),
            "providers": onnxruntime.get_available_providers(),
            "device": chosen,
            "notice": notice,
            "auto": devices.choose_device("auto"),
            "free": devices.ENTRIES[chosen].free_memory(),
        }

    def _network(self, device: str) -> Network:
        network = Network(self._kernels, device=device)
        if network.device != device:
            raise RuntimeError(network.notice)
        return network

    def _processor(self) -> dict[str, Any]:
        """Evaluate in numpy on the processor and keep the gradient to compare with."""
        network = self._network("cpu")
        terms = loss_terms(network, self._compared, REGIONS)
        sized = network.differentiable(self._compared, self._compared, LAYERS)
        evaluator = BlockEvaluator(sized, [terms], BlockedLosses(network.threads))
        figures, found = _timed(evaluator, self._compared)
        self._gradient = found.gradient.astype(np.float64).ravel()
        return figures

    def _compare(self, side: int, figures: dict[str, Any], gradient: np.ndarray) -> dict[str, Any]:
        if side == self._compared and self._gradient.size:
            own = gradient.astype(np.float64).ravel()
            norms = np.linalg.norm(own) * np.linalg.norm(self._gradient)
            figures["cosine"] = float(own @ self._gradient / norms)
            figures["away"] = float(
                np.linalg.norm(own - self._gradient) / np.linalg.norm(self._gradient)
            )
        return figures

    def _graph(self, side: int, *, rounded: bool) -> dict[str, Any]:
        """Evaluate with the losses on the card."""
        network = self._network(self._device)
        before = network.entry.free_memory()
        terms = loss_terms(network, side, REGIONS)
        sized = network.differentiable(side, side, LAYERS, rounded=rounded)
        evaluator = GraphEvaluator(sized, [terms])
        figures, found = _timed(evaluator, side)
        figures.update(_parts(evaluator, sized, side))
        figures["memory"] = before - network.entry.free_memory()
        figures["nodes elsewhere"] = sized.nodes_elsewhere
        return self._compare(side, figures, found.gradient)

    def _host(self, side: int) -> dict[str, Any]:
        """Evaluate with the convolutions on the card and the losses on the processor."""
        network = self._network(self._device)
        terms = loss_terms(network, side, REGIONS)
        sized = network.differentiable(side, side, LAYERS)
        evaluator = BlockEvaluator(sized, [terms], BlockedLosses(network.threads))
        figures, found = _timed(evaluator, side)
        return self._compare(side, figures, found.gradient)

    def _torch(self, side: int, *, tf32: bool) -> dict[str, Any]:
        """Evaluate in PyTorch eager."""
        import torch

        from tests.bench.torch_peer import TorchPeer

        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cuda.matmul.allow_tf32 = tf32
        device = "cuda" if self._device == "cuda" else "cpu"
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        peer = TorchPeer(side, masks(side, REGIONS), device)

        figures, found = _timed(_peer(peer), side)
        if device == "cuda":
            figures["memory"] = torch.cuda.max_memory_reserved()
        del peer
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
        return self._compare(side, figures, found.gradient)

    def _hundred(self, on_card: bool, rounded: bool, scipy: bool) -> dict[str, Any]:
        """Optimize from the content; return the losses up to 100 evaluations."""
        side, count = self._compared, self._options.evaluations
        content, _, _ = pictures(side)
        network = self._network(self._device if on_card else "cpu")
        terms = loss_terms(network, side, REGIONS)
        sized = network.differentiable(side, side, LAYERS, rounded=rounded)
        evaluator: Evaluator = (
            GraphEvaluator(sized, [terms])
            if on_card
            else BlockEvaluator(sized, [terms], BlockedLosses(network.threads))
        )
        search = partial(CardLbfgs, network) if on_card else None
        optimizer: Optimizer = LbfgsB(10) if scipy else Lbfgs32(10, search)
        began = time.perf_counter()
        losses = _optimize(evaluator, optimizer, content, count)
        numbers = [number for number in (1, 20, 50, 100) if number <= len(losses)]
        return {
            "seconds": time.perf_counter() - began,
            "evaluations": len(losses),
            "losses": {number: losses[number - 1] for number in numbers},
        }

    def _painting(self, size: tuple[int, int], steps: int, limit: float) -> dict[str, Any]:
        """Paint a whole picture, but no longer than the limit in seconds."""
        folder = Path(self._options.out)
        file = folder / "content.png"
        with Image.open(DEMO / "photo.jpg") as image:
            image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(file, compress_level=1)
        job = Job(
            content=str(file),
            output="-",
            regions=(Region(style=str(DEMO / "style-oil.jpg")),),
            size=0,
            iterations=steps,
            device=self._device,
        )
        notices: list[str] = []

        def report(event: Event) -> None:
            if isinstance(event, Notice):
                notices.append(event.text)

        stop = threading.Event()
        timer = threading.Timer(limit, stop.set)
        timer.start()
        try:
            with _timed_evaluations() as inside:
                result = stylize(job, report, stop)
        finally:
            timer.cancel()
            file.unlink()
        painting = result.stages["painting"]
        return {
            "size": size,
            "seconds": result.seconds,
            "stages": result.stages,
            "evaluations": result.evaluations,
            "stopped": result.stopped,
            "device": result.device,
            "notices": notices,
            "inside of evaluations": sum(inside),
            "host share of painting": 1 - sum(inside) / painting,
            "median evaluation": statistics.median(inside),
        }

    def _variant(self, side: int, more: dict[str, str]) -> dict[str, Any]:
        """Evaluate with other options of the provider, with TF32."""
        entry = devices.ENTRIES[self._device]
        rounded = {**entry.rounded, **more}
        devices.ENTRIES[self._device] = replace(entry, rounded=rounded)
        try:
            return self._graph(side, rounded=True)
        finally:
            devices.ENTRIES[self._device] = entry


_HUNDREDS = {
    "card": (True, False, False),
    "card tf32": (True, True, False),
    "card SciPy": (True, False, True),
    "processor": (False, False, False),
    "processor SciPy": (False, False, True),
}
"""Return whether losses and L-BFGS are on the card, with TF32, and whether L-BFGS is SciPy's."""

_VARIANTS = {
    "channels last": {"prefer_nhwc": "1"},
    "exhaustive": {"cudnn_conv_algo_search": "EXHAUSTIVE"},
    "small workspace": {"cudnn_conv_use_max_workspace": "0"},
    "tight pool": {"arena_extend_strategy": "kSameAsRequested"},
}
"""Options of the CUDA provider that may be quicker or take less memory."""


def _nvidia_smi(query: str) -> str:
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError as error:
        return str(error)


def _peer(peer: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> Evaluator:
    """Return an evaluator of one group from a function that returns loss and gradient."""

    def evaluate(picture: np.ndarray) -> Iterator[Evaluation]:
        loss, gradient = peer(picture)
        yield Evaluation(loss, gradient, {})

    return evaluate


def _timed(
    evaluator: Callable[[np.ndarray], Iterator[Evaluation]], side: int
) -> tuple[dict[str, Any], Evaluation]:
    """Evaluate for about two seconds; return the figures and the last evaluation."""
    _, _, picture = pictures(side)
    began = time.perf_counter()
    found = next(evaluator(picture))
    first = time.perf_counter() - began
    seconds: list[float] = []
    while len(seconds) < 3 or (sum(seconds) < 2 and len(seconds) < 30):
        began = time.perf_counter()
        found = next(evaluator(picture))
        seconds.append(time.perf_counter() - began)
    figures = {
        "seconds": statistics.median(seconds),
        "fastest": min(seconds),
        "count": len(seconds),
        "first": first,
        "loss": found.loss,
        "norm": float(np.linalg.norm(found.gradient.astype(np.float64))),
    }
    return figures, found


def _parts(evaluator: GraphEvaluator, sized: DifferentiableNetwork, side: int) -> dict[str, float]:
    """Return the seconds of each part of an evaluation, and the share that is the processor's."""
    _, _, picture = pictures(side)
    group = evaluator._groups[0]
    actions: dict[str, Callable[[], object]] = {
        "upload": lambda: sized.write("picture", picture),
        "upload and forward": lambda: sized.load(picture),
        "losses": lambda: group._run(group._session, group._binding),
        "backward": sized.propagate,
        "backward and download": sized.picture_gradient,
    }
    found = {}
    for name, action in actions.items():
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - began)
        found[name] = statistics.median(seconds)
    crossing = found["upload"] + found["backward and download"] - found["backward"]
    whole = found["upload and forward"] + found["losses"] + found["backward and download"]
    return {**found, "share of transfers": crossing / whole}


def _optimize(
    evaluator: Evaluator, optimizer: Optimizer, content: np.ndarray, count: int
) -> list[float]:
    """Optimize from the content; return the best loss so far at each evaluation."""
    losses: list[float] = []

    def on_step(step: int, trace: Any) -> bool:
        losses.append(trace.loss)
        return len(losses) >= count

    with single_threaded_blas():
        optimizer.minimize(
            lambda picture: next(evaluator(picture)),
            content,
            (0.0, 255.0),
            steps=count,
            on_step=on_step,
        )
    return losses


@contextmanager
def _timed_evaluations() -> Iterator[list[float]]:
    """Collect the seconds of every evaluation inside of the block."""
    seconds: list[float] = []

    def timed(evaluate: Any) -> Any:
        def call(self: Any, picture: np.ndarray) -> Iterator[Evaluation]:
            began = time.perf_counter()
            for found in evaluate(self, picture):
                seconds.append(time.perf_counter() - began)
                yield found
                began = time.perf_counter()

        return call

    with (
        patch.object(GraphEvaluator, "__call__", timed(GraphEvaluator.__call__)),
        patch.object(BlockEvaluator, "__call__", timed(BlockEvaluator.__call__)),
    ):
        yield seconds


def _size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split("x"))
    return width, height


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=list(devices.ENTRIES))
    parser.add_argument("--out", default=".", help="folder of the results")
    parser.add_argument("--budget", type=float, default=420, help="seconds (default: %(default)s)")
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument("--only", nargs="+", help="the beginnings of the steps' names")
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--small", type=_size, default=(1155, 866), help="a painting's size")
    parser.add_argument("--large", type=_size, default=(4000, 3000), help="another one's")
    Bench(parser.parse_args()).run()


if __name__ == "__main__":
    main()
