"""Estimates before a run: its scales, its time, its memory, and what fits into the memory there is.

Memory is counted as in `engine.scale_resources`. Time is pixels times evaluations times the
machine's speed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.events import Estimated
from engine.job import AUTO_SIZE, Job
from engine.overhead import Overhead, Rates, overhead
from engine.pictures.finishing import MOST_THREADS
from engine.pictures.strips import STRIP_PIXELS, pixels_at_work
from engine.scale_resources import (
    CONTENT_TARGET,
    MASK_BYTES,
    Card,
    DoesNotFitError,
    ScaleResources,
    count_guidances,
    scale_resources,
)
from engine.schedule import ScalePlan, plan_scales
from engine.sizes import stroke_size
from engine.strokes.enlarging import MOST_STYLE_PIXELS, sizes_between, working_bytes
from engine.time_left import ScaleTime
from engine.translations import _
from models.forms import USUAL_FORMS, Forms

if TYPE_CHECKING:
    from engine.methods import Method
    from engine.run_shape import RunShape

BASE_BYTES = 350_000_000
"""Python, the libraries, the network's weights and their transformed kernels."""

LIBRARIES_BYTES = 120_000_000
"""Python and the libraries alone, while the pictures are read."""

STRIPS_BYTES, STRIPS_PICTURE_BYTES = 100, 30
"""Per pixel of the strips in which the result is put together, and more for each picture."""

STROKES_KEPT_BYTES = 60_000_000
"""Bytes that the C library keeps after the enlargement with strokes."""

ENCODER_BYTES = 230
"""Per pixel of a strip that an encoder works on."""

WRITING_BYTES = {".jpg": 4, ".jpeg": 4, ".webp": 9}
"""Per pixel of the result, by its extension: Pillow's copy, and what its encoder takes. PNG and
TIFF are written in strips."""

GRAMS_BYTES = 9_000_000
"""Per guidance at five layers: Gram matrices of the style, sums in float64, and slopes."""

REPORT_BYTES = 180
"""Per pixel of the content, in which a report measures the result: some of its yardsticks hold
pictures, features and gradients of all of it."""

ENLARGED_BYTES = 6
"""Per pixel of a painting that is enlarged with strokes."""

FREE_SHARE = 0.9
"""The share of the free memory that a run takes; the rest is for others and for surprises."""

SMALLEST_AUTO = 125_000
"""Pixels of the smallest automatic working size."""

AUTO_SECONDS = 300.0
"""Seconds that the automatic working size aims at."""

REGION_TIME = 0.08
"""Time of each further region, as a share of an evaluation with one; measured."""

STYLE_TARGET = 0.5
"""Time of a style's targets, as a share of an evaluation of as many pixels."""


@dataclass(frozen=True)
class Estimate:
    """A run before it starts.

    Attributes
    ----------
    area : int
        The working size that was asked for or chosen, in pixels; 0 for all of the content.
    scales : list of ScaleResources
        The coarsest first.
    bytes : int
        The most memory that the process has at a time.
    times : tuple of ScaleTime
        Of each scale.
    overhead : Overhead
        The time of everything else.
    strokes : bool
        Whether the painting is enlarged with strokes.
    lacks_strokes : bool
        Whether it, or the start of a scale, is enlarged smoothly since the memory does not suffice.
    """

    area: int
    scales: list[ScaleResources]
    bytes: int
    times: tuple[ScaleTime, ...]
    overhead: Overhead
    strokes: bool
    lacks_strokes: bool

    @property
    def painting(self) -> float:
        """The time in which the network works."""
        return sum(each.network for each in self.times)

    @property
    def seconds(self) -> float:
        """The time from start to end."""
        return self.painting + self.overhead.seconds

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the last scale."""
        return self.scales[-1].plan.size

    @property
    def event(self) -> Estimated:
        """The event that announces it."""
        height, width = self.size
        tiles = len(self.scales[-1].evaluation.tiling.tiles)
        return Estimated(width, height, len(self.scales), tiles, self.seconds, self.bytes)


def estimate(
    job: Job,
    method: Method,
    shape: RunShape,
    budget: int,
    seconds_per_pixel: float,
    threads: int = 1,
    card: Card | None = None,
    rates: Rates | None = None,
    forms: Forms = USUAL_FORMS,
) -> Estimate:
    """Plan a run within a budget of memory.

    Parameters
    ----------
    job : Job
        A size of -1 stands for the largest one that takes about five minutes.
    method : Method
    shape : RunShape
    budget : int
        Bytes that the whole process may have.
    seconds_per_pixel : float
        Of one evaluation on this machine.
    threads : int
        Those that the run has.
    card : Card, optional
        The graphics card; without it, the processor evaluates.
    rates : Rates, optional
        How fast everything else is on this machine; by default as usual.
    forms : Forms
        How each kind of convolution is computed.

    Raises
    ------
    DoesNotFitError
        If not even the smallest tile of the size that was asked for fits, or the result, or the
        report.
    """

    def of_area(area: int) -> Estimate:
        return _estimate(
            job, method, shape, area, budget, seconds_per_pixel, threads, card, rates, forms
        )

    if job.size != AUTO_SIZE:
        return of_area(job.size)
    chosen = None
    for area in _ladder(shape.pixels):
        try:
            found = of_area(area)
        except DoesNotFitError:
            if chosen is None:
                raise
            break
        if chosen is not None and found.seconds > AUTO_SECONDS:
            break
        chosen = found
    assert chosen is not None
    return chosen


def _ladder(pixels: int) -> list[int]:
    """Return the areas among which the automatic size is chosen: few, so that it is steady.

    None is smaller than half of the paper's 250,000 pixels, however slow the machine is.
    """
    areas = [round(SMALLEST_AUTO * 2 ** (n / 2)) for n in range(22)]
    return [*(area for area in areas if area < pixels), 0]


def _estimate(
    job: Job,
    method: Method,
    shape: RunShape,
    area: int,
    budget: int,
    seconds_per_pixel: float,
    threads: int,
    card: Card | None,
    rates: Rates | None,
    forms: Forms,
) -> Estimate:
    pictures = method.pictures(len(shape.styles))
    guidances = count_guidances(job, method, len(shape.styles))
    base = BASE_BYTES + GRAMS_BYTES * guidances
    held = base + shape.held
    plans = plan_scales(job, *shape.content, area)
    starting = [held + each for each in _starting_bytes(job, shape, plans, pictures, threads)]
    lacks = max(starting) > budget
    if lacks:
        plans = [replace(plan, with_strokes=False) for plan in plans]
        starting = [0.0]
    found = []
    # The last one first: if it does not fit, the message is about the size that was asked for.
    for plan in reversed(plans):
        kept = held + (STROKES_KEPT_BYTES if plan.with_strokes else 0)
        resources, taken = scale_resources(job, method, shape, plan, budget - kept, card, forms)
        found.append((resources, kept + taken))
    scales = [resources for resources, _taken in reversed(found)]
    painting = max(taken for _resources, taken in found)
    # Later the targets are gone.
    base, held = BASE_BYTES, BASE_BYTES + shape.held
    report = held + REPORT_BYTES * shape.pixels if job.report else 0
    # When the result is written, content and masks are gone.
    finishing, writing = _finishing(job, shape, scales[-1].plan, pictures, threads)
    finishing, writing = held + finishing, base + writing
    between = sizes_between(scales[-1].plan.size, shape.content)
    wanted = job.enlargement == "strokes" and bool(between)
    adding = held + _strokes_bytes(job, shape, scales[-1].plan, pictures, threads)
    with_strokes = finishing + ENLARGED_BYTES * shape.pixels * pictures + STROKES_KEPT_BYTES
    strokes = wanted and max(adding, with_strokes) <= budget
    painting = max(painting, *starting)
    if strokes:
        painting, finishing = max(painting, adding), with_strokes
    reading = LIBRARIES_BYTES + shape.reading
    result = max(reading, finishing, writing)
    _check_budget(job, shape, budget, result, report)
    most = max(painting, result, report)
    whole = shape.pixels * seconds_per_pixel
    sizes = [plan.size for plan in plans]
    added = [0.0]
    for before, plan in zip(sizes, plans[1:]):
        starts = stroke_pixels(job, shape, before, plan.size, pictures)
        added.append(starts if plan.with_strokes else 0.0)
    added.append(stroke_pixels(job, shape, sizes[-1], shape.content, pictures) if strokes else 0.0)
    beside = overhead(job, shape, sizes, pictures, rates or Rates(), whole, added)
    per_pixel = seconds_per_pixel * (1 + REGION_TIME * (guidances - 1))
    times = []
    for each, resizing in zip(scales, beside.scales):
        styles = STYLE_TARGET * sum(_style_pixels(job, shape, each.plan.pixels))
        analysis = (CONTENT_TARGET * each.work + styles) * per_pixel
        evaluation = each.work * per_pixel
        times.append(ScaleTime(resizing, analysis, evaluation, each.plan.steps, pictures))
    lacks |= wanted and not strokes
    return Estimate(area, scales, int(most), tuple(times), beside, strokes, lacks)


def _style_pixels(job: Job, shape: RunShape, area: int) -> list[float]:
    """Return about how many pixels each style has that is used for so many of the painting."""
    return [
        min(area, math.prod(size)) * stroke_size(region.style_size, job.brush_size) ** 2
        for region, size in zip(job.regions, shape.styles)
    ]


def _searched_pixels(job: Job, shape: RunShape, area: int) -> list[float]:
    """Return about how many pixels of each style are searched, for a painting of so many."""
    return [min(pixels, MOST_STYLE_PIXELS) for pixels in _style_pixels(job, shape, area)]


def stroke_pixels(
    job: Job, shape: RunShape, small: tuple[int, int], large: tuple[int, int], pictures: int
) -> float:
    """Return the pixels of all sizes to which a painting and its styles are enlarged for strokes.

    Parameters
    ----------
    job : Job
    shape : RunShape
    small, large : (int, int)
        Height and width of the painting, and those to which it is enlarged.
    pictures : int
        Pictures that were painted.
    """
    pixels = 0.0
    for height, width in sizes_between(small, large):
        searched = _searched_pixels(job, shape, height * width)
        pixels += height * width * pictures + sum(searched)
    return pixels


def _finishing(
    job: Job, shape: RunShape, last: ScalePlan, pictures: int, threads: int
) -> tuple[float, float]:
    """Return the bytes that it takes to put the result together, and those to write it."""
    painted = 12 * last.pixels * pictures
    result = 3 * shape.depth * shape.pixels * (1 + (pictures if job.uncut else 0))
    enlarging = 0
    if last.size != shape.content:
        enlarging = 12 * last.size[0] * shape.content[1] * (pictures + 1) + 12 * last.pixels
    extension = Path(job.output).suffix.lower()
    writing = WRITING_BYTES.get(extension, 0) * shape.pixels
    deep = ("", ".npy", ".tif", ".tiff", *([".png"] if shape.depth == 2 else []))
    if shape.depth > 1 and extension not in deep:
        writing += 3 * shape.pixels  # a copy in 8 bits
    height, width = shape.content
    strips = STRIPS_BYTES + STRIPS_PICTURE_BYTES * pictures
    strips *= pixels_at_work(width, height, min(threads, MOST_THREADS))
    encoder = ENCODER_BYTES * min(shape.pixels, STRIP_PIXELS)
    return painted + result + enlarging + strips, result + writing + encoder


def _starting_bytes(
    job: Job, shape: RunShape, plans: Sequence[ScalePlan], pictures: int, threads: int
) -> list[float]:
    """Return the bytes that it takes to start each scale with strokes; 0 where it does without."""
    regions = len(shape.styles)
    taken = [0.0]
    for before, plan in zip(plans, plans[1:]):
        small = (12 * pictures + 8 * regions) * before.pixels
        # The content, the masks, the pictures, and one more as it is enlarged.
        large = (12 + MASK_BYTES * regions + (12 * pictures + ENLARGED_BYTES)) * plan.pixels
        working = working_bytes(plan.size, _searched_pixels(job, shape, plan.pixels), threads)
        taken.append(small + large + working if plan.with_strokes else 0.0)
    return taken


def _strokes_bytes(
    job: Job, shape: RunShape, last: ScalePlan, pictures: int, threads: int
) -> float:
    """Return the bytes that it takes to enlarge the painting with strokes."""
    painted = (12 * pictures + 8 * len(shape.styles)) * last.pixels
    # All pictures enlarged, and the last one at half the size too.
    enlarged = ENLARGED_BYTES * shape.pixels * (pictures + 0.25)
    searched = _searched_pixels(job, shape, shape.pixels)
    return painted + enlarged + working_bytes(shape.content, searched, threads)


def _check_budget(job: Job, shape: RunShape, budget: float, result: float, report: float) -> None:
    """Refuse a run whose result or report takes more than the budget; all in bytes."""
    missing = max(result, report) - budget
    if missing <= 0:
        return
    if result > budget:
        message = _(
            "The result of {width} x {height} pixels needs {gigabytes} GB more memory than is "
            "available; choose a smaller picture."
        )
        if job.memory:
            message = _(
                "The result of {width} x {height} pixels needs {gigabytes} GB more memory than is "
                "available; choose a smaller picture or raise --memory."
            )
    else:
        message = _(
            "The report on a picture of {width} x {height} pixels needs {gigabytes} GB more memory "
            "than is available; do without it."
        )
        if job.memory:
            message = _(
                "The report on a picture of {width} x {height} pixels needs {gigabytes} GB more "
                "memory than is available; do without it or raise --memory."
            )
    raise DoesNotFitError.of_size(message, shape.content, missing)
