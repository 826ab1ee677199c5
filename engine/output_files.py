"""Output files: checks before a run, writing, and where a result is saved if writing fails."""

from __future__ import annotations

import io
import math
import os
import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, Callable

from engine import __version__
from engine.checksums import checksum
from engine.errors import PictureError
from engine.files import PART_PREFIX, why_not_readable, why_not_writable, write_file
from engine.job import AUTO_SIZE, INPUT_KINDS, Job, JobError
from engine.jobfile import job_from_dict, load_job, paths_of, with_paths
from engine.leftovers import remove_parts
from engine.looks import EARLIER
from engine.messages import shown_name
from engine.methods import METHODS
from engine.overhead import write_kind
from engine.paintings.catalog import near_names
from engine.paths import home
from engine.translations import _
from engine.windows_names import why_too_long

if TYPE_CHECKING:
    import numpy as np

    from engine.run import Result

PICTURE_EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
"""Formats that can carry settings."""


def inputs(job: Job) -> tuple[str, ...]:
    """Return the files that the job reads."""
    return paths_of(job, INPUT_KINDS)


def input_sums(job: Job) -> dict[str, str]:
    """Return the SHA-256 of each file that the job reads; none where the output cannot carry them.

    An empty text stands for a file that cannot be read.
    """
    if Path(job.output).suffix.lower() not in PICTURE_EXTENSIONS:
        return {}
    return {path: checksum(path) for path in inputs(job)}


def outputs(job: Job) -> tuple[Path, ...]:
    """Return the files that the job writes: its output, then the pictures of the option `uncut`."""
    output = Path(job.output)
    if not job.uncut:
        return (output,)
    method = METHODS.get(job.method)  # auto chooses none with a picture per region
    numbers = range(1, 1 + (method.pictures(len(job.regions)) if method else 1))
    return (output, *(output.with_name(f"{output.stem}-{n}{output.suffix}") for n in numbers))


def check_files(job: Job) -> None:
    """Check before a run that its inputs can be read and its outputs written.

    Temporary files that a killed run left in the output's folder are removed.

    Raises
    ------
    JobError
        If the output is empty, has no known extension, is a folder, or is one of the inputs.
    PictureError
        If an input is missing or not a regular file, or an output cannot be written.
    """
    from engine.pictures.picture import check_extension

    if not job.output:
        message = _("output is empty; name the file to write.")
        raise JobError(message)
    try:
        check_extension(job.output)
    except PictureError as error:
        raise JobError(str(error)) from error
    if any("\0" in each for each in (*inputs(job), job.output)):
        message = _("The name of a file in the job holds a null character.")
        raise JobError(message)
    for each in inputs(job):
        refused = why_not_readable(each)
        if refused:
            raise PictureError(f"{refused} {_near_names(job, each)}".rstrip())
        for output in outputs(job):
            if os.path.exists(output) and output.samefile(each):
                name = shown_name(output)
                message = _("The output {name} is also read by the job; name another file.")
                raise JobError(message.format(name=name))
    for output in outputs(job):
        refused = why_not_writable(output)
        if refused:
            raise JobError(refused) if os.path.isdir(output) else PictureError(refused)
    folder = Path(os.path.realpath(job.output)).parent
    if not os.path.isdir(folder):
        name = shown_name(Path(job.output).name)
        message = _("There is no folder {folder} to write {name} to.")
        raise PictureError(message.format(folder=shown_name(folder), name=name))
    try:
        # As long a name as that of the temporary file that becomes the result.
        with tempfile.TemporaryFile(dir=folder, prefix=f"{PART_PREFIX}{'0' * 8}-", suffix=".part"):
            pass
    except OSError as error:
        reason = error.strerror or error
        message = _("The folder {folder} cannot be written to: {reason}.")
        message = message.format(folder=shown_name(folder), reason=reason)
        message += why_too_long(folder / f"{PART_PREFIX}{'0' * 16}.part")
        raise PictureError(message) from error
    remove_parts(folder)


def _near_names(job: Job, missing: str) -> str:
    """Return a sentence where a file that is not there could be meant for a painting's name."""
    styles = [region.style for region in job.regions]
    return near_names(missing) if missing in styles and not os.path.exists(missing) else ""


def load(path: str | Path, output: str = "", folder: str = "") -> Job:
    """Read a job from a job file, or from a picture made by Scumble.

    A job file may name any file. The settings inside a picture may have come from anywhere: they
    name files in the picture's own folder only, and replace nothing.

    Parameters
    ----------
    path : str or Path
    output : str
        The file to write, in place of the one in the job.
    folder : str
        The folder of the files that the settings of a picture name, by default the picture's.

    Raises
    ------
    JobError
        If it is not a job, or the settings of a picture name files that are not beside it, or its
        result would replace a file.
    PictureError
        If a picture cannot be read, or has no settings.
    """
    path = Path(path)
    if path.suffix.lower() not in PICTURE_EXTENSIONS:
        if folder:
            message = _("--inputs: is for pictures, and {name} is not one.").format(
                name=shown_name(path)
            )
            raise JobError(message)
        job = load_job(path)
        return replace(job, output=output) if output else job
    from engine.pictures.picture import read_settings

    fields = read_settings(path).get("job")
    if isinstance(fields, dict) and "look" not in fields:
        fields = {**EARLIER, **fields}
    job = _from_picture(job_from_dict(fields), path, folder)
    if output:
        job = replace(job, output=output)
    for each in outputs(job) if job.output else ():
        if not os.path.lexists(each):
            continue
        if os.path.exists(each) and os.path.samefile(each, path):
            name = shown_name(path)
            message = _(
                "The result would replace {name} itself; name another file with --output."
            ).format(name=name)
            raise JobError(message)
        if not output:
            message = _(
                "{name} is there already, and the settings of a picture replace nothing; "
                "name the file to write with --output."
            ).format(name=shown_name(each))
            raise JobError(message)
    return job


def _from_picture(job: Job, picture: Path, folder: str) -> Job:
    """Take the job that a picture carries, with its files from one folder only."""
    inside = Path(folder) if folder else picture.parent

    def beside(name: str) -> str:
        parts = PureWindowsPath(name)  # which knows both kinds of slashes, and drives
        if not (folder or parts.anchor or ".." in parts.parts or "\0" in name):
            return str(inside / name)
        found = inside / parts.name
        if parts.name and os.path.isfile(found):
            return str(found)
        message = _(
            "The settings of {picture} name {name}, which is not in the picture's folder. "
            "Put the file there, name its folder with --inputs, or write a job file."
        ).format(picture=shown_name(picture), name=shown_name(name))
        if folder:
            message = _("--inputs: there is no file {name}.").format(name=shown_name(found))
        raise JobError(message)

    def output(name: str) -> str:
        return str(picture.parent / PureWindowsPath(name).name)

    job = with_paths(job, output, ("file",))
    job = with_paths(job, lambda path: "", ("folder",))
    return with_paths(job, beside, INPUT_KINDS)


def paths_in_settings(job: Job) -> dict[str, str]:
    """Return how the settings of a result name each file of its job.

    Paths are relative to the output's folder: files that are moved together still find each other,
    and a picture that is passed on does not tell where it was made.
    """
    folder = os.path.realpath(Path(job.output).parent)

    def relative(path: str) -> str:
        try:
            return Path(os.path.relpath(os.path.realpath(path), folder)).as_posix()
        except ValueError:  # another drive
            return str(Path(path).absolute())

    named: dict[str, str] = {}
    with_paths(job, lambda path: named.setdefault(path, relative(path)), INPUT_KINDS)
    with_paths(job, lambda path: named.setdefault(path, Path(path).name), ("file",))
    # Repeating a result does not write its report again.
    with_paths(job, lambda path: named.setdefault(path, ""), ("folder",))
    return named


def settings(job: Job, result: Result, paths: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the settings that a result carries, as JSON types.

    Parameters
    ----------
    job : Job
    result : Result
    paths : mapping of str to str, optional
        From `paths_in_settings`, where it was called on another machine.
    """
    named = paths_in_settings(job) if paths is None else paths
    kept = with_paths(job, lambda path: named[path])
    return {
        "scumble": __version__,
        "job": replace(kept, size=result.area).to_dict(),
        "automatic_size": job.size == AUTO_SIZE,
        "inputs": {named[path]: sum_ for path, sum_ in result.inputs.items()},
        "method": result.method,
        "optimizer": result.optimizer,
        "seed": job.seed,
        "loss": result.loss if math.isfinite(result.loss) else None,  # stopped before the first
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
    from engine import speed
    from engine.pictures.picture import write_picture

    described = settings(job, result)
    pictures = (result.picture, *result.uncut)
    files = outputs(job)[: len(pictures)]
    notices: list[str] = []
    clocks, began = speed.Clocks(), time.perf_counter()
    for file, picture in zip(files, pictures):
        try:
            notices += [each for each in write_picture(file, picture, described)
                        if each not in notices]  # fmt: skip
        except PictureError as error:
            if file != files[0]:
                message = _("The result is in {name}, but {reason}").format(
                    name=shown_name(files[0]), reason=error
                )
                raise PictureError(message) from error.__cause__
            raise _rescued(
                error, job, lambda place: write_picture(place, result.picture, described)
            ) from error.__cause__
    pixels = len(pictures) * math.prod(result.picture.size)
    if pixels > speed.RATE_PIXELS and clocks.undisturbed():
        kind = write_kind(job.output, result.picture.numbers.itemsize)
        speed.record_rates({kind: (time.perf_counter() - began) / pixels})
    return files, tuple(notices)


def encode(
    job: Job, result: Result, paths: Mapping[str, str] | None = None
) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """Return the contents of the files of `outputs`, for `write_encoded`.

    Parameters
    ----------
    job, result, paths
        As for `settings`.

    Returns
    -------
    contents : tuple of bytes
        The result first.
    notices : tuple of str
        What the format could not keep, a sentence each.

    Raises
    ------
    PictureError
        If the format cannot hold a picture.
    """
    from engine.pictures.picture import encode_picture

    described = settings(job, result, paths)
    contents: list[bytes] = []
    notices: dict[str, None] = {}
    for file, picture in zip(outputs(job), (result.picture, *result.uncut)):
        data, notes = encode_picture(file, picture, described)
        contents.append(data)
        notices.update(dict.fromkeys(notes))
    return tuple(contents), tuple(notices)


def write_encoded(job: Job, contents: Sequence[bytes]) -> tuple[str, ...]:
    """Write the contents that `encode` returned, each file whole or not at all.

    Returns
    -------
    tuple of str
        What could not be kept of the files that were there, a sentence each.

    Raises
    ------
    PictureError
        If a file cannot be written; the message says where the result was saved instead.
    """
    notices: list[str] = []
    for file, data in zip(outputs(job), contents):
        try:
            notices += write_file(file, data)
        except PictureError as error:
            raise _rescued(
                error, job, lambda place: write_file(place, contents[0]), Path(job.output).suffix
            ) from error.__cause__
    return tuple(notices)


def write_masks(job: Job, result: Result) -> tuple[Path | None, ...]:
    """Write each region's share of the picture beside the output, as float32 .npy files.

    Returns
    -------
    tuple of (Path or None)
        One file of shape (height, width) per region; None for a share that is 1 everywhere.

    Raises
    ------
    PictureError
        If a mask cannot be read again or a file cannot be written.
    """
    from engine.masks.regions import region_masks
    from engine.pictures.compositing import shares

    output = Path(job.output)
    masks = region_masks(job, result.picture.size)
    files: list[Path | None] = []
    for number, share in enumerate(shares([mask.whole() for mask in masks]), 1):
        file = output.with_name(f"{output.stem}-mask-{number}.npy")
        if (share == 1).all():
            files.append(None)
            continue
        _save(file, share)
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
        If a mask cannot be read again or the file cannot be written.
    """
    import numpy as np

    from engine.masks.regions import region_masks
    from engine.pictures.compositing import rectangles
    from engine.pictures.strips import strips

    covered = np.zeros(result.picture.size, bool)
    for mask in region_masks(job, result.picture.size):
        for top, bottom in strips(*mask.size):
            covered[top:bottom] |= mask.rows(top, bottom) > 0
    if covered.all():
        return None
    output = Path(job.output)
    file = output.with_name(f"{output.stem}-areas.npy")
    _save(file, rectangles(covered).astype(np.float32))
    return file


def _save(file: Path, array: np.ndarray) -> None:
    """Write an array to a .npy file."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_file(file, buffer.getvalue(), durable=False)


def _rescued(
    error: PictureError, job: Job, save: Callable[[Path], object], extension: str = ".png"
) -> PictureError:
    """Save a result that cannot be written to its place; it may have taken hours.

    Returns
    -------
    PictureError
        The error that was met, with the place of the result.
    """
    when = time.strftime("%Y%m%d-%H%M%S")
    # Random, so that nothing is replaced and nobody can prepare a link of that name.
    name = f"{Path(job.output).stem[:80]}-{when}-{secrets.token_hex(3)}{extension}"
    for private in (_rescue_folder, lambda: Path(tempfile.mkdtemp(prefix="scumble-rescued-"))):
        try:
            file = private() / name
            save(file)
        except (OSError, PictureError):
            continue  # the next folder; if both fail, the first error is reported
        return PictureError(
            _("{reason} The result was saved as {name} instead.").format(
                reason=error, name=shown_name(file)
            )
        )
    return error


def _rescue_folder() -> Path:
    folder = home() / "rescued"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
