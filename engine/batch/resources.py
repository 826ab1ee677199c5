"""Resources of a batch: the size of each picture, and the workers that this machine can hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.batch.existing import picture_size
from engine.batch.plan import BatchItem
from engine.errors import PictureError
from engine.job import AUTO_SIZE, Job, JobError
from engine.memory import memory
from engine.preparation import Prepared, memory_budget, prepare
from engine.threads import thread_count, usable_processors

if TYPE_CHECKING:
    from engine.warm import Warm


@dataclass(frozen=True)
class Crew:
    """The workers on this machine.

    Attributes
    ----------
    workers : int
        Processes.
    threads : int
        Processor threads of each.
    memory : float
        GB that each may use; 0 where there is one.
    """

    workers: int
    threads: int
    memory: float


class Sizes:
    """The sizes that are chosen for pictures with an automatic size.

    Contents of one size are painted at one size, also by later runs of the same batch: frames of a
    film have to fit together, while the measured speed of a machine changes from run to run.

    Parameters
    ----------
    warm : Warm
    known : dict of (int, int) to int
        The sizes of results that are there, by the sides of the contents, the shorter first.
    """

    def __init__(self, warm: Warm, known: dict[tuple[int, int], int]) -> None:
        self._warm = warm
        self._known = dict(known)

    def area(self, job: Job) -> int | None:
        """Return the size of a job's picture in pixels, 0 for its own; None if the job gives it.

        Raises
        ------
        JobError, PictureError, WeightsError
            If the job cannot be run.
        """
        if job.size != AUTO_SIZE:
            return None
        sides = picture_size(job.content)
        if sides not in self._known or sides is None:
            area = prepare(job, lambda event: None, warm=self._warm).estimated.area
            if sides is None:
                return area
            self._known[sides] = area
        return self._known[sides]


def largest(items: Sequence[BatchItem], warm: Warm) -> Prepared | None:
    """Return the run of the picture that takes most memory; None if none can be run.

    It is that of the largest content, or of the next one if that cannot be read.
    """
    sized = [(picture_size(item.job.content), item) for item in items]
    known = [(sides[0] * sides[1], index) for index, (sides, _) in enumerate(sized) if sides]
    for _, index in sorted(known, reverse=True):
        try:
            return prepare(items[index].job, lambda event: None, warm=warm)
        except (JobError, PictureError):
            continue
    return None


def crew(job: Job, pictures: int, prepared: Prepared | None, asked: int | None = None) -> Crew:
    """Return the workers that paint a batch soonest on this machine.

    Pictures side by side, each on one thread, take less time than one after the other on all
    threads: a thread waits for no other. So there are as many workers as processors, unless memory
    or the number of pictures allows fewer, or a graphics card does the work: it has room for one.

    Parameters
    ----------
    job : Job
    pictures : int
    prepared : Prepared or None
        The run that takes most memory.
    asked : int, optional
        The number of workers that the user wants.
    """
    threads = thread_count(job.threads)
    room = pictures
    if prepared is not None:
        budget = memory_budget(job)
        room = max(int(budget / prepared.estimated.bytes), 1)
        if prepared.network.losses == "card":
            room = 1
    workers = asked or max(min(pictures, usable_processors(), room), 1)
    share = min(job.memory or float("inf"), 0.9 * memory().free / 1e9 / workers)
    return Crew(
        workers,
        max(threads // workers, 1),
        share if workers > 1 else job.memory,
    )
