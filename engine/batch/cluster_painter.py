"""Painting on a Dask cluster: pictures are handed out, and lost ones are handed out again.

Dask assigns pictures to workers, repeats those that are lost with a worker, and cancels those that
nobody waits for. Each worker has one picture at a time. Results come back to this process, which
alone writes them, so a picture that Dask begins twice is still written once.
"""

from __future__ import annotations

import math
import os
import queue
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable

from distributed import Client, Future, KilledWorker

from engine.batch import dask_worker
from engine.batch.cluster import CONNECT_SECONDS, answers, connect
from engine.batch.dask_worker import Folder, NotStarted, WorkerAnswer
from engine.batch.existing import cached_checksum
from engine.batch.local import OnOutcome, OnShareOf
from engine.batch.painting import Painted, PictureRequest
from engine.errors import ClusterError, Failure, PictureError
from engine.job import RUN_FOLDER_PREFIX, Job, JobError
from engine.locks import hold_run_folder
from engine.messages import one_line, shown_name
from engine.output_files import inputs
from engine.translations import _

RECONNECT_SECONDS = 120.0
"""The longest absence of a scheduler while pictures are painted."""

LOST_WORKERS_SECONDS = 20.0
"""Seconds after which it is said that there are no workers."""

MOST_ATTEMPTS = 5
"""Times that a picture is handed out; a worker that dies while painting it counts once."""

_LOST = ("cancelled", "lost")
"""Dask's words for pictures that are lost."""


@dataclass
class _Flight:
    """A request that the cluster has.

    Attributes
    ----------
    request : PictureRequest
    attempts : int
        How many times it was handed out.
    workers : frozenset of str or None
        The workers that may paint it; None for all.
    pushed : set of str
        Workers that were sent its common files.
    submitted : float
        When it was handed out last, by the monotonic clock.
    """

    request: PictureRequest
    attempts: int = 1
    workers: frozenset[str] | None = None
    pushed: set[str] = field(default_factory=set)
    submitted: float = 0.0


class ClusterPainter:
    """The painter of a batch on a cluster.

    Parameters
    ----------
    client : Client
    out : str
        The folder of the results.
    jobs : sequence of Job
        All pictures of the batch; files that several of them read are sent to a worker once.
    on_notice : callable
        Is called with sentences for the user.
    address : str
        Of the scheduler, to connect again; empty if it ends with this process.
    """

    def __init__(
        self,
        client: Client,
        out: str,
        jobs: Sequence[Job],
        on_notice: Callable[[str], None],
        address: str = "",
    ) -> None:
        self._client = client
        self._out = out
        self._uses = Counter(path for job in jobs for path in inputs(job))
        self._on_notice = on_notice
        self._address = address
        self._own = dask_worker.examine(with_model=False)
        self._flights: dict[str, _Flight] = {}
        self._futures: dict[str, Future] = {}
        self._ended: queue.Queue[str] = queue.Queue()
        self._attaches = False
        # When a worker received a file, by the worker's address and the file's SHA-256.
        self._received: dict[tuple[str, str], float] = {}
        self._excluded: set[str] = set()
        self._alone_since = 0.0
        self._on_event: Callable[[tuple[float, dict]], None] = lambda event: None

    def __call__(
        self,
        requests: Iterator[PictureRequest],
        on_outcome: OnOutcome,
        on_share: OnShareOf,
        stop: threading.Event,
    ) -> None:
        """Paint, as `run.Painter` says.

        Raises
        ------
        ClusterError
            If the scheduler is gone, or no worker can paint any more.
        """

        def shared(event: tuple[float, dict]) -> None:
            flight = self._flights.get(event[1]["key"])
            if flight is not None:
                on_share(flight.request.number, event[1]["share"])

        self._on_event = shared
        self._client.subscribe_topic(dask_worker.SHARES, shared)
        with self._exchange() as self._folder:
            more = True
            while more or self._flights:
                while more and len(self._flights) < self._room() and not stop.is_set():
                    request = next(requests, None)
                    more = request is not None
                    if request is not None:
                        self._submit(_Flight(request))
                more = more and not stop.is_set()
                for request, outcome, name in self._outcomes():
                    on_outcome(request, outcome, name)

    @contextmanager
    def _exchange(self) -> Iterator[Folder]:
        """Make the folder in which workers hand results over, where they see it."""
        path = Path(self._out, RUN_FOLDER_PREFIX + secrets.token_hex(8))
        try:
            path.mkdir()
            held = hold_run_folder(path)
            token = secrets.token_hex(8)
            (path / token).touch()
        except OSError as error:
            message = _("{name} cannot be made: {reason}.")
            message = message.format(name=shown_name(path), reason=error.strerror or error)
            raise PictureError(message) from error
        try:
            yield Folder(str(path), token)
        finally:
            if held is not None:
                os.close(held)
            shutil.rmtree(path, ignore_errors=True)

    def _room(self) -> int:
        """Return how many pictures can be with the cluster: one for each worker."""
        workers = self._workers() - self._excluded
        if workers:
            self._alone_since = 0.0
        elif not self._alone_since:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > LOST_WORKERS_SECONDS:
            self._on_notice(_("The cluster has no workers at the moment; waiting for some."))
        return len(workers)

    def _workers(self) -> set[str]:
        """Return the addresses of the workers that there are."""
        while True:
            try:
                return set(self._client.nthreads())
            except Exception:  # the connection to the scheduler is lost; Dask's errors are many
                self._reconnect()

    def _submit(self, flight: _Flight) -> None:
        request = flight.request
        sums = {path: cached_checksum(path) for path in inputs(request.job)}
        attached = {}
        if self._attaches:
            own = [path for path in sums if self._uses[path] <= 1]
            attached = _contents(own, sums)
        flight.workers = None
        if self._excluded:
            flight.workers = frozenset(self._workers() - self._excluded)
            if not flight.workers:
                message = _("No worker of the cluster can paint for this batch any more.")
                raise ClusterError(message)
        key = f"scumble-{request.number}-{secrets.token_hex(4)}"
        self._flights[key] = flight
        flight.submitted = time.monotonic()
        arguments = (request, sums, self._folder, self._own, attached)
        allowed = None if flight.workers is None else sorted(flight.workers)
        while True:
            try:
                future = self._client.submit(
                    dask_worker.paint_task, *arguments, key=key, pure=False, workers=allowed
                )
                break
            except (OSError, RuntimeError):  # as above
                self._reconnect()
        self._futures[key] = future
        future.add_done_callback(lambda future: self._ended.put(future.key))

    def _outcomes(self) -> Iterator[tuple[PictureRequest, Painted | Failure, str]]:
        """Wait a moment for pictures; hand out again what the cluster has lost."""
        keys = []
        with suppress(queue.Empty):
            keys.append(self._ended.get(timeout=1.0))
            while True:
                keys.append(self._ended.get_nowait())
        if not keys:
            # Nothing has ended. Futures of a client that has lost its scheduler end silently.
            keys = [key for key, each in self._futures.items() if each.status in _LOST]
            self._free_stranded()
        for key in keys:
            future, flight = self._futures.pop(key, None), self._flights.pop(key, None)
            if future is None or flight is None:
                continue
            found = self._outcome(future, flight)
            if found is not None:
                yield found

    def _outcome(
        self, future: Future, flight: _Flight
    ) -> tuple[PictureRequest, Painted | Failure, str] | None:
        """Return what became of a picture; None if it was handed out again."""
        request = flight.request
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                message = _(
                    "Several workers ended while they painted it; perhaps there was not enough "
                    "memory."
                )
                return request, Failure("memory", message), ""
            return self._again(flight, one_line(str(error), 300))
        if future.status in _LOST:
            self._reconnect()
            return self._again(flight, _("the cluster has lost it"))
        try:
            answer = future.result()
        except Exception as error:  # the worker ended with the result; Dask's errors are many
            self._reconnect()
            return self._again(flight, one_line(str(error), 300))
        return self._answered(flight, answer)

    def _answered(
        self, flight: _Flight, answer: WorkerAnswer
    ) -> tuple[PictureRequest, Painted | Failure, str] | None:
        outcome, name = answer.outcome, _host(answer.worker)
        if outcome is None:
            return self._again(flight, _("it was given up"))
        if isinstance(outcome, NotStarted):
            if outcome.unfit:
                self._excluded.add(answer.worker)
                self._on_notice(_("{reason} It is not used.").format(reason=outcome.unfit))
                return self._again(flight, outcome.unfit)
            return self._send_inputs(flight, answer.worker, outcome.missing)
        if isinstance(outcome, Painted) and answer.handed_over:
            try:
                files = tuple(Path(file).read_bytes() for file in answer.handed_over)
            except OSError as error:
                reason = _("its result cannot be read ({reason})").format(reason=error)
                return self._again(flight, reason)
            for file in answer.handed_over:
                with suppress(OSError):
                    os.unlink(file)
            outcome = replace(outcome, files=files)
        return flight.request, outcome, name

    def _send_inputs(
        self, flight: _Flight, address: str, missing: tuple[str, ...]
    ) -> tuple[PictureRequest, Painted | Failure, str] | None:
        """Send a worker the files that it cannot read; those of one picture go with the picture."""
        if address in flight.pushed and self._attaches:
            reason = _("the worker cannot read {name}").format(name=shown_name(missing[0]))
            return self._again(flight, reason)
        sums = {path: cached_checksum(path) for path in missing}

        def is_on_its_way(path: str) -> bool:
            # Another picture had the worker sent this file while this one was looking for it.
            return self._received.get((address, sums[path]), -math.inf) > flight.submitted

        paths = [path for path in missing if self._uses[path] > 1 and not is_on_its_way(path)]
        common = _contents(paths, sums)
        self._attaches = True
        flight.pushed.add(address)
        if common:
            with suppress(Exception):  # a worker that has just ended; another one will ask
                self._client.run(dask_worker.receive, common, workers=[address])
                now = time.monotonic()
                self._received.update({(address, sum_): now for sum_ in common})
        self._submit(flight)
        return None

    def _again(
        self, flight: _Flight, reason: str
    ) -> tuple[PictureRequest, Painted | Failure, str] | None:
        flight.attempts += 1
        if flight.attempts > MOST_ATTEMPTS:
            message = _("It could not be painted in {count} attempts: {reason}.")
            message = message.format(count=MOST_ATTEMPTS, reason=reason)
            return flight.request, Failure("internal", message), ""
        self._submit(flight)
        return None

    def _free_stranded(self) -> None:
        """Hand out again the pictures whose allowed workers are all gone."""
        alive = None
        for key, flight in list(self._flights.items()):
            if flight.workers is None:
                continue
            alive = self._workers() if alive is None else alive
            if not flight.workers & alive:
                self._futures.pop(key).cancel()
                self._submit(self._flights.pop(key))

    def _reconnect(self) -> None:
        """Wait for a scheduler that is gone to come back.

        Raises
        ------
        ClusterError
            If it does not.
        """
        deadline = time.monotonic() + RECONNECT_SECONDS
        time.sleep(0.1)  # in which a client notices that its connection is lost
        if self._client.status == "running" and answers(self._client):
            return
        self._on_notice(_("The scheduler does not answer; waiting for it."))
        while self._client.status == "connecting" and time.monotonic() < deadline:
            time.sleep(0.2)
        while not answers(self._client):
            if not self._address or time.monotonic() > deadline:
                message = _(
                    "The scheduler no longer answers; the same command continues from here."
                )
                raise ClusterError(message)
            time.sleep(0.5)
            with suppress(ClusterError, JobError):
                self._client = connect(self._address, CONNECT_SECONDS)
        self._client.subscribe_topic(dask_worker.SHARES, self._on_event)


def _contents(paths: Sequence[str], sums: dict[str, str]) -> dict[str, tuple[str, bytes]]:
    """Return files as `dask_worker.receive` takes them; one that cannot be read is left out."""
    found = {}
    for path in paths:
        with suppress(OSError):
            found[sums[path]] = (Path(path).name, Path(path).read_bytes())
    return found


def _host(address: str) -> str:
    """Return the name of a worker for people."""
    return address.rpartition("://")[2]
