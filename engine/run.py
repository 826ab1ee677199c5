"""A run: from a job to its result."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine import speed
from engine.events import Notice, OnEvent, Preview, Progress
from engine.job import Job
from engine.loss_curve import LossCurve
from engine.memory import give_back
from engine.methods import Method
from engine.optimizers import InterruptedEvaluation
from engine.output_files import input_sums
from engine.overhead import finish_kind, finish_pixels
from engine.pictures.colors import apply_color_mode, restore_chroma
from engine.pictures.finishing import Finisher
from engine.pictures.stored import StoredPicture
from engine.preparation import Conditions, Prepared, in_float, prepare
from engine.previews import PREVIEW_SECONDS
from engine.run_estimate import stroke_pixels
from engine.scales import ScaleLoop
from engine.sizes import interleaved, planar
from engine.strokes.enlarging import enlarge_with_strokes
from engine.strokes.sources import stroke_sources
from engine.threads import single_threaded_blas
from engine.time_left import TimeLeft
from engine.translations import _, number_text
from engine.warm import Warm

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from engine.events import Event
    from engine.masks.regions import LoadedRegion
    from engine.states.keeper import Keeper

PRIOR_TILES = 4
"""The number of measured tiles as which the estimate counts in the time left."""


@dataclass(frozen=True)
class Result:
    """A painted picture and how it came about.

    Attributes
    ----------
    picture : StoredPicture
        Of the content's size, with the content's alpha, color space and metadata.
    uncut : tuple of StoredPicture
        With the job's `uncut`, what was painted before the masks cut it out: with the method
        stitch each style's whole picture, else one picture.
    loss : float
        Of the last scale's picture; for the method stitch the sum over its pictures.
    steps, evaluations : int
        Over all scales and pictures.
    seconds : float
    stopped : bool
        Whether `stop` ended it early.
    notices : tuple of str
        Everything that was reported as a Notice.
    device : str
        The device that the network really ran on.
    losses : str
        Where the losses were computed, 'processor' or 'card'.
    threads : int
    working_size : (int, int)
        Height and width of the last scale.
    coverage : tuple of float
        The share of the content that each region covers, from 0 to 1.
    curves : tuple of LossCurve
        The losses of every scale and picture.
    method : str
        The method that was used; what 'auto' has chosen.
    area : int
        The job's size; where it was automatic, the one that was chosen.
    optimizer : str
        The optimizer of the last scale, with its options.
    stages : dict of str to float
        Seconds of 'reading' the files, opening the 'model', analyzing the 'styles' and the content,
        'painting', 'strokes' for the enlarged painting, and 'finishing' at the content's own size.
    inputs : dict of str to str
        The SHA-256 sums of the files that were read.
    """

    picture: StoredPicture
    uncut: tuple[StoredPicture, ...]
    loss: float
    steps: int
    evaluations: int
    seconds: float
    stopped: bool
    notices: tuple[str, ...]
    device: str
    losses: str
    threads: int
    working_size: tuple[int, int]
    coverage: tuple[float, ...]
    curves: tuple[LossCurve, ...]
    method: str
    area: int
    optimizer: str
    stages: dict[str, float]
    inputs: dict[str, str]


@single_threaded_blas()
def stylize(
    job: Job,
    on_event: OnEvent,
    stop: threading.Event,
    *,
    method: Method | None = None,
    previews: bool = True,
    preview_seconds: float = PREVIEW_SECONDS,
    warm: Warm | None = None,
    area: int | None = None,
    keeper: Keeper | None = None,
) -> Result:
    """Paint a picture.

    Parameters
    ----------
    job : Job
    on_event : callable
        Is called with every event of `engine.events`, from the calling thread.
    stop : threading.Event
        When it is set, the picture is finished after the evaluation at hand.
    method : Method, optional
        A method to try, in place of the one that the job names.
    previews : bool
        Whether the events have previews, which take time.
    preview_seconds : float
        The least time from one preview to the next.
    warm : Warm, optional
        The network and the styles of earlier runs in this process.
    area : int, optional
        The size, in pixels, that was chosen for a job with an automatic size.
    keeper : Keeper, optional
        Saves the run's state, or has the one from which it is resumed.

    Raises
    ------
    JobError
        If the job contradicts itself or a region covers nothing.
    PictureError
        If a picture cannot be read.
    WeightsError
        If the model is missing or broken.
    FloatingPointError
        If the loss is no longer a finite number.
    StateError
        If the run cannot be resumed.
    """
    started = time.perf_counter()
    resumed = keeper.resumed if keeper is not None else {}
    notices: list[str] = list(resumed.get("notices", ()))

    def tell(event: Event) -> None:
        if isinstance(event, Notice):
            # A layer skipped at every scale is one piece of news.
            if event.text in notices:
                return
            notices.append(event.text)
        on_event(event)

    sums = input_sums(job)
    conditions = Conditions(**resumed["conditions"]) if resumed else None
    prepared = prepare(job, tell, method, warm=warm, area=area, conditions=conditions)
    job, method, network = prepared.job, prepared.method, prepared.network
    regions, protect, estimated = prepared.regions, prepared.protect, prepared.estimated
    content, conditions, shape = prepared.content, prepared.conditions, prepared.shape
    read, opened = prepared.read, prepared.opened
    if keeper is not None:
        keeper.begin(asdict(conditions), content.size, notices)
    canvas, regions = apply_color_mode(job.colors, content, regions)

    def tell_colored(event: Event) -> None:
        if isinstance(event, Preview) and job.colors == "luminance":
            shown = restore_chroma(planar(event.picture), content.resized(event.picture.shape[:2]))
            event = Preview(np.round(interleaved(shown)).astype(np.uint8))
        tell(event)

    loop = ScaleLoop(
        job,
        method,
        network,
        canvas,
        regions,
        estimated.scales,
        tell_colored,
        stop,
        TimeLeft(estimated.times, estimated.overhead.ending),
        protect,
        style_memory=conditions.budget / 2,
        previews=previews,
        preview_seconds=preview_seconds,
        cache=warm.moments if warm else None,
        keeper=keeper,
    )
    clocks = speed.Clocks()
    pictures = loop.paint()
    own_share = clocks.network_share(network)
    network.give_memory_back()
    painted = time.perf_counter()
    clocks = speed.Clocks()
    strokes = None if loop.stopped else _strokes(prepared, regions, pictures, tell, stop)
    enlarged = time.perf_counter()
    ending = estimated.overhead.ending - estimated.overhead.strokes
    tell(Progress("write", 0, 1, seconds_left=ending))
    finisher = Finisher(
        content,
        canvas,
        [region.mask for region in regions],
        protect,
        job.protect_strength,
        keeps_chroma=job.colors == "luminance",
        in_float=in_float(job),
        small=loop.content,
        threads=network.threads,
        with_strokes=strokes or (),
    )
    picture, clipped = finisher.result(method.composite, pictures)
    if clipped > 0:
        text = _(
            "The colors of {percent} % of the painted pixels lie beyond sRGB, in which Scumble "
            "paints, or beyond the content's color profile; they were clipped."
        )
        tell(Notice(text.format(percent=number_text(max(100 * clipped, 0.01), ".2g"))))
    beyond = finisher.uncut(pictures) if job.uncut else ()
    minimizing = sum(curve.seconds for curve in loop.curves)
    earlier = started - keeper.began if resumed and keeper is not None else 0.0
    usual = not (resumed or loop.shrunk) and job.style_layers == Job.style_layers
    working = pictures[0].shape[1], pictures[0].shape[2]
    large = math.prod(working) >= speed.MIN_PIXELS
    if usual and large and minimizing > speed.MIN_SECONDS:
        speed.record(network, own_share * minimizing / loop.work)
    ended = time.perf_counter()
    rates = prepared.reading_rates
    if shape.pixels > speed.RATE_PIXELS:
        own_share = clocks.own_share(network.threads)
        finished = finish_pixels(job, shape, working, len(pictures))
        rates[finish_kind(shape)] = own_share * (ended - enlarged) / finished
        if strokes and not shape.masks:  # beside a mask there are none
            added = stroke_pixels(job, shape, working, shape.content, len(pictures))
            rates["strokes"] = own_share * (enlarged - painted) / added
    speed.record_rates(rates)
    return Result(
        picture=picture,
        uncut=beyond,
        loss=loop.loss,
        steps=loop.steps,
        evaluations=loop.evaluations,
        seconds=earlier + ended - started,
        stopped=loop.stopped or strokes is None,
        notices=tuple(notices),
        device=network.device,
        losses=network.losses,
        threads=network.threads,
        working_size=working,
        coverage=tuple(region.coverage for region in regions),
        curves=tuple(loop.curves),
        method=job.method,
        area=estimated.area,
        optimizer=loop.optimizer,
        stages={
            "reading": read - started,
            "model": opened - read,
            "styles": painted - opened - loop.enlarging - (minimizing - loop.earlier_seconds),
            "painting": minimizing,
            "strokes": loop.enlarging + enlarged - painted,
            "finishing": ended - enlarged,
        },
        inputs=sums,
    )


def _strokes(
    prepared: Prepared,
    regions: Sequence[LoadedRegion],
    pictures: Sequence[np.ndarray],
    on_event: OnEvent,
    stop: threading.Event,
) -> list[StoredPicture] | None:
    """Enlarge the painted pictures with strokes of their styles.

    Returns
    -------
    list of StoredPicture or None
        Of the content's size; empty where they are not to have strokes; None if the user has
        stopped it.
    """
    job, size = prepared.job, prepared.content.size
    painted = pictures[0].shape[1], pictures[0].shape[2]
    if not prepared.estimated.strokes:
        return []
    overhead = prepared.estimated.overhead
    found, began = [], time.perf_counter()
    sources = stroke_sources(job, prepared.method, regions, painted)
    for index, (picture, of_picture) in enumerate(zip(pictures, sources)):

        def on_tile(done: int, count: int, index: int = index) -> None:
            done, count = done + index * count, count * len(pictures)
            spent = time.perf_counter() - began + PRIOR_TILES * overhead.strokes / count
            left = spent / (done + PRIOR_TILES) * (count - done)
            left += overhead.ending - overhead.strokes
            on_event(Progress("strokes", done, count, seconds_left=left))
            if stop.is_set():
                raise InterruptedEvaluation

        try:
            numbers = enlarge_with_strokes(
                picture, size, of_picture, prepared.network.threads, on_tile
            )
        except InterruptedEvaluation:
            return None
        give_back()
        assert numbers is not None
        found.append(StoredPicture(numbers))
    return found
