"""Speed of this machine: seconds per pixel of all work, measured and kept in the data folder.

The record is one small JSON file. An entry holds for one device, one version of onnxruntime, one
processor and one number of threads; another machine on the same home folder has an entry of its
own. Every run of some length adds to it. An entry holds the latest measurements, and estimates are
made with their median: one run beside other work does not spoil them, and a machine that has become
slower is followed after a few runs. `engine.tuning` keeps its measurements there too.
"""

from __future__ import annotations

import json
import math
import platform
import statistics
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
from engine.schedule import LEAST_WORK
from engine.threads import usable_processors

if TYPE_CHECKING:
    from engine.network import Network

TRIAL_SIDE = 256
"""Pixels; the side of the picture that is evaluated where there is no record yet."""

MIN_SECONDS = 8.0
"""Shorter paintings say little about longer ones and leave the record as it is."""

MIN_PIXELS = TRIAL_SIDE**2
"""Evaluations of smaller pictures take more time per pixel than large ones, so they are not
recorded."""

TYPICAL = 8e-6
"""Seconds per pixel of an evaluation on two cores, for pictures too small to matter."""

KEPT = 5
"""Measurements that an entry holds, the latest last."""

SERIAL_SHARE = 0.2
"""The share of the work that one thread does while the others wait: at most so much; two threads
take 0.57 of the time of one, which is a share of 0.14."""

BUSY_SHARE = 0.6
"""The share of its time that an undisturbed process computes where it also waits for the disk."""

RATE_PIXELS = 500_000
"""Pixels from which on the time of reading, finishing or writing says something about its rate."""


class Clocks:
    """The time of the process and that of the world, from when this is made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def network_share(self, network: Network) -> float:
        """Return `own_share` of evaluations; 1 on a card, whose work is not counted."""
        return 1.0 if network.losses == "card" else self.own_share(network.threads)

    def own_share(self, threads: int) -> float:
        """Return the share of the time, above 0 and at most 1, that the work takes if it is alone.

        By Amdahl's law that is at most ``s + (1 - s) / p`` of its processor time, with the serial
        share s on p processors. The rest is time in which other programs had the processors.
        """
        seconds, computed = self._passed()
        if seconds <= 0 or computed <= 0:
            return 1.0
        processors = min(threads, usable_processors())
        most = computed * (SERIAL_SHARE + (1 - SERIAL_SHARE) / processors)
        return min(most / seconds, 1.0)

    def undisturbed(self) -> bool:
        """Return whether the process computed on one processor at least, but for short waits."""
        seconds, computed = self._passed()
        return computed >= BUSY_SHARE * seconds

    def _passed(self) -> tuple[float, float]:
        """Return the seconds of the world and those of all processors since the beginning."""
        return time.perf_counter() - self._began[0], time.process_time() - self._began[1]


def record_file() -> Path:
    """Return the file of the record, whether or not it exists."""
    return home() / "speed.json"


def recorded(network: Network) -> float | None:
    """Return the seconds per pixel of one evaluation from the record; None where there is none."""
    return _median(entries().get(_key(network)))


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

    def seconds() -> float:
        clocks = Clocks()
        return evaluate() * clocks.network_share(network)

    return min(seconds() for _ in range(3)) / (TRIAL_SIDE**2 + LEAST_WORK)


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
    if math.isfinite(seconds) and seconds > 0:
        enter(_key(network), _with_newest(entries().get(_key(network)), seconds))


def rates() -> Rates:
    """Return the rates of everything but evaluations, from the record; the rest is typical."""
    medians = {kind: _median(value) for kind, value in _rates_entry().items()}
    return Rates({kind: value for kind, value in medians.items() if value is not None})


def record_rates(measured: Mapping[str, float]) -> None:
    """Put measurements of seconds per pixel into the record, by the kind of work."""
    before = _rates_entry()
    found = {
        kind: _with_newest(before.get(kind), value)
        for kind, value in measured.items()
        if math.isfinite(value) and value > 0
    }
    if found:
        enter(_rates_key(), {**before, **found})


def _rates_entry() -> dict[str, Any]:
    found = entries().get(_rates_key())
    return found if isinstance(found, dict) else {}


def _measurements(value: Any) -> list[float]:
    """Return the measurements of an entry; earlier versions kept one number."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, float) and 0 < each < 1]


def _median(value: Any) -> float | None:
    """Return the median of an entry; None where it has no measurement."""
    found = _measurements(value)
    return statistics.median_low(found) if found else None


def _with_newest(value: Any, newest: float) -> list[float]:
    """Return an entry with one more measurement."""
    return [*_measurements(value), newest][-KEPT:]


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
