"""Many paintings in one process and one data folder: nothing grows."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.job import Job, Region
from engine.memory import resident
from tests.campaign.case import Case, check
from tests.campaign.home import data_folder
from tests.engine.programs import SHALLOW_JOB, make_pictures

WARM = 30
"""Paintings of all kinds, after which everything has been allocated once."""

GROWTH = 24 << 20
"""Bytes by which memory may differ; a leak of one picture's features would pass it in 20 runs."""


@dataclass
class State:
    """The folder of the pictures, and the most that there was in the first paintings."""

    place: Path
    home: Path
    done: int = 0
    before: dict[str, int] = field(default_factory=dict)


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Make the pictures."""
    home = data_folder(folder)
    place = folder / "pictures"
    place.mkdir(exist_ok=True)
    make_pictures(place)
    yield State(place, home)


def attempt(state: State, case: Case) -> str:
    """Paint one picture with random options, then count what this process and its folders have."""
    from engine import output_files
    from engine.run import stylize

    chance, place = case.chance, str(state.place)
    regions: tuple[Region, ...] = (
        Region(f"{place}/waves.png", chance.choice(("", f"{place}/ramp.png"))),
    )
    if chance.random() < 0.3:
        regions = (
            Region(f"{place}/waves.png", f"{place}/ramp.png"),
            Region(f"{place}/oil.png", "rest"),
        )
    job = Job(
        content=f"{place}/content.png",
        output=f"{place}/out.png",
        regions=regions,
        iterations=chance.choice((1, 2)),
        colors=chance.choice(("style", "luminance", "match")),
        method=chance.choice(("auto", "cutout", "joint", "stitch")),
        seed=chance.randrange(1000),
    )
    if chance.random() < 0.8:
        job = replace(job, **SHALLOW_JOB)
    output_files.check_files(job)
    result = stylize(job, lambda event: None, threading.Event())
    output_files.write(job, result)
    del result
    gc.collect()
    now = {
        "bytes of memory": resident(),
        "open files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "files in the data folder": _files(state.home),
        "files beside the result": _files(state.place),
    }
    state.done += 1
    if state.done <= WARM:
        state.before = {what: max(count, state.before.get(what, 0)) for what, count in now.items()}
        return "warming up"
    for what, count in now.items():
        allowed = state.before[what] + (GROWTH if what.startswith("bytes") else 0)
        check(count <= allowed, f"{what}: {state.before[what]} in {WARM} paintings, now {count}")
    return "no growth"


def _files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))
