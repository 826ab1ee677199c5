"""Progress of the loop over scales: its stages, its steps with the time left, and its tiles."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.events import OnEvent, Progress
from engine.optimizers import InterruptedEvaluation

if TYPE_CHECKING:
    import threading

    from engine.time_left import TimeLeft

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
    time_left : TimeLeft
        It is reported with every step, and has to be where the loop is.
    """

    def __init__(
        self,
        on_event: OnEvent,
        stop: threading.Event,
        time_left: TimeLeft,
    ) -> None:
        self._on_event = on_event
        self._stop = stop
        self._time_left = time_left
        self._latest = Progress("paint", 0, 1)
        self._evaluation_began = 0.0
        self._evaluation_seconds = 0.0

    def begin(self, stage: str, scale: int, step: int, steps: int) -> None:
        """Report a step of a stage before the painting.

        Raises
        ------
        InterruptedEvaluation
            If the user has asked to stop.
        """
        self._report(self._before_painting(stage, scale, step, steps))
        self._evaluation_seconds = 0.0
        if self._stop.is_set():
            raise InterruptedEvaluation

    def end_styles(self, scale: int, styles: int) -> None:
        """Report that the styles are analyzed."""
        self._on_event(self._before_painting("style", scale, styles, styles))

    def paint(
        self, scale: int, step: int, steps: int, loss: float | None, *, timed: bool = True
    ) -> None:
        """Report a step of the painting, with the time left unless that is not known."""
        left = self._time_left.seconds if timed else None
        self._report(Progress("paint", step, steps, scale, self._time_left.count, loss, left))

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
            left = self._latest.seconds_left
            if left is not None and self._latest.stage == "paint":
                left = max(left - self._time_left.evaluation * done / count, 0.0)
            self._on_event(replace(self._latest, tile=done + 1, tiles=count, seconds_left=left))
        if self._stop.is_set():
            raise InterruptedEvaluation

    def _before_painting(self, stage: str, scale: int, step: int, steps: int) -> Progress:
        count, left = self._time_left.count, self._time_left.seconds
        return Progress(stage, step, steps, scale, count, seconds_left=left)

    def _report(self, progress: Progress) -> None:
        self._latest = progress
        self._on_event(progress)
