"""The time left of a run: its estimate first, then more and more the pace that it measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.schedule import EVALUATIONS_PER_STEP

PRIOR_EVALUATIONS, PRIOR_SECONDS = 4, 15.0
"""At the start of a picture the pace that was expected counts as much as four measured evaluations,
but no more than 15 s of them. Single evaluations scatter because of line searches, previews and
other programs; over some seconds that averages out."""

HORIZON_EVALUATIONS, HORIZON_SECONDS = 10, 30.0
"""The pace is that of the latest 30 s of work, at least of ten evaluations. What other programs
leave to this one changes, and what is older says less about the time to come."""

MOST = 3.0
"""An evaluation counts as at most three times as slow, or as fast, as the pace before it. So one
stall does not multiply the time left, and a slow machine still shows after some evaluations."""


@dataclass(frozen=True)
class ScaleTime:
    """The estimated time of one scale.

    Attributes
    ----------
    resizing : float
        Seconds in which pictures and masks are resized.
    analysis : float
        Seconds in which the network analyzes the content and the styles.
    evaluation : float
        Seconds of one evaluation.
    steps : int
        The most steps of one picture.
    pictures : int
        Pictures that the method paints.
    """

    resizing: float
    analysis: float
    evaluation: float
    steps: int
    pictures: int

    @property
    def evaluations(self) -> float:
        """The evaluations of one picture."""
        return self.steps * EVALUATIONS_PER_STEP + 1

    @property
    def network(self) -> float:
        """Seconds in which the network works."""
        return self.analysis + self.pictures * self.evaluations * self.evaluation


class TimeLeft:
    """The time that a run still takes.

    It is the estimated time of the work that is left, times the pace, which is the measured time of
    an evaluation over its estimated time. The pace is a mean over evaluations, in which the pace
    that was expected before counts as some evaluations too (`PRIOR_EVALUATIONS`). At first that is
    1, as the estimate says, and at each further scale the pace of the scale before. The first
    evaluation of a picture is not measured: sessions are made and memory is new. Only the network's
    work is multiplied by the pace; the time of everything else was measured on its own
    (`engine.overhead`).

    Parameters
    ----------
    scales : sequence of ScaleTime
        The coarsest first.
    ending : float
        Seconds after the last scale, in which the result is put together and written.
    """

    def __init__(self, scales: Sequence[ScaleTime], ending: float) -> None:
        self._scales = scales
        self._ending = ending
        self._scale = 0  # its index
        self._left = 0.0  # estimated seconds of the network until the scale's end
        self._resizing = 0.0
        self._measured = self._expected = 1.0
        self.begin_scale(1)

    @property
    def pace(self) -> float:
        """Measured over estimated seconds."""
        return self._measured / self._expected

    @pace.setter
    def pace(self, pace: float) -> None:
        self._measured = pace * self._expected

    @property
    def count(self) -> int:
        """The number of scales."""
        return len(self._scales)

    @property
    def seconds(self) -> float:
        """The time left."""
        later = self._scales[self._scale + 1 :]
        resizing = self._resizing + sum(each.resizing for each in later)
        return self.pace * self._network + resizing + self._ending

    @property
    def share(self) -> float:
        """The share of the network's work that is done, from 0 to 1."""
        return 1 - self._network / sum(each.network for each in self._scales)

    @property
    def evaluation(self) -> float:
        """The time of an evaluation of the scale at work."""
        return self.pace * self._scales[self._scale].evaluation

    def begin_scale(
        self, number: int, index: int = 0, steps: int = 0, evaluations: int = 0
    ) -> None:
        """Go to where a scale begins, or is resumed.

        Parameters
        ----------
        number : int
            Of the scale, from 1.
        index : int
            The picture at work, from 0.
        steps, evaluations : int
            What this one has taken.
        """
        self._scale = number - 1
        scale = self._scales[self._scale]
        self._resizing = scale.resizing
        self._left = scale.analysis + self._painting(index, steps, evaluations)

    def resize(self, share: float) -> None:
        """Go to where a share of the resizing before this scale is done, from 0 to 1."""
        self._resizing = (1 - share) * self._scales[self._scale].resizing

    def begin_picture(self, index: int, steps: int = 0, evaluations: int = 0) -> None:
        """Go to where the painting of a picture begins, or is resumed, in this scale."""
        evaluation, pace = self._scales[self._scale].evaluation, self.pace
        self._expected = min(PRIOR_EVALUATIONS * evaluation, PRIOR_SECONDS)
        self._measured = pace * self._expected
        self.go_on(index, steps, evaluations)

    def go_on(self, index: int, steps: int, evaluations: int) -> None:
        """Go to where a picture has taken some steps and evaluations."""
        self._resizing = 0.0
        self._left = self._painting(index, steps, evaluations)

    def end_picture(self, index: int) -> None:
        """Go to the end of a picture; one that ends early leaves no work behind."""
        self._left = self._painting(index + 1)

    def measure(self, seconds: float) -> None:
        """Take the time of an evaluation, other than a picture's first."""
        expected = self._scales[self._scale].evaluation
        usual = self.pace * expected
        self._measured += min(max(seconds, usual / MOST), usual * MOST)
        self._expected += expected
        most = max(HORIZON_EVALUATIONS * expected, HORIZON_SECONDS)
        if self._expected > most:
            self._measured *= most / self._expected
            self._expected = most

    @property
    def _network(self) -> float:
        """Estimated seconds in which the network still works."""
        return self._left + sum(each.network for each in self._scales[self._scale + 1 :])

    def _painting(self, index: int, steps: int = 0, evaluations: int = 0) -> float:
        """Return the estimated seconds until a scale's pictures are painted."""
        scale = self._scales[self._scale]
        left = (scale.pictures - index) * scale.evaluations
        if evaluations:
            # SciPy counts a step only when the next one begins.
            taken = min(max(steps, evaluations - 1), steps + 1)
            left -= 1 + min(taken, scale.steps) * EVALUATIONS_PER_STEP
        return left * scale.evaluation
