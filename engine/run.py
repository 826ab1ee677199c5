"""A run: from a job to its result."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.estimate import needed
from engine.events import Device, MethodChosen, Notice, OnEvent, Preview, Progress
from engine.job import Job, JobError, check
from engine.masks.regions import LoadedRegion, keep_mask, load_regions
from engine.masks.softness import survey
from engine.memory import memory
from engine.methods import METHODS, Method, choose_method
from engine.network import open_network
from engine.pictures.colors import apply_color_mode, restore_chroma
from engine.pictures.compositing import COMPOSITES, uncut
from engine.pictures.picture import Picture, read_picture
from engine.scales import Curve, ScaleLoop
from engine.sizes import interleaved, planar, pyramid, resized, resized_mask, style_size
from engine.threads import single_threaded_blas, thread_notice

if TYPE_CHECKING:
    import threading

    from engine.events import Event


@dataclass(frozen=True)
class Result:
    """A painted picture and how it came about.

    Attributes
    ----------
    picture : Picture
        Of the content's size, with the content's alpha.
    uncut : tuple of Picture
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
    curves : tuple of Curve
        The losses of every scale and picture.
    method : str
        The method that was used; what 'auto' has chosen.
    stages : dict of str to float
        Seconds of 'reading' the files, opening the 'model', looking at the 'styles' and the
        content, 'painting', and 'finishing' at the content's own size.
    """

    picture: Picture
    uncut: tuple[Picture, ...]
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
    curves: tuple[Curve, ...]
    method: str
    stages: dict[str, float]


@single_threaded_blas()
def stylize(
    job: Job,
    on_event: OnEvent,
    stop: threading.Event,
    *,
    method: Method | None = None,
    previews: bool = True,
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
    """
    started = time.perf_counter()
    notices: list[str] = []

    def tell(event: Event) -> None:
        if isinstance(event, Notice):
            # A layer skipped at every scale is one piece of news.
            if event.text in notices:
                return
            notices.append(event.text)
        on_event(event)

    check(job)
    tell(Progress("model", 0, 1))
    content = read_picture(job.content)
    height, width = content.rgb.shape[:2]
    for note in content.notes:
        tell(Notice(f"{job.content}: {note}"))
    regions, notes = load_regions(job, (height, width))
    for note in notes:
        tell(Notice(note))
    keep = keep_mask(job, (height, width))
    read = time.perf_counter()
    network = open_network(job)
    for text in (network.notice, thread_notice(job.threads)):
        if text:
            tell(Notice(text))
    tell(Device(network.device, network.provider, network.threads, network.losses))
    tell(Progress("model", 1, 1))
    opened = time.perf_counter()

    sizes = pyramid(height, width, job.size, job.scales)
    if sizes[-1] != (height, width):
        tell(
            Notice(
                f"The picture of {width} x {height} pixels is painted at "
                f"{sizes[-1][1]} x {sizes[-1][0]} and then enlarged."
            )
        )
    if method is None:
        method = METHODS.get(job.method) or choose_method(
            survey([resized_mask(region.mask, sizes[-1]) for region in regions])
        )
    job = replace(job, method=method.name)
    tell(MethodChosen(method.name))
    _check_memory(job, sizes[-1], regions)
    whole = planar(content.rgb)
    canvas, regions = apply_color_mode(job.colors, whole, regions)

    def colored(picture: np.ndarray) -> np.ndarray:
        if job.colors != "luminance":
            return picture
        return restore_chroma(picture, resized(whole, picture.shape[1:]))

    def tell_colored(event: Event) -> None:
        if isinstance(event, Preview) and job.colors == "luminance":
            shown = colored(planar(event.picture))
            event = Preview(np.round(interleaved(shown)).astype(np.uint8))
        tell(event)

    loop = ScaleLoop(
        job, method, network, canvas, regions, sizes, tell_colored, stop, keep, previews=previews
    )
    pictures = loop.paint()
    painted = time.perf_counter()
    tell(Progress("write", 0, 1))
    kept = 0.0 if keep is None else 1 - np.power(np.float32(job.protect_strength), -keep)

    def finished(painted: np.ndarray) -> Picture:
        return Picture(interleaved(colored(painted)), content.alpha)

    masks = [region.mask for region in regions]
    picture = finished(COMPOSITES[method.composite](pictures, canvas, masks, kept))
    beyond = tuple(finished(uncut(each, canvas, kept)) for each in pictures if job.uncut)
    minimizing = sum(curve.seconds for curve in loop.curves)
    ended = time.perf_counter()
    return Result(
        picture=picture,
        uncut=beyond,
        loss=loop.loss,
        steps=loop.steps,
        evaluations=loop.evaluations,
        seconds=ended - started,
        stopped=loop.stopped,
        notices=tuple(notices),
        device=network.device,
        losses=network.losses,
        threads=network.threads,
        working_size=(pictures[0].shape[1], pictures[0].shape[2]),
        coverage=tuple(region.coverage for region in regions),
        curves=tuple(loop.curves),
        method=job.method,
        stages={
            "reading": read - started,
            "model": opened - read,
            "styles": painted - opened - minimizing,
            "painting": minimizing,
            "finishing": ended - painted,
        },
    )


def _check_memory(job: Job, size: tuple[int, int], regions: list[LoadedRegion]) -> None:
    """Refuse what would not fit: a system without memory left ends programs without a word.

    Raises
    ------
    JobError
        With what is needed, what is free, and a size that fits.
    """
    pixels = size[0] * size[1]
    styles = (style_size(each.style, pixels, each.style_size) for each in regions)
    style_pixels = max(height * width for height, width in styles)
    bytes_needed = needed(pixels, style_pixels, job.lbfgs_memory)
    _, free = memory()
    if 0 < free < bytes_needed:
        fitting = int(0.9 * pixels * free / bytes_needed)
        message = (
            f"size: painting {size[1]} x {size[0]} pixels takes about {bytes_needed / 1e9:.1f} GB "
            f"of memory and {free / 1e9:.1f} GB are free; ask for a size of {fitting} or less."
        )
        raise JobError(message)
