"""Color distance, detail, grid and frame on made-up pictures whose figures are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.metrics.color_distance import color_distance
from engine.metrics.detail import band_strengths, detail
from engine.metrics.frame import frame
from engine.metrics.grid import grid, peaks
from engine.metrics.lab import lab, lightness


def noise(seed: int, height: int = 160, width: int = 192, spread: float = 20) -> np.ndarray:
    """Return gray noise about the middle, shape (3, height, width)."""
    values = np.random.default_rng(seed).normal(128, spread, (height, width))
    return np.repeat(np.clip(values, 0, 255)[None], 3, axis=0).astype(np.float32)


def grays(lightnesses: np.ndarray) -> np.ndarray:
    """Return the gray picture of these lightnesses (L*), by the formulas the other way round."""
    luminance = np.where(lightnesses > 8, ((lightnesses + 16) / 116) ** 3, lightnesses * 27 / 24389)
    value = np.where(
        luminance <= 0.0031308, 12.92 * luminance, 1.055 * luminance ** (1 / 2.4) - 0.055
    )
    return np.repeat(255 * value[None], 3, axis=0)


# Lab


def test_lab_of_known_colors() -> None:
    # Published values for sRGB under D65.
    colors = {
        (255, 255, 255): (100, 0, 0),
        (0, 0, 0): (0, 0, 0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
        (119, 119, 119): (50.03, 0, 0),
    }
    picture = np.array(list(colors), np.float32).T[:, :, None]
    np.testing.assert_allclose(lab(picture)[..., 0].T, list(colors.values()), atol=0.03)
    np.testing.assert_allclose(lightness(picture), lab(picture)[0], atol=1e-4)


def test_lab_is_that_of_a_color_management_system() -> None:
    """Little CMS adapts to D50 and gives 8 bits; lightness is the same but for rounding."""
    values = np.random.default_rng(1).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    srgb, target = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    convert = ImageCms.buildTransform(srgb, target, "RGB", "LAB")
    converted = ImageCms.applyTransform(Image.fromarray(values), convert)
    assert converted is not None
    wanted = np.asarray(converted)[..., 0] * (100 / 255)
    found = lightness(values.transpose(2, 0, 1))
    # Red and blue move by up to 2 with the adaptation, grays not at all.
    np.testing.assert_allclose(found, wanted, atol=2.5)


# Color


def test_colors_that_were_all_moved_are_as_far_away_as_they_were_moved() -> None:
    random = np.random.default_rng(2).uniform(30, 60, (40, 50))
    assert color_distance(grays(random), grays(random + 7)) == pytest.approx(7, rel=1e-4)
    assert color_distance(grays(random), grays(random[::-1, ::-1])) == pytest.approx(0, abs=1e-3)


def test_two_flat_colors_are_as_far_apart_as_in_lab() -> None:
    red, blue = (np.full((3, 20, 20), 40.0) for _ in range(2))
    red[0], blue[2] = 220, 220
    apart = np.linalg.norm(lab(red)[:, 0, 0] - lab(blue)[:, 0, 0])
    assert color_distance(red, blue) == pytest.approx(apart, rel=1e-4)


def test_colors_are_weighted_with_the_masks() -> None:
    halves = grays(np.repeat([[30.0, 60.0]], 20, axis=0).repeat(20, axis=1))
    left = np.zeros((20, 40), np.float32)
    left[:, :20] = 1
    dark, light = grays(np.full((10, 10), 30.0)), grays(np.full((10, 10), 60.0))
    assert color_distance(halves, dark, left) == pytest.approx(0, abs=1e-3)
    assert color_distance(dark, halves, None, 1 - left) == pytest.approx(30, rel=1e-4)
    # A quarter of the weight lies 30 away: the root mean square is 15.
    soft = np.where(left > 0, 0.75, 0.25)
    assert color_distance(halves, dark, soft) == pytest.approx(15, rel=1e-4)
    assert color_distance(halves, light, soft) == pytest.approx(30 * math.sqrt(0.75), rel=1e-4)


# Detail


def test_the_style_itself_is_as_sharp_as_the_style() -> None:
    assert detail(noise(1), noise(1)) == (1, 1, 1)


def test_half_the_contrast_is_half_the_detail() -> None:
    waves = np.random.default_rng(3).normal(0, 5, (64, 80))
    assert detail(grays(50 + waves / 2), grays(50 + waves)) == pytest.approx((0.5,) * 3, rel=1e-4)


@pytest.mark.parametrize("period", [3, 4, 6, 16])
def test_a_wave_is_in_its_band_by_the_filters_response(period: int) -> None:
    """Reduced and expanded, a wave keeps H^2 of itself, and an alias of H times H' appears."""
    width = 48 * period
    wave = np.cos(2 * np.pi * np.arange(width) / period)
    first = band_strengths(grays(np.tile(50 + 5 * wave, (32, 1))))[0]

    def response(frequency: float) -> float:
        return math.cos(math.pi * frequency) ** 4

    kept, alias = response(1 / period), response(0.5 - 1 / period)
    if period == 4:  # the alias of a quarter is itself, in phase
        wanted = 5 * math.hypot(1 - 2 * kept**2, 0) / math.sqrt(2)
    else:
        wanted = 5 * math.hypot(1 - kept**2, kept * alias) / math.sqrt(2)
    assert first == pytest.approx(wanted, rel=0.05)


def test_an_enlargement_lacks_the_first_octave() -> None:
    """Noise enlarged four times has nothing left of periods below 8 pixels."""
    small = noise(4, 40, 48).astype(np.float32)
    large = [Image.fromarray(each).resize((192, 160), Image.Resampling.BICUBIC) for each in small]
    first, second, third = detail(np.stack([np.asarray(each) for each in large]), noise(4))
    assert first < 0.3
    assert first < second < third
    assert third > 1


def test_detail_counts_where_the_mask_is() -> None:
    picture = noise(5)
    picture[:, :, 96:] = 128
    left = np.zeros(picture.shape[1:], np.float32)
    left[:, :80] = 1
    assert detail(picture, noise(5), left) == pytest.approx((1, 1, 1), rel=0.15)
    right = np.zeros(picture.shape[1:], np.float32)
    right[:, 160:] = 1
    assert detail(picture, noise(5), right) == (0, 0, 0)
    assert detail(noise(5), picture, None, left) == pytest.approx((1, 1, 1), rel=0.15)
    assert detail(noise(5), picture, None, right) == (math.inf,) * 3
    assert all(map(math.isnan, detail(picture, picture, right, right)))


# Grid


def weave(period: int, strength: float, down: int, right: int) -> np.ndarray:
    """Return noise with a wave of a period in a direction."""
    y, x = np.mgrid[:256, :256]
    return noise(6, 256, 256, 10) + strength * np.cos(2 * np.pi * (down * y + right * x) / period)


def test_noise_has_no_grid() -> None:
    np.testing.assert_allclose(peaks(noise(7, 512, 512)), 1, atol=0.45)
    assert max(grid(noise(7, 512, 512), noise(8, 512, 512))) < 0.5


@pytest.mark.parametrize("direction", [(0, 1), (1, 0), (1, 1), (1, -1)])
@pytest.mark.parametrize("number, period", list(enumerate((2, 4, 8, 16))))
def test_a_weave_stands_out_at_its_period_and_nowhere_else(
    number: int, period: int, direction: tuple[int, int]
) -> None:
    found = grid(weave(period, 5, *direction), noise(6, 256, 256, 10))
    assert found[number] > 3
    assert max(found[:number] + found[number + 1 :]) < 0.1 * found[number]
    # What the style has itself is no fault, in whatever place.
    painting = np.roll(weave(period, 5, *direction), (7, 3), (1, 2))
    again = grid(weave(period, 5, *direction), painting)
    assert again[number] < 0.1 * found[number]


def test_a_peak_is_the_wave_s_power_over_the_noise_s() -> None:
    """White noise of deviation s, and a wave of amplitude a, whose power 9 frequencies share."""
    strength, spread, side = 6.0, 10.0, 16
    random = np.random.default_rng(9)
    picture = np.repeat(random.normal(128, spread, (1, 512, 512)), 3, axis=0)
    checks = (-1.0) ** np.add(*np.mgrid[:512, :512])
    window = np.outer(*[np.hanning(side + 1)[:-1]] * 2)
    wave = strength**2 * np.square(np.abs(np.fft.fft2(window))).sum() / 9
    wanted = 1 + wave / (spread**2 * np.square(window).sum())
    found = peaks(picture + strength * checks)[0, 2]
    assert found == pytest.approx(wanted, rel=0.15)


def test_a_spectrum_that_falls_as_a_photograph_s_does_is_no_grid() -> None:
    random = np.random.default_rng(10)
    y, x = np.meshgrid(np.fft.fftfreq(512), np.fft.fftfreq(512), indexing="ij")
    radius = np.hypot(x, y)
    radius[0, 0] = 1
    falling = np.fft.ifft2(np.fft.fft2(random.normal(size=(512, 512))) / radius).real
    picture = np.repeat(128 + 30 * falling[None] / falling.std(), 3, axis=0)
    np.testing.assert_allclose(peaks(picture)[1:], 1, atol=0.4)


def test_only_the_region_s_grid_counts() -> None:
    picture = noise(6, 256, 512, 10)
    picture[:, :, :256] = weave(2, 8, 1, 1)
    mask = np.zeros((256, 512), np.float32)
    mask[:, 256:] = 1
    assert grid(picture, noise(6), mask)[0] < 0.3
    assert grid(picture, noise(6), 1 - mask)[0] > 3


def test_what_is_too_small_for_a_period_has_no_figure() -> None:
    found = grid(noise(1, 40, 200), noise(2, 20, 20))
    assert [math.isnan(each) for each in found] == [False, False, True, True]
    flat = np.full((3, 128, 128), 90.0)
    assert grid(flat, flat) == (0, 0, 0, 0)


# Frame


def test_noise_is_as_busy_at_the_edge_as_inside() -> None:
    assert frame(noise(11, 400, 400)) == pytest.approx(1, abs=0.06)


def test_a_busier_frame_is_so_many_times_as_busy() -> None:
    """A slope of 3 within the frame and of 1 inside; two columns lie half on either side."""
    steps = np.full(100, 1.0)
    steps[:12] = steps[-12:] = 3.0
    lightnesses = np.cumsum(steps) / 4
    picture = grays(np.tile(lightnesses, (100, 1)) + 5)
    mask = np.zeros((100, 100), np.float32)
    mask[20:80] = 1  # left and right alone
    assert frame(picture, mask) == pytest.approx(3, rel=0.07)
    assert frame(picture, mask) > 2.8
    inner = np.zeros((100, 100), np.float32)
    inner[30:60, 30:60] = 1
    assert math.isnan(frame(picture, inner))


def test_a_frame_on_a_flat_picture() -> None:
    flat = np.full((3, 60, 60), 90.0)
    assert math.isnan(frame(flat))
    flat[:, :5] = 200
    assert frame(flat) == math.inf
    assert math.isnan(frame(noise(1, 20, 200)))
