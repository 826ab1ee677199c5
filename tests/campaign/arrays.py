"""Arrays in .npy files: headers that promise anything, damaged data, files that shrink."""

from __future__ import annotations

import io
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engine.pictures.picture import read_mask, read_picture
from tests.campaign.case import Case, check, check_failure
from tests.campaign.home import data_folder
from tests.campaign.limits import limited_memory
from tests.campaign.mutations import mutated

BYTES = 3 << 30
SHAPES = (
    *("()", "(20,)", "(20, 20)", "(20, 20, 3)", "(20, 20, 4)", "(20, 20, 5)", "(0, 20)", "(-1, 2)"),
    *("(1000000, 1000000)", "(10**30, 2)", "(2.5, 3)", "('a', 2)", "(True, 20)", "[20, 20]", "20"),
    *("(13000, 13000, 4)", "(178956970, 1)", "(20, 20, -1)", "(" * 200, "(20, 20, 3, 1)"),
)
KINDS = (
    *("'|u1'", "'<u2'", "'>u2'", "'<f4'", "'>f4'", "'<f8'", "'|b1'", "'|O'", "'<U3'", "'<c8'"),
    *("[('a', '<f4')]", "5", "''", "'x'", "'<f4' * 9", "('<f4', (3,))", "'<M8[ns]'", "'|S0'"),
)


@contextmanager
def prepared(folder: Path) -> Iterator[Path]:
    """Make a folder for the files."""
    data_folder(folder)
    place = folder / "arrays"
    place.mkdir(exist_ok=True)
    with limited_memory(BYTES):
        yield place


def attempt(place: Path, case: Case) -> str:
    """Read one array as a picture and as a mask, sometimes while it shrinks."""
    data = array_file(case.chance)
    case.keep("mutant.npy", data)
    file = place / "mutant.npy"
    file.write_bytes(data)
    shrinking = None
    if case.number % 50 == 0:
        shrinking = threading.Timer(case.chance.uniform(0, 0.0005), _shrink, (file, len(data) // 2))
        shrinking.start()
    ended = []
    for read in (read_picture, read_mask):
        try:
            found: Any = read(file)
            values = getattr(found, "rgb", found)
            check(bool(np.isfinite(values).all()), "values that are no numbers")
            ended.append("read")
        except AssertionError:
            raise
        except Exception as error:
            ended.append(check_failure(error))
    if shrinking:
        shrinking.join()
    return ", ".join(ended)


def _shrink(file: Path, size: int) -> None:
    os.truncate(file, size)


def array_file(chance: random.Random) -> bytes:
    """Return a .npy file, damaged or with a header that is made up."""
    if chance.random() < 0.5:
        kind = chance.choice((np.uint8, np.uint16, np.float32))
        shape = chance.choice(((20, 20), (20, 24, 3), (20, 20, 4), (17, 16, 1), (60, 80, 3)))
        buffer = io.BytesIO()
        values = np.arange(np.prod(shape)).reshape(shape).astype(kind)
        order = np.asfortranarray(values) if chance.random() < 0.3 else values
        np.save(buffer, order)
        return mutated(chance, buffer.getvalue(), 0, chance.choice((0, 10, 128)))
    order_ = chance.choice(("False", "False", "True", "1", "None"))
    header = (
        f"{{'descr': {chance.choice(KINDS)}, 'fortran_order': {order_}, "
        f"'shape': {chance.choice(SHAPES)}, }}"
    )
    encoded = header.ljust(chance.choice((117, 117, 200, 60_000))).encode() + b"\n"
    version = chance.choice((b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"))
    width = 2 if version[0] == 1 else 4
    start = b"\x93NUMPY" + version + len(encoded).to_bytes(width, "little")
    data = start + encoded + bytes(chance.choice((0, 100, 400, 1600, 4800, 6400)))
    return data if chance.random() < 0.8 else mutated(chance, data)
