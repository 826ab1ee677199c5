"""Sliced Wasserstein distance: how far two clouds of points are apart as distributions."""

from __future__ import annotations

import functools

import numpy as np


def sliced_wasserstein(
    points: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray | None = None,
    other_weights: np.ndarray | None = None,
    *,
    bases: int = 1,
    seed: int = 0,
) -> float:
    r"""Return the sliced Wasserstein distance of two weighted clouds of points.

    Both clouds are projected on the axes of random orthonormal bases. On a line the optimal
    transport of weighted points is the one that keeps their order, so each squared distance

    .. math:: W_2^2(u) = \int_0^1 (Q_u(t) - Q'_u(t))^2 \, dt

    of the two quantile functions is exact. It is summed over the axes of a basis and averaged over
    the bases, and the root is taken.

    Parameters
    ----------
    points, others : ndarray, shape (dimensions, count)
        The counts may differ.
    weights, other_weights : ndarray, shape (count,), optional
        Zero or more; equal weights if left out.
    bases : int
        How many random bases are used. The sum over a whole basis makes one do where there are
        many dimensions.
    seed : int
        Of the bases: the same seed gives the same distance.

    Returns
    -------
    float
        In the points' own unit. 0: the same distribution. A cloud and its copy moved by a vector
        are as far apart as the vector is long, for any basis.

    Raises
    ------
    ValueError
        If the dimensions differ, or the weights of a cloud add up to 0.

    References
    ----------
    Bonneel et al. 2015, *Sliced and Radon Wasserstein barycenters of measures*; Heitz et al. 2021,
    *A sliced Wasserstein loss for neural texture synthesis*.
    """
    if len(points) != len(others):
        message = f"points have {len(points)} dimensions, the others {len(others)}"
        raise ValueError(message)
    weights, other_weights = (
        np.ones(cloud.shape[1]) if given is None else np.asarray(given, np.float64)
        for cloud, given in ((points, weights), (others, other_weights))
    )
    if weights.sum() <= 0 or other_weights.sum() <= 0:
        message = "the weights of a cloud add up to 0"
        raise ValueError(message)
    total = 0.0
    for basis in random_bases(len(points), bases, seed):
        for line, other in zip(basis @ points, basis @ others):
            total += _squared_distance(line, weights, other, other_weights)
    return float(np.sqrt(total / bases))


@functools.lru_cache(maxsize=8)
def random_bases(dimensions: int, count: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return orthonormal bases drawn evenly from all, each with its axes as rows.

    Returns
    -------
    tuple of ndarray, shape (dimensions, dimensions)
        float32. The last ones are kept, since every size of a picture asks for the same.
    """
    random = np.random.default_rng(seed)
    bases = []
    for _ in range(count):
        basis, triangle = np.linalg.qr(random.standard_normal((dimensions, dimensions)))
        # Without the signs the factorization would prefer some rotations (Mezzadri 2007).
        bases.append((basis * np.sign(np.diag(triangle))).T.astype(np.float32))
    return tuple(bases)


def _squared_distance(
    values: np.ndarray, weights: np.ndarray, others: np.ndarray, other_weights: np.ndarray
) -> float:
    """Return the squared distance of two weighted sets of numbers."""
    sorted_values, levels = _quantiles(values, weights)
    sorted_others, other_levels = _quantiles(others, other_weights)
    # Between two neighboring levels of either set both quantile functions are constant.
    all_levels = np.concatenate([levels, other_levels])
    all_levels.sort(kind="stable")
    widths = np.diff(all_levels, prepend=0)
    middles = all_levels - widths / 2
    difference = (
        sorted_values[np.searchsorted(levels[:-1], middles)]
        - sorted_others[np.searchsorted(other_levels[:-1], middles)]
    )
    return float(np.dot(widths, np.square(difference, dtype=np.float64)))


def _quantiles(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values in order, and the share of the weight up to each one."""
    order = np.argsort(values)
    levels = np.cumsum(weights[order])
    return values[order], levels / levels[-1]
