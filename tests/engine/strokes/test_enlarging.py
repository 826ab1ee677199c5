"""Enlargement with strokes, against what is known of made-up pictures."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from engine.metrics.detail import detail
from engine.optimizers import InterruptedEvaluation
from engine.sizes import resized
from engine.strokes import enlarging
from engine.strokes.enlarging import StrokeSource, enlarge_with_strokes, sizes_between


def strokes(size: tuple[int, int], angle: float, seed: int = 0) -> np.ndarray:
    """Return waves of three pixels' period in one direction, in patches of two colors."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    wave = np.sin(2 * np.pi / 3 * (x * np.cos(angle) + y * np.sin(angle)))
    patches = np.random.default_rng(seed).uniform(60, 190, (3, height // 12 + 1, width // 12 + 1))
    colors = np.repeat(np.repeat(patches, 12, axis=1), 12, axis=2)[:, :height, :width]
    return np.clip(colors + 40 * wave, 0, 255).astype(np.float32)


def source(
    style: np.ndarray, share: np.ndarray | tuple[int, int], usable: np.ndarray | None = None
) -> StrokeSource:
    share = share if isinstance(share, np.ndarray) else np.ones(share, np.float32)
    usable = np.ones(style.shape[1:], np.float32) if usable is None else usable
    return StrokeSource(style, usable, 1.0, share)


def enlarge(
    painting: np.ndarray, size: tuple[int, int], *sources: StrokeSource, threads: int = 1
) -> np.ndarray:
    """Return the painting with strokes, shape (3, height, width), 0..255."""
    found = enlarge_with_strokes(painting, size, sources, threads)
    assert found is not None
    assert found.shape == (*size, 3)
    return found.transpose(2, 0, 1) / np.float32(257)


def test_a_style_made_small_gets_its_own_strokes_back() -> None:
    style = strokes((120, 160), 0.6)
    small = resized(style, (60, 80))
    found = enlarge(small, (120, 160), source(style, (60, 80)))
    smooth = resized(small, (120, 160))
    inner = np.s_[:, 8:-8, 8:-8]  # the mirrored edges have no original
    errors = [np.mean((each - style)[inner] ** 2) for each in (found, smooth)]
    assert errors[0] < errors[1] / 3


def test_the_patches_of_one_size_are_gone_before_those_of_the_next_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[weakref.ref[enlarging.Bank]] = []
    alive: list[int] = []

    class Watched(enlarging.Bank):
        def __init__(self, *arrays: np.ndarray) -> None:
            alive.append(sum(each() is not None for each in made))
            super().__init__(*arrays)
            made.append(weakref.ref(self))

    monkeypatch.setattr(enlarging, "Bank", Watched)
    styles = [source(strokes((48, 64), angle), (24, 32)) for angle in (0.3, 0.9)]
    enlarge(strokes((24, 32), 0.3), (96, 128), *styles)
    assert alive == [0, 1, 0, 1]


def test_an_enlarged_painting_is_as_sharp_as_its_style() -> None:
    style = strokes((120, 160), 0.6)
    painting = resized(strokes((90, 120), 0.6, seed=1), (45, 60))
    found = detail(enlarge(painting, (180, 240), source(style, (45, 60))), style)
    smooth = detail(resized(painting, (180, 240)), style)
    assert smooth[0] < 0.2
    assert 0.6 < found[0] < 1.3


def test_tiles_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    style = strokes((64, 90), 1.1)
    painting = resized(strokes((75, 103), 0.2, seed=1), (50, 70))
    size = (150, 211)
    whole = enlarge(painting, size, source(style, (50, 70)))
    monkeypatch.setattr(enlarging, "TILE", 64)
    tiled = enlarge(painting, size, source(style, (50, 70)))
    np.testing.assert_allclose(tiled, whole, atol=0.02)
    threaded = enlarge(painting, size, source(style, (50, 70)), threads=3)
    np.testing.assert_array_equal(threaded, tiled)


def test_each_part_has_the_strokes_of_its_own_style() -> None:
    upright, lying = strokes((60, 80), 0.0), strokes((60, 80), np.pi / 2)
    painting = np.full((3, 48, 64), 128, np.float32)
    painting += np.random.default_rng(2).uniform(-8, 8, painting.shape).astype(np.float32)
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1
    found = enlarge(painting, (96, 128), source(upright, left), source(lying, 1 - left))
    # Waves along a row are differences between columns, and the other way around.
    along_rows = np.abs(np.diff(found[:, :-1], axis=2)).mean(axis=0)
    along_columns = np.abs(np.diff(found[:, :, :-1], axis=1)).mean(axis=0)
    assert along_rows[:, :56].mean() > 3 * along_columns[:, :56].mean()
    assert along_columns[:, 72:].mean() > 3 * along_rows[:, 72:].mean()


def test_a_part_without_style_has_no_strokes() -> None:
    style = strokes((60, 80), 0.6)
    painting = strokes((48, 64), 0.3, seed=1)
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1
    found = enlarge(painting, (96, 128), source(style, left))
    plain = enlarge(painting, (96, 128), source(style, np.zeros_like(left)))
    np.testing.assert_allclose(found[:, :, 68:], plain[:, :, 68:], atol=0.02)
    assert np.abs(found - plain)[:, :, :60].mean() > 3


def test_strokes_come_from_the_usable_part_alone() -> None:
    style = strokes((60, 80), 0.6)
    style[0, :, :40] = 100  # no red strokes on the left
    usable = np.zeros((60, 80), np.float32)
    usable[:, :32] = 0.4  # a faint mask is a mask too
    painting = strokes((48, 64), 0.3, seed=1)
    found = enlarge(painting, (96, 128), source(style, (48, 64), usable))
    plain = enlarge(painting, (96, 128))
    np.testing.assert_allclose(found[0], plain[0], atol=0.5)
    assert np.abs(found - plain)[1:].mean() > 3


@pytest.mark.parametrize("side", [7, 8, 16])
def test_a_style_of_a_few_pixels_is_no_problem(side: int) -> None:
    style = strokes((side, side), 0.6)
    found = enlarge(np.full((3, 20, 30), 90, np.float32), (41, 59), source(style, (20, 30)))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("size", [(400, 60), (60, 400), (40, 600)])
def test_a_style_larger_than_is_searched_is_represented_by_bands(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    style = strokes(size, 0.6)
    painting = strokes((size[0] // 2, size[1] // 2), 0.6, seed=1)
    share = (size[0] // 2, size[1] // 2)
    monkeypatch.setattr(enlarging, "BAND_ROWS", 30)
    monkeypatch.setattr(enlarging, "MOST_STYLE_PIXELS", 9000)
    searched = sum(each.stop - each.start for each in enlarging._bands(size[0], 1.0, size[1]))
    assert searched * size[1] <= max(9000, 30 * size[1])
    found = enlarge(painting, size, source(style, share))
    assert detail(found, style)[0] > 0.5


def test_an_exception_ends_the_enlargement() -> None:
    style = strokes((60, 80), 0.6)
    seen = []

    def stop(done: int, count: int) -> None:
        seen.append((done, count))
        raise InterruptedEvaluation

    with pytest.raises(InterruptedEvaluation):
        enlarge_with_strokes(strokes((48, 64), 0.3), (192, 256), [source(style, (48, 64))], 2, stop)
    assert seen == [(1, 2)]


def test_the_sizes_between_grow_in_steps_of_about_two() -> None:
    assert sizes_between((433, 577), (3000, 4000)) == [(825, 1100), (1574, 2098), (3000, 4000)]
    assert sizes_between((600, 800), (1200, 1600)) == [(1200, 1600)]
    assert sizes_between((1000, 1000), (1100, 1100)) == []
    assert sizes_between((1000, 1000), (1000, 1000)) == []
