"""The states of unfinished paintings on disk: one folder for each job, in the data folder.

A folder holds `state.json` and the files that it names: pictures, the optimizer's arrays, the
record of evaluations, and copies of inputs that would not outlive the run. `state.json` is replaced
last and in one step, so a folder holds one whole state at any time. A process that paints holds a
lock on its folder. Standard library only, so that a list of all states takes no time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import __version__
from engine.durations import duration
from engine.errors import PictureError, StateError
from engine.files import why_not_readable
from engine.job import INPUT_KINDS, Job, JobError
from engine.jobfile import job_from_dict, paths_of, with_paths
from engine.locks import try_lock
from engine.messages import shown_name
from engine.paths import make_own_folder, states_folder
from engine.translations import _

STATE = "state.json"
OWNER = ".owner"
"""The file in a state's folder that the painting process has locked."""

FORMAT = 2
"""The format of states; another one cannot be read."""

KEPT_SECONDS = 30 * 24 * 3600.0
"""Age at which a state is removed."""

MOST_BYTES = 20_000_000_000
"""The most that all states together may take on the disk."""

MOST_OF_FREE = 0.5
"""The share of the disk's free room that all states together may take."""

_NAME = re.compile(r"[^\W_][\w.-]*")


@dataclass(frozen=True)
class Input:
    """A file that a job reads, as it was when the painting began."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Found:
    """A state on the disk, as a list shows it.

    Attributes
    ----------
    name : str
    when : float
        Unix time of the last save.
    data : dict
        The content of `state.json`; empty where it cannot be used.
    problem : str
        Why the state cannot be used, as a sentence; empty if it can.
    """

    name: str
    when: float
    data: dict[str, Any]
    problem: str = ""

    @property
    def folder(self) -> Path:
        """The state's folder."""
        return states_folder() / self.name

    @property
    def job(self) -> Job:
        """The job, with absolute paths; inputs that were kept lie in the state's folder."""
        job = job_from_dict(self.data["job"])
        return with_paths(job, lambda path: str(self.folder / path), INPUT_KINDS)

    @property
    def about(self) -> dict[str, Any]:
        """Progress of the painting, for messages: name, when, seconds, scale, scales, share, ..."""
        return {"name": self.name, "when": self.when, **self.data["progress"]}

    @property
    def how_far(self) -> str:
        """Progress of the painting, for people."""
        about = self.about
        return _("{percent} % after {time}, at size {scale} of {scales}").format(
            percent=round(100 * about["share"]),
            time=duration(about["seconds"]),
            scale=about["scale"],
            scales=about["scales"],
        )


def describe_input(path: str) -> Input:
    """Return what tells a file from a changed one.

    Raises
    ------
    PictureError
        If it cannot be read.
    """
    refused = why_not_readable(path)
    if refused:
        raise PictureError(refused)
    found, size = hashlib.sha256(), 0
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                found.update(block)
                size += len(block)
    except OSError as error:
        message = _("{name} cannot be read: {reason}.")
        message = message.format(name=shown_name(path), reason=error.strerror or error)
        raise PictureError(message) from error
    return Input(path, size, found.hexdigest())


def describe_inputs(job: Job) -> dict[str, Input]:
    """Return every file that a job reads, by its path.

    Raises
    ------
    PictureError
        If one cannot be read.
    """
    return {path: describe_input(path) for path in dict.fromkeys(paths_of(job, INPUT_KINDS))}


def key_of(job: Job, inputs: dict[str, Input]) -> str:
    """Return what two runs of one painting have in common: inputs by content, and all settings.

    The report is none of them. Where the inputs lie makes no difference, and where the output goes
    does.
    """
    sums = {path: each.sha256 for path, each in inputs.items()}
    same = with_paths(job, lambda path: sums.get(path, ""), INPUT_KINDS)
    output = os.path.realpath(job.output) if job.output else ""
    same = dataclasses.replace(same, output=output, report="")
    text = json.dumps(same.to_dict(), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def name_for(label: str, key: str) -> str:
    """Return the name of a job's state, from the name of its picture and its key."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:40] or "painting"
    return f"{plain}-{key[:8]}"


def read_all() -> list[Found]:
    """Return all states, the newest first, those that cannot be used included."""
    found = [each for each in map(read, _names()) if each is not None]
    return sorted(found, key=lambda each: -each.when)


def read(name: str) -> Found | None:
    """Return the state of this name; None if there is none."""
    if not _NAME.fullmatch(name):
        return None
    file = states_folder() / name / STATE
    try:
        when = file.stat().st_mtime
        data = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):
        return Found(name, _modified(file), {}, _damaged(name))
    problem = _problem(name, data)
    if problem:
        return Found(name, when, {}, problem)
    return Found(name, when, data)


def find(key: str) -> Found | None:
    """Return the usable state of a job, by its key."""
    for each in read_all():
        if each.data.get("key") == key:
            return each
    return None


def choose(wanted: str) -> Found:
    """Return the state that a user means.

    Parameters
    ----------
    wanted : str
        The name of a state, or 'latest'.

    Raises
    ------
    JobError
        If there is none.
    StateError
        If it cannot be used.
    """
    if wanted == "latest":
        usable = [each for each in read_all() if not each.problem]
        found = usable[0] if usable else None
    else:
        found = read(wanted)
    if found is None:
        names = [each.name for each in read_all() if not each.problem]
        message = _("There is no saved state of {name}.")
        if names:
            message = _("There is no saved state of {name}; there are {names}.")
        if wanted == "latest":
            message = _("There is nothing to resume.")
        raise JobError(message.format(name=shown_name(wanted), names=", ".join(names[:5])))
    if found.problem:
        raise StateError(found.problem)
    return found


def check_inputs(found: Found) -> dict[str, Input]:
    """Return the inputs of a state, by path, once they are known to be as they were.

    Raises
    ------
    StateError
        If one is missing or has changed, or the state is of another job.
    """
    job = found.job
    before = [Input(**each) for each in found.data["inputs"]]
    inputs = {}
    for each in before:
        path = str(found.folder / each.path)
        name = shown_name(path)
        try:
            now = describe_input(path)
        except PictureError as error:
            message = _("{name} cannot be resumed: {reason}")
            raise StateError(message.format(name=found.name, reason=error)) from error
        if (now.bytes, now.sha256) != (each.bytes, each.sha256):
            message = _(
                "{name} cannot be resumed: {file} has changed since the painting began; put the "
                "old file back, or start the painting anew."
            )
            raise StateError(message.format(name=found.name, file=name))
        inputs[path] = now
    if key_of(job, inputs) != found.data["key"]:
        message = _("{name} cannot be resumed: it is the state of another job.")
        raise StateError(message.format(name=found.name))
    return inputs


def hold(folder: Path) -> int | None:
    """Make a state's folder this process's own, and make the folder if it is missing.

    Returns
    -------
    int or None
        A descriptor to leave open; None if another process is painting the same job.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """
    own = states_folder()
    make_own_folder(own)
    own.chmod(0o700)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            descriptor = os.open(folder / OWNER, flags, 0o600)
        except FileNotFoundError:
            continue  # removed as a leftover in this moment
        if try_lock(descriptor) is False:
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink or os.name == "nt":
            return descriptor
        os.close(descriptor)


def is_held(name: str) -> bool:
    """Return whether a process is painting the job of this state."""
    try:
        descriptor = os.open(states_folder() / name / OWNER, os.O_RDWR)
    except OSError:
        return False
    try:
        return try_lock(descriptor) is False
    finally:
        os.close(descriptor)


def forget(name: str) -> bool:
    """Remove a state, unless a process is painting its job; return whether it is gone."""
    folder = states_folder() / name
    try:
        descriptor = hold(folder)
    except OSError:
        descriptor = None
    if descriptor is None:
        return False
    remove(folder, descriptor)
    return True


def remove(folder: Path, descriptor: int) -> None:
    """Remove a state's folder that this process holds, and let go of it."""
    with suppress(OSError):
        (folder / STATE).unlink()  # first: the rest is of no use without it
    if os.name == "nt":  # where an open file cannot be removed
        os.close(descriptor)
    shutil.rmtree(folder, ignore_errors=True)
    if os.name != "nt":
        os.close(descriptor)
        with suppress(OSError):  # where network disks keep an open file until it is closed
            folder.rmdir()


def sweep() -> None:
    """Remove states of more than `KEPT_SECONDS`, and what killed runs left before their first."""
    for name in _names():
        file = states_folder() / name / STATE
        if not file.exists() or time.time() - _modified(file) > KEPT_SECONDS:
            forget(name)


def make_room(own: Path, needed: int) -> bool:
    """Remove the oldest states of other jobs until a new state has room.

    Parameters
    ----------
    own : Path
        The folder of the new state. What it has now still counts.
    needed : int
        Bytes.

    Returns
    -------
    bool
        Whether there is room within `MOST_BYTES` and `MOST_OF_FREE`.
    """
    taken = bytes_of(own)
    others = sorted(
        (_modified(folder / STATE), bytes_of(folder), folder.name)
         for folder in map(states_folder().joinpath, _names()) if folder != own
    )  # fmt: skip
    free = shutil.disk_usage(own).free
    total = taken + sum(size for _when, size, _name in others)
    allowed = min(MOST_BYTES, MOST_OF_FREE * (free + total))
    for _when, size, name in others:
        if total + needed <= allowed:
            break
        if forget(name):
            total -= size
    return total + needed <= allowed


def bytes_of(folder: Path) -> int:
    """Return what the files in a folder take."""
    total = 0
    for each in folder.rglob("*"):
        with suppress(OSError):
            total += each.lstat().st_size
    return total


def _names() -> list[str]:
    try:
        with os.scandir(states_folder()) as entries:
            return [each.name for each in entries if each.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _modified(file: Path) -> float:
    for each in (file, file.parent):
        with suppress(OSError):
            return each.stat().st_mtime
    return 0.0


def _problem(name: str, data: Any) -> str:
    """Return why the content of `state.json` cannot be used, as a sentence; empty if it can."""
    if not isinstance(data, dict) or "scumble_state" not in data:
        return _damaged(name)
    made = data.get("version")
    if data["scumble_state"] != FORMAT or made != __version__:
        return _(
            "{name} cannot be resumed: version {version} saved it, and this is {own}; start "
            "the painting anew."
        ).format(name=shown_name(name), version=made, own=__version__)
    try:
        job_from_dict(data["job"])
        [Input(**each) for each in data["inputs"]]
        progress = data["progress"]
        float(progress["share"]) + float(progress["seconds"])
        int(progress["scale"]) + int(progress["scales"])
        complete = {"key", "conditions", "loop", "arrays", "notices", "origin", "made_with"}
        return "" if complete <= data.keys() else _damaged(name)
    except (KeyError, TypeError, ValueError):
        return _damaged(name)


def _damaged(name: str) -> str:
    message = _("{name} cannot be resumed: its state is damaged; start the painting anew.")
    return message.format(name=shown_name(name))
