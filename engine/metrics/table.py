"""Tables of metrics: what `scumble measure`, reports and galleries show of a painted picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
    seam,
    signed_distance,
)
from engine.metrics.color_distance import color_distance
from engine.metrics.content_structure import content_structure
from engine.metrics.detail import detail
from engine.metrics.frame import frame
from engine.metrics.grid import PERIODS, grid
from engine.metrics.region_style_loss import region_style_loss
from engine.metrics.style_distance import style_distance
from engine.sizes import resized, resized_mask, working_size

if TYPE_CHECKING:
    from engine.network import Network

YARDSTICK_AREA = 250_000
"""Pixels at which a region's style loss is measured, whatever the size of the result."""


@dataclass(frozen=True)
class Metric:
    """One line of a table.

    Attributes
    ----------
    name : str
        Its name in JSON.
    label : str
        Its name in the table.
    value : float
        NaN where there is nothing to measure it on, infinite where there is nothing to compare
        with.
    best : int or None
        The value of a perfect picture; None for one that is there for comparison.
    meaning : str
        What it measures, in a few words.
    """

    name: str
    label: str
    value: float
    best: int | None
    meaning: str


def border_metrics(
    content: np.ndarray, result: np.ndarray, region: np.ndarray
) -> tuple[list[Metric], list[str]]:
    """Measure a result at its region's border, or along the ramp of a soft mask.

    Parameters
    ----------
    content, result : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    region : ndarray, shape (height, width)
        From 0 to 1.

    Returns
    -------
    metrics : list of Metric
        Leak, reach, fringe and seam where the mask is hard (`softness.is_soft`), else evenness.
    notes : list of str
        Sentences about what could not be measured.

    Raises
    ------
    ValueError
        If a hard mask has no border.
    """
    if is_soft(region):
        return _ramp_metrics(content, result, region)
    return _hard_border_metrics(content, result, region)


def _hard_border_metrics(
    content: np.ndarray, result: np.ndarray, region: np.ndarray
) -> tuple[list[Metric], list[str]]:
    distance = signed_distance(region)
    leaks = leak(result, content, region)
    bands = (f"0 to {NEAR} px", f"{NEAR} to {FAR} px", f"over {FAR} px")
    names = (f"leak_0_{NEAR}", f"leak_{NEAR}_{FAR}", f"leak_over_{FAR}")
    metrics = [
        Metric(name, f"leak, {band}", value, 0, "change outside, at this distance")
        for name, band, value in zip(names, bands, leaks)
    ]
    notes = [
        f"leak, {band}: no pixel outside the region is at this distance from the border."
        for band, value in zip(bands, leaks)
        if math.isnan(value)
    ]
    reached = reach(result, content, region)
    metrics.append(Metric("reach", "reach", reached, 1, "paint at the border over paint inside"))
    if distance.max() <= FAR:
        notes.append(f"reach: the region is nowhere deeper than {FAR} pixels.")
    elif not math.isfinite(reached):
        notes.append(f"reach: deeper than {FAR} pixels in the region nothing has changed.")
    fringed = fringe(result, region)
    metrics.append(Metric("fringe", "fringe", fringed, 1, "odd pixels right inside the border"))
    if not math.isfinite(fringed):
        notes.append(f"fringe: deeper than {FRINGE_SIDES[0]} pixels there is nothing to compare.")
    for name, label, picture, best in (
        ("seam", "seam", result, 1),
        ("seam_of_content", "seam of the content", content, None),
    ):
        metrics.append(Metric(name, label, seam(picture, region), best, "a line along the border"))
        if not math.isfinite(metrics[-1].value):
            notes.append(f"{label}: beside the border there is nothing to compare it with.")
    for side, depth in (("inside", distance.max()), ("outside", -distance.min())):
        if depth <= SEAM_SIDES[0]:
            notes.append(
                f"seam: the {side} of the region is nowhere deeper than {SEAM_SIDES[0]} pixels, "
                "so only the other side counts."
            )
    return metrics, notes


def _ramp_metrics(
    content: np.ndarray, result: np.ndarray, region: np.ndarray
) -> tuple[list[Metric], list[str]]:
    meaning = "texture in the middle of the ramp over its ends"
    metrics = [
        Metric("evenness", "evenness", evenness(result, region), 1, meaning),
        Metric(
            "evenness_of_content", "evenness of the content", evenness(content, region), None,
            meaning,
        ),
    ]  # fmt: skip
    notes = [
        f"{each.label}: the mask or the picture has nothing to compare, since it takes texture "
        "where the mask is below 0.1, from 0.4 to 0.6, and above 0.9."
        for each in metrics
        if not math.isfinite(each.value)
    ]
    return metrics, notes


def region_style_metric(
    network: Network,
    result: np.ndarray,
    style: np.ndarray,
    region: np.ndarray,
    style_mask: np.ndarray | None,
) -> tuple[Metric, list[str]]:
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
    metric : Metric
    notes : list of str
        Sentences about the size and what was left out.
    """
    notes = []
    height, width = region.shape
    size = working_size(height, width, YARDSTICK_AREA)
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
    metric = Metric(
        "region_style_loss", "region style loss", value, 0, "the loss of the paper's Gram matrices"
    )
    return metric, notes


def neutral_metrics(
    network: Network,
    content: np.ndarray,
    result: np.ndarray,
    style: np.ndarray,
    region: np.ndarray | None = None,
    style_mask: np.ndarray | None = None,
) -> tuple[list[Metric], list[str]]:
    """Measure a result by yardsticks that no method minimizes.

    Parameters
    ----------
    network : Network
        With max pooling.
    content, result : ndarray, shape (3, height, width)
        R, G, B from 0 to 255.
    style : ndarray, shape (3, rows, columns)
        R, G, B from 0 to 255, at its own pixels.
    region : ndarray or None, shape (height, width)
        From 0 to 1; None for the whole picture.
    style_mask : ndarray or None, shape (rows, columns)
        The part of the style picture that counts, from 0 to 1; None for all of it.

    Returns
    -------
    metrics : list of Metric
        Style distance, content structure, color distance, detail by octave, grid (the mean of its
        periods, then each) and frame.
    notes : list of str
        Sentences about what could not be measured.

    Raises
    ------
    ValueError
        If the sizes differ, a mask is empty, or the network has another pooling.
    """
    distance = style_distance(network, result, style, region, style_mask)
    metrics = [
        Metric("style_distance", "style distance", distance.value, 0,
               "texture: how far it is from the style's"),
        Metric("content_structure", "content structure",
               content_structure(network, result, content, region), 0,
               "shapes: how much of the content's is lost"),
        Metric("color_distance", "color distance",
               color_distance(result, style, region, style_mask), 0,
               "palette: how far it is from the style's, in Lab"),
    ]  # fmt: skip
    for octave, value in enumerate(detail(result, style, region, style_mask), 1):
        periods = f"{2**octave} to {2 ** (octave + 1)} px"
        metrics.append(
            Metric(f"detail_{octave}", f"detail, {periods}", value, 1,
                   "sharpness over the style's at 1:1")
        )  # fmt: skip
    grids = grid(result, style, region, style_mask)
    known = [value for value in grids if not math.isnan(value)]
    mean = float(np.mean(known)) if known else math.nan
    metrics.append(Metric("grid", "grid", mean, 0, "weave or specks that the style has not"))
    for period, value in zip(PERIODS, grids):
        metrics.append(Metric(f"grid_{period}", f"grid, {period} px", value, 0, "of this period"))
    painted, usual = frame(result, region), frame(content, region)
    excess = painted - usual if math.isfinite(painted) and math.isfinite(usual) else math.nan
    metrics.append(Metric("frame", "frame", excess, 0, "lines along the picture's edge"))
    notes = []
    if distance.left_out:
        notes.append(
            f"style distance: {', '.join(distance.left_out)} left out, which the region or the "
            "style does not cover."
        )
    if len(known) < len(grids):
        missing = [f"{each} px" for each, value in zip(PERIODS, grids) if math.isnan(value)]
        notes.append(
            f"grid, {', '.join(missing)}: the region has no square of eight periods to measure on."
        )
    if math.isnan(excess):
        notes.append("frame: there is nothing to compare along the picture's edge or inside.")
    return metrics, notes
