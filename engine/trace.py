"""The trace of a minimization: its picture, its losses, and what it can be resumed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np

from engine.loss.objective import Evaluation
from engine.loss.terms import Part, losses_from_json, losses_to_json
from engine.translations import _


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
        parts = losses_to_json(self.parts)
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
        self.parts = losses_from_json(own["parts"])
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
            message = _("the loss is {loss} at evaluation {number}").format(
                loss=evaluation.loss, number=self.evaluations
            )
            raise FloatingPointError(message)
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(np.sum(evaluation.gradient, dtype=np.float64))
        if not finite:
            message = _("the gradient is no longer finite at evaluation {number}").format(
                number=self.evaluations
            )
            raise FloatingPointError(message)
        if evaluation.loss < self.loss or not keep_best:
            self.loss = evaluation.loss
            np.copyto(self.picture, picture)
        self.losses.append(evaluation.loss)
        self.parts.append(evaluation.parts)
