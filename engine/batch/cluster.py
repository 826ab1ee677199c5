"""Dask clusters: workers of this machine, or those of an existing scheduler, checked.

Workers are processes, not threads. A run limits BLAS to one thread in its whole process and holds
hundreds of megabytes, and if the system kills a process for lack of memory, only its own picture is
lost.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster
from distributed.security import Security

from engine.batch import dask_worker
from engine.batch.dask_worker import Fitness
from engine.batch.resources import Crew
from engine.errors import ClusterError
from engine.job import RUN_FOLDER_PREFIX, JobError
from engine.locks import hold_run_folder
from engine.messages import one_line, shown_name
from engine.translations import _

CONNECT_SECONDS = 10.0
"""The most time that a scheduler and its first worker may take to answer."""

EXAMINE = "__import__('engine.batch.dask_worker', fromlist=['examine']).examine()"
"""Goes to workers as a text, since they may have no Scumble, or one without this module."""


@contextmanager
def local_cluster(crew: Crew) -> Iterator[Client]:
    """Start workers on this machine, for as long as the block lasts.

    They and their scheduler talk over the loopback interface, encrypted and with a certificate of
    this run alone, so that other users of the machine cannot send them work.
    """
    _quiet()
    # Of a command that Ctrl-C ends at once, Python's helper would print what it tidies up.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    # Named and held as a run folder, so that a later run removes what a killed one has left.
    scratch = tempfile.mkdtemp(prefix=RUN_FOLDER_PREFIX)
    held = hold_run_folder(Path(scratch))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a port that is taken: another one is used
            cluster = LocalCluster(
                n_workers=crew.workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,  # the engine plans its memory itself
                host="127.0.0.1",
                dashboard_address="127.0.0.1:8787",
                local_directory=scratch,
                silence_logs=logging.CRITICAL,
                security=Security.temporary(),
                preload=["engine.batch.deaf_to_interrupts"],
            )
        with cluster, Client(cluster) as client:
            yield client
    finally:
        if held is not None:
            os.close(held)
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def existing_cluster(address: str) -> Iterator[Client]:
    """Connect to a scheduler.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT`` or ``tls://HOST:PORT``, or the file that the scheduler has written.

    Raises
    ------
    JobError
        If there is no such file.
    ClusterError
        If the scheduler does not answer, has no workers, or has one that cannot paint.
    """
    _quiet()
    client = connect(address, CONNECT_SECONDS)
    try:
        check_workers(client, address)
        yield client
    finally:
        client.close()


def check_workers(client: Client, address: str) -> None:
    """Check that a cluster has workers, and that all of them can paint for this program.

    Raises
    ------
    ClusterError
        Says which worker cannot, and why.
    """
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    workers = client.nthreads()
    if not workers:
        message = _("The scheduler {address} has no workers; start some.")
        raise ClusterError(message.format(address=shown_name(address)))
    own = dask_worker.examine(with_model=False)
    found = client.run(eval, EXAMINE, on_error="return")
    for name, answer in sorted(found.items()):
        if isinstance(answer, Fitness):
            reason = answer.why_not(name, own)
        elif isinstance(answer, ModuleNotFoundError) and answer.name == "engine":
            reason = _(
                "The worker {worker} has no Scumble; start its workers with the Python of a "
                "Scumble installation."
            ).format(worker=name)
        elif isinstance(answer, ImportError) or "no attribute 'examine'" in str(answer):
            reason = _("The worker {worker} has another version of Scumble than {own}.")
            reason = reason.format(worker=name, own=own.scumble)
        else:
            reason = _("The worker {worker} cannot be examined: {reason}.")
            reason = reason.format(worker=name, reason=one_line(str(answer), 200))
        if reason:
            raise ClusterError(reason)


def connect(address: str, seconds: float) -> Client:
    """Connect to a scheduler.

    Parameters
    ----------
    address : str
        As for `existing_cluster`.
    seconds : float
        How long it may take to answer.

    Raises
    ------
    JobError
        If there is no such file.
    ClusterError
        If it does not answer.
    """
    described: dict[str, Any] = {"address": address}
    if "://" not in address:
        if not os.path.isfile(address):
            message = _("--scheduler: {value} is neither a file nor an address such as {example}.")
            example = "tcp://192.168.1.10:8786"
            raise JobError(message.format(value=shown_name(address), example=example))
        described = {"scheduler_file": address}
    answered: queue.Queue[Client | Exception] = queue.Queue()

    def try_to() -> None:
        try:
            answered.put(Client(**described, timeout=seconds, set_as_default=False))
        except Exception as error:  # of Dask, of the system, of a file that is none of Dask's
            answered.put(error)

    # In a thread, since Dask waits forever for a program that takes the connection and is silent.
    threading.Thread(target=try_to, daemon=True).start()
    found: Client | Exception = TimeoutError()
    with suppress(queue.Empty):
        found = answered.get(timeout=seconds + 2)
    if isinstance(found, Client):
        return found
    message = _(
        "The scheduler {address} does not answer within {seconds} seconds; check the address, and "
        "that it runs."
    )
    message = message.format(address=shown_name(address), seconds=round(seconds))
    raise ClusterError(message) from found


def _quiet() -> None:
    """Silence Dask's logs: the batch handles the faults in them and prints its own notices."""
    for name in ("distributed", "tornado", "bokeh", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado", "bokeh"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def answers(client: Client) -> bool:
    """Return whether a client's scheduler answers."""
    if client.status != "running":
        return False
    try:
        client.nthreads()
    except Exception:  # the connection is lost; Dask's errors are many
        return False
    return True


def dashboard_link(client: Client) -> str:
    """Return the address of the dashboard; empty if there is none."""
    link = client.dashboard_link
    return link if isinstance(link, str) else ""
