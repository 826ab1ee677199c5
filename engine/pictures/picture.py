"""Pictures: read from files and written to files.

All pictures are in sRGB; the color profile of a file is applied when it is read.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from engine.errors import PictureError
from engine.files import write_file
from engine.job import MIN_SIDE
from engine.messages import one_line, shown_name
from engine.pictures.image_reader import decode, identify

EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".npy")
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in the luminance (Y of YIQ)."""

IMAGE_DESCRIPTION = 0x010E
SOFTWARE = 0x0131
MAX_EXIF = 64_000
"""Bytes; a JPEG's EXIF block has room for 65,533 in all."""


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

    Parameters
    ----------
    path : str or Path
        A PNG, JPEG, TIFF or WebP file, or a .npy file of shape (height, width) or
        (height, width, 1 to 4) in sRGB: uint8, uint16, or float32 from 0 to 1.
    min_side : int
        The smallest width and height in pixels that is accepted.

    Raises
    ------
    PictureError
        If the file cannot be read, is not a picture, or is smaller than `min_side`.
    """
    path = Path(path)
    values, notes = decode(path)
    height, width = values.shape[:2]
    if min(height, width) < min_side:
        message = (
            f"{shown_name(path)} is {width}x{height} pixels; "
            f"a picture needs at least {min_side}x{min_side} to be painted."
        )
        raise PictureError(message)
    color, alpha = _split(values)
    color *= np.float32(255.0)  # in place: a large picture has gigabytes
    if color.shape[2] == 1:
        color = np.repeat(color, 3, axis=2)
    return Picture(np.ascontiguousarray(color), alpha, tuple(notes))


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
    values, _ = decode(Path(path), managed=False)
    color, alpha = _split(values)
    gray = color[..., 0] if color.shape[2] == 1 else color @ LUMA
    if alpha is not None:
        gray = gray * alpha
    return np.clip(gray, 0.0, 1.0).astype(np.float32)


def write_picture(
    path: str | Path, picture: Picture, settings: dict[str, Any] | None = None
) -> tuple[str, ...]:
    """Write a picture in the format of its extension, whole or not at all.

    Parameters
    ----------
    path : str or Path
        .png, .jpg, .jpeg, .tif, .tiff and .webp have 8 bits per channel and carry an sRGB profile;
        .npy is float32 from 0 to 1, shape (height, width, 3), or 4 with alpha.
    picture : Picture
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
    data, notes = encode_picture(path, picture, settings)
    return (*notes, *write_file(path, data))


def encode_picture(
    path: str | Path, picture: Picture, settings: dict[str, Any] | None = None
) -> tuple[bytes, tuple[str, ...]]:
    """Return what `write_picture` writes, and what the format could not keep.

    Raises
    ------
    PictureError
        If the extension is unknown or the format cannot hold the picture.
    """
    check_extension(path)
    extension = Path(path).suffix.lower()
    if not np.isfinite(picture.rgb).all():
        message = f"{shown_name(path)} is not written: the picture holds NaN or infinite values."
        raise PictureError(message)
    notes: list[str] = []
    if extension == ".npy":
        values = picture.rgb / np.float32(255.0)
        if picture.alpha is not None:
            values = np.dstack([values, picture.alpha])
        buffer = io.BytesIO()
        np.save(buffer, np.clip(values, 0.0, 1.0).astype(np.float32), allow_pickle=False)
        data = buffer.getvalue()
    else:
        data = _encode(extension, picture, settings, notes)
    return data, tuple(notes)


def check_extension(path: str | Path) -> None:
    """Check that a file of this name can be written.

    Raises
    ------
    PictureError
        If no format has the extension of the name.
    """
    if Path(path).suffix.lower() not in EXTENSIONS:
        allowed = ", ".join(EXTENSIONS)
        message = f"{shown_name(path)} has none of the extensions that can be written: {allowed}."
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
        with identify(path) as image:
            # Of a PNG this decodes all pixels if the text comes after them.
            text = getattr(image, "text", {}).get("Scumble", "")
            text = text or image.getexif().get(IMAGE_DESCRIPTION, "")
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # as in the image reader: damaged files raise anything
        message = f"{shown_name(path)} is damaged; its settings cannot be read."
        raise PictureError(message) from error
    try:
        settings = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict) or "scumble" not in settings:
        name = shown_name(path)
        message = f"{name} has no settings: it was not made by Scumble, or was saved anew."
        raise PictureError(message)
    return settings


def _split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Split color and alpha: of two and four channels the last is alpha."""
    if values.shape[2] in (2, 4):
        return values[..., :-1], np.ascontiguousarray(values[..., -1])
    return values, None


def _encode(
    extension: str, picture: Picture, settings: dict[str, Any] | None, notes: list[str]
) -> bytes:
    """Return the bytes of a picture file: Pillow writes to memory, `write_file` to the disk."""
    rgb, alpha = np.clip(picture.rgb, 0.0, 255.0), picture.alpha
    if alpha is not None and extension in (".jpg", ".jpeg"):
        # Viewers and browsers show transparent pixels on white.
        rgb = rgb * alpha[..., None] + np.float32(255.0) * (1.0 - alpha[..., None])
        alpha = None
        notes.append("JPEG has no transparency; the picture is put on white.")
    values = np.rint(rgb).astype(np.uint8)
    if alpha is not None:
        opacity = np.rint(np.clip(alpha, 0.0, 1.0) * 255.0).astype(np.uint8)
        values = np.dstack([values, opacity])
    image = Image.fromarray(values)
    options: dict[str, Any] = {"icc_profile": _srgb_profile()}
    # EXIF and TIFF allow only ASCII; file names may hold undecodable bytes.
    text = json.dumps(settings, ensure_ascii=True)
    if extension == ".png":
        options["format"] = "PNG"
        if settings is not None:
            chunks = PngImagePlugin.PngInfo()
            chunks.add_itxt("Scumble", text)
            options["pnginfo"] = chunks
    else:
        if settings is not None and len(text) > MAX_EXIF:
            notes.append(f"The settings are longer than {MAX_EXIF} bytes and were left out.")
        elif settings is not None:
            exif = Image.Exif()
            exif[IMAGE_DESCRIPTION] = text
            exif[SOFTWARE] = f"Scumble {settings.get('scumble', '')}".strip()
            options["exif"] = exif
        if extension in (".jpg", ".jpeg"):
            options.update(format="JPEG", quality=95, subsampling=0)
        elif extension == ".webp":
            options.update(format="WEBP", quality=95, exact=True)
        else:
            options.update(format="TIFF", compression="tiff_adobe_deflate")
    buffer = io.BytesIO()
    try:
        image.save(buffer, **options)
    except MemoryError:
        raise
    except Exception as error:  # a format's own limits: a WebP side over 16383 pixels
        message = f"The picture cannot be written as {extension}: {one_line(str(error))}."
        raise PictureError(message) from error
    return buffer.getvalue()


def _srgb_profile() -> bytes:
    """Return an sRGB profile that does not hold the time at which it was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07EA00010001000000000000")  # the header's date and time
    return bytes(profile)
