"""Picture files become arrays, and arrays become picture files again.

Everything is worked on in sRGB: what a file says about its colours is applied while it is read.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from engine.job import MIN_SIDE
from engine.pictures.image_reader import PictureError, decode, identify

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".npy")
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
        What was lost or assumed in reading it, a sentence each, to be put behind the file's name.
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
        If the file cannot be read, is no picture, or is smaller than `min_side`.
    """
    path = Path(path)
    values, notes = decode(path)
    height, width = values.shape[:2]
    if min(height, width) < min_side:
        message = (
            f"{path} is {width}x{height} pixels; "
            f"a picture needs at least {min_side}x{min_side} to be painted."
        )
        raise PictureError(message)
    colour, alpha = _split(values)
    if colour.shape[2] == 1:
        colour = np.repeat(colour, 3, axis=2)
    return Picture(np.ascontiguousarray(colour * np.float32(255.0)), alpha, tuple(notes))


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask: its grey value, times its alpha where it has one.

    The numbers are taken as the file holds them; a mask has no colours to manage.

    Returns
    -------
    numpy.ndarray
        float32, shape (height, width), 0..1: 1 where the file is white.

    Raises
    ------
    PictureError
        If the file cannot be read or is no picture.
    """
    values, _ = decode(Path(path), managed=False)
    colour, alpha = _split(values)
    grey = colour[..., 0] if colour.shape[2] == 1 else colour @ LUMA
    if alpha is not None:
        grey = grey * alpha
    return np.clip(grey, 0.0, 1.0).astype(np.float32)


def write_picture(
    path: str | Path, picture: Picture, settings: dict[str, Any] | None = None
) -> tuple[str, ...]:
    """Write a picture as its ending says, all of it or not at all.

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
        What the format could not keep, a sentence each.

    Raises
    ------
    PictureError
        If the ending is unknown or the file cannot be written; a file that was there is left as it
        was.
    """
    check_ending(path)
    ending = Path(path).suffix.lower()
    if not np.isfinite(picture.rgb).all():
        message = f"The picture for {path} holds values that are not numbers; it is not written."
        raise PictureError(message)
    notes: list[str] = []
    if ending == ".npy":
        values = picture.rgb / np.float32(255.0)
        if picture.alpha is not None:
            values = np.dstack([values, picture.alpha])
        buffer = io.BytesIO()
        np.save(buffer, np.clip(values, 0.0, 1.0).astype(np.float32), allow_pickle=False)
        data = buffer.getvalue()
    else:
        data = _encode(ending, picture, settings, notes)
    _replace(Path(os.path.realpath(path)), data)  # a link stays a link
    return tuple(notes)


def check_ending(path: str | Path) -> None:
    """Check that a file of this name can be written.

    Raises
    ------
    PictureError
        If no format goes with the name's ending.
    """
    if Path(path).suffix.lower() not in ENDINGS:
        message = f"{path} has none of the endings that can be written: {', '.join(ENDINGS)}."
        raise PictureError(message)


def read_settings(path: str | Path) -> dict[str, Any]:
    """Return the settings that `write_picture` left in a file.

    Raises
    ------
    PictureError
        If the file is no picture or holds no settings of Scumble's.
    """
    path = Path(path)
    with identify(path) as image:
        text = getattr(image, "text", {}).get("Scumble", "")
        if not text:
            try:
                text = image.getexif().get(IMAGE_DESCRIPTION, "")
            except Exception as error:  # as in _open: a broken block may raise anything
                message = f"{path} has an EXIF block that cannot be read."
                raise PictureError(message) from error
    try:
        settings = json.loads(text)
    except (TypeError, ValueError):
        settings = None
    if not isinstance(settings, dict) or "scumble" not in settings:
        message = f"{path} holds no settings; it was not made by Scumble, or was saved anew."
        raise PictureError(message)
    return settings


def _split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Part colour and alpha: of two and four channels the last is alpha."""
    if values.shape[2] in (2, 4):
        return values[..., :-1], np.ascontiguousarray(values[..., -1])
    return values, None


def _encode(
    ending: str, picture: Picture, settings: dict[str, Any] | None, notes: list[str]
) -> bytes:
    """Return the bytes of a picture file, so that only our own writing meets the disk."""
    rgb, alpha = np.clip(picture.rgb, 0.0, 255.0), picture.alpha
    if alpha is not None and ending in (".jpg", ".jpeg"):
        # White is what viewers and browsers put behind a picture.
        rgb = rgb * alpha[..., None] + np.float32(255.0) * (1.0 - alpha[..., None])
        alpha = None
        notes.append("JPEG keeps no transparency; the picture stands on white.")
    values = np.rint(rgb).astype(np.uint8)
    if alpha is not None:
        opacity = np.rint(np.clip(alpha, 0.0, 1.0) * 255.0).astype(np.uint8)
        values = np.dstack([values, opacity])
    image = Image.fromarray(values)
    options: dict[str, Any] = {"icc_profile": _srgb_profile()}
    # ASCII, which JSON's escapes keep to: EXIF and TIFF know nothing else, and a file's name may
    # hold what no encoding has a word for.
    text = json.dumps(settings, ensure_ascii=True)
    if ending == ".png":
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
        if ending in (".jpg", ".jpeg"):
            options.update(format="JPEG", quality=95, subsampling=0)
        elif ending == ".webp":
            options.update(format="WEBP", quality=95, exact=True)
        else:
            options.update(format="TIFF", compression="tiff_adobe_deflate")
    buffer = io.BytesIO()
    try:
        image.save(buffer, **options)
    except MemoryError:
        raise
    except Exception as error:  # a format's own limits: a WebP side over 16383 pixels
        message = f"The picture cannot be written as {ending}: {error}."
        raise PictureError(message) from error
    return buffer.getvalue()


def _srgb_profile() -> bytes:
    """Return an sRGB profile that does not hold the time at which it was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07EA00010001000000000000")  # the header's date and time
    return bytes(profile)


def _replace(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside it, then put it in its place."""
    temporary = path.with_name(f".scumble-{os.getpid()}.part")
    try:
        if path.exists() and not path.is_file():
            message = f"{path} cannot be written: it is not a file."
            raise PictureError(message)
        if path.exists() and not os.access(path, os.W_OK):
            message = f"{path} cannot be written: it is write-protected."
            raise PictureError(message)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}."
        raise PictureError(message) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
