"""Masks carried to layers: against a brute-force receptive field, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.job import LAYERS, PROPAGATIONS
from engine.loss.definition import masked_gram
from engine.masks.propagation import propagate, steepen, steepen_relative
from models.vgg16 import layer_size
from tests.reference import receptive_field

LAYERS_TO_CHECK = ("conv1_1", "conv2_2", "conv3_2", "conv4_1", "conv5_3")
SIZES = st.tuples(st.integers(16, 75), st.integers(16, 75))
MANY = settings(max_examples=40)


def soft_mask(height: int, width: int, seed: int) -> np.ndarray:
    """Make a mask with blocks of 0 and 1, ramps and grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    slope = random.normal(0, 0.15, 2)
    ramp = (y - random.uniform(0, height)) * slope[0] + (x - random.uniform(0, width)) * slope[1]
    mask = np.clip(ramp + random.normal(0, 0.2, (height, width)) * random.integers(2), 0, 1)
    top, left = random.integers(height), random.integers(width)
    mask[top : top + 9, left : left + 9] = random.integers(2)
    return mask.astype(np.float32)


@pytest.mark.parametrize("kind", PROPAGATIONS)
@pytest.mark.parametrize(
    ("size", "layer"),
    [((17, 22), "conv1_2"), ((19, 26), "conv2_1"), ((21, 16), "conv3_3"), ((35, 50), "conv5_1")],
    ids=str,
)
def test_it_is_what_the_receptive_field_sees(size: tuple[int, int], layer: str, kind: str) -> None:
    mask = np.random.default_rng(5).uniform(size=size).astype(np.float32)
    if kind == "resize":
        expected = receptive_field.resized(mask, layer)
    else:
        expected = receptive_field.guidance(mask, layer, kind)
    found = propagate(mask, (layer,), kind)[layer]
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@MANY
@given(size=SIZES, seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(PROPAGATIONS))
def test_it_stays_between_0_and_1_at_every_layer(
    size: tuple[int, int], seed: int, kind: str
) -> None:
    carried = propagate(soft_mask(*size, seed), LAYERS, kind)
    assert tuple(carried) == LAYERS
    for layer, values in carried.items():
        assert values.shape == layer_size(layer, *size)
        assert values.min() >= 0
        assert values.max() <= 1


@MANY
@given(
    size=SIZES,
    value=st.floats(0, 1, width=32),
    kind=st.sampled_from(PROPAGATIONS),
    grow=st.integers(-3, 3),
)
def test_constants_stay_constant(size: tuple[int, int], value: float, kind: str, grow: int) -> None:
    mask = np.full(size, value, np.float32)
    for values in propagate(mask, LAYERS_TO_CHECK, kind, grow).values():
        expected = np.float32(value) ** 2 if kind == "squared" else np.float32(value)
        np.testing.assert_array_equal(values, expected)


@MANY
@given(
    size=SIZES,
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
    kind=st.sampled_from(["receptive", "resize"]),
)
def test_averages_are_linear_and_protect_masks_complementary(
    size: tuple[int, int], seed: int, share: float, kind: str
) -> None:
    one, other = soft_mask(*size, seed), soft_mask(*size, seed + 1)
    mixed = propagate(share * one + (1 - share) * other, LAYERS_TO_CHECK, kind)
    first, second = (propagate(mask, LAYERS_TO_CHECK, kind) for mask in (one, other))
    rest = propagate(1 - one, LAYERS_TO_CHECK, kind)
    for layer in LAYERS_TO_CHECK:
        expected = share * first[layer] + (1 - share) * second[layer]
        np.testing.assert_allclose(mixed[layer], expected, rtol=0, atol=1e-6)
        np.testing.assert_allclose(first[layer] + rest[layer], 1, rtol=0, atol=1e-6)


@MANY
@given(size=SIZES, seed=st.integers(0, 2**32 - 1))
def test_the_square_is_what_multiplied_features_make_of_a_gram_matrix(
    size: tuple[int, int], seed: int
) -> None:
    mask = soft_mask(*size, seed)
    averages, squares = (
        propagate(mask, LAYERS_TO_CHECK, kind) for kind in ("receptive", "squared")
    )
    random = np.random.default_rng(seed)
    for layer in LAYERS_TO_CHECK:
        T = averages[layer].ravel().astype(np.float64)
        if T.sum() < 0.01:
            continue  # an empty region has no Gram matrix
        F = random.normal(size=(4, T.size)).astype(np.float32)
        multiplied = F * T
        expected = multiplied @ multiplied.T / (T**2).sum()
        np.testing.assert_allclose(masked_gram(F, squares[layer].ravel()), expected, atol=1e-4)


def test_squares_leave_half_of_the_style_in_the_middle_of_a_ramp() -> None:
    mask = np.full((32, 32), 0.5, np.float32)
    one, other = (propagate(each, ("conv2_1",), "squared") for each in (mask, 1 - mask))
    np.testing.assert_array_equal(one["conv2_1"] + other["conv2_1"], 0.5)


@MANY
@given(size=SIZES, seed=st.integers(0, 2**32 - 1))
def test_inside_is_below_the_average_and_all_above(size: tuple[int, int], seed: int) -> None:
    mask = soft_mask(*size, seed)
    inside, receptive, everything = (
        propagate(mask, LAYERS, kind) for kind in ("inside", "receptive", "all")
    )
    for layer in LAYERS:
        assert (inside[layer] <= receptive[layer] + 1e-6).all()
        assert (receptive[layer] <= everything[layer] + 1e-6).all()


@MANY
@given(size=SIZES, seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["inside", "all"]))
def test_growing_only_adds_and_shrinking_only_takes(
    size: tuple[int, int], seed: int, kind: str
) -> None:
    mask = soft_mask(*size, seed)
    steps = [propagate(mask, LAYERS_TO_CHECK, kind, grow) for grow in range(-3, 4)]
    for smaller, larger in zip(steps, steps[1:]):
        for layer in LAYERS_TO_CHECK:
            assert (smaller[layer] <= larger[layer]).all()


def test_growing_by_k_reaches_k_positions_in_every_direction() -> None:
    mask = np.zeros((32, 32), np.float32)
    mask[20, 11] = 1
    grown = propagate(mask, ("conv1_1",), "all", 2)["conv1_1"]
    expected = np.zeros((32, 32))
    expected[17:24, 8:15] = 1  # one position by the convolution, two by growing
    np.testing.assert_array_equal(grown, expected)
    shrunk = propagate(1 - mask, ("conv1_1",), "inside", -2)["conv1_1"]
    np.testing.assert_array_equal(shrunk, 1 - expected)


@MANY
@given(size=SIZES, seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(PROPAGATIONS))
def test_a_layer_does_not_depend_on_which_others_are_asked_for(
    size: tuple[int, int], seed: int, kind: str
) -> None:
    mask = soft_mask(*size, seed)
    together = propagate(mask, LAYERS[::-1], kind)
    for layer in LAYERS_TO_CHECK:
        np.testing.assert_array_equal(together[layer], propagate(mask, (layer,), kind)[layer])


def test_steepening_keeps_what_sees_more_region_than_anything_else() -> None:
    values = np.array([0, 0.25, 0.5, 0.625, 0.75, 1], np.float32)
    np.testing.assert_array_equal(steepen(values), [0, 0, 0, 0.25, 0.5, 1])


def test_relative_steepening_keeps_a_thin_region() -> None:
    mask = np.zeros((96, 96), np.float32)
    mask[:, 46:50] = 1
    for values in propagate(mask, ("conv1_1", "conv3_1", "conv5_1")).values():
        found = steepen_relative(values)
        assert found.max() == 1
        np.testing.assert_allclose(found, np.clip(2 * values / values.max() - 1, 0, 1), atol=1e-6)
        assert (steepen(values).max() == 0) == (values.max() <= 0.5)
    wide = propagate(np.ones_like(mask), ("conv5_1",))["conv5_1"]
    np.testing.assert_array_equal(steepen_relative(wide), steepen(wide))
    np.testing.assert_array_equal(steepen_relative(np.zeros(4, np.float32)), 0)


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="'outside'; allowed are 'receptive', 'inside'"):
        propagate(np.ones((16, 16)), ("conv1_1",), "outside")
