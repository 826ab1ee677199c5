"""The rectangles that hold the covered pixels."""

from __future__ import annotations

import numpy as np
import pytest

from engine.pictures.compositing import rectangles


def drawn(found: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    count = np.zeros(shape, int)
    for left, top, width, height in found:
        assert width > 0 < height
        count[top : top + height, left : left + width] += 1
    return count


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_they_hold_each_covered_pixel_once_and_no_other(share: float) -> None:
    covered = np.random.default_rng(3).random((23, 31)) < share
    covered[5:9] = covered[4]
    np.testing.assert_array_equal(drawn(rectangles(covered), covered.shape), covered)


def test_a_rectangle_is_one() -> None:
    covered = np.zeros((20, 30), bool)
    covered[4:9, 7:19] = True
    assert rectangles(covered).tolist() == [[7, 4, 12, 5]]
