"""The shares that styles have in the strokes, against a search for the nearest masked pixel."""

from __future__ import annotations

import numpy as np
import pytest

from engine.job import Job, Region
from engine.masks.mask import Everywhere, Mask
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.strokes.sources import stroke_sources, style_shares


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


@pytest.mark.parametrize("method", ["joint", "stitch"])
def test_what_is_protected_gets_less_of_the_strokes(method: str) -> None:
    style = np.zeros((3, 20, 20), np.float32)
    whole = Everywhere((6, 8))
    regions = [LoadedRegion(name, style, style[0] + 1, whole, 1.0, 1.0) for name in "ab"]
    job = Job(regions=(Region("a"), Region("b")), protect_strength=9.0)
    kept = np.zeros((6, 8), np.uint8)
    kept[:, 4:] = 255
    found, free = (
        stroke_sources(job, METHODS[method], regions, (6, 8), protect)
        for protect in (Mask(kept), None)
    )
    shares, all_over = (np.stack([each.share for group in groups for each in group])
                        for groups in (found, free))  # fmt: skip
    assert all_over.min() == all_over.max() == (0.5 if method == "joint" else 1.0)
    np.testing.assert_array_equal(shares[:, :, :4], all_over[:, :, :4])
    np.testing.assert_allclose(shares[:, :, 4:], all_over[:, :, 4:] / 9, rtol=1e-6)
