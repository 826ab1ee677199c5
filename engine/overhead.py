"""Overhead of a run: the time of everything but the evaluations of the loss.

Each kind of work has a rate in seconds per pixel. `engine.speed` keeps those of this machine, which
`engine.rate_trials` measures and runs update.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.methods import METHODS

if TYPE_CHECKING:
    from engine.job import Job
    from engine.pictures.reading_memory import Read
    from engine.run_shape import RunShape

TYPICAL = {
    "read PNG": 33e-9, "read JPEG": 18e-9, "read TIFF": 22e-9, "read WEBP": 29e-9,
    "read AVIF": 20e-9, "read BMP": 7e-9, "read GIF": 11e-9, "read JPEG2000": 177e-9,
    "read PPM": 6e-9, "read NPY": 24e-9,
    "resize": 20e-9, "finish": 80e-9, "strokes": 1.5e-6,
    "write .png": 38e-9, "write .jpg": 7e-9, "write .tif": 32e-9, "write .webp": 107e-9,
    "write .npy": 50e-9,
}  # fmt: skip
"""Seconds per pixel where nothing is recorded; measured on one core with AVX-512, with photographs.
'resize' is for each plane, 'finish' for a picture that is enlarged to the content's size, and
'strokes' for every size to which a picture or its style is brought on the way."""

TIMES = {"gray": 0.4, "16 bits": 2.0, "reduced": 0.6, "converted": 8.0}
"""Factors of the time: for one number per pixel, numbers of 16 bits, a JPEG decoded to fewer
pixels, and colors in a space other than sRGB."""

START_SECONDS = 1.5
"""Time in which Python, the libraries and the network are loaded."""

SCALE_SECONDS = 0.3
"""Time in which the sessions of a scale are made."""

SAME_SIZE = 0.35
"""The share of the rate 'finish' that is needed if nothing is enlarged."""

CONTENT_SHOWS = 1.4
"""The same for the content's detail, if masks or a protected part let it show."""

MASK_SHARE = 0.1
"""The same for reading a mask."""

CHROMA_SHARE = 1.4
"""The same for restoring the content's colors."""

REPORT_SECONDS = 3.0
"""Time in which a report's curves are drawn."""

REPORT_SHARE = 0.25
"""Time in which a report measures a region, as a share of an evaluation."""


class Rates:
    """The rates of a machine.

    Parameters
    ----------
    measured : mapping of str to float
        Seconds per pixel by kind of work; what is missing is typical.

    Attributes
    ----------
    measured : dict of str to float
    """

    def __init__(self, measured: Mapping[str, float] | None = None) -> None:
        self.measured = dict(measured or {})

    def seconds(self, kind: str, pixels: float) -> float:
        """Return the time of some work.

        Parameters
        ----------
        kind : str
            One of `TYPICAL`, with words of `TIMES` after commas.
        pixels : float
        """
        if kind in self.measured:
            return pixels * self.measured[kind]
        usual, *words = kind.split(", ")
        rate = self.measured.get(usual, TYPICAL.get(usual, max(TYPICAL.values())))
        return pixels * rate * math.prod(TIMES[word] for word in words)


@dataclass(frozen=True)
class Overhead:
    """The overhead of one run, in seconds.

    Attributes
    ----------
    start : float
        Until the first scale: everything is loaded and read.
    scales : tuple of float
        Before each scale: pictures and masks are resized, and strokes are added.
    strokes : float
        After the last scale: the painting is enlarged with strokes.
    finishing : float
        After that: the result is put together at the content's size.
    writing : float
        The result's files are written.
    report : float
        The report is made; 0 without one.
    """

    start: float
    scales: tuple[float, ...]
    strokes: float
    finishing: float
    writing: float
    report: float

    @property
    def ending(self) -> float:
        """The time after the last scale."""
        return self.strokes + self.finishing + self.writing + self.report

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.start + sum(self.scales) + self.ending


def overhead(
    job: Job,
    shape: RunShape,
    sizes: Sequence[tuple[int, int]],
    pictures: int,
    rates: Rates,
    evaluation: float,
    stroke_pixels: Sequence[float] = (),
) -> Overhead:
    """Return the overhead of a run.

    Parameters
    ----------
    job : Job
    shape : RunShape
    sizes : sequence of (int, int)
        Height and width of each scale.
    pictures : int
        Pictures that the method paints.
    rates : Rates
    evaluation : float
        Seconds of an evaluation of the whole content.
    stroke_pixels : sequence of float
        Before each scale and after the last one, as `run_estimate.stroke_pixels` counts them; empty
        where none are added.
    """
    reading = sum(rates.seconds(each.kind, each.pixels) for each in shape.reads)
    if job.method not in METHODS:  # one is chosen by looking at the masks
        reading += rates.seconds("resize", shape.masks * shape.pixels)
    planes = shape.planes + shape.masks + 2 * shape.protect
    resized = shape.pixels * planes + 8 * sum(map(math.prod, shape.styles))
    scale = SCALE_SECONDS + rates.seconds("resize", resized)
    written = 1 + (pictures if job.uncut else 0)
    report = 0.0
    if job.report:
        report = REPORT_SECONDS + REPORT_SHARE * len(shape.styles) * evaluation
    strokes = [rates.seconds("strokes", each) for each in stroke_pixels]
    strokes = strokes or [0.0] * (len(sizes) + 1)
    return Overhead(
        START_SECONDS + reading,
        tuple(scale + each for each in strokes[:-1]),
        strokes[-1],
        rates.seconds(finish_kind(shape), finish_pixels(job, shape, sizes[-1], pictures)),
        rates.seconds(write_kind(job.output, shape.depth), shape.pixels * written),
        report,
    )


def finish_kind(shape: RunShape) -> str:
    """Return the kind of work in which a result is put together."""
    return "finish, converted" if shape.converted else "finish"


def finish_pixels(job: Job, shape: RunShape, size: tuple[int, int], pictures: int) -> float:
    """Return for how many pixels a result is put together.

    Parameters
    ----------
    job : Job
    shape : RunShape
    size : (int, int)
        Height and width of the last scale.
    pictures : int
        Pictures that were painted.
    """
    same = size == shape.content
    of_picture = SAME_SIZE if same else 1.0
    if job.colors == "luminance":
        of_picture += CHROMA_SHARE
    covered = not shape.masks and not shape.protect
    shares = pictures * of_picture + MASK_SHARE * shape.masks
    shares += 0 if covered or same else CONTENT_SHOWS
    if job.uncut:
        shares += pictures * of_picture
    return shape.pixels * shares


def write_kind(output: str, depth: int) -> str:
    """Return the kind of work in which a result is written.

    Parameters
    ----------
    output : str
        The file's name.
    depth : int
        Bytes of a number of the result.
    """
    extension = Path(output).suffix.lower() or ".npy"
    extension = {".jpeg": ".jpg", ".tiff": ".tif"}.get(extension, extension)
    deep = depth == 2 and extension in (".png", ".tif")
    return f"write {extension}" + (", 16 bits" if deep else "")


def reading_rates(reads: Sequence[Read], least: int) -> dict[str, float]:
    """Return the rates of reading that a run has measured.

    Parameters
    ----------
    reads : sequence of Read
    least : int
        Pixels of a file from which on its time means anything.
    """
    sums: dict[str, tuple[int, float]] = {}
    for kind, pixels, seconds in reads:
        if pixels >= least:
            before = sums.get(kind, (0, 0.0))
            sums[kind] = before[0] + pixels, before[1] + seconds
    return {kind: seconds / pixels for kind, (pixels, seconds) in sums.items()}
