"""Trials of what is quickest on this processor: forms of convolutions, threads, busy waiting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Callable

import numpy as np
import psutil

from engine import speed, tuning
from engine.network import Network
from engine.threads import single_threaded_blas, usable_processors
from engine.translations import N_
from engine.tuning import Trial, Tuning
from models.forms import KINDS, USUAL_FORMS, Kind, possible_forms
from models.graphs import convolution_graph
from models.kernels import Kernels
from models.vgg16 import CONVOLUTIONS, layer_size

TRIAL_SIDE = 256
"""Pixels; the side of the picture whose layers are measured."""

ROUNDS = 4
"""Trials of each candidate, in turns; the fastest of them counts."""

HOPELESS = 1.4
"""A candidate that takes so many times the fastest one's time is tried once only."""

GAIN = 0.04
"""The gain at which a candidate takes the place of the usual one; less is noise."""

SPINS = (0, 100)
"""Microseconds, the usual ones first; a single thread has no other one to wait for."""


@single_threaded_blas()
def measure(kernels: Kernels) -> tuple[Tuning, list[Trial]]:
    """Measure every choice on the processor and put it into the record.

    Takes ten to twenty seconds.

    Parameters
    ----------
    kernels : Kernels

    Returns
    -------
    Tuning
    list of Trial
        What it was chosen from.
    """
    usual = Tuning(USUAL_FORMS, usable_processors(), 0)
    trials, forms = [], dict(USUAL_FORMS)
    network = Network(kernels, device="cpu", tuning=usual)
    for kind in KINDS:
        candidates = sorted(possible_forms(kind), key=lambda form: form != usual.forms[kind])
        trial = _choose(
            tuning.name(kind), {form: _runner(network, kind, form) for form in candidates}
        )
        forms[kind] = trial.chosen
        trials.append(trial)
    counts = [str(count) for count in thread_counts()]
    chosen = _choose_evaluation(kernels, N_("threads"), counts, lambda n: Tuning(forms, int(n), 0))
    threads = int(chosen.chosen)
    spins = [str(spin) for spin in (SPINS if threads > 1 else SPINS[:1])]
    spinning = _choose_evaluation(
        kernels, N_("busy waiting, microseconds"), spins, lambda us: Tuning(forms, threads, int(us))
    )
    found = Tuning(forms, threads, int(spinning.chosen))
    trials += [chosen, spinning]
    tuning.record(found, trials)
    return found, trials


def thread_counts() -> list[int]:
    """Return the numbers of threads that may be the quickest, the usual one first.

    All usable processors; one for each core where cores run two threads; and only the fast cores
    where there are two speeds.
    """
    usable = usable_processors()
    counts = [usable]
    cores = psutil.cpu_count(logical=False)
    if cores:
        counts.append(min(cores, usable))
    speeds = []
    for file in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq"):
        with suppress(OSError, ValueError):
            speeds.append(int(file.read_text(encoding="ascii")))
    if speeds:
        counts.append(min(sum(speed > 0.8 * max(speeds) for speed in speeds), usable))
    return list(dict.fromkeys(counts))


def _runner(network: Network, kind: Kind, form: str) -> Callable[[], float]:
    """Return what computes one convolution in one form and returns the seconds."""
    layers = [each for each in CONVOLUTIONS if (each.inputs, each.outputs) == kind[:2]]
    size = layer_size(layers[0].name, TRIAL_SIDE, TRIAL_SIDE)
    graph = convolution_graph(layers[0], kind[2], size, {kind: form})
    session = network.session(graph)
    random = np.random.default_rng(0)
    given = {"value": random.normal(size=graph.inputs["value"]).astype(np.float32)}
    binding = session.io_binding()
    for name, array in given.items():
        binding.bind_cpu_input(name, array)
    for name in graph.kernel_inputs:
        binding.bind_ortvalue_input(name, network.kernel(name))
    for name in graph.outputs:
        binding.bind_output(name)

    def seconds() -> float:
        began = time.perf_counter()
        session.run_with_iobinding(binding)
        return time.perf_counter() - began

    return seconds


def _choose_evaluation(
    kernels: Kernels, subject: str, candidates: Sequence[str], make: Callable[[str], Tuning]
) -> Trial:
    """Choose by whole evaluations; nothing is measured where there is one candidate."""
    if len(candidates) == 1:
        return Trial(subject, {}, candidates[0])
    networks = {name: Network(kernels, device="cpu", tuning=make(name)) for name in candidates}
    return _choose(subject, {name: speed.trial(each) for name, each in networks.items()})


def _choose(subject: str, candidates: dict[str, Callable[[], float]]) -> Trial:
    """Try the candidates in turns; the usual one, the first, stays where little is gained."""
    for run in candidates.values():
        run()  # memory and kernels are made
    seconds = {name: run() for name, run in candidates.items()}
    near = [name for name in seconds if seconds[name] < HOPELESS * min(seconds.values())]
    for _ in range(ROUNDS - 1):
        for name in near:
            seconds[name] = min(seconds[name], candidates[name]())
    usual, best = next(iter(seconds)), min(seconds, key=lambda name: seconds[name])
    return Trial(subject, seconds, best if seconds[best] < (1 - GAIN) * seconds[usual] else usual)
