"""Optimizers: L-BFGS-B, a float32 L-BFGS and Adam behind one small interface.

An optimizer is a small object that holds its options. Its `minimize` moves a picture within bounds
and returns a `Trace`, which holds the picture and the course of the loss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Union

import numpy as np

from engine.loss.objective import Evaluation
from engine.projected_lbfgs import FIRST_CHANGE, Bound, DiagonalLbfgs, ProjectedLbfgs
from engine.trace import Plateau, State, Trace

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

Evaluate = Callable[[np.ndarray], Evaluation]
Bounds = tuple[Union[np.ndarray, float], Union[np.ndarray, float]]
OnStep = Callable[[int, Trace], bool]
MakeSearch = Callable[[np.ndarray, Bound, Bound, int], ProjectedLbfgs]
OwnState = Callable[[], tuple[dict[str, Any], dict[str, np.ndarray]]]


class InterruptedEvaluation(Exception):  # noqa: N818 - a request of the user, not an error
    """Raised by an evaluation that gave up halfway because the user asked to stop."""


class _EndRunError(Exception):
    """Raised by `_Run` to leave an optimizer's loop."""


@dataclass
class _Run:
    """One minimization: each evaluation is recorded, announced, and may end it.

    The attributes are the parameters of `Optimizer.minimize`; the trace is there from `begin` on.
    """

    loss: Evaluate
    start: np.ndarray
    bounds: Bounds
    steps: int
    on_step: OnStep
    plateau: Plateau | None
    resume: State | None
    reuse_start: bool
    first_change: float
    trace: Trace = field(init=False)

    def begin(self, used: str, picture: np.ndarray, own_state: OwnState) -> Trace:
        """Begin the trace, or continue that of the state to resume.

        Parameters
        ----------
        used : str
            The optimizer's name and options.
        picture : ndarray, shape (3, height, width)
            The first picture to show, which the trace writes to.
        own_state : callable
            Returns the optimizer's own part of a `State`, besides the trace.
        """
        trace = self.trace = Trace(picture)
        trace.state = lambda: trace.to_state(used, *own_state())
        if self.resume:
            trace.resume(self.resume, used)
        return trace

    def evaluate(self, picture: np.ndarray, keep_best: bool = True) -> Evaluation:
        """Evaluate and record a picture."""
        try:
            evaluation = self.loss(picture)
        except InterruptedEvaluation:
            self.trace.stopped = True
            raise _EndRunError from None
        self.trace.record(picture, evaluation, keep_best)
        return evaluation

    def announce(self) -> None:
        """Call `on_step`, and leave the run if it or the plateau ends it."""
        if self.on_step(self.trace.steps, self.trace):
            self.trace.stopped = True
            raise _EndRunError
        if self.plateau and self.plateau.reached(self.trace.losses):
            self.trace.leveled = True
            raise _EndRunError


class Optimizer(ABC):
    """An optimizer and its options."""

    @property
    @abstractmethod
    def used(self) -> str:
        """The name and the options, for results and logs."""

    @property
    @abstractmethod
    def bytes_per_pixel(self) -> int:
        """The most memory that it takes for a pixel of the picture, besides the evaluation's."""

    @property
    @abstractmethod
    def resumes(self) -> bool:
        """Return whether `minimize` continues from a `State`.

        Else a run is repeated from its start with the evaluations that it had.
        """

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
        reuse_start: bool = False,
        first_change: float = FIRST_CHANGE,
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
        reuse_start : bool
            Whether the trace's picture may lie in the memory of `start`, as `Lbfgs32` has it.
        first_change : float
            Root mean square of the first step of `Lbfgs32`, in units of 0..255. The others choose
            their own.

        Raises
        ------
        FloatingPointError
            If the loss or the gradient is no longer finite.
        ValueError
            If the state is of another optimizer or size, or the optimizer cannot resume.
        """
        if resume and not self.resumes:
            message = f"{self.used} cannot resume a run: its state is hidden"
            raise ValueError(message)
        run = _Run(
            evaluate, start, bounds, steps, on_step, plateau, resume, reuse_start, first_change
        )
        with suppress(_EndRunError):  # the trace says why it ended
            self._search(run)
        return run.trace

    @abstractmethod
    def _search(self, run: _Run) -> None:
        """Begin the run, and move its picture until it ends."""


@dataclass(frozen=True)
class LbfgsB(Optimizer):
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

    def _search(self, run: _Run) -> None:
        # Here, so that runs with other optimizers need not wait for it.
        from scipy import optimize

        shape = run.start.shape
        trace = run.begin(self.used, _within(run.start, run.bounds), lambda: ({}, {}))

        def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
            evaluation = run.evaluate(flat.reshape(shape).astype(np.float32))
            run.announce()
            return evaluation.loss, evaluation.gradient.astype(np.float64).ravel()

        def callback(intermediate_result: OptimizeResult) -> None:
            trace.steps += 1

        low, high = (np.broadcast_to(bound, shape).ravel() for bound in run.bounds)
        optimize.minimize(
            function,
            trace.picture.astype(np.float64).ravel(),
            method="L-BFGS-B",
            jac=True,
            bounds=optimize.Bounds(low, high),
            callback=callback,
            options={
                "maxiter": run.steps,
                "maxfun": 20 * run.steps,
                "maxcor": self.memory,
                "ftol": 1e-12,
                "gtol": 0.0,
            },
        )


@dataclass(frozen=True)
class Lbfgs32(Optimizer):
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
    diagonal : bool
        Whether the first matrix is the diagonal of `DiagonalLbfgs`; not on a card.
    """

    memory: int
    on_card: MakeSearch | None = None
    half: bool = False
    diagonal: bool = False

    @property
    def used(self) -> str:
        """The name and the options, for results and logs."""
        where = " on the card" if self.on_card else ""
        how = " in half precision" if self.half else ""
        first = " and a diagonal first matrix" if self.diagonal else ""
        return f"float32 L-BFGS{where} with a memory of {self.memory} steps{how}{first}"

    @property
    def bytes_per_pixel(self) -> int:
        """The most memory that it takes for a pixel of the picture, besides 10 MB for blocks."""
        diagonal = 8 if self.diagonal else 0
        return 12 * ((1 if self.half else 2) * self.memory + 5) + diagonal

    @property
    def resumes(self) -> bool:
        """True."""
        return True

    def _search(self, run: _Run) -> None:
        kind = DiagonalLbfgs if self.diagonal else ProjectedLbfgs
        make = self.on_card or partial(kind, half=self.half)
        search = make(run.start, *run.bounds, self.memory)
        search.first_change = run.first_change
        shown = run.start if run.reuse_start else np.empty_like(search.trial)
        np.copyto(shown, search.trial)
        trace = run.begin(self.used, shown, search.state)
        if run.resume:
            search.restore(run.resume.numbers, run.resume.arrays)
        while search.steps < run.steps and not search.converged:
            evaluation = run.evaluate(search.trial)
            search.tell(evaluation.loss, evaluation.gradient)
            trace.steps = search.steps
            run.announce()


@dataclass(frozen=True)
class Adam(Optimizer):
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

    def _search(self, run: _Run) -> None:
        picture = _within(run.start, run.bounds)
        mean = np.zeros_like(picture)
        square = np.zeros_like(picture)
        arrays = {"picture": picture, "mean": mean, "square": square}
        trace = run.begin(self.used, picture.copy(), lambda: ({}, arrays))
        if run.resume:
            for name, array in arrays.items():
                np.copyto(array, run.resume.arrays[name])
        decay, square_decay = 0.9, 0.999
        # The evaluation after the last step judges what that step made.
        for step in range(trace.evaluations, run.steps + 1):
            trace.steps = step
            gradient = run.evaluate(picture, self.keep_best).gradient
            if step < run.steps:
                mean += (1 - decay) * (gradient - mean)
                square += (1 - square_decay) * (gradient**2 - square)
                size = mean / (1 - decay ** (step + 1))
                size /= np.sqrt(square / (1 - square_decay ** (step + 1))) + 1e-8
                np.clip(picture - self.learning_rate * size, *run.bounds, out=picture)
            run.announce()


def _within(start: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Return a float32 copy of a picture, clipped to the bounds."""
    return np.clip(start, *bounds).astype(np.float32)
