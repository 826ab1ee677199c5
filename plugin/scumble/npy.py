"""NumPy's .npy files, read and written by hand, since GIMP's Python has no numpy."""

from __future__ import annotations

import ast
import struct
from pathlib import Path
from typing import BinaryIO

from engine.translations import _

MAGIC = b"\x93NUMPY\x01\x00"

FLOATS, BYTES = "<f4", "|u1"
"""Kinds of values: little-endian float32, and uint8."""


def header(shape: tuple[int, ...], kind: str = FLOATS) -> bytes:
    """Return what stands before values of this shape and of one of the kinds above, in C order."""
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {tuple(shape)!r}, }}"
    text += " " * (-(len(MAGIC) + 2 + len(text) + 1) % 64) + "\n"
    return MAGIC + struct.pack("<H", len(text)) + text.encode("ascii")


def read_header(file: BinaryIO) -> tuple[int, ...]:
    """Return the shape of a float32 array and leave the file at its first value.

    Raises
    ------
    ValueError
        If it is no .npy file, or holds other numbers than little-endian float32 in C order.
    """
    start = file.read(8)
    if start[:6] != MAGIC[:6] or len(start) < 8:
        message = _("This is not a .npy file.")
        raise ValueError(message)
    wide = start[6] > 1
    length = struct.unpack("<I" if wide else "<H", file.read(4 if wide else 2))[0]
    about = ast.literal_eval(file.read(length).decode("latin-1").strip())
    if about.get("descr") != "<f4" or about.get("fortran_order"):
        message = _("The .npy file holds {contents}, not float32 in C order.")
        raise ValueError(message.format(contents=about))
    return tuple(about["shape"])


def shape_of(path: Path) -> tuple[int, ...]:
    """Return the shape of the float32 array in a file, whose length must fit it.

    Raises
    ------
    ValueError
        If it is no such file, or is cut off.
    """
    with path.open("rb") as file:
        shape = read_header(file)
        needed = 4
        for side in shape:
            needed *= side
        there = path.stat().st_size - file.tell()
    if there != needed:
        message = _("{name} holds {there} bytes of pixels instead of {needed}.")
        raise ValueError(message.format(name=path.name, there=there, needed=needed))
    return shape
