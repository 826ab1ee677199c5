"""The loop over scales: targets, objectives, optimizer, and the states to resume from."""

from __future__ import annotations

import math
import time
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.events import Notice, OnEvent
from engine.initial_picture import start_picture
from engine.job import Job
from engine.loss.blocks import BlockedLosses
from engine.loss.make_terms import ScaleInputs, layers_of
from engine.loss.objective import OBJECTIVES, MakeEvaluator, Objective
from engine.loss.shrinking import TileLimit, shrinking_evaluators
from engine.loss.targets import StyleCache, compute_targets
from engine.loss.tiles import evaluator_maker
from engine.loss.tiling import Plan
from engine.loss_curve import LossCurve
from engine.masks.regions import LoadedRegion
from engine.memory import give_back
from engine.methods import Method
from engine.optimizers import Bounds, InterruptedEvaluation
from engine.previews import PREVIEW_SECONDS, Previews
from engine.projected_lbfgs import FIRST_CHANGE, FIRST_CHANGE_NEAR
from engine.scale_progress import ProgressReporter
from engine.sizes import next_start
from engine.strokes.enlarging import enlarge_with_strokes
from engine.strokes.sources import stroke_sources
from engine.trace import Plateau, State, Trace
from engine.translations import _

if TYPE_CHECKING:
    import threading

    from engine.masks.mask import Mask
    from engine.network import Network
    from engine.pictures.strips import Planes
    from engine.scale_resources import ScaleResources
    from engine.states.keeper import Keeper
    from engine.time_left import TimeLeft


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
    """

    number: int
    resources: ScaleResources
    content: np.ndarray
    masks: list[np.ndarray]
    objectives: list[Objective]
    pictures: list[np.ndarray]

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
    content : Planes
        Of its own size, in the colors that are painted.
    regions : list of LoadedRegion
    scales : list of ScaleResources
        The coarsest first.
    on_event : callable
        Is called with events.
    stop : threading.Event
    time_left : TimeLeft
    protect : Mask, optional
        Where the content is protected, of the content's own size.
    style_memory : float
        Bytes that analyzing a style picture may take; a larger picture is cut into tiles.
    previews : bool
        Whether the events have previews, which take time.
    preview_seconds : float
        The least time from one to the next.
    cache : StyleCache, optional
        Of earlier runs with this network.
    keeper : Keeper, optional
        Saves the loop's state now and then, and has the one from which the loop resumes.

    Attributes
    ----------
    loss : float
        Of the last scale; NaN before the first evaluation.
    steps, evaluations : int
        Over all scales.
    stopped : bool
    curves : list of LossCurve
        One per scale and picture, in the order in which they were painted.
    work : float
        The evaluations so far, each times the pixels that the network sees.
    optimizer : str
        The optimizer of the last scale, with its options.
    content : ndarray, shape (3, rows, columns), or None
        The content at the scale that was painted last; None if that is its own size.
    earlier_seconds : float
        The part of the curves' time that belongs to the runs that this one resumes.
    enlarging : float
        The seconds in which strokes were added between scales.
    """

    def __init__(
        self,
        job: Job,
        method: Method,
        network: Network,
        content: Planes,
        regions: list[LoadedRegion],
        scales: list[ScaleResources],
        on_event: OnEvent,
        stop: threading.Event,
        time_left: TimeLeft,
        protect: Mask | None = None,
        style_memory: float = math.inf,
        previews: bool = True,
        preview_seconds: float = PREVIEW_SECONDS,
        cache: StyleCache | None = None,
        keeper: Keeper | None = None,
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
        self._cache = cache
        self._keeper = keeper
        self.loss = math.nan
        self.steps = 0
        self.evaluations = 0
        self.stopped = False
        self.curves: list[LossCurve] = []
        self.work = 0.0
        self.optimizer = scales[0].optimizer.used
        self.content: np.ndarray | None = None
        self.earlier_seconds = 0.0
        self.enlarging = 0.0
        self._pictures_count = method.pictures(len(regions))
        self._time_left = time_left
        self._progress = ProgressReporter(on_event, stop, time_left)
        self._previews = Previews(method, on_event, previews, preview_seconds)
        self._layers = tuple(dict.fromkeys(sum(layers_of(job), ())))
        self._tile_limit = TileLimit()
        self._finished: dict[str, np.ndarray] = {}
        self._from = (1, 0)  # the scale and the picture to begin with
        self._interrupted: dict[str, Any] | None = None  # what is known of that picture

    @property
    def shrunk(self) -> bool:
        """Return whether a card's memory ran out, so that its tiles were made smaller."""
        return self._tile_limit.pixels < math.inf

    def paint(self) -> list[np.ndarray]:
        """Paint all scales.

        Returns
        -------
        list of ndarray, shape (3, rows, columns)
            The last scale's pictures, 0..255: one per region or one in all, as the method has it.
        """
        pictures: list[np.ndarray] = []
        if self._keeper is not None and self._keeper.resumed:
            pictures = self._resume(self._keeper)
        with BlockedLosses(self._network.threads) as losses:
            for number, resources in enumerate(self._scales, 1):
                if number < self._from[0]:
                    continue
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
        content = self._content.resized(size)
        self.content = content if size != self._content.size else None
        masks = [region.mask.resized(size) for region in self._regions]
        self.optimizer = resources.optimizer.used
        self._time_left.begin_scale(number, self._first_picture(number), *self._taken())
        pictures = self._begun(number, resources, content, masks, before)
        try:
            inputs = self._inputs(content, masks, number, resources)
        except InterruptedEvaluation:
            self.stopped = True
            return self._so_far(pictures)

        def evaluators(plan: Plan) -> MakeEvaluator:
            return evaluator_maker(
                self._network,
                plan,
                self._layers,
                losses,
                content,
                self._progress.on_tile,
                # Rounded products are good enough for a scale that another one follows.
                rounded=number < len(self._scales),
                on_notice=self._notice,
            )

        with shrinking_evaluators(
            self._network,
            evaluators,
            resources.evaluation,
            self._layers,
            self._tile_limit,
            self._notice,
        ) as make:
            objectives = OBJECTIVES[self._method.objective](inputs, make)
            scale = _Scale(number, resources, content, masks, objectives, pictures)
            return self._paint_pictures(scale)

    def _paint_pictures(self, scale: _Scale) -> list[np.ndarray]:
        """Minimize the losses of a scale's pictures; return the pictures."""
        number, pictures = scale.number, scale.pictures
        self._previews.begin_scale(scale.content, scale.masks)
        first = self._first_picture(number)
        loss = self.loss if first else 0.0
        for index in range(first, self._pictures_count):
            trace, seconds = self._minimize(scale, index, loss)
            pictures[index] = trace.picture
            self.stopped = trace.stopped
            if not trace.losses:  # nothing of this scale is known; the loss before stays
                break
            self.loss = loss = loss + trace.loss
            self.steps += trace.steps
            self.evaluations += trace.evaluations
            self.work += scale.resources.work * trace.evaluations
            region = index if self._method.picture_per_region else None
            self.curves.append(LossCurve(number, region, scale.size, tuple(trace.parts), seconds))
            if self.stopped:
                break
            self._finish_picture(number, index, trace.picture)
        return pictures

    def _so_far(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        """Return a scale's first pictures, or what an interrupted run had made of one of them."""
        if self._interrupted is not None:
            state = self._state(self._interrupted["trace"])
            pictures[self._from[1]] = np.array(state.arrays["shown"])
            self.loss = state.numbers["trace"]["loss"]
        return pictures

    def _first_picture(self, number: int) -> int:
        """Return the picture with which a scale begins; in a resumed one some are finished."""
        return self._from[1] if number == self._from[0] else 0

    def _begun(
        self,
        number: int,
        resources: ScaleResources,
        content: np.ndarray,
        masks: list[np.ndarray],
        before: list[np.ndarray],
    ) -> list[np.ndarray]:
        """Return the pictures that a scale starts from; in a resumed one some are finished."""
        size = resources.plan.size
        pictures = [next_start(picture, size) for picture in before]
        if pictures and resources.plan.with_strokes:
            self._add_strokes(number, resources, before, pictures)
        if not pictures and self._method.picture_per_region:
            # Each is painted in one style, all over.
            whole = [np.ones(size, np.float32)]
            pictures = [self._start(content, [region], whole) for region in self._regions]
        elif not pictures:
            pictures = [self._start(content, self._regions, masks)]
        return [
            self._finished.get(_picture_name(number, index), picture)
            for index, picture in enumerate(pictures)
        ]

    def _add_strokes(
        self,
        number: int,
        resources: ScaleResources,
        before: list[np.ndarray],
        pictures: list[np.ndarray],
    ) -> None:
        """Replace the pictures that a scale starts from by enlargements with strokes.

        A stop leaves them as they are.
        """
        began = time.perf_counter()
        # What is resumed in the middle of its steps needs no start.
        resumed = self._interrupted is not None and resources.optimizer.resumes
        wanted = range(self._first_picture(number) + resumed, self._pictures_count)
        size = before[0].shape[1], before[0].shape[2]
        sources = stroke_sources(self._job, self._method, self._regions, size, self._protect)
        self._network.give_memory_back()  # of the scale before
        for turn, index in enumerate(wanted):

            def on_tile(done: int, count: int, turn: int = turn) -> None:
                done, count = done + turn * count, count * len(wanted)
                self._time_left.resize(done / count)
                self._progress.begin("enlarge", number, done, count)

            try:
                numbers = enlarge_with_strokes(
                    before[index],
                    resources.plan.size,
                    sources[index],
                    self._network.threads,
                    on_tile,
                )
            except InterruptedEvaluation:
                break
            if numbers is not None:
                np.multiply(numbers.transpose(2, 0, 1), np.float32(255 / 65535), pictures[index])
        give_back()
        self.enlarging += time.perf_counter() - began

    def _start(
        self, content: np.ndarray, regions: list[LoadedRegion], masks: list[np.ndarray]
    ) -> np.ndarray:
        """Return what the first scale starts from."""
        size = content.shape[1], content.shape[2]
        protect = None if self._protect is None else self._protect.resized(size)
        cut_out = self._method.paints_past_masks
        start = start_picture(self._job, content, regions, masks, protect, cut_out=cut_out)
        # The optimizer writes to it.
        return start.copy() if start is content else start

    def _inputs(
        self,
        content: np.ndarray,
        masks: list[np.ndarray],
        number: int,
        resources: ScaleResources,
    ) -> ScaleInputs:
        """Compute the targets of a scale and say so."""
        styles, size = len(self._regions), content.shape[1:]
        self._progress.begin("content", number, 0, 1)
        targets = compute_targets(
            self._job,
            self._network,
            content,
            self._regions,
            on_style=lambda index: self._progress.begin("style", number, index, styles),
            on_notice=self._notice,
            protect=None if self._protect is None else self._protect.resized(size),
            tiling=resources.evaluation.tiling,
            keeps_content=resources.keeps_content,
            style_memory=self._style_memory,
            cache=self._cache,
            on_tile=self._progress.on_tile,
            content_factor=resources.plan.content_factor,
        )
        self._progress.end_styles(number, styles)
        return ScaleInputs(
            self._job, self._method, size, self._regions, masks, targets, self._notice
        )

    def _minimize(self, scale: _Scale, index: int, loss_before: float) -> tuple[Trace, float]:
        """Minimize one picture's loss, from its start or from where it was interrupted.

        Returns
        -------
        trace : Trace
        seconds : float
            The time that it took, that of interrupted runs included.
        """
        optimizer = scale.resources.optimizer
        steps = scale.resources.plan.steps
        start, interrupted = scale.pictures[index], self._interrupted
        self._time_left.begin_picture(index, *self._taken())
        self._interrupted = None
        state, spent = None, 0.0
        if interrupted is not None:
            state, spent = self._state(interrupted["trace"]), interrupted["seconds"]
            scale.pictures[index] = np.array(state.arrays["shown"])
            self._previews.show(scale.pictures)
        objective, record = scale.objectives[index], None
        if self._keeper is not None and not optimizer.resumes:
            name = _picture_name(scale.number, index)
            record = self._keeper.recorded(name, objective, scale.resources.record_bytes)
        began = time.perf_counter() - spent
        replayed = record is not None and record.replaying
        latest: float | None = None  # when the latest evaluation ended

        def progress(step: int, loss: float | None, *, timed: bool = True) -> None:
            total, step = steps * self._pictures_count, steps * index + step
            self._progress.paint(scale.number, step, total, loss, timed=timed)

        def on_step(step: int, trace: Trace) -> bool:
            nonlocal began, replayed, latest
            now = time.perf_counter()
            if record is not None and record.replaying:
                progress(step, trace.loss)
                return self._stop.is_set()
            if replayed:  # the replay has cost time, but no painting
                began, replayed = now - spent, False
            if latest is not None:
                self._time_left.measure(now - latest)
            latest = now
            self._time_left.go_on(index, step, trace.evaluations)
            progress(step, trace.loss)
            scale.pictures[index] = trace.picture
            if self._stop.is_set():  # the result is not to wait for a preview or a state
                return True
            self._previews.show_if_due(scale.pictures)
            keeper = self._keeper
            if keeper is not None and keeper.is_due() and (optimizer.resumes or record is not None):
                self._save(keeper, scale.number, index, loss_before, trace, now - began)
            return self._stop.is_set()

        progress(0, None)
        plateau = scale.resources.plan.plateau
        near = scale.resources.plan.with_strokes
        with closing(record) if record is not None else nullcontext():
            trace = optimizer.minimize(
                objective if record is None else record,
                start,
                self._bounds(scale),
                steps=steps,
                on_step=on_step,
                plateau=Plateau(*plateau) if plateau else None,
                resume=state if optimizer.resumes else None,
                reuse_start=True,
                first_change=FIRST_CHANGE_NEAR if near else FIRST_CHANGE,
            )
        if record is not None and record.differs:
            text = _(
                "The libraries or the processor are not those of the interrupted run, so scale "
                "{scale} was painted again from its start."
            )
            self._notice(text.format(scale=scale.number))
        if trace.stopped and state is not None:
            kept = state.numbers["trace"]["losses"]
            if len(trace.losses) < len(kept):  # stopped in the middle of a replay
                trace.resume(state, optimizer.used)
        self._time_left.end_picture(index)
        progress(trace.steps, trace.loss, timed=not trace.stopped)
        return trace, time.perf_counter() - began

    def _taken(self) -> tuple[int, int]:
        """Return the steps and evaluations that the picture to resume has taken."""
        if self._interrupted is None:
            return 0, 0
        trace = self._interrupted["trace"]["trace"]
        return trace["steps"], len(trace["losses"])

    def _finish_picture(self, number: int, index: int, picture: np.ndarray) -> None:
        """Keep a finished picture for the states that follow, and save one if it is time."""
        if self._keeper is None:
            return
        self._finished[_picture_name(number, index)] = picture
        index += 1
        if index == self._pictures_count:
            number, index = number + 1, 0
            before = [_picture_name(number - 1, each) for each in range(self._pictures_count)]
            self._finished = {name: self._finished[name] for name in before}
        if self._keeper.is_due(at_end=True):
            self._save(self._keeper, number, index, self.loss)

    def _save(
        self,
        keeper: Keeper,
        number: int,
        index: int,
        loss: float,
        trace: Trace | None = None,
        spent: float = 0.0,
    ) -> None:
        """Save the state of the loop.

        Parameters
        ----------
        keeper : Keeper
        number, index : int
            The scale and the picture at work, or the next ones.
        loss : float
            Of the scale's finished pictures.
        trace : Trace, optional
            Of the picture at work.
        spent : float
            The seconds that this one has taken.
        """
        loop: dict[str, Any] = {
            "scale": number,
            "index": index,
            "loss": loss,
            "steps": self.steps,
            "evaluations": self.evaluations,
            "work": self.work,
            "pace": self._time_left.pace,
            "optimizer": self.optimizer,
            "curves": [curve.to_json() for curve in self.curves],
            "interrupted": None,
        }
        arrays: dict[str, np.ndarray] = {}
        if trace is not None:
            assert trace.state is not None
            state = trace.state()
            loop["interrupted"] = {"trace": state.numbers, "seconds": spent}
            arrays = {f"optimizer-{name}": array for name, array in state.arrays.items()}
        scales = len(self._scales)
        far = {"scale": min(number, scales), "scales": scales, "share": self._time_left.share}
        keeper.save(far, loop, arrays, self._finished)

    def _resume(self, keeper: Keeper) -> list[np.ndarray]:
        """Go back to a saved state; return the pictures of the scale before."""
        loop = keeper.resumed["loop"]
        number, index = self._from = loop["scale"], loop["index"]
        self.loss, self.steps, self.work = loop["loss"], loop["steps"], loop["work"]
        self.evaluations, self.optimizer = loop["evaluations"], loop["optimizer"]
        self._time_left.pace = loop["pace"]
        self.curves = [LossCurve.from_json(each) for each in loop["curves"]]
        self._interrupted = loop["interrupted"]
        self.earlier_seconds = sum(curve.seconds for curve in self.curves)
        if self._interrupted is not None:
            self.earlier_seconds += self._interrupted["seconds"]
        finished = [(number - 1, each) for each in range(self._pictures_count)]
        finished += [(number, each) for each in range(index)]
        for each in finished:
            array = keeper.array(_picture_name(*each))
            if array is not None:
                self._finished[_picture_name(*each)] = np.array(array)
        before = [_picture_name(number - 1, each) for each in range(self._pictures_count)]
        return [self._finished[name] for name in before] if number > 1 else []

    def _state(self, numbers: dict[str, Any]) -> State:
        """Return the optimizer's state that the keeper has."""
        assert self._keeper is not None
        prefix = "optimizer-"
        arrays: dict[str, np.ndarray] = {}
        for name in self._keeper.resumed["arrays"]:
            if name.startswith(prefix):
                array = self._keeper.array(name)
                assert array is not None
                arrays[name[len(prefix) :]] = array
        return State(numbers, arrays)

    def _bounds(self, scale: _Scale) -> Bounds:
        """Return 0 and 255, or the content itself where the method pins it."""
        if not self._method.pins_outside:
            return 0.0, 255.0
        free = sum(scale.masks, np.zeros(scale.size, np.float32)) > 0
        low, high = np.float32(0), np.float32(255)
        return np.where(free, low, scale.content), np.where(free, high, scale.content)

    def _notice(self, text: str) -> None:
        self._on_event(Notice(text))


def _picture_name(number: int, index: int) -> str:
    """Return what a state calls a picture of a scale."""
    return f"picture-{number}-{index}"
