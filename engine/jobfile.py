"""Job files: JSON to a job, and the paths in a job."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Callable, TypeVar

from engine.files import why_not_readable
from engine.job import PATH_KINDS, Job, JobError, Region, with_new_names
from engine.job_checks import check, checked_fields
from engine.looks import filled
from engine.messages import shown, shown_name
from engine.translations import _

MAX_BYTES = 4_000_000
MAX_DIGITS = 1000

JobOrRegion = TypeVar("JobOrRegion", Job, Region)


def load_job(path: str | Path) -> Job:
    """Read a job file and make its relative paths relative to the file's own folder.

    Raises
    ------
    JobError
        If the file cannot be read, is not JSON or is not a job.
    """
    return resolve_paths(job_from_dict(read_json(path)), Path(path).parent)


def read_json(path: str | Path) -> Any:
    """Return what the JSON of a job file says, unchecked.

    Raises
    ------
    JobError
        If the file cannot be read or is not JSON.
    """
    path, name = Path(path), shown_name(path)
    refused = why_not_readable(path)
    if refused:
        raise JobError(refused)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        message = _("The job file {name} cannot be read: {reason}.").format(
            name=name, reason=error.strerror or error
        )
        raise JobError(message) from error
    if len(content) > MAX_BYTES:
        message = _("{name} is not a job file: it has more than {most} bytes.").format(
            name=name, most=MAX_BYTES
        )
        raise JobError(message)
    try:
        return json.loads(content.decode("utf-8"), parse_int=_whole_number)
    except UnicodeDecodeError as error:
        message = _("{name} is not a job file, since it is not JSON: it is not UTF-8 text.").format(
            name=name
        )
        raise JobError(message) from error
    except RecursionError as error:
        message = _("{name} is not a job file: its lists are nested too deeply.").format(name=name)
        raise JobError(message) from error
    except ValueError as error:
        message = _("{name} is not a job file, since it is not JSON: {reason}.").format(
            name=name, reason=error
        )
        raise JobError(message) from error


def _whole_number(digits: str) -> int:
    """Read a whole number of JSON, of which Python would take minutes if it is long enough."""
    if len(digits) > MAX_DIGITS:
        message = _("a number has {count} digits").format(count=len(digits))
        raise ValueError(message)
    return int(digits)


def job_from_dict(data: Any) -> Job:
    """Make a checked job from parsed JSON; field names of version 0.1.0 are understood.

    Fields that are not given have the values of the job's look.

    Raises
    ------
    JobError
        Names the field, the value it has and what is allowed.
    """
    if not isinstance(data, dict):
        message = _("A job is a JSON object with fields such as 'content', not {value}.").format(
            value=shown(data)
        )
        raise JobError(message)
    given = dict(data)
    regions = given.pop("regions", [])
    if not isinstance(regions, (list, tuple)):
        message = _("regions: {value} is not a list of regions.").format(value=shown(regions))
        raise JobError(message)
    made = []
    for number, region in enumerate(regions, 1):
        where = f"regions[{number}]"
        if not isinstance(region, dict):
            message = _("{where}: {value} is not an object with fields such as 'style'.").format(
                where=where, value=shown(region)
            )
            raise JobError(message)
        fields = with_new_names(Region, region)
        made.append(Region(**checked_fields(Region, fields, where + ".")))
    fields = filled(with_new_names(Job, given))
    job = Job(**checked_fields(Job, fields, ""), regions=tuple(made))
    check(job)
    return job


def resolve_paths(job: Job, folder: str | Path) -> Job:
    """Return the job with its relative paths taken from `folder`."""
    return with_paths(job, lambda path: str(Path(folder) / path))


def paths_of(job: Job, kinds: tuple[str, ...] = PATH_KINDS) -> tuple[str, ...]:
    """Return the paths that a job uses, in the order of the fields.

    Empty fields and words such as 'rest' are no paths; an option whose `needs` is not met is not
    used.

    Parameters
    ----------
    job : Job
    kinds : tuple of str
        Kinds of fields in `engine.job.PATH_KINDS`.
    """
    found = []
    owners: tuple[Job | Region, ...] = (job, *job.regions)
    for owner in owners:
        for described in dataclasses.fields(owner):
            needs = described.metadata["needs"]
            met = needs is None or getattr(owner, needs[0]) == needs[1]
            if met and _is_path(owner, described, kinds):
                found.append(getattr(owner, described.name))
    return tuple(found)


def with_paths(job: Job, change: Callable[[str], str], kinds: tuple[str, ...] = PATH_KINDS) -> Job:
    """Return the job with `change` applied to each of its paths of the given kinds."""

    def changed(owner: JobOrRegion) -> JobOrRegion:
        new: dict[str, Any] = {
            described.name: change(getattr(owner, described.name))
            for described in dataclasses.fields(owner)
            if _is_path(owner, described, kinds)
        }
        return dataclasses.replace(owner, **new)

    regions = tuple(changed(region) for region in job.regions)
    return dataclasses.replace(changed(job), regions=regions)


def _is_path(owner: Job | Region, described: dataclasses.Field, kinds: tuple[str, ...]) -> bool:
    """Return whether a field holds a path of one of these kinds."""
    about = described.metadata
    return about["kind"] in kinds and getattr(owner, described.name) not in ("", *about["words"])
