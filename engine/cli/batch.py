"""`scumble batch`: many pictures from one job, with a closing table."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib.util
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from engine.cli.interrupts import Interrupts
from engine.cli.json_output import JsonOutput
from engine.cli.terminal import (
    OutputError,
    ReaderLeftError,
    Terminal,
    loss_text,
    note,
    threads_text,
    to_standard_output,
)
from engine.durations import duration
from engine.errors import describe
from engine.job import JobError
from engine.messages import shown_name
from engine.translations import ENGLISH, N_, _, in_language, listed, ngettext

if TYPE_CHECKING:
    import threading

    from distributed import Client

    from engine.batch.batch_run import Batch
    from engine.batch.closing_table import Row

DONE, FAILED, INTERRUPTED = 0, 1, 130
STOPPING = N_("Finishing the pictures at work; Ctrl-C again stops at once.")

NEEDS_CLUSTER = N_(
    "{option} needs Dask; 'python3 install.py --cluster' in Scumble's folder adds it. Without it, "
    "pictures are painted one after the other."
)

MOST_NOTICES = 3
"""Different notices that are shown; the table has all of them."""


class _Listener:
    """The view of a batch on the terminal, or its JSON lines."""

    def __init__(self, terminal: Terminal, output: JsonOutput | None, *, quiet: bool) -> None:
        self._terminal = terminal
        self._output = output
        self._quiet = quiet or output is not None
        self._notices: dict[str, None] = {}

    def say(self, text: str) -> None:
        """Show a line, unless quiet."""
        if not self._quiet:
            self._terminal.say(text)

    def send(self, kind: str, **fields: Any) -> None:
        """Write a JSON line, where they are asked for."""
        if self._output is not None:
            self._output.write("send", kind, **fields)

    def notice(self, text: str) -> None:
        """Show a sentence once."""
        if text in self._notices:
            return
        self._notices[text] = None
        self.send("notice", text=text)
        if self._output is None and len(self._notices) <= MOST_NOTICES:
            self._terminal.say(note(text))
        elif self._output is None and len(self._notices) == MOST_NOTICES + 1:
            self._terminal.say(note(_("the table has further remarks on single pictures.")))

    def warning(self, text: str) -> None:
        """Show a sentence on the batch itself."""
        self.send("notice", text=text)
        if self._output is None:
            self._terminal.say(note(text))

    def picture(self, row: Row, done: int, total: int) -> None:
        """Show what became of a picture."""
        self.send("picture", done=done, pictures=total, **dataclasses.asdict(row))
        counted = f"{done}/{total}  " if total else ""
        name = shown_name(row.output)
        if row.status == "failed":
            if self._output is None:
                text = _("{name} failed: {reason}").format(name=name, reason=row.message)
                self._terminal.say(f"{counted}{text}")
            return
        facts = listed((duration(row.seconds or 0), loss_text(row.loss or 0)))
        if row.worker:
            facts = _("{facts}, on {worker}").format(facts=facts, worker=row.worker)
        self.say(f"{counted}{name}  {facts}")

    def share(self, shares: dict[int, float], done: int, total: int, left: float | None) -> None:
        """Show how far the pictures at work are."""
        at_work = ", ".join(f"{round(100 * share)} %" for share in shares.values())
        self.send(
            "progress", stage="batch", step=done, steps=total, seconds_left=left,
            shares=list(shares.values()),
        )  # fmt: skip
        text = ngettext("{done} of {count} picture", "{done} of {count} pictures", total)
        parts = [text.format(done=done, count=total)]
        if at_work:
            parts.append(_("at work: {shares}").format(shares=at_work))
        if left is not None:
            parts.append(_("{time} left").format(time=duration(left)))
        self._terminal.status("  ".join(parts))


def batch(options: argparse.Namespace) -> int:
    """Paint a batch and return the exit status.

    0: every picture is there; 1: some failed; 130: stopped.

    Raises
    ------
    JobError, PictureError
        If something is wrong before anything is painted.
    """
    # Only now, so that a wrong command line need not wait for numpy.
    from engine.batch.batch_run import Batch
    from engine.batch.closing_table import summary
    from engine.batch.plan import make_plan

    output = JsonOutput() if options.json else None
    terminal = Terminal(sys.stderr, quiet=options.quiet or options.json)
    listener = _Listener(terminal, output, quiet=options.quiet)
    if output is not None:
        output.write("hello")
        if isinstance(output.error, OutputError):
            raise output.error
    work: Batch | None = None
    try:
        items = make_plan(options.job, options.contents, options.out, listener.notice)
        work = Batch(items, options.out, listener, force=options.force)
        with Interrupts(terminal, STOPPING) as interrupts:
            try:
                if work.wanted:
                    interrupts.run(functools.partial(_paint, options, work, listener, interrupts))
            finally:
                # Whatever has ended it: what is painted is in the table.
                with interrupts.shield():
                    page = work.close()
            interrupts.finish()
    except KeyboardInterrupt:
        terminal.clear()
        terminal.say(_("Stopped. The same command continues from here."))
        # The network may be in the middle of a step and cannot be waited for.
        os._exit(INTERRUPTED)
    except Exception as error:
        if output is not None:
            output.write("error", describe(error))
        raise
    finally:
        terminal.clear()
    text = _("{summary}; {page} shows them")
    text = text.format(summary=summary(work.rows), page=shown_name(page))
    statuses = {row.status for row in work.rows}
    with in_language(ENGLISH):
        listener.send("done", page=str(page), summary=summary(work.rows))
    if output is None:
        with suppress(ReaderLeftError):
            to_standard_output(text)
    if "left" in statuses:
        listener.say(_("The same command continues from here."))
        return FAILED if work.disk_full else INTERRUPTED
    return FAILED if "failed" in statuses else DONE


def _paint(
    options: argparse.Namespace, work: Batch, listener: _Listener, interrupts: Interrupts
) -> None:
    """Paint what is wanted: on a cluster, on workers of this machine, or in this process."""
    from engine.batch.local import paint_here
    from engine.batch.resources import crew, largest
    from engine.warm import Warm

    jobs = [item.job for item in work.items_to_paint]
    warm = Warm()
    stop = interrupts.stop
    if options.scheduler:
        with cluster_module().existing_cluster(options.scheduler) as client:
            _paint_on(client, options, work, listener, stop, (jobs[0].threads, jobs[0].memory))
        return
    if options.workers == 0 or not has_cluster():
        if options.workers:
            raise JobError(_(NEEDS_CLUSTER).format(option=f"--workers {options.workers}"))
        painter = functools.partial(paint_here, warm=warm)
        work.run(painter, (jobs[0].threads, jobs[0].memory), warm, stop)
        return
    prepared = None if options.workers else largest(work.items_to_paint, warm)
    hands = crew(jobs[0], len(jobs), prepared, options.workers)
    del prepared
    warm = Warm()
    with cluster_module().local_cluster(hands) as client:
        workers = ngettext("{count} worker", "{count} workers", hands.workers)
        workers = workers.format(count=hands.workers)
        text = _("{workers} with {threads} each")
        listener.say(text.format(workers=workers, threads=threads_text(hands.threads)))
        _paint_on(client, options, work, listener, stop, (hands.threads, hands.memory))


def _paint_on(
    client: Client,
    options: argparse.Namespace,
    work: Batch,
    listener: _Listener,
    stop: threading.Event,
    each: tuple[int, float],
) -> None:
    """Paint on a cluster."""
    from engine.batch.cluster_painter import ClusterPainter
    from engine.warm import Warm

    link = cluster_module().dashboard_link(client)
    if link:
        listener.say(_("Dashboard: {address}").format(address=link))
        listener.send("dashboard", address=link)
    jobs = [item.job for item in work.items_to_paint]
    painter = ClusterPainter(client, options.out, jobs, listener.warning, options.scheduler or "")
    work.run(painter, each, Warm(), stop)


def has_cluster() -> bool:
    """Return whether Dask is installed."""
    return importlib.util.find_spec("distributed") is not None


def cluster_module() -> Any:
    """Return the module that needs Dask.

    Raises
    ------
    JobError
        If Dask is not installed.
    """
    if not has_cluster():
        raise JobError(_(NEEDS_CLUSTER).format(option="--scheduler"))
    return importlib.import_module("engine.batch.cluster")
