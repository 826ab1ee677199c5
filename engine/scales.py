"""The loop over scales: targets, objectives, optimizer, progress and previews."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.events import Notice, OnEvent, Preview, Progress
from engine.initial_picture import start_picture
from engine.job import Job
from engine.loss.blocks import BlockedLosses
from engine.loss.make_terms import ScaleInputs, layers_of
from engine.loss.objective import OBJECTIVES, Objective
from engine.loss.targets import GramCache, compute_targets
from engine.loss.terms import Part
from engine.loss.tiles import evaluator_maker
from engine.masks.regions import LoadedRegion
from engine.methods import Method
from engine.optimizers import Bounds, InterruptedEvaluation, Plateau, Trace
from engine.pictures.compositing import COMPOSITES
from engine.sizes import interleaved, resized, resized_mask, working_size

if TYPE_CHECKING:
    import threading

    from engine.estimate import ScaleResources
    from engine.network import Network

PREVIEW_SECONDS = 1.0

PREVIEW_AREA = 1_200_000
"""Pixels; about what a window shows."""


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


@dataclass
class _Scale:
    """One size of the pyramid, ready to be painted.

    Attributes
    ----------
    number : int
        From 1.
    resources : ScaleResources
    content : ndarray, shape (3, height, width)
    masks : list of ndarray, shape (height, width)
        One per region.
    objectives : list of Objective
        One per picture.
    pictures : list of ndarray, shape (3, height, width)
        Each picture as it is so far.
    small : (ndarray, list of ndarray), optional
        Content and masks as they are shown, once they have been.
    """

    number: int
    resources: ScaleResources
    content: np.ndarray
    masks: list[np.ndarray]
    objectives: list[Objective]
    pictures: list[np.ndarray]
    small: tuple[np.ndarray, list[np.ndarray]] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.resources.plan.size


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
    scales : list of ScaleResources
        The coarsest first.
    on_event : callable
        Is called with events.
    stop : threading.Event
    protect : ndarray, shape (height, width), optional
        Where the content is protected, from 0 to 1, of the content's own size.
    style_memory : float
        Bytes that looking at a style picture may take; a larger one is cut into tiles.
    previews : bool
        Whether the events have previews, which take time.
    cache : GramCache, optional
        Of earlier runs with this network.

    Attributes
    ----------
    loss : float
        Of the last scale.
    steps, evaluations : int
        Over all scales.
    stopped : bool
    curves : list of Curve
        One per scale and picture, in the order in which they were painted.
    work : float
        The evaluations so far, each times the pixels that the network sees.
    optimizer : str
        The optimizer of the last scale, with its options.
    """

    def __init__(
        self,
        job: Job,
        method: Method,
        network: Network,
        content: np.ndarray,
        regions: list[LoadedRegion],
        scales: list[ScaleResources],
        on_event: OnEvent,
        stop: threading.Event,
        protect: np.ndarray | None = None,
        style_memory: float = math.inf,
        previews: bool = True,
        cache: GramCache | None = None,
    ) -> None:
        self._job = job
        self._method = method
        self._network = network
        self._content = content
        self._regions = regions
        self._scales = scales
        self._on_event = on_event
        self._stop = stop
        self._protect = protect
        self._style_memory = style_memory
        self._previews = previews
        self._cache = cache
        self.loss = 0.0
        self.steps = 0
        self.evaluations = 0
        self.stopped = False
        self.curves: list[Curve] = []
        self.work = 0.0
        self.optimizer = ""
        self._pictures_count = method.pictures(len(regions))
        # The time left is counted in steps, each times the pixels that it takes.
        self._planned = self._pictures_count * sum(each.work * each.plan.steps for each in scales)
        self._done = 0.0
        self._seconds = 0.0
        self._shown = 0.0
        self._show_seconds = 0.0
        self._progress = Progress("paint", 0, 1)

    def paint(self) -> list[np.ndarray]:
        """Paint all scales.

        Returns
        -------
        list of ndarray, shape (3, rows, columns)
            The last scale's pictures, 0..255: one per region or one in all, as the method has it.
        """
        pictures: list[np.ndarray] = []
        with BlockedLosses(self._network.threads) as losses:
            for number, resources in enumerate(self._scales, 1):
                pictures = self._paint_scale(number, resources, pictures, losses)
                if self.stopped:
                    break
        return pictures

    def _paint_scale(
        self,
        number: int,
        resources: ScaleResources,
        before: list[np.ndarray],
        losses: BlockedLosses,
    ) -> list[np.ndarray]:
        size = resources.plan.size
        content = resized(self._content, size)
        masks = [resized_mask(region.mask, size) for region in self._regions]
        inputs = self._inputs(content, masks, number, resources)
        pictures = [resized(picture, size) for picture in before]
        if not pictures:
            first = start_picture(self._job, content, self._regions, masks)
            pictures = [first] * self._pictures_count
        layers = tuple(dict.fromkeys(sum(layers_of(self._job), ())))

        # Rounded products are good enough for a scale that another one follows.
        make = evaluator_maker(
            self._network,
            resources.evaluation,
            layers,
            losses,
            content,
            self._on_tile,
            rounded=number < len(self._scales),
            on_notice=self._notice,
        )
        objectives = OBJECTIVES[self._method.objective](inputs, make)
        scale = _Scale(number, resources, content, masks, objectives, pictures)
        self.loss = 0.0
        for index in range(self._pictures_count):
            began = time.perf_counter()
            trace = self._minimize(scale, index)
            seconds = time.perf_counter() - began
            pictures[index] = trace.picture
            self.loss += trace.loss
            self.steps += trace.steps
            self.evaluations += trace.evaluations
            self.work += resources.work * trace.evaluations
            region = index if self._method.picture_per_region else None
            self.curves.append(Curve(number, region, size, tuple(trace.parts), seconds))
            if trace.stopped:
                self.stopped = True
                break
        return pictures

    def _inputs(
        self,
        content: np.ndarray,
        masks: list[np.ndarray],
        number: int,
        resources: ScaleResources,
    ) -> ScaleInputs:
        """Compute the targets of a scale and say so."""
        scales, styles, size = len(self._scales), len(self._regions), content.shape[1:]
        self._on_event(Progress("content", 0, 1, number, scales))
        targets = compute_targets(
            self._job,
            self._network,
            content,
            self._regions,
            on_style=lambda index: self._on_event(Progress("style", index, styles, number, scales)),
            on_notice=self._notice,
            protect=None if self._protect is None else resized_mask(self._protect, size),
            tiling=resources.evaluation.tiling,
            keeps_content=resources.keeps_content,
            style_memory=self._style_memory,
            cache=self._cache,
        )
        self._on_event(Progress("style", styles, styles, number, scales))
        return ScaleInputs(
            self._job, self._method, size, self._regions, masks, targets, self._notice
        )

    def _minimize(self, scale: _Scale, index: int) -> Trace:
        steps = scale.resources.plan.steps
        work = scale.resources.work
        began = time.perf_counter()
        done, seconds = self._done, self._seconds
        total = steps * self._pictures_count

        def progress(step: int, loss: float | None, left: float | None) -> None:
            scales = len(self._scales)
            self._progress = Progress(
                "paint", steps * index + step, total, scale.number, scales, loss, left
            )
            self._on_event(self._progress)

        def on_step(step: int, trace: Trace) -> bool:
            now = time.perf_counter()
            self._done = done + step * work
            self._seconds = seconds + now - began
            left = self._seconds * (self._planned / self._done - 1) if self._done else None
            progress(step, trace.loss, left)
            # A large picture is not shown more often than a twentieth of the time allows.
            wait = max(PREVIEW_SECONDS, 20 * self._show_seconds)
            if self._previews and now - self._shown > wait:
                scale.pictures[index] = trace.picture
                self._show(scale)
                self._shown = time.perf_counter()
                self._show_seconds = self._shown - now
            return self._stop.is_set()

        progress(0, None, None)
        self.optimizer = scale.resources.optimizer.used
        plateau = scale.resources.plan.plateau
        trace = scale.resources.optimizer.minimize(
            scale.objectives[index],
            scale.pictures[index],
            self._bounds(scale),
            steps=steps,
            on_step=on_step,
            plateau=Plateau(*plateau) if plateau else None,
        )
        # A scale that has ended early leaves no work behind.
        self._done = done + steps * work
        left = self._seconds * (self._planned / self._done - 1)
        progress(trace.steps, trace.loss, None if trace.stopped else left)
        return trace

    def _on_tile(self, done: int, count: int) -> None:
        """Say which tile is at work, and end the evaluation when the user has asked to stop."""
        self._on_event(replace(self._progress, tile=done, tiles=count))
        if self._stop.is_set():
            raise InterruptedEvaluation

    def _bounds(self, scale: _Scale) -> Bounds:
        """Return 0 and 255, or the content itself where the method pins it."""
        if not self._method.pins_outside:
            return 0.0, 255.0
        free = sum(scale.masks, np.zeros(scale.size, np.float32)) > 0
        low, high = np.float32(0), np.float32(255)
        return np.where(free, low, scale.content), np.where(free, high, scale.content)

    def _show(self, scale: _Scale) -> None:
        """Send a preview, which is smaller than a large picture."""
        rows, columns = working_size(*scale.size, PREVIEW_AREA)
        if scale.small is None:
            masks = [resized_mask(mask, (rows, columns)) for mask in scale.masks]
            scale.small = resized(scale.content, (rows, columns)), masks
        content, masks = scale.small
        pictures = [resized(picture, (rows, columns)) for picture in scale.pictures]
        shown = COMPOSITES[self._method.composite](pictures, content, masks, 0.0)
        self._on_event(Preview(np.round(interleaved(shown)).astype(np.uint8)))

    def _notice(self, text: str) -> None:
        self._on_event(Notice(text))
