"""Optimizers: L-BFGS-B, a float32 L-BFGS and Adam behind one small interface.

An optimizer is a small object that holds its options. Its `minimize` moves a picture within bounds
and returns a `Trace`, which holds the picture and the course of the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Protocol, Union

import numpy as np
from scipy import optimize

from engine.loss.objective import Evaluation
from engine.loss.terms import Part
from engine.projected_lbfgs import Bound, ProjectedLbfgs

if TYPE_CHECKING:
    from engine.job import Job
    from engine.methods import Method

Evaluate = Callable[[np.ndarray], Evaluation]
Bounds = tuple[Union[np.ndarray, float], Union[np.ndarray, float]]
OnStep = Callable[[int, "Trace"], bool]
MakeSearch = Callable[[np.ndarray, Bound, Bound, int], ProjectedLbfgs]


MOST_RECORD_BYTES = 2_000_000_000
"""The largest record of evaluations that an L-BFGS-B may need to be resumed; the float32 L-BFGS
resumes from a state."""

LEAST_MEMORY = 3
"""Steps to remember; with fewer, many more evaluations are needed than memory is saved."""


class InterruptedEvaluation(Exception):  # noqa: N818 - a request of the user, not an error
    """Raised by an evaluation that gave up halfway because the user asked to stop."""


@dataclass(frozen=True)
class Plateau:
    """A stopping rule: the loss has stopped falling.

    Attributes
    ----------
    window : int
        Evaluations that are compared with all those before them.
    tolerance : float
        The run ends when the lowest loss fell within the window by less than this share of itself.
    """

    window: int
    tolerance: float

    def reached(self, losses: Sequence[float]) -> bool:
        """Return whether the losses, one per evaluation, have stopped falling."""
        if len(losses) <= self.window:
            return False
        before = min(losses[: -self.window])
        return before - min(losses[-self.window :]) < self.tolerance * abs(before)


@dataclass(frozen=True)
class State:
    """All that an optimizer needs to continue a run as if it had never been interrupted.

    Attributes
    ----------
    numbers : dict of str to int, float, str or list
        Values that JSON can hold; a float that is written and read with `repr` is the same float.
    arrays : dict of str to ndarray
        Views of the optimizer's own arrays, valid until the next evaluation.
    """

    numbers: dict[str, Any]
    arrays: dict[str, np.ndarray]


@dataclass
class Trace:
    """The course of a run so far.

    Attributes
    ----------
    picture : ndarray, shape (3, height, width)
        The picture to show and to keep: the best one seen, or for Adam without `keep_best` the
        latest one. float32, 0..255. Later evaluations write to the same array.
    loss : float
        The loss of that picture.
    steps, evaluations : int
    stopped : bool
        Whether the user stopped the run.
    leveled : bool
        Whether the run ended because its `Plateau` was reached.
    losses : list of float
        The loss of every evaluation.
    parts : list of dict of Part to float
        The parts of every loss.
    state : callable or None
        Returns the optimizer's `State` after the latest evaluation; of an optimizer that cannot
        continue from it, the trace alone.
    """

    picture: np.ndarray
    loss: float = float("inf")
    steps: int = 0
    evaluations: int = 0
    stopped: bool = False
    leveled: bool = False
    losses: list[float] = field(default_factory=list)
    parts: list[dict[Part, float]] = field(default_factory=list)
    state: Callable[[], State] | None = None

    def to_state(self, used: str, numbers: dict[str, Any], arrays: dict[str, np.ndarray]) -> State:
        """Return an optimizer's numbers and arrays together with the trace's own."""
        parts = [[[*part, value] for part, value in each.items()] for each in self.parts]
        own = {"loss": self.loss, "steps": self.steps, "losses": list(self.losses)}
        return State(
            {"optimizer": used, "trace": {**own, "parts": parts}, **numbers},
            {"shown": self.picture, **arrays},
        )

    def resume(self, state: State, used: str) -> None:
        """Continue from a state.

        Raises
        ------
        ValueError
            If it is of another optimizer or of a picture of another size.
        """
        if state.numbers["optimizer"] != used or state.arrays["shown"].shape != self.picture.shape:
            message = (
                f"a state of {state.numbers['optimizer']} for {state.arrays['shown'].shape} does "
                f"not fit {used} for {self.picture.shape}"
            )
            raise ValueError(message)
        own = state.numbers["trace"]
        self.loss, self.steps, self.losses = own["loss"], own["steps"], list(own["losses"])
        self.evaluations = len(self.losses)
        self.parts = [
            {Part(kind, region): value for kind, region, value in each} for each in own["parts"]
        ]
        np.copyto(self.picture, state.arrays["shown"])

    def record(self, picture: np.ndarray, evaluation: Evaluation, keep_best: bool) -> None:
        """Add one evaluation.

        Raises
        ------
        FloatingPointError
            If the loss or a value of the gradient is not finite.
        """
        self.evaluations += 1
        if not np.isfinite(evaluation.loss):
            message = f"the loss is {evaluation.loss} at evaluation {self.evaluations}"
            raise FloatingPointError(message)
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(np.sum(evaluation.gradient, dtype=np.float64))
        if not finite:
            message = f"the gradient is no longer finite at evaluation {self.evaluations}"
            raise FloatingPointError(message)
        if evaluation.loss < self.loss or not keep_best:
            self.loss = evaluation.loss
            np.copyto(self.picture, picture)
        self.losses.append(evaluation.loss)
        self.parts.append(evaluation.parts)


class Optimizer(Protocol):
    """An optimizer and its options.

    Attributes
    ----------
    used : str
        Its name and options for results and logs.
    bytes_per_pixel : int
        The most memory that it takes for a pixel of the picture, besides the evaluation's own.
    resumes : bool
        Whether `minimize` continues from a `State`. Else a run is repeated from its start with the
        evaluations that it had.
    """

    @property
    def used(self) -> str: ...  # noqa: D102

    @property
    def bytes_per_pixel(self) -> int: ...  # noqa: D102

    @property
    def resumes(self) -> bool: ...  # noqa: D102

    def minimize(
        self,
        evaluate: Evaluate,
        start: np.ndarray,
        bounds: Bounds,
        *,
        steps: int,
        on_step: OnStep,
        plateau: Plateau | None = None,
        resume: State | None = None,
    ) -> Trace:
        """Minimize a loss over pictures within bounds.

        Parameters
        ----------
        evaluate : callable
            Loss and gradient of a float32 picture. It may raise `InterruptedEvaluation`, which
            stops the run as `on_step` does.
        start : ndarray, shape (3, height, width)
        bounds : (ndarray or float, ndarray or float)
            The smallest and largest values; equal ones pin a pixel. The picture never leaves
            them, so nothing is clipped at the end.
        steps : int
            The most steps to take.
        on_step : callable
            Called after every evaluation with the number of steps taken and the trace; a true
            answer stops the run.
        plateau : Plateau, optional
            When to end the run before all steps are taken.
        resume : State, optional
            The state of an interrupted run with the same bounds, which is continued to the same
            picture, bit for bit.

        Raises
        ------
        FloatingPointError
            If the loss or the gradient is no longer finite.
        ValueError
            If the state is of another optimizer or size, or the optimizer cannot resume.
        """


class _EndRunError(Exception):
    """Raised by `_Recorder` to leave an optimizer's loop."""


class _Recorder:
    """The evaluations of one run: each is recorded, announced, and may end the run."""

    def __init__(
        self,
        evaluate: Evaluate,
        trace: Trace,
        on_step: OnStep,
        plateau: Plateau | None,
        keep_best: bool = True,
    ) -> None:
        self._evaluate = evaluate
        self._trace = trace
        self._on_step = on_step
        self._plateau = plateau
        self._keep_best = keep_best

    def evaluate(self, picture: np.ndarray) -> Evaluation:
        """Evaluate and record a picture."""
        try:
            evaluation = self._evaluate(picture)
        except InterruptedEvaluation:
            self._trace.stopped = True
            raise _EndRunError from None
        self._trace.record(picture, evaluation, self._keep_best)
        return evaluation

    def announce(self) -> None:
        """Call `on_step`, and leave the run if it or the plateau ends it."""
        if self._on_step(self._trace.steps, self._trace):
            self._trace.stopped = True
            raise _EndRunError
        if self._plateau and self._plateau.reached(self._trace.losses):
            self._trace.leveled = True
            raise _EndRunError


@dataclass(frozen=True)
class LbfgsB:
    """SciPy's L-BFGS-B, in float64 (Byrd, Lu, Nocedal and Zhu 1995).

    Attributes
    ----------
    memory : int
        Steps that the estimate of the curvature is made of.
    """

    memory: int

    @property
    def used(self) -> str:
        """The name and the options, for results and logs."""
        return f"L-BFGS-B with a memory of {self.memory} steps"

    @property
    def bytes_per_pixel(self) -> int:
        """The most memory that it takes for a pixel of the picture.

        Besides the pairs these are SciPy's copies, and its list of a pair of numbers per bound.
        """
        return 24 * (2 * self.memory + 38)

    @property
    def resumes(self) -> bool:
        """False: SciPy hides its state."""
        return False

    def minimize(
        self,
        evaluate: Evaluate,
        start: np.ndarray,
        bounds: Bounds,
        *,
        steps: int,
        on_step: OnStep,
        plateau: Plateau | None = None,
        resume: State | None = None,
    ) -> Trace:
        """Minimize a loss; see `Optimizer.minimize`."""
        if resume:
            message = "SciPy's L-BFGS-B cannot resume a run: its state is hidden"
            raise ValueError(message)
        shape = start.shape
        trace = Trace(_within(start, bounds))
        trace.state = lambda: trace.to_state(self.used, {}, {})
        recorder = _Recorder(evaluate, trace, on_step, plateau)

        def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
            evaluation = recorder.evaluate(flat.reshape(shape).astype(np.float32))
            recorder.announce()
            return evaluation.loss, evaluation.gradient.astype(np.float64).ravel()

        def callback(intermediate_result: optimize.OptimizeResult) -> None:
            trace.steps += 1

        low, high = (np.broadcast_to(bound, shape).ravel() for bound in bounds)
        with suppress(_EndRunError):  # the trace says why it ended
            optimize.minimize(
                function,
                trace.picture.astype(np.float64).ravel(),
                method="L-BFGS-B",
                jac=True,
                bounds=optimize.Bounds(low, high),
                callback=callback,
                options={
                    "maxiter": steps,
                    "maxfun": 20 * steps,
                    "maxcor": self.memory,
                    "ftol": 1e-12,
                    "gtol": 0.0,
                },
            )
        return trace


@dataclass(frozen=True)
class Lbfgs32:
    """The projected L-BFGS of `engine.projected_lbfgs`, in float32.

    Attributes
    ----------
    memory : int
        Steps that the estimate of the curvature is made of.
    on_card : callable or None
        Makes a search whose vectors lie in a card's memory: `engine.card_lbfgs.CardLbfgs`, with
        its network. None for the processor's memory.
    half : bool
        Whether the steps are remembered in half precision; not on a card.
    """

    memory: int
    on_card: MakeSearch | None = None
    half: bool = False

    @property
    def used(self) -> str:
        """The name and the options, for results and logs."""
        where = " on the card" if self.on_card else ""
        how = " in half precision" if self.half else ""
        return f"float32 L-BFGS{where} with a memory of {self.memory} steps{how}"

    @property
    def bytes_per_pixel(self) -> int:
        """The most memory that it takes for a pixel of the picture, besides 10 MB for blocks."""
        return 12 * ((1 if self.half else 2) * self.memory + 5)

    @property
    def resumes(self) -> bool:
        """True."""
        return True

    def minimize(
        self,
        evaluate: Evaluate,
        start: np.ndarray,
        bounds: Bounds,
        *,
        steps: int,
        on_step: OnStep,
        plateau: Plateau | None = None,
        resume: State | None = None,
    ) -> Trace:
        """Minimize a loss; see `Optimizer.minimize`."""
        make = self.on_card or partial(ProjectedLbfgs, half=self.half)
        search = make(start, *bounds, self.memory)
        trace = Trace(search.trial.copy())
        trace.state = lambda: trace.to_state(self.used, *search.state())
        if resume:
            trace.resume(resume, self.used)
            search.restore(resume.numbers, resume.arrays)
        recorder = _Recorder(evaluate, trace, on_step, plateau)
        with suppress(_EndRunError):  # the trace says why it ended
            while search.steps < steps and not search.converged:
                evaluation = recorder.evaluate(search.trial)
                search.tell(evaluation.loss, evaluation.gradient)
                trace.steps = search.steps
                recorder.announce()
        return trace


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2014, algorithm 1), clipped to the bounds after every step.

    Attributes
    ----------
    learning_rate : float
        The step, in units of 0..255.
    keep_best : bool
        Whether to return the best picture seen or the latest one: a field that is no function's
        gradient has no best.
    """

    learning_rate: float
    keep_best: bool = True

    @property
    def used(self) -> str:
        """The name and the options, for results and logs."""
        return f"Adam with steps of {self.learning_rate:g}"

    @property
    def bytes_per_pixel(self) -> int:
        """The most memory that it takes for a pixel of the picture."""
        return 12 * 8

    @property
    def resumes(self) -> bool:
        """True."""
        return True

    def minimize(
        self,
        evaluate: Evaluate,
        start: np.ndarray,
        bounds: Bounds,
        *,
        steps: int,
        on_step: OnStep,
        plateau: Plateau | None = None,
        resume: State | None = None,
    ) -> Trace:
        """Minimize a loss, or follow a field of gradients; see `Optimizer.minimize`."""
        picture = _within(start, bounds)
        trace = Trace(picture.copy())
        mean = np.zeros_like(picture)
        square = np.zeros_like(picture)
        arrays = {"picture": picture, "mean": mean, "square": square}
        trace.state = lambda: trace.to_state(self.used, {}, arrays)
        if resume:
            trace.resume(resume, self.used)
            for name, array in arrays.items():
                np.copyto(array, resume.arrays[name])
        recorder = _Recorder(evaluate, trace, on_step, plateau, self.keep_best)
        decay, square_decay = 0.9, 0.999
        with suppress(_EndRunError):  # the trace says why it ended
            # The evaluation after the last step judges what that step made.
            for step in range(trace.evaluations, steps + 1):
                trace.steps = step
                gradient = recorder.evaluate(picture).gradient
                if step < steps:
                    mean += (1 - decay) * (gradient - mean)
                    square += (1 - square_decay) * (gradient**2 - square)
                    size = mean / (1 - decay ** (step + 1))
                    size /= np.sqrt(square / (1 - square_decay ** (step + 1))) + 1e-8
                    np.clip(picture - self.learning_rate * size, *bounds, out=picture)
                recorder.announce()
        return trace


def _within(start: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Return a float32 copy of a picture, clipped to the bounds."""
    return np.clip(start, *bounds).astype(np.float32)


def record_bytes(pixels: int, evaluations: float) -> float:
    """Return the bytes of a record of evaluations: their gradients in float32."""
    return 12 * pixels * evaluations


def choose_optimizer(
    job: Job,
    method: Method,
    pixels: int,
    free_bytes: int,
    on_card: MakeSearch | None = None,
    evaluations: float = 0,
) -> Optimizer:
    """Return the optimizer of a job.

    For 'lbfgs', L-BFGS-B is taken where it fits into memory, and the record of its evaluations onto
    the disk, else the float32 L-BFGS. Where that one does not fit with all steps that the job
    allows, it remembers them in half precision: as many as fit, but no fewer than LEAST_MEMORY
    where the job allows so many.

    Parameters
    ----------
    job : Job
    method : Method
    pixels : int
        The area of the largest scale.
    free_bytes : int
        What the optimizer may take; 0 for no limit.
    on_card : callable, optional
        As in `Lbfgs32`. On a card both kinds of L-BFGS are the float32 one: SciPy's would take
        twenty times as long as loss and gradient.
    evaluations : float
        How many are expected.
    """
    name = method.optimizer_for(job)
    if name == "adam":
        return Adam(job.learning_rate, keep_best=method.has_best)
    if on_card:
        return Lbfgs32(job.lbfgs_memory, on_card)
    scipy = LbfgsB(job.lbfgs_memory)
    fits = not free_bytes or pixels * scipy.bytes_per_pixel <= free_bytes
    if name == "lbfgs" and fits and record_bytes(pixels, evaluations) <= MOST_RECORD_BYTES:
        return scipy
    memory = job.lbfgs_memory
    if not free_bytes or pixels * Lbfgs32(memory).bytes_per_pixel <= free_bytes:
        return Lbfgs32(memory)
    least = min(memory, LEAST_MEMORY)
    fitting = (Lbfgs32(count, half=True) for count in range(memory, least, -1))
    sizes = ((each, pixels * each.bytes_per_pixel) for each in fitting)
    return next((each for each, size in sizes if size <= free_bytes), Lbfgs32(least, half=True))
