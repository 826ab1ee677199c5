"""Painting one picture of a batch: from a request to the bytes of its files."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Callable

import numpy as np
from PIL import Image

from engine.errors import Failure, describe
from engine.events import Event, Progress
from engine.job import INPUT_KINDS, Job
from engine.jobfile import with_paths
from engine.output_files import encode, inputs
from engine.run import Result, stylize
from engine.sizes import resize
from engine.threads import single_threaded_blas
from engine.warm import Warm

THUMBNAIL_SIDE = 320
"""Pixels; the longer side of a thumbnail."""


@dataclass(frozen=True)
class PictureRequest:
    """One picture to paint, as it goes to a worker.

    Attributes
    ----------
    number : int
        Which picture of the batch, from 0.
    job : Job
        As its settings will name it.
    paths : dict of str to str
        From `output_files.paths_in_settings`.
    threads : int
        Processor threads; 0 for as many as the worker has.
    memory : float
        The most memory to use, in GB; 0 takes what is free.
    area : int or None
        The size that was chosen for a job with an automatic size.
    """

    number: int
    job: Job
    paths: dict[str, str]
    threads: int
    memory: float
    area: int | None


@dataclass(frozen=True)
class Painted:
    """A painted picture, not yet written.

    Attributes
    ----------
    files : tuple of bytes
        The contents of the files of `output_files.outputs`.
    thumbnail : bytes
        A small JPEG of the result.
    size, working_size : (int, int)
        Width and height of the result and of the last scale.
    method : str
    steps : int
    loss, seconds : float
    device : str
    notices : tuple of str
    """

    files: tuple[bytes, ...]
    thumbnail: bytes
    size: tuple[int, int]
    working_size: tuple[int, int]
    method: str
    steps: int
    loss: float
    seconds: float
    device: str
    notices: tuple[str, ...]


OnShare = Callable[[float], None]
"""Function that is called with the share of a picture that is done, from 0 to 1."""


def paint(
    request: PictureRequest,
    warm: Warm,
    on_share: OnShare,
    stop: threading.Event,
    places: Mapping[str, str] | None = None,
) -> Painted | Failure | None:
    """Paint one picture.

    Parameters
    ----------
    request : PictureRequest
    warm : Warm
        What the pictures before it have left.
    on_share : callable
    stop : threading.Event
        Gives the picture up when it is set.
    places : mapping of str to str, optional
        Where inputs are on this machine, if not where the job has them.

    Returns
    -------
    Painted, Failure or None
        None if it was given up.
    """
    began = time.perf_counter()

    def on_event(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "paint" and event.seconds_left:
            spent = time.perf_counter() - began
            on_share(spent / (spent + event.seconds_left))

    job = replace(request.job, threads=request.threads, memory=request.memory)
    elsewhere = places or {}
    job = with_paths(job, lambda path: elsewhere.get(path, path), INPUT_KINDS)
    try:
        result = stylize(job, on_event, stop, previews=False, warm=warm, area=request.area)
        if result.stopped:
            return None
        sums = {path: result.inputs[elsewhere.get(path, path)] for path in inputs(request.job)}
        result = replace(result, inputs=sums)
        with single_threaded_blas():
            files, notes = encode(request.job, result, request.paths)
            small = thumbnail(result.picture.rgb)
    except Exception as error:
        return describe(error)
    return _painted(result, files, small, notes)


def thumbnail(rgb: np.ndarray) -> bytes:
    """Return a small JPEG of a picture, shape (height, width, 3), 0..255."""
    height, width = rgb.shape[:2]
    shrink = min(THUMBNAIL_SIDE / max(height, width), 1)
    small = resize(rgb, (max(round(height * shrink), 1), max(round(width * shrink), 1)))
    buffer = io.BytesIO()
    values = np.rint(np.clip(small, 0, 255)).astype(np.uint8)
    Image.fromarray(values).save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def _painted(
    result: Result, files: tuple[bytes, ...], small: bytes, notes: tuple[str, ...]
) -> Painted:
    height, width = result.picture.size
    rows, columns = result.working_size
    return Painted(
        files=files,
        thumbnail=small,
        size=(width, height),
        working_size=(columns, rows),
        method=result.method,
        steps=result.steps,
        loss=result.loss,
        seconds=result.seconds,
        device=result.device,
        notices=(*result.notices, *(note for note in notes if note not in result.notices)),
    )
