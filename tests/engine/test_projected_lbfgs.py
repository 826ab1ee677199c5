"""The direction of the float32 L-BFGS, against dense matrices and on uneven curvature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.loss.objective import Evaluation
from engine.optimizers import Lbfgs32
from engine.projected_lbfgs import DiagonalLbfgs, ProjectedLbfgs

SHAPE = (3, 48, 2)


def smoothed(plane: np.ndarray, sigma: float) -> np.ndarray:
    """Filter a plane with a Gaussian out to 4 sigma, mirrored at the edges, by its definition."""
    for _ in range(2):
        size = len(plane)
        offsets = np.arange(-int(4 * sigma), int(4 * sigma) + 1)
        kernel = np.exp(-(offsets**2) / (2 * sigma**2))
        kernel /= kernel.sum()
        at = (np.arange(size)[:, None] + offsets) % (2 * size)
        at = np.where(at < size, at, 2 * size - 1 - at)
        plane = (kernel[:, None] * plane[at]).sum(axis=1).T
    return plane


def dense_diagonal(pairs: list[tuple[np.ndarray, np.ndarray]], free: np.ndarray) -> np.ndarray:
    """Return the diagonal of the first matrix by its definition, for pictures of SHAPE."""
    sums = [
        sum(np.where(free, a * b, 0).reshape(SHAPE).sum(axis=0) for a, b in products)
        for products in (pairs, [(s, s) for s, _ in pairs])
    ]
    curved, moved = (smoothed(plane, 4.0) for plane in sums)
    mean = curved.mean() / moved.mean()
    few = moved.mean() / 1000
    ratio = np.clip((curved + few * mean) / (moved + few) / mean, 1 / 8, 8)
    # Along the edge, the nearest value that is 16 pixels away from it, or in the middle.
    rows, columns = (
        np.clip(np.arange(side), min(16, (side - 1) // 2), side - 1 - min(16, (side - 1) // 2))
        for side in ratio.shape
    )
    ratio = ratio[np.ix_(rows, columns)]
    return np.broadcast_to(1 / ratio, SHAPE).ravel()


@pytest.mark.parametrize("kind", [ProjectedLbfgs, DiagonalLbfgs])
def test_the_float32_direction_is_that_of_the_dense_bfgs_matrix_on_the_free_values(
    kind: type[ProjectedLbfgs],
) -> None:
    # Nocedal and Wright 2006, equation 7.19, on what the active set leaves of the pairs.
    random = np.random.default_rng(2)
    size = math.prod(SHAPE)
    matrix = random.normal(size=(size, size))
    matrix = matrix @ matrix.T + np.eye(size)
    # The rows have different curvatures, so that the diagonal is not even.
    rows = np.broadcast_to(np.geomspace(0.2, 25, SHAPE[1])[:, None], SHAPE).ravel()
    matrix *= np.sqrt(np.outer(rows, rows))
    center = random.uniform(-60, 315, size)
    search = kind(random.uniform(0, 255, SHAPE), 0.0, 255.0, memory=4)
    points: list[np.ndarray] = []
    gradients: list[np.ndarray] = []
    fixed, uneven = 0, 1.0
    for step in range(12):
        x = search.trial.ravel().astype(np.float64)
        g = (matrix @ (x - center)).astype(np.float32)
        points.append(x)
        gradients.append(g.astype(np.float64))
        search.tell(-float(2**step) * 1e9, g)  # so low that every trial is accepted
        if step < 1:
            continue
        free = ((x > 0) | (g < 0)) & ((x < 255) | (g > 0))
        fixed += int(np.count_nonzero(~free))
        pairs = [
            (points[k + 1] - points[k], gradients[k + 1] - gradients[k])
            for k in range(max(0, step - 4), step)
        ]
        pairs = [(s, y) for s, y in pairs if s @ y > 0]
        diagonal = dense_diagonal(pairs, free) if kind is DiagonalLbfgs else np.ones(size)
        uneven = max(uneven, diagonal.max() / diagonal.min())
        inverse = np.diag(diagonal[free])
        pairs = [(s[free], y[free]) for s, y in pairs if s[free] @ y[free] > 0]
        inverse *= pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ inverse @ pairs[-1][1])
        for s, y in pairs:
            turn = np.eye(len(s)) - np.outer(s, y) / (s @ y)
            inverse = turn @ inverse @ turn.T + np.outer(s, s) / (s @ y)
        assert np.linalg.eigvalsh(inverse).min() > 0  # so the direction is one of descent
        expected = x.copy()
        expected[free] -= inverse @ g[free]
        expected = np.clip(expected, 0, 255).reshape(SHAPE)
        np.testing.assert_allclose(search.trial, expected, atol=2e-2)
    assert fixed > 10
    assert uneven > 1.05 or kind is ProjectedLbfgs


def test_a_diagonal_saves_evaluations_where_the_curvature_differs_from_place_to_place() -> None:
    shape = (3, 48, 64)
    places = np.exp(np.linspace(0, 4, 48, dtype=np.float32))[:, None]  # 1 to 55
    center = np.random.default_rng(3).uniform(-20, 275, shape).astype(np.float32)

    def evaluate(picture: np.ndarray) -> Evaluation:
        away = picture - center
        around = away - (np.roll(away, 1, 1) + np.roll(away, 1, 2)) / 4
        back = around - (np.roll(around, -1, 1) + np.roll(around, -1, 2)) / 4
        gradient = places * away + back
        loss = float((places * away**2).sum() + (around**2).sum()) / 2
        return Evaluation(loss, gradient, {})

    start = np.full(shape, 100, np.float32)
    plain, diagonal = (
        Lbfgs32(10, diagonal=diagonal).minimize(
            evaluate, start, (0.0, 255.0), steps=25, on_step=lambda step, trace: False
        )
        for diagonal in (False, True)
    )
    enough = next(n for n, loss in enumerate(diagonal.losses, 1) if loss <= plain.loss)
    assert enough < 0.9 * plain.evaluations
