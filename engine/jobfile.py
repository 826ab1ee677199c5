"""Job files, and the paths in them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Callable, TypeVar

from engine.job import (
    PATH_KINDS,
    Job,
    JobError,
    Region,
    check,
    checked_fields,
    shown,
    with_new_names,
)

JobOrRegion = TypeVar("JobOrRegion", Job, Region)


def load_job(path: str | Path) -> Job:
    """Read a job file and make its relative paths relative to the file's own folder.

    Raises
    ------
    JobError
        If the file cannot be read, is not JSON or is not a job.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"The job file {path} cannot be read: {error.strerror or error}."
        raise JobError(message) from error
    except ValueError as error:
        message = f"{path} is not a job file, since it is not JSON: {error}."
        raise JobError(message) from error
    return resolve_paths(job_from_dict(data), path.parent)


def job_from_dict(data: Any) -> Job:
    """Make a checked job from what JSON gave.

    Raises
    ------
    JobError
        Names the field, the value it has and what is allowed.
    """
    if not isinstance(data, dict):
        message = f"A job is a JSON object with fields such as 'content', not {shown(data)}."
        raise JobError(message)
    given = dict(data)
    regions = given.pop("regions", [])
    if not isinstance(regions, (list, tuple)):
        message = f"regions: {shown(regions)} is not a list of regions."
        raise JobError(message)
    made = []
    for number, region in enumerate(regions, 1):
        where = f"regions[{number}]"
        if not isinstance(region, dict):
            message = f"{where}: {shown(region)} is not an object with fields such as 'style'."
            raise JobError(message)
        fields = with_new_names(Region, region)
        made.append(Region(**checked_fields(Region, fields, where + ".")))
    job = Job(**checked_fields(Job, with_new_names(Job, given), ""), regions=tuple(made))
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
    """Say whether a field holds a path of one of these kinds."""
    about = described.metadata
    return about["kind"] in kinds and getattr(owner, described.name) not in ("", *about["words"])
