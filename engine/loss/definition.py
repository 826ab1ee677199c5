"""The losses and their gradients: these functions are the definition.

`F`, `P` are the features of the painted and of the content picture at one layer, shape (N, M): N
channels, M positions. `T` is the guidance of a region at that layer, shape (M,), from 0 to 1.
Equation numbers are those of Henighan, *Spatial Control in Neural Style Transfer*.
"""

from __future__ import annotations

import numpy as np

_STRETCH = 1024
"""Values that are summed in single precision; of a million, the sum would lose three digits."""


def content_loss(
    F: np.ndarray, P: np.ndarray, K: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Return the content loss and its gradient with respect to `F`.

    Equation 1 as a mean over positions, ``1/(2M) sum K (F - P)^2``, so that the same weight means
    the same at every picture size.

    Parameters
    ----------
    F, P : ndarray, shape (N, M)
    K : ndarray, shape (M,), optional
        How many times each position counts, as `protect_factors` gives it; without it, once.
    """
    difference = F - P
    positions = F.shape[1]
    if K is None:
        return 0.5 / positions * sum_of_squares(difference), difference / positions
    squares = float((difference**2).sum(axis=0, dtype=np.float64) @ K)
    return 0.5 / positions * squares, difference * (K / positions)


def protect_factors(g: np.ndarray, strength: float) -> np.ndarray:
    """Return how many times the content counts more, and the styles less, where it is protected.

    ``strength ** (g / 2)``: the content loss takes it as `K`, and the guidance `T` of every style
    is divided by it, so that the one counts ``strength ** g`` times as much against the other. The
    content loss alone, made `strength` times as strong, leaves colored grain, since
    the protected positions would still count fully in the Gram matrices.

    Parameters
    ----------
    g : ndarray
        The mask of what is protected, carried to the layer, from 0 to 1.
    strength : float
        From 1 up.
    """
    return np.power(np.float32(strength), g / 2)


def masked_gram(F: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Return the masked Gram matrix ``F diag(T) F' / sum(T)``, shape (N, N).

    Equation 7 divided by the mask's sum. The mask enters once: complementary masks add up to 1
    everywhere, where masked features would give T^2.

    Raises
    ------
    ValueError
        If the mask is 0 everywhere.
    """
    return (F * T) @ F.T / _sum_of_mask(T, "positions")


def style_loss(F: np.ndarray, T: np.ndarray, A: np.ndarray) -> tuple[float, np.ndarray]:
    """Return one region's style loss at one layer and its gradient with respect to `F`.

    Equation 4 with means instead of sums, multiplied by the area share ``a = sum(T) / M``,
    ``a / (4 N^2) ||Gm - A||^2``. A position of a small region is then styled as strongly as one of
    a large region.

    Parameters
    ----------
    F : ndarray, shape (N, M)
    T : ndarray, shape (M,)
    A : ndarray, shape (N, N)
        The target: the style picture's masked Gram matrix.
    """
    area = float(T.mean(dtype=np.float64))
    value, D = gram_loss(masked_gram(F, T), A, area)
    # dE/dF = 2 D F diag(T) / sum(T) with D = dE/dGm; gram_loss has divided by the area.
    return value, (D @ F) * (T / F.shape[1])


def gram_loss(G: np.ndarray, A: np.ndarray, area: float) -> tuple[float, np.ndarray]:
    """Return ``area / (4 N^2) ||G - A||^2`` and the matrix D of its gradient.

    The gradient with respect to the features is ``D F diag(T) / M``, with ``D = (G - A) / N^2``:
    the area share cancels the mask's sum in the mean Gram matrix.
    """
    channels = G.shape[0]
    difference = G - A
    return area / (4 * channels**2) * sum_of_squares(difference), difference / channels**2


def masked_mean(F: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Return the masked mean of the features ``F T / sum(T)``, shape (N,).

    Raises
    ------
    ValueError
        If the mask is 0 everywhere.
    """
    return F @ T / _sum_of_mask(T, "positions")


def _sum_of_mask(T: np.ndarray, unit: str) -> float:
    """Return the sum of a mask over its positions or pairs, which a mean is divided by.

    Raises
    ------
    ValueError
        If the mask is 0 everywhere.
    """
    total = float(T.sum(dtype=np.float64))
    if total <= 0:
        message = f"the mask covers 0 of {T.size} {unit}"
        raise ValueError(message)
    return total


def moments_loss(
    G: np.ndarray, m: np.ndarray, A: np.ndarray, b: np.ndarray, area: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the loss of covariances and means, with the matrix D and the vector d of its gradient.

    ``area / (4 N^2) (||C - B||^2 + 2 tr(A) ||m - b||^2)``, where ``C = G - m m'`` and
    ``B = A - b b'`` are the covariances of the features. A Gram matrix mixes the two: it does not
    tell dark strokes on a light ground from light strokes on a dark one. Galerne et al. (*Scaling
    Painting Style Transfer*, EGSR 2024) hold means besides Gram matrices, Novak and Nikulin
    (*Improving the Neural Algorithm of Artistic Style*, 2016) shift the features.

    The factor of the means is that of a feature that is constant, and as strong as all the style's
    features together: in a Gram matrix its products with the others are the means, twice.

    The gradient with respect to the features is ``(D F + d) diag(T) / M``, with
    ``D = (C - B) / N^2`` and ``d = tr(A) (m - b) / N^2 - D m``.

    Parameters
    ----------
    G, A : ndarray, shape (N, N)
        The Gram matrices of the painted picture and of the style, as `masked_gram` gives them.
    m, b : ndarray, shape (N,)
        Their means, as `masked_mean` gives them.
    area : float
        The area share, from 0 to 1.
    """
    channels = m.size
    power = float(np.trace(A))
    value, D = gram_loss(G - np.outer(m, m), A - np.outer(b, b), area)
    away = m - b
    value += area * power / (2 * channels**2) * float(away @ away)
    return value, D, away * (power / channels**2) - D @ m


LAGS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (2, 2), (2, -2), (0, 4), (4, 0))
"""Steps, down and to the right in pixels, at which `variogram` compares colors."""


def pairs(
    height: int, width: int, lag: tuple[int, int], rows: slice = slice(None)
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the pixels of a picture that have a partner at a lag, and these partners.

    Parameters
    ----------
    height, width : int
    lag : (int, int)
        From 0 down; to the right, or to the left where it is negative.
    rows : slice, optional
        Only pixels in these rows; their partners may lie below.
    """
    down, right = lag
    start, stop, _ = rows.indices(height)
    stop = max(min(stop, height - down), start)
    first = slice(max(-right, 0), width - max(right, 0))
    second = slice(max(right, 0), width - max(-right, 0))
    return (slice(start, stop), first), (slice(start + down, stop + down), second)


def variogram(X: np.ndarray, T: np.ndarray, lag: tuple[int, int]) -> np.ndarray:
    """Return the mean product of the color differences at a lag, shape (3, 3).

    ``S = sum_p w_p e_p e_p' / sum_p w_p``, where ``e_p = X_p - X_(p + lag)`` and
    ``w_p = sqrt(T_p T_(p + lag))``: a pair counts as a pixel does in a masked Gram matrix.

    Parameters
    ----------
    X : ndarray, shape (3, height, width)
    T : ndarray, shape (height, width)
    lag : (int, int)

    Raises
    ------
    ValueError
        If no pair is in the mask.
    """
    here, there = pairs(T.shape[0], T.shape[1], lag)
    weights = np.sqrt(T[here] * T[there]).ravel()
    total = _sum_of_mask(weights, "pairs")
    e = (X[(slice(None), *here)] - X[(slice(None), *there)]).reshape(len(X), -1)
    return (e * weights) @ e.T / total


def grain_factor(A: np.ndarray, area: float) -> float:
    """Return the factor c of the loss of a variogram S, ``c ||S - A||^2``: its relative error.

    ``c = area / (tr(A)^2 + 1)``. The average pooling does not see waves of two pixels, so nothing
    but the shallowest style layers says how strong the finest texture is, and nothing says in which
    form: a weave does as well as specks. The variogram at a few lags says both.

    The gradient is ``4 c (S - A) e_p w_p / sum(w)`` with respect to `X_p`, and its negative with
    respect to ``X_(p + lag)``, with `e` and `w` as in `variogram`.

    Parameters
    ----------
    A : ndarray, shape (3, 3)
        The variogram of the style.
    area : float
        The area share, from 0 to 1.
    """
    # One level squared keeps a flat style from asking for the impossible.
    return area / (float(np.trace(A)) ** 2 + 1)


def total_variation(X: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the squared differences of neighboring pixels, per pixel, and the gradient.

    Parameters
    ----------
    X : ndarray, shape (channels, height, width)
    """
    pixels = X.shape[1] * X.shape[2]
    value = 0.0
    gradient = np.zeros_like(X)
    for axis in (1, 2):
        difference = np.diff(X, axis=axis)
        value += sum_of_squares(difference) / pixels
        difference *= 2 / pixels
        after = (slice(None),) * axis + (slice(1, None),)
        before = (slice(None),) * axis + (slice(None, -1),)
        gradient[after] += difference
        gradient[before] -= difference
    return value, gradient


def sum_of_squares(values: np.ndarray) -> float:
    """Sum short stretches in the values' own precision, and these in double precision."""
    flat = values.ravel()
    stretches = flat[: flat.size // _STRETCH * _STRETCH].reshape(-1, _STRETCH)
    rest = flat[stretches.size :]
    squares = np.einsum("ij,ij->i", stretches, stretches)
    return float(squares.sum(dtype=np.float64)) + float(rest @ rest)
