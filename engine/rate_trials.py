"""Trials of how fast this machine reads, resizes, puts together and writes pictures."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Callable

import numpy as np

from engine import speed
from engine.masks.mask import Everywhere
from engine.overhead import write_kind
from engine.pictures.finishing import Finisher
from engine.pictures.picture import read_stored, write_picture
from engine.pictures.reading_memory import ReadingMemory
from engine.pictures.stored import StoredPicture
from engine.sizes import resize
from engine.strokes.enlarging import StrokeSource, enlarge_with_strokes
from engine.threads import usable_processors

SIZE = (840, 1200)
"""Height and width of the picture that is tried."""

EXTENSIONS = (".png", ".jpg", ".tif", ".webp", ".npy")


def measure_rates() -> dict[str, float]:
    """Measure every common kind of work, and put the rates into the record.

    Takes a second or two.

    Returns
    -------
    dict of str to float
        Seconds per pixel.
    """
    picture = _picture()
    pixels = SIZE[0] * SIZE[1]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for extension in EXTENSIONS:
            file = Path(folder) / f"trial{extension}"
            seconds = _seconds(lambda file=file: write_picture(file, picture))  # type: ignore[misc]
            found[write_kind(file.name, 1)] = seconds / pixels
            reading = ReadingMemory()
            for _ in range(2):
                read_stored(file, reading=reading)
            found[reading.reads[0].kind] = min(each.seconds for each in reading.reads) / pixels
    half = SIZE[0] // 2, SIZE[1] // 2
    found["resize"] = _seconds(lambda: picture.resized(half)) / (3 * pixels)
    finisher = Finisher(
        content=picture,
        canvas=picture,
        masks=[Everywhere(SIZE)],
        protect=None,
        protect_strength=1.0,
        keeps_chroma=False,
        in_float=False,
        threads=usable_processors(),
    )
    painted = [picture.resized(half)]
    everywhere = np.ones(half, np.float32)
    source = StrokeSource(painted[0], everywhere, 1.0, everywhere)
    seconds = _seconds(
        lambda: enlarge_with_strokes(painted[0], SIZE, [source], usable_processors()), times=1
    )
    found["strokes"] = seconds / (pixels + everywhere.size)
    found["finish"] = _seconds(lambda: finisher.result("blend", painted)) / pixels
    speed.record_rates(found)
    return found


def _picture() -> StoredPicture:
    """Return a picture with patches, edges and grain, as a painting has them."""
    random = np.random.default_rng(0)
    patches = random.uniform(0, 255, (SIZE[0] // 20, SIZE[1] // 20, 3)).astype(np.float32)
    grain = random.normal(0, 6, (*SIZE, 3))
    return StoredPicture(np.clip(resize(patches, SIZE) + grain, 0, 255).astype(np.uint8))


def _seconds(work: Callable[[], object], times: int = 2) -> float:
    """Return the time of some work: the shortest of some, since other programs may disturb one."""

    def once() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return min(once() for _ in range(times))
