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
from engine.translations import N_, _

if TYPE_CHECKING:
    from engine.network import Network

YARDSTICK_AREA = 250_000
"""Pixels at which a region's style loss is measured, whatever the size of the result."""


LABELS = {
    "leak": N_("leak, {distance}"),
    "between": N_("{low} to {high} px"),
    "over": N_("over {low} px"),
    "reach": N_("reach"),
    "fringe": N_("fringe"),
    "seam": N_("seam"),
    "seam_of_content": N_("seam of the content"),
    "evenness": N_("evenness"),
    "evenness_of_content": N_("evenness of the content"),
    "region_style_loss": N_("region style loss"),
}
"""Labels of metrics, and the distances in them."""

NOTES = {
    "leak": N_(
        "leak, {distance}: no pixel outside the region is at this distance from the border."
    ),
    "shallow": N_("reach: the region is nowhere deeper than {depth} pixels."),
    "unchanged": N_("reach: deeper than {depth} pixels in the region nothing has changed."),
    "fringe": N_("fringe: deeper than {depth} pixels there is nothing to compare."),
    "seam": N_("{metric}: beside the border there is nothing to compare it with."),
    "inside": N_(
        "seam: the inside of the region is nowhere deeper than {depth} pixels, so only the other "
        "side counts."
    ),
    "outside": N_(
        "seam: the outside of the region is nowhere deeper than {depth} pixels, so only the other "
        "side counts."
    ),
    "evenness": N_(
        "{metric}: the mask or the picture has nothing to compare, since it takes texture where "
        "the mask is below 0.1, from 0.4 to 0.6, and above 0.9."
    ),
    "size": N_("region style loss: measured at {width} x {height} pixels."),
    "left_out": N_(
        "region style loss: {layers} left out, where no position sees the region alone."
    ),
}
"""Sentences about what could not be measured at a border, along a ramp, or of a style loss."""


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
    bands = (
        _(LABELS["between"]).format(low=0, high=NEAR),
        _(LABELS["between"]).format(low=NEAR, high=FAR),
        _(LABELS["over"]).format(low=FAR),
    )
    names = (f"leak_0_{NEAR}", f"leak_{NEAR}_{FAR}", f"leak_over_{FAR}")
    metrics = [
        Metric(
            name,
            _(LABELS["leak"]).format(distance=band),
            value,
            0,
            _("change outside, at this distance"),
        )
        for name, band, value in zip(names, bands, leaks)
    ]
    nowhere = _(NOTES["leak"])
    notes = [
        nowhere.format(distance=band) for band, value in zip(bands, leaks) if math.isnan(value)
    ]
    reached = reach(result, content, region)
    metrics.append(
        Metric("reach", _(LABELS["reach"]), reached, 1, _("paint at the border over paint inside"))
    )
    if distance.max() <= FAR:
        notes.append(_(NOTES["shallow"]).format(depth=FAR))
    elif not math.isfinite(reached):
        notes.append(_(NOTES["unchanged"]).format(depth=FAR))
    fringed = fringe(result, region)
    metrics.append(
        Metric("fringe", _(LABELS["fringe"]), fringed, 1, _("odd pixels right inside the border"))
    )
    if not math.isfinite(fringed):
        notes.append(_(NOTES["fringe"]).format(depth=FRINGE_SIDES[0]))
    for name, picture, best in (("seam", result, 1), ("seam_of_content", content, None)):
        value, label = seam(picture, region), _(LABELS[name])
        metrics.append(Metric(name, label, value, best, _("a line along the border")))
        if not math.isfinite(value):
            notes.append(_(NOTES["seam"]).format(metric=label))
    for side, depth in (("inside", distance.max()), ("outside", -distance.min())):
        if depth <= SEAM_SIDES[0]:
            notes.append(_(NOTES[side]).format(depth=SEAM_SIDES[0]))
    return metrics, notes


def _ramp_metrics(
    content: np.ndarray, result: np.ndarray, region: np.ndarray
) -> tuple[list[Metric], list[str]]:
    meaning = _("texture in the middle of the ramp over its ends")
    usual = evenness(content, region)
    metrics = [
        Metric("evenness", _(LABELS["evenness"]), evenness(result, region), 1, meaning),
        Metric("evenness_of_content", _(LABELS["evenness_of_content"]), usual, None, meaning),
    ]
    text = _(NOTES["evenness"])
    notes = [text.format(metric=each.label) for each in metrics if not math.isfinite(each.value)]
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
        notes.append(_(NOTES["size"]).format(width=size[1], height=size[0]))
    value, left_out = region_style_loss(
        network,
        resized(result, size),
        style,
        resized_mask(region, size),
        style_mask,
    )
    if left_out:
        notes.append(_(NOTES["left_out"]).format(layers=", ".join(left_out)))
    meaning, label = _("the loss of the paper's Gram matrices"), _(LABELS["region_style_loss"])
    return Metric("region_style_loss", label, value, 0, meaning), notes


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
        Metric("style_distance", _("style distance"), distance.value, 0,
               _("texture: how far it is from the style's")),
        Metric("content_structure", _("content structure"),
               content_structure(network, result, content, region), 0,
               _("shapes: how much of the content's is lost")),
        Metric("color_distance", _("color distance"),
               color_distance(result, style, region, style_mask), 0,
               _("palette: how far it is from the style's, in Lab")),
    ]  # fmt: skip
    for octave, value in enumerate(detail(result, style, region, style_mask), 1):
        label = _("detail, {low} to {high} px").format(low=2**octave, high=2 ** (octave + 1))
        meaning = _("sharpness over the style's at 1:1")
        metrics.append(Metric(f"detail_{octave}", label, value, 1, meaning))
    grids = grid(result, style, region, style_mask)
    known = [value for value in grids if not math.isnan(value)]
    mean = float(np.mean(known)) if known else math.nan
    meaning = _("weave or specks that the style does not have")
    metrics.append(Metric("grid", _("grid"), mean, 0, meaning))
    for period, value in zip(PERIODS, grids):
        label = _("grid, {period} px").format(period=period)
        metrics.append(Metric(f"grid_{period}", label, value, 0, _("of this period")))
    painted, usual = frame(result, region), frame(content, region)
    excess = painted - usual if math.isfinite(painted) and math.isfinite(usual) else math.nan
    metrics.append(Metric("frame", _("frame"), excess, 0, _("lines along the picture's edge")))
    notes = []
    if distance.left_out:
        text = _("style distance: {layers} left out, which the region or the style does not cover.")
        notes.append(text.format(layers=", ".join(distance.left_out)))
    if len(known) < len(grids):
        missing = [str(each) for each, value in zip(PERIODS, grids) if math.isnan(value)]
        text = _("grid, {periods} px: the region has no square of eight periods to measure on.")
        notes.append(text.format(periods=", ".join(missing)))
    if math.isnan(excess):
        notes.append(_("frame: there is nothing to compare along the picture's edge or inside."))
    return metrics, notes
