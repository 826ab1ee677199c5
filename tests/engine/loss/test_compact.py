from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.loss.compact import COMPACT_POSITIONS, CompactValues, compact
from engine.loss.terms import LayerGuidance


@given(
    positions=st.integers(1, 5000),
    pieces=st.lists(st.tuples(st.integers(1, 2000), st.sampled_from([0, 0.25, 1, None]))),
    seed=st.integers(0, 2**32 - 1),
)
def test_compact_values_are_the_values(
    positions: int, pieces: list[tuple[int, float | None]], seed: int
) -> None:
    random = np.random.default_rng(seed)
    values = np.zeros(positions, np.float32)
    start = 0
    for length, level in pieces:
        part = values[start : start + length]
        part[...] = random.random(len(part)) if level is None else level
        start += length
    found = CompactValues.of(values)
    assert found.size == positions
    np.testing.assert_array_equal(np.asarray(found), values)
    some = np.sort(random.integers(0, positions, 50))
    np.testing.assert_array_equal(found[some], values[some])
    first, last = sorted(random.integers(0, positions + 1, 2))
    np.testing.assert_array_equal(found[first:last], values[first:last])
    np.testing.assert_array_equal(found[:], values)


def test_a_large_mask_takes_memory_only_where_it_varies() -> None:
    columns = np.arange(4000)
    row = np.clip((columns - 1000) / 400, 0, 1).astype(np.float32)
    mask = np.tile(row, 3000)
    guidance = LayerGuidance.of(mask)
    assert isinstance(guidance.values, CompactValues)
    assert guidance.values.nbytes < mask.nbytes / 3
    assert guidance.positions == mask.size
    np.testing.assert_allclose(guidance.total, row.sum(dtype=np.float64) * 3000, rtol=1e-12)
    everywhere = LayerGuidance.of(np.ones(mask.size, np.float32))
    assert everywhere.values.nbytes < mask.nbytes / 100


def test_a_small_mask_stays_an_array() -> None:
    assert isinstance(compact(np.ones(COMPACT_POSITIONS - 1, np.float32)), np.ndarray)
