"""Report folder: checked before a run, written after it, renamed into place when whole."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine import output_files
from engine.errors import Failure, describe
from engine.job import Job, JobError
from engine.loss_plot import check_plotting, loss_curves
from engine.messages import shown_name
from engine.same_files import are_one
from engine.translations import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.report.measurements import Measurements
    from engine.run import Result

PAGE, NUMBERS, SHEET = "report.html", "report.json", "guidance.png"

_OURS = re.compile(
    r"report\.(html|json)|guidance\.png|curves-\d+\.png"
    r"|(content|result|(style|mask)-\d+)\.(jpg|png)"
)
"""The names of a report's files."""

_IGNORED = (".DS_Store", "Thumbs.db", "desktop.ini")
"""Files that file managers leave in folders."""

REMOVAL_SECONDS = 0.3


def check_report(job: Job) -> None:
    """Find out before the painting whether the job's report can be written.

    Raises
    ------
    JobError
        If matplotlib is missing, or the folder holds or would hold anything but a report.
    PictureError
        If the folder cannot be made.
    """
    from engine.errors import PictureError

    if "\0" in job.report:
        message = _("The name of the report's folder holds a null character.")
        raise JobError(message)
    check_plotting()
    folder = _folder(job)
    for each in (_partial(job), _replaced(folder)):
        try:
            os.lstat(each)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:  # the name is too long
            reason = error.strerror or error
            message = _("The report {folder} cannot be written: {reason}.")
            message = message.format(folder=shown_name(folder), reason=reason)
            raise PictureError(message) from error
    _put_back(folder)
    for each in (*map(Path, output_files.inputs(job)), *output_files.outputs(job)):
        if are_one(folder, Path(os.path.realpath(each)).parent):
            message = _("{name} lies in the report's folder {folder}; name another one.")
            raise JobError(message.format(name=each, folder=folder))
    if os.path.lexists(folder) and not folder.is_dir():
        message = _("report: {folder} is a file; name a folder.")
        raise JobError(message.format(folder=folder))
    foreign = _foreign(folder)
    if foreign:
        message = _(
            "report: {folder} holds {name}, which is not from an earlier report; name another "
            "folder."
        )
        raise JobError(message.format(folder=folder, name=foreign))
    if not folder.parent.is_dir():
        message = _("There is no folder {folder} to write the report {name} to.")
        raise PictureError(message.format(folder=folder.parent, name=folder.name))
    # What is left of an earlier report is removed, file by file; it may be another user's.
    left = [each for each in (folder, _partial(job), _replaced(folder)) if each.is_dir()]
    for place in (folder.parent, *left):
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            reason = error.strerror or error
            message = _("The report cannot be written to {folder}: {reason}.")
            message = message.format(folder=place, reason=reason)
            raise PictureError(message) from error


def write_report(job: Job, result: Result, files: Sequence[Path], writing: float) -> Path:
    """Write the report of a run whose picture is written.

    It is made in a folder of another name, beside the one that is asked for, and renamed in the
    end: an interrupted run leaves the earlier report, or none.

    Parameters
    ----------
    job : Job
        With a report that `check_report` has let pass.
    result : Result
    files : sequence of Path
        The files written, the picture first.
    writing : float
        Seconds that this took.

    Returns
    -------
    Path
        The report's page.

    Raises
    ------
    PictureError
        If it cannot be written, or a picture of the job is no longer there.
    """
    from engine.errors import PictureError
    from engine.memory import peak
    from engine.report.measurements import measure_run

    measurements = measure_run(job, result, files, writing, peak())
    folder, partial = _folder(job), _partial(job)
    try:
        remove_partial(job)
        partial.mkdir()
        try:
            _fill(partial, job, result, measurements)
            _put_in_place(partial, folder)
        finally:
            remove_partial(job)
    except OSError as error:
        message = _("The report {folder} cannot be written: {reason}.")
        message = message.format(folder=folder, reason=error.strerror or error)
        raise PictureError(message) from error
    return folder / PAGE


def try_report(
    job: Job, result: Result, files: Sequence[Path], writing: float
) -> tuple[tuple[str, ...], Failure | None]:
    """Write the report as `write_report` does; its failure does not undo what is painted.

    Returns
    -------
    notices : tuple of str
        Where the report is, or nothing.
    failure : Failure or None
        Why there is no report; it names the picture that is written all the same.
    """
    try:
        page = write_report(job, result, files, writing)
    except Exception as error:
        failure = describe(error)
        message = _("The result is in {file}, but it has no report: {reason}")
        message = message.format(file=files[0], reason=failure.message)
        return (), dataclasses.replace(failure, message=message)
    return (_("The report is {page}.").format(page=page),), None


def remove_partial(job: Job) -> None:
    """Remove what an interrupted run has left of the job's report, or one at work is making."""
    partial = _partial(job)
    last = time.monotonic() + REMOVAL_SECONDS
    _remove(partial)
    while partial.exists() and time.monotonic() < last:  # a file has been added meanwhile
        _remove(partial)


def _fill(folder: Path, job: Job, result: Result, measurements: Measurements) -> None:
    """Write all of a report's files."""
    from engine.report.guidance_maps import draw_sheet
    from engine.report.report_page import page
    from engine.report.report_pictures import copies

    names = [region.name for region in measurements.regions]
    pictures = copies(folder, measurements)
    curves = []
    for picture in dict.fromkeys(curve.region for curve in result.curves):
        curves.append(f"curves-{1 if picture is None else picture + 1}.png")
        own = [curve for curve in result.curves if curve.region == picture]
        title = "" if picture is None else f"Picture in the style {names[picture]}"
        loss_curves(folder / curves[-1], own, names, title)
    draw_sheet(folder / SHEET, measurements.rows)
    written = [*(file for file, _ in pictures), *curves, SHEET, PAGE, NUMBERS]
    numbers = {**measurements.numbers, "files": written}
    html = page(numbers, pictures, curves, SHEET)
    (folder / PAGE).write_text(html, encoding="utf-8", newline="\n")
    text = json.dumps(numbers, indent=1, ensure_ascii=True, allow_nan=False)
    (folder / NUMBERS).write_text(text + "\n", encoding="ascii", newline="\n")


def _put_in_place(partial: Path, folder: Path) -> None:
    """Give a finished report its name, in place of an earlier one."""
    if not os.path.lexists(folder):
        partial.rename(folder)
        return
    old = _replaced(folder)
    _remove(old)
    folder.rename(old)
    try:
        partial.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    _remove(old)


def _put_back(folder: Path) -> None:
    """Put the earlier report back if a run was killed while a new one took its place."""
    old = _replaced(folder)
    whole = (old / NUMBERS).is_file() and not _foreign(old)
    if whole and not os.path.lexists(folder):
        with suppress(OSError):  # the checks that follow say what is wrong with the folder
            old.rename(folder)


def _replaced(folder: Path) -> Path:
    """Return where the earlier report is while a new one takes its place."""
    return folder.with_name(f".{folder.name}.old")


def _remove(folder: Path) -> None:
    """Remove a report's files and their folder, which stays if it holds anything else."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for file in folder.iterdir():
        # write_picture's own temporary files are gone, unless the process was killed.
        if _OURS.fullmatch(file.name) or file.name in _IGNORED or file.suffix == ".part":
            file.unlink()
    with suppress(OSError):
        folder.rmdir()


def _foreign(folder: Path) -> str:
    """Return the name of something in a folder that is not an earlier report's, or ''."""
    if not folder.is_dir():
        return ""
    names = sorted(name for name in os.listdir(folder) if name not in _IGNORED)
    if not names:
        return ""
    try:
        listed = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        ours = set(listed["files"]) if "scumble" in listed and listed["report"] else set()
    except (OSError, ValueError, TypeError, KeyError):
        ours = set()
    foreign = (name for name in names if name not in ours or not _OURS.fullmatch(name))
    return next(foreign, "")


def _partial(job: Job) -> Path:
    """Return the folder in which the job's report is made."""
    folder = _folder(job)
    return folder.with_name(f".{folder.name}.part")


def _folder(job: Job) -> Path:
    return Path(os.path.realpath(job.report))
