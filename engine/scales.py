"""The methods at work: each scale's objective, its optimiser, and news of how it goes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.events import Notice, Preview, Progress, Report
from engine.initial_picture import start_picture
from engine.job import Job
from engine.loss.blocks import BlockedLosses
from engine.loss.objective import MaskedGradient, Objective, StyleTerm
from engine.loss.targets import Targets, layers_of, prepare, region_terms, whole_picture_terms
from engine.masks.regions import LoadedRegion
from engine.optimizers import Bounds, Trace, adam, lbfgs
from engine.pictures.compositing import cut_out, stitched
from engine.sizes import interleaved, resized, resized_mask

if TYPE_CHECKING:
    import threading

    from engine.network import DifferentiableNetwork, Network

PREVIEW_SECONDS = 1.0


@dataclass(frozen=True)
class Curve:
    """The losses of one picture at one scale.

    Attributes
    ----------
    scale : int
        From 1.
    region : int or None
        Whose picture it is with the method stitch, else None.
    size : (int, int)
        Height and width.
    history : tuple of dict of str to float
        The parts of the loss at every evaluation, as `objective.Evaluation` has them.
    seconds : float
        What all of that took.
    """

    scale: int
    region: int | None
    size: tuple[int, int]
    history: tuple[dict[str, float], ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class _Scale:
    """One size of the pyramid, ready to be painted.

    Attributes
    ----------
    number : int
        From 1.
    size : (int, int)
        Height and width.
    content : ndarray, shape (3, height, width)
    masks : list of ndarray, shape (height, width)
        One per region.
    targets : Targets
    network : DifferentiableNetwork
    pictures : list of ndarray, shape (3, height, width)
        How far each picture has come.
    """

    number: int
    size: tuple[int, int]
    content: np.ndarray
    masks: list[np.ndarray]
    targets: Targets
    network: DifferentiableNetwork
    pictures: list[np.ndarray]


class ScaleLoop:
    """One job's pictures, from the smallest scale to the last.

    Parameters
    ----------
    job : Job
    network : Network
    content : ndarray, shape (3, height, width)
        0..255, of its own size, in the colours that are painted.
    regions : list of LoadedRegion
    sizes : list of (int, int)
        Height and width of each scale.
    tell : callable
        Is called with events.
    stop : threading.Event
    keep : ndarray, shape (height, width), optional
        Where the content is kept, from 0 to 1, of the content's own size.

    Attributes
    ----------
    loss : float
        Of the last scale.
    steps, evaluations : int
        Over all scales.
    stopped : bool
    curves : list of Curve
        One per scale and picture, in the order in which they were painted.
    """

    def __init__(
        self,
        job: Job,
        network: Network,
        content: np.ndarray,
        regions: list[LoadedRegion],
        sizes: list[tuple[int, int]],
        tell: Report,
        stop: threading.Event,
        keep: np.ndarray | None = None,
    ) -> None:
        self._job = job
        self._network = network
        self._content = content
        self._regions = regions
        self._sizes = sizes
        self._tell = tell
        self._stop = stop
        self._keep = keep
        self._sums = BlockedLosses(network.threads)
        self.loss = 0.0
        self.steps = 0
        self.evaluations = 0
        self.stopped = False
        self.curves: list[Curve] = []
        self._runs = len(regions) if job.method == "stitch" else 1
        # Work is counted in pixel steps, so that the time left knows small scales as quick ones.
        self._work = sum(rows * columns for rows, columns in sizes) * job.iterations * self._runs
        self._worked = 0
        self._seconds = 0.0
        self._shown = 0.0

    def paint(self) -> list[np.ndarray]:
        """Paint all scales; return the last one's pictures, shape (3, rows, columns), 0..255.

        With the method stitch there is one per region, else one.
        """
        pictures: list[np.ndarray] = []
        for number in range(1, len(self._sizes) + 1):
            pictures = self._paint_scale(number, pictures)
            if self.stopped:
                break
        return pictures

    def _paint_scale(self, number: int, before: list[np.ndarray]) -> list[np.ndarray]:
        size = self._sizes[number - 1]
        content = resized(self._content, size)
        masks = [resized_mask(region.mask, size) for region in self._regions]
        targets = self._prepare(content, number)
        layers = tuple(dict.fromkeys(sum(layers_of(self._job), ())))
        pictures = [resized(picture, size) for picture in before]
        if not pictures:
            pictures = [start_picture(self._job, content, self._regions, masks)] * self._runs
        network = self._network.differentiable(*size, layers)
        scale = _Scale(number, size, content, masks, targets, network, pictures)
        self.loss = 0.0
        for run in range(self._runs):
            began = time.perf_counter()
            course = self._minimise(scale, run)
            seconds = time.perf_counter() - began
            pictures[run] = course.picture
            self.loss += course.loss
            self.steps += course.steps
            self.evaluations += course.evaluations
            region = run if self._job.method == "stitch" else None
            self.curves.append(Curve(number, region, size, tuple(course.history), seconds))
            if course.stopped:
                self.stopped = True
                break
        return pictures

    def _prepare(self, content: np.ndarray, number: int) -> Targets:
        scales = len(self._sizes)
        styles = len(self._regions)
        self._tell(Progress("content", 0, 1, number, scales))
        targets = prepare(
            self._job,
            self._network,
            content,
            self._regions,
            on_style=lambda index: self._tell(Progress("style", index, styles, number, scales)),
            on_notice=self._notice,
            keep=None if self._keep is None else resized_mask(self._keep, content.shape[1:]),
        )
        self._tell(Progress("style", styles, styles, number, scales))
        return targets

    def _objective(self, scale: _Scale, run: int) -> Objective | MaskedGradient:
        """Return what the job's method minimises, or the field that it follows."""
        job, network, targets = self._job, scale.network, scale.targets

        def whole(region: int) -> list[StyleTerm]:
            weight = self._regions[region].weight
            return whole_picture_terms(job, targets, region, weight, scale.size)

        if job.method == "stitch":
            return Objective(network, targets.contents, whole(run), job.tv, self._sums)
        if job.method == "gradient":
            plain = Objective(network, targets.contents, [], job.tv, self._sums)
            styles = [
                (Objective(network, [], whole(region), 0.0, self._sums), mask)
                for region, mask in enumerate(scale.masks)
            ]
            return MaskedGradient(network, plain, styles)
        terms = region_terms(job, targets, self._regions, scale.masks, self._notice)
        return Objective(network, targets.contents, terms, job.tv, self._sums)

    def _minimise(self, scale: _Scale, run: int) -> Trace:
        job = self._job
        began = time.perf_counter()
        worked, seconds = self._worked, self._seconds
        pixels = scale.size[0] * scale.size[1]
        total = job.iterations * self._runs

        def tell(step: int, loss: float | None, left: float | None) -> None:
            done = job.iterations * run + step
            scales = len(self._sizes)
            self._tell(Progress("paint", done, total, scale.number, scales, loss, left))

        def on_step(step: int, course: Trace) -> bool:
            now = time.perf_counter()
            self._worked = worked + step * pixels
            self._seconds = seconds + now - began
            left = self._seconds * (self._work / self._worked - 1) if self._worked else None
            tell(step, course.loss, left)
            if now - self._shown > PREVIEW_SECONDS:
                self._shown = now
                scale.pictures[run] = course.picture
                self._show(scale)
            return self._stop.is_set()

        tell(0, None, None)
        evaluate = self._objective(scale, run)
        start, bounds = scale.pictures[run], self._bounds(scale)
        if job.optimizer_used == "adam":
            course = adam(
                evaluate,
                start,
                bounds,
                steps=job.iterations,
                learning_rate=job.learning_rate,
                on_step=on_step,
                keep_best=job.method != "gradient",
            )
        else:
            course = lbfgs(
                evaluate,
                start,
                bounds,
                steps=job.iterations,
                history=job.history,
                on_step=on_step,
            )
        # An optimiser that has converged early leaves no work behind.
        self._worked = worked + job.iterations * pixels
        left = self._seconds * (self._work / self._worked - 1)
        tell(course.steps, course.loss, None if course.stopped else left)
        return course

    def _bounds(self, scale: _Scale) -> Bounds:
        """Return 0 and 255, or the content itself where the method pins it."""
        if self._job.method != "pinned":
            return 0.0, 255.0
        free = sum(scale.masks, np.zeros(scale.size, np.float32)) > 0
        low, high = np.float32(0), np.float32(255)
        return np.where(free, low, scale.content), np.where(free, high, scale.content)

    def _show(self, scale: _Scale) -> None:
        shown = scale.pictures[0]
        if self._job.method == "stitch":
            shown = stitched(scale.pictures, scale.content, scale.masks)
        elif self._job.method == "cutout":
            shown = cut_out(shown, scale.content, scale.masks)
        self._tell(Preview(np.round(interleaved(shown)).astype(np.uint8)))

    def _notice(self, text: str) -> None:
        self._tell(Notice(text))
