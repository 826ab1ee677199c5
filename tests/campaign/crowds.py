"""Eight engines at once, in one folder: each paints what it would have painted alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.case import Case, check
from tests.campaign.home import data_folder
from tests.campaign.processes import Forked, preload, start
from tests.engine.programs import make_pictures

ENGINES = 8


@dataclass
class State:
    """The folder of the pictures, the data folder, and each style's result alone."""

    place: Path
    home: Path
    alone: dict[str, bytes]


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Paint each style alone."""
    home = data_folder(folder)
    place = folder / "pictures"
    place.mkdir(exist_ok=True)
    make_pictures(place)
    preload()
    state = State(place, home, {})
    for style in ("waves.png", "oil.png"):
        process = _start(state, style, "alone.png")
        check(_ended(process) == 0, "alone it fails")
        # Not the file, which names the output: its pixels.
        state.alone[style] = _pixels(place / "alone.png")
        (place / "alone.png").unlink()
    yield state


def attempt(state: State, case: Case) -> str:
    """Start eight, some with the same output."""
    chance, place = case.chance, state.place
    same = chance.random() < 0.5
    styles = [chance.choice(list(state.alone)) for _ in range(ENGINES)]
    outputs = ["out.png" if same else f"out-{number}.png" for number in range(ENGINES)]
    running = [_start(state, *each) for each in zip(styles, outputs)]
    statuses = [_ended(process) for process in running]
    check(not any(statuses), f"the statuses are {statuses}")
    for style, output in zip(styles, outputs):
        wanted = state.alone.values() if same else (state.alone[style],)
        check(_pixels(place / output) in wanted, f"{output} is not what {style} gives alone")
    for output in set(outputs):
        (place / output).unlink()
    left = [each.name for each in place.iterdir() if each.name.startswith((".", "scumble"))]
    check(not left, f"left in the folder: {left}")
    return "one output" if same else "eight outputs"


def _start(state: State, style: str, output: str) -> subprocess.Popen[bytes] | Forked:
    arguments = ("stylize", "content.png", output, "--style", style, "--iterations", "2")
    return start((*arguments, "--threads", "1"), state.place, state.home, fresh=False)


def _ended(process: subprocess.Popen[bytes] | Forked) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.read()
    process.stdout.close()
    return process.wait(300)


def _pixels(file: Path) -> bytes:
    from engine.pictures.picture import read_picture

    return read_picture(file).rgb.tobytes()
