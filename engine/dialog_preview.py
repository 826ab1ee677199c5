"""Previews for GIMP's open dialog: small paintings of a job's result."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Callable

import numpy as np

from engine.events import Event, Preview, Progress
from engine.run import stylize
from engine.sizes import interleaved, stroke_size

if TYPE_CHECKING:
    import threading

    from engine.job import Job
    from engine.schedule import ScalePlan
    from engine.warm import Warm

EVALUATION_SECONDS = 0.15
"""The time that an evaluation of a preview may take."""

LEAST_AREA = 36_000
"""Pixels of the smallest preview. With fewer there is no room for strokes."""

STEPS = 40
"""The most steps of a preview. Further steps hardly show at its size."""

FIRST_STEP = 1
"""The first step that is shown. Before it, little is painted."""

SHOW_SECONDS = 0.25
"""The least time from one picture to the next."""


def preview_job(job: Job, first: ScalePlan, seconds_per_pixel: float) -> Job:
    """Return the job of a preview.

    It is the painting's first scale itself where this machine is fast enough, with the same start,
    styles and noise. Elsewhere it is a smaller one, whose strokes are smaller in proportion.

    Parameters
    ----------
    job : Job
        The painting's, with its method.
    first : ScalePlan
        The painting's first scale.
    seconds_per_pixel : float
        Of an evaluation on this machine.
    """
    area = min(max(int(EVALUATION_SECONDS / seconds_per_pixel), LEAST_AREA), first.pixels)
    smaller = math.sqrt(area / first.pixels)
    regions = tuple(
        replace(
            region,
            style_size=max(stroke_size(region.style_size, job.brush_size) * smaller, 0.25),
        )
        for region in job.regions
    )
    return replace(
        job,
        regions=regions,
        brush_size=1.0,
        content_layers=tuple(
            (layer, weight * first.content_factor) for layer, weight in job.content_layers
        ),
        size=area,
        scales=1,
        iterations=min(first.steps, STEPS),
        enlargement="smooth",
        uncut=False,
        report="",
    )


def paint_preview(
    job: Job,
    on_picture: Callable[[np.ndarray, bool], None],
    stop: threading.Event,
    warm: Warm,
) -> None:
    """Paint a preview.

    Parameters
    ----------
    job : Job
        As `preview_job` returns it, with the files to read.
    on_picture : callable
        Is called with each picture to show, uint8 of shape (height, width, 3), and with whether it
        is the last one. It is not called any more when `stop` is set.
    stop : threading.Event
        Ends it after the evaluation at hand.
    warm : Warm

    Raises
    ------
    JobError, PictureError, WeightsError, FloatingPointError
        As `stylize` does.
    """
    step = 0

    def on_event(event: Event) -> None:
        nonlocal step
        if isinstance(event, Progress) and event.stage == "paint":
            step = event.step
        elif isinstance(event, Preview) and step >= FIRST_STEP and not stop.is_set():
            on_picture(event.picture, False)

    done = stylize(job, on_event, stop, preview_seconds=SHOW_SECONDS, warm=warm)
    if not stop.is_set():
        shown = interleaved(done.picture.resized(done.working_size))
        on_picture(np.round(shown).astype(np.uint8), True)
