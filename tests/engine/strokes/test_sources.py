"""The shares that styles have in the strokes, against a search for the nearest masked pixel."""

from __future__ import annotations

import numpy as np

from engine.strokes.sources import style_shares


def brute_force(masks: np.ndarray, row: int, column: int) -> list[np.ndarray]:
    """Return the shares at each of the nearest masked pixels."""
    places = np.argwhere(masks.sum(axis=0) > 0)
    distances = ((places - (row, column)) ** 2).sum(axis=1)
    nearest = places[distances == distances.min()]
    return [masks[:, y, x] / masks[:, y, x].sum() for y, x in nearest]


def masks() -> np.ndarray:
    made = np.zeros((2, 9, 14), np.float32)
    made[0, 2:6, 1:5] = 1
    made[1, 4:8, 4:7] = 0.5
    return made


def test_past_the_masks_the_nearest_one_counts() -> None:
    found = style_shares(masks(), everywhere=True)
    for row, column in np.ndindex(found.shape[1:]):
        wanted = brute_force(masks(), row, column)
        assert any(np.allclose(found[:, row, column], each) for each in wanted)


def test_strokes_end_one_pixel_past_the_masks() -> None:
    found = style_shares(masks(), everywhere=False).sum(axis=0)
    covered = masks().sum(axis=0) > 0
    for row, column in np.ndindex(found.shape):
        near = covered[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].any()
        assert np.isclose(found[row, column], float(near))


def test_masks_that_cover_nothing_have_no_strokes() -> None:
    assert not style_shares(np.zeros((2, 5, 6), np.float32), everywhere=True).any()
