"""The figures of a painted picture's region and what has to be said with them.

`scumble measure` and reports give the same ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.job import Job
from engine.masks.softness import is_soft
from engine.metrics.borders import (
    FAR,
    FRINGE_SIDES,
    NEAR,
    SEAM_SIDES,
    evenness,
    fringe,
    leak,
    reach,
    region_style_loss,
    seam,
    signed_distance,
)
from engine.sizes import resized, resized_mask, working_size

if TYPE_CHECKING:
    from engine.network import Network


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes
    ----------
    name : str
        Its name in JSON.
    label : str
        What the table calls it.
    value : float
        NaN where there is nothing to measure it on, infinite where there is nothing to compare
        with.
    best : int or None
        The value of a perfect picture; None for a figure that is there for comparison.
    """

    name: str
    label: str
    value: float
    best: int | None


def border_figures(
    content: np.ndarray, result: np.ndarray, region: np.ndarray
) -> tuple[list[Figure], list[str]]:
    """Measure a result at its region's border, or along the ramp of a soft mask.

    Parameters
    ----------
    content, result : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    region : ndarray, shape (height, width)
        From 0 to 1.

    Returns
    -------
    figures : list of Figure
        Leak, reach, seam and fringe where the mask is hard (`borders.is_soft`), else evenness.
    notes : list of str
        Sentences about what could not be measured.

    Raises
    ------
    ValueError
        If a hard mask has no border.
    """
    if is_soft(region):
        return _soft_figures(content, result, region)
    return _hard_figures(content, result, region)


def _hard_figures(
    content: np.ndarray, result: np.ndarray, region: np.ndarray
) -> tuple[list[Figure], list[str]]:
    distance = signed_distance(region)
    leaks = leak(result, content, region)
    bands = (f"0 to {NEAR} px", f"{NEAR} to {FAR} px", f"over {FAR} px")
    names = (f"leak_0_{NEAR}", f"leak_{NEAR}_{FAR}", f"leak_over_{FAR}")
    figures = [
        Figure(name, f"leak, {band}", value, 0) for name, band, value in zip(names, bands, leaks)
    ]
    notes = [
        f"leak, {band}: no pixel outside the region is at this distance from the border."
        for band, value in zip(bands, leaks)
        if math.isnan(value)
    ]
    reached = reach(result, content, region)
    figures.append(Figure("reach", "reach", reached, 1))
    if distance.max() <= FAR:
        notes.append(f"reach: the region is nowhere deeper than {FAR} pixels.")
    elif not math.isfinite(reached):
        notes.append(f"reach: deeper than {FAR} pixels in the region nothing has changed.")
    figures.append(Figure("fringe", "fringe", fringe(result, region), 1))
    if not math.isfinite(figures[-1].value):
        notes.append(f"fringe: deeper than {FRINGE_SIDES[0]} pixels there is nothing to compare.")
    for name, label, picture, best in (
        ("seam", "seam", result, 1),
        ("seam_of_content", "seam of the content", content, None),
    ):
        figures.append(Figure(name, label, seam(picture, region), best))
        if not math.isfinite(figures[-1].value):
            notes.append(f"{label}: beside the border there is nothing to compare it with.")
    for side, depth in (("inside", distance.max()), ("outside", -distance.min())):
        if depth <= SEAM_SIDES[0]:
            notes.append(
                f"seam: the {side} of the region is nowhere deeper than {SEAM_SIDES[0]} pixels, "
                "so only the other side counts."
            )
    return figures, notes


def _soft_figures(
    content: np.ndarray, result: np.ndarray, region: np.ndarray
) -> tuple[list[Figure], list[str]]:
    figures = [
        Figure("evenness", "evenness", evenness(result, region), 1),
        Figure("evenness_of_content", "evenness of the content", evenness(content, region), None),
    ]
    notes = [
        f"{each.label}: the mask or the picture has nothing to compare, since it takes texture "
        "where the mask is below 0.1, from 0.4 to 0.6, and above 0.9."
        for each in figures
        if not math.isfinite(each.value)
    ]
    return figures, notes


def style_figure(
    network: Network,
    result: np.ndarray,
    style: np.ndarray,
    region: np.ndarray,
    style_mask: np.ndarray | None,
) -> tuple[Figure, list[str]]:
    """Measure the region style loss at the working size of a default job.

    Parameters
    ----------
    network : Network
        With the default pooling.
    result : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    style : ndarray, shape (3, rows, columns)
        R, G, B from 0 to 255.
    region : ndarray, shape (height, width)
        From 0 to 1.
    style_mask : ndarray or None, shape (rows, columns)
        The part of the style picture that counts, from 0 to 1; None for all of it.

    Returns
    -------
    figure : Figure
    notes : list of str
        Sentences about the size and what was left out.
    """
    notes = []
    height, width = region.shape
    size = working_size(height, width, Job().size)
    if size != region.shape:
        notes.append(f"region style loss: measured at {size[1]} x {size[0]} pixels.")
    value, left_out = region_style_loss(
        network,
        resized(result, size),
        style,
        resized_mask(region, size),
        style_mask,
    )
    if left_out:
        notes.append(
            f"region style loss: {', '.join(left_out)} left out, where no position sees "
            "the region alone."
        )
    return Figure("region_style_loss", "region style loss", value, 0), notes
