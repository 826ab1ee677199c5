"""Optimizers on functions whose minimum is known."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.loss.objective import Evaluation
from engine.loss.terms import Part
from engine.optimizers import Adam, Evaluate, InterruptedEvaluation, Lbfgs32, LbfgsB, Optimizer
from engine.trace import Plateau, State, Trace

SHAPE = (3, 4, 5)
Optimize = Callable[..., Trace]


def with_lbfgs(evaluate: Evaluate, start: np.ndarray, bounds, steps=60, **options) -> Trace:
    options = {"on_step": going_on, **options}
    return LbfgsB(memory=5).minimize(evaluate, start, bounds, steps=steps, **options)


def with_lbfgs32(evaluate: Evaluate, start: np.ndarray, bounds, steps=60, **options) -> Trace:
    options = {"on_step": going_on, **options}
    return Lbfgs32(memory=5).minimize(evaluate, start, bounds, steps=steps, **options)


def in_half_precision(evaluate: Evaluate, start: np.ndarray, bounds, steps=60, **options) -> Trace:
    options = {"on_step": going_on, **options}
    return Lbfgs32(memory=5, half=True).minimize(evaluate, start, bounds, steps=steps, **options)


def with_a_diagonal(evaluate: Evaluate, start: np.ndarray, bounds, steps=60, **options) -> Trace:
    options = {"on_step": going_on, **options}
    optimizer = Lbfgs32(memory=5, diagonal=True)
    return optimizer.minimize(evaluate, start, bounds, steps=steps, **options)


def with_adam(
    evaluate: Evaluate, start: np.ndarray, bounds, steps=400, rate=3.0, keep_best=True, **options
) -> Trace:
    options = {"on_step": going_on, **options}
    return Adam(rate, keep_best).minimize(evaluate, start, bounds, steps=steps, **options)


KINDS = (with_lbfgs, with_lbfgs32, with_a_diagonal, with_adam)
EVERY = (*KINDS, in_half_precision)


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


@pytest.mark.parametrize("optimize", EVERY)
def test_the_minimum_within_the_bounds_is_found(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    trace = optimize(bowl(center), start, (0.0, 255.0))
    np.testing.assert_allclose(trace.picture, np.clip(center, 0, 255), atol=0.05)
    assert trace.loss == bowl(center)(trace.picture).loss
    assert not trace.stopped


@pytest.mark.parametrize("optimize", EVERY)
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


@pytest.mark.parametrize("optimize", KINDS)
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


@pytest.mark.parametrize("optimize", KINDS)
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


@pytest.mark.parametrize("optimize", KINDS)
def test_no_more_steps_than_asked_for_are_made(
    optimize: Optimize, center: np.ndarray, start: np.ndarray
) -> None:
    trace = optimize(bowl(center), start, (0.0, 255.0), steps=3)
    assert trace.steps == 3
    assert trace.evaluations >= 4
    assert not trace.stopped


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("optimize", KINDS)
def test_a_loss_that_is_no_number_ends_the_run_and_says_when(
    optimize: Optimize, bad: float, center: np.ndarray, start: np.ndarray
) -> None:
    seen: list[np.ndarray] = []
    calm = bowl(center, seen)

    def evaluate(picture: np.ndarray) -> Evaluation:
        evaluation = calm(picture)
        return evaluation._replace(loss=bad) if len(seen) == 3 else evaluation

    with pytest.raises(FloatingPointError, match=rf"is {bad} at evaluation 3"):
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


@pytest.mark.parametrize("optimize", KINDS)
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


@pytest.mark.parametrize("optimize", KINDS)
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


@pytest.mark.parametrize("optimize", KINDS)
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


def wavy(picture: np.ndarray) -> Evaluation:
    """Return a function with many curvatures, also negative ones, and parts of its loss."""
    x = picture.astype(np.float64).ravel() / 40
    bend = x[1:] - x[:-1] ** 2
    loss = float((100 * bend**2).sum() + ((1 - x[:-1]) ** 2).sum() + 2000 * np.cos(7 * x).sum())
    gradient = -14_000 * np.sin(7 * x)
    gradient[1:] += 200 * bend
    gradient[:-1] -= 400 * bend * x[:-1] + 2 * (1 - x[:-1])
    parts = {Part("content"): loss / 3, Part("style", 1): loss * 2 / 3}
    return Evaluation(loss, (gradient / 40).astype(np.float32).reshape(picture.shape), parts)


def saved_and_loaded(state: State, folder: Path) -> State:
    """Take a state through the files that a checkpoint would consist of."""
    (folder / "state.json").write_text(json.dumps(state.numbers), encoding="utf-8")
    for name, array in state.arrays.items():
        np.save(folder / f"{name}.npy", array)
    numbers = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return State(numbers, {name: np.load(folder / f"{name}.npy") for name in state.arrays})


@pytest.mark.parametrize("stop_at", [1, 2, 5, 9, 14, 18])
@pytest.mark.parametrize("optimize", [with_lbfgs32, in_half_precision, with_a_diagonal, with_adam])
def test_a_resumed_run_ends_with_the_very_picture_of_an_undisturbed_one(
    optimize: Optimize, stop_at: int, start: np.ndarray, tmp_path: Path
) -> None:
    bounds = (np.float32(3.3), np.float32(188.8))
    undisturbed = optimize(wavy, start, bounds, steps=40)
    assert len(undisturbed.losses) > 20
    saved: list[State] = []

    def on_step(step: int, trace: Trace) -> bool:
        assert trace.state
        if trace.evaluations == stop_at:
            saved.append(saved_and_loaded(trace.state(), tmp_path))
        return trace.evaluations == stop_at + 2  # killed two evaluations later

    optimize(wavy, start, bounds, steps=40, on_step=on_step)
    resumed = optimize(wavy, start, bounds, steps=40, resume=saved[0])
    np.testing.assert_array_equal(resumed.picture, undisturbed.picture)
    assert resumed.losses == undisturbed.losses
    assert resumed.parts == undisturbed.parts
    assert resumed.loss == undisturbed.loss
    assert (resumed.steps, resumed.evaluations) == (undisturbed.steps, undisturbed.evaluations)


def test_the_wavy_function_needs_line_searches(start: np.ndarray) -> None:
    # Else the runs above would not be interrupted in the middle of one.
    trace = with_lbfgs32(wavy, start, (3.3, 188.8), steps=40)
    assert trace.evaluations >= trace.steps + 3


def test_a_state_of_another_run_is_refused(start: np.ndarray) -> None:
    trace = with_lbfgs32(wavy, start, (0.0, 255.0), steps=3)
    assert trace.state
    state = trace.state()
    with pytest.raises(ValueError, match="does not fit Adam"):
        with_adam(wavy, start, (0.0, 255.0), resume=state)
    with pytest.raises(ValueError, match=r"memory of 5 steps.* does not fit"):
        Lbfgs32(6).minimize(wavy, start, (0.0, 255.0), steps=3, on_step=going_on, resume=state)
    with pytest.raises(ValueError, match=r"\(3, 4, 5\) does not fit .*\(3, 4, 4\)"):
        with_lbfgs32(wavy, start[..., 1:], (0.0, 255.0), resume=state)
    with pytest.raises(ValueError, match="cannot resume"):
        with_lbfgs(wavy, start, (0.0, 255.0), resume=state)
    assert not LbfgsB(10).resumes


@given(
    seed=st.integers(0, 2**32 - 1),
    memory=st.integers(1, 12),
    shape=st.tuples(st.just(3), st.integers(1, 7), st.integers(1, 7)),
    pinned=st.floats(0, 1),
    half=st.booleans(),
    diagonal=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_float32_search_never_leaves_any_bounds(
    seed: int,
    memory: int,
    shape: tuple[int, int, int],
    pinned: float,
    half: bool,
    diagonal: bool,
) -> None:
    random = np.random.default_rng(seed)
    low = random.uniform(0, 120, shape).astype(np.float32)
    high = np.where(random.random(shape) < pinned, low, low + random.uniform(0, 130, shape))
    high = high.astype(np.float32)
    seen: list[np.ndarray] = []

    def evaluate(picture: np.ndarray) -> Evaluation:
        seen.append(picture.copy())
        return wavy(picture)

    first = random.uniform(-50, 300, shape)
    optimizer = Lbfgs32(memory, half=half, diagonal=diagonal)
    trace = optimizer.minimize(evaluate, first, (low, high), steps=25, on_step=going_on)
    for picture in (*seen, trace.picture):
        assert picture.dtype == np.float32
        assert ((picture >= low) & (picture <= high)).all()
    np.testing.assert_array_equal(seen[0], np.clip(first.astype(np.float32), low, high))
    assert trace.loss == min(trace.losses) <= trace.losses[0]
    # Where it ends early nothing is left to gain: the gradient pushes every value outward.
    if trace.steps < 25:
        gradient = wavy(trace.picture).gradient
        moved = np.clip(trace.picture - gradient, low, high) - trace.picture
        assert abs(float((moved * gradient).sum())) < 1e-3 * (1 + abs(trace.loss))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spread", [20, 1000])
def test_the_float32_search_finds_the_same_bounded_minima_as_scipy(seed: int, spread: int) -> None:
    random = np.random.default_rng(seed)
    shape = (3, 9, 8)
    center = random.uniform(-100, 355, shape)
    curvature = np.exp(random.uniform(0, np.log(spread), center.size))
    mixing = random.normal(size=(center.size, 12))

    def evaluate(picture: np.ndarray) -> Evaluation:
        away = (picture.astype(np.float64) - center).ravel()
        mixed = mixing.T @ away
        loss = float((curvature * away**2).sum() + mixed @ mixed) / 2
        gradient = curvature * away + mixing @ mixed
        return Evaluation(loss, gradient.reshape(shape).astype(np.float32), {})

    first = random.uniform(0, 255, shape).astype(np.float32)
    losses = [
        optimizer.minimize(evaluate, first, (0.0, 255.0), steps=400, on_step=going_on).loss
        for optimizer in (
            LbfgsB(10),
            Lbfgs32(10),
            Lbfgs32(10, half=True),
            Lbfgs32(10, diagonal=True),
            Lbfgs32(10, half=True, diagonal=True),
        )
    ]
    assert losses == pytest.approx([losses[0]] * 5, rel=1e-5)


def test_the_start_is_written_to_where_it_may_be(start: np.ndarray) -> None:
    given = start.copy()
    expected = Lbfgs32(5).minimize(wavy, given, (0.0, 255.0), steps=9, on_step=going_on)
    np.testing.assert_array_equal(given, start)
    trace = Lbfgs32(5).minimize(
        wavy, given, (0.0, 255.0), steps=9, on_step=going_on, reuse_start=True
    )
    assert trace.picture is given
    np.testing.assert_array_equal(trace.picture, expected.picture)


def test_half_precision_needs_as_many_evaluations(start: np.ndarray) -> None:
    full, half = (
        Lbfgs32(5, half=half).minimize(wavy, start, (0.0, 255.0), steps=200, on_step=going_on)
        for half in (False, True)
    )
    assert 20 < half.evaluations <= 1.2 * full.evaluations
    assert half.loss <= 1.001 * full.loss


def test_a_gradient_that_points_the_wrong_way_ends_the_search(start: np.ndarray) -> None:
    def evaluate(picture: np.ndarray) -> Evaluation:
        evaluation = bowl(np.full(SHAPE, 100.0))(picture)
        return evaluation._replace(gradient=-evaluation.gradient)

    trace = with_lbfgs32(evaluate, start, (0.0, 255.0))
    assert trace.steps == 0
    assert 1 < trace.evaluations < 20
    np.testing.assert_array_equal(trace.picture, start)


def test_a_minimum_is_left_at_once(start: np.ndarray) -> None:
    trace = with_lbfgs32(bowl(start.astype(np.float64)), start, (0.0, 255.0))
    assert (trace.steps, trace.evaluations, trace.loss) == (0, 1, 0.0)


@pytest.mark.parametrize(
    ("optimizer", "height", "blocks"),
    [
        (LbfgsB(5), 50, 0),
        (LbfgsB(10), 50, 0),
        (Lbfgs32(5), 2000, 10_000_000),
        (Lbfgs32(20), 1000, 10_000_000),
        (Lbfgs32(20, half=True), 1000, 10_000_000),
        (Lbfgs32(20, diagonal=True), 1000, 10_000_000),
        (Lbfgs32(20, half=True, diagonal=True), 1000, 10_000_000),
        (Adam(5.0), 200, 0),
    ],
    ids=lambda value: getattr(value, "used", None),
)
@pytest.mark.parametrize("arrays", [False, True])
def test_an_optimizer_takes_the_memory_that_it_states(
    optimizer: Optimizer, height: int, blocks: int, arrays: bool
) -> None:
    shape = (3, height, 300)
    gradient = np.empty(shape, np.float32)

    def evaluate(picture: np.ndarray) -> Evaluation:
        np.subtract(picture, 150, out=gradient)
        loss = float(gradient.ravel() @ gradient.ravel())
        gradient[0] *= 5  # not exactly its gradient, so that it takes more than one step
        return Evaluation(loss, gradient, {})

    start = np.full(shape, 100, np.float32)
    bounds = (np.zeros(shape, np.float32), start + 155) if arrays else (0.0, 255.0)
    tracemalloc.start()
    optimizer.minimize(evaluate, start, bounds, steps=22, on_step=going_on)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    stated = optimizer.bytes_per_pixel * height * 300 + blocks
    assert 0.85 * stated < most < stated
