"""The image reader: picture files to arrays, with depth, transparency and color profile."""

from __future__ import annotations

import io
import math
import os
import re
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from engine.errors import PictureError
from engine.files import why_not_readable
from engine.memory import memory
from engine.messages import one_line, shown, shown_name

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
MAX_PIXELS = 178_956_970
"""Pillow refuses larger files, which may be made to fill the memory."""


READING_BYTES = 20
"""Memory that reading takes at its peak, per pixel; measured with RGB pictures."""


def decode(path: Path, *, managed: bool = True) -> tuple[np.ndarray, list[str]]:
    """Read the values of a picture file, upright.

    Parameters
    ----------
    path : Path
        A PNG, JPEG, TIFF, WebP or .npy file.
    managed : bool
        Whether the file's color profile is applied, which gives sRGB.

    Returns
    -------
    values : numpy.ndarray
        float32, shape (height, width, channels), 0..1; the last of two or four channels is alpha.
    notes : list of str
        Sentences about what was lost or assumed, to follow the name of the file.

    Raises
    ------
    PictureError
        If the file cannot be read or is not a picture.
    """
    if path.suffix.lower() == ".npy":
        return _read_array(path)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        image, notes = _open(path)
    skipped = (Image.DecompressionBombWarning, DeprecationWarning)
    said = [_reason(each.message) for each in warned if not issubclass(each.category, skipped)]
    notes += [f"{each}." for each in dict.fromkeys(said)]
    if managed or image.mode in ("CMYK", "LAB"):
        return _managed_values(image, notes), notes
    return _values(image), notes


def identify(path: Path) -> ImageFile.ImageFile:
    """Open a file of one of the known formats, without reading its pixels.

    Raises
    ------
    PictureError
        If there is no such regular file or it is not a picture.
    """
    refused = why_not_readable(path)
    if refused:
        raise PictureError(refused)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        message = f"{shown_name(path)} is not a picture that Scumble reads (PNG, JPEG, TIFF, WebP)."
        raise PictureError(message) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except MemoryError:
        raise
    except OSError as error:
        message = f"{shown_name(path)} cannot be read: {error.strerror or _reason(error)}."
        raise PictureError(message) from error
    except Exception as error:
        # On damaged files Pillow's readers raise anything: SyntaxError, KeyError, ...
        message = f"{shown_name(path)} is not a picture that can be read: {_reason(error)}."
        raise PictureError(message) from error


def _open(path: Path) -> tuple[Image.Image, list[str]]:
    """Read a file's pixels, upright, and say what was lost."""
    notes: list[str] = []
    with identify(path) as image:
        # Pillow keeps the upper eight of the sixteen bits of a color channel; its raw mode tells.
        raw = str(image.tile[0][3]) if image.tile else ""
        halved = ";16" in raw and not image.mode.startswith("I")
        _check_memory(path, *image.size)
        try:
            # The further pictures of an MPO are copies by the camera, such as a smaller one.
            frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
            image.seek(0)
            image.load()
        except MemoryError:
            raise
        except Exception as error:  # as above: a damaged file may raise anything
            message = f"{shown_name(path)} is damaged or cut off: {_reason(error)}."
            raise PictureError(message) from error
    if image.mode in ("I", "F") and ";16" not in raw:
        message = f"{shown_name(path)} has 32 bits per value; save it with 8 or 16."
        raise PictureError(message)
    if halved:
        notes.append("its 16 bits per channel were read as 8.")
        key = image.info.get("transparency")
        if isinstance(key, tuple):
            image.info["transparency"] = tuple(value >> 8 for value in key)
    if frames > 1:
        notes.append(f"it holds {frames} pictures; the first is used.")
    try:
        return ImageOps.exif_transpose(image), notes
    except MemoryError:
        raise
    except Exception:  # a broken EXIF block must not cost the picture
        notes.append("its EXIF block cannot be read; it is taken as it lies.")
        return image, notes


def _managed_values(image: Image.Image, notes: list[str]) -> np.ndarray:
    """Return the values in sRGB, with the color profile of the file applied."""
    profile = image.info.get("icc_profile")
    if not profile:
        if image.mode == "CMYK":
            notes.append("its CMYK colors have no profile; they are approximate.")
        return _values(image)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if ImageCms.getProfileDescription(source).startswith("sRGB"):
            return _values(image)
        if image.mode.startswith("I"):
            return _managed_deep_gray(image, source)
        flat = _unpacked(image)
        if source.profile.xcolor_space.strip() == "GRAY" and flat.mode in ("RGB", "RGBA"):
            flat = flat.convert("LA" if flat.mode == "RGBA" else "L")
        alpha = flat.getchannel("A") if flat.mode in ("RGBA", "LA") else None
        if alpha is not None:
            flat = flat.convert(flat.mode[:-1])
        converted = _transformed(flat, source)
        if alpha is not None:
            converted.putalpha(alpha)
        return _values(converted)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("its color profile cannot be used; it is taken as sRGB.")
        return _values(image)


def _managed_deep_gray(image: Image.Image, source: ImageCms.ImageCmsProfile) -> np.ndarray:
    """Apply a profile to 16-bit grays, interpolated between the 256 that ImageCms can convert."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    table = np.asarray(_transformed(ramp, source), dtype=np.float32)[0] / np.float32(255.0)
    values = _values(image)
    steps = np.linspace(0.0, 1.0, 256)
    color = np.stack([np.interp(values[..., 0], steps, table[:, k]) for k in range(3)], axis=-1)
    return np.concatenate([color, values[..., 1:]], axis=-1).astype(np.float32)


def _transformed(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    """Return the picture in sRGB: relative colorimetric with black point compensation, as GIMP."""
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(
        image,
        source,
        target,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # None is for inPlace only
    return converted


def _unpacked(image: Image.Image) -> Image.Image:
    """Return the picture as L, LA, RGB, RGBA, CMYK or LAB."""
    clear = "transparency" in image.info
    if image.mode in ("1", "L"):
        return image.convert("LA" if clear else "L")
    if image.mode in ("LA", "RGBA", "CMYK", "LAB"):
        return image
    if image.mode == "La":
        return image.convert("LA")
    if clear or image.mode in ("PA", "RGBa"):
        return image.convert("RGBA")
    return image.convert("RGB")


def _values(image: Image.Image) -> np.ndarray:
    """Return the picture as float32, shape (height, width, 1 to 4), 0..1."""
    if image.mode.startswith("I"):
        numbers = np.asarray(image)
        values = numbers.astype(np.float32)[..., None] / np.float32(65535.0)
        key = image.info.get("transparency")
        if isinstance(key, int):
            opaque = (numbers != key).astype(np.float32)[..., None]
            values = np.concatenate([values, opaque], axis=2)
        return values
    flat = _unpacked(image)
    if flat.mode in ("CMYK", "LAB"):
        flat = flat.convert("RGB")
    values = np.array(flat, dtype=np.float32)
    values /= np.float32(255.0)  # in place: a large picture has gigabytes
    return values[..., None] if values.ndim == 2 else values


def _read_array(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read a .npy file as float32, shape (height, width, 1 to 4), 0..1."""
    refused = why_not_readable(path)
    if refused:
        raise PictureError(refused)
    name = shown_name(path)
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = _array_header(file)
            _check_array(path, shape, dtype)
            # Compared before any memory is taken: a header can claim any size.
            there = os.fstat(file.fileno()).st_size - file.tell()
            whole = there >= math.prod(shape) * dtype.itemsize
            flat = np.fromfile(file, dtype, math.prod(shape) if whole else 0)
    except (PictureError, MemoryError):
        raise
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror or error}."
        raise PictureError(message) from error
    except Exception as error:  # numpy parses the header as Python, and so raises anything
        message = f"{name} is not a .npy file, or it is damaged."
        raise PictureError(message) from error
    if len(flat) < math.prod(shape):
        message = f"{name} is damaged or cut off: its header promises {math.prod(shape)} values."
        raise PictureError(message)
    array = flat.reshape(shape, order="F" if fortran else "C")
    values = array.astype(np.float32)
    if array.dtype.kind == "u":
        values /= np.float32(np.iinfo(array.dtype).max)
    if not np.isfinite(values).all():
        message = f"{name} holds values that are not numbers (NaN or infinite)."
        raise PictureError(message)
    notes = []
    low, high = float(values.min()), float(values.max())
    if low < 0.0 or high > 1.0:
        notes.append(f"its values from {low:g} to {high:g} were cut to 0 to 1.")
        values = np.clip(values, 0.0, 1.0)
    return (values[..., None] if values.ndim == 2 else values), notes


def _array_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of a .npy file: shape, whether columns come first, and type.

    Raises
    ------
    ValueError
        If it is not one; numpy may raise other exceptions, too.
    """
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(file)
    if version not in readers:  # version 3 is for field names that are not ASCII
        message = f"version {version}"
        raise ValueError(message)
    return readers[version](file)


def _check_array(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse arrays that are no pictures."""
    name = shown_name(path)
    if len(shape) not in (2, 3) or min(shape) < 1 or (len(shape) == 3 and shape[2] > 4):
        message = (
            f"{name} has the shape {shown(shape)}; allowed are (height, width) and "
            "(height, width, 1 to 4)."
        )
        raise PictureError(message)
    if (dtype.kind, dtype.itemsize) not in (("u", 1), ("u", 2), ("f", 4)):
        message = (
            f"{name} holds {shown_name(str(dtype))} values; allowed are uint8, uint16 and float32 "
            "(0 to 1)."
        )
        raise PictureError(message)
    if shape[0] * shape[1] > MAX_PIXELS:
        raise _too_large(path)
    _check_memory(path, shape[1], shape[0])


def _check_memory(path: Path, width: int, height: int) -> None:
    """Refuse a picture that would fill the memory while it is read.

    Raises
    ------
    PictureError
        Says how much memory it takes and how much is free.
    """
    needed, free = width * height * READING_BYTES, memory().free
    if 0 < free < needed:
        message = (
            f"{shown_name(path)} has {width}x{height} pixels; reading it takes about "
            f"{needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free. Make it smaller."
        )
        raise PictureError(message)


def _too_large(path: Path) -> PictureError:
    name = shown_name(path)
    return PictureError(f"{name} has more pixels than can be read; allowed are {MAX_PIXELS}.")


def _reason(error: Exception | str) -> str:
    """Return what a library says of a file, on one line and without its final stop."""
    text = one_line(str(error), 200).rstrip(".")
    if re.search(r"(de|en)coder error -?\d+", text):  # Pillow has no words for these
        return "its compressed data cannot be decoded"
    return text or type(error).__name__
