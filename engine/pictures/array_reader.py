"""The reader of .npy files: arrays to pictures."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.errors import PictureError
from engine.files import why_not_readable
from engine.messages import shown, shown_name
from engine.pictures.reading_memory import ReadingMemory
from engine.pictures.stored import StoredPicture
from engine.translations import _, number_text


def read_array(path: Path, reading: ReadingMemory) -> StoredPicture:
    """Read a .npy file in sRGB, shape (height, width) or (height, width, 1 to 4).

    Parameters
    ----------
    path : Path
        uint8 or uint16, of which the largest number is white, or float32 from 0 to 1.
    reading : ReadingMemory

    Raises
    ------
    PictureError
        If it cannot be read, is no picture, or does not fit into the memory.
    """
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
            if whole:
                channels = shape[2] if len(shape) == 3 else 1
                reading.take(path, shape[1], shape[0], (dtype.itemsize + 4) * channels)
            flat = np.fromfile(file, dtype, math.prod(shape) if whole else 0)
    except (PictureError, MemoryError):
        raise
    except OSError as error:
        message = _("{name} cannot be read: {reason}.")
        message = message.format(name=name, reason=error.strerror or error)
        raise PictureError(message) from error
    except Exception as error:  # numpy parses the header as Python, and so raises anything
        message = _("{name} is not a .npy file, or it is damaged.").format(name=name)
        raise PictureError(message) from error
    if len(flat) < math.prod(shape):
        message = _("{name} is damaged or cut off: its header promises {count} values.")
        raise PictureError(message.format(name=name, count=math.prod(shape)))
    array = flat.reshape(shape, order="F" if fortran else "C")
    array = array[..., None] if array.ndim == 2 else array
    color, alpha = (array[..., :-1], array[..., -1]) if shape[2:] in ((2,), (4,)) else (array, None)
    if array.dtype.kind == "u":
        native = array.dtype.newbyteorder("=")
        opacity = None if alpha is None else alpha.astype(native)
        return StoredPicture(color.astype(native), opacity)
    if not np.isfinite(array).all():
        message = _("{name} holds values that are not numbers (NaN or infinite).")
        raise PictureError(message.format(name=name))
    notes = []
    low, high = float(array.min()), float(array.max())
    if low < 0.0 or high > 1.0:
        note = _("its values from {low} to {high} were cut to 0 to 1.")
        notes.append(note.format(low=number_text(low, "g"), high=number_text(high, "g")))
        array = np.clip(array, 0.0, 1.0)
        color, alpha = (array[..., :-1], array[..., -1]) if alpha is not None else (array, None)
    opacity = None if alpha is None else np.ascontiguousarray(alpha, np.float32)
    return StoredPicture(np.ascontiguousarray(color, np.float32), opacity, notes=tuple(notes))


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
    shape, fortran, dtype = readers[version](file)
    return tuple(map(int, shape)), fortran, dtype  # numpy takes True for a number there


def _check_array(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse arrays that are no pictures."""
    name = shown_name(path)
    if len(shape) not in (2, 3) or min(shape) < 1 or (len(shape) == 3 and shape[2] > 4):
        message = _(
            "{name} has the shape {shape}; allowed are (height, width) and (height, width, 1 to 4)."
        )
        raise PictureError(message.format(name=name, shape=shown(shape)))
    if (dtype.kind, dtype.itemsize) not in (("u", 1), ("u", 2), ("f", 4)):
        message = _("{name} holds {kind} values; allowed are uint8, uint16 and float32 (0 to 1).")
        raise PictureError(message.format(name=name, kind=shown_name(str(dtype))))
