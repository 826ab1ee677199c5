"""Small copies of a run's pictures, for its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.pictures.picture import Picture, write_picture
from engine.sizes import interleaved, planar, resized, resized_mask

if TYPE_CHECKING:
    from pathlib import Path

    from engine.report.measurements import Measurements

SIDE = 480
"""Pixels; the longer side of a copy."""


def copies(folder: Path, measurements: Measurements) -> list[tuple[str, str]]:
    """Write small copies of the content, the result, the styles and their masks.

    Returns
    -------
    list of (str, str)
        Their files' names and captions.

    Raises
    ------
    PictureError
        If one cannot be written.
    """
    pictures = [
        ("content", measurements.content, "content"),
        ("result", measurements.result, "result"),
    ]
    for number, region in enumerate(measurements.regions, 1):
        style = Picture(interleaved(region.style))
        pictures.append((f"style-{number}", style, f"style {region.name}"))
        mask = Picture(np.repeat(255 * region.mask[..., None], 3, axis=2))
        pictures.append((f"mask-{number}", mask, f"mask of {region.name}"))
    written = []
    for name, picture, caption in pictures:
        # JPEG has no transparency and blurs the hard borders of a mask.
        lossless = picture.alpha is not None or name.startswith("mask")
        file = name + (".png" if lossless else ".jpg")
        write_picture(folder / file, _small(picture))
        written.append((file, caption))
    return written


def _small(picture: Picture) -> Picture:
    height, width = picture.rgb.shape[:2]
    shrink = min(SIDE / max(height, width), 1)
    size = max(round(height * shrink), 1), max(round(width * shrink), 1)
    alpha = None if picture.alpha is None else resized_mask(picture.alpha, size)
    return Picture(interleaved(resized(planar(picture.rgb), size)), alpha)
