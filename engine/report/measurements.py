"""Measurements of a run for its report: settings, losses, metrics, time and memory."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import __version__, output_files
from engine.job import Job
from engine.loss_plot import parts_of
from engine.masks.regions import LoadedRegion, load_regions, protect_mask
from engine.masks.softness import is_soft, soft_share
from engine.memory import memory
from engine.methods import METHODS
from engine.metrics.metric_table import Metric, border_metrics, region_style_metric
from engine.network import open_network
from engine.pictures.picture import read_stored
from engine.pictures.stored import StoredPicture
from engine.protocol import plain
from engine.report.guidance_maps import SheetRow, guidance_rows, in_numbers, protect_row
from engine.setup.machine import DISTRIBUTIONS
from engine.translations import ENGLISH, N_, in_language

if TYPE_CHECKING:
    from pathlib import Path

    from engine.loss_curve import LossCurve
    from engine.run import Result

PACKAGES = ("numpy", "scipy", "pillow", "protobuf", "matplotlib", *DISTRIBUTIONS)

NO_BORDER = N_("The mask has no border to measure at.")
OTHERS_PAINT = N_("leak: other regions paint outside this one; see all regions together.")

ELSEWHERE = 0.05
"""Value of another region's mask above which its paint is no leak of this one."""


@dataclass(frozen=True)
class Measurements:
    """The contents of a report.

    Attributes
    ----------
    numbers : dict
        The contents of report.json, in JSON's own types.
    content, result : StoredPicture
        As they are in their files.
    regions : list of LoadedRegion
    rows : list of SheetRow
        The rows of the contact sheet.
    """

    numbers: dict[str, Any]
    content: StoredPicture
    result: StoredPicture
    regions: list[LoadedRegion]
    rows: list[SheetRow]


def measure_run(
    job: Job, result: Result, files: Sequence[Path], writing: float, peak: int
) -> Measurements:
    """Gather the numbers of a run whose picture is written.

    Parameters
    ----------
    job : Job
    result : Result
    files : sequence of Path
        The files written, the picture first; it is measured as it is in its file.
    writing : float
        Seconds that this took.
    peak : int
        The most bytes of memory that painting and writing have had.

    Raises
    ------
    PictureError
        If a file is no longer there.
    """
    content, painted = read_stored(job.content), read_stored(files[0])
    regions, _ = load_regions(job, content.size)
    masks = [region.mask.resized(result.working_size) for region in regions]
    names = [region.name for region in regions]
    rows, unseen = guidance_rows(job, result.method, names, masks)
    protected = protect_mask(job, content.size)
    if protected is not None:
        rows.append(protect_row(job, protected.resized(result.working_size)))
    minimizing = sum(curve.seconds for curve in result.curves)
    numbers = {
        **output_files.settings(job, result),
        "report": 1,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "method": result.method,
        "content_size": list(content.size),
        "regions": _regions(job, regions, content, painted),
        "guidance": in_numbers(rows),
        "guidance_notes": unseen,
        "loss_by_scale": [_losses(curve, keeps_best=METHODS[result.method].has_best)
                   for curve in result.curves],
        "evaluations": result.evaluations,
        "seconds_per_evaluation": minimizing / result.evaluations,
        "seconds": {**result.stages, "writing": writing, "all": result.seconds + writing},
        "memory": {"peak_bytes": peak, "machine_bytes": memory()[0]},
        "versions": versions(),
        "system": platform.platform(),
        "notices": list(result.notices),
    }  # fmt: skip
    return Measurements(plain(numbers), content, painted, regions, rows)


def versions() -> dict[str, str]:
    """Return the versions of what runs."""
    found = {"scumble": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # of onnxruntime's distributions there is one
    return found


def _losses(curve: LossCurve, *, keeps_best: bool) -> dict[str, Any]:
    """Return one picture's losses at one scale, first and in the picture that was kept."""
    history = curve.history
    last = min(history, key=lambda parts: sum(parts.values())) if keeps_best else history[-1]
    parts = parts_of([curve])
    return {
        "scale": curve.scale,
        "picture_of_region": None if curve.region is None else curve.region + 1,
        "size": list(curve.size),
        "evaluations": len(history),
        "seconds": curve.seconds,
        "seconds_per_evaluation": curve.seconds / len(history),
        "start": {str(part): history[0].get(part, 0.0) for part in parts},
        "end": {str(part): last.get(part, 0.0) for part in parts},
    }


@in_language(ENGLISH)  # as report.json is
def _regions(
    job: Job, regions: list[LoadedRegion], content: StoredPicture, painted: StoredPicture
) -> list[dict[str, Any]]:
    """Return every region's coverage and metrics; more regions together are one more entry."""
    width = content.size[1]
    before, after = content.columns(0, width), painted.columns(0, width)
    network = open_network(Job(device=job.device, threads=job.threads))
    entries = []
    for number, region in enumerate(regions):
        mask = region.mask.whole()
        others = [each.mask.whole() for each in regions if each is not region]
        metrics, notes = _border(before, after, mask, others)
        metric, more = region_style_metric(network, after, region.style, mask, region.style_mask)
        about = _about(region.name, mask, [*metrics, metric], [*notes, *more])
        entries.append({"region": number + 1, **about})
    if len(regions) > 1:
        together = np.minimum(sum(region.mask.whole() for region in regions), 1)
        about = _about("all regions", together, *_border(before, after, together, []))
        entries.append({"region": None, **about})
    return entries


def _about(name: str, mask: np.ndarray, metrics: list[Metric], notes: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "coverage": float(mask.mean(dtype=np.float64)),
        "mask": "soft" if is_soft(mask) else "hard",
        "soft_share": soft_share(mask),
        "metrics": {each.name: each.value for each in metrics},
        "labels": {each.name: each.label for each in metrics},
        "notes": notes,
    }


def _border(
    before: np.ndarray, after: np.ndarray, mask: np.ndarray, others: list[np.ndarray]
) -> tuple[list[Metric], list[str]]:
    """Measure at the mask's border what can be."""
    inside = mask >= 0.5
    if not is_soft(mask) and (inside.all() or not inside.any()):
        return [], [NO_BORDER]
    metrics, notes = border_metrics(before, after, mask)
    leaks = [each for each in metrics if each.name.startswith("leak")]
    if leaks and any((other[~inside] > ELSEWHERE).any() for other in others):
        metrics = [each for each in metrics if each not in leaks]
        notes = [note for note in notes if not note.startswith("leak")]
        notes.append(OTHERS_PAINT)
    return metrics, notes
