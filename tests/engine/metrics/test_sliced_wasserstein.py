"""The sliced Wasserstein distance on clouds whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.metrics.sliced_wasserstein import random_bases, sliced_wasserstein


def cloud(seed: int, dimensions: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(dimensions, count)).astype(np.float32)


def test_a_cloud_is_as_far_from_its_moved_copy_as_it_was_moved() -> None:
    points = cloud(1, 5, 200)
    move = np.array([3, 0, -1, 2, 0.5], np.float32)
    found = sliced_wasserstein(points, points[:, ::-1] + move[:, None])
    assert found == pytest.approx(np.linalg.norm(move), rel=1e-5)
    assert sliced_wasserstein(points, points[:, ::-1]) == pytest.approx(0, abs=1e-6)


def test_a_cloud_spread_out_twice_is_its_own_spread_away() -> None:
    points = cloud(2, 4, 300)
    spread = np.sqrt((points**2).sum() / 300)
    assert sliced_wasserstein(points, 2 * points, bases=3) == pytest.approx(spread, rel=1e-5)


def test_weights_are_repetitions() -> None:
    points, others = cloud(3, 3, 40), cloud(4, 3, 60) + 1
    times = np.random.default_rng(5).integers(0, 4, 40)
    found = sliced_wasserstein(points, others, times.astype(float))
    repeated = sliced_wasserstein(np.repeat(points, times, axis=1), others)
    assert found == pytest.approx(repeated, rel=1e-5)


def test_on_a_line_it_is_the_transport_that_a_linear_program_finds() -> None:
    from scipy.optimize import linprog

    random = np.random.default_rng(6)
    a, b = random.normal(size=7), random.normal(size=9)
    p, q = random.dirichlet(np.ones(7)), random.dirichlet(np.ones(9))
    cost = (a[:, None] - b) ** 2
    rows = np.kron(np.eye(7), np.ones(9))
    columns = np.kron(np.ones(7), np.eye(9))
    solved = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([p, q]))
    found = sliced_wasserstein(a[None], b[None], p, q)
    assert found == pytest.approx(np.sqrt(solved.fun), rel=1e-5)


def test_bases_are_orthonormal_seeded_and_drawn_evenly() -> None:
    for basis in random_bases(6, 3, 1):
        np.testing.assert_allclose(basis @ basis.T, np.eye(6), atol=1e-6)
    np.testing.assert_array_equal(random_bases(6, 2, 1), random_bases.__wrapped__(6, 2, 1))
    assert not np.array_equal(random_bases(6, 1, 1), random_bases(6, 1, 2))
    angles = [np.arctan2(*basis[0]) for basis in random_bases(2, 500, 3)]
    assert stats.kstest(angles, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_clouds_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="3 dimensions, the others 2"):
        sliced_wasserstein(cloud(1, 3, 5), cloud(1, 2, 5))
    with pytest.raises(ValueError, match="add up to 0"):
        sliced_wasserstein(cloud(1, 3, 5), cloud(1, 3, 5), np.zeros(5))
