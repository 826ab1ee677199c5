"""The methods at work: each scale's objective, its optimiser, and news of how it goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.colors import match_colors
from engine.events import Notice, Preview, Progress, Report
from engine.job import Job
from engine.objective import MaskedGradient, Objective, StyleTerm
from engine.optimizers import Course, adam, lbfgs
from engine.pictures import read_picture
from engine.regions import LoadedRegion, interleaved, planar, resized, resized_mask
from engine.sums import Sums
from engine.targets import Targets, layers_of, prepare, region_terms, whole_picture_terms

if TYPE_CHECKING:
    import threading

    from engine.network import DifferentiableNetwork, Network

NOISE = (127.5, 50.0)
"""Mean and standard deviation of the Gaussian noise to start from."""

PREVIEW_SECONDS = 1.0


class Painting:
    """One job's pictures, from the smallest scale to the last.

    Parameters
    ----------
    job : Job
    network : Network
    content : ndarray, shape (3, height, width)
        0..255, of its own size.
    regions : list of LoadedRegion
    sizes : list of (int, int)
        Height and width of each scale.
    tell : callable
        Is called with events.
    stop : threading.Event

    Attributes
    ----------
    loss : float
        Of the last scale.
    steps, evaluations : int
        Over all scales.
    stopped : bool
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
    ) -> None:
        self._job = job
        self._network = network
        self._content = content
        self._regions = regions
        self._sizes = sizes
        self._tell = tell
        self._stop = stop
        self._sums = Sums(network.threads)
        self._noise = np.random.default_rng(job.seed)
        self.loss = 0.0
        self.steps = 0
        self.evaluations = 0
        self.stopped = False
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
        job = self._job
        size = self._sizes[number - 1]
        content = resized(self._content, size)
        masks = [resized_mask(region.mask, size) for region in self._regions]
        targets = self._prepare(content, number)
        layers = tuple(dict.fromkeys(sum(layers_of(job), ())))
        network = self._network.differentiable(*size, layers)
        starts = [resized(picture, size) for picture in before]
        if not starts:
            starts = [self._start(content, masks)] * self._runs
        pictures = list(starts)
        self.loss = 0.0
        for run in range(self._runs):
            evaluate = self._objective(network, targets, masks, size, run)
            course = self._minimise(evaluate, starts[run], content, masks, pictures, run, number)
            pictures[run] = course.picture
            self.loss += course.loss
            self.steps += course.steps
            self.evaluations += course.evaluations
            self.stopped = self.stopped or course.stopped
            if self.stopped:
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
        )
        self._tell(Progress("style", styles, styles, number, scales))
        return targets

    def _objective(
        self,
        network: DifferentiableNetwork,
        targets: Targets,
        masks: list[np.ndarray],
        size: tuple[int, int],
        run: int,
    ) -> Objective | MaskedGradient:
        """Return what the job's method minimises, or the field that it follows."""
        job = self._job

        def whole(region: int) -> list[StyleTerm]:
            weight = self._regions[region].weight
            return whole_picture_terms(job, targets, region, weight, size)

        if job.method == "stitch":
            return Objective(network, targets.contents, whole(run), job.tv, self._sums)
        if job.method == "gradient":
            plain = Objective(network, targets.contents, [], job.tv, self._sums)
            styles = [
                (Objective(network, [], whole(region), 0.0, self._sums), mask)
                for region, mask in enumerate(masks)
            ]
            return MaskedGradient(network, plain, styles)
        terms = region_terms(job, targets, self._regions, masks, self._notice)
        return Objective(network, targets.contents, terms, job.tv, self._sums)

    def _minimise(
        self,
        evaluate: Objective | MaskedGradient,
        start: np.ndarray,
        content: np.ndarray,
        masks: list[np.ndarray],
        pictures: list[np.ndarray],
        run: int,
        number: int,
    ) -> Course:
        job = self._job
        began = time.perf_counter()
        worked, seconds = self._worked, self._seconds
        pixels = start.shape[1] * start.shape[2]

        def on_step(step: int, course: Course) -> bool:
            now = time.perf_counter()
            self._worked = worked + step * pixels
            self._seconds = seconds + now - began
            left = None
            if self._worked:
                left = self._seconds * (self._work / self._worked - 1)
            total = job.iterations * self._runs
            done = job.iterations * run + step
            self._tell(Progress("paint", done, total, number, len(self._sizes), course.loss, left))
            if now - self._shown > PREVIEW_SECONDS:
                self._shown = now
                pictures[run] = course.picture
                self._show(pictures, content, masks)
            return self._stop.is_set()

        if job.optimizer_used == "adam":
            course = adam(
                evaluate,
                start,
                self._bounds(content, masks),
                steps=job.iterations,
                learning_rate=job.learning_rate,
                on_step=on_step,
                keep_best=job.method != "gradient",
            )
        else:
            course = lbfgs(
                evaluate,
                start,
                self._bounds(content, masks),
                steps=job.iterations,
                history=job.history,
                on_step=on_step,
            )
        # An optimiser that has converged early leaves no work behind.
        self._worked = worked + job.iterations * pixels
        return course

    def _bounds(
        self, content: np.ndarray, masks: list[np.ndarray]
    ) -> tuple[np.ndarray | float, np.ndarray | float]:
        """Return 0 and 255, or the content itself where the method pins it."""
        if self._job.method != "pinned":
            return 0.0, 255.0
        free = sum(masks, np.zeros_like(masks[0])) > 0
        return np.where(free, np.float32(0), content), np.where(free, np.float32(255), content)

    def _start(self, content: np.ndarray, masks: list[np.ndarray]) -> np.ndarray:
        job = self._job
        if job.init == "noise":
            mean, deviation = NOISE
            noise = self._noise.normal(mean, deviation, content.shape)
            return np.clip(noise, 0, 255).astype(np.float32)
        if job.init == "picture":
            return resized(planar(read_picture(job.init_picture).rgb), content.shape[1:])
        if job.init == "colors":
            return self._in_style_colors(content, masks)
        return content

    def _in_style_colors(self, content: np.ndarray, masks: list[np.ndarray]) -> np.ndarray:
        """Return the content, in each region with the colours of its style."""
        total = np.maximum(sum(masks, np.zeros_like(masks[0])), 1)
        start = content.copy()
        for region, mask in zip(self._regions, masks):
            moved = match_colors(content, mask, region.style, region.style_mask)
            start += mask / total * (moved - content)
        return start

    def _show(
        self, pictures: Sequence[np.ndarray], content: np.ndarray, masks: list[np.ndarray]
    ) -> None:
        shown = pictures[0]
        if self._job.method == "stitch":
            shown = stitched(pictures, content, masks)
        self._tell(Preview(np.round(interleaved(shown)).astype(np.uint8)))

    def _notice(self, text: str) -> None:
        self._tell(Notice(text))


def stitched(
    pictures: Sequence[np.ndarray], content: np.ndarray, masks: Sequence[np.ndarray]
) -> np.ndarray:
    """Return ``sum T_r X_r + (1 - sum T_r) content`` (section 4.2 of the paper).

    Where masks overlap by more than 1 they are taken as shares of their sum.

    Parameters
    ----------
    pictures : sequence of ndarray, shape (3, height, width)
        One per mask.
    content : ndarray, shape (3, height, width)
    masks : sequence of ndarray, shape (height, width)
        From 0 to 1.
    """
    total = sum(masks, np.zeros_like(masks[0]))
    painted = (1 - np.minimum(total, 1)) * content
    for mask, picture in zip(masks, pictures):
        painted += mask / np.maximum(total, 1) * picture
    return np.clip(painted, 0, 255)
