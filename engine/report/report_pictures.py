"""Small copies of a run's pictures, for its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.masks.mask import Mask
from engine.pictures.picture import Picture, write_picture
from engine.pictures.stored import StoredPicture
from engine.sizes import interleaved, resized
from engine.translations import _

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
        ("content", _small(measurements.content), _("content")),
        ("result", _small(measurements.result), _("result")),
    ]
    for number, region in enumerate(measurements.regions, 1):
        style = Picture(interleaved(resized(region.style, _size(region.style.shape[1:]))))
        pictures.append((f"style-{number}", style, _("style {name}").format(name=region.name)))
        mask = region.mask.resized(_size(region.mask.size))
        mask_picture = Picture(np.repeat(255 * mask[..., None], 3, axis=2))
        caption = _("mask of {name}").format(name=region.name)
        pictures.append((f"mask-{number}", mask_picture, caption))
    written = []
    for name, picture, caption in pictures:
        # JPEG has no transparency and blurs the hard borders of a mask.
        lossless = picture.alpha is not None or name.startswith("mask")
        file = name + (".png" if lossless else ".jpg")
        write_picture(folder / file, picture)
        written.append((file, caption))
    return written


def _small(picture: StoredPicture) -> Picture:
    size = _size(picture.size)
    alpha = None if picture.opacity is None else Mask(picture.opacity).resized(size)
    return Picture(interleaved(picture.resized(size)), alpha)


def _size(size: tuple[int, ...]) -> tuple[int, int]:
    """Return the size of a copy."""
    height, width = size
    shrink = min(SIDE / max(height, width), 1)
    return max(round(height * shrink), 1), max(round(width * shrink), 1)
