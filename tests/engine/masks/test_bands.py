"""Bands over the values of masks: a partition of unity that reproduces the masks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.masks.bands import mask_bands

Bands = list[tuple[np.ndarray, np.ndarray]]


def some_masks(regions: int, positions: int, seed: int) -> list[np.ndarray]:
    """Make masks that leave gaps, overlap, and are 0 or 1 over stretches."""
    random = np.random.default_rng(seed)
    values = np.clip(random.uniform(-0.4, 1.2, (regions, positions)), 0, 1)
    return list((values * random.choice([0.3, 0.6, 1.0], positions)).astype(np.float32))


CASES = given(
    regions=st.integers(1, 4),
    positions=st.integers(1, 40),
    bands=st.integers(2, 9),
    seed=st.integers(0, 2**32 - 1),
)


@settings(max_examples=60)
@CASES
def test_they_reproduce_the_masks_and_cover_every_position(
    regions: int, positions: int, bands: int, seed: int
) -> None:
    masks = some_masks(regions, positions, seed)
    found = mask_bands(masks, bands)
    total = sum(values for values, _ in found)
    np.testing.assert_allclose(total, np.maximum(np.sum(masks, axis=0), 1), rtol=1e-5)
    again = sum(np.multiply.outer(center, values) for values, center in found)
    np.testing.assert_allclose(again, np.stack(masks), rtol=0, atol=2e-5)
    for values, center in found:
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert (values <= total + 1e-5).all()
        assert values.any()
        # Centers are points of the grid on the simplex, on which equal masks share one axis.
        _, group = np.unique(np.stack(masks), axis=0, return_inverse=True)
        steps = np.bincount(group.ravel(), center) * (bands - 1)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
        assert center.min() >= 0
        assert center.sum() <= 1 + 1e-9


@settings(max_examples=60)
@CASES
def test_a_position_belongs_to_its_neighbors_on_the_grid_only(
    regions: int, positions: int, bands: int, seed: int
) -> None:
    masks = some_masks(regions, positions, seed)
    shares = np.stack(masks) / np.maximum(np.sum(masks, axis=0), 1)
    for values, center in mask_bands(masks, bands):
        near = np.abs(shares - center[:, None]).max(axis=0)
        assert near[values > 1e-5].max(initial=0) <= 1 / (bands - 1) + 1e-5


@pytest.mark.parametrize("bands", [2, 3, 5])
def test_two_complementary_masks_have_triangular_hats(bands: int) -> None:
    ramp = np.linspace(0, 1, 41, dtype=np.float32)
    for masks in ([ramp, 1 - ramp], [1 - ramp, ramp]):
        found = {round(center[0], 6): values for values, center in mask_bands(masks, bands)}
        centers = np.linspace(0, 1, bands)
        assert sorted(found) == [round(center, 6) for center in centers]
        for center in centers:
            hat = np.clip(1 - np.abs(masks[0] - center) * (bands - 1), 0, 1)
            np.testing.assert_allclose(found[round(center, 6)], hat, rtol=0, atol=1e-5)


def test_one_mask_is_banded_against_what_it_leaves() -> None:
    ramp = np.linspace(0, 1, 21, dtype=np.float32)
    found = {float(center[0]): values for values, center in mask_bands([ramp], 3)}
    assert sorted(found) == [0, 0.5, 1]
    np.testing.assert_allclose(found[0.5], 1 - np.abs(2 * ramp - 1), rtol=0, atol=1e-5)


def by_center(bands: Bands, order: tuple[int, ...]) -> dict[tuple[float, ...], np.ndarray]:
    """Key the bands by their centers, with the regions put back in their first order."""
    found = {}
    for values, center in bands:
        back = np.empty(len(order))
        back[list(order)] = center
        found[tuple(np.round(back, 6))] = values
    return found


@pytest.mark.parametrize("kind", ["random", "equal areas", "two equal", "three equal"])
@pytest.mark.parametrize("bands", [3, 4])
def test_the_order_of_the_regions_changes_nothing(bands: int, kind: str) -> None:
    masks = some_masks(3, 30, 3)
    if kind == "equal areas":
        masks = [np.roll(masks[0] / 3, shift) for shift in (0, 10, 20)]
    elif kind == "two equal":
        masks[1] = masks[2]
    elif kind == "three equal":
        masks = [masks[0] / 3] * 3
    expected = by_center(mask_bands(masks, bands), (0, 1, 2))
    for order in itertools.permutations(range(3)):
        found = by_center(mask_bands([masks[index] for index in order], bands), order)
        assert found.keys() == expected.keys()
        for center, values in found.items():
            np.testing.assert_allclose(values, expected[center], rtol=0, atol=1e-5)


def test_equal_masks_are_styled_alike_everywhere() -> None:
    ramp = np.linspace(0, 1, 21, dtype=np.float32)
    for _, center in mask_bands([ramp / 2, 1 - ramp, ramp / 2], 4):
        assert center[0] == center[2]
