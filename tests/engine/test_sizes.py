"""The start of a finer scale: the earlier picture, without waves of two pixels' period."""

from __future__ import annotations

import numpy as np
import pytest

from engine.sizes import next_start, resized

ROWS, COLUMNS = 24, 20
SIZE = (48, 40)


def wave(period: float, axis: int) -> np.ndarray:
    """Return a picture of waves between 78 and 178 along one axis, shape (3, ROWS, COLUMNS)."""
    phases = 2 * np.pi * np.arange((ROWS, COLUMNS)[axis]) / period
    shape = (-1, 1) if axis == 0 else (1, -1)
    values = 128 + 50 * np.cos(phases).reshape(shape)
    return np.broadcast_to(values, (3, ROWS, COLUMNS)).astype(np.float32)


def swing(picture: np.ndarray) -> float:
    """Return the greatest difference from 128 away from the picture's edge."""
    return float(np.abs(picture[:, 8:-8, 8:-8] - 128).max())


@pytest.mark.parametrize("axis", [0, 1])
def test_waves_of_two_pixels_are_not_handed_on(axis: int) -> None:
    picture = wave(2, axis)
    assert swing(resized(picture, SIZE)) > 30  # enlarged, they are a weave of four pixels
    assert swing(next_start(picture, SIZE)) < 0.01


def test_a_checkerboard_is_not_handed_on() -> None:
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    checkerboard = np.broadcast_to(78.0 + 100 * ((rows + columns) % 2), (3, ROWS, COLUMNS))
    assert swing(next_start(checkerboard, SIZE)) < 0.01


@pytest.mark.parametrize("axis", [0, 1])
def test_strokes_of_ten_pixels_stay(axis: int) -> None:
    picture = wave(10, axis)
    assert swing(next_start(picture, SIZE)) > 0.9 * swing(resized(picture, SIZE))


def test_a_flat_color_stays_up_to_the_edge() -> None:
    color = np.array([200.0, 0.0, 255.0], np.float32).reshape(3, 1, 1)
    picture = np.broadcast_to(color, (3, ROWS, COLUMNS))
    np.testing.assert_allclose(next_start(picture, SIZE), np.broadcast_to(color, (3, *SIZE)))


def test_a_picture_of_the_same_size_stays_as_it_is() -> None:
    picture = np.random.default_rng(3).uniform(0, 255, (3, ROWS, COLUMNS)).astype(np.float32)
    np.testing.assert_array_equal(next_start(picture, (ROWS, COLUMNS)), picture)
