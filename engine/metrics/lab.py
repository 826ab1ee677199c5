"""CIE Lab: the color space in which equal distances look about equally large."""

from __future__ import annotations

import numpy as np

_TO_XYZ = np.array(
    [
        [0.4123907993, 0.3575843394, 0.1804807884],
        [0.2126390059, 0.7151686788, 0.0721923154],
        [0.0193308187, 0.1191947798, 0.9505321522],
    ]
)
"""Linear light of sRGB's primaries to X, Y, Z."""

_WHITE = _TO_XYZ.sum(axis=1)


def lab(picture: np.ndarray) -> np.ndarray:
    """Convert a picture to CIE Lab under sRGB's own white (D65).

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
        R, G, B of sRGB from 0 to 255.

    Returns
    -------
    ndarray, shape (3, height, width)
        float32; L* from 0 to 100, then a* and b*, which are 0 for grays.

    References
    ----------
    CIE 15:2004, *Colorimetry*, section 8.2; IEC 61966-2-1 (sRGB).
    """
    relative = np.tensordot(_TO_XYZ / _WHITE[:, None], _linear_light(picture), 1)
    x, y, z = _lab_curve(relative)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)]).astype(np.float32)


def lightness(picture: np.ndarray) -> np.ndarray:
    """Return L* of CIE Lab, 0..100, float32, shape (height, width), of (3, height, width)."""
    luminance = np.tensordot(_TO_XYZ[1], _linear_light(picture), 1)
    return (116 * _lab_curve(luminance) - 16).astype(np.float32)


def _linear_light(picture: np.ndarray) -> np.ndarray:
    """Undo sRGB's curve: 0..255 to 0..1."""
    value = np.clip(np.asarray(picture, np.float64) / 255, 0, 1)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _lab_curve(value: np.ndarray) -> np.ndarray:
    dark = value <= (6 / 29) ** 3
    return np.where(dark, value * (29 / 6) ** 2 / 3 + 4 / 29, np.cbrt(value))
