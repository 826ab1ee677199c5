"""The adviser: the engine process behind GIMP's open dialog.

It estimates the time and the memory of a run, and paints a preview. It reads questions from
standard input, one JSON object per line, and writes lines to standard output. A new question
replaces one that is not answered yet, or whose preview is not finished. The process ends when its
input ends, and removes its run folder.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
import math
import os
import signal
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from engine.errors import Failure, PictureError, describe
from engine.job import INPUT_KINDS, Job
from engine.jobfile import job_from_dict, paths_of, resolve_paths
from engine.locks import hold_run_folder
from engine.masks.softness import survey
from engine.methods import METHODS, Method, choose_method
from engine.pictures.picture import read_picture
from engine.pictures.reading_memory import Read
from engine.protocol import Lines
from engine.run_folder import refusal, remove
from engine.run_shape import RunShape
from engine.scale_resources import MASK_BYTES, DoesNotFitError
from engine.schedule import plan_scales
from engine.sizes import resized_mask
from engine.warm import Warm, file_version

if TYPE_CHECKING:
    from engine.network import Network

CONTENT_BYTES = 16
"""Per pixel of GIMP's layer, whose colors and alpha are float32."""

STYLE_BYTES = 12
"""Per pixel of a style picture."""

STEPS_TO_LARGEST = 5
"""Halvings in the search for the largest size that fits, between two that were asked for."""


KEPT_PREVIEWS = 8
"""Finished previews that are kept, for a user who undoes a change."""

WRONG_USE = 2


def advise(folder: str = "") -> int:
    """Answer questions until standard input ends; return the exit status if the folder is refused.

    Parameters
    ----------
    folder : str
        The run folder with the files that the questions name. It is removed at the end.

    A question has

    * ``number``, which its answer repeats,
    * ``job``: a job; its files are only read for a preview,
    * ``content``: height and width, ``styles``: the same for each region,
    * ``masks``: for each region a small copy of its mask as `packed` gives it, or null for the
      whole picture,
    * ``sizes``: the working sizes to estimate, in pixels; 0 and -1 as in a job,
    * ``files``: paths of pictures to read,
    * ``preview``: whether to paint a preview.

    The answer, of type ``advice``, has

    * ``chosen``: what the options that are 'auto' stand for, by name,
    * ``sizes``: for each working size a dictionary with width, height, scales, tiles, seconds and
      bytes, or with ``problem``, a sentence that says why it does not fit, and ``missing``, the
      bytes of memory that it lacks,
    * ``largest``: about the largest area that fits, in pixels; 0 for all of the content, null if
      none of ``sizes`` fits,
    * ``refused``: a sentence for each of the files that cannot be read, by path.

    Lines of type ``preview`` follow it. They have ``width``, ``height``, ``data`` (red, green and
    blue, one byte each, row by row, in base64), and ``last``, whether the preview is finished; or
    ``problem``, a sentence that says why there is none.
    """
    lines = Lines(os.dup(1))
    os.dup2(2, 1)  # what libraries print is no answer
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    problem = refusal(Path(folder)) if folder else ""
    if problem:
        lines.error(Failure("job", problem))
        return WRONG_USE
    _Adviser(lines, Path(folder).absolute() if folder else None).run()
    return 0


class _Adviser:
    """The main thread reads questions, another one answers the latest."""

    def __init__(self, lines: Lines, folder: Path | None) -> None:
        self._lines = lines
        self._folder = folder
        self._held = None if folder is None else hold_run_folder(folder)
        self._leaving = threading.Lock()
        self._latest: dict[str, Any] | None = None
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._warm = Warm()
        self._read: dict[tuple, str] = {}
        self._previews: dict[tuple, dict[str, Any]] = {}

    def run(self) -> None:
        """Read questions until the input ends, which ends the process."""
        try:
            self._lines.hello()
        except OSError:
            self._leave()
        threading.Thread(target=self._answer_all, name="answers", daemon=True).start()
        with suppress(OSError), open(0, "rb", closefd=False) as questions:
            for line in questions:
                question = json.loads(line)
                with self._news:
                    self._stop.set()  # the preview at work
                    self._latest, self._stop = question, threading.Event()
                    self._news.notify()
        self._leave()

    def _send(self, kind: str, **fields: Any) -> None:
        """Write a line; if nobody reads it, end the process, as at the end of the input."""
        try:
            self._lines.send(kind, **fields)
        except OSError:
            self._leave()

    def _leave(self) -> None:
        """Remove the run folder and end the process, whatever is being painted."""
        self._leaving.acquire()  # for good: another thread may be leaving
        if self._held is not None:
            os.close(self._held)  # Windows deletes no open file
        if self._folder is not None:
            remove(self._folder)
        os._exit(0)

    def _answer_all(self) -> None:
        self._prepare()
        while True:
            with self._news:
                self._news.wait_for(lambda: self._latest is not None)
                question, self._latest = self._latest, None
                stop = self._stop
            assert question is not None
            self._answer(question, stop)

    def _prepare(self) -> None:
        """Load what every answer needs, while GIMP builds its dialog."""
        with suppress(Exception):  # the first answer comes upon the same error, and reports it
            importlib.import_module("engine.dialog_preview")
            self._warm.network(Job(content="", output=""))

    def _answer(self, question: dict[str, Any], stop: threading.Event) -> None:
        """Answer a question, and paint its preview until the next one comes."""
        number, preview = question["number"], None
        try:
            answer, preview = advice(question, self._warm.network)
            answer["refused"] = self._refused(question["files"])
        except Exception as error:
            answer = {"problem": describe(error).message}
        self._send("advice", number=number, **answer)
        if preview is None or not question["preview"] or stop.is_set():
            return
        try:
            job = resolve_paths(preview, self._folder) if self._folder else preview
            self._paint(job, number, stop)
        except Exception as error:
            if not stop.is_set():
                self._send("preview", number=number, problem=describe(error).message)

    def _paint(self, job: Job, number: int, stop: threading.Event) -> None:
        """Paint a preview, or send the finished one of the same job again."""
        from engine.dialog_preview import paint_preview

        key = job, tuple(file_version(path) for path in paths_of(job, INPUT_KINDS))

        def on_picture(picture: np.ndarray, last: bool) -> None:
            height, width = picture.shape[:2]
            data = base64.b64encode(picture.tobytes()).decode("ascii")
            line = {"width": width, "height": height, "data": data, "last": last}
            if last:
                self._previews[key] = line
            self._send("preview", number=number, **line)

        if key in self._previews:
            self._send("preview", number=number, **self._previews[key])
            return
        paint_preview(job, on_picture, stop, self._warm)
        while len(self._previews) > KEPT_PREVIEWS:
            del self._previews[next(iter(self._previews))]

    def _refused(self, paths: list[str]) -> dict[str, str]:
        """Return why files cannot be read, by path; each file is read once."""
        refused = {}
        for path in paths:
            key = path, file_version(path)
            if key not in self._read:
                self._read[key] = ""
                try:
                    read_picture(path)
                except PictureError as error:
                    self._read[key] = str(error)
            if self._read[key]:
                refused[path] = self._read[key]
        return refused


def advice(
    question: dict[str, Any], network_of: Callable[[Job], Network]
) -> tuple[dict[str, Any], Job]:
    """Return the answer to a question, and the job of the preview.

    Parameters
    ----------
    question : dict
        As `advise` describes it.
    network_of : callable
        Returns the network for a job.
    """
    from engine.dialog_preview import preview_job
    from engine.preparation import plan, present_conditions, survey_size

    job = job_from_dict(question["job"])
    height, width = question["content"]
    given = sum(mask is not None for mask in question["masks"])
    shape = _shape(job, (height, width), [tuple(size) for size in question["styles"]], given)
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
    answer = {
        "chosen": _chosen(job, method, network, now),
        "sizes": [asked[area] for area in question["sizes"]],
        "largest": _largest(shape.pixels, asked, estimated),
    }
    area = max(job.size, 0) if "problem" in now else now["width"] * now["height"]
    first = plan_scales(job, height, width, area)[0]
    painted = dataclasses.replace(job, method=method.name)
    return answer, preview_job(painted, first, conditions.seconds_per_pixel)


def _shape(
    job: Job, content: tuple[int, int], styles: list[tuple[int, int]], given: int
) -> RunShape:
    """Return the sizes of a run whose files GIMP has not written yet.

    Parameters
    ----------
    job : Job
    content : (int, int)
        Height and width.
    styles : list of (int, int)
        The same for each style picture. The estimate takes each for a JPEG, as most are.
    given : int
        Regions with a mask.
    """
    pixels = math.prod(content)
    masks = len(styles) + bool(job.protect)
    held = pixels * (CONTENT_BYTES + MASK_BYTES * masks) + STYLE_BYTES * sum(map(math.prod, styles))
    reading = held + 2 * CONTENT_BYTES * pixels
    arrays = [Read("read NPY", pixels)] * (1 + given + bool(job.protect))
    reads = [*arrays, *(Read("read JPEG", math.prod(size)) for size in styles)]
    return RunShape(
        content, styles, bool(job.protect), held, reading, depth=4, masks=given, reads=reads
    )


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
