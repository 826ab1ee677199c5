"""The figures of spatial control on made-up pictures whose figures are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from engine.masks.softness import is_soft, soft_share
from engine.metrics.borders import evenness, fringe, leak, reach, seam, signed_distance
from engine.pictures.picture import LUMA

HEIGHT, WIDTH = 90, 140
BORDER = 60
"""The first column inside of the straight border."""


def random_picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (3, height, width))


def straight(height: int = HEIGHT, width: int = WIDTH, border: int = BORDER) -> np.ndarray:
    """Return a hard mask whose inside is on the right."""
    return np.repeat((np.arange(width) >= border)[None].astype(np.float32), height, axis=0)


def disc(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a round mask, and every pixel's distance from its middle."""
    y, x = np.mgrid[:121, :121] - 60.0
    middle = np.hypot(x, y)
    return (middle < radius).astype(np.float32), middle


def planes(*, across: float = 0.0, along: float = 0.0) -> np.ndarray:
    """Return a picture that rises so much per pixel across and along the straight border."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.repeat((across * x + along * y)[None], 3, axis=0)


# Distance


def test_distance_of_a_straight_border():
    distance = signed_distance(straight())
    expected = np.arange(WIDTH) - (BORDER - 0.5)
    np.testing.assert_allclose(distance, np.tile(expected, (HEIGHT, 1)), atol=1e-12)


def test_distance_of_a_disc():
    mask, middle = disc(30)
    np.testing.assert_allclose(signed_distance(mask), 30 - middle, atol=0.8)


def test_distance_of_the_complement_has_the_other_sign():
    mask, _ = disc(30)
    np.testing.assert_array_equal(signed_distance(1 - mask), -signed_distance(mask))


@pytest.mark.parametrize("value, covered", [(0.0, 0), (0.49, 0), (0.5, 12), (1.0, 12)])
def test_a_mask_without_a_border(value, covered):
    mask = np.full((3, 4), value)
    picture = np.zeros((3, 3, 4))
    with pytest.raises(ValueError, match=f"covers {covered} of 12 pixels"):
        leak(picture, picture, mask)
    with pytest.raises(ValueError, match=f"covers {covered} of 12 pixels"):
        reach(picture, picture, mask)
    with pytest.raises(ValueError, match=f"covers {covered} of 12 pixels"):
        seam(picture, mask)


# Leak and reach


def test_an_unchanged_picture_does_not_leak():
    content = random_picture(1)
    assert leak(content, content, straight()) == (0, 0, 0)
    assert math.isnan(reach(content, content, straight()))


def test_a_constant_change_outside_is_the_leak_in_every_band():
    content = random_picture(1)
    mask = straight()
    change = np.array([7.0, -4.0, 1.0])[:, None, None]
    assert leak(content + (1 - mask) * change, content, mask) == pytest.approx((4, 4, 4))


def test_the_leak_of_each_band_is_its_own():
    content = random_picture(1)
    change = np.zeros((HEIGHT, WIDTH))
    change[:, BORDER - 8 : BORDER] = 9
    change[:, BORDER - 32 : BORDER - 8] = 5
    change[:, : BORDER - 32 : 2] = 1  # every other column of 28
    change[:, BORDER:] = 200
    assert leak(content - change, content, straight()) == pytest.approx((9, 5, 0.5))


def test_a_uniform_change_inside_reaches_the_border_and_does_not_leak():
    content = random_picture(1)
    mask = straight()
    result = content - 30 * mask
    assert leak(result, content, mask) == (0, 0, 0)
    assert reach(result, content, mask) == pytest.approx(1)


def test_reach_compares_the_border_with_what_is_deep_inside():
    content = random_picture(1)
    change = np.zeros((HEIGHT, WIDTH))
    change[:, BORDER : BORDER + 8] = 6
    change[:, BORDER + 8 : BORDER + 32] = 100
    change[:, BORDER + 32 :] = 24
    assert reach(content + change, content, straight()) == pytest.approx(0.25)
    change[:, BORDER + 32 :] = 0
    assert reach(content + change, content, straight()) == math.inf


@pytest.mark.parametrize(
    "pixels_away, band, share",
    [(1, 0, 8), (8, 0, 8), (9, 1, 24), (32, 1, 24), (33, 2, BORDER - 32), (BORDER, 2, BORDER - 32)],
)
def test_every_column_is_in_its_band(pixels_away, band, share):
    content = random_picture(1)
    change = np.zeros((HEIGHT, WIDTH))
    change[:, BORDER - pixels_away] = 50
    found = leak(content + change, content, straight())
    expected = [0.0, 0.0, 0.0]
    expected[band] = 50 / share
    assert found == pytest.approx(expected)


def test_bands_without_pixels_have_no_figure():
    content, result = random_picture(1), random_picture(2)
    near, middle, far = leak(result, content, straight(border=20))
    assert near > 0
    assert middle > 0
    assert math.isnan(far)
    near, middle, far = leak(result, content, straight(border=8))
    assert near > 0
    assert math.isnan(middle)
    assert math.isnan(far)
    assert math.isnan(reach(result, content, straight(border=WIDTH - 32)))
    assert not math.isnan(reach(result, content, straight(border=WIDTH - 33)))


# Seam


@pytest.mark.parametrize("across, along", [(1.5, 0), (-0.25, 0), (2, 40)])
def test_a_smooth_picture_has_no_seam(across, along):
    picture = planes(across=across, along=along)
    assert seam(picture, straight()) == pytest.approx(1)


@pytest.mark.parametrize("step", [10.0, 100.0])
@pytest.mark.parametrize("along", [0.0, 40.0])
def test_a_step_along_the_border(step, along):
    # Central differences see half the step at the two pixels beside the border, of four in the
    # band: (2 (g + h/2) + 2 g) / 4 over g. What rises along the border changes nothing.
    picture = planes(across=2, along=along) + step * straight()
    assert seam(picture, straight()) == pytest.approx(1 + step / (4 * 2))


def test_band_and_sides_end_where_they_are_said_to_end():
    # Between two columns the picture rises by 6 near the border, by 50 far away, by 2 in between.
    between = np.abs(np.arange(1, WIDTH) - BORDER)
    rise = np.select([between <= 3, between < 17], [6.0, 2.0], 50.0)
    columns = np.concatenate([[0], rise.cumsum()])
    assert seam(np.tile(columns, (3, HEIGHT, 1)), straight()) == pytest.approx(6 / 2)


@pytest.mark.parametrize("slant", [0.1, 0.3, 0.5, 1.0, -0.3])
@pytest.mark.parametrize("along", [0.0, 10.0])
def test_a_step_along_a_slanting_border(slant, along):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    normal = np.array([1, slant]) / math.hypot(1, slant)
    across = normal[0] * (x - WIDTH / 2) + normal[1] * (y - HEIGHT / 2)
    other = normal[0] * (y - HEIGHT / 2) - normal[1] * (x - WIDTH / 2)
    mask = (across > 0).astype(float)
    picture = np.tile(2 * across + along * other + 40 * mask, (3, 1, 1))
    assert seam(picture, mask) == pytest.approx(1 + 40 / (4 * 2), rel=0.07)


@pytest.mark.parametrize("column", [BORDER - 1, BORDER])
def test_a_colored_line_as_bright_as_the_picture(column):
    # A line one pixel wide gives h/2 on both of its flanks, g + h/2 and |g - h/2|; on the line g.
    line = np.array([30.0, 30.0, -(0.299 + 0.587) / 0.114 * 30])
    assert abs(LUMA @ line) < 1e-3
    picture = planes(across=2)
    picture[:, :, column] += line[:, None]
    flanks = (np.abs(2 + line / 2) + np.abs(2 - line / 2)).mean()
    assert seam(picture, straight()) == pytest.approx((flanks + 2 * 2) / (4 * 2))


def test_the_seam_of_a_round_border_is_that_of_a_straight_one():
    mask, middle = disc(30)
    cone = np.repeat(2 * middle[None], 3, axis=0)
    assert seam(cone, mask) == pytest.approx(1, abs=0.02)
    assert seam(cone - 40 * mask, mask) == pytest.approx(1 + 40 / (4 * 2), rel=0.15)


def test_texture_on_one_side_is_hardly_a_line():
    mask = straight()
    grain = np.random.default_rng(6).normal(0, 1, (3, HEIGHT, WIDTH))
    # Differences of independent values: sqrt(a^2 + b^2) with a, b from 1 outside and 10 inside.
    at_border = (2 * math.hypot(10, 1) + math.hypot(10, 10) + math.hypot(1, 1)) / 4
    beside = (math.hypot(10, 10) + math.hypot(1, 1)) / 2
    assert at_border / beside < 1.15
    assert seam(grain * (1 + 9 * mask), mask) == pytest.approx(at_border / beside, rel=0.05)


def test_strokes_that_are_cut_off_are_a_line():
    mask = straight()
    one, other = (
        ndimage.gaussian_filter(random_picture(seed), (0, 3, 3), mode="wrap") for seed in (1, 2)
    )
    assert seam(one, mask) == pytest.approx(1, abs=0.2)
    assert seam(mask * one + (1 - mask) * other, mask) > 1.5


def test_the_seam_is_the_same_from_both_sides_and_from_every_direction():
    mask, _ = disc(25.3)
    picture = random_picture(3, 121, 121) + 30 * mask
    expected = seam(picture, mask)
    assert seam(picture, 1 - mask) == pytest.approx(expected)
    assert seam(255 - picture, mask) == pytest.approx(expected)
    assert seam(picture[[2, 0, 1]], mask) == pytest.approx(expected)
    assert seam(picture[:, ::-1], mask[::-1]) == pytest.approx(expected)
    assert seam(picture.transpose(0, 2, 1), mask.T) == pytest.approx(expected)


def test_a_flat_picture_has_nothing_to_compare_a_line_with():
    assert math.isnan(seam(planes(), straight()))
    assert math.isnan(seam(planes(along=3), straight()))
    assert seam(planes() + 20 * straight(), straight()) == math.inf


def test_a_thin_side_is_left_out():
    mask = straight()
    mask[:, BORDER + 3 :] = 0
    # Outside alone: at its two pixels beside a border, of four, half the step is seen.
    rising = np.abs(np.arange(WIDTH) - BORDER - 1.0)
    picture = np.repeat(np.tile(2 * rising, (HEIGHT, 1))[None], 3, axis=0) - 20 * mask
    assert seam(picture, mask) == pytest.approx((2 * (2 + 10) + 2 * 2) / (4 * 2))
    only_thin = np.zeros((4, 4))
    only_thin[:, 2:] = 1
    assert math.isnan(seam(random_picture(1, 4, 4), only_thin))


# Fringe


def test_even_texture_has_no_fringe():
    picture = np.random.default_rng(3).normal(128, 20, (3, 200, 200))
    # At a straight border 5 of 6 shares stand out where deeper inside it is 8 of 9.
    assert fringe(picture, straight(200, 200)) == pytest.approx(
        math.sqrt(5 / 6) / math.sqrt(8 / 9), rel=0.05
    )


def test_a_line_inside_the_border_is_a_fringe():
    picture = np.random.default_rng(4).normal(128, 2, (3, HEIGHT, WIDTH))
    assert fringe(picture, straight()) < 1.1
    picture[1, :, BORDER] += 60
    # The line stands out by half of its height in one channel of three.
    expected = 60 / 2 / 3
    deeper = 2 * math.sqrt(8 / 9) * math.sqrt(2 / math.pi)
    assert fringe(picture, straight()) == pytest.approx(expected / deeper, rel=0.15)


def test_what_lies_outside_is_no_fringe():
    picture = np.random.default_rng(5).normal(128, 10, (3, HEIGHT, WIDTH))
    before = fringe(picture, straight())
    picture[:, :, :BORDER] = 0
    picture[0, :, BORDER - 1] = 255
    assert fringe(picture, straight()) == before


def test_a_region_without_depth_has_no_fringe():
    thin = straight() - straight(border=BORDER + 4)
    assert math.isnan(fringe(random_picture(6), thin))
    assert math.isnan(fringe(np.full((3, HEIGHT, WIDTH), 7.0), straight()))


# Evenness


def ramp(width: int = 600, height: int = 64) -> np.ndarray:
    return np.tile(np.linspace(0, 1, width), (height, 1))


def texture_of(mask: np.ndarray, seed: int = 5) -> np.ndarray:
    """Return gray texture of about 8 pixels, mean 0."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 1, mask.shape), 2)
    return np.repeat(300 * np.asarray(noise)[None], 3, axis=0)


def test_uniform_texture_is_even():
    assert evenness(texture_of(ramp()), ramp()) == pytest.approx(1, abs=0.15)


def test_a_pattern_is_even_to_the_last_digits():
    mask = ramp()
    y, x = np.indices(mask.shape)
    picture = np.tile(20.0 * ((x + y) % 2), (3, 1, 1))
    assert evenness(picture, mask) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("amplitude", [0.0, 0.5, 2.0])
def test_energy_goes_with_the_square_of_the_amplitude(amplitude):
    mask = ramp()
    factor = np.where((mask > 0.35) & (mask < 0.65), amplitude, 1)
    before = evenness(texture_of(mask), mask)
    after = evenness(100 + factor * texture_of(mask), mask)
    assert after == pytest.approx(amplitude**2 * before, rel=0.02, abs=1e-3)


def test_the_ends_count_alike():
    mask = ramp()
    factor = np.where(mask < 0.35, 3, 1)
    y, x = np.indices(mask.shape)
    picture = np.repeat((factor * ((x + y) % 2))[None] * 20.0, 3, axis=0)
    assert evenness(picture, mask) == pytest.approx(1 / ((9 + 1) / 2), rel=1e-3)
    assert evenness(picture, 1 - mask) == pytest.approx(evenness(picture, mask), rel=1e-6)


def test_light_and_a_few_edges_are_no_texture():
    mask = ramp(height=256)
    texture = texture_of(mask) / 10
    plain = evenness(texture, mask)
    assert evenness(texture + 200 * mask**2, mask) == pytest.approx(plain, rel=0.02)
    lamp = np.zeros(mask.shape)
    lamp[100:110, 570:580] = 200
    with_lamp = evenness(texture + lamp, mask)
    assert with_lamp == pytest.approx(plain, rel=0.25)
    # A mean in place of the median would take the lamp for texture.
    high = lamp - ndimage.gaussian_filter(lamp, 4)
    assert (high[mask > 0.9] ** 2).mean() > 2 * (texture[0][mask > 0.9] ** 2).mean()


def test_without_a_part_of_the_ramp_there_is_no_evenness():
    mask = ramp()
    picture = texture_of(mask)
    for low, high in ((0.15, 1), (0, 0.85), (0.65, 1)):
        assert math.isnan(evenness(picture, mask * (high - low) + low))
    assert math.isnan(evenness(picture, (mask > 0.5).astype(float)))
    assert math.isnan(evenness(np.full_like(picture, 120.3), mask))
    in_the_middle = np.where(np.abs(mask - 0.5) < 0.05, picture, 120.3)
    assert evenness(in_the_middle, mask) == math.inf


def test_a_mask_is_soft_by_the_share_of_its_middle_values():
    assert soft_share(straight()) == 0
    assert not is_soft(straight())
    smoothed = ndimage.gaussian_filter(straight(), 1)
    assert 0 < soft_share(smoothed) < 0.05
    assert not is_soft(smoothed)
    assert soft_share(ramp()) == pytest.approx(0.9, abs=0.01)
    assert is_soft(ramp())
    assert soft_share(np.full((5, 5), 0.05)) == soft_share(np.full((5, 5), 0.95)) == 0


def test_sizes_have_to_agree():
    picture, other, mask = random_picture(1), random_picture(1, 20, 20), straight()
    for call in (
        lambda: leak(picture, other, mask),
        lambda: leak(other, picture, mask),
        lambda: reach(picture, other, mask),
        lambda: seam(other, mask),
        lambda: evenness(other, mask),
        lambda: seam(picture.transpose(1, 2, 0), mask),
    ):
        with pytest.raises(ValueError, match=r"\(3, height, width\)"):
            call()
