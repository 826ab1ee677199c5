"""`scumble measure`: how good a painted picture is, as a table of metrics."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.cli.terminal import Terminal, to_standard_output
from engine.errors import PictureError
from engine.events import Notice
from engine.job import Job, JobError
from engine.masks.softness import SOFT, SOFT_SHARE, is_soft, soft_share
from engine.metrics.metric_table import Metric, border_metrics, neutral_metrics, region_style_metric
from engine.metrics.style_distance import POOLING
from engine.paintings.catalog import style_file
from engine.paths import model_file
from engine.pictures.picture import Picture, read_mask, read_picture
from engine.sizes import planar, resized_mask
from engine.text_width import columns, padded
from engine.translations import ENGLISH, _, in_language, number_text

if TYPE_CHECKING:
    from pathlib import Path


def measure(
    content: str | Path,
    result: str | Path,
    mask: str | Path | None = None,
    style: str | Path | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Print the metrics of a result on standard output and return 0.

    Parameters
    ----------
    content, result : str or Path
        The picture that was painted, and what came out; of the same size.
    mask : str or Path, optional
        The region, of any size, for the metrics of its border; without it the whole picture is
        the region.
    style : str or Path, optional
        The region's style picture, or a painting's name, for the neutral metrics; with a mask, also
        for the region style loss.
    as_json : bool
        Whether to print one JSON object, in English, in place of the table.

    Raises
    ------
    JobError
        If there is neither a mask nor a style.
    PictureError
        If a picture cannot be read, the sizes differ, or the mask has no border.
    WeightsError
        If the model is missing or broken; only with a style.
    """
    if mask is None and style is None:
        raise JobError(_("--mask and --style are missing; give one of them, or both."))
    with in_language(ENGLISH) if as_json else contextlib.nullcontext():
        metrics, notes, region = _measured(content, result, mask, style)
    if as_json:
        to_standard_output(json.dumps(_for_json(metrics, notes, region), indent=1))
        return 0
    if region is not None:
        to_standard_output(_kind(region))
    for line in _table(metrics):
        to_standard_output(line)
    terminal = Terminal(sys.stderr)
    for note in notes:
        terminal.show(Notice(note))
    return 0


def _measured(
    content: str | Path, result: str | Path, mask: str | Path | None, style: str | Path | None
) -> tuple[list[Metric], list[str], np.ndarray | None]:
    """Return the metrics, the notes on them, and the region in the size of the pictures."""
    files = [content, result, *([] if style is None else [style_file(str(style))])]
    pictures = [read_picture(file) for file in files]
    _check_sizes((content, result), pictures)
    notes = [f"{file}: {each}" for file, picture in zip(files, pictures) for each in picture.notes]
    transparent = _(
        "{name} is partly transparent; the colors under the transparency are measured, too."
    )
    notes += [
        transparent.format(name=file)
        for file, picture in zip(files[:2], pictures)
        if picture.alpha is not None and (picture.alpha < 1).any()
    ]
    before, after = (planar(picture.rgb) for picture in pictures[:2])
    metrics: list[Metric] = []
    region = None
    if mask is not None:
        region = resized_mask(read_mask(mask), before.shape[1:])
        try:
            metrics, more = border_metrics(before, after, region)
        except ValueError as error:
            message = _("{mask}: {reason}; give the mask that the picture was painted with.")
            raise PictureError(message.format(mask=mask, reason=error)) from error
        notes += more
    if style is not None:
        more_metrics, more = _style_metrics(before, after, region, pictures[2])
        metrics += more_metrics
        notes += more
    return metrics, notes, region


def _style_metrics(
    before: np.ndarray, after: np.ndarray, region: np.ndarray | None, style: Picture
) -> tuple[list[Metric], list[str]]:
    """Measure what needs the style picture."""
    # Imported here, since the metrics of a border need no network.
    from engine.network import Network
    from models.kernels import Kernels
    from models.weights import Weights

    painting = planar(style.rgb)
    kernels = Kernels(Weights(model_file()))
    network = Network(kernels, pooling=POOLING)
    notes = [network.notice] if network.notice else []
    metrics, more = neutral_metrics(network, before, after, painting, region, style.alpha)
    notes += more
    if region is not None:
        network = Network(kernels, pooling=Job().pooling)
        metric, more = region_style_metric(network, after, painting, region, style.alpha)
        metrics.append(metric)
        notes += more
    return metrics, notes


def _check_sizes(files: tuple[str | Path, str | Path], pictures: list[Picture]) -> None:
    """Refuse a result that is not of the content's size."""
    height, width = pictures[0].rgb.shape[:2]
    result_height, result_width = pictures[1].rgb.shape[:2]
    if (height, width) != (result_height, result_width):
        message = _(
            "{result} is {own} pixels and {content} {other}; they must have the same size. Give "
            "the content that the result was painted from."
        )
        own, other = f"{result_width}x{result_height}", f"{width}x{height}"
        message = message.format(result=files[1], own=own, content=files[0], other=other)
        raise PictureError(message)


def _for_json(metrics: list[Metric], notes: list[str], region: np.ndarray | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if region is not None:
        found["mask"] = "soft" if is_soft(region) else "hard"
        found["soft_share"] = soft_share(region)
    for each in metrics:
        found[each.name] = each.value if math.isfinite(each.value) else None
    return {**found, "notes": notes}


def _kind(region: np.ndarray) -> str:
    text = _(
        "The mask is measured as hard: {share}% of it lies between {low} and {high} (soft from "
        "{limit}%)."
    )
    if is_soft(region):
        text = _(
            "The mask is measured as soft: {share}% of it lies between {low} and {high} (soft "
            "from {limit}%)."
        )
    share, limit = 100 * soft_share(region), 100 * SOFT_SHARE
    low, high = (number_text(each, "g") for each in SOFT)
    return text.format(
        share=number_text(share, ".1f"), low=low, high=high, limit=number_text(limit, "g")
    )


def _table(metrics: list[Metric]) -> list[str]:
    rows = [(_("metric"), _("value"), _("best"), _("what it measures"))]
    for each in metrics:
        best = "" if each.best is None else str(each.best)
        value = _("none") if math.isnan(each.value) else number_text(each.value, ".4g")
        rows.append((each.label, value, best, each.meaning))
    widths = [max(columns(row[place]) for row in rows) for place in range(3)]
    return [
        "  ".join(
            (
                padded(label, widths[0]),
                padded(value, widths[1], right=True),
                padded(best, widths[2], right=True),
                meaning,
            )
        )
        for label, value, best, meaning in rows
    ]
