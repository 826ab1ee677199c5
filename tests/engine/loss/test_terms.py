"""Terms of the loss by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from engine.loss.definition import total_variation
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
