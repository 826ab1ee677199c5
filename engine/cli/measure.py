"""`scumble measure`: how well a painted picture keeps to a region, as a table."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.cli.terminal import Terminal, to_standard_output
from engine.events import Notice
from engine.home import model_file
from engine.job import Job
from engine.metrics import (
    FAR,
    NEAR,
    SEAM_SIDES,
    SOFT,
    SOFT_SHARE,
    evenness,
    is_soft,
    leak,
    reach,
    region_style_loss,
    seam,
    signed_distance,
    soft_share,
)
from engine.pictures import Picture, PictureError, read_mask, read_picture
from engine.regions import planar, resized, resized_mask
from engine.targets import working_size

if TYPE_CHECKING:
    from pathlib import Path


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


def measure(
    content: str | Path,
    result: str | Path,
    mask: str | Path,
    style: str | Path | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Print the figures of a result on standard output and return 0.

    Parameters
    ----------
    content, result : str or Path
        The picture that was painted, and what came out; of the same size.
    mask : str or Path
        The region; of any size.
    style : str or Path, optional
        The region's style picture, for the region style loss.
    as_json : bool
        Whether to print one JSON object in place of the table.

    Raises
    ------
    PictureError
        If a picture cannot be read, the sizes differ, or the mask has no border.
    WeightsError
        If the model is missing or broken; only with a style.
    """
    files = (content, result) if style is None else (content, result, style)
    pictures = [read_picture(file) for file in files]
    region = _region(mask, (content, result), pictures)
    notes = [f"{file}: {each}" for file, picture in zip(files, pictures) for each in picture.notes]
    notes += [
        f"{file} is partly transparent; the colours that this hides are measured as well."
        for file, picture in zip(files[:2], pictures)
        if picture.alpha is not None and (picture.alpha < 1).any()
    ]
    before, after = (planar(picture.rgb) for picture in pictures[:2])
    if is_soft(region):
        figures, more = _soft_figures(before, after, region)
    else:
        figures, more = _hard_figures(before, after, region, mask)
    notes += more
    if style is not None:
        figure, more = _style_figure(after, pictures[2], region)
        figures.append(figure)
        notes += more
    if as_json:
        report: dict[str, Any] = {
            "mask": "soft" if is_soft(region) else "hard",
            "soft_share": soft_share(region),
            **{each.name: each.value if math.isfinite(each.value) else None for each in figures},
            "notes": notes,
        }
        to_standard_output(json.dumps(report, indent=1))
        return 0
    to_standard_output(_kind(region))
    for line in _table(figures):
        to_standard_output(line)
    terminal = Terminal(sys.stderr)
    for note in notes:
        terminal.report(Notice(note))
    return 0


def _region(
    mask: str | Path, files: tuple[str | Path, str | Path], pictures: list[Picture]
) -> np.ndarray:
    """Read the mask at the pictures' size, shape (height, width)."""
    (height, width), (rows, columns) = (picture.rgb.shape[:2] for picture in pictures[:2])
    if (height, width) != (rows, columns):
        message = (
            f"{files[1]} is {columns}x{rows} pixels and {files[0]} {width}x{height}; "
            "a result is measured against the content it was painted from, which has its size."
        )
        raise PictureError(message)
    return resized_mask(read_mask(mask), (height, width))


def _hard_figures(
    content: np.ndarray, result: np.ndarray, region: np.ndarray, mask: str | Path
) -> tuple[list[Figure], list[str]]:
    try:
        distance = signed_distance(region)
    except ValueError as error:
        message = f"{mask}: {error}; give the mask that the picture was painted with."
        raise PictureError(message) from error
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


def _style_figure(
    result: np.ndarray, style: Picture, region: np.ndarray
) -> tuple[Figure, list[str]]:
    """Measure the region style loss at the working size of a default job."""
    # Here, so that the other figures need no network.
    from engine.network import Network
    from models.kernels import Kernels
    from models.weights import Weights

    yardstick = Job()
    network = Network(Kernels(Weights(model_file())), pooling=yardstick.pooling)
    notes = [network.notice] if network.notice else []
    height, width = region.shape
    size = working_size(height, width, yardstick.size)
    if size != region.shape:
        notes.append(f"region style loss: measured at {size[1]} x {size[0]} pixels.")
    value, left_out = region_style_loss(
        network,
        resized(result, size),
        planar(style.rgb),
        resized_mask(region, size),
        style.alpha,
    )
    if left_out:
        notes.append(
            f"region style loss: {', '.join(left_out)} left out, where no position sees "
            "the region alone."
        )
    return Figure("region_style_loss", "region style loss", value, 0), notes


def _kind(region: np.ndarray) -> str:
    kind = "soft" if is_soft(region) else "hard"
    return (
        f"The mask is measured as {kind}: {soft_share(region):.1%} of it lies between "
        f"{SOFT[0]:g} and {SOFT[1]:g} (soft from {SOFT_SHARE:.0%})."
    )


def _table(figures: list[Figure]) -> list[str]:
    rows = [("figure", "value", "best")]
    for each in figures:
        value = "none" if math.isnan(each.value) else f"{each.value:.4g}"
        rows.append((each.label, value, "" if each.best is None else str(each.best)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"{label:<{widths[0]}}  {value:>{widths[1]}}  {best:>{widths[2]}}".rstrip()
        for label, value, best in rows
    ]
