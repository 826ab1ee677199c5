"""Progress of the loop over scales: its stages, its steps with the time left, and its tiles."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.events import OnEvent, Progress
from engine.optimizers import InterruptedEvaluation

if TYPE_CHECKING:
    import threading

TILE_SECONDS = 3.0
"""An evaluation that takes longer says which tile is at work."""


class ProgressReporter:
    """The reporter of the progress of a loop over scales.

    Parameters
    ----------
    on_event : callable
        Is called with `Progress`.
    stop : threading.Event
        When it is set, `begin` and `on_tile` give up.
    planned : float
        The work of the whole loop: steps, each times the pixels that it takes.
    before_scales : sequence of float
        Seconds before the first step of each scale.
    ending : float
        Seconds after the last scale, in which the result is put together and written.

    Attributes
    ----------
    done : float
        The work so far, in the same unit.
    seconds : float
        The painting time so far.
    """

    def __init__(
        self,
        on_event: OnEvent,
        stop: threading.Event,
        planned: float,
        before_scales: Sequence[float],
        ending: float = 0.0,
    ) -> None:
        self._on_event = on_event
        self._stop = stop
        self._scales = len(before_scales)
        self._planned = planned
        self._before_scales = before_scales
        self._ending = ending
        self.done = 0.0
        self.seconds = 0.0
        self._latest = Progress("paint", 0, 1)
        self._evaluation_began = 0.0
        self._evaluation_seconds = 0.0

    @property
    def share(self) -> float:
        """The share of the work that is done, from 0 to 1."""
        return self.done / self._planned

    @property
    def seconds_left(self) -> float | None:
        """The time for the rest of the run; None before any of the work is done."""
        if not self.done:
            return None
        painting = self.seconds * (self._planned / self.done - 1)
        return painting + sum(self._before_scales[self._latest.scale :]) + self._ending

    def begin(self, stage: str, scale: int, step: int, steps: int) -> None:
        """Report a step of a stage before the painting.

        Raises
        ------
        InterruptedEvaluation
            If the user has asked to stop.
        """
        self._report(Progress(stage, step, steps, scale, self._scales))
        self._evaluation_seconds = 0.0
        if self._stop.is_set():
            raise InterruptedEvaluation

    def paint(
        self, scale: int, step: int, steps: int, loss: float | None, seconds_left: float | None
    ) -> None:
        """Report a step of the painting."""
        self._report(Progress("paint", step, steps, scale, self._scales, loss, seconds_left))

    def on_tile(self, done: int, count: int) -> None:
        """Say which tile is at work, in an evaluation that takes long.

        Raises
        ------
        InterruptedEvaluation
            If the user has asked to stop.
        """
        now = time.perf_counter()
        if not done:
            self._evaluation_began = now
        else:
            self._evaluation_seconds = (now - self._evaluation_began) / done * count
        if self._evaluation_seconds >= TILE_SECONDS:
            self._on_event(replace(self._latest, tile=done + 1, tiles=count))
        if self._stop.is_set():
            raise InterruptedEvaluation

    def _report(self, progress: Progress) -> None:
        self._latest = progress
        self._on_event(progress)
