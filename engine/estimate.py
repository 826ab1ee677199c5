"""Estimates before a run: how much memory a painting takes."""

from __future__ import annotations

BYTES_PER_PIXEL = 2400
"""Activations, gradients and onnxruntime's own buffers, measured at 512x512 and 1024x1024."""

BYTES_PER_STYLE_PIXEL = 1500
"""The same for a style picture, which needs no gradients."""


def needed(pixels: int, style_pixels: int, history: int) -> int:
    """Return about how many bytes a painting takes besides the network's own.

    Parameters
    ----------
    pixels : int
        Of the picture at its working size.
    style_pixels : int
        Of the largest style picture as it is looked at.
    history : int
        Steps that L-BFGS-B remembers, each two vectors of float64.
    """
    optimizer = 3 * 8 * (2 * history + 8)
    return max(pixels * (BYTES_PER_PIXEL + optimizer), style_pixels * BYTES_PER_STYLE_PIXEL)
