"""Encoders: pictures to the bytes of files, strip by strip where the format allows it.

Pillow writes JPEG and WebP. PNG and TIFF are written here: Pillow has no colors of 16 bits, is slow
to compress, and puts no EXIF into a compressed TIFF. (PNG: W3C 2003, sections 9 and 11; TIFF 6.0,
part 2.)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any, Callable, Literal, cast

import numpy as np
from PIL import Image

from engine import __version__
from engine.errors import PictureError
from engine.messages import one_line
from engine.pictures.metadata import (
    IMAGE_HISTORY,
    IPTC_TAG,
    ORIENTATION,
    SETTINGS_TEXT,
    SOFTWARE,
    XMP_MARK,
    XMP_TAG,
    Entry,
    Exif,
    Metadata,
    iptc_segment,
)
from engine.pictures.profiles import srgb_profile
from engine.pictures.stored import StoredPicture, fractions, in_type
from engine.pictures.strips import strips
from engine.translations import _

Write = Callable[[IO[bytes]], None]
"""Writes a file's bytes from its beginning."""

MAX_SEGMENT = 65_533
"""Bytes that a segment of a JPEG has room for."""

_PNG_TYPES = {3: 2, 4: 6}
"""PNG's color types of 3 and 4 channels."""

_AVERAGE = 3
"""PNG's number of the filter that predicts the mean of the pixels to the left and above."""


def encoder(extension: str, picture: StoredPicture, settings: str) -> tuple[Write, list[str]]:
    """Return what writes a picture, and sentences about what the format cannot keep.

    Parameters
    ----------
    extension : str
        With its point, in small letters.
    picture : StoredPicture
    settings : str
        JSON in ASCII; empty for none.
    """
    if extension == ".npy":
        return lambda file: _write_npy(file, picture), []
    notes = list(picture.lost)
    deep = picture.numbers.dtype == np.uint16
    if deep and extension in (".png", ".tif", ".tiff"):
        numbers, opacity = picture.numbers, picture.opacity
    else:
        if deep:
            kind = "WebP" if extension == ".webp" else "JPEG"
            notes.append(
                _("{kind} has 8 bits per channel; the picture's 16 were rounded.").format(kind=kind)
            )
        numbers, opacity = _in_8_bits(picture.numbers), _in_8_bits(picture.opacity)
    icc = picture.space.icc or srgb_profile()
    metadata = picture.metadata
    if metadata.texts and extension != ".png":
        names = ", ".join(metadata.texts)
        notes.append(
            _("Only PNG has a place for the content's texts ({names}).").format(
                names=one_line(names, 100)
            )
        )
    if metadata.iptc and extension in (".png", ".webp"):
        kind = "WebP" if extension == ".webp" else "PNG"
        notes.append(_("{kind} has no place for the content's IPTC records.").format(kind=kind))
    if extension in (".tif", ".tiff"):
        return lambda file: _write_tiff(file, numbers, opacity, icc, metadata, settings), notes
    if extension == ".png":
        return lambda file: _write_png(file, numbers, opacity, icc, metadata, settings), notes
    if extension in (".jpg", ".jpeg") and opacity is not None:
        # Viewers and browsers show transparent pixels on white.
        numbers, opacity = _on_white(picture), None
        notes.append(_("JPEG has no transparency; the picture is put on white."))
    options, more = _pillow_options(extension, icc, metadata, settings)

    def write(file: IO[bytes]) -> None:
        image = Image.fromarray(numbers)
        if opacity is not None:
            image.putalpha(Image.fromarray(opacity))
        try:
            image.save(cast("IO[bytes]", _Unnamed(file)), **options)
        except (MemoryError, OSError):
            raise
        except Exception as error:  # a format's own limits: a WebP side over 16383 pixels
            message = _("The picture cannot be written as {extension}: {reason}.").format(
                extension=extension, reason=one_line(str(error))
            )
            raise PictureError(message) from error

    return write, [*notes, *more]


class _Unnamed:
    """A file that Pillow writes to by its method alone, whose errors say what went wrong."""

    def __init__(self, file: IO[bytes]) -> None:
        self.write, self.flush = file.write, file.flush
        self.seek, self.tell = file.seek, file.tell


def _in_8_bits(numbers: Any) -> Any:
    """Return numbers in 8 bits; None stays None."""
    return None if numbers is None else in_type(numbers, np.dtype(np.uint8))


def _on_white(picture: StoredPicture) -> np.ndarray:
    """Return the numbers of a picture on white, in 8 bits."""
    found = np.empty((*picture.size, 3), np.uint8)
    assert picture.opacity is not None
    for top, bottom in strips(*picture.size):
        rgb = np.clip(fractions(picture.numbers[top:bottom]) * np.float32(255), 0, 255)
        alpha = fractions(picture.opacity[top:bottom])[..., None]
        found[top:bottom] = np.rint(rgb * alpha + np.float32(255.0) * (1.0 - alpha))
    return found


def _write_npy(file: IO[bytes], picture: StoredPicture) -> None:
    """Write an array of float32 in sRGB, from 0 to 1."""
    height, width = picture.size
    channels = 3 if picture.opacity is None else 4
    header = {"descr": "<f4", "fortran_order": False, "shape": (height, width, channels)}
    np.lib.format.write_array_header_1_0(file, header)
    for top, bottom in strips(height, width):
        values = picture.rows(top, bottom).transpose(1, 2, 0) / np.float32(255)
        if picture.opacity is not None:
            values = np.dstack([values, fractions(picture.opacity[top:bottom])])
        file.write(np.clip(values, 0, 1).astype("<f4").tobytes())


def _with_settings(exif: Exif, settings: str) -> Exif:
    """Return EXIF with the settings, and with an orientation where it has anything."""
    if settings:
        exif = exif.with_text(IMAGE_HISTORY, settings)
        if SOFTWARE not in exif.main:
            exif = exif.with_text(SOFTWARE, f"Scumble {__version__}")
    return exif.with_short(ORIENTATION, 1) if exif else exif


def _pillow_options(
    extension: str, icc: bytes, metadata: Metadata, settings: str
) -> tuple[dict[str, Any], list[str]]:
    """Return Pillow's options for a file with these profile, metadata and settings."""
    notes: list[str] = []
    options: dict[str, Any] = {"icc_profile": icc}
    exif = _with_settings(metadata.exif, settings)
    if extension == ".webp":
        options.update(format="WEBP", quality=95, exact=True)
        if exif:
            options["exif"] = b"Exif\0\0" + exif.block()
        return ({**options, "xmp": metadata.xmp} if metadata.xmp else options), notes
    room = MAX_SEGMENT - 6
    if len(exif.block()) > room:
        exif = exif.without_maker_note()
    if len(exif.block()) > room and settings:
        exif = _with_settings(metadata.exif.without_maker_note(), "")
        notes.append(
            _("The settings are longer than the {room} bytes of a JPEG; they are left out.").format(
                room=room
            )
        )
    elif len(exif.block()) > room:
        exif = Exif()
        notes.append(_("The content's EXIF is too long for a JPEG and was left out."))
    options.update(format="JPEG", quality=95, subsampling=0)
    if exif:
        options["exif"] = b"Exif\0\0" + exif.block()
    segments = b""
    for mark, data, name in (
        (b"\xff\xe1", XMP_MARK + metadata.xmp if metadata.xmp else b"", "XMP"),
        (b"\xff\xed", iptc_segment(metadata.iptc) if metadata.iptc else b"", "IPTC"),
    ):
        if len(data) > MAX_SEGMENT:
            notes.append(
                _("The content's {name} is too long for a JPEG and was left out.").format(name=name)
            )
        elif data:
            segments += mark + struct.pack(">H", len(data) + 2) + data
    return ({**options, "extra": segments} if segments else options), notes


def _png_texts(metadata: Metadata, settings: str) -> list[tuple[str, str]]:
    texts = list(metadata.texts.items())
    if metadata.xmp:
        texts.append(("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace")))
    return [*texts, (SETTINGS_TEXT, settings)] if settings else texts


def _write_png(
    file: IO[bytes],
    numbers: np.ndarray,
    opacity: np.ndarray | None,
    icc: bytes,
    metadata: Metadata,
    settings: str,
) -> None:
    """Write a PNG of 8 or 16 bits per channel."""

    def chunk(name: bytes, data: bytes) -> None:
        file.write(struct.pack(">I", len(data)) + name + data)
        file.write(struct.pack(">I", zlib.crc32(name + data)))

    height, width = numbers.shape[:2]
    channels, depth = 3 if opacity is None else 4, 8 * numbers.itemsize
    file.write(b"\x89PNG\r\n\x1a\n")
    head = struct.pack(">IIBBBBB", width, height, depth, _PNG_TYPES[channels], 0, 0, 0)
    chunk(b"IHDR", head)
    chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    exif = _with_settings(metadata.exif, "")
    if exif:
        chunk(b"eXIf", exif.block())
    for name, text in _png_texts(metadata, settings):
        data = name.encode("latin-1", "replace")[:79] + b"\0\0\0\0\0"
        chunk(b"iTXt", data + text.encode("utf-8", "replace"))
    packer, above = _packer(), np.zeros((1, channels * depth // 8 * width), np.uint8)
    for values in _interleaved(numbers, opacity, ">"):
        rows = values.view(np.uint8).reshape(len(values), -1)
        filtered = _less_average(rows, np.concatenate([above, rows[:-1]]), channels * depth // 8)
        chunk(b"IDAT", packer.compress(filtered.tobytes()))
        above = rows[-1:]
    chunk(b"IDAT", packer.flush())
    chunk(b"IEND", b"")


def _less_average(rows: np.ndarray, above: np.ndarray, pixel: int) -> np.ndarray:
    """Return each byte less the mean of those to its left and above, after the filter's number.

    Parameters
    ----------
    rows, above : ndarray of uint8, shape (rows, bytes)
        The bytes of some rows of pixels, and those of the row above each.
    pixel : int
        Bytes of a pixel.
    """
    filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _AVERAGE
    filtered[:, 1 : pixel + 1] = rows[:, :pixel] - (above[:, :pixel] >> 1)
    left, over = rows[:, :-pixel], above[:, pixel:]
    mean = ((left ^ over) >> 1) + (left & over)  # the whole sum has no room in a byte
    np.subtract(rows[:, pixel:], mean, out=filtered[:, pixel + 1 :])
    return filtered


def _packer() -> Any:
    """Return what compresses differences between pixels.

    It looks for runs only. In paintings nothing else repeats, and files are as small as those of
    the usual search in a sixth of its time (docs/performance.md).
    """
    return zlib.compressobj(strategy=zlib.Z_RLE, memLevel=9)


def _write_tiff(
    file: IO[bytes],
    numbers: np.ndarray,
    opacity: np.ndarray | None,
    icc: bytes,
    metadata: Metadata,
    settings: str,
) -> None:
    """Write a TIFF of 8 or 16 bits per channel, compressed without loss."""
    exif = _with_settings(metadata.exif, settings)
    order = exif.order
    mark = b"II" if order == "<" else b"MM"
    file.write(mark + struct.pack(f"{order}HI", 42, 0))
    height, width = numbers.shape[:2]
    channels, depth = 3 if opacity is None else 4, 8 * numbers.itemsize
    at, offsets, counts = 8, [], []
    rows = 0
    for values in _interleaved(numbers, opacity, order):
        rows = rows or len(values)
        # Each value less that of the pixel to its left: predictor 2.
        left = values.astype(numbers.dtype)
        left[:, 1:] -= left[:, :-1].copy()
        packer = _packer()
        data = packer.compress(left.astype(values.dtype).tobytes()) + packer.flush()
        data += bytes(len(data) % 2)
        file.write(data)
        offsets.append(at)
        counts.append(len(data))
        at += len(data)

    def shorts(*values: int) -> Entry:
        return Entry(3, len(values), struct.pack(f"{order}{len(values)}H", *values))

    def longs(*values: int) -> Entry:
        return Entry(4, len(values), struct.pack(f"{order}{len(values)}I", *values))

    if at > 2**32 - 2**24:
        message = _("The picture is larger than the 4 GB that a TIFF file can have; write a PNG.")
        raise PictureError(message)
    entries = {
        256: longs(width),
        257: longs(height),
        258: shorts(*[depth] * channels),
        259: shorts(8),  # Deflate
        262: shorts(2),  # RGB
        273: longs(*offsets),
        277: shorts(channels),
        278: longs(rows),
        279: longs(*counts),
        284: shorts(1),
        317: shorts(2),
        34675: Entry(7, len(icc), icc),
    }
    if opacity is not None:
        entries[338] = shorts(2)  # alpha that is not multiplied in
    if metadata.xmp:
        entries[XMP_TAG] = Entry(1, len(metadata.xmp), metadata.xmp)
    if metadata.iptc:
        entries[IPTC_TAG] = Entry(7, len(metadata.iptc), metadata.iptc)
    file.write(exif.with_entries(entries).directories(at))
    file.seek(4)
    file.write(struct.pack(f"{order}I", at))


def _interleaved(
    numbers: np.ndarray, opacity: np.ndarray | None, order: Literal["<", ">"]
) -> Iterator[np.ndarray]:
    """Yield strips of rows, shape (rows, width, channels), in a byte order."""
    for top, bottom in strips(*numbers.shape[:2]):
        values = numbers[top:bottom]
        if opacity is not None:
            values = np.concatenate([values, opacity[top:bottom, :, None]], axis=2)
        yield np.ascontiguousarray(values, numbers.dtype.newbyteorder(order))
