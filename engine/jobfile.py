"""Job files, and the paths in them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from engine.job import REST, Job, JobError, Region, check, checked_fields, shown


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
        made.append(Region(**checked_fields(Region, region, where + ".")))
    job = Job(**checked_fields(Job, given, ""), regions=tuple(made))
    check(job)
    return job


def resolve_paths(job: Job, folder: str | Path) -> Job:
    """Return the job with its relative paths taken from `folder`."""

    def resolved(path: str) -> str:
        return str(Path(folder) / path) if path else path

    regions = tuple(
        dataclasses.replace(
            region,
            style=resolved(region.style),
            mask=region.mask if region.mask == REST else resolved(region.mask),
            style_mask=resolved(region.style_mask),
        )
        for region in job.regions
    )
    return dataclasses.replace(
        job,
        content=resolved(job.content),
        output=resolved(job.output),
        init_picture=resolved(job.init_picture),
        keep=resolved(job.keep),
        report=resolved(job.report),
        regions=regions,
    )
