"""Which method suits the masks: what the method auto stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.metrics.borders import SOFT

SOFT_RAMP = 12.0
"""Pixels at the working size. Where masks change more slowly than this, strokes have room to change
from one style to another; docs/spatial-control.md shows both sides of it."""

COVERED = 0.95
"""Where the masks add up to more than this, nothing is left of the content."""


def choose_method(masks: Sequence[np.ndarray]) -> str:
    """Return the method that paints these masks best.

    Parameters
    ----------
    masks : sequence of ndarray, shape (height, width)
        One per region, at the working size, from 0 to 1.

    Returns
    -------
    {'joint', 'banded', 'cutout'}
        'joint' where every mask is the whole picture, 'banded' where they cover all of it and one
        has a soft ramp, else 'cutout'. Where a part has no style, 'banded' would paint beyond the
        ramp's end; 'cutout' leaves it as it is.
    """
    if all((mask == 1).all() for mask in masks):
        return "joint"
    covered = (sum(masks, np.zeros_like(masks[0])) > COVERED).all()
    if covered and any(ramp_width(mask) > SOFT_RAMP for mask in masks):
        return "banded"
    return "cutout"


def ramp_width(mask: np.ndarray) -> float:
    """Return the mean width of a mask's ramps.

    The pixels that lie between 0.05 and 0.95 are shared out over the length of the line where the
    mask passes 0.5, counted in pixels' edges.

    Parameters
    ----------
    mask : ndarray, shape (height, width)
        From 0 to 1.

    Returns
    -------
    float
        Pixels; 0 for a hard mask, infinite for one that is soft and never passes 0.5.
    """
    between = np.count_nonzero((mask > SOFT[0]) & (mask < SOFT[1]))
    if not between:
        return 0.0
    inside = mask >= 0.5
    length = sum(np.count_nonzero(np.diff(inside, axis=axis)) for axis in (0, 1))
    return between / length if length else float("inf")
