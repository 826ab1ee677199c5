"""A batch, from its plan to its closing table."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Protocol

from engine.batch import closing_table
from engine.batch.closing_table import FAILED, KEPT, LEFT, PAINTED, Row
from engine.batch.existing import picture_size, settings_if_same
from engine.batch.painting import Painted, PictureRequest, thumbnail
from engine.batch.plan import BatchItem
from engine.batch.resources import Sizes
from engine.errors import Failure, PictureError, describe
from engine.output_files import paths_in_settings, write_encoded
from engine.pictures.picture import read_picture
from engine.threads import single_threaded_blas
from engine.warm import Warm


class Painter(Protocol):
    """The painter of a batch, here or elsewhere."""

    def __call__(
        self,
        requests: Iterator[PictureRequest],
        on_outcome: Callable[[PictureRequest, Painted | Failure, str], None],
        on_share: Callable[[int, float], None],
        stop: threading.Event,
    ) -> None:
        """Paint until there are no more requests, or until `stop` is set.

        Parameters
        ----------
        requests : iterator of PictureRequest
        on_outcome : callable
            Is called once for each request that was taken, unless the painter gives up, with the
            picture or why there is none, and with the name of the worker.
        on_share : callable
            Is called with the number of a picture and the share of it that is done.
        stop : threading.Event
            What is at work when it is set is finished; nothing else is begun.
        """


class Listener(Protocol):
    """The news of a batch."""

    def picture(self, row: Row, done: int, total: int) -> None:
        """Take the row of a picture that has just been painted, or has failed."""

    def share(self, shares: dict[int, float], done: int, total: int, left: float | None) -> None:
        """Take the shares of the pictures at work, and the seconds that are left."""

    def notice(self, text: str) -> None:
        """Take a sentence for the user."""


@dataclass
class _Progress:
    """The pictures at work, and how long it will take."""

    total: int
    began: float
    done: int = 0

    def __post_init__(self) -> None:
        self.shares: dict[int, float] = {}

    @property
    def left(self) -> float | None:
        """Seconds for the rest; None before there is something to judge by."""
        finished = self.done + sum(self.shares.values())
        spent = time.monotonic() - self.began
        return spent * (self.total / finished - 1) if finished > 0.02 else None


class Batch:
    """The pictures of a plan, and what became of them.

    Parameters
    ----------
    items : sequence of BatchItem
    out : str
        The folder of the results.
    force : bool
        Whether to paint what is there already with the same settings.
    listener : Listener

    Attributes
    ----------
    rows : list of Row
        One per item; what is not painted yet counts as left.
    wanted : list of int
        The items to paint.
    disk_full : bool
        Whether the disk was full, which stops the batch.
    """

    def __init__(
        self, items: Sequence[BatchItem], out: str, listener: Listener, *, force: bool = False
    ) -> None:
        closing_table.check_place(out)
        self._items = items
        self._out = os.path.abspath(out)
        self._listener = listener
        self._sizes: dict[tuple[int, int], int] = {}
        self.disk_full = False
        self._lock = threading.Lock()
        seconds = closing_table.read_seconds(out)
        self.rows: list[Row] = []
        self.wanted: list[int] = []
        for number, item in enumerate(items):
            row = self._first_row(item, None if force else settings_if_same(item), seconds)
            self.rows.append(row)
            if row.status == LEFT:
                self.wanted.append(number)
            elif row.status == FAILED:
                listener.picture(row, 0, 0)

    def _first_row(
        self, item: BatchItem, settings: dict[str, Any] | None, seconds: dict[str, float]
    ) -> Row:
        relative = Path(os.path.relpath(item.output, self._out)).as_posix()
        content = Path(os.path.relpath(item.job.content, self._out)).as_posix()
        row = Row(content, relative, LEFT)
        if item.problem:
            return replace(row, status=FAILED, message=item.problem)
        if settings is None:
            return row
        sides = picture_size(item.job.content)
        if settings.get("automatic_size") and sides:
            self._sizes[sides] = int(settings["job"]["size"])
        return replace(
            row,
            status=KEPT,
            method=str(settings.get("method", "")),
            device=str(settings.get("device", "")),
            steps=_number(settings.get("steps"), int),
            loss=_number(settings.get("loss"), float),
            seconds=seconds.get(relative),
        )

    @property
    def items_to_paint(self) -> list[BatchItem]:
        """The items that are painted."""
        return [self._items[number] for number in self.wanted]

    def run(
        self, painter: Painter, crew: tuple[int, float], warm: Warm, stop: threading.Event
    ) -> None:
        """Paint what is wanted.

        Parameters
        ----------
        painter : Painter
        crew : (int, float)
            Threads and memory of each picture, as in `painting.PictureRequest`.
        warm : Warm
            For choosing sizes.
        stop : threading.Event
        """
        progress = _Progress(len(self.wanted), time.monotonic())
        sizes = Sizes(warm, self._sizes)

        def requests() -> Iterator[PictureRequest]:
            for number in self.wanted:
                job = self._items[number].job
                try:
                    area = sizes.area(job)
                except Exception as error:
                    finish(number, describe(error), "")
                    continue
                yield PictureRequest(number, job, paths_in_settings(job), *crew, area)

        def on_share(number: int, share: float) -> None:
            with self._lock:
                if self.rows[number].status == LEFT:
                    progress.shares[number] = share
            tell()

        def tell() -> None:
            shares = dict(progress.shares)
            self._listener.share(shares, progress.done, progress.total, progress.left)

        def finish(number: int, outcome: Painted | Failure, worker: str) -> None:
            row = self._row(number, outcome, worker)
            if isinstance(outcome, Failure) and outcome.code == "disk":
                self.disk_full = True
                stop.set()
            with self._lock:
                self.rows[number] = row
                progress.shares.pop(number, None)
                progress.done += 1
            self._listener.picture(row, progress.done, progress.total)
            tell()

        def on_outcome(request: PictureRequest, outcome: Painted | Failure, worker: str) -> None:
            if isinstance(outcome, Painted):
                outcome = self._written(request, outcome)
            finish(request.number, outcome, worker)

        painter(requests(), on_outcome, on_share, stop)

    def _written(self, request: PictureRequest, painted: Painted) -> Painted | Failure:
        """Write a picture; this process alone writes results, so none is written twice."""
        job = self._items[request.number].job
        try:
            notes = write_encoded(job, painted.files)
        except PictureError as error:
            return describe(error)
        relative = self.rows[request.number].output
        try:
            closing_table.write_thumbnail(self._out, relative, painted.thumbnail)
        except PictureError as error:
            notes = (*notes, str(error))
        return replace(painted, files=(), notices=(*painted.notices, *notes))

    def _row(self, number: int, outcome: Painted | Failure, worker: str) -> Row:
        row = replace(self.rows[number], worker=worker)
        if isinstance(outcome, Failure):
            text = " ".join(part for part in (outcome.message, outcome.hint) if part)
            return replace(row, status=FAILED, message=text)
        for notice in outcome.notices:
            self._listener.notice(notice)
        return replace(
            row,
            status=PAINTED,
            width=outcome.size[0],
            height=outcome.size[1],
            working_width=outcome.working_size[0],
            working_height=outcome.working_size[1],
            method=outcome.method,
            steps=outcome.steps,
            loss=outcome.loss,
            seconds=round(outcome.seconds, 3),
            device=outcome.device,
            message=" ".join(outcome.notices),
        )

    def close(self) -> Path:
        """Write the closing table and its page, and return the page.

        Raises
        ------
        PictureError
            If it cannot be written.
        """
        for row in self.rows:
            if row.status == KEPT:
                self._add_thumbnail(row)
        return closing_table.write_table(self._out, self.rows)

    def _add_thumbnail(self, row: Row) -> None:
        if os.path.isfile(Path(self._out, closing_table.thumbnail_file(row.output))):
            return
        try:
            with single_threaded_blas():
                small = thumbnail(read_picture(Path(self._out, row.output)).rgb)
            closing_table.write_thumbnail(self._out, row.output, small)
        except (PictureError, MemoryError):
            return  # the page shows the result itself


def _number(value: Any, kind: type) -> Any:
    return value if isinstance(value, kind) else None
