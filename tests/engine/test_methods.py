"""The choice of the method auto, for masks whose ramps are known, and in a real painting."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from engine.job import Job, Region
from engine.masks.softness import ramp_width, survey
from engine.methods import METHODS, SOFT_RAMP, choose_method
from engine.run import stylize
from tests.engine.programs import SHALLOW_JOB

SIZE = (60, 200)


def straight() -> np.ndarray:
    mask = np.zeros(SIZE, np.float32)
    mask[:, 100:] = 1
    return mask


def linear(width: int) -> np.ndarray:
    """Return a mask that rises from 0 to 1 within so many columns."""
    at = (np.arange(SIZE[1]) - 100) / width + 0.5
    return np.tile(np.clip(at, 0, 1).astype(np.float32), (SIZE[0], 1))


def test_the_help_of_the_option_says_what_each_method_is():
    text = Job.__dataclass_fields__["method"].metadata["text"]
    for name in ("auto", *METHODS):
        assert f"{name}: " in text


def test_a_hard_mask_has_no_ramp():
    assert ramp_width(straight()) == 0
    assert ramp_width(np.ones(SIZE, np.float32)) == 0


@pytest.mark.parametrize("width", [10, 20, 60, 100])
def test_a_linear_ramp_is_nine_tenths_of_its_width(width):
    assert ramp_width(linear(width)) == pytest.approx(0.9 * width, abs=1.5)


def test_a_round_ramp_is_nine_tenths_of_its_width():
    y, x = np.mgrid[-100:101, -100:101]
    mask = np.clip((60 - np.hypot(x, y)) / 20 + 0.5, 0, 1)
    # The edges of a round line are 4 / pi times as long as the line.
    assert ramp_width(mask) == pytest.approx(18 * math.pi / 4, rel=0.1)


def test_half_a_mask_all_over_is_a_ramp_without_end():
    assert ramp_width(np.full(SIZE, 0.3, np.float32)) == math.inf


def test_an_edge_smoothed_over_two_pixels_is_hard():
    smoothed = ndimage.gaussian_filter(straight(), 1.0)
    assert 0 < ramp_width(smoothed) < SOFT_RAMP / 2


@pytest.mark.parametrize(
    ("masks", "method"),
    [
        ([np.ones(SIZE, np.float32)], "joint"),
        ([np.ones(SIZE, np.float32)] * 2, "joint"),
        ([straight()], "cutout"),
        ([straight(), 1 - straight()], "cutout"),
        ([ndimage.gaussian_filter(straight(), 2.0)], "cutout"),
        ([linear(40)], "cutout"),  # what it leaves is to stay as it is
        ([linear(40), 1 - linear(40)], "banded"),
        ([straight(), linear(40), 1 - linear(40)], "banded"),
        ([straight(), linear(40)], "cutout"),
        ([np.full(SIZE, 0.5, np.float32)], "cutout"),
        ([np.full(SIZE, 0.5, np.float32)] * 2, "banded"),
    ],
)
def test_auto_takes_the_method_that_fits_the_masks(masks, method):
    assert choose_method(survey(masks)).name == method


@pytest.mark.parametrize(
    ("masks", "method"),
    [((straight(),), "cutout"), ((linear(50),), "cutout"), ((), "joint")],
)
def test_a_painting_says_which_method_it_took(
    masks, method, tmp_path: Path, kernels_made_once: None, sessions_kept: None
):
    random = np.random.default_rng(8)
    for name in ("content", "style"):
        pixels = random.integers(0, 255, (*SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    region = Region(style=str(tmp_path / "style.png"))
    for mask in masks:
        Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "mask.png")
        region = Region(style=region.style, mask=str(tmp_path / "mask.png"))
    found = []
    for asked in ("auto", method):
        job = Job(
            content=str(tmp_path / "content.png"),
            regions=(region,),
            method=asked,
            size=0,
            iterations=2,
            device="cpu",
            **SHALLOW_JOB,
        )
        result = stylize(job, lambda event: None, threading.Event())
        assert result.method == method
        found.append(result.picture.rgb)
    np.testing.assert_array_equal(found[0], found[1])
