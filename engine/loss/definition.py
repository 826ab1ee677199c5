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
    total = float(T.sum(dtype=np.float64))
    if total <= 0:
        message = f"the mask covers 0 of {T.size} positions"
        raise ValueError(message)
    return (F * T) @ F.T / total


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
