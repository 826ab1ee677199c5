"""Pictures: read from files and written to files."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import PictureError
from engine.files import write_file
from engine.job import MIN_SIDE
from engine.masks.mask import Mask
from engine.messages import shown_name
from engine.pictures.colors import LUMA
from engine.pictures.encoders import Write, encoder
from engine.pictures.image_reader import decode, identify
from engine.pictures.metadata import IMAGE_HISTORY, SETTINGS_TEXT
from engine.pictures.reading_memory import ReadingMemory
from engine.pictures.stored import StoredPicture, fractions
from engine.pictures.strips import strips
from engine.translations import _

EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".npy")

IMAGE_DESCRIPTION = 0x010E
"""The tag that held the settings in files other than PNG up to version 0.1.0."""


@dataclass(frozen=True)
class Picture:
    """A picture in sRGB.

    Attributes
    ----------
    rgb : numpy.ndarray
        float32, shape (height, width, 3), 0..255.
    alpha : numpy.ndarray or None
        float32, shape (height, width), 0..1; None where the file has no transparency.
    notes : tuple of str
        Sentences about what was lost or assumed in reading it, to follow the name of the file.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def read_picture(path: str | Path, *, min_side: int = MIN_SIDE) -> Picture:
    """Read a picture upright and in sRGB.

    Parameters and errors are those of `read_stored`.
    """
    stored = read_stored(path, min_side=min_side)
    return Picture(stored.rgb, stored.alpha, stored.notes)


def read_stored(
    path: str | Path,
    *,
    min_side: int = MIN_SIDE,
    reading: ReadingMemory | None = None,
    enough: int = 0,
) -> StoredPicture:
    """Read a picture upright, in its own numbers.

    Parameters
    ----------
    path : str or Path
        A file in one of `image_reader.FORMATS`, or a .npy file of shape (height, width) or
        (height, width, 1 to 4) in sRGB: uint8, uint16, or float32 from 0 to 1.
    min_side : int
        The smallest width and height in pixels that is accepted.
    reading : ReadingMemory, optional
        The memory that it may take; by default what is free.
    enough : int
        Pixels from which on fewer are read, where the format can; 0 for all.

    Raises
    ------
    PictureError
        If the file cannot be read, is not a picture, or is smaller than `min_side`.
    """
    path = Path(path)
    stored = decode(path, reading=reading, enough=enough)
    height, width = stored.size
    if min(height, width) < min_side:
        message = _(
            "{name} is {width}x{height} pixels; a picture needs at least {least}x{least} to be "
            "painted."
        )
        about = {"width": width, "height": height, "least": min_side}
        raise PictureError(message.format(name=shown_name(path), **about))
    return stored


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask: its gray values, times its alpha if it has one.

    No color profile is applied.

    Returns
    -------
    numpy.ndarray
        float32, shape (height, width), 0..1; white is 1.

    Raises
    ------
    PictureError
        If the file cannot be read or is not a picture.
    """
    return read_stored_mask(path).whole()


def read_stored_mask(
    path: str | Path, *, reading: ReadingMemory | None = None, enough: int = 0
) -> Mask:
    """Read a mask as `read_mask` does; a gray one stays in the numbers of its file.

    Parameters
    ----------
    path : str or Path
    reading : ReadingMemory, optional
        The memory that it may take; by default what is free.
    enough : int
        Pixels from which on fewer are read, where the format can; 0 for all.
    """
    stored = decode(Path(path), managed=False, reading=reading, enough=enough)
    if stored.numbers.shape[2] == 1 and stored.opacity is None:
        return Mask(stored.numbers[..., 0])
    values = np.empty(stored.size, np.float32)
    for top, bottom in strips(*stored.size):
        color = fractions(stored.numbers[top:bottom])
        gray = color[..., 0] if color.shape[2] == 1 else color @ LUMA
        if stored.opacity is not None:
            gray = gray * fractions(stored.opacity[top:bottom])
        values[top:bottom] = np.clip(gray, 0.0, 1.0)
    return Mask(values)


def write_picture(
    path: str | Path, picture: Picture | StoredPicture, settings: dict[str, Any] | None = None
) -> tuple[str, ...]:
    """Write a picture in the format of its extension, whole or not at all.

    Parameters
    ----------
    path : str or Path
        .png, .tif and .tiff have 16 bits per channel where the picture has them, else 8, as have
        .jpg, .jpeg and .webp. They carry the picture's color profile, or one for sRGB. .npy is
        float32 in sRGB from 0 to 1, shape (height, width, 3), or 4 with alpha.
    picture : Picture or StoredPicture
        What to write.
    settings : dict, optional
        Goes into the file as JSON, for `read_settings`; a .npy file has no place for it.

    Returns
    -------
    tuple of str
        What the format or the file could not keep, a sentence each.

    Raises
    ------
    PictureError
        If the extension is unknown or the file cannot be written; an existing file stays as it is.
    """
    write, notes = _writer(path, picture, settings)
    return (*notes, *write_file(path, write))


def encode_picture(
    path: str | Path, picture: Picture | StoredPicture, settings: dict[str, Any] | None = None
) -> tuple[bytes, tuple[str, ...]]:
    """Return what `write_picture` writes, and what the format could not keep.

    Raises
    ------
    PictureError
        If the extension is unknown or the format cannot hold the picture.
    """
    write, notes = _writer(path, picture, settings)
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue(), notes


def _writer(
    path: str | Path, picture: Picture | StoredPicture, settings: dict[str, Any] | None
) -> tuple[Write, tuple[str, ...]]:
    """Return what writes the file of a picture, and what the format could not keep."""
    check_extension(path)
    stored = picture if isinstance(picture, StoredPicture) else _as_stored(picture)
    if not stored.is_finite():
        message = _("{name} is not written: the picture holds NaN or infinite values.").format(
            name=shown_name(path)
        )
        raise PictureError(message)
    # EXIF and TIFF allow only ASCII; file names may hold undecodable bytes.
    text = "" if settings is None else json.dumps(settings, ensure_ascii=True)
    write, notes = encoder(Path(path).suffix.lower(), stored, text)
    return write, tuple(notes)


def check_extension(path: str | Path) -> None:
    """Check that a file of this name can be written.

    Raises
    ------
    PictureError
        If no format has the extension of the name.
    """
    if Path(path).suffix.lower() not in EXTENSIONS:
        allowed = ", ".join(EXTENSIONS)
        message = _("{name} has none of the extensions that can be written: {allowed}.").format(
            name=shown_name(path), allowed=allowed
        )
        raise PictureError(message)


def read_settings(path: str | Path) -> dict[str, Any]:
    """Return the settings that `write_picture` left in a file.

    Raises
    ------
    PictureError
        If the file is not a picture or has no settings by Scumble.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(), identify(path) as image:
            warnings.simplefilter("ignore")  # Pillow's, about damage that costs no settings
            # Of a PNG this decodes all pixels if the text comes after them.
            text = getattr(image, "text", {}).get(SETTINGS_TEXT, "")
            exif = {} if text else image.getexif()
            text = text or exif.get(IMAGE_HISTORY, "") or exif.get(IMAGE_DESCRIPTION, "")
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # as in the image reader: damaged files raise anything
        message = _("{name} is damaged; its settings cannot be read.").format(name=shown_name(path))
        raise PictureError(message) from error
    try:
        settings = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict) or "scumble" not in settings:
        name = shown_name(path)
        message = _(
            "{name} has no settings: it was not made by Scumble, or was saved anew."
        ).format(name=name)
        raise PictureError(message)
    return settings


def _as_stored(picture: Picture) -> StoredPicture:
    return StoredPicture(picture.rgb / np.float32(255), picture.alpha)
