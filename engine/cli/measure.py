"""`scumble measure`: how well a painted picture keeps to a region, as a table."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.cli.terminal import Terminal, to_standard_output
from engine.events import Notice
from engine.job import Job
from engine.masks.softness import SOFT, SOFT_SHARE, is_soft, soft_share
from engine.metrics.table import Figure, border_figures, style_figure
from engine.paths import model_file
from engine.pictures.picture import Picture, PictureError, read_mask, read_picture
from engine.sizes import planar, resized_mask

if TYPE_CHECKING:
    from pathlib import Path

    from engine.network import Network


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
    try:
        figures, more = border_figures(before, after, region)
    except ValueError as error:
        message = f"{mask}: {error}; give the mask that the picture was painted with."
        raise PictureError(message) from error
    notes += more
    if style is not None:
        network = _network()
        if network.notice:
            notes.append(network.notice)
        painting = pictures[2]
        figure, more = style_figure(network, after, planar(painting.rgb), region, painting.alpha)
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


def _network() -> Network:
    # Here, so that the other figures need no network.
    from engine.network import Network
    from models.kernels import Kernels
    from models.weights import Weights

    return Network(Kernels(Weights(model_file())), pooling=Job().pooling)


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
