"""Tasks: one picture of a gallery each, with its job, its files and its record."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.checksums import checksum
from engine.files import write_file
from engine.gallery.figures import RAMP, REGION, Panel, Variant
from engine.gallery.inputs import PanelFiles
from engine.gallery.request import GalleryRequest
from engine.job import REST, Job, Region
from engine.jobfile import with_paths
from engine.looks import filled

NOT_OF_THE_PICTURE = ("threads", "device", "output")
"""Fields of a job that a finished picture is not painted again for."""


@dataclass(frozen=True)
class Task:
    """One picture to paint.

    Attributes
    ----------
    folder : Path
        The gallery's.
    figure : int
    panel : Panel
    variant : Variant
    files : PanelFiles
        The panel's pictures in the gallery's folder.
    job : Job
    """

    folder: Path
    figure: int
    panel: Panel
    variant: Variant
    files: PanelFiles
    job: Job

    @property
    def output(self) -> Path:
        """The picture."""
        return Path(self.job.output)

    @property
    def record(self) -> Path:
        """The file that says how the picture was painted; it is written last."""
        return self.output.with_suffix(".json")

    @property
    def curve(self) -> Path:
        """The picture of its loss curve."""
        return self.output.with_name(f"{self.output.stem}-loss.png")


def make_task(
    folder: Path,
    request: GalleryRequest,
    number: int,
    place: int,
    panel: Panel,
    files: PanelFiles,
    variant: Variant,
) -> Task:
    """Return the task of a variant, the panel being number `place` of its figure."""
    mask = str(files.mask or "")
    masks = {RAMP: (REST, mask), REGION: (mask,)}.get(panel.layout, ("",))
    settings: dict[str, Any] = {
        "look": "paper",
        "size": 0,
        "iterations": request.iterations,
        **variant.settings,
    }
    job = Job(
        content=str(files.content),
        output=str(folder / f"figure-{number}" / f"{place}-{variant.name}.png"),
        regions=tuple(Region(str(style), its) for style, its in zip(files.styles, masks)),
        seed=request.seed,
        threads=request.threads,
        device=request.device,
        **filled(settings),
    )
    return Task(folder, number, panel, variant, files, job)


def wanted(task: Task) -> dict[str, Any]:
    """Return what a finished picture must have been painted with: its job and its files' sums."""
    job = with_paths(task.job, lambda path: relative(task.folder, path)).to_dict()
    for name in NOT_OF_THE_PICTURE:
        del job[name]
    sums = {relative(task.folder, file): _checksum(file) for file in task.files.files}
    # As a file gives it back, with lists in place of tuples.
    return json.loads(json.dumps({"job": job, "inputs": sums}))


def record_of(task: Task) -> dict[str, Any] | None:
    """Return the record of a picture that is there and is as it is wanted, else None."""
    record = read_object(task.record)
    if record is None or record.get("wanted") != wanted(task):
        return None
    return record if record.get("sha256") == checksum(task.output) else None


def read_object(file: Path) -> dict[str, Any] | None:
    """Return a file's object; None where there is no such file, or it was cut off."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_object(file: Path, content: dict[str, Any]) -> None:
    """Write an object, all of it or not at all.

    Raises
    ------
    PictureError
        If it cannot be written.
    """
    write_file(file, json.dumps(content, indent=1).encode("utf-8"))


def relative(folder: Path, file: str | Path) -> str:
    """Return a file's path from the gallery's folder, with slashes."""
    return Path(os.path.relpath(file, folder)).as_posix()


@lru_cache(maxsize=256)
def _checksum(file: Path) -> str:
    """Return an input's sum, which does not change while a gallery is painted."""
    return checksum(file)
