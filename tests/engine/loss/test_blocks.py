"""Block sums against the definition of the losses, at block boundaries and on any threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.loss import blocks
from engine.loss.blocks import BlockedLosses
from engine.loss.definition import content_loss, masked_gram, masked_mean, moments_loss, style_loss
from engine.loss.terms import ContentTerm, LayerGuidance, LayerTerm, MomentsTerm, StyleTerm

BLOCK = 64  # positions in a block of 8 channels, below


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_VALUES", 8 * BLOCK)


def make_mask(random: np.random.Generator, positions: int, kind: str) -> np.ndarray:
    mask = {
        "ones": np.ones(positions),
        "soft": np.clip(random.uniform(-0.5, 1.5, positions), 0, 1),
        "half": (np.arange(positions) < positions / 2) * 1.0,
        "one position": (np.arange(positions) == positions - 1) * 1.0,
        "zero": np.zeros(positions),
    }[kind]
    return mask.astype(np.float32)


def assert_like(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6 * np.abs(expected).max())


@settings(max_examples=60)
@given(
    positions=st.sampled_from([1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 2]),
    channels=st.sampled_from([8, 5, 8 * BLOCK + 3]),
    kinds=st.lists(st.sampled_from(["ones", "soft", "half", "one position"]), max_size=3),
    with_content=st.booleans(),
    kept=st.booleans(),
    threads=st.sampled_from([1, 2, 5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_blocks_add_up_to_the_definition(
    positions: int,
    channels: int,
    kinds: list[str],
    with_content: bool,
    kept: bool,
    threads: int,
    seed: int,
) -> None:
    positions = min(positions, 80) if channels > 8 else positions
    random = np.random.default_rng(seed)
    F, P = random.normal(size=(2, channels, positions)).astype(np.float32)
    masks = [LayerGuidance.of(make_mask(random, positions, kind)) for kind in kinds]
    assume(all(mask.total for mask in masks))  # one soft position may be 0
    exact = F.astype(np.float64)
    terms: list[LayerTerm] = []
    expected = np.zeros(F.shape)
    losses = []
    for mask in masks:
        A = masked_gram(random.normal(size=F.shape), np.ones(positions)).astype(np.float32)
        terms.append(StyleTerm("layer", mask, 1.7, 0, A))
        value, gradient = style_loss(exact, np.asarray(mask.values), A.astype(np.float64))
        losses.append(1.7 * value)
        expected += 1.7 * gradient
        S = random.normal(size=F.shape) + 0.5
        A, b = masked_gram(S, np.ones(positions)), S.mean(axis=1)
        single = A.astype(np.float32), b.astype(np.float32)
        terms.append(MomentsTerm("layer", mask, 0.6, 0, *single))
        T = np.asarray(mask.values, np.float64)
        value, D, d = moments_loss(masked_gram(exact, T), masked_mean(exact, T), A, b, mask.area)
        losses.append(0.6 * value)
        expected += 0.6 * (D @ exact + d[:, None]) * T / positions
    if with_content:
        K = random.uniform(1, 30, positions).astype(np.float32) if kept else None
        terms.append(ContentTerm("layer", P, 0.3, positions, K))
        value, gradient = content_loss(exact, P.astype(np.float64), K)
        losses.append(0.3 * value)
        expected += 0.3 * gradient

    out = {"layer": np.full(F.shape, np.nan, np.float32)}
    with BlockedLosses(threads) as blocked:
        sums = blocked.sums({"layer": F}, terms)
        found = [term.loss(each) for term, each in zip(terms, sums)]
        blocked.gradients({"layer": F}, terms, [slope for _, slope in found], out)
    np.testing.assert_allclose([value for value, _ in found], losses, rtol=2e-5)
    scale = max(np.abs(expected).max(), 1e-3 / positions)
    np.testing.assert_allclose(out["layer"], expected, rtol=0, atol=6e-6 * scale)


def test_a_layer_without_terms_has_no_gradient() -> None:
    F = np.ones((8, 3 * BLOCK), np.float32)
    zero = LayerGuidance.of(make_mask(np.random.default_rng(0), 3 * BLOCK, "zero"))
    one_block = LayerGuidance.of(np.arange(3 * BLOCK) // BLOCK == 1)
    A = np.zeros((8, 8), np.float32)
    out = {name: np.full(F.shape, np.nan, np.float32) for name in ("none", "zero", "middle")}
    features = dict.fromkeys(out, F)
    terms: list[LayerTerm] = [
        StyleTerm("zero", zero, 1.0, 0, A),
        StyleTerm("middle", zero, 1.0, 0, A),
        StyleTerm("middle", one_block, 1.0, 0, A),
        MomentsTerm("zero", zero, 1.0, 0, A, A[0]),
    ]
    slopes = [*[np.eye(8, dtype=np.float32)] * 3, np.ones((8, 9), np.float32)]
    with BlockedLosses(2) as blocked:
        blocked.gradients(features, terms, slopes, out)
        assert [each is None for each in blocked.sums(features, terms)] == [True, True, False, True]
    assert not out["none"].any()
    assert not out["zero"].any()
    expected = (np.arange(3 * BLOCK) // BLOCK == 1) / (3 * BLOCK)
    np.testing.assert_allclose(out["middle"], np.tile(expected, (8, 1)), rtol=1e-6)


def test_the_number_of_threads_changes_no_bit() -> None:
    random = np.random.default_rng(1)
    F = random.normal(size=(8, 20 * BLOCK + 5)).astype(np.float32)
    mask = LayerGuidance.of(make_mask(random, F.shape[1], "soft"))
    term = StyleTerm("a", mask, 1.0, 0, np.zeros((8, 8), np.float32))
    found = []
    for threads in (1, 2, 7, 7):
        with BlockedLosses(threads) as blocked:
            found.append(blocked.sums({"a": F}, [term])[0])
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_the_threads_end_with_the_pool() -> None:
    before = threading.active_count()
    with BlockedLosses(3) as blocked:
        blocked.sums({"a": np.ones((2, 9), np.float32)}, [])
    assert threading.active_count() == before


def test_a_mask_knows_its_sum_and_share() -> None:
    mask = LayerGuidance.of(np.array([[0, 0.25], [1, 0.25]]))
    assert np.asarray(mask.values).shape == (4,)
    assert mask.total == 1.5
    assert mask.area == 0.375


def test_sums_of_many_blocks_keep_their_digits() -> None:
    # 2,500 equal blocks: each float32 addition to the total would lose some of its last digits.
    F = np.full((1, 20_000 * BLOCK), 0.1, np.float32)
    guidance = LayerGuidance.of(np.ones(F.shape[1]))
    term = StyleTerm("a", guidance, 1.0, 0, np.zeros((1, 1), np.float32))
    with BlockedLosses(2) as blocked:
        (total,) = blocked.sums({"a": F}, [term])
    block = slice(8 * BLOCK)
    np.testing.assert_allclose(total, 2_500 * np.float64(term.sums(F[:, block], block)), rtol=1e-12)
