"""The keeper of a run's state: saves it every few minutes, and gives it back to a resumed run.

A state that cannot be saved never ends a painting: a notice says so, once, and the painting
continues. Of two runs of one job only the first one saves.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import secrets
import shutil
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import __version__
from engine.errors import PictureError, StateError
from engine.events import Notice, OnEvent, Saved
from engine.files import write_file
from engine.job import INPUT_KINDS, Job
from engine.jobfile import with_paths
from engine.messages import shown_name
from engine.paths import states_folder
from engine.states import store
from engine.states.record import Record
from engine.translations import _, number_text

if TYPE_CHECKING:
    from engine.loss.objective import Objective

SAVE_SECONDS = 120.0
"""Time between two states."""

END_SECONDS = 10.0
"""Time after the start or the last state from which the end of a scale is worth a state."""

MOST_COST = 0.01
"""The share of a run's time that saving may take."""

INPUTS = "inputs"
"""The folder for copies of inputs, inside of a state's folder."""


def made_with() -> dict[str, str]:
    """Return the versions and the processor on which the last bits of a painting depend."""
    import onnxruntime
    import scipy

    return {
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "onnxruntime": onnxruntime.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }


def find_state(job: Job) -> store.Found | None:
    """Return the state of a job whose files are where they were; None if there is none.

    Raises
    ------
    PictureError
        If an input cannot be read.
    """
    job = with_paths(job, os.path.abspath)
    return store.find(store.key_of(job, store.describe_inputs(job)))


class Keeper:
    """The state of one run.

    Parameters
    ----------
    job : Job
    on_event : callable
        Is called with notices and with `Saved`.
    run_folder : Path, optional
        The folder that is deleted at the run's end; inputs in it are copied into the state.
    origin : dict, optional
        What the program that started the run wants to have back with the state.
    found : Found, optional
        The state to resume; without it, the run starts from the beginning.

    Raises
    ------
    StateError
        If the state to resume cannot be used, or another process is painting its job.
    PictureError
        If an input cannot be read.

    Attributes
    ----------
    name : str
        The name that `scumble resume` takes.
    older : Found or None
        A state of the same job that this run does not resume. It is replaced once this run is
        further.
    resumed : dict
        The content of the state that is resumed; empty for a run from the beginning.
    began : float
        When this run began, by `time.perf_counter`, less the time of the runs that it resumes.
    """

    def __init__(
        self,
        job: Job,
        on_event: OnEvent,
        *,
        run_folder: Path | None = None,
        origin: dict[str, Any] | None = None,
        found: store.Found | None = None,
    ) -> None:
        self._on_event = on_event
        self._run_folder = Path(os.path.realpath(run_folder)) if run_folder else None
        self._origin = origin or {}
        self._token = secrets.token_hex(4)
        self._saves = 0
        self._fixed: dict[str, dict[str, Any]] = {}
        self._record: Record | None = None
        self._said: set[str] = set()
        self._committing = threading.Lock()
        self._closed = False
        self._descriptor: int | None = None
        self._last = time.perf_counter()
        self._cost = 0.0
        self._conditions: dict[str, Any] = {}
        self._notices: list[str] = []
        self._content_size = (0, 0)
        self.older = None
        self.resumed: dict[str, Any] = {}
        self.began = time.perf_counter()
        if found is None:
            store.sweep()
            self._job = self._absolute(job)
            self._inputs = store.describe_inputs(self._job)
            self._key = store.key_of(self._job, self._inputs)
            self.older = store.find(self._key)
            self.name = self.older.name if self.older else self._new_name()
        else:
            self.name = found.name
            self.resumed, self._origin = found.data, found.data["origin"]
            self._job, self._key = found.job, found.data["key"]
            self.began -= found.data["progress"]["seconds"]
        self._folder = states_folder() / self.name
        self._hold()
        if found is not None:
            try:
                self._inputs = store.check_inputs(found)
            except StateError:
                self.release()
                raise
            self._fixed = {
                name: each for name, each in found.data["arrays"].items() if each["fixed"]
            }
            if found.data["made_with"] != made_with():
                self._say(
                    _(
                        "The machine or its libraries are not those with which the painting "
                        "began, so the result may differ a little from that of an undisturbed "
                        "run."
                    )
                )

    def begin(
        self, conditions: dict[str, Any], content_size: tuple[int, int], notices: list[str]
    ) -> None:
        """Take what a run finds out before it paints, to be saved with every state.

        Parameters
        ----------
        conditions : dict
            What the run's plan depends on besides its job.
        content_size : (int, int)
            Height and width.
        notices : list of str
            The run's own list, which may grow.
        """
        self._conditions, self._content_size, self._notices = conditions, content_size, notices

    @property
    def has_state(self) -> bool:
        """Return whether there is a state to resume."""
        return (self._folder / store.STATE).exists()

    @property
    def can_save(self) -> bool:
        """Return whether states of this run are kept."""
        return self._descriptor is not None and not self._closed

    def is_due(self, *, at_end: bool = False) -> bool:
        """Return whether it is time for a state; at the end of a scale it is so sooner."""
        wait = END_SECONDS if at_end else max(SAVE_SECONDS, self._cost / MOST_COST)
        return self.can_save and time.perf_counter() - self._last >= wait

    def recorded(self, name: str, evaluate: Objective, expected: int) -> Record | None:
        """Return an objective whose evaluations are recorded for the states that follow.

        Parameters
        ----------
        name : str
            Of the picture and its scale.
        evaluate : callable
            The objective.
        expected : int
            The bytes that the record will take.

        Returns
        -------
        Record or None
            None where no record can be kept.
        """
        if not self.can_save:
            return None
        try:
            before = self.resumed.get("record") or {}
            if before.get("name") == name:
                file = self._folder / before["file"]
            elif store.make_room(self._folder, expected):
                file = self._folder / f"{self._token}-{name}.record"
            else:
                self._say_no_room(expected)
                return None
            self._record = Record(evaluate, file, self._on_problem)
            self._record_name = name
        except OSError as error:
            self._on_problem(error)
            return None
        return self._record

    def save(
        self,
        progress: dict[str, Any],
        loop: dict[str, Any],
        arrays: dict[str, np.ndarray],
        fixed: dict[str, np.ndarray],
    ) -> None:
        """Save a state in place of the one before, or say why that is not possible.

        Parameters
        ----------
        progress : dict
            How far the painting is: scale, scales and share.
        loop : dict
            All numbers of the run, as JSON types.
        arrays, fixed : dict of str to ndarray
            What the run needs; of `fixed`, what has been saved under a name is not saved again.
        """
        if not self.can_save:
            return
        if self.older is not None and progress["share"] <= self.older.data["progress"]["share"]:
            return
        began = time.perf_counter()
        written: list[Path] = []
        try:
            self._write(progress, loop, arrays, fixed, written)
        except (OSError, PictureError) as error:
            for each in written:
                with suppress(OSError):
                    each.unlink()
            cause = error.__cause__ if isinstance(error, PictureError) else error
            self._on_problem(cause if isinstance(cause, OSError) else OSError(str(error)))
        self._last = time.perf_counter()
        self._cost = self._last - began

    def array(self, name: str) -> np.ndarray | None:
        """Return an array of the state that is resumed; None if it has none of this name.

        Raises
        ------
        StateError
            If its file is damaged.
        """
        entry = self.resumed["arrays"].get(name)
        if entry is None:
            return None
        try:
            shape = tuple(entry["shape"])
            if not math.prod(shape):
                return np.empty(shape, np.float32)
            found = np.memmap(self._folder / entry["file"], np.float32, mode="r", shape=shape)
            if zlib.crc32(found.data) == entry["sum"]:
                return found
        except (OSError, ValueError, KeyError, TypeError):
            pass  # the same sentence for all kinds of damage
        message = _(
            "{name} cannot be resumed: a file of its state is missing or damaged; start the "
            "painting anew."
        )
        raise StateError(message.format(name=self.name))

    def discard(self) -> None:
        """Remove the state, from any thread: the painting is finished, or nobody wants it."""
        self._close(keep=False)

    def release(self) -> None:
        """Let go of the state, which stays where there is one."""
        self._close(keep=True)

    def _close(self, *, keep: bool) -> None:
        with self._committing:
            if self._closed:
                return
            self._closed = True
            if self._descriptor is None:
                return
            if keep and self.has_state:
                os.close(self._descriptor)
            else:
                store.remove(self._folder, self._descriptor)

    def _hold(self) -> None:
        """Take the folder, or do without states."""
        try:
            self._descriptor = store.hold(self._folder)
        except OSError as error:
            if self.resumed:
                raise
            self._on_problem(error)
            return
        if self._descriptor is None and self.resumed:
            message = _("{name} is being painted by another process.")
            raise StateError(message.format(name=self.name))
        if self._descriptor is None:
            text = _("Another process is painting the same job, so no state of this run is saved.")
            self._say(text)

    def _absolute(self, job: Job) -> Job:
        """Return the job with absolute paths, without results in the run folder."""
        job = with_paths(job, os.path.abspath)
        if not job.output:
            return job
        return dataclasses.replace(job, output="" if self._is_kept(job.output) else job.output)

    def _is_kept(self, path: str) -> bool:
        """Return whether a path lies in the run folder, which does not outlive the run."""
        return (
            self._run_folder is not None
            and self._run_folder in Path(os.path.realpath(path)).parents
        )

    def _new_name(self) -> str:
        label = self._origin.get("name")
        label = label if isinstance(label, str) else Path(self._job.content).stem
        return store.name_for(label, self._key)

    def _write(
        self,
        progress: dict[str, Any],
        loop: dict[str, Any],
        arrays: dict[str, np.ndarray],
        fixed: dict[str, np.ndarray],
        written: list[Path],
    ) -> None:
        new = {name: array for name, array in fixed.items() if name not in self._fixed}
        needed = sum(array.nbytes for array in (*new.values(), *arrays.values()))
        copies = self._copies()
        needed += sum(each.bytes for each, target in copies if not target.exists())
        if not store.make_room(self._folder, needed):
            self._say_no_room(needed)
            return
        for each, target in copies:
            if not target.exists():
                self._copy(each, target)
        entries = {name: self._fixed[name] for name in fixed if name not in new}
        self._saves += 1
        for name, array in {**new, **arrays}.items():
            file = self._folder / f"{self._token}-{self._saves}-{name}.f32"
            written.append(file)
            entries[name] = {**_write_array(file, array), "fixed": name in new}
        data: dict[str, Any] = {
            "scumble_state": store.FORMAT,
            "version": __version__,
            "key": self._key,
            "made_with": self.resumed.get("made_with") or made_with(),
            "job": self._stored_job().to_dict(),
            "inputs": [
                {**vars(each), "path": self._stored(each.path)} for each in self._inputs.values()
            ],
            "origin": self._origin,
            "conditions": self._conditions,
            "notices": list(self._notices),
            "progress": {
                **progress,
                "seconds": time.perf_counter() - self.began,
                "width": self._content_size[1],
                "height": self._content_size[0],
            },
            "loop": loop,
            "arrays": entries,
            "record": None,
        }
        if self._record is not None and not self._record.is_open:
            self._record = None
        if self._record is not None:
            self._record.sync()
            data["record"] = {"name": self._record_name, "file": self._record.path.name}
        text = json.dumps(data, ensure_ascii=True).encode()
        with self._committing:
            if self._closed:
                return
            write_file(self._folder / store.STATE, text, mode=0o600)
        written.clear()
        self.older = None
        self._fixed = {name: each for name, each in entries.items() if each["fixed"]}
        kept = {each["file"] for each in entries.values()} | {store.STATE, store.OWNER, INPUTS}
        if self._record is not None:
            kept.add(self._record.path.name)
        for path in self._folder.iterdir():
            if path.name not in kept:
                with suppress(OSError):
                    path.unlink()
        self._on_event(Saved(self.name, store.bytes_of(self._folder)))

    def _copies(self) -> list[tuple[store.Input, Path]]:
        """Return the inputs that do not outlive the run, and the places of their copies."""
        return [
            (each, self._folder / self._stored(each.path))
            for each in self._inputs.values()
            if self._is_kept(each.path)
        ]

    def _copy(self, each: store.Input, target: Path) -> None:
        target.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        part = target.with_name(f"{self._token}.part")
        with open(each.path, "rb") as source, _private(part) as file:
            shutil.copyfileobj(source, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)

    def _stored(self, path: str) -> str:
        """Return the path of an input as the state has it: inside of its folder, if it is there."""
        real = Path(os.path.realpath(path))
        if self._is_kept(path):
            assert self._run_folder is not None
            return (Path(INPUTS) / real.relative_to(self._run_folder)).as_posix()
        with suppress(ValueError):  # a resumed run, whose inputs are there already
            return real.relative_to(os.path.realpath(self._folder)).as_posix()
        return path

    def _stored_job(self) -> Job:
        return with_paths(self._job, self._stored, INPUT_KINDS)

    def _on_problem(self, error: OSError) -> None:
        if self._closed:
            return
        reason = error.strerror or str(error)
        text = _(
            "The state of this painting cannot be saved: {reason}. The painting continues without "
            "it."
        )
        self._say(text.format(reason=reason))

    def _say_no_room(self, needed: int) -> None:
        text = _(
            "The state of this painting takes {gigabytes} GB, for which there is no room in "
            "{folder}, so it is not saved."
        )
        gigabytes, folder = number_text(needed / 1e9, ".1f"), shown_name(states_folder())
        self._say(text.format(gigabytes=gigabytes, folder=folder))

    def _say(self, text: str) -> None:
        """Say something once."""
        if text not in self._said:
            self._said.add(text)
            self._on_event(Notice(text))


def _private(path: Path) -> Any:
    """Open a new file that only its owner may read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600), "wb")


def _write_array(file: Path, array: np.ndarray) -> dict[str, Any]:
    """Write a float32 array and return what `Keeper.array` needs to read it."""
    values = np.ascontiguousarray(array, np.float32)
    view = values.data if values.size else b""
    with _private(file) as target:
        target.write(view)
        target.flush()
        os.fsync(target.fileno())
    return {"file": file.name, "shape": list(values.shape), "sum": zlib.crc32(view)}
