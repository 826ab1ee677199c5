"""The worker: the process that the plug-in starts for one run, with a protocol of JSON lines.

It writes JSON lines to standard output and reads commands from standard input: `begin` starts a
worker that waits for its files, `stop` finishes with the best picture so far, `forget` removes the
saved state at the end. When the input ends, it deletes the run folder and exits, so nothing is left
behind if the plug-in dies. The saved state of a painting whose result lies in the run folder stays,
since the plug-in may die before the result is in the image; the plug-in removes it afterwards.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from engine import output_files
from engine.address_space import why_too_little
from engine.errors import Failure, PictureError, describe
from engine.events import Event, Notice, Preview, Progress
from engine.files import write_file
from engine.job import Job, JobError
from engine.leftovers import remove_run_folders
from engine.locks import hold_run_folder
from engine.messages import shown, shown_name
from engine.protocol import Lines
from engine.report.folder import check_report, remove_partial, try_report
from engine.run_folder import REMOVAL_SECONDS, refusal, remove
from engine.states import store
from engine.translations import _

if TYPE_CHECKING:
    import numpy as np

    from engine.run import Result
    from engine.states.keeper import Keeper
    from engine.warm import Warm

JOB = "job.json"
ORIGIN = "origin.json"
"""The file that a saved state returns to the program that started the run; may be missing."""

ORIGIN_BYTES = 64_000
OUTPUT = "result.npy"
"""The file to write if the job names none."""

PREVIEW_NAMES = ("preview-0.png", "preview-1.png")
"""They take turns, so that the plug-in can read one while the next is written."""

LINE_BYTES = 1000
"""Longer lines are read in pieces, so that no input fills the memory."""

DONE, FAILED, WRONG_USE, CANCELLED = 0, 1, 2, 130


def work(folder: str, resume: str = "", *, waits: bool = False) -> int:
    """Run the job in a run folder; return only if the folder is refused.

    Otherwise the process exits when its input ends: with status 0 after a result, 1 after an
    error, 130 before either.

    Parameters
    ----------
    folder : str
        A folder with a name that begins with `RUN_FOLDER_PREFIX`, and with job.json in it.
    resume : str
        The name of a saved state to continue, in place of the job in the folder.
    waits : bool
        Whether the job is read when the command `begin` comes. Meanwhile the worker loads its
        libraries and the network.

    Returns
    -------
    int
        The exit status, if the folder is refused.
    """
    lines = Lines(_claim_standard_output())
    problem = refusal(Path(folder), needed="" if resume or waits else JOB)
    tight = why_too_little()
    if not problem:
        _on_signals(lambda: _leave_early(Path(folder).absolute()))
    try:
        lines.hello()
        if tight:
            lines.error(Failure("memory", tight))
            return FAILED
        if problem:
            lines.error(Failure("job", problem))
            sys.stderr.write(f"scumble worker: {problem}\n")
            return WRONG_USE
    except OSError:  # nobody reads
        if not problem:
            remove(Path(folder).absolute())
        return FAILED
    return _Worker(Path(folder).absolute(), lines, resume, waits=waits).run()


class _Worker:
    """One run: the main thread reads commands, another one paints."""

    def __init__(self, folder: Path, lines: Lines, resume: str, *, waits: bool = False) -> None:
        self._folder = folder
        self._lines = lines
        self._resume = resume
        self._waits = waits
        self._begin = threading.Event()
        self._keeper: Keeper | None = None
        self._forget = False
        self._stop = threading.Event()
        self._leaving = threading.Lock()
        self._ended = threading.Event()
        self._status = CANCELLED
        self._reported: Job | None = None
        self._complained = False
        self._previews = 0
        self._held = hold_run_folder(folder)
        self._preview_failed = False

    def run(self) -> int:
        """Paint and read commands until the input ends, which ends the process."""
        _on_signals(self._leave)
        threading.Thread(target=self._paint, name="painting", daemon=True).start()
        self._listen()
        self._leave()
        # Only reached while the painting thread ends the process, since nobody reads.
        time.sleep(2 * REMOVAL_SECONDS)
        return self._status

    def _listen(self) -> None:
        """Follow the commands on standard input until it ends."""
        with suppress(OSError), open(0, "rb", closefd=False) as commands:
            within = False  # a line that is longer, of which no piece is a command
            while line := commands.readline(LINE_BYTES):
                ends = line.endswith(b"\n")
                if not within:
                    whole = ends or len(line) < LINE_BYTES
                    self._obey((line.strip() if whole else line).decode("utf-8", "replace"))
                within = not ends

    def _obey(self, command: str) -> None:
        if command == "begin":
            self._begin.set()
        elif command == "stop":
            self._stop.set()
        elif command == "forget":
            self._forget = True
        elif command and not self._complained:
            self._complained = True
            text = _("Unknown command {command}; the commands are 'begin', 'stop' and 'forget'.")
            notice = Notice(text.format(command=shown(command)))
            # In a thread of its own: the end of the input must be seen even if nobody reads.
            threading.Thread(target=self._report, args=(notice,), daemon=True).start()

    def _paint(self) -> None:
        """Run the job and report how it ended."""
        try:
            self._run_job()
        except Exception as error:
            if self._leaving.locked():
                return  # it failed because its folder is being deleted
            if isinstance(error, FloatingPointError):
                self._forget = True  # it would diverge again
            self._status = FAILED
            self._say(self._lines.error, describe(error))

    def _run_job(self) -> None:
        remove_run_folders([self._folder.parent])
        warm = self._warmed_up() if self._waits else None
        found = None
        if self._resume:
            found = store.choose(self._resume)
            job = dataclasses.replace(found.job, output="")
        else:
            job = output_files.load(self._folder / JOB)
        if not job.output:
            job = dataclasses.replace(job, output=str(self._folder / OUTPUT))
        output_files.check_files(job)
        if job.report:
            if self._is_in_folder(job.report):
                name = shown_name(Path(job.report).name)
                message = _("report: {name} lies in the run folder; give an absolute path.")
                raise JobError(message.format(name=name))
            check_report(job)
        from engine.run import stylize
        from engine.states.keeper import Keeper

        self._keeper = keeper = Keeper(
            job, self._report, run_folder=self._folder, origin=self._origin(), found=found
        )
        if found is not None:
            self._say(self._lines.resumed, found.about)
        elif keeper.older is not None:
            self._say(self._lines.resumable, keeper.older.about)
        result = stylize(job, self._report, self._stop, keeper=keeper, warm=warm)
        began = time.perf_counter()
        files, notices = output_files.write(job, result)
        masks: tuple[Path | None, ...] = ()
        areas = None
        try:
            areas = output_files.write_areas(job, result)
            masks = output_files.write_masks(job, result) if job.uncut else ()
        except (OSError, ValueError) as error:  # the painting is written; it must not be lost
            notices += (_("The masks cannot be written: {reason}").format(reason=error),)
        if job.report:
            notices += self._written_report(job, result, files, time.perf_counter() - began)
        self._report(Progress("write", 1, 1))
        for notice in notices:
            self._report(Notice(notice))
        result = dataclasses.replace(result, notices=(*result.notices, *notices))
        self._status = DONE
        names = [self._name(each) for each in files]
        mask_names = [self._name(each) if each else None for each in masks]
        settings = output_files.settings(job, result)
        area_name = self._name(areas) if areas else None
        self._say(self._lines.done, names, result, settings, mask_names, area_name)
        if not self._is_in_folder(job.output):
            keeper.discard()
        self._ended.set()

    def _warmed_up(self) -> Warm | None:
        """Load what every run needs, until the command `begin` comes."""
        from engine.warm import Warm

        warm = None
        with suppress(Exception):  # the run comes upon the same error, and reports it
            importlib.import_module("engine.run")
            warm = Warm(keeps_styles=False)
            warm.network(Job(content="", output=""))
        self._begin.wait()
        return warm

    def _is_in_folder(self, path: str) -> bool:
        """Return whether a path lies in the run folder, which the end of the run deletes."""
        return self._folder in Path(path).absolute().parents

    def _origin(self) -> dict[str, Any]:
        """Return what is to be kept with the state for the program that started the run."""
        try:
            with open(self._folder / ORIGIN, "rb") as file:
                origin = json.loads(file.read(ORIGIN_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            origin = None
        if not isinstance(origin, dict):
            text = _("{file} is left out: it is no JSON object of a usual size.")
            self._report(Notice(text.format(file=ORIGIN)))
            return {}
        return origin

    def _written_report(
        self, job: Job, result: Result, files: tuple[Path, ...], writing: float
    ) -> tuple[str, ...]:
        """Write the report of the job; if that fails, the picture is not lost."""
        self._report(Progress("write", 1, 2))
        self._reported = job
        page, failure = try_report(job, result, files, writing)
        self._reported = None
        if self._leaving.locked():
            return ()  # it failed because it is being deleted
        return page if failure is None else (f"{failure.message} {failure.hint}".strip(),)

    def _report(self, event: Event) -> None:
        if isinstance(event, Preview):
            self._preview(event.picture)
        else:
            self._say(self._lines.event, event)

    def _preview(self, picture: np.ndarray) -> None:
        """Write a preview into the run folder; a run without previews is better than none."""
        from PIL import Image

        name = PREVIEW_NAMES[self._previews % len(PREVIEW_NAMES)]
        encoded = io.BytesIO()
        Image.fromarray(picture).save(encoded, format="PNG", compress_level=1)
        try:
            write_file(self._folder / name, encoded.getvalue(), durable=False)
        except PictureError as error:  # a full disk, or on Windows a reader of the earlier one
            if not self._preview_failed:
                self._preview_failed = True
                text = _("A preview cannot be written: {reason}").format(reason=error)
                self._report(Notice(text))
            return
        self._previews += 1
        height, width = picture.shape[:2]
        self._say(self._lines.preview, name, width, height)

    def _name(self, file: Path) -> str:
        """Return a file's name in the run folder, or the path of one elsewhere."""
        with suppress(ValueError):
            return file.relative_to(self._folder).as_posix()
        return str(file)

    def _say(self, write: Callable[..., None], *content: Any) -> None:
        """Write a line; if nobody reads it, end the process, as at the end of the input."""
        try:
            write(*content)
        except OSError:
            self._leave()

    def _leave(self) -> None:
        """Delete the run folder and end the process, whatever the other threads do."""
        if not self._leaving.acquire(blocking=False):
            return  # another thread is doing it
        status = self._status
        if self._held is not None:
            os.close(self._held)  # Windows deletes no open file
        if self._reported:
            remove_partial(self._reported)
        if self._keeper is not None:
            if status == DONE and threading.current_thread() is threading.main_thread():
                # The plug-in has read the last line before the state was removed.
                self._ended.wait(REMOVAL_SECONDS)
            if self._forget:
                self._keeper.discard()
            self._keeper.release()
        remove(self._folder)
        os._exit(status)


def _on_signals(leave: Callable[[], None]) -> None:
    """Call something when the process is asked to end."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: leave())


def _leave_early(folder: Path) -> None:
    """Delete the run folder and end the process before its run has begun."""
    remove(folder)
    os._exit(CANCELLED)


def _claim_standard_output() -> int:
    """Return a descriptor for the protocol; what libraries print goes to standard error."""
    own = os.dup(1)
    try:
        os.dup2(2, 1)
    except OSError:  # standard error is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return own
