"""Picture files that Pillow does not write: deep PNG files and odd color profiles."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(values: np.ndarray, depth: int, color_type: int, more: bytes = b"") -> bytes:
    """Return a PNG file of sixteen-bit values, shape (height, width, channels)."""
    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def icc(kind: bytes, space: bytes, pcs: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    """Return an ICC profile, version 2, of these tags."""
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags:
        content += b"\0" * (-len(content) % 4)
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content
    d50 = struct.pack(">iii", 63190, 65536, 54061)
    size = start + len(data)
    header = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, kind, space, pcs)
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    return (header.ljust(68, b"\0") + d50).ljust(128, b"\0") + table + data


def description(text: bytes) -> bytes:
    """Return a tag with the profile's name."""
    data = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0"
    return data + b"\0" * (4 + 4 + 2 + 1 + 67)


def xyz(x: float, y: float, z: float) -> bytes:
    """Return a tag with a color."""
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in (x, y, z)))


LINEAR = b"curv\0\0\0\0\0\0\0\0"


def linear_profile(*, gray: bool = False) -> bytes:
    """Return a profile of sRGB's primaries or of grays, with values in proportion to the light."""
    tags = [(b"desc", description(b"linear")), (b"wtpt", xyz(0.9642, 1, 0.8249))]
    if gray:
        return icc(b"mntr", b"GRAY", b"XYZ ", [*tags, (b"kTRC", LINEAR)])
    tags += [(b"rXYZ", xyz(0.4361, 0.2225, 0.0139)), (b"gXYZ", xyz(0.3851, 0.7169, 0.0971))]
    tags += [(b"bXYZ", xyz(0.1431, 0.0606, 0.7141))]
    tags += [(name, LINEAR) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return icc(b"mntr", b"RGB ", b"XYZ ", tags)


def black_ink_profile() -> bytes:
    """Return the profile of a press on which only black ink shows."""
    ramp = bytes(range(256))
    one = 65536
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, one) + ramp * 4
    # Two points per ink; the last ink, black, varies fastest.
    table += b"".join(bytes([0 if i % 2 else 255, 128, 128]) for i in range(16)) + ramp * 3
    tags = [(b"desc", description(b"black")), (b"wtpt", xyz(0.9642, 1, 0.8249)), (b"A2B0", table)]
    return icc(b"prtr", b"CMYK", b"Lab ", tags)
