"""Job files: valid ones with odd values, and texts that are no longer JSON."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from engine.job import OLD_NAMES, Job, Region
from engine.jobfile import job_from_dict
from engine.output_files import check_files, load
from tests.campaign.case import Case, check, check_failure
from tests.campaign.home import data_folder
from tests.campaign.mutations import TEXTS, mutated, value
from tests.engine.programs import make_pictures

NAMES = {
    Job: [*(each.name for each in fields(Job)), *OLD_NAMES["Job"]],
    Region: [*(each.name for each in fields(Region)), *OLD_NAMES["Region"]],
}


@contextmanager
def prepared(folder: Path) -> Iterator[Path]:
    """Make a folder with pictures to name."""
    data_folder(folder)
    place = folder / "jobs"
    place.mkdir(exist_ok=True)
    make_pictures(place)
    (place / "folder").mkdir(exist_ok=True)
    yield place


def attempt(place: Path, case: Case) -> str:
    """Read one job file, and check its files if it is a job."""
    data = text(case.chance)
    case.keep("job.json", data)
    file = place / "job.json"
    file.write_bytes(data)
    try:
        job = load(file)
    except Exception as error:
        return f"refused ({check_failure(error, hostile=True)})"
    check(job_from_dict(job.to_dict()) == job, "the job changes when it is written and read")
    check(1 <= len(job.regions) <= 8, f"{len(job.regions)} regions")
    owners: tuple[Job | Region, ...] = (job, *job.regions)
    for owner in owners:
        for each in fields(owner):
            low, high = each.metadata["low"], each.metadata["high"]
            if low is not None:
                there = getattr(owner, each.name)
                named = each.metadata["named"].values()
                check(low <= there <= high or there in named, f"{each.name} is {there}")
    try:
        check_files(job)
    except Exception as error:
        return f"job, files refused ({check_failure(error, hostile=True)})"
    return "job"


def text(chance: random.Random) -> bytes:
    """Return the text of a job file."""
    job = Job(content="content.png", output="out.png", regions=(Region("waves.png", "ramp.png"),))
    if chance.random() < 0.3:
        job = replace(job, regions=(*job.regions, Region("oil.png", "rest")))
    data: Any = job.to_dict()
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
        _change(chance, data)
    whole = data if chance.random() < 0.99 else value(chance)
    written = json.dumps(whole, ensure_ascii=chance.random() < 0.5)
    encoded = written.encode("utf-8", "surrogatepass")
    if chance.random() < 0.3:
        encoded = mutated(chance, encoded)
    return encoded


def _change(chance: random.Random, data: dict[str, Any]) -> None:
    """Change one field of a job, or of one of its regions."""
    owner, names = data, NAMES[Job]
    regions = data.get("regions")
    if isinstance(regions, list) and regions and chance.random() < 0.4:
        if chance.random() < 0.2:
            regions.append(chance.choice(regions) if chance.random() < 0.5 else value(chance))
            return
        owner, names = chance.choice(regions), NAMES[Region]
        if not isinstance(owner, dict):
            return
    name = chance.choice(names) if chance.random() < 0.95 else chance.choice(TEXTS)
    if chance.random() < 0.1:
        owner.pop(name, None)
    else:
        owner[name] = value(chance)
