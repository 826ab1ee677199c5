"""The losses against loops written from the equations, and the gradients against differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

import numpy as np
import pytest

from engine.loss.definition import (
    LAGS,
    content_loss,
    gram_loss,
    masked_gram,
    masked_mean,
    moments_loss,
    protect_factors,
    style_loss,
    total_variation,
    variogram,
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def looped_gram(F: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Equation 7: the sum over positions of T F_i F_j, not divided by anything."""
    channels, positions = F.shape
    G = np.zeros((channels, channels))
    for i in range(channels):
        for j in range(channels):
            for m in range(positions):
                G[i, j] += T[m] * F[i, m] * F[j, m]
    return G


def soft(random: np.random.Generator, positions: int) -> np.ndarray:
    return np.clip(random.uniform(-0.5, 1.5, positions), 0, 1)


def assert_gradient(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    x: np.ndarray,
    random: np.random.Generator,
) -> None:
    """Compare with central differences along directions; polynomials of degree four at most."""
    _, gradient = function(x)
    assert gradient.shape == x.shape
    for _ in range(3):
        v = random.normal(size=x.shape)
        h = 1e-4
        there, back = function(x + h * v)[0], function(x - h * v)[0]
        np.testing.assert_allclose((gradient * v).sum(), (there - back) / (2 * h), rtol=1e-6)


def test_content_loss_is_half_the_squared_distance_per_position(
    random: np.random.Generator,
) -> None:
    F, P = random.normal(size=(2, 4, 6))
    expected = sum((F[i, m] - P[i, m]) ** 2 for i in range(4) for m in range(6)) / (2 * 6)
    np.testing.assert_allclose(content_loss(F, P)[0], expected, rtol=1e-12)
    assert content_loss(P, P)[0] == 0
    assert_gradient(lambda x: content_loss(x, P), F, random)


def test_a_position_of_the_content_loss_counts_as_often_as_it_is_said(
    random: np.random.Generator,
) -> None:
    F, P = random.normal(size=(2, 4, 6))
    K = random.uniform(1, 30, 6)
    expected = sum(K[m] * (F[i, m] - P[i, m]) ** 2 for i in range(4) for m in range(6)) / (2 * 6)
    np.testing.assert_allclose(content_loss(F, P, K)[0], expected, rtol=1e-12)
    assert_gradient(lambda x: content_loss(x, P, K), F, random)
    ones = content_loss(F, P, np.ones(6))
    np.testing.assert_allclose(ones[0], content_loss(F, P)[0], rtol=1e-12)
    np.testing.assert_allclose(ones[1], content_loss(F, P)[1], rtol=1e-12)


def test_the_factors_of_what_is_kept_are_mixed_as_factors() -> None:
    g = np.array([0, 0.25, 0.5, 1], np.float32)
    # Content over style: once, and where g is a quarter, a half and 1, so many times.
    np.testing.assert_allclose(protect_factors(g, 81.0) ** 2, [1, 3, 9, 81], rtol=1e-6)
    np.testing.assert_array_equal(protect_factors(g, 1.0), 1)


def test_style_loss_is_the_looped_definition(random: np.random.Generator) -> None:
    channels, positions = 4, 7
    F, S = random.normal(size=(2, channels, positions))
    T, U = soft(random, positions), soft(random, positions)
    A = masked_gram(S, U)
    np.testing.assert_allclose(A, looped_gram(S, U) / U.sum(), rtol=1e-12)
    G = looped_gram(F, T) / T.sum()
    area = T.sum() / positions
    squares = sum((G[i, j] - A[i, j]) ** 2 for i in range(channels) for j in range(channels))
    expected = area / (4 * channels**2) * squares
    np.testing.assert_allclose(style_loss(F, T, A)[0], expected, rtol=1e-12)
    assert_gradient(lambda x: style_loss(x, T, A), F, random)


def test_the_loss_of_the_moments_is_the_looped_definition(random: np.random.Generator) -> None:
    channels, positions = 4, 7
    F, S = random.normal(size=(2, channels, positions)) + 1
    T, U = soft(random, positions), soft(random, positions)
    A, b = masked_gram(S, U), masked_mean(S, U)
    for i in range(channels):
        np.testing.assert_allclose(b[i], sum(S[i] * U) / U.sum(), rtol=1e-12)
    m = np.array([sum(F[i] * T) / T.sum() for i in range(channels)])

    def covariance(x: np.ndarray, means: np.ndarray, mask: np.ndarray, i: int, j: int) -> float:
        return sum((x[i] - means[i]) * (x[j] - means[j]) * mask) / mask.sum()

    squares = sum(
        (covariance(F, m, T, i, j) - covariance(S, b, U, i, j)) ** 2
        for i in range(channels)
        for j in range(channels)
    )
    power = sum(sum(S[i] ** 2 * U) for i in range(channels)) / U.sum()
    squares += 2 * power * sum((m[i] - b[i]) ** 2 for i in range(channels))
    area = T.sum() / positions

    def whole(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, D, d = moments_loss(masked_gram(x, T), masked_mean(x, T), A, b, area)
        return value, (D @ x + d[:, None]) * T / positions

    np.testing.assert_allclose(whole(F)[0], area / (4 * channels**2) * squares, rtol=1e-11)
    assert_gradient(whole, F, random)


def test_features_that_are_only_shifted_have_a_loss_of_their_means_alone(
    random: np.random.Generator,
) -> None:
    S = random.normal(size=(5, 9))
    ones = np.ones(9)
    A, b = masked_gram(S, ones), masked_mean(S, ones)
    F = S + 2
    value, D, _ = moments_loss(masked_gram(F, ones), masked_mean(F, ones), A, b, 1.0)
    np.testing.assert_allclose(D, 0, atol=1e-12)
    np.testing.assert_allclose(value, np.trace(A) / (2 * 25) * 5 * 4, rtol=1e-12)


def test_a_mask_of_ones_gives_the_equations_without_a_mask(random: np.random.Generator) -> None:
    # Equations 2 to 5 of the paper: G = F F', E = ||G - A||^2 / (4 N^2 M^2), on sums divided by M.
    channels, positions = 5, 11
    F, S = random.normal(size=(2, channels, positions))
    ones = np.ones(positions)
    value, gradient = style_loss(F, ones, masked_gram(S, ones))
    G, A = F @ F.T, S @ S.T
    expected = ((G - A) ** 2).sum() / (4 * channels**2 * positions**2)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    # Equation 5's derivative; the ReLU's condition is the network's part.
    slope = (G - A) @ F / (channels**2 * positions**2)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12)


def test_gram_sums_of_complementary_masks_add_up(random: np.random.Generator) -> None:
    F = random.normal(size=(6, 40))
    T = soft(random, 40)
    parts = masked_gram(F, T) * T.sum() + masked_gram(F, 1 - T) * (1 - T).sum()
    np.testing.assert_allclose(parts, F @ F.T, rtol=1e-12)


def test_a_position_of_a_small_region_is_as_strongly_styled(random: np.random.Generator) -> None:
    # A region of 5 % and one of 50 %, each filled with the same features over and over.
    some = random.normal(size=(6, 10))
    A = masked_gram(random.normal(size=(6, 10)), np.ones(10))
    positions = 200
    found = []
    for share in (0.05, 0.5):
        F = random.normal(size=(6, positions))
        T = np.zeros(positions)
        covered = round(share * positions)
        F[:, :covered] = np.tile(some, covered // 10)
        T[:covered] = 1
        value, gradient = style_loss(F, T, A)
        assert not gradient[:, covered:].any()
        found.append((value / share, gradient[:, :10]))
    (small, small_gradient), (large, large_gradient) = found
    np.testing.assert_allclose(small, large, rtol=1e-12)
    np.testing.assert_allclose(small_gradient, large_gradient, rtol=1e-12)


def test_the_matrix_of_gram_loss_is_the_gradient_without_the_features(
    random: np.random.Generator,
) -> None:
    F = random.normal(size=(5, 9))
    T = soft(random, 9)
    A = masked_gram(random.normal(size=(5, 9)), np.ones(9))
    value, gradient = style_loss(F, T, A)
    again, D = gram_loss(masked_gram(F, T), A, T.mean())
    assert again == value
    np.testing.assert_allclose(D @ F * T / 9, gradient, rtol=1e-12)


@pytest.mark.parametrize("lag", LAGS)
def test_a_variogram_is_the_looped_definition(
    random: np.random.Generator, lag: tuple[int, int]
) -> None:
    X, T = random.normal(size=(3, 7, 6)), random.uniform(0, 1, (7, 6))
    down, right = lag
    expected, total = np.zeros((3, 3)), 0.0
    for y in range(7):
        for x in range(6):
            if y + down < 7 and 0 <= x + right < 6:
                e = X[:, y, x] - X[:, y + down, x + right]
                w = np.sqrt(T[y, x] * T[y + down, x + right])
                expected += w * np.outer(e, e)
                total += w
    np.testing.assert_allclose(variogram(X, T, lag), expected / total, rtol=1e-12)


def test_a_weave_and_specks_of_the_same_strength_have_other_variograms() -> None:
    ones = np.ones((64, 64))
    weave = np.broadcast_to(20.0 * (-1) ** np.arange(64), (3, 64, 64))
    specks = np.random.default_rng(1).choice([-20.0, 20.0], (1, 64, 64)) * np.ones((3, 1, 1))
    lags = ((0, 1), (0, 2))
    found = [[np.trace(variogram(each, ones, lag)) for lag in lags] for each in (weave, specks)]
    # Of a weave every neighbor differs and no second one, of specks half of both.
    np.testing.assert_allclose(found[0], [3 * 1600, 0], rtol=1e-12)
    np.testing.assert_allclose(found[1], [3 * 800, 3 * 800], rtol=0.1)


def neighbors(height: int, width: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for y in range(height):
        for x in range(width):
            if y + 1 < height:
                yield (y, x), (y + 1, x)
            if x + 1 < width:
                yield (y, x), (y, x + 1)


def test_total_variation_is_the_squared_differences_of_neighbors_per_pixel(
    random: np.random.Generator,
) -> None:
    X = random.uniform(0, 255, (3, 5, 4))
    pairs = list(neighbors(5, 4))
    assert len(pairs) == 4 * 4 + 5 * 3
    squares = sum((X[c][one] - X[c][other]) ** 2 for c in range(3) for one, other in pairs)
    np.testing.assert_allclose(total_variation(X)[0], squares / 20, rtol=1e-12)
    assert_gradient(total_variation, X, random)


def test_float32_values_are_summed_without_loss() -> None:
    # A million equal squares: a running float32 sum would stop growing well before the end.
    F = np.full((4, 1 << 20), 0.1, np.float32)
    expected = 4 * float(np.float32(0.1)) ** 2 / 2
    np.testing.assert_allclose(content_loss(F, np.zeros_like(F))[0], expected, rtol=1e-5)


def test_a_mask_that_covers_nothing_is_refused_with_the_number_of_positions() -> None:
    with pytest.raises(ValueError, match="covers 0 of 12 positions"):
        masked_gram(np.ones((3, 12)), np.zeros(12))
    with pytest.raises(ValueError, match="0 of 12"):
        masked_mean(np.ones((3, 12)), np.zeros(12))
    with pytest.raises(ValueError, match="0 of 42"):
        variogram(np.ones((3, 6, 8)), np.zeros((6, 8)), (0, 1))
