"""Where results go: what is refused before the painting begins, and how nothing painted is lost."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import __version__
from engine.job import INPUT_KINDS, Job, JobError
from engine.jobfile import job_from_dict, load_job, paths_of, resolve_paths, with_paths
from engine.methods import METHODS
from engine.paths import home

if TYPE_CHECKING:
    from engine.run import Result

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
"""Files that carry settings."""


def inputs(job: Job) -> tuple[str, ...]:
    """Return the files that the job reads."""
    return paths_of(job, INPUT_KINDS)


def outputs(job: Job) -> tuple[Path, ...]:
    """Return the files that the job writes: its output, then what the masks cut it out of."""
    output = Path(job.output)
    if not job.uncut:
        return (output,)
    method = METHODS.get(job.method)  # auto takes none that has a picture per region
    numbers = range(1, 1 + (method.pictures(len(job.regions)) if method else 1))
    return (output, *(output.with_name(f"{output.stem}-{n}{output.suffix}") for n in numbers))


def check_files(job: Job) -> None:
    """Find out before the painting whether it can be read and written.

    Raises
    ------
    JobError
        If the output is empty, has no format's ending, or is one of the inputs.
    PictureError
        If an input is missing, or the output's folder cannot be written to.
    """
    from engine.pictures.picture import PictureError, check_ending

    if not job.output:
        message = "output is empty; name the file to write."
        raise JobError(message)
    try:
        check_ending(job.output)
    except PictureError as error:
        raise JobError(str(error)) from error
    if any("\0" in each for each in (*inputs(job), job.output)):
        message = "A file's name in the job holds a null character."
        raise JobError(message)
    for each in inputs(job):
        if not os.path.exists(each):  # unlike Path.exists, no error for a name that is too long
            message = f"There is no file {each}."
            raise PictureError(message)
        for output in outputs(job):
            if os.path.exists(output) and output.samefile(each):
                message = f"The output {output} is also read by the job; name another file."
                raise JobError(message)
    for output in outputs(job):
        if os.path.isdir(output):
            message = f"{output} is a folder; name a file to write."
            raise JobError(message)
    folder = Path(os.path.realpath(job.output)).parent
    if not os.path.isdir(folder):
        message = f"There is no folder {folder} to write {Path(job.output).name} to."
        raise PictureError(message)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"The folder {folder} cannot be written to: {error.strerror or error}."
        raise PictureError(message) from error


def load(path: str | Path) -> Job:
    """Read a job from a job file, or from a picture that Scumble made.

    Raises
    ------
    JobError
        If it is not a job, or a picture without one.
    PictureError
        If a picture cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() not in PICTURE_ENDINGS:
        try:
            return load_job(path)
        except RecursionError as error:
            message = f"{path} is not a job file: its lists are nested too deeply."
            raise JobError(message) from error
    from engine.pictures.picture import read_settings

    settings = read_settings(path)
    return resolve_paths(job_from_dict(settings.get("job")), path.parent)


def settings(job: Job, result: Result) -> dict[str, Any]:
    """Return what a result's file says of itself.

    Paths are relative to the output's folder: files that move together still find each other, and
    a picture that is passed on does not tell where it was made.
    """
    folder = os.path.realpath(Path(job.output).parent)

    def relative(path: str) -> str:
        try:
            return Path(os.path.relpath(os.path.realpath(path), folder)).as_posix()
        except ValueError:  # another drive
            return str(Path(path).absolute())

    kept = with_paths(job, relative, INPUT_KINDS)
    kept = with_paths(kept, lambda path: Path(path).name, ("file",))
    # Whoever repeats a result does not ask for its report to be written again.
    kept = with_paths(kept, lambda path: "", ("folder",))
    return {
        "scumble": __version__,
        "job": replace(kept, size=result.area).to_dict(),
        "method": result.method,
        "optimizer": result.optimizer,
        "seed": job.seed,
        "loss": result.loss,
        "steps": result.steps,
        "stopped": result.stopped,
        "working_size": list(result.working_size),
        "coverage": list(result.coverage),
        "device": result.device,
        "losses": result.losses,
        "threads": result.threads,
    }


def write(job: Job, result: Result) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write a result's pictures.

    Returns
    -------
    files : tuple of Path
        The pictures written, the result first.
    notices : tuple of str
        What the format could not keep, a sentence each.

    Raises
    ------
    PictureError
        If a picture cannot be written; the message says where the result was saved instead.
    """
    from engine.pictures.picture import PictureError, write_picture

    described = settings(job, result)
    pictures = (result.picture, *result.uncut)
    files = outputs(job)[: len(pictures)]
    notices: list[str] = []
    for file, picture in zip(files, pictures):
        try:
            notices += [each for each in write_picture(file, picture, described)
                        if each not in notices]  # fmt: skip
        except PictureError as error:
            if file != files[0]:
                message = f"The result is in {files[0]}, but {error}"
                raise PictureError(message) from error.__cause__
            saved = _rescue(job, result, described)
            message = f"{error} The result was saved as {saved} instead." if saved else str(error)
            raise PictureError(message) from error.__cause__
    return files, tuple(notices)


def write_masks(job: Job, result: Result) -> tuple[Path | None, ...]:
    """Write each region's share of the picture beside the output, as float32 .npy files.

    Returns
    -------
    tuple of (Path or None)
        One file of shape (height, width) per region; None for a share that is 1 everywhere.

    Raises
    ------
    PictureError
        If a mask cannot be read again.
    OSError
        If a file cannot be written.
    """
    import numpy as np

    from engine.masks.regions import region_masks
    from engine.pictures.compositing import shares

    output = Path(job.output)
    height, width = result.picture.rgb.shape[:2]
    masks = region_masks(job, (height, width))
    files: list[Path | None] = []
    for number, share in enumerate(shares(masks), 1):
        file = output.with_name(f"{output.stem}-mask-{number}.npy")
        if (share == 1).all():
            files.append(None)
            continue
        np.save(file, share)
        files.append(file)
    return tuple(files)


def write_areas(job: Job, result: Result) -> Path | None:
    """Write the rectangles of the picture that the regions cover, beside the output.

    Returns
    -------
    Path or None
        A float32 .npy file of shape (n, 4): left, top, width and height of each rectangle. None if
        the regions cover the whole picture.

    Raises
    ------
    PictureError
        If a mask cannot be read again.
    OSError
        If the file cannot be written.
    """
    import numpy as np

    from engine.masks.regions import region_masks
    from engine.pictures.compositing import rectangles

    height, width = result.picture.rgb.shape[:2]
    covered = np.zeros((height, width), bool)
    for mask in region_masks(job, (height, width)):
        covered |= mask > 0
    if covered.all():
        return None
    output = Path(job.output)
    file = output.with_name(f"{output.stem}-areas.npy")
    np.save(file, rectangles(covered).astype(np.float32))
    return file


def _rescue(job: Job, result: Result, described: dict[str, Any]) -> Path | None:
    """Save a result that cannot go where it should; it may have taken hours."""
    from engine.pictures.picture import PictureError, write_picture

    name = f"{Path(job.output).stem}-{time.strftime('%Y%m%d-%H%M%S')}.png"
    for folder in (home() / "rescued", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_picture(folder / name, result.picture, described)
        except (OSError, PictureError):
            continue  # the next folder; if there is none, the first error is told
        return folder / name
    return None
