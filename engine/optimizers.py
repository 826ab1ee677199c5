"""L-BFGS-B and Adam behind one small interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Union

import numpy as np
from scipy import optimize

from engine.loss.objective import Evaluation
from engine.loss.terms import Part

Evaluate = Callable[[np.ndarray], Evaluation]
Bounds = tuple[Union[np.ndarray, float], Union[np.ndarray, float]]
OnStep = Callable[[int, "Trace"], bool]


@dataclass
class Trace:
    """How a run has gone so far.

    Attributes
    ----------
    picture : ndarray, shape (3, height, width)
        The picture to show and to keep: the best one seen, or for `adam` without `keep_best` the
        latest one. float32, 0..255.
    loss : float
        The loss of that picture.
    steps, evaluations : int
    stopped : bool
        Whether `on_step` asked to stop.
    losses : list of float
        Of every evaluation.
    history : list of dict of Part to float
        The parts of the loss at every evaluation.
    """

    picture: np.ndarray
    loss: float = float("inf")
    steps: int = 0
    evaluations: int = 0
    stopped: bool = False
    losses: list[float] = field(default_factory=list)
    history: list[dict[Part, float]] = field(default_factory=list)

    def take(self, picture: np.ndarray, evaluation: Evaluation, keep_best: bool) -> None:
        """Note one evaluation.

        Raises
        ------
        FloatingPointError
            If the loss is not finite.
        """
        self.evaluations += 1
        if not np.isfinite(evaluation.loss):
            message = f"the loss became {evaluation.loss} at evaluation {self.evaluations}"
            raise FloatingPointError(message)
        if evaluation.loss < self.loss or not keep_best:
            self.loss = evaluation.loss
            self.picture = picture.copy()
        self.losses.append(evaluation.loss)
        self.history.append(evaluation.parts)


class _StopError(Exception):
    """Raised inside SciPy's loop when the user has asked to stop."""


def lbfgs(
    evaluate: Evaluate,
    start: np.ndarray,
    bounds: Bounds,
    *,
    steps: int,
    history: int,
    on_step: OnStep,
) -> Trace:
    """Minimise with SciPy's L-BFGS-B and return the best picture seen.

    Parameters
    ----------
    evaluate : callable
        Loss and gradient of a float32 picture.
    start : ndarray, shape (3, height, width)
    bounds : (ndarray or float, ndarray or float)
        The smallest and largest values; equal ones pin a pixel. The picture never leaves them, so
        nothing is clipped at the end.
    steps : int
        The most steps to make.
    history : int
        How many steps the estimate of the curvature remembers.
    on_step : callable
        Called after every evaluation with the number of steps done and the course; a true answer
        stops.
    """
    shape = start.shape
    course = Trace(np.clip(start, *bounds).astype(np.float32))

    def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
        picture = flat.reshape(shape).astype(np.float32)
        evaluation = evaluate(picture)
        course.take(picture, evaluation, keep_best=True)
        if on_step(course.steps, course):
            raise _StopError
        return evaluation.loss, evaluation.gradient.astype(np.float64).ravel()

    def callback(intermediate_result: optimize.OptimizeResult) -> None:
        course.steps += 1

    low, high = (np.broadcast_to(bound, shape).ravel() for bound in bounds)
    try:
        optimize.minimize(
            function,
            course.picture.astype(np.float64).ravel(),
            method="L-BFGS-B",
            jac=True,
            bounds=optimize.Bounds(low, high),
            callback=callback,
            options={
                "maxiter": steps,
                "maxfun": 20 * steps,
                "maxcor": history,
                "ftol": 1e-12,
                "gtol": 0.0,
            },
        )
    except _StopError:
        course.stopped = True
    return course


def adam(
    evaluate: Evaluate,
    start: np.ndarray,
    bounds: Bounds,
    *,
    steps: int,
    learning_rate: float,
    on_step: OnStep,
    keep_best: bool = True,
) -> Trace:
    """Descend with Adam (Kingma and Ba 2014), clipped to the bounds after every step.

    Parameters
    ----------
    evaluate, start, bounds, steps, on_step
        As for `lbfgs`.
    learning_rate : float
        The step, in units of 0..255.
    keep_best : bool
        Whether to return the best picture seen or the latest one: a field that is no function's
        gradient has no best.
    """
    picture = np.clip(start, *bounds).astype(np.float32)
    course = Trace(picture)
    mean = np.zeros_like(picture)
    square = np.zeros_like(picture)
    decay, square_decay = 0.9, 0.999
    # The evaluation after the last step judges what that step made.
    for step in range(steps + 1):
        evaluation = evaluate(picture)
        course.take(picture, evaluation, keep_best)
        course.steps = step
        if on_step(step, course):
            course.stopped = True
            break
        if step == steps:
            break
        gradient = evaluation.gradient
        mean += (1 - decay) * (gradient - mean)
        square += (1 - square_decay) * (gradient**2 - square)
        size = mean / (1 - decay ** (step + 1))
        size /= np.sqrt(square / (1 - square_decay ** (step + 1))) + 1e-8
        picture = np.clip(picture - learning_rate * size, *bounds).astype(np.float32)
    return course
