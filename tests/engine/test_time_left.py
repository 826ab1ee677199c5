"""The time left, on made-up runs: what is said after each evaluation against what it then takes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
import pytest

from engine import scale_progress
from engine.events import Event, Progress
from engine.scale_progress import ProgressReporter
from engine.time_left import ScaleTime, TimeLeft

WARM_UP = 10
"""The first evaluation of a size takes the time of so many others besides, at most 12 s."""

Machine = Callable[[int, int], float]
"""From a scale and an evaluation of it, both from 0, to how slow the machine is then."""


@dataclass
class Said:
    """The time left as said at some point of a run, and the true one."""

    scale: int
    evaluation: int
    said: float
    true: float

    @property
    def ratio(self) -> float:
        return self.said / self.true


def follow(
    scales: Sequence[ScaleTime], machine: Machine, begin: tuple[int, int] = (0, 0), pace: float = 1
) -> list[Said]:
    """Paint a made-up run from a scale and an evaluation on, one evaluation per step."""
    left = TimeLeft(scales, ending=4.0)
    left.pace = pace
    clock, said = 0.0, []
    for number in range(begin[0], len(scales)):
        scale = scales[number]
        done = begin[1] if number == begin[0] else 0  # evaluations
        left.begin_scale(number + 1, 0, max(done - 1, 0), done)
        said.append((number, -1, left.seconds, clock))
        clock += scale.resizing + scale.analysis * machine(number, 0)
        for index in range(scale.pictures):
            first = 0 if index else done
            left.begin_picture(index, max(first - 1, 0), first)
            for evaluation in range(first, scale.steps + 1):
                seconds = scale.evaluation * machine(number, evaluation)
                if evaluation == first:
                    seconds += 0 if index else min(WARM_UP * scale.evaluation, 12.0)
                else:
                    left.measure(seconds)
                clock += seconds
                left.go_on(index, evaluation, evaluation + 1)
                said.append((number, evaluation, left.seconds, clock))
            left.end_picture(index)
    clock += 4.0
    return [Said(number, evaluation, told, clock - now) for number, evaluation, told, now in said]


SEVERAL = [ScaleTime(0.5, 2.0, 1.0, 60, 1), ScaleTime(0.5, 6.0, 4.0, 32, 1),
           ScaleTime(0.5, 20.0, 15.0, 16, 1)]  # fmt: skip
RUNS = {
    "three scales": SEVERAL,
    "small pictures": [ScaleTime(0.3, 0.1, 0.1, 100, 1), ScaleTime(0.3, 0.4, 0.4, 53, 1)],
    "a picture per region": [ScaleTime(0.5, 2.0, 0.8, 30, 3), ScaleTime(0.5, 6.0, 3.0, 16, 3)],
    "large tiles with few steps": [*SEVERAL, ScaleTime(2.0, 200.0, 300.0, 4, 1)],
}


def scattered(scales: Sequence[ScaleTime], factor: float) -> Machine:
    """Return a machine with other programs on it: its evaluations scatter around a factor.

    The load is another one every two seconds, so long evaluations scatter less.
    """
    random = np.random.default_rng(5)

    def machine(scale: int, _evaluation: int) -> float:
        loads = max(round(scales[scale].evaluation / 2), 1)
        return factor * float(np.mean(random.lognormal(-0.06, 0.35, loads)))

    return machine


def near(each: Said, share: float, seconds: float = 3.0) -> bool:
    """Return whether what was said is right within a share of the truth and a few seconds."""
    return abs(each.said - each.true) < share * each.true + seconds


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 3.0])
def test_from_the_second_scale_on_the_time_left_is_within_20_percent(
    run: str, factor: float
) -> None:
    said = follow(RUNS[run], scattered(RUNS[run], factor))
    later = [each for each in said if each.scale and each.evaluation >= 0]
    assert len(later) > 40
    assert all(near(each, 0.2) for each in later)


@pytest.mark.parametrize("run", RUNS)
def test_where_the_estimate_is_right_no_slow_first_evaluation_upsets_it(run: str) -> None:
    said = follow(RUNS[run], scattered(RUNS[run], 1.0))
    estimated = 4.0 + sum(each.resizing + each.network for each in RUNS[run])
    assert said[0].said == pytest.approx(estimated)
    after = [each for each in said if each.evaluation >= 0]
    assert all(1 / 1.5 < each.ratio < 1.5 for each in after)


@pytest.mark.parametrize("evaluation", [0.1, 1.0, 4.0, 120.0])
def test_a_slow_machine_shows_within_five_evaluations(evaluation: float) -> None:
    scales = [ScaleTime(0.5, 2.0, evaluation, 60, 1)]
    said = follow(scales, scattered(scales, 2.0))
    assert said[0].ratio < 0.7
    assert all(near(each, 0.25) for each in said if each.evaluation >= 5)
    assert all(near(each, 0.2) for each in said if each.evaluation >= 2 and evaluation > 60)


def test_strokes_before_a_scale_count_down() -> None:
    scales = [ScaleTime(1.0, 2.0, 0.5, 10, 1), ScaleTime(20.0, 2.0, 2.0, 5, 1)]
    left = TimeLeft(scales, ending=4.0)
    left.begin_scale(2)
    before = left.seconds
    for share in (0.25, 0.5, 1.0):
        left.resize(share)
        assert left.seconds == pytest.approx(before - 20.0 * share)


def test_a_machine_that_becomes_slow_on_the_way_is_noticed() -> None:
    def machine(_scale: int, evaluation: int) -> float:
        return 2.0 if evaluation > 100 else 1.0

    said = follow([ScaleTime(0.5, 2.0, 1.0, 200, 1)], machine)
    assert all(near(each, 0.2) for each in said if each.evaluation > 140)


def test_one_stall_does_not_multiply_the_time_left() -> None:
    def machine(_scale: int, evaluation: int) -> float:
        return 60.0 if evaluation == 1 else 1.0

    said = follow([ScaleTime(0.5, 2.0, 1.0, 100, 1)], machine)
    assert all(1 / 1.5 < each.ratio < 1.5 for each in said if each.evaluation >= 1)


def test_a_resumed_run_begins_with_the_place_and_the_pace_of_the_interrupted_one() -> None:
    said = follow(SEVERAL, scattered(SEVERAL, 2.0), begin=(1, 20), pace=2.1)
    assert said[1].evaluation == 20
    assert all(near(each, 0.2) for each in said)
    # On a machine that is as fast as estimated, it learns that.
    said = follow(SEVERAL, scattered(SEVERAL, 1.0), begin=(1, 20), pace=2.1)
    assert said[0].ratio > 2
    assert all(near(each, 0.2) for each in said if each.scale == 2 and each.evaluation > 1)


def test_a_picture_that_ends_early_leaves_no_work_behind() -> None:
    left = TimeLeft(SEVERAL, ending=4.0)
    left.begin_picture(0)
    left.go_on(0, 20, 21)
    left.end_picture(0)
    rest = SEVERAL[1:]
    assert left.seconds == pytest.approx(4.0 + sum(each.resizing + each.network for each in rest))
    assert left.share == pytest.approx(1 - sum(each.network for each in rest)
                                       / sum(each.network for each in SEVERAL))  # fmt: skip


def test_within_a_long_evaluation_each_tile_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_progress, "TILE_SECONDS", 0.0)
    left = TimeLeft([ScaleTime(0.0, 10.0, 100.0, 2, 1)], ending=5.0)
    events: list[Event] = []
    reporter = ProgressReporter(events.append, threading.Event(), left)
    left.begin_picture(0)
    left.pace = 2.0
    reporter.paint(1, 0, 2, None)
    for tile in range(4):
        reporter.on_tile(tile, 4)
    whole = 2.0 * 100.0 * (1 + 2 * 1.06) + 5.0
    said = [each.seconds_left for each in events if isinstance(each, Progress)]
    assert said == pytest.approx([whole, *(whole - 200.0 * tile / 4 for tile in range(4))])
