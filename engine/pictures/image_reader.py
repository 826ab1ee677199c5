"""The image reader: picture files to numbers, with depth, transparency, profile and metadata."""

from __future__ import annotations

import re
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from engine.errors import PictureError
from engine.files import why_not_readable
from engine.messages import one_line, shown_name
from engine.pictures.array_reader import read_array
from engine.pictures.metadata import Metadata, read_metadata
from engine.pictures.profiles import (
    ColorSpace,
    OneWayProfileError,
    ProfileError,
    TableSpace,
    space_of,
    to_srgb_image,
)
from engine.pictures.reading_memory import Read, ReadingMemory
from engine.pictures.stored import StoredPicture, in_srgb, in_type
from engine.pictures.strips import strips
from engine.translations import _

_PLUGINS = {
    "PNG": "Png", "JPEG": "Jpeg", "TIFF": "Tiff", "WEBP": "WebP", "AVIF": "Avif", "BMP": "Bmp",
    "GIF": "Gif", "JPEG2000": "Jpeg2K", "PPM": "Ppm",
}  # fmt: skip
for _name in _PLUGINS.values():
    with suppress(ImportError):  # Pillow has AVIF since 11.3
        import_module(f"PIL.{_name}ImagePlugin")

FORMATS = tuple(name for name in _PLUGINS if name in Image.OPEN)
"""Formats that Pillow reads by itself and with care; EPS would run another program."""

FORMAT_NAMES = "PNG, JPEG, TIFF, WebP, AVIF, BMP, GIF, JPEG 2000, PPM"

Image.MAX_IMAGE_PIXELS = None  # `ReadingMemory` compares every picture with the memory there is

_DEEP = ("RGB;16L", "RGB;16B", "RGB;16N", "RGBX;16L", "RGBX;16B", "RGBX;16N",
         "RGBA;16L", "RGBA;16B", "RGBA;16N", "LA;16B")  # fmt: skip
"""Pillow's names of stored colors of 16 bits, whose two bytes it can be asked for one by one."""

_CODEC_BYTES = {"WEBP": 12, "AVIF": 6, "JPEG2000": 15}
"""Memory that decoders take per pixel besides Pillow's picture; measured at 6 megapixels."""

_PROGRESSIVE_BYTES = 6
"""The same of a progressive JPEG: its coefficients, of 2 bytes each."""


def decode(
    path: Path,
    *,
    managed: bool = True,
    reading: ReadingMemory | None = None,
    enough: int = 0,
) -> StoredPicture:
    """Read the numbers of a picture file, upright.

    Parameters
    ----------
    path : Path
        A file in one of `FORMATS`, or a .npy file.
    managed : bool
        Whether the file's color profile counts, and its metadata.
    reading : ReadingMemory, optional
        The memory that it may take; by default what is free.
    enough : int
        Pixels from which on fewer are read, where the format can; 0 for all.

    Raises
    ------
    PictureError
        If the file cannot be read, is not a picture, or does not fit into the memory.
    """
    reading = reading or ReadingMemory()
    began = time.perf_counter()
    if path.suffix.lower() == ".npy":
        picture = read_array(path, reading)
        pixels = picture.size[0] * picture.size[1]
        reading.reads.append(Read("read NPY", pixels, time.perf_counter() - began))
        return picture
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        opened = _open(path, reading, enough)
        picture = _stored(path, opened, managed=managed)
    kind = _kind(opened, picture)
    reading.reads.append(Read(kind, opened.pixels, time.perf_counter() - began))
    said = [_reason(each.message) for each in warned
            if not issubclass(each.category, DeprecationWarning)]  # fmt: skip
    notes = (*picture.notes, *(f"{each}." for each in dict.fromkeys(said)))
    return replace(picture, notes=notes)


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
        return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        message = _("{name} is not a picture that Scumble reads ({formats}).")
        message = message.format(name=shown_name(path), formats=FORMAT_NAMES)
        raise PictureError(message) from error
    except MemoryError:
        raise
    except OSError as error:
        message = _("{name} cannot be read: {reason}.")
        message = message.format(name=shown_name(path), reason=error.strerror or _reason(error))
        raise PictureError(message) from error
    except Exception as error:
        # On damaged files Pillow's readers raise anything: SyntaxError, KeyError, ...
        message = _("{name} is not a picture that can be read: {reason}.")
        message = message.format(name=shown_name(path), reason=_reason(error))
        raise PictureError(message) from error


@dataclass(frozen=True)
class _Opened:
    """A file whose pixels are read.

    Attributes
    ----------
    image : Image
    raw : str
        Pillow's name of how its values are stored.
    orientation : int
        As EXIF has it, from 1 to 8.
    notes : list of str
    pixels : int
        Of the file.
    reduced : bool
        Whether fewer pixels were read than there are.
    """

    image: ImageFile.ImageFile
    raw: str
    orientation: int
    notes: list[str]
    pixels: int
    reduced: bool


def _open(path: Path, reading: ReadingMemory, enough: int) -> _Opened:
    """Read a file's pixels."""
    notes: list[str] = []
    with identify(path) as image:
        raw = _raw(image)
        width, height = image.size
        if enough and width * height > enough and image.format in ("JPEG", "MPO"):
            shrink = (enough / (width * height)) ** 0.5
            image.draft(None, (round(width * shrink), round(height * shrink)))
        drafted = image.size != (width, height)
        codec = _CODEC_BYTES.get(image.format or "", 0)
        if "progressive" in image.info:
            codec = _PROGRESSIVE_BYTES * width * height // (image.size[0] * image.size[1])
        # Of deep colors, Pillow has both bytes at a time, each in a picture.
        copies = 2 if _is_deep(image, raw) else 1
        # The decoder has ended when the numbers are taken.
        needed = copies * _pillow_bytes(image) + max(codec, _numbers_bytes(image, raw))
        reading.take(path, *image.size, needed)
        try:
            # The further pictures of an MPO are copies by the camera, such as a smaller one.
            frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
            image.seek(0)
            whole = _holds_all_pixels(image)
            if whole and not _in_planes(image):
                image.load()
        except MemoryError:
            raise
        except Exception as error:  # as above: a damaged file may raise anything
            message = _("{name} is damaged or cut off: {reason}.")
            message = message.format(name=shown_name(path), reason=_reason(error))
            raise PictureError(message) from error
        if not whole:
            message = _("{name} is damaged or cut off: some of its pixels are missing.")
            raise PictureError(message.format(name=shown_name(path)))
        orientation = 1
        try:
            orientation = int(image.getexif().get(0x0112, 1))
        except MemoryError:
            raise
        except Exception:  # a broken EXIF block must not cost the picture
            notes.append(_("its EXIF block cannot be read; it is taken as it lies."))
    if image.mode in ("I", "F") and ";16" not in raw and not (image.mode == "I" and
                                                              image.format == "PPM"):  # fmt: skip
        message = _("{name} has 32 bits per value; save it with 8 or 16.")
        raise PictureError(message.format(name=shown_name(path)))
    if frames > 1:
        note = _("it holds {count} pictures; the first is used.")
        notes.append(note.format(count=frames))
    return _Opened(image, raw, orientation, notes, width * height, drafted)


def _kind(opened: _Opened, picture: StoredPicture) -> str:
    """Return what kind of work reading a picture was, as `overhead.TYPICAL` has it."""
    name = "JPEG" if opened.image.format == "MPO" else opened.image.format
    words = {
        "gray": picture.numbers.shape[2] == 1,
        "16 bits": picture.numbers.dtype == np.uint16,
        "reduced": opened.reduced,
        "converted": picture.srgb is not None,
    }
    return ", ".join([f"read {name}", *(word for word, holds in words.items() if holds)])


def _stored(path: Path, opened: _Opened, *, managed: bool) -> StoredPicture:
    """Return the numbers of a picture whose pixels are read, and what they mean."""
    image, notes = opened.image, opened.notes
    lost: list[str] = []
    metadata = Metadata()
    icc = image.info.get("icc_profile") or b""
    space, one_way = ColorSpace(), False
    if managed:
        with path.open("rb") as file:
            metadata, damaged = read_metadata(image, file)
        notes += damaged
    if image.mode in ("CMYK", "LAB"):
        mode = "CMYK" if image.mode == "CMYK" else "Lab"
        lost.append(_("The content's {mode} colors come back as RGB.").format(mode=mode))
        if image.mode == "CMYK" and not icc:
            notes.append(_("its CMYK colors have no profile; they are approximate."))
    elif managed:
        try:
            space = space_of(icc)
        except OneWayProfileError:
            one_way = True
            lost.append(
                _("The content's color profile is for reading only; the result is in sRGB.")
            )
        except ProfileError:
            notes.append(_("its color profile cannot be used; it is taken as sRGB."))
    numbers, opacity = _numbers(path, opened, icc)
    numbers = _upright(numbers, opened.orientation)
    if opacity is not None:
        opacity = _upright(opacity, opened.orientation)
    height, width = numbers.shape[:2]
    metadata = metadata.sized(width, height)
    srgb = in_srgb(numbers, space)
    converted = in_srgb(numbers, TableSpace(icc)) if one_way else None
    if converted is not None:
        numbers = in_type(converted, numbers.dtype)
    return StoredPicture(
        numbers, opacity, space, srgb, metadata, tuple(notes), tuple(lost), opened.reduced
    )


def _raw(image: ImageFile.ImageFile) -> str:
    """Return Pillow's name of how the values of a picture are stored."""
    args = image.tile[0][3] if image.tile else ""
    return str(args if isinstance(args, str) or not args else args[0])


def _is_deep(image: ImageFile.ImageFile, raw: str) -> bool:
    """Return whether both bytes of its colors of 16 bits can be read."""
    return raw in _DEEP or _in_planes(image)


def _in_planes(image: ImageFile.ImageFile) -> bool:
    """Return whether a file has colors of 16 bits in planes, which Pillow reads wrongly."""
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    return tags.get(284, 1) == 2 and 16 in tags.get(258, ())


def _holds_all_pixels(image: ImageFile.ImageFile) -> bool:
    """Return whether the strips or tiles of a TIFF cover all of it.

    If it is uncompressed, Pillow silently leaves the rest black: hundreds of megapixels, from a
    file of one kilobyte with a damaged height.
    """
    if image.format != "TIFF":
        return True
    boxes = [tile[1] or (0, 0, *image.size) for tile in image.tile]
    covered = sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)
    return covered >= image.size[0] * image.size[1]


def _pillow_bytes(image: Image.Image) -> int:
    """Return the bytes per pixel of Pillow's own copy."""
    return {"1": 1, "L": 1, "P": 1}.get(image.mode, 2 if image.mode.startswith("I;") else 4)


def _numbers_bytes(image: ImageFile.ImageFile, raw: str) -> int:
    """Return the bytes per pixel of the numbers that are kept."""
    values = 1 if image.mode in ("1", "L") or image.mode.startswith("I") else 3
    clear = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    depth = 2 if image.mode.startswith("I") or _is_deep(image, raw) else 1
    return depth * (values + clear)


def _numbers(path: Path, opened: _Opened, icc: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the numbers of a picture, shape (height, width, 1 or 3), and its opacity."""
    image, raw = opened.image, opened.raw
    key = image.info.get("transparency")
    if image.mode.startswith("I"):
        numbers = _filled(image, lambda part: np.clip(np.asarray(part), 0, 65535), np.uint16)
        clear = key if isinstance(key, int) else None
        return numbers, None if clear is None else _opaque(numbers != clear)
    if _is_deep(image, raw):
        deep = _deep_numbers(path, image, raw)
        if deep.shape[2] in (2, 4):
            return deep[..., :-1], deep[..., -1]
        return deep, _opaque(deep != key) if isinstance(key, tuple) else None
    if ";16" in raw:
        opened.notes.append(_("its 16 bits per channel were read as 8."))

    def flat(part: Image.Image) -> np.ndarray:
        unpacked = _unpacked(part)
        if unpacked.mode in ("CMYK", "LAB"):
            return np.asarray(_converted(unpacked, icc, opened.notes))
        return np.asarray(unpacked)

    numbers = _filled(image, flat, np.uint8)
    if numbers.shape[2] in (2, 4):
        return numbers[..., :-1], numbers[..., -1]
    return numbers, None


def _opaque(same: np.ndarray) -> np.ndarray:
    """Return the opacity where one color, which is transparent, is told apart."""
    return np.where(same.any(axis=2), np.uint16(65535), np.uint16(0))


def _filled(image: Image.Image, values: Any, dtype: type) -> np.ndarray:
    """Return the values of a picture, strip by strip, shape (height, width, channels)."""
    width, height = image.size
    found: np.ndarray | None = None
    for top, bottom in strips(height, width):
        strip = values(image.crop((0, top, width, bottom)))
        strip = strip[..., None] if strip.ndim == 2 else strip
        if found is None:
            found = np.empty((height, *strip.shape[1:]), dtype)
        found[top:bottom] = strip
    assert found is not None
    return found


def _deep_numbers(path: Path, image: ImageFile.ImageFile, raw: str) -> np.ndarray:
    """Return colors of 16 bits, of which Pillow gives the upper byte or the lower one."""
    if _in_planes(image):
        return _read_planes(path)
    if raw == "LA;16B":  # as if these four bytes of a pixel were red, green, blue and alpha
        four = _loaded_as(path, "RGBA")

        def pair(part: Image.Image) -> np.ndarray:
            pairs = np.frombuffer(part.tobytes(), ">u2")
            return pairs.reshape(part.height, part.width, 2)

        return _filled(four, pair, np.uint16)
    upper = np.uint16(256)
    numbers: np.ndarray = _filled(image, lambda part: np.asarray(part) * upper, np.uint16)
    native = "L" if sys.byteorder == "little" else "B"
    order = native if raw[-1] == "N" else raw[-1]
    low = _loaded_as(path, raw[:-1] + ("B" if order == "L" else "L"))
    for top, bottom in strips(*numbers.shape[:2]):
        numbers[top:bottom] |= np.asarray(low.crop((0, top, low.width, bottom)))
    return numbers


def _read_planes(path: Path) -> np.ndarray:
    """Read a TIFF of 16 bits that holds one plane after the other."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            planes = file.pages[0].asarray()
    except MemoryError:
        raise
    except Exception as error:  # damaged, or of a compression that needs another library
        message = _(
            "{name} has 16 bits per channel in planes that cannot be read ({reason}); save "
            "it with the channels together."
        ).format(name=shown_name(path), reason=_reason(error))
        raise PictureError(message) from error
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _loaded_as(path: Path, raw: str) -> ImageFile.ImageFile:
    """Read a file's pixels as if its values were stored in another way."""
    with identify(path) as image:
        for number, tile in enumerate(image.tile):
            before: Any = tile[3]
            args = raw if isinstance(before, str) else (raw, *before[1:])
            image.tile[number] = type(tile)(*tile[:3], args)
        image.load()
    return image


def _upright(numbers: np.ndarray, orientation: int) -> np.ndarray:
    """Return a picture upright, by its EXIF orientation (CIPA DC-008, section 4.6.5.1.6)."""
    turned = {
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: x[::-1].swapaxes(0, 1),
        7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
        8: lambda x: x[:, ::-1].swapaxes(0, 1),
    }.get(orientation)
    return numbers if turned is None else np.ascontiguousarray(turned(numbers))


def _converted(image: Image.Image, icc: bytes, notes: list[str]) -> Image.Image:
    """Return a picture in CMYK or Lab in sRGB."""
    if icc:
        try:
            return to_srgb_image(image, icc)
        except ProfileError:
            note = _("its color profile cannot be used; its colors are approximate.")
            if note not in notes:
                notes.append(note)
    return image.convert("RGB")


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


def _reason(error: object) -> str:
    """Return what a library says of a file, on one line and without its final stop."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else error
    text = one_line(str(said), 200).rstrip(".")
    if re.search(r"(de|en)coder error -?\d+", text):  # Pillow has no words for these
        return _("its compressed data cannot be decoded")
    return text or type(error).__name__
