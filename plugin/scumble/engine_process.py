"""The engine process: how the plug-in starts, follows and stops it. Standard library only.

GIMP's Cancel kills the plug-in without warning. The engine therefore watches its standard input:
when that ends, the engine stops and deletes the run folder. Cleaning up does not depend on this
module, which only makes it faster.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from engine import job
from engine.engine_location import LOCATION_FILE, EngineLocation
from engine.locks import hold_run_folder
from engine.messages import one_line
from engine.translations import N_, _, language

LOGS_KEPT = 20
HELLO_SECONDS = 120.0
"""The first start of a new environment reads about 200 MB from the disk."""

CANCEL_SECONDS = 0.7
WAIT_SECONDS = 0.01

ATTEMPTS = 3
"""Run folders to try: a run that starts in the same instant may take one for a leftover before it
is locked."""

FOREIGN = ("PYTHON", "LD_", "DYLD_", "GI_", "GTK_", "GDK_", "GIO_", "GEGL_", "BABL_", "GIMP3_")
"""Variables that AppImages and other bundles set for their own libraries."""

WHOLE = "install.py"
"""A file beside the plug-in's folder where all of Scumble is there, as in an extension."""

INSTALL_AGAIN = N_("Run Scumble's install.py again, then repeat the filter.")


class EngineError(Exception):
    """A failure of the engine; the message says what happened, what to do, and names the log."""


class NotSetUpError(EngineError):
    """An engine that is not, or no longer, set up; the message says how to set it up.

    Attributes
    ----------
    home : Path or None
        Its data folder, where that is known.
    """

    def __init__(self, message: str, home: Path | None = None) -> None:
        super().__init__(message)
        self.home = home


@dataclass
class EngineResult:
    """The engine's message at the end of a run.

    Attributes
    ----------
    files : list of Path
        The picture, then, for layers with masks, the pictures before the masks cut them out.
    masks : list of (Path or None)
        For layers with masks, each region's mask; None for a region that is the whole layer.
    areas : Path or None
        The rectangles of the layer that the regions cover; None if they cover all of it.
    method : str
        The method that was used; empty if the engine does not say.
    about : dict
        The rest of the message: loss, seconds and so on.
    warnings : list of str
        Sentences for the user.
    """

    files: list[Path]
    masks: list[Path | None] = field(default_factory=list)
    areas: Path | None = None
    method: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def location_file(folder: Path) -> Path:
    """Return the file that names the engine, for the plug-in in a folder.

    It lies beside the plug-in's modules. In an extension of GIMP it lies beside install.py.
    """
    whole = folder.parents[1]
    return (whole if (whole / WHOLE).is_file() else folder) / LOCATION_FILE


def read_location(folder: Path) -> EngineLocation:
    """Read the file that names the engine, for the plug-in in a folder.

    Raises
    ------
    NotSetUpError
        If the file or the engine is missing.
    """
    path = location_file(folder)
    try:
        location = EngineLocation.from_text(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = _("Scumble's engine is not set up: {path} is missing or damaged. {remedy}")
        raise NotSetUpError(message.format(path=path, remedy=_(INSTALL_AGAIN))) from error
    if not Path(location.python).is_file():
        message = _("Scumble's engine is missing: {path} does not exist. {remedy}")
        message = message.format(path=location.python, remedy=_(INSTALL_AGAIN))
        raise NotSetUpError(message, Path(location.home))
    return location


class RunFolder:
    """The folder for the files of one run, locked so that no other run takes it for a leftover.

    Attributes
    ----------
    path : Path

    Raises
    ------
    EngineError
        If the user's temporary folder cannot be written.
    """

    def __init__(self) -> None:
        self._held: int | None = None
        for _attempt in range(ATTEMPTS):
            try:
                self.path = Path(tempfile.mkdtemp(prefix=job.RUN_FOLDER_PREFIX))
            except OSError as error:
                message = _("Cannot make a temporary folder: {reason}. Free some disk space.")
                raise EngineError(message.format(reason=error)) from error
            self._held = hold_run_folder(self.path)
            if self._held is not None:
                return
            shutil.rmtree(self.path, ignore_errors=True)
        message = _("Cannot write to {folder}. Free some disk space.")
        raise EngineError(message.format(folder=self.path.parent))

    def release(self) -> None:
        """Give up the lock: Windows deletes no open file."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def remove(self) -> None:
        """Remove the folder if it still exists."""
        self.release()
        shutil.rmtree(self.path, ignore_errors=True)


def clean_environment(location: EngineLocation) -> dict[str, str]:
    """Return this process's environment without its host's variables, and its language."""
    return {**without_host(), "SCUMBLE_HOME": location.home, "LANGUAGE": language()}


def without_host() -> dict[str, str]:
    """Return this process's environment without its host's variables."""
    return {
        name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)
    }


class EngineProcess:
    """One run of the engine.

    `next_event` returns the engine's messages, one dictionary each. The last one is 'done'.

    Parameters
    ----------
    location : EngineLocation
    folder : RunFolder
        Holds job.json and the files that it names.
    resumes : str
        The name of the state of an interrupted run, to continue instead of job.json.
    waits : bool
        Whether the files in the folder are still to be written. The engine loads the network
        meanwhile, and reads them after `begin`.

    Attributes
    ----------
    state : str
        The name of the state that the engine keeps of this painting; empty if it has none.
    """

    def __init__(
        self, location: EngineLocation, folder: RunFolder, resumes: str = "", *, waits: bool = False
    ) -> None:
        self._folder = folder
        self.run_folder = folder.path
        self._location = location
        self.state = resumes
        self.log = new_log(location)
        self._started = time.monotonic()
        self._greeted = False
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        command = [
            *(location.python, "-I", "-u", "-X", "utf8", "-m", "engine", "worker"),
            str(folder.path),
            *(("--resume", resumes) if resumes else ()),
            *(("--wait",) if waits else ()),
        ]
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # only Windows has it
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=clean_environment(location),
                    cwd=location.home,
                    creationflags=flags,
                )
        except OSError as error:
            what = _("The engine cannot be started: {reason}.").format(reason=error)
            raise self._failure(what, _(INSTALL_AGAIN)) from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def next_event(self, seconds: float) -> dict[str, Any] | None:
        """Return the engine's next message, or None if none comes within `seconds`.

        Raises
        ------
        EngineError
            If the engine reports an error, ended without a result, or does not start.
        """
        try:
            event = self._events.get(timeout=seconds) if seconds else self._events.get_nowait()
        except queue.Empty:
            if not self._greeted and time.monotonic() - self._started > HELLO_SECONDS:
                what = _("The engine said nothing for {count} seconds.")
                what = what.format(count=round(HELLO_SECONDS))
                raise self._failure(what, _(INSTALL_AGAIN)) from None
            return None
        if event is None:
            raise self._ended()
        self._greeted = True
        version = event.get("version", self._location.version)
        if event.get("type") == "hello" and version != self._location.version:
            what = _("The plug-in has version {own}, the engine {version}.")
            what = what.format(own=self._location.version, version=version)
            raise self._failure(what, _(INSTALL_AGAIN))
        if event.get("type") in ("saved", "resumable"):
            self.state = str(event.get("name") or "")
        if event.get("type") == "error":
            what = str(event.get("message") or _("The engine reports an error."))
            raise self._failure(what, str(event.get("hint") or ""), str(event.get("log") or ""))
        return event

    def result(self, event: dict[str, Any]) -> EngineResult:
        """Return the contents of a 'done' message, with full paths.

        Raises
        ------
        EngineError
            If a picture is missing.
        """
        try:
            files = [self.run_folder / name for name in event.get("files", [])]
            there = bool(files) and all(path.is_file() for path in files)
            masks = [self.run_folder / name if name else None for name in event.get("masks", [])]
            warnings = [str(text) for text in event.get("warnings", [])]
            method = str(event.get("settings", {}).get("method", ""))
            areas = self.run_folder / event["areas"] if event.get("areas") else None
        except (AttributeError, OSError, TypeError, ValueError):  # not what an engine says
            there = False
        if not there:
            what = _("The engine ended without a picture.")
            raise self._failure(what, _(INSTALL_AGAIN))
        return EngineResult(files, masks, areas, method, event, warnings)

    def begin(self) -> None:
        """Let an engine that waits read its files, and paint."""
        self._send(b"begin\n")

    def stop(self) -> None:
        """Ask the engine to finish with the best picture so far."""
        self._send(b"stop\n")

    def forget(self) -> None:
        """Ask the engine to keep no state of this run."""
        self._send(b"forget\n")

    def _send(self, command: bytes) -> None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(command)
            self._process.stdin.flush()
        except OSError:
            return  # the engine has ended; its last message is in the queue

    def close(self, on_wait: Callable[[], None] = lambda: None) -> None:
        """End the engine and remove the run folder, calling `on_wait` again and again meanwhile."""
        self._folder.release()
        try:
            assert self._process.stdin is not None
            self._process.stdin.close()
        except OSError:
            pass  # the engine has closed its end
        patience = time.monotonic() + CANCEL_SECONDS
        while self._process.poll() is None and time.monotonic() < patience:
            on_wait()
            time.sleep(WAIT_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(CANCEL_SECONDS)
        self._folder.remove()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                try:
                    event = json.loads(line.decode("utf-8", "replace"))
                except (ValueError, RecursionError):
                    continue  # the output of a library
                if isinstance(event, dict):
                    self._events.put(event)
        self._events.put(None)

    def _ended(self) -> EngineError:
        """Return the error for a process that ended without a result."""
        code = self._process.wait()
        last = last_line(self.log)
        if not self._greeted:
            what = _("The engine did not start (exit code {code}): {last}")
            return self._failure(what.format(code=code, last=last), _(INSTALL_AGAIN))
        if code in (-9, 137):
            what = _("The engine was killed, probably because memory ran out.")
            hint = _("Choose a smaller working size, or close other programs.")
            return self._failure(what, hint)
        if code < 0:
            what = _("The engine crashed (signal {number}).").format(number=-code)
        else:
            what = _("The engine ended unexpectedly (exit code {code}): {last}")
            what = what.format(code=code, last=last)
        return self._failure(what, _("Repeat the filter; if it happens again, report it."))

    def _failure(self, what: str, hint: str, log: str = "") -> EngineError:
        parts = (
            one_line(what),
            one_line(hint),
            one_line(_("The log is {log}").format(log=log or self.log)),
        )
        return EngineError("\n".join(part for part in parts if part))


def fraction(event: dict[str, Any]) -> float:
    """Return the finished share of the work, from 0 to 1, that a progress message reports."""
    if event.get("stage") in ("strokes", "write"):
        return 1.0
    steps = max(int(event.get("steps") or 1), 1)
    done = min(int(event.get("step") or 0) / steps, 1.0) if event.get("stage") == "paint" else 0.0
    scales = max(int(event.get("scales") or 1), 1)
    # Each scale has four times the pixels of the one before, and about half of its steps.
    sizes = [2.0**number for number in range(scales)]
    scale = min(max(int(event.get("scale") or 1), 1), scales)
    return (sum(sizes[: scale - 1]) + done * sizes[scale - 1]) / sum(sizes)


def new_log(location: EngineLocation) -> Path:
    """Return the path of a new log, in the data folder or else in the temporary one."""
    name = time.strftime("gimp-%Y%m%d-%H%M%S") + f"-{os.getpid()}.log"
    for folder in (Path(location.home) / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        except OSError:
            continue
        for old in sorted(folder.glob("gimp-*.log"))[:-LOGS_KEPT]:
            old.unlink(missing_ok=True)
        return folder / name
    message = _("Cannot write a log to {folder} or {other}. Free some disk space.")
    raise EngineError(message.format(folder=location.home, other=tempfile.gettempdir()))


def last_line(log: Path) -> str:
    """Return the last line of a log that is not empty."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return _("the log cannot be read.")
    spoken = [line.strip() for line in lines if line.strip()]
    return spoken[-1] if spoken else _("the log is empty.")


def write_job(wanted: job.Job, run_folder: Path) -> None:
    """Write the job into the run folder for the engine."""
    text = json.dumps(wanted.to_dict(), indent=1, allow_nan=False)
    (run_folder / "job.json").write_text(text + "\n", encoding="utf-8")
