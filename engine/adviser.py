"""The adviser: the engine process behind GIMP's open dialog, which says what a run will take.

It reads questions from standard input, one JSON object per line, and writes one line for each to
standard output. A question that is not answered yet when the next one comes is dropped. The process
writes no files and ends with its input.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import os
import signal
import threading
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from engine.errors import PictureError, describe
from engine.estimate import MASK_BYTES, DoesNotFitError, RunShape
from engine.job import Job
from engine.jobfile import job_from_dict
from engine.masks.softness import survey
from engine.methods import METHODS, Method, choose_method
from engine.pictures.picture import read_picture
from engine.protocol import Lines
from engine.sizes import resized_mask
from engine.warm import Warm

if TYPE_CHECKING:
    from engine.network import Network

CONTENT_BYTES = 16
"""Per pixel of GIMP's layer, whose colors and alpha are float32."""

STYLE_BYTES = 12
"""Per pixel of a style picture."""

STEPS_TO_LARGEST = 5
"""Halvings in the search for the largest size that fits, between two that were asked for."""


def advise() -> int:
    """Answer questions until standard input ends; return the exit status.

    A question has

    * ``number``, which its answer repeats,
    * ``job``: a job, whose files are not read,
    * ``content``: height and width, ``styles``: the same for each region,
    * ``masks``: for each region a small copy of its mask as `packed` gives it, or null for the
      whole picture,
    * ``sizes``: the working sizes to estimate, in pixels; 0 and -1 as in a job,
    * ``files``: paths of pictures to read.

    The answer, of type ``advice``, has

    * ``chosen``: what the options that are 'auto' stand for, by name,
    * ``sizes``: for each working size a dictionary with width, height, scales, tiles, seconds and
      bytes, or with ``problem``, a sentence that says why it does not fit, and ``missing``, the
      bytes of memory that it lacks,
    * ``largest``: about the largest area that fits, in pixels; 0 for all of the content, null if
      none of ``sizes`` fits,
    * ``refused``: a sentence for each of the files that cannot be read, by path.
    """
    lines = Lines(os.dup(1))
    os.dup2(2, 1)  # what libraries print is no answer
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    with suppress(OSError):
        lines.hello()
        _Adviser(lines).run()
    return 0


class _Adviser:
    """The main thread reads questions, another one answers the latest."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._latest: dict[str, Any] | None = None
        self._news = threading.Condition()
        self._warm = Warm()
        self._read: dict[tuple[str, float, int], str] = {}

    def run(self) -> None:
        """Read questions until the input ends."""
        threading.Thread(target=self._answer_all, name="answers", daemon=True).start()
        with suppress(OSError), open(0, "rb", closefd=False) as questions:
            for line in questions:
                question = json.loads(line)
                with self._news:
                    self._latest = question
                    self._news.notify()

    def _answer_all(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._latest is not None)
                question, self._latest = self._latest, None
            assert question is not None
            try:
                answer = advice(question, self._warm.network)
                answer["refused"] = self._refused(question["files"])
            except Exception as error:
                answer = {"problem": describe(error).message}
            try:
                self._lines.send("advice", number=question["number"], **answer)
            except OSError:
                os._exit(0)  # nobody reads

    def _refused(self, paths: list[str]) -> dict[str, str]:
        """Return why files cannot be read, by path; each file is read once."""
        refused = {}
        for path in paths:
            try:
                about = os.stat(path)
                key = path, about.st_mtime, about.st_size
            except OSError:
                key = path, 0.0, 0
            if key not in self._read:
                self._read[key] = ""
                try:
                    read_picture(path)
                except PictureError as error:
                    self._read[key] = str(error)
            if self._read[key]:
                refused[path] = self._read[key]
        return refused


def advice(question: dict[str, Any], network_of: Callable[[Job], Network]) -> dict[str, Any]:
    """Return the answer to a question.

    Parameters
    ----------
    question : dict
        As `advise` describes it.
    network_of : callable
        Returns the network for a job.
    """
    from engine.preparation import plan, present_conditions, survey_size

    job = job_from_dict(question["job"])
    height, width = question["content"]
    shape = _shape(job, (height, width), [tuple(size) for size in question["styles"]])
    size = survey_size(job, (height, width))
    masks = [
        np.ones(size, np.float32) if mask is None else resized_mask(unpacked(mask), size)
        for mask in question["masks"]
    ]
    method = METHODS.get(job.method) or choose_method(survey(masks))
    network = network_of(job)
    conditions = present_conditions(job, shape, network)

    def estimated(area: int) -> dict[str, Any]:
        asked = dataclasses.replace(job, size=area)
        try:
            found = plan(asked, method, shape, network, conditions)
        except DoesNotFitError as error:
            return {"problem": str(error), "missing": error.missing}
        return {**vars(found.event), "optimizer": found.scales[-1].optimizer.used}

    asked = {area: estimated(area) for area in question["sizes"]}
    now = estimated(job.size)
    return {
        "chosen": _chosen(job, method, network, now),
        "sizes": list(asked.values()),
        "largest": _largest(shape.pixels, asked, estimated),
    }


def _shape(job: Job, content: tuple[int, int], styles: list[tuple[int, int]]) -> RunShape:
    """Return the sizes of a run whose files GIMP has not written yet."""
    pixels = math.prod(content)
    masks = len(styles) + bool(job.protect)
    held = pixels * (CONTENT_BYTES + MASK_BYTES * masks) + STYLE_BYTES * sum(map(math.prod, styles))
    reading = held + 2 * CONTENT_BYTES * pixels
    return RunShape(content, styles, bool(job.protect), held, reading, depth=4)


def _chosen(job: Job, method: Method, network: Network, now: dict[str, Any]) -> dict[str, Any]:
    """Return what the options that are 'auto' stand for."""
    chosen = {
        "method": method.name,
        "propagation": method.propagation_for(job),
        "device": network.device,
    }
    if "problem" not in now:
        chosen["optimizer"] = now["optimizer"]
    return {name: value for name, value in chosen.items() if getattr(job, name) == "auto"}


def _largest(
    pixels: int,
    asked: dict[int, dict[str, Any]],
    estimated: Callable[[int], dict[str, Any]],
) -> int | None:
    """Return the largest area that fits; 0 for all of the content, None if none that was asked."""
    if "problem" not in (asked.get(0) or estimated(0)):
        return 0
    fitting = [area for area, found in asked.items() if area > 0 and "problem" not in found]
    failing = [area for area, found in asked.items() if area > 0 and "problem" in found]
    if not fitting:
        return None
    fits, too_large = float(max(fitting)), float(min([*failing, pixels]))
    for _ in range(STEPS_TO_LARGEST):
        middle = math.sqrt(fits * too_large)
        if "problem" in estimated(int(middle)):
            too_large = middle
        else:
            fits = middle
    # Two digits, so that the offer does not change with every small change of speed.
    digits = 10 ** max(len(str(int(fits))) - 2, 0)
    return int(fits) // digits * digits


def packed(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask, from 0 to 1, as JSON: 'size' (height and width) and 'data'.

    The data are bytes, compressed by zlib, in base64.
    """
    data = zlib.compress(np.round(np.clip(mask, 0, 1) * 255).astype(np.uint8).tobytes(), 1)
    return {"size": list(mask.shape), "data": base64.b64encode(data).decode("ascii")}


def unpacked(mask: dict[str, Any]) -> np.ndarray:
    """Return the mask that `packed` has made."""
    data = zlib.decompress(base64.b64decode(mask["data"]))
    return np.frombuffer(data, np.uint8).reshape(mask["size"]).astype(np.float32) / 255
