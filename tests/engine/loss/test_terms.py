"""Terms of the loss by themselves."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from engine.loss.definition import LAGS, grain_factor, total_variation, variogram
from engine.loss.grain import GrainTerm, variograms
from engine.loss.terms import SmoothingTerm


@pytest.mark.parametrize("strip", [1, 3 * 19, 7 * 19, 40 * 19])
def test_smoothing_by_strips_is_the_total_variation(
    monkeypatch: pytest.MonkeyPatch, strip: int
) -> None:
    random = np.random.default_rng(1)
    picture = random.uniform(0, 255, (3, 23, 19)).astype(np.float32)
    before = random.normal(size=picture.shape).astype(np.float32)
    monkeypatch.setattr("engine.loss.terms.STRIP_PIXELS", strip)
    gradient = before.copy()
    found = SmoothingTerm(0.7).add_gradient(picture, gradient)
    value, slope = total_variation(picture)
    if strip > picture[0].size:
        assert found == 0.7 * value
        np.testing.assert_array_equal(gradient, before + np.float32(0.7) * slope)
    np.testing.assert_allclose(found, 0.7 * value, rtol=1e-6)
    np.testing.assert_allclose(gradient - before, 0.7 * slope, rtol=0, atol=1e-5)


def grain_term(mask: np.ndarray) -> GrainTerm:
    random = np.random.default_rng(2)
    targets = variograms(random.uniform(0, 255, (3, 20, 21)), np.ones((20, 21)))
    assert targets is not None
    return GrainTerm.of(mask.astype(np.float32), targets, 0.7, 0)


@pytest.mark.parametrize("kind", ["whole", "soft", "one pair"])
@pytest.mark.parametrize("strip", [1, 7 * 19, 40 * 19])
def test_grain_by_strips_is_the_definition(
    monkeypatch: pytest.MonkeyPatch, strip: int, kind: str
) -> None:
    monkeypatch.setattr("engine.loss.grain.STRIP_PIXELS", strip)
    random = np.random.default_rng(1)
    X = random.uniform(0, 255, (3, 23, 19))
    mask = {"whole": np.ones((23, 19)), "soft": random.uniform(0, 1, (23, 19))}.get(kind)
    if mask is None:
        mask = np.zeros((23, 19))
        mask[4, 5:7] = 0.5
    term = grain_term(mask)
    T = mask.astype(np.float32).astype(np.float64)

    def loss(x: np.ndarray) -> float:
        found = 0.0
        for lag, A in zip(LAGS, term.targets):
            with suppress(ValueError):  # no pair at this lag
                S = variogram(x, T, lag)
                found += grain_factor(A, T.mean()) * ((S - A) ** 2).sum()
        return 0.7 * found / len(LAGS)

    before = random.normal(size=X.shape)
    gradient = before.copy()
    np.testing.assert_allclose(term.add_gradient(X, gradient), loss(X), rtol=1e-6)
    for seed in range(3):
        v = np.random.default_rng(seed).normal(size=X.shape)
        slope = (loss(X + 1e-3 * v) - loss(X - 1e-3 * v)) / 2e-3
        np.testing.assert_allclose(((gradient - before) * v).sum(), slope, rtol=1e-4)


def test_a_picture_of_the_styles_grain_has_no_loss_and_no_gradient() -> None:
    X = np.random.default_rng(2).uniform(0, 255, (3, 20, 21))
    gradient = np.zeros_like(X)
    assert grain_term(np.ones((20, 21))).add_gradient(X, gradient) < 1e-12
    np.testing.assert_allclose(gradient, 0, atol=1e-7)
