"""The engine's process, seen from GIMP: started, followed, stopped. Standard library only.

GIMP's Cancel kills this process without a word. So the engine watches its standard input: when that
ends, it stops and deletes the folder of the run by itself. Nothing here is needed for cleaning up;
what is here only makes it quicker.
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
from typing import Any

import job

PLACE = "engine.json"
"""Beside the plug-in: where the engine is. The installer writes it."""

LOGS_KEPT = 20
HELLO_SECONDS = 120.0
"""The first start of a fresh environment reads some 200 MB from the disk."""

CANCEL_SECONDS = 0.7

FOREIGN = ("PYTHON", "LD_", "DYLD_", "GI_", "GTK_", "GDK_", "GIO_", "GEGL_", "BABL_", "GIMP3_")
"""AppImages and other bundles point these at their own libraries; the engine has its own."""

INSTALL_AGAIN = "Run Scumble's install.py again, then repeat the filter."


class PainterError(Exception):
    """The engine could not paint.

    The message is for the user: what happened, what to do, and where the log is.
    """


@dataclass(frozen=True)
class Place:
    """Where the engine is: its Python, its data folder and its version."""

    python: str
    home: str
    version: str


@dataclass
class Outcome:
    """What a finished run gives.

    Attributes
    ----------
    files : list of Path
        The picture, then each style's own picture where they were asked for.
    about : dict
        The rest of what the engine says: loss, seconds and so on.
    warnings : list of str
        Sentences that the user should read.
    """

    files: list[Path]
    about: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_place(folder: Path) -> Place:
    """Read where the engine is from the file beside the plug-in.

    Raises
    ------
    PainterError
        If there is no such file, or what it names is gone.
    """
    path = folder / PLACE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        place = Place(str(data["python"]), str(data["home"]), str(data["version"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"Scumble's engine is not set up: {path} is missing or damaged. {INSTALL_AGAIN}"
        raise PainterError(message) from error
    if not Path(place.python).is_file():
        message = f"Scumble's engine is gone: {place.python} is not there. {INSTALL_AGAIN}"
        raise PainterError(message)
    return place


def make_run_folder() -> Path:
    """Make the folder in which a run's pixels and its job are handed over.

    Raises
    ------
    PainterError
        If the user's temporary folder cannot be written.
    """
    try:
        return Path(tempfile.mkdtemp(prefix=job.RUN_FOLDER_PREFIX))
    except OSError as error:
        message = f"No temporary folder can be made: {error}. Make room for temporary files."
        raise PainterError(message) from error


def remove_run_folder(folder: Path) -> None:
    """Remove a run's folder, whether or not the engine has done so already."""
    shutil.rmtree(folder, ignore_errors=True)


def clean_environment(place: Place) -> dict[str, str]:
    """Return this process's environment without what its host put there for itself."""
    kept = {
        name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)
    }
    kept["SCUMBLE_HOME"] = place.home
    return kept


class Painter:
    """One run of the engine.

    Messages of the engine come out of `next_event`, one dictionary each; the last one is 'done' or
    'error', or None when the process ended without either.

    Parameters
    ----------
    place : Place
        Where the engine is.
    run_folder : Path
        Holds job.json and the pixels it names.
    """

    def __init__(self, place: Place, run_folder: Path) -> None:
        self.run_folder = run_folder
        self._place = place
        self.log = new_log(place)
        self._started = time.monotonic()
        self._greeted = False
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        command = [
            *(place.python, "-I", "-u", "-X", "utf8", "-m", "engine", "worker"),
            str(run_folder),
        ]
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # only Windows has it
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=clean_environment(place),
                    cwd=place.home,
                    creationflags=flags,
                )
        except OSError as error:
            what = f"The engine cannot be started: {error}."
            raise self._failure(what, INSTALL_AGAIN) from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def process_id(self) -> int:
        """The engine's process number."""
        return self._process.pid

    def next_event(self, seconds: float) -> dict[str, Any] | None:
        """Return the engine's next message, or None when none comes within `seconds`.

        Raises
        ------
        PainterError
            If the engine ended, or reports that it cannot paint, or does not start to speak.
        """
        try:
            event = self._events.get(timeout=seconds) if seconds else self._events.get_nowait()
        except queue.Empty:
            if not self._greeted and time.monotonic() - self._started > HELLO_SECONDS:
                what = f"The engine said nothing for {HELLO_SECONDS:.0f} seconds."
                raise self._failure(what, INSTALL_AGAIN) from None
            return None
        if event is None:
            raise self._ended()
        self._greeted = True
        version = event.get("version", self._place.version)
        if event.get("type") == "hello" and version != self._place.version:
            what = f"The plug-in is of version {self._place.version}, the engine of {version}."
            raise self._failure(what, INSTALL_AGAIN)
        if event.get("type") == "error":
            what = str(event.get("message") or "The engine reports an error.")
            raise self._failure(what, str(event.get("hint") or ""), str(event.get("log") or ""))
        return event

    def outcome(self, event: dict[str, Any]) -> Outcome:
        """Return what a 'done' message says, with its files in the run's folder.

        Raises
        ------
        PainterError
            If a file that it names is not there.
        """
        files = [self.run_folder / name for name in event.get("files", [])]
        if not files or not all(path.is_file() for path in files):
            what = "The engine ended without a picture."
            raise self._failure(what, INSTALL_AGAIN)
        warnings = [str(text) for text in event.get("warnings", [])]
        return Outcome(files, event, warnings)

    def stop(self) -> None:
        """Ask for the best picture so far; the engine answers with 'done'."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(b"stop\n")
            self._process.stdin.flush()
        except OSError:
            return  # it has ended already; what it said last is in the queue

    def close(self) -> None:
        """End the engine, now, and remove the run's folder."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.close()
        except OSError:
            pass  # a pipe nobody reads any longer
        try:
            self._process.wait(CANCEL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(CANCEL_SECONDS)
        remove_run_folder(self.run_folder)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                try:
                    event = json.loads(line.decode("utf-8", "replace"))
                except ValueError:
                    continue  # a library's chatter
                if isinstance(event, dict):
                    self._events.put(event)
        self._events.put(None)

    def _ended(self) -> PainterError:
        """Say why the process ended without a last word."""
        code = self._process.wait()
        last = last_line(self.log)
        if not self._greeted:
            what = f"The engine did not start (exit code {code}): {last}"
            return self._failure(what, INSTALL_AGAIN)
        if code in (-9, 137):
            what = "The engine was killed, most often because memory ran out."
            return self._failure(what, "Choose a smaller working size, or close other programs.")
        if code < 0:
            what = f"The engine crashed (signal {-code})."
        else:
            what = f"The engine ended unexpectedly (exit code {code}): {last}"
        return self._failure(what, "Repeat the filter; if it happens again, report it.")

    def _failure(self, what: str, hint: str, log: str = "") -> PainterError:
        parts = (what.strip(), hint.strip(), f"The log is {log or self.log}")
        return PainterError("\n".join(part for part in parts if part))


def new_log(place: Place) -> Path:
    """Return the path of a new log, in the data folder or else in the temporary one."""
    name = time.strftime("gimp-%Y%m%d-%H%M%S") + f"-{os.getpid()}.log"
    for folder in (Path(place.home) / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        except OSError:
            continue
        for old in sorted(folder.glob("gimp-*.log"))[:-LOGS_KEPT]:
            old.unlink(missing_ok=True)
        return folder / name
    message = f"No log can be written to {place.home} or {tempfile.gettempdir()}; make room there."
    raise PainterError(message)


def last_line(log: Path) -> str:
    """Return a log's last line that says something."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "its log cannot be read."
    spoken = [line.strip() for line in lines if line.strip()]
    return spoken[-1] if spoken else "it said nothing."


def write_job(wanted: job.Job, run_folder: Path) -> None:
    """Write the job into the run's folder, as the engine's worker reads it."""
    text = json.dumps(wanted.to_dict(), indent=1, allow_nan=False)
    (run_folder / "job.json").write_text(text + "\n", encoding="utf-8")
