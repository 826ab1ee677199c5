"""Painting on a Dask worker: one picture at a time, with what the pictures before it have left.

Dask runs `paint_task` in the worker's own processes. What this module keeps belongs to a process
and ends with it.
"""

from __future__ import annotations

import atexit
import math
import os
import platform
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
from distributed import get_worker

from engine import __version__
from engine.batch.painting import Painted, PictureRequest, paint
from engine.checksums import checksum
from engine.errors import Failure
from engine.files import write_file
from engine.output_files import inputs
from engine.paths import model_file
from engine.translations import _
from engine.warm import Warm
from models.weights import Weights
from models.weights_errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARES = "scumble"
"""The topic of Dask's events with the shares that are done."""


SHARE_SECONDS = 1.0
"""Between two such events of a worker."""


@dataclass(frozen=True)
class Folder:
    """The folder in which a batch and its workers exchange files.

    Attributes
    ----------
    path : str
        A run folder in the folder of the results.
    token : str
        The name of an empty file in it, which a worker sees if the folder is shared.
    """

    path: str
    token: str

    def is_shared(self) -> bool:
        """Return whether this machine sees it and can write to it."""
        return os.path.isfile(Path(self.path, self.token)) and os.access(self.path, os.W_OK)


@dataclass(frozen=True)
class NotStarted:
    """The reason why a worker has not painted, which is not the picture's fault.

    Attributes
    ----------
    missing : tuple of str
        Inputs that it cannot read as the batch sees them.
    unfit : str
        Why it cannot paint at all; else empty.
    """

    missing: tuple[str, ...] = ()
    unfit: str = ""


@dataclass(frozen=True)
class WorkerAnswer:
    """The answer of a worker to a request.

    Attributes
    ----------
    worker : str
        Its address.
    outcome : Painted, Failure, NotStarted or None
        None if the picture was given up, since nobody wants it any more.
    handed_over : tuple of str
        Files of the result, where they are in the batch's folder and not in `outcome`.
    """

    worker: str
    outcome: Painted | Failure | NotStarted | None
    handed_over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fitness:
    """The versions of a worker, which have to be the batch's own.

    Attributes
    ----------
    scumble, onnxruntime, python : str
    problem : str
        Why the model is missing or broken; else empty.
    """

    scumble: str
    onnxruntime: str
    python: str
    problem: str = ""

    def why_not(self, worker: str, own: Fitness) -> str:
        """Return why a worker cannot paint for a batch of other versions, or an empty text."""
        for name, theirs, ours in (
            ("Scumble", self.scumble, own.scumble),
            ("onnxruntime", self.onnxruntime, own.onnxruntime),
        ):
            if theirs != ours:
                return _(
                    "The worker {worker} has {name} {theirs}, and this is {name} {ours}; install "
                    "the same version on all workers."
                ).format(worker=worker, name=name, theirs=theirs, ours=ours)
        text = _("The worker {worker} cannot paint: {problem}")
        return text.format(worker=worker, problem=self.problem) if self.problem else ""


def examine(*, with_model: bool = True) -> Fitness:
    """Return this process's versions, and whether it can read the model."""
    problem = ""
    if with_model:
        try:
            Weights(model_file())
        except WeightsError as error:
            problem = str(error)
    return Fitness(__version__, onnxruntime.__version__, platform.python_version(), problem)


_one_at_a_time = threading.Lock()
_warm: list[Warm] = []
_received: dict[str, str] = {}
_folder: list[str] = []


def receive(files: Mapping[str, tuple[str, bytes]]) -> None:
    """Keep files that this machine cannot read itself, for as long as this process lives.

    Parameters
    ----------
    files : mapping of str to (str, bytes)
        By their SHA-256: the name of the file, and its content.
    """
    if not _folder:
        _folder.append(tempfile.mkdtemp(prefix="scumble-received-"))
        atexit.register(shutil.rmtree, _folder[0], ignore_errors=True)
    for sum_, (name, data) in files.items():
        place = Path(_folder[0], sum_[:16])
        place.mkdir(exist_ok=True)
        write_file(place / name, data, durable=False)
        _received[sum_] = str(place / name)


def paint_task(
    request: PictureRequest,
    sums: Mapping[str, str],
    folder: Folder,
    own: Fitness,
    attached: Mapping[str, tuple[str, bytes]],
) -> WorkerAnswer:
    """Paint one picture on this worker.

    Parameters
    ----------
    request : PictureRequest
    sums : mapping of str to str
        The SHA-256 of each input.
    folder : Folder
    own : Fitness
        The batch's versions.
    attached : mapping of str to (str, bytes)
        Inputs of this picture alone, as `receive` takes them.
    """
    worker = get_worker()
    address = worker.address
    # A worker may have several threads, and a picture takes all of them.
    with _one_at_a_time:
        if not _warm:
            unfit = examine().why_not(address, own)
            if unfit:
                return WorkerAnswer(address, NotStarted(unfit=unfit))
            _warm.append(Warm())
        receive(attached)
        places, missing = _places(request, sums)
        if missing:
            return WorkerAnswer(address, NotStarted(missing=missing))
        try:
            outcome = _painted(request, places, worker)
        finally:
            for sum_ in attached:
                shutil.rmtree(Path(_received.pop(sum_)).parent, ignore_errors=True)
    if not isinstance(outcome, Painted) or not folder.is_shared():
        return WorkerAnswer(address, outcome)
    names = []
    for number, data in enumerate(outcome.files):
        file = Path(folder.path, f"{os.urandom(8).hex()}-{number}")
        write_file(file, data)
        names.append(str(file))
    return WorkerAnswer(address, replace(outcome, files=()), tuple(names))


def _places(
    request: PictureRequest, sums: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return where this machine has the inputs of a picture, and which ones it has not."""
    places, missing = {}, []
    for path in inputs(request.job):
        if sums[path] in _received:
            places[path] = _received[sums[path]]
        elif checksum(path) != sums[path]:
            missing.append(path)
    return places, tuple(missing)


def _painted(
    request: PictureRequest, places: Mapping[str, str], worker: Any
) -> Painted | Failure | None:
    """Paint a picture whose inputs are in other places, and report them under their own names."""
    stop = threading.Event()
    threads = request.threads or worker.state.nthreads
    task = worker.get_current_task()
    said = -math.inf

    def on_share(share: float) -> None:
        # Dask cannot end a thread: a picture that nobody waits for any more ends itself.
        state = worker.state.tasks.get(task)
        if state is None or state.state == "cancelled":
            stop.set()
        nonlocal said
        if time.monotonic() - said > SHARE_SECONDS:
            said = time.monotonic()
            worker.log_event(SHARES, {"key": task, "share": share})

    on_share(0.0)
    outcome = paint(replace(request, threads=threads), _warm[0], on_share, stop, places)
    if not places or not isinstance(outcome, (Painted, Failure)):
        return outcome

    def named(text: str) -> str:
        for path, place in places.items():
            text = text.replace(place, path)
        return text

    if isinstance(outcome, Failure):
        return replace(outcome, message=named(outcome.message))
    return replace(outcome, notices=tuple(map(named, outcome.notices)))
