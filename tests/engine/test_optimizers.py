"""Optimizers on functions whose minimum is known."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np
import pytest

from engine.loss.objective import Evaluation
from engine.optimizers import (
    Adam,
    Evaluate,
    InterruptedEvaluation,
    LbfgsB,
    Plateau,
    Trace,
)

SHAPE = (3, 4, 5)
Optimize = Callable[..., Trace]


def with_lbfgs(evaluate: Evaluate, start: np.ndarray, bounds, steps=60, **options) -> Trace:
    options = {"on_step": going_on, **options}
    return LbfgsB(memory=5).minimize(evaluate, start, bounds, steps=steps, **options)


def with_adam(
    evaluate: Evaluate, start: np.ndarray, bounds, steps=400, rate=3.0, keep_best=True, **options
) -> Trace:
    options = {"on_step": going_on, **options}
    return Adam(rate, keep_best).minimize(evaluate, start, bounds, steps=steps, **options)


def going_on(step: int, trace: Trace) -> bool:
    return False


def bowl(
    center: np.ndarray, seen: list[np.ndarray] | None = None
) -> Callable[[np.ndarray], Evaluation]:
    """Make a quadratic with different curvatures; `seen` collects where it was evaluated."""
    curvature = np.linspace(0.5, 20, center.size).reshape(center.shape)

    def evaluate(picture: np.ndarray) -> Evaluation:
        assert picture.dtype == np.float32
        assert picture.shape == center.shape
        if seen is not None:
            seen.append(picture.copy())
        away = picture.astype(np.float64) - center
        loss = float((curvature * away**2).sum() / 2)
        return Evaluation(loss, (curvature * away).astype(np.float32), {})

    return evaluate


@pytest.fixture
def center() -> np.ndarray:
    # A good part of it lies beyond the bounds.
    return np.random.default_rng(4).uniform(-100, 355, SHAPE)


@pytest.fixture
def start() -> np.ndarray:
    return np.random.default_rng(5).uniform(0, 255, SHAPE).astype(np.float32)


@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_the_minimum_within_the_bounds_is_found(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    trace = optimize(bowl(center), start, (0.0, 255.0))
    np.testing.assert_allclose(trace.picture, np.clip(center, 0, 255), atol=0.05)
    assert trace.loss == bowl(center)(trace.picture).loss
    assert not trace.stopped


@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_no_evaluation_leaves_the_bounds_and_pinned_pixels_keep_every_bit(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    pinned = np.arange(start.size).reshape(SHAPE) % 3 == 0
    low = np.where(pinned, start, np.float32(10.3))
    high = np.where(pinned, start, np.float32(200.7))
    seen: list[np.ndarray] = []
    far = np.where(pinned, start + 50, start)  # the bounds hold for the start as well
    trace = optimize(bowl(center, seen), far, (low, high), steps=30)
    for picture in (*seen, trace.picture):
        assert (picture >= low).all()
        assert (picture <= high).all()
        np.testing.assert_array_equal(picture[pinned], start[pinned])
    np.testing.assert_array_less(trace.loss, bowl(center)(np.clip(far, low, high)).loss)


@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_the_best_picture_seen_is_kept(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    seen: list[np.ndarray] = []
    calm = bowl(np.clip(center, 0, 255), seen)

    def evaluate(picture: np.ndarray) -> Evaluation:
        # From the fourth evaluation on, everything looks worse than all that came before.
        evaluation = calm(picture)
        return evaluation._replace(loss=evaluation.loss + 1e9 * (len(seen) > 3))

    trace = optimize(evaluate, start, (0.0, 255.0), steps=8)
    assert len(trace.losses) == trace.evaluations == len(seen) > 4
    best = int(np.argmin(trace.losses))
    assert best < 3 or trace.losses[3] < 1e9
    assert trace.loss == trace.losses[best]
    np.testing.assert_array_equal(trace.picture, seen[best])


def test_adam_can_keep_the_latest_picture_instead(start: np.ndarray) -> None:
    seen: list[np.ndarray] = []

    def uphill(picture: np.ndarray) -> Evaluation:
        seen.append(picture.copy())
        return Evaluation(float(len(seen)), np.ones(SHAPE, np.float32), {})

    trace = with_adam(uphill, start, (0.0, 255.0), steps=5, keep_best=False)
    assert trace.loss == 6
    np.testing.assert_array_equal(trace.picture, seen[-1])
    assert not np.array_equal(seen[-1], seen[0])


@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_it_stops_after_the_evaluation_at_which_it_is_asked_to(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    asked = []

    def on_step(step: int, trace: Trace) -> bool:
        asked.append((step, trace.evaluations))
        return trace.evaluations == 4

    seen: list[np.ndarray] = []
    trace = optimize(bowl(center, seen), start, (0.0, 255.0), on_step=on_step)
    assert trace.stopped
    assert trace.evaluations == len(seen) == 4
    assert [evaluations for _, evaluations in asked] == [1, 2, 3, 4]
    assert trace.steps == asked[-1][0]
    assert trace.loss == min(trace.losses) < trace.losses[0]


@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_no_more_steps_than_asked_for_are_made(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    trace = optimize(bowl(center), start, (0.0, 255.0), steps=3)
    assert trace.steps == 3
    assert trace.evaluations >= 4
    assert not trace.stopped


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_a_loss_that_is_no_number_ends_the_run_and_says_when(
    optimize: Optimize, bad: float, center: np.ndarray, start: np.ndarray
) -> None:
    seen: list[np.ndarray] = []
    calm = bowl(center, seen)

    def evaluate(picture: np.ndarray) -> Evaluation:
        evaluation = calm(picture)
        return evaluation._replace(loss=bad) if len(seen) == 3 else evaluation

    with pytest.raises(FloatingPointError, match=rf"became {bad} at evaluation 3"):
        optimize(evaluate, start, (0.0, 255.0))


def test_the_first_steps_of_adam_are_those_computed_by_hand() -> None:
    # Kingma and Ba, algorithm 1, with gradients 2, -1 and 4 for every value.
    given = [2.0, -1.0, 4.0, 0.0]
    seen: list[np.ndarray] = []

    def evaluate(picture: np.ndarray) -> Evaluation:
        seen.append(picture.copy())
        return Evaluation(1.0, np.full(SHAPE, given[len(seen) - 1], np.float32), {})

    with_adam(evaluate, np.full(SHAPE, 100, np.float32), (0.0, 255.0), steps=3, rate=0.5)
    # m: 0.2, 0.08, 0.472; v: 0.004, 0.004996, 0.020991004
    first = 100 - 0.5 * (0.2 / 0.1) / math.sqrt(0.004 / 0.001)
    second = first - 0.5 * (0.08 / 0.19) / math.sqrt(0.004996 / 0.001999)
    third = second - 0.5 * (0.472 / 0.271) / math.sqrt(0.020991004 / 0.002997001)
    assert first == 99.5
    for picture, value in zip(seen, (100, first, second, third), strict=True):
        np.testing.assert_allclose(picture, value, rtol=2e-7)


@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_a_gradient_that_is_no_number_ends_the_run_and_says_when(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    seen: list[np.ndarray] = []
    calm = bowl(center, seen)

    def evaluate(picture: np.ndarray) -> Evaluation:
        evaluation = calm(picture)
        if len(seen) == 3:
            evaluation.gradient[1, 2, 3] = math.nan
        return evaluation

    with pytest.raises(FloatingPointError, match="no longer finite at evaluation 3"):
        optimize(evaluate, start, (0.0, 255.0))


@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_an_evaluation_that_gives_up_ends_the_run_with_the_best_picture(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    seen: list[np.ndarray] = []
    calm = bowl(center, seen)

    def evaluate(picture: np.ndarray) -> Evaluation:
        evaluation = calm(picture)
        if len(seen) == 6:
            raise InterruptedEvaluation
        return evaluation

    trace = optimize(evaluate, start, (0.0, 255.0))
    assert trace.stopped
    assert trace.evaluations == len(trace.losses) == 5
    np.testing.assert_array_equal(trace.picture, seen[int(np.argmin(trace.losses))])


@pytest.mark.parametrize("optimize", [with_lbfgs, with_adam])
def test_a_run_whose_loss_has_leveled_out_ends_early(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    trace = optimize(bowl(center), start, (0.0, 255.0), plateau=Plateau(5, 0.01))
    assert trace.leveled
    assert not trace.stopped
    # It ends at the first evaluation at which the rule holds, and not before.
    before, last = min(trace.losses[:-5]), min(trace.losses[-5:])
    assert before - last < 0.01 * before
    earlier = trace.losses[:-1]
    assert min(earlier[:-5]) - min(earlier[-5:]) >= 0.01 * min(earlier[:-5])
    longer = optimize(bowl(center), start, (0.0, 255.0))
    assert not longer.leveled
    assert longer.evaluations > trace.evaluations
    assert trace.loss < 1.05 * longer.loss


def test_a_plateau_needs_more_evaluations_than_its_window() -> None:
    plateau = Plateau(window=3, tolerance=0.1)
    assert not plateau.reached([100.0, 100.0, 100.0])
    assert plateau.reached([100.0, 100.0, 100.0, 100.0])
    assert plateau.reached([100.0, 95.0, 200.0, 91.0])
    assert not plateau.reached([100.0, 95.0, 200.0, 89.0])
    assert plateau.reached([100.0, 50.0, 60.0, 55.0, 51.0])  # worse than before: no progress
