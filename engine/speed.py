"""Speed of this machine: seconds per pixel of all work, measured and kept in the data folder.

The record is one small JSON file. An entry holds for one device, one version of onnxruntime, one
processor and one number of threads; another machine on the same home folder has an entry of its
own. Every run of some length updates it. `engine.tuning` keeps its measurements there too.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
import onnxruntime

from engine.errors import PictureError
from engine.files import write_file
from engine.job import Job
from engine.overhead import Rates
from engine.paths import home
from engine.threads import usable_processors

if TYPE_CHECKING:
    from engine.network import Network

TRIAL_SIDE = 256
"""Pixels; the side of the picture that is evaluated where there is no record yet."""

MIN_SECONDS = 8.0
"""Shorter paintings say little about longer ones and leave the record as it is."""

TYPICAL = 8e-6
"""Seconds per pixel of an evaluation on two cores, for pictures too small to matter."""

NEW_SHARE = 0.5
"""The share of the newest measurement in the record."""


BUSY_SHARE = 0.6
"""The share of its threads' time that an undisturbed painting computes; usually it is more."""

RATE_PIXELS = 500_000
"""Pixels from which on the time of reading, finishing or writing says something about its rate."""


class Clocks:
    """The time of the process and that of the world, from when this is made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def undisturbed(self, network: Network) -> bool:
        """Return whether the process had the processors for itself; always so for a card.

        A painting beside other work says nothing about how fast the machine is.
        """
        return network.losses == "card" or self.had(min(network.threads, usable_processors()))

    def had(self, processors: int) -> bool:
        """Return whether the process computed on so many processors, but for short waits."""
        seconds = time.perf_counter() - self._began[0]
        return time.process_time() - self._began[1] >= BUSY_SHARE * seconds * processors


def record_file() -> Path:
    """Return the file of the record, whether or not it exists."""
    return home() / "speed.json"


def recorded(network: Network) -> float | None:
    """Return the seconds per pixel of one evaluation from the record; None where there is none."""
    value = entries().get(_key(network))
    return value if isinstance(value, float) and 0 < value < 1 else None


def seconds_per_pixel(network: Network) -> float:
    """Return the seconds per pixel of one evaluation, measured now if there is no record."""
    known = recorded(network)
    if known is None:
        known = measure(network)
        record(network, known)
    return known


def measure(network: Network) -> float:
    """Evaluate a small picture with the default layers and return the seconds per pixel.

    Takes a second or two on two cores.
    """
    evaluate = trial(network)
    return min(evaluate() for _ in range(3)) / TRIAL_SIDE**2


def trial(network: Network) -> Callable[[], float]:
    """Return what evaluates a small picture with the default layers and returns the seconds."""
    from engine.loss.blocks import BlockedLosses
    from engine.loss.in_graph import GraphEvaluator
    from engine.loss.make_terms import layers_of
    from engine.loss.objective import BlockEvaluator, Evaluator
    from engine.loss.terms import LayerGuidance, StyleTerm

    content_layers, style_layers = layers_of(Job())
    size = (TRIAL_SIDE, TRIAL_SIDE)
    picture = np.random.default_rng(0).uniform(0, 255, (3, *size)).astype(np.float32)
    differentiable = network.differentiable(*size, (*content_layers, *style_layers))
    features = differentiable.forward(picture)
    terms = []
    for layer in style_layers:
        channels, positions = features[layer].shape
        guidance = LayerGuidance.of(np.ones(positions, np.float32))
        terms.append(StyleTerm(layer, guidance, 1.0, 0, np.eye(channels, dtype=np.float32)))

    def seconds() -> float:
        with BlockedLosses(network.threads) as losses:
            evaluate: Evaluator = BlockEvaluator(differentiable, [terms], losses)
            if network.losses == "card":
                evaluate = GraphEvaluator(differentiable, [terms])
            began = time.perf_counter()
            next(iter(evaluate(picture)))
            return time.perf_counter() - began

    return seconds


def record(network: Network, seconds: float) -> None:
    """Put a measurement of seconds per pixel into the record.

    A record that cannot be written is left alone: the next run measures again.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        return
    before = entries().get(_key(network))
    if isinstance(before, float) and before > 0:
        seconds = (1 - NEW_SHARE) * before + NEW_SHARE * seconds
    enter(_key(network), seconds)


def rates() -> Rates:
    """Return the rates of everything but evaluations, from the record; the rest is typical."""
    found = entries().get(_rates_key())
    if not isinstance(found, dict):
        return Rates()
    return Rates({kind: value for kind, value in found.items()
                  if isinstance(value, float) and 0 < value < 1})  # fmt: skip


def record_rates(measured: Mapping[str, float]) -> None:
    """Put measurements of seconds per pixel into the record, by the kind of work.

    As with evaluations, a new measurement moves the record by a share.
    """
    before = rates()
    found = {
        kind: before.updated(kind, value, NEW_SHARE)
        for kind, value in measured.items()
        if math.isfinite(value) and value > 0
    }
    if found:
        enter(_rates_key(), {**before.measured, **found})


def entries() -> dict[str, Any]:
    """Return all entries of the record; none if it is missing or damaged."""
    try:
        found = json.loads(record_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def enter(key: str, value: Any) -> None:
    """Put an entry into the record, if the record can be written."""
    file = record_file()
    with suppress(OSError, PictureError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, json.dumps({**entries(), key: value}, indent=1).encode(), durable=False)


def machine() -> str:
    """Return the names of onnxruntime and the processor, for the keys of entries."""
    return f"onnxruntime {onnxruntime.__version__}, {_processor()}"


def _rates_key() -> str:
    return f"rates, {usable_processors()} processors, {_processor()}"


def _key(network: Network) -> str:
    return f"{network.device}, {network.threads} threads, {machine()}"


def _processor() -> str:
    """Return the processor's name."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
