"""The loop over scales: targets, objectives, optimizer, progress and previews."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from engine.card_lbfgs import CardLbfgs
from engine.events import Notice, OnEvent, Preview, Progress
from engine.initial_picture import start_picture
from engine.job import Job
from engine.loss.blocks import BlockedLosses
from engine.loss.in_graph import GraphEvaluator
from engine.loss.make_terms import ScaleInputs, layers_of
from engine.loss.objective import OBJECTIVES, BlockEvaluator, Evaluator, Groups, Objective
from engine.loss.targets import compute_targets
from engine.loss.terms import Part
from engine.masks.regions import LoadedRegion
from engine.memory import memory
from engine.methods import Method
from engine.optimizers import Bounds, Trace, choose_optimizer
from engine.pictures.compositing import COMPOSITES
from engine.sizes import interleaved, resized, resized_mask

if TYPE_CHECKING:
    import threading

    from engine.network import Network

PREVIEW_SECONDS = 1.0


@dataclass(frozen=True)
class Curve:
    """The losses of one picture at one scale.

    Attributes
    ----------
    scale : int
        From 1.
    region : int or None
        The region that the picture belongs to, where each has its own; else None.
    size : (int, int)
        Height and width.
    history : tuple of dict of Part to float
        The parts of the loss at every evaluation.
    seconds : float
        The time that all of that took.
    """

    scale: int
    region: int | None
    size: tuple[int, int]
    history: tuple[dict[Part, float], ...]
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
    objectives : list of Objective
        One per picture.
    pictures : list of ndarray, shape (3, height, width)
        Each picture as it is so far.
    """

    number: int
    size: tuple[int, int]
    content: np.ndarray
    masks: list[np.ndarray]
    objectives: list[Objective]
    pictures: list[np.ndarray]


class ScaleLoop:
    """One job's pictures, from the smallest scale to the last.

    Parameters
    ----------
    job : Job
    method : Method
    network : Network
    content : ndarray, shape (3, height, width)
        0..255, of its own size, in the colors that are painted.
    regions : list of LoadedRegion
    sizes : list of (int, int)
        Height and width of each scale.
    on_event : callable
        Is called with events.
    stop : threading.Event
    protect : ndarray, shape (height, width), optional
        Where the content is protected, from 0 to 1, of the content's own size.

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
        method: Method,
        network: Network,
        content: np.ndarray,
        regions: list[LoadedRegion],
        sizes: list[tuple[int, int]],
        on_event: OnEvent,
        stop: threading.Event,
        protect: np.ndarray | None = None,
        *,
        previews: bool = True,
    ) -> None:
        self._job = job
        self._method = method
        self._network = network
        self._content = content
        self._regions = regions
        self._sizes = sizes
        self._on_event = on_event
        self._stop = stop
        self._protect = protect
        self.loss = 0.0
        self.steps = 0
        self.evaluations = 0
        self.stopped = False
        self.curves: list[Curve] = []
        self._pictures_count = method.pictures(len(regions))
        # Work is counted in pixel steps, so that the time left takes small scales as quick ones.
        pixels = sum(rows * columns for rows, columns in sizes)
        self._work = pixels * job.iterations * self._pictures_count
        self._worked = 0
        self._seconds = 0.0
        self._previews = previews
        self._shown = 0.0

    def paint(self) -> list[np.ndarray]:
        """Paint all scales.

        Returns
        -------
        list of ndarray, shape (3, rows, columns)
            The last scale's pictures, 0..255: one per region or one in all, as the method has it.
        """
        pictures: list[np.ndarray] = []
        with BlockedLosses(self._network.threads) as losses:
            for number in range(1, len(self._sizes) + 1):
                pictures = self._paint_scale(number, pictures, losses)
                if self.stopped:
                    break
        return pictures

    def _paint_scale(
        self, number: int, before: list[np.ndarray], losses: BlockedLosses
    ) -> list[np.ndarray]:
        size = self._sizes[number - 1]
        content = resized(self._content, size)
        masks = [resized_mask(region.mask, size) for region in self._regions]
        inputs = self._inputs(content, masks, number)
        pictures = [resized(picture, size) for picture in before]
        if not pictures:
            first = start_picture(self._job, content, self._regions, masks)
            pictures = [first] * self._pictures_count
        layers = tuple(dict.fromkeys(sum(layers_of(self._job), ())))
        # Rounded products are good enough for a scale that another one follows.
        rounded = number < len(self._sizes)
        network = self._network.differentiable(*size, layers, rounded=rounded)
        if network.notice:
            self._notice(network.notice)

        def make(groups: Groups) -> Evaluator:
            if self._network.losses == "card":
                return GraphEvaluator(network, groups)
            return BlockEvaluator(network, groups, losses)

        objectives = OBJECTIVES[self._method.objective](inputs, make)
        scale = _Scale(number, size, content, masks, objectives, pictures)
        self.loss = 0.0
        for index in range(self._pictures_count):
            began = time.perf_counter()
            trace = self._minimize(scale, index)
            seconds = time.perf_counter() - began
            pictures[index] = trace.picture
            self.loss += trace.loss
            self.steps += trace.steps
            self.evaluations += trace.evaluations
            region = index if self._method.picture_per_region else None
            self.curves.append(Curve(number, region, size, tuple(trace.parts), seconds))
            if trace.stopped:
                self.stopped = True
                break
        return pictures

    def _inputs(self, content: np.ndarray, masks: list[np.ndarray], number: int) -> ScaleInputs:
        """Compute the targets of a scale and say so."""
        scales, styles, size = len(self._sizes), len(self._regions), content.shape[1:]
        self._on_event(Progress("content", 0, 1, number, scales))
        targets = compute_targets(
            self._job,
            self._network,
            content,
            self._regions,
            on_style=lambda index: self._on_event(Progress("style", index, styles, number, scales)),
            on_notice=self._notice,
            protect=None if self._protect is None else resized_mask(self._protect, size),
        )
        self._on_event(Progress("style", styles, styles, number, scales))
        return ScaleInputs(
            self._job, self._method, size, self._regions, masks, targets, self._notice
        )

    def _minimize(self, scale: _Scale, index: int) -> Trace:
        job = self._job
        began = time.perf_counter()
        worked, seconds = self._worked, self._seconds
        pixels = scale.size[0] * scale.size[1]
        total = job.iterations * self._pictures_count

        def progress(step: int, loss: float | None, left: float | None) -> None:
            done = job.iterations * index + step
            scales = len(self._sizes)
            self._on_event(Progress("paint", done, total, scale.number, scales, loss, left))

        def on_step(step: int, trace: Trace) -> bool:
            now = time.perf_counter()
            self._worked = worked + step * pixels
            self._seconds = seconds + now - began
            left = self._seconds * (self._work / self._worked - 1) if self._worked else None
            progress(step, trace.loss, left)
            if self._previews and now - self._shown > PREVIEW_SECONDS:
                self._shown = now
                scale.pictures[index] = trace.picture
                self._show(scale)
            return self._stop.is_set()

        progress(0, None, None)
        evaluate = scale.objectives[index]
        start, bounds = scale.pictures[index], self._bounds(scale)
        on_card = partial(CardLbfgs, self._network) if self._network.losses == "card" else None
        optimizer = choose_optimizer(job, self._method, pixels, memory().free, on_card)
        trace = optimizer.minimize(evaluate, start, bounds, steps=job.iterations, on_step=on_step)
        # An optimizer that has converged early leaves no work behind.
        self._worked = worked + job.iterations * pixels
        left = self._seconds * (self._work / self._worked - 1)
        progress(trace.steps, trace.loss, None if trace.stopped else left)
        return trace

    def _bounds(self, scale: _Scale) -> Bounds:
        """Return 0 and 255, or the content itself where the method pins it."""
        if not self._method.pins_outside:
            return 0.0, 255.0
        free = sum(scale.masks, np.zeros(scale.size, np.float32)) > 0
        low, high = np.float32(0), np.float32(255)
        return np.where(free, low, scale.content), np.where(free, high, scale.content)

    def _show(self, scale: _Scale) -> None:
        composite = COMPOSITES[self._method.composite]
        shown = composite(scale.pictures, scale.content, scale.masks, 0.0)
        self._on_event(Preview(np.round(interleaved(shown)).astype(np.uint8)))

    def _notice(self, text: str) -> None:
        self._on_event(Notice(text))
