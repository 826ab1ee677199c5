"""Estimates before a run: scales, time, memory, and what fits."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import preparation, run
from engine.events import Estimated
from engine.job import AUTO_SIZE, Job, JobError, Region
from engine.memory import Memory
from engine.methods import METHODS
from engine.optimizers import Lbfgs32, LbfgsB
from engine.overhead import Rates
from engine.run_estimate import (
    AUTO_SECONDS,
    SMALLEST_AUTO,
    Estimate,
    estimate,
    stroke_pixels,
)
from engine.run_shape import RunShape
from engine.scale_resources import DoesNotFitError
from models.forms import USUAL_FORMS

LARGE = RunShape((3000, 4000), [(1500, 2000)], held=100_000_000)
SPEED = 6e-6
GB = 10**9


def plan(
    job: Job, budget: int = 64 * GB, speed: float = SPEED, shape: RunShape = LARGE
) -> Estimate:
    return estimate(job, METHODS["joint"], shape, budget, speed)


def test_the_automatic_size_takes_about_five_minutes() -> None:
    areas = []
    for speed in (1e-7, 1e-6, 6e-6, 5e-5):
        found = plan(Job(size=AUTO_SIZE), speed=speed)
        assert found.seconds <= AUTO_SECONDS or found.area == SMALLEST_AUTO
        larger = plan(Job(size=2 * found.area or 1), speed=speed) if found.area else found
        assert found.area == 0 or larger.seconds > AUTO_SECONDS / 2
        areas.append(found.size[0] * found.size[1])
    assert areas == sorted(areas, reverse=True)
    assert areas[0] == 12_000_000
    assert 240_000 <= areas[2] <= 1_000_000


def test_a_little_noise_of_the_speed_does_not_change_the_automatic_size() -> None:
    areas = {plan(Job(size=AUTO_SIZE), speed=SPEED * (1 + n / 100)).area for n in range(-4, 5)}
    assert len(areas) <= 2


def test_what_does_not_fit_in_one_piece_is_cut_into_tiles() -> None:
    job = Job(size=4_000_000, iterations=140)
    whole, tiled = plan(job), plan(job, budget=3 * GB)
    assert whole.scales[-1].evaluation.tiling.whole
    assert len(tiled.scales[-1].evaluation.tiling.tiles) > 1
    assert tiled.bytes <= 3 * GB < whole.bytes <= 64 * GB
    assert whole.seconds < tiled.seconds < 2.5 * whole.seconds
    assert tiled.size == whole.size == (1732, 2309)
    assert whole.scales[-1].optimizer == Lbfgs32(10, diagonal=True)
    assert tiled.scales[-1].optimizer == Lbfgs32(10, half=True, diagonal=True)
    # Where something is protected, the optimizer in float64 would take all of it.
    shape = replace(LARGE, protect=True)
    kept = replace(job, protect="face.png")
    whole, tiled = plan(kept, shape=shape), plan(kept, shape=shape, budget=3 * GB)
    assert isinstance(whole.scales[-1].optimizer, LbfgsB)
    assert not isinstance(tiled.scales[-1].optimizer, LbfgsB)


def test_12_megapixels_with_two_regions_fit_into_3_gigabytes() -> None:
    shape = RunShape((3000, 4000), [(600, 800)] * 2, held=66_000_000, masks=2)
    for method in ("joint", "banded"):
        found = estimate(Job(size=0, method=method), METHODS[method], shape, 3 * GB, SPEED)
        assert found.bytes <= 3 * GB


def test_memory_goes_first_to_what_saves_the_most_time() -> None:
    # To remembered steps in half precision, then to tiles and the content, then to exact steps.
    costs = []
    for gigabytes in (3, 4, 6, 8, 12):
        found = plan(Job(size=0), budget=gigabytes * GB)
        last = found.scales[-1]
        assert found.bytes <= gigabytes * GB
        assert isinstance(last.optimizer, Lbfgs32)
        assert last.optimizer.half == (gigabytes < 12)
        assert last.keeps_content == (gigabytes > 4)
        costs.append(last.work / last.plan.pixels)
    assert costs == sorted(costs, reverse=True)
    assert costs[2] < 1.8


def test_more_pixels_regions_and_a_longer_memory_need_more() -> None:
    job = Job(size=1_000_000, enlargement="smooth")
    base = plan(job).bytes
    assert plan(replace(job, size=2_000_000)).bytes > base
    assert plan(replace(job, lbfgs_memory=40)).bytes > base
    several = replace(LARGE, styles=[(1500, 2000)] * 8, protect=True)
    assert plan(job, shape=several).bytes > base
    panorama = replace(LARGE, content=(10_000, 20_000), held=600_000_000)
    assert plan(job, shape=panorama).bytes == pytest.approx(base + 500_000_000, rel=0.01)
    deep = replace(panorama, depth=2)
    small = replace(job, size=20_000, output="a.tif")
    finishing = [plan(small, shape=each).bytes for each in (panorama, deep)]
    assert finishing[1] == finishing[0] + 3 * 200_000_000
    reading = replace(LARGE, reading=9 * GB)
    assert 9 * GB < plan(Job(size=1_000_000), shape=reading).bytes < 9.2 * GB


def test_a_report_counts_with_its_memory() -> None:
    job = Job(size=20_000)
    found = plan(replace(job, report="folder")).bytes
    assert found >= plan(job).bytes
    assert found > 180 * 12_000_000


def test_strokes_count_with_their_time_and_memory() -> None:
    job = Job(size=20_000, regions=(Region("a.png"),))
    found, smooth = (plan(replace(job, enlargement=each)) for each in ("strokes", "smooth"))
    assert (found.strokes, smooth.strokes) == (True, False)
    assert found.overhead.strokes > 10 > smooth.overhead.strokes == 0
    assert found.seconds - smooth.seconds == pytest.approx(found.overhead.strokes)
    assert found.bytes > smooth.bytes
    whole = plan(replace(job, size=0))
    assert (whole.strokes, whole.lacks_strokes) == (False, False)


def test_strokes_count_every_size_of_paintings_and_styles() -> None:
    job = Job(regions=(Region("a.png"),))
    shape = RunShape((1000, 1000), [(400, 500)])
    found = [stroke_pixels(job, shape, (250, 250), (1000, 1000), pictures) for pictures in (1, 3)]
    styles = 200_000 + 200_000  # as the smaller size has more pixels than the style
    assert found == [250_000 * 5 + styles, 3 * 250_000 * 5 + styles]
    thick = replace(job, brush_size=2.0)
    assert stroke_pixels(thick, shape, (250, 250), (1000, 1000), 1) == 250_000 * 5 + 4 * styles


def test_a_resumed_run_has_the_size_that_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has measured meanwhile: the automatic size depends on its rates."""
    network: Any = SimpleNamespace(losses="processor", forms=USUAL_FORMS)

    def area(rates: dict[str, float]) -> int:
        conditions = preparation.Conditions("cpu", "processor", 2, 64 * GB, SPEED, 0, {}, rates)
        saved = preparation.Conditions(**json.loads(json.dumps(asdict(conditions))))
        job = Job(size=AUTO_SIZE, regions=(Region("a.png"),))
        return preparation.plan(job, METHODS["joint"], LARGE, network, saved).area

    quick, slow = {"strokes": 1e-7}, {"strokes": 1e-5}
    assert area(slow) < area(quick)
    monkeypatch.setattr(preparation.speed, "rates", lambda: Rates(slow))
    assert area(quick) > area(slow)


def test_strokes_that_do_not_fit_are_left_out() -> None:
    panorama = replace(LARGE, content=(10_000, 20_000), held=600_000_000)
    job = Job(size=20_000, regions=(Region("a.png"),))
    found = plan(job, shape=panorama, budget=2 * GB)
    assert (found.strokes, found.lacks_strokes) == (False, True)
    assert found.overhead.strokes == 0
    assert found.bytes <= 2 * GB
    enough = plan(job, shape=panorama, budget=4 * GB)
    assert (enough.strokes, enough.lacks_strokes) == (True, False)
    assert 2 * GB < enough.bytes <= 4 * GB


@given(
    content=st.tuples(st.integers(16, 1200), st.integers(16, 1200)),
    styles=st.lists(st.tuples(st.integers(16, 900), st.integers(16, 900)), min_size=1, max_size=4),
    share=st.one_of(st.floats(0.05, 1.3), st.floats(0.97, 1.0)),
    size=st.sampled_from([0, AUTO_SIZE, 3000, 60_000]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "report": st.just("report"),
            "output": st.sampled_from(["a.png", "a.webp", "a.npy"]),
            "brush_size": st.sampled_from([0.5, 4.0]),
            "uncut": st.just(True),
            "optimizer": st.sampled_from(["lbfgs", "lbfgs32", "adam"]),
            "lbfgs_memory": st.integers(1, 40),
        },
    ),
    method=st.sampled_from(sorted(METHODS)),
    held=st.integers(0, 10**8),
    protect=st.booleans(),
    threads=st.sampled_from([1, 2, 8]),
)
@settings(max_examples=150, deadline=None)
def test_a_run_that_is_accepted_is_estimated_at_or_below_the_ceiling(
    content: tuple[int, int],
    styles: list[tuple[int, int]],
    share: float,
    size: int,
    options: dict[str, Any],
    method: str,
    held: int,
    protect: bool,
    threads: int,
) -> None:
    regions = tuple(Region("a.png", "mask.png") for _ in styles)
    job = Job(size=size, iterations=20, regions=regions, memory=1.0, **options)
    shape = RunShape(content, styles, protect, held, masks=len(styles), reading=held)

    def bytes_within(budget: int) -> int:
        return estimate(job, METHODS[method], shape, budget, SPEED, threads).bytes

    budget = int(share * bytes_within(64 * GB))
    with suppress(DoesNotFitError):
        assert bytes_within(budget) <= budget


def test_a_result_or_a_report_that_does_not_fit_is_refused_with_its_own_sentence() -> None:
    job = Job(size=20_000, enlargement="smooth", memory=1.0)
    shape = replace(LARGE, content=(9000, 12_000), held=330_000_000)
    enough = plan(job, shape=shape).bytes
    assert plan(job, enough, shape=shape).bytes == enough
    for memory, ending in ((1.0, "picture or raise --memory."), (0.0, "choose a smaller picture.")):
        limited = replace(job, memory=memory)
        with pytest.raises(DoesNotFitError, match="The result of 12000 x 9000 ") as caught:
            plan(limited, enough - 10_000_000, shape=shape)
        assert str(caught.value).endswith(ending)
        assert caught.value.missing == pytest.approx(10_000_000)
        with pytest.raises(DoesNotFitError, match="The report on a picture of 12000 x 9000 "):
            plan(replace(limited, report="folder"), enough, shape=shape)


def test_strokes_count_the_threads_that_run() -> None:
    job = Job(size=20_000, regions=(Region("a.png"),))

    def bytes_of(threads: int, content: tuple[int, int] = (3000, 4000)) -> int:
        shape = replace(LARGE, content=content)
        return estimate(job, METHODS["joint"], shape, 64 * GB, SPEED, threads).bytes

    one, two, four, many = map(bytes_of, (1, 2, 4, 64))
    assert one < two < four == many
    assert four - two == pytest.approx(2 * 70_000_000, rel=0.05)
    assert bytes_of(4, (600, 700)) == bytes_of(1, (600, 700)), "there is one tile"


def test_an_evaluation_of_a_small_picture_takes_more_time_per_pixel() -> None:
    """As measured on one core: 15.5, 12.6 and 12.2 microseconds at these sizes."""
    found = []
    for side, measured in ((110, 15.5e-6), (200, 12.6e-6), (256, 12.2e-6)):
        shape = RunShape((side, side), [(600, 800)])
        (scale,) = plan(Job(size=0, scales=1), speed=11.4e-6, shape=shape).times
        found.append(scale.evaluation / side**2 / measured)
    assert found == pytest.approx([1, 1, 1], rel=0.06)


def test_the_memory_option_is_a_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "memory", lambda: Memory(64 * GB, 40 * GB))
    assert preparation.memory_budget(Job()) > 36 * GB
    assert preparation.memory_budget(Job(memory=3.0)) == 3 * GB


def test_a_budget_too_small_for_one_tile_is_refused_before_anything_is_painted(
    tmp_path: Path, model: Path
) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(np.full((200, 300, 3), 90, np.uint8)).save(picture)
    job = Job(content=str(picture), memory=0.1, size=0, regions=(Region(str(picture)),))
    events: list[object] = []
    with pytest.raises(JobError, match=r"300 x 200 pixels needs .* GB .* raise --memory"):
        run.stylize(job, events.append, threading.Event())
    assert not any(getattr(event, "stage", "") == "paint" for event in events)


def test_tiles_paint_what_the_whole_picture_does(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small picture has two.
    monkeypatch.setattr("engine.scale_resources.SMALLEST_TILE", 64 * 64)
    random = np.random.default_rng(5)
    for name, size in (("content", (101, 401)), ("style", (80, 96))):
        pixels = random.integers(0, 255, (40, 60, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        Image.fromarray(pixels[: size[0], : size[1]]).save(tmp_path / f"{name}.png")
    job = Job(
        content=str(tmp_path / "content.png"),
        regions=(Region(str(tmp_path / "style.png")),),
        size=0,
        optimizer="lbfgs32",
        lbfgs_memory=3,
        scales=1,
        iterations=2,
        # Deeper layers need wider margins, which would be most of what the tiles compute.
        style_layers=(("conv1_1", 0.3), ("conv2_1", 0.3), ("conv3_1", 0.4)),
        content_layers=(("conv3_2", 1.0),),
        device="cpu",
    )
    estimates: list[Estimated] = []

    def listen(event: object) -> None:
        if isinstance(event, Estimated):
            estimates.append(event)

    whole = run.stylize(job, listen, threading.Event())
    little = 0.82 * estimates[0].bytes / GB
    tiled = run.stylize(replace(job, memory=little), listen, threading.Event())
    assert [each.tiles > 1 for each in estimates] == [False, True]
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-3)
    assert np.abs(tiled.picture.rgb - whole.picture.rgb).mean() < 0.5
