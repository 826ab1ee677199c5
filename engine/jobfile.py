"""Job files, and the paths in them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from engine.job import REST, Job, JobError, job_from_dict


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
        regions=regions,
    )
