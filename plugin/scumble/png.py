"""PNG files written with the standard library, for paintings that GIMP fails to save."""

from __future__ import annotations

import struct
import zlib
from array import array
from pathlib import Path

import npy

from engine.translations import _

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOR_TYPES = {3: 2, 4: 6}
"""PNG's numbers for RGB and RGBA."""


def write(picture: Path, path: Path) -> None:
    """Write a picture of float32 from 0 to 1 as an 8-bit PNG.

    Parameters
    ----------
    picture : Path
        A .npy file of shape (height, width, 3) or (height, width, 4) that holds sRGB values.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If a file cannot be read or written.
    ValueError
        If the .npy file is damaged or has another shape.
    """
    shape = npy.shape_of(picture)
    if len(shape) != 3 or shape[2] not in COLOR_TYPES:
        message = _("{name} has the shape {shape}; it is not a picture.")
        raise ValueError(message.format(name=picture.name, shape=shape))
    height, width, planes = shape
    compressor = zlib.compressobj(3)
    with picture.open("rb") as source, path.open("wb") as target:
        npy.read_header(source)
        target.write(SIGNATURE)
        header = struct.pack(">IIBBBBB", width, height, 8, COLOR_TYPES[planes], 0, 0, 0)
        target.write(_chunk(b"IHDR", header))
        target.write(_chunk(b"sRGB", b"\0"))
        for _row in range(height):
            values = array("f", source.read(4 * width * planes))
            row = bytes(min(max(int(255 * value + 0.5), 0), 255) for value in values)
            data = compressor.compress(b"\0" + row)
            if data:
                target.write(_chunk(b"IDAT", data))
        target.write(_chunk(b"IDAT", compressor.flush()))
        target.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
