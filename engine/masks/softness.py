"""Softness of masks: how wide their ramps are, and how much of the picture they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SOFT = (0.05, 0.95)
"""Values between which a mask is soft."""

SOFT_SHARE = 0.05
"""A mask with at least this share of soft pixels is measured as a ramp; else it has a border."""

COVERED = 0.95
"""Sum of the masks above which nothing is left of the content."""


@dataclass(frozen=True)
class MaskSurvey:
    """The properties of all masks together that decide which method suits them.

    Attributes
    ----------
    everywhere : bool
        Whether every mask is 1 all over the picture.
    covered : bool
        Whether the masks add up to more than `COVERED` all over the picture.
    widest_ramp : float
        Pixels; the largest `ramp_width`.
    """

    everywhere: bool
    covered: bool
    widest_ramp: float


def survey(masks: Sequence[np.ndarray]) -> MaskSurvey:
    """Return the properties of masks, each of shape (height, width), from 0 to 1."""
    covered = bool((sum(masks, np.zeros_like(masks[0])) > COVERED).all())
    return MaskSurvey(
        everywhere=all((mask == 1).all() for mask in masks),
        covered=covered,
        widest_ramp=max(ramp_width(mask) for mask in masks),
    )


def soft_share(mask: np.ndarray) -> float:
    """Return the share of a mask's pixels that lie between 0.05 and 0.95, from 0 to 1."""
    return float(np.mean((mask > SOFT[0]) & (mask < SOFT[1])))


def is_soft(mask: np.ndarray) -> bool:
    """Return whether a mask is to be measured as a soft ramp; else it has a hard border.

    A hard mask's border may be smoothed over a pixel or two; so few pixels make no ramp.
    """
    return soft_share(mask) >= SOFT_SHARE


def ramp_width(mask: np.ndarray) -> float:
    """Return the mean width of a mask's ramps.

    The pixels between 0.05 and 0.95 are divided by the length of the line where the mask passes
    0.5, counted in pixels' edges.

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
