"""`scumble estimate` and `--dry-run`: what jobs will take, without painting."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine import output_files
from engine.cli.terminal import estimate_line, note, to_standard_output
from engine.events import Event, Notice
from engine.translations import _

if TYPE_CHECKING:
    from engine.job import Job


def estimate_files(jobs: Sequence[str], *, as_json: bool) -> int:
    """Print what the jobs of some files will take; return the exit status.

    Raises
    ------
    JobError, PictureError, WeightsError
        If a job cannot be run.
    """
    for file in jobs:
        show_estimate(output_files.load(file), name=file if len(jobs) > 1 else "", as_json=as_json)
    return 0


def show_estimate(job: Job, *, name: str = "", as_json: bool) -> None:
    """Print what one job will take.

    Parameters
    ----------
    job : Job
    name : str
        What to call it; empty where there is only one.
    as_json : bool
        Whether to print one line of JSON: width, height, scales, tiles, seconds, bytes, method,
        size (the area of the last scale; 0 for the content's own) and job (the name).
    """
    from engine.preparation import prepare

    notices: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)

    prepared = prepare(job, listen)
    event = prepared.estimated.event
    if as_json:
        about = {"method": prepared.method.name, "size": prepared.estimated.area, "job": name}
        to_standard_output(json.dumps({**vars(event), **about}, ensure_ascii=True))
        return
    before = f"{name}: " if name else ""
    sentence = _("{sentence}.").format(sentence=estimate_line(event))
    to_standard_output(f"{before}{sentence}")
    for notice in notices:
        sys.stderr.write(note(notice) + "\n")
