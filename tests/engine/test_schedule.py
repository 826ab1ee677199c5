"""The sizes of the scales and their steps, coarse to fine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.job import Job
from engine.schedule import COARSEST_AREA, ScalePlan, plan_scales

AUTO = Job(scales=0, iterations=150)


@pytest.mark.parametrize(
    ("size", "area", "sizes", "steps"),
    [
        (
            (3000, 4000),
            0,
            [(237, 316), (447, 596), (844, 1125), (1591, 2121), (3000, 4000)],
            [150, 75, 36, 11, 11],
        ),
        ((3000, 4000), 750_000, [(237, 316), (422, 562), (750, 1000)], [150, 75, 36]),
        ((3000, 4000), 250_000, [(237, 316), (433, 577)], [150, 75]),
        ((3000, 4000), 140_000, [(324, 432)], [150]),
        ((48, 64), 0, [(48, 64)], [150]),
    ],
)
def test_automatic_scales_begin_at_the_same_size_and_double(
    size: tuple[int, int], area: int, sizes: list[tuple[int, int]], steps: list[int]
) -> None:
    plans = plan_scales(AUTO, *size, area)
    assert [plan.steps for plan in plans] == steps
    assert all(plan.plateau for plan in plans)
    assert [plan.content_factor for plan in plans] == [6] * (len(plans) - 1) + [1]
    assert [plan.with_strokes for plan in plans] == [False] + [True] * (len(plans) - 1)
    smooth = plan_scales(replace(AUTO, enlargement="smooth"), *size, area)
    assert smooth == [replace(plan, with_strokes=False) for plan in plans]
    for plan, (rows, columns) in zip(plans, sizes, strict=True):
        assert abs(plan.size[0] - rows) <= 8
        assert abs(plan.size[1] - columns) <= 11


@given(
    st.integers(16, 12_000),
    st.integers(16, 12_000),
    st.one_of(st.just(0), st.integers(256, 100_000_000)),
    st.sampled_from([0.5, 1.0, 2.0]),
)
def test_every_scale_is_larger_than_the_one_before(
    height: int, width: int, area: int, brush: float
) -> None:
    plans = plan_scales(replace(AUTO, brush_size=brush), height, width, area)
    pixels = [plan.pixels for plan in plans]
    assert pixels == sorted(set(pixels))
    ratios = [(after / before) ** 0.5 for before, after in zip(pixels, pixels[1:])]
    assert all(1.3 < ratio < 3 for ratio in ratios)
    if len(plans) > 1 and min(plans[0].size) > 40:
        assert pixels[0] == pytest.approx(COARSEST_AREA / brush, rel=0.05)
    assert min(min(plan.size) for plan in plans) >= 16


def test_a_larger_brush_begins_with_a_smaller_picture() -> None:
    first = [
        plan_scales(replace(AUTO, brush_size=brush), 2000, 3000, 0)[0].pixels
        for brush in (0.5, 1, 2, 4)
    ]
    assert first == sorted(first, reverse=True)
    assert first[0] / first[-1] == pytest.approx(8, rel=0.05)


def test_a_fixed_number_of_scales_halves_the_sides_and_takes_all_steps() -> None:
    plans = plan_scales(replace(AUTO, scales=3, iterations=7), 400, 600, 0)
    assert plans == [ScalePlan((100, 150), 7), ScalePlan((200, 300), 7), ScalePlan((400, 600), 7)]
    plans = plan_scales(replace(AUTO, scales=6), 60, 90, 0)
    assert [plan.size for plan in plans] == [(30, 45), (60, 90)]


@pytest.mark.parametrize(
    ("size", "area", "scales", "sizes"),
    [
        ((512, 512), 0, 3, [(128, 128), (256, 256), (512, 512)]),
        ((1000, 500), 125_000, 2, [(250, 125), (500, 250)]),
        ((64, 64), 0, 6, [(32, 32), (64, 64)]),
        ((16, 16), 0, 6, [(16, 16)]),
    ],
)
def test_scales_halve_down_to_what_the_network_can_see(
    size: tuple[int, int], area: int, scales: int, sizes: list[tuple[int, int]]
) -> None:
    plans = plan_scales(replace(AUTO, scales=scales), *size, area)
    assert [plan.size for plan in plans] == sizes
