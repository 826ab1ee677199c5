"""Plan of a batch: one job per picture, with its output, checked before anything is painted."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable

from engine.batch.contents import ContentEntry, read_entries
from engine.batch.patterns import PLACEHOLDERS, filled, is_pattern
from engine.errors import PictureError
from engine.files import why_not_readable, why_not_writable
from engine.job import Job, JobError, Region, with_new_names
from engine.jobfile import job_from_dict, paths_of, read_json, resolve_paths, with_paths
from engine.leftovers import remove_parts, remove_run_folders
from engine.messages import shown, shown_name
from engine.output_files import INPUT_KINDS, PICTURE_EXTENSIONS, inputs, outputs
from engine.same_files import Names, are_one
from engine.translations import _, listed, ngettext

DEFAULT_EXTENSION = ".png"


@dataclass(frozen=True)
class BatchItem:
    """One picture of a batch.

    Attributes
    ----------
    job : Job
        Its paths are absolute.
    problem : str
        Why it cannot be painted, as far as that is known before; else empty.
    """

    job: Job
    problem: str = ""

    @property
    def output(self) -> Path:
        """The result's file."""
        return Path(self.job.output)


def make_plan(
    job_file: str, arguments: Sequence[str], out: str, on_notice: Callable[[str], None]
) -> list[BatchItem]:
    """Return the pictures of a batch, in the order in which they are named.

    Parameters
    ----------
    job_file : str
        A job file. Its content is not used. Its paths may hold placeholders such as ``{name}``.
    arguments : sequence of str
        The contents, as `contents.read_entries` takes them.
    out : str
        The folder of the results; it is made if it is missing.
    on_notice : callable
        Is called with a sentence for the user.

    Raises
    ------
    JobError
        If the job is wrong, an argument names nothing, two contents have one output, or no picture
        can be painted.
    PictureError
        If the folder cannot be written to.
    """
    data = read_json(job_file)
    if not isinstance(data, dict):
        message = _("{name} is not a job: {value} is not a JSON object.")
        raise JobError(message.format(name=shown_name(job_file), value=shown(data)))
    data = with_new_names(Job, data)
    if data.get("report"):
        message = _("report: a batch writes none; 'scumble job' writes one for a single picture.")
        raise JobError(message)
    folder = Path(os.path.abspath(job_file)).parent
    entries = read_entries(arguments, on_notice)
    target = os.path.abspath(out)
    jobs = [_job(data, folder, entry, target) for entry in entries]
    _check_outputs(jobs, entries, target)
    items = [BatchItem(job, _problem(job)) for job in jobs]
    _check_patterns(data, folder, items)
    if all(item.problem for item in items):
        raise JobError(items[0].problem)
    _open_folder(out, items)
    return items


def _job(data: dict[str, Any], folder: Path, entry: ContentEntry, out: str) -> Job:
    """Return the job of one picture."""
    where = f"{entry.origin}: " if entry.origin else ""
    try:
        merged = {**data, **entry.fields, "content": entry.content}
        if "init_picture" in entry.fields:
            merged["init"] = "picture"
        merged["output"] = _output(data, entry)
        if entry.regions:
            merged["regions"] = _regions(data.get("regions", []), entry)
        job = with_placeholders_filled(job_from_dict(merged), entry.content)
    except JobError as error:
        if not where:
            raise
        raise JobError(where + str(error)) from error
    output = os.path.normpath(os.path.join(out, job.output))
    if not Path(output).is_relative_to(out) or output == out:
        message = _("output: {name} is not in {folder}.")
        message = message.format(name=shown_name(output), folder=shown_name(out))
        raise JobError(where + message)
    if Path(output).suffix.lower() not in PICTURE_EXTENSIONS:
        message = _(
            "output: {name} has none of the extensions of pictures that carry their settings: "
            "{extensions}."
        ).format(name=shown_name(Path(output).name), extensions=", ".join(PICTURE_EXTENSIONS))
        raise JobError(where + message)
    return with_paths(replace(resolve_paths(job, folder), output=output), os.path.abspath)


def with_placeholders_filled(job: Job, content: str) -> Job:
    """Return the job with its placeholders filled in, other than in the content's own path."""
    return replace(with_paths(job, lambda path: filled(path, content)), content=job.content)


def _output(data: dict[str, Any], entry: ContentEntry) -> str:
    """Return the name of a result, which may have placeholders.

    A job's output without any cannot be that of many pictures; only its extension counts.
    """
    if "output" in entry.fields:
        return entry.fields["output"]
    given = data.get("output", "")
    if not isinstance(given, str) or is_pattern(given):
        return given  # which is checked with the rest of the job
    return "{name}" + (Path(given).suffix or DEFAULT_EXTENSION)


def _regions(given: Any, entry: ContentEntry) -> Any:
    """Return the job's regions with the fields that a list gives."""
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        return given  # which is refused with the rest of the job
    regions = [with_new_names(Region, each) for each in given]
    for index in sorted(entry.regions):
        if index > len(regions):
            message = _("style {number} is given, but there is no style {missing}.")
            raise JobError(message.format(number=index + 1, missing=len(regions) + 1))
        if index == len(regions):
            regions.append({})
        regions[index] = {**regions[index], **entry.regions[index]}
    return regions


def _check_outputs(jobs: list[Job], entries: list[ContentEntry], out: str) -> None:
    """Check that each file is written once, and that no input is."""
    written, read = Names(), Names()
    for path in dict.fromkeys(path for job in jobs for path in inputs(job)):
        read.add(path, path)
    for job, entry in zip(jobs, entries):
        content = shown_name(job.content)
        if are_one(os.path.dirname(job.content), out):
            message = _(
                "{content} is in {folder}, where the results go; name another folder with --out, "
                "so that a later run does not take results for contents."
            )
            raise JobError(message.format(content=content, folder=shown_name(out)))
        for file in map(str, outputs(job)):
            earlier = written.find(file)
            if earlier is not None:
                other, output = shown_name(earlier), shown_name(file)
                message = _("{other} and {content} have one output, {output}.")
                if other == content:
                    message = _("{content} is named twice, for one output, {output}.")
                message = message.format(other=other, content=content, output=output)
                remedy = _("Use placeholders in the job's output, such as {example}.")
                if entry.origin:
                    remedy = _("Give the list a column 'output'.")
                remedy = remedy.format(example="{folder}-{name}.png")
                raise JobError(" ".join((message, remedy)))
            written.add(file, job.content)
            if read.find(file) is not None:
                message = _("The output {name} is also read by the batch; name another.")
                raise JobError(message.format(name=shown_name(file)))


def _problem(job: Job) -> str:
    for path in inputs(job):
        refused = why_not_readable(path)
        if refused:
            return refused
    return ""


def _check_patterns(data: dict[str, Any], folder: Path, items: list[BatchItem]) -> None:
    """Check that each pattern of the job names a file for at least one picture."""
    paths = {**data, "content": "-", "output": "-"}
    try:
        patterns = {
            each for each in paths_of(job_from_dict(paths), INPUT_KINDS) if is_pattern(each)
        }
    except JobError:  # a list completes it
        return
    for pattern in sorted(patterns):
        files = [os.path.abspath(folder / filled(pattern, item.job.content)) for item in items]
        used = [file for file, item in zip(files, items) if file in inputs(item.job)]
        if used and not any(os.path.lexists(file) for file in used):
            raise JobError(_no_match(pattern, used))


def _no_match(pattern: str, used: list[str]) -> str:
    """Return the sentences on a pattern for which none of its files is there."""
    text = _("{pattern} matches nothing: there is no {file}.")
    others = len(used) - 1
    if others:
        text = ngettext(
            "{pattern} matches nothing: there is no {file}, nor the {count} other file.",
            "{pattern} matches nothing: there is no {file}, nor any of {count} others.",
            others,
        )
    text = text.format(pattern=shown_name(pattern), file=shown_name(used[0]), count=others)
    names = listed(f"{{{name}}} ({_(meaning)})" for name, meaning in PLACEHOLDERS.items())
    return text + " " + _("Placeholders are {names}.").format(names=names)


def _open_folder(out: str, items: list[BatchItem]) -> None:
    """Make the folder of the results, and those below it, and find that they can be written to."""
    for folder in sorted({out, *(str(item.output.parent) for item in items)}):
        try:
            os.makedirs(folder, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except FileExistsError as error:
            message = _("{name} is a file; name a folder with --out.")
            raise JobError(message.format(name=shown_name(folder))) from error
        except OSError as error:
            message = _("The folder {folder} cannot be written to: {reason}.")
            message = message.format(folder=shown_name(folder), reason=error.strerror or error)
            raise PictureError(message) from error
        remove_parts(folder)
    remove_run_folders([out])
    for item in items:
        for file in outputs(item.job):
            refused = why_not_writable(file)
            if refused:
                raise PictureError(refused)
