"""Contact sheet of a report: each region's mask at picture size and at each layer.

Its labels are English in every language, since the font has no Japanese and no Chinese characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.job import Job
from engine.loss.make_terms import MIN_COVERED_POSITIONS, layers_of
from engine.loss_plot import font_file, in_font
from engine.masks.bands import mask_bands
from engine.masks.propagation import STEEPENINGS, propagate
from engine.methods import METHODS
from engine.pictures.picture import Picture, write_picture
from engine.translations import N_

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST_BANDS = 24
"""Largest number of band rows; many regions can have hundreds of bands."""

PICTURE_SIZE = N_("The method {method} uses the masks at picture size only.")
FIRST_BANDS = N_("Only the first {most} of {count} bands are shown.")
NOTES = (PICTURE_SIZE, FIRST_BANDS)
"""Sentences about rows that are left out; they are English in report.json."""

_TILE = (136, 120)
"""Pixels; largest width and height of a mask on the sheet."""

_GAP = 10
_LABEL = 150
_LINE = 15
"""Pixels: gap between tiles, width of a label, height of a line of text."""

_INK, _FAINT, _ALARM, _PAPER = "#111111", "#555555", "#B00000", "#FFFFFF"


@dataclass(frozen=True)
class SheetRow:
    """One row of the sheet.

    Attributes
    ----------
    kind : str
        'guidance', 'steepened', 'band' or 'protect'.
    label : str
    region : int or None
        The index of the region; None for a band, which may belong to several, and for protect.
    picture : ndarray, shape (height, width), or None
        The mask at the working size.
    layers : dict of str to ndarray, shape (rows, columns)
        The mask at each style layer; empty if the method uses it at picture size only.
    """

    kind: str
    label: str
    region: int | None
    picture: np.ndarray | None
    layers: dict[str, np.ndarray]


def guidance_rows(
    job: Job, method: str, names: Sequence[str], masks: Sequence[np.ndarray]
) -> tuple[list[SheetRow], list[str]]:
    """Carry the masks to the style layers, as the method does.

    Parameters
    ----------
    job : Job
    method : str
        The method that was used.
    names : sequence of str
        The names of the regions.
    masks : sequence of ndarray, shape (height, width)
        At the working size, from 0 to 1.

    Returns
    -------
    rows : list of SheetRow
        A row per region; with pinned and cutout another one, steepened; with banded one per band.
    notes : list of str
        Those of `NOTES` that hold.
    """
    if not METHODS[method].masks_layers:
        note = PICTURE_SIZE.format(method=method)
        rows = [
            SheetRow("guidance", name, index, mask, {})
            for index, (name, mask) in enumerate(zip(names, masks))
        ]
        return rows, [note]
    _, layers = layers_of(job)
    kind = METHODS[method].propagation_for(job)
    steepening = METHODS[method].steepening
    carried = [propagate(mask, layers, kind, job.grow) for mask in masks]
    rows = []
    for index, (name, mask) in enumerate(zip(names, masks)):
        rows.append(SheetRow("guidance", name, index, mask, carried[index]))
        if steepening:
            steepen = STEEPENINGS[steepening]
            steep = {layer: steepen(values) for layer, values in carried[index].items()}
            rows.append(SheetRow("steepened", f"{name}, steepened", index, None, steep))
    if METHODS[method].style_terms != "banded":
        return rows, []
    bands = _band_rows(job, names, carried, layers)
    notes = []
    if len(bands) > MOST_BANDS:
        notes.append(FIRST_BANDS.format(most=MOST_BANDS, count=len(bands)))
    return rows + bands[:MOST_BANDS], notes


def protect_row(job: Job, mask: np.ndarray) -> SheetRow:
    """Return the row of the protected content, averaged over receptive fields.

    Parameters
    ----------
    job : Job
    mask : ndarray, shape (height, width)
        At the working size, from 0 to 1.
    """
    _, layers = layers_of(job)
    return SheetRow("protect", "protected content", None, mask, propagate(mask, layers))


def _band_rows(
    job: Job,
    names: Sequence[str],
    carried: Sequence[dict[str, np.ndarray]],
    layers: Sequence[str],
) -> list[SheetRow]:
    """Return a row for every band that has a style, most of the first region's style first."""
    found: dict[tuple[float, ...], dict[str, np.ndarray]] = {}
    for layer in layers:
        guidance = [each[layer] for each in carried]
        present = [
            i
            for i, each in enumerate(guidance)
            if each.sum(dtype=np.float64) >= MIN_COVERED_POSITIONS
        ]
        if not present:
            continue
        for values, shares in mask_bands([guidance[index] for index in present], job.bands):
            mixture = [0.0] * len(carried)
            for index, share in zip(present, shares):
                mixture[index] = round(float(share), 6)
            if any(mixture) and values.sum(dtype=np.float64) >= MIN_COVERED_POSITIONS:
                band = values.reshape(guidance[0].shape)
                found.setdefault(tuple(mixture), {})[layer] = band
    rows = []
    for center in sorted(found, reverse=True):
        parts = [f"{share:.0%} of {name}" for share, name in zip(center, names) if share]
        rows.append(SheetRow("band", "band: " + ", ".join(parts), None, None, found[center]))
    return rows


def in_numbers(rows: Sequence[SheetRow]) -> list[dict[str, Any]]:
    """Return each row's sizes, means and largest values, for JSON."""
    return [
        {
            "kind": row.kind,
            "label": row.label,
            "region": None if row.region is None else row.region + 1,
            "layers": {
                layer: {
                    "rows": values.shape[0],
                    "columns": values.shape[1],
                    "mean": _mean(values),
                    "max": float(values.max()),
                    "skipped": _vanished(values),
                }
                for layer, values in row.layers.items()
            },
        }
        for row in rows
    ]


def draw_sheet(path: Path, rows: Sequence[SheetRow]) -> None:
    """Draw the rows as a PNG file; positions of a layer are squares, black for 0, white for 1.

    Raises
    ------
    PictureError
        If it cannot be written.
    """
    layers = list(dict.fromkeys(layer for row in rows for layer in row.layers))
    height, width = next(row.picture.shape for row in rows if row.picture is not None)
    shrink = min(_TILE[0] / width, _TILE[1] / height)
    tile = max(round(width * shrink), 24), max(round(height * shrink), 24)
    column, row_height = _TILE[0] + _GAP, tile[1] + _LINE + 2 * _GAP
    head = 2 * _LINE + _GAP
    size = _LABEL + column * (1 + len(layers)) + 2 * _GAP, head + row_height * len(rows) + _GAP
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(font_file(), 11)
    sizes = {layer: row.layers[layer].shape for row in rows for layer in row.layers}
    heads = [("picture", (height, width)), *((layer, sizes[layer]) for layer in layers)]
    for number, (name, (high, wide)) in enumerate(heads):
        x = _LABEL + number * column
        draw.text((x, _GAP), name, _INK, font)
        draw.text((x, _GAP + _LINE), f"{wide} x {high}", _FAINT, font)
    for number, row in enumerate(rows):
        y = head + _GAP + number * row_height
        _draw_label(draw, font, row.label, y, tile[1] + _LINE)
        for place, values in enumerate([row.picture, *(row.layers.get(each) for each in layers)]):
            if values is None:
                continue
            x = _LABEL + place * column
            sheet.paste(_tile(values, tile), (x, y))
            draw.rectangle((x - 1, y - 1, x + tile[0], y + tile[1]), outline="#999999")
            gone = place > 0 and _vanished(values)
            text = "skipped" if gone else f"mean {_mean(values):.3f}  max {values.max():.2f}"
            draw.text((x, y + tile[1] + 3), text, _ALARM if gone else _FAINT, font)
    write_picture(path, Picture(np.asarray(sheet, np.float32)))


def _tile(values: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Return a mask at the size of a tile: enlarged in squares, or made smaller by averaging."""
    image = Image.fromarray(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8))
    smaller = image.width > size[0] or image.height > size[1]
    how = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    return image.resize(size, how)


def _draw_label(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, label: str, y: int, height: int
) -> None:
    """Write a row's label in as many lines as it takes; words that are too long are broken."""
    lines = [""]
    for word in in_font(label).split():
        rest = word
        while rest:
            joined = f"{lines[-1]} {rest}".strip()
            if draw.textlength(joined, font) <= _LABEL - 2 * _GAP:
                lines[-1], rest = joined, ""
            elif lines[-1]:
                lines.append("")
            else:
                fits = len(rest)
                while fits > 1 and draw.textlength(rest[:fits], font) > _LABEL - 2 * _GAP:
                    fits -= 1
                lines[-1], rest = rest[:fits], rest[fits:]
    for number, line in enumerate(lines[: max(height // _LINE, 1)]):
        draw.text((_GAP, y + number * _LINE), line, _INK, font)


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64))


def _vanished(values: np.ndarray) -> bool:
    return bool(values.sum(dtype=np.float64) < MIN_COVERED_POSITIONS)
