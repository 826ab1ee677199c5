"""Existing results: which pictures of a batch are painted already, with the same settings."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.batch.plan import BatchItem
from engine.checksums import checksum
from engine.errors import PictureError
from engine.job import AUTO_SIZE, Job, Region
from engine.jobfile import with_paths
from engine.output_files import inputs, outputs, paths_in_settings
from engine.pictures.image_reader import identify
from engine.pictures.picture import read_settings

NOT_OF_THE_PICTURE = ("threads", "device", "memory", "output", "report")
"""Fields of a job that a finished picture is not painted again for."""


def settings_if_same(item: BatchItem) -> dict[str, Any] | None:
    """Return the settings of a result that is there and needs no painting; else None.

    It needs none if its settings are those of the item's job, and if its inputs have the content
    that the files have now.
    """
    first = None
    for file in outputs(item.job):
        try:
            settings = read_settings(file)
        except (PictureError, MemoryError):
            return None
        if not _same(item.job, settings):
            return None
        first = first or settings
    return first


def picture_size(path: str | Path) -> tuple[int, int] | None:
    """Return the sides of a picture in pixels, the shorter first; None if it cannot be read."""
    try:
        with identify(Path(path)) as image:
            return min(image.size), max(image.size)
    except (PictureError, MemoryError):
        return None


def _same(job: Job, settings: dict[str, Any]) -> bool:
    if settings.get("stopped") is not False:
        return False
    names = paths_in_settings(job)
    wanted = with_paths(job, lambda path: names[path]).to_dict()
    found = settings.get("job")
    if not isinstance(found, dict) or not isinstance(found.get("regions"), list):
        return False
    # A field that a later version has added counts with its default.
    found = {**Job().to_dict(), **found}
    region = Region().__dict__
    found["regions"] = [
        {**region, **each} if isinstance(each, dict) else None for each in found["regions"]
    ]
    if wanted["size"] == AUTO_SIZE:
        if settings.get("automatic_size") is not True:
            return False
        found["size"] = AUTO_SIZE
    for name in NOT_OF_THE_PICTURE:
        del wanted[name], found[name]
    # As a file gives it back, with lists in place of tuples.
    if json.loads(json.dumps(wanted)) != found:
        return False
    return settings.get("inputs") == {names[path]: cached_checksum(path) for path in inputs(job)}


@lru_cache(maxsize=4096)
def _sum(path: str, version: tuple[int, int]) -> str:
    return checksum(path)


def cached_checksum(path: str) -> str:
    """Return the SHA-256 of an input; a style that many pictures share is read once."""
    try:
        status = Path(path).stat()
    except OSError:
        return ""
    return _sum(path, (status.st_mtime_ns, status.st_size))
