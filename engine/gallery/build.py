"""Building a gallery: paints the pictures that its folder lacks, and writes its page."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from engine import __version__, output_files, stored_sentences
from engine.checksums import checksum
from engine.errors import PictureError
from engine.events import Device, Event, Notice
from engine.gallery.figures import CAPTIONS, Panel, figures, with_own
from engine.gallery.gallery_page import write_page
from engine.gallery.inputs import FOLDER as INPUTS
from engine.gallery.inputs import Inputs, PanelFiles
from engine.gallery.metric_rows import measured
from engine.gallery.request import GalleryRequest
from engine.gallery.tasks import (
    Task,
    make_task,
    read_object,
    record_of,
    relative,
    wanted,
    write_object,
)
from engine.job import Job, JobError
from engine.leftovers import remove_parts
from engine.loss.terms import Part
from engine.loss_curve import LossCurve
from engine.loss_plot import check_plotting, loss_curves
from engine.masks.regions import region_name
from engine.messages import shown_name
from engine.translations import _

if TYPE_CHECKING:
    import threading

    from engine.network import Network
    from engine.warm import Warm

NUMBERS_FILE = "metrics.json"
PAGE = "gallery.html"

SHOWN = ("numbers", "labels", "notes", "loss", "steps", "evaluations", "seconds", "device",
         "threads", "size", "job")  # fmt: skip
"""The entries of a picture's record that go to the page and the file of numbers."""


@dataclass(frozen=True)
class GalleryResult:
    """The page, and how many pictures were painted, kept from before and left to paint."""

    page: Path
    painted: int
    kept: int
    left: int


def paint_gallery(
    folder: str | Path,
    request: GalleryRequest,
    report: Callable[[Event], None],
    say: Callable[[str], None],
    stop: threading.Event,
) -> GalleryResult:
    """Paint the pictures that are not in the folder yet, and write its page.

    Parameters
    ----------
    folder : str or Path
        Is made if it is missing.
    request : GalleryRequest
    report : callable
        Told the events of each painting.
    say : callable
        Told which picture comes next.
    stop : threading.Event
        When it is set, the picture at hand is given up and the page written with what there is.

    Raises
    ------
    JobError, PictureError, WeightsError, FloatingPointError
        As `engine.run.stylize`; or if the folder holds other things.
    """
    folder = _opened(Path(folder))
    with_curves = _curves_can_be_drawn(report)
    notices: list[Notice] = []

    def once(event: Event) -> None:
        """Pass on, but the device and what was said before only once."""
        if isinstance(event, Notice):
            if event in notices:
                return
            notices.append(event)
        elif isinstance(event, Device):
            if devices:
                return
            devices.append(event.name)
        report(event)

    devices: list[str] = []
    inputs = Inputs(folder, request.size, lambda text: once(Notice(text)))
    shown = _read_numbers(folder)
    tasks: list[Task] = []
    for number in request.figures:
        figure = figures(request.iterations)[number]
        panels = with_own(figure.panels, request.content, request.styles, request.mask)
        files = [inputs.panel(panel) for panel in panels]
        entries = []
        for place, (panel, its) in enumerate(zip(panels, files), 1):
            made = [
                make_task(folder, request, number, place, panel, its, each)
                for each in panel.variants
            ]
            tasks += made
            entries.append(_panel_entry(folder, panel, its, made))
        shown[str(number)] = {
            "title": figure.title,
            "paper": figure.paper,
            "here": figure.here,
            "panels": entries,
        }
    network, warm = _network(request), _warm_start()
    painted = kept = 0

    def write() -> Path:
        for task in tasks:
            _enter(shown, task)
        write_object(folder / NUMBERS_FILE, {"scumble": __version__, "figures": shown})
        return write_page(folder / PAGE, shown, with_curves=with_curves)

    page = write()
    for place, task in enumerate(tasks, 1):
        if record_of(task) is not None:
            kept += 1
        elif stop.is_set():
            break
        else:
            text = _("Figure {number}, {caption} (picture {place} of {count})")
            caption = stored_sentences.shown(task.variant.caption, CAPTIONS)
            say(text.format(number=task.figure, caption=caption, place=place, count=len(tasks)))
            if not _paint(task, once, stop, network, warm()):
                break
            painted += 1
        if with_curves:
            _draw_curve(task)
        page = write()
    return GalleryResult(page, painted, kept, len(tasks) - painted - kept)


def _opened(folder: Path) -> Path:
    """Make the folder, or find that it is a gallery or empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in (folder, *folder.glob("*/")):
            remove_parts(each)
        names = os.listdir(folder)
        numbers = read_object(folder / NUMBERS_FILE) or {}
        others = sorted(set(names) - {INPUTS})
        if others and "scumble" not in numbers:
            message = _(
                "{folder} holds other things ({name}); name a new or empty folder, or a gallery to "
                "continue."
            ).format(folder=shown_name(folder), name=shown_name(others[0]))
            raise JobError(message)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError as error:
        message = _("{name} is a file; name a folder for the gallery.")
        raise JobError(message.format(name=shown_name(folder))) from error
    except OSError as error:
        message = _("The folder {folder} cannot be used: {reason}.")
        message = message.format(folder=shown_name(folder), reason=error.strerror or error)
        raise PictureError(message) from error
    return Path(os.path.realpath(folder))


def _curves_can_be_drawn(report: Callable[[Event], None]) -> bool:
    try:
        check_plotting()
    except JobError as error:
        text = _("{reason} The gallery is painted without them; they can be added later.")
        report(Notice(text.format(reason=error)))
        return False
    return True


def _paint(
    task: Task,
    report: Callable[[Event], None],
    stop: threading.Event,
    network: Callable[[], Network],
    warm: Warm,
) -> bool:
    """Paint a picture, measure it and write its record; return whether it was finished."""
    from engine.run import stylize

    try:
        task.output.parent.mkdir(exist_ok=True)
        for left in (task.record, task.curve):
            left.unlink(missing_ok=True)
    except OSError as error:
        message = _("The folder {folder} cannot be written to: {reason}.")
        message = message.format(folder=task.output.parent, reason=error.strerror or error)
        raise PictureError(message) from error
    output_files.check_files(task.job)
    result = stylize(task.job, report, stop, previews=False, warm=warm)
    if result.stopped:
        return False
    output_files.write(task.job, result)
    numbers, notes = measured(task.panel.layout, task.job, task.output, task.files, network)
    record = {
        "wanted": wanted(task),
        "sha256": checksum(task.output),
        "numbers": {name: value for name, (_label, value) in numbers.items()},
        "labels": {name: label for name, (label, _value) in numbers.items()},
        "notes": notes + [each for each in result.notices if each not in notes],
        "loss": result.loss,
        "steps": result.steps,
        "evaluations": result.evaluations,
        "seconds": round(result.seconds, 3),
        "device": result.device,
        "threads": result.threads,
        "size": [result.working_size[1], result.working_size[0]],
        "names": [region_name(task.job, index) for index in range(len(task.job.regions))],
        "job": output_files.settings(task.job, result)["job"],
        "curves": [_curve_for_json(curve) for curve in result.curves],
    }
    write_object(task.record, record)
    return True


def _draw_curve(task: Task) -> None:
    """Draw the curve of a picture that has none yet."""
    record = record_of(task)
    if record is None or task.curve.is_file():
        return
    curves = [_curve_from_json(each) for each in record["curves"]]
    loss_curves(task.curve, curves, record["names"], task.variant.caption)


def _curve_for_json(curve: LossCurve) -> dict[str, Any]:
    history = [{str(part): value for part, value in losses.items()} for losses in curve.history]
    return {**dataclasses.asdict(dataclasses.replace(curve, history=())), "history": history}


def _curve_from_json(record: dict[str, Any]) -> LossCurve:
    history = tuple(
        {Part.parse(part): value for part, value in losses.items()} for losses in record["history"]
    )
    return LossCurve(record["scale"], record["region"], tuple(record["size"]), history)


def _panel_entry(
    folder: Path, panel: Panel, files: PanelFiles, tasks: list[Task]
) -> dict[str, Any]:
    """Return a panel's entry for the page and the file of numbers, before it is painted."""
    return {
        "layout": panel.layout,
        "inputs": [
            {"file": relative(folder, file), "what": what} for file, what in files.names.items()
        ],
        "pictures": [
            {"file": relative(task.folder, task.output), "caption": task.variant.caption}
            for task in tasks
        ],
    }


def _enter(shown: dict[str, Any], task: Task) -> None:
    """Put what is known of a finished picture beside its name."""
    record = record_of(task)
    if record is None:
        return
    file = relative(task.folder, task.output)
    for panel in shown[str(task.figure)]["panels"]:
        for entry in panel["pictures"]:
            if entry["file"] == file:
                entry.update({name: record[name] for name in SHOWN})
                if task.curve.is_file():
                    entry["curve"] = relative(task.folder, task.curve)


def _network(request: GalleryRequest) -> Callable[[], Network]:
    """Return what makes the network of the style losses when it is first asked for."""

    @lru_cache(maxsize=1)
    def network() -> Network:
        from engine.network import open_network

        return open_network(Job(device=request.device, threads=request.threads))

    return network


def _warm_start() -> Callable[[], Warm]:
    """Return what makes the warm start of the paintings when it is first asked for."""

    @lru_cache(maxsize=1)
    def warm() -> Warm:
        from engine.warm import Warm

        return Warm()

    return warm


def _read_numbers(folder: Path) -> dict[str, Any]:
    """Return the figures that an earlier run has left."""
    numbers = read_object(folder / NUMBERS_FILE) or {}
    found = numbers.get("figures", {})
    return found if isinstance(found, dict) else {}
