"""Folders of small pictures for the tests of batches, and the command in this process."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.cli.commands import main
from engine.pictures.picture import Picture, write_picture
from tests.engine.programs import (
    SHALLOW_JOB,
    noise,
)

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NAMES = ("straße", "é", "波", "4")


def make_batch(folder: Path, names: Sequence[str] = NAMES, **fields: Any) -> Path:
    """Put contents, their masks, a style and a job into a folder."""
    (folder / "walk").mkdir()
    (folder / "masks").mkdir()
    ramp = np.tile(np.linspace(0, 255, 48, dtype=np.float32), (40, 1))
    for number, name in enumerate(names):
        write_picture(
            folder / "walk" / f"{name}.png", Picture(noise(number, 40, 48).astype(np.float32))
        )
        mask = np.repeat(np.roll(ramp, number, axis=1)[..., None], 3, axis=2)
        write_picture(folder / "masks" / f"{name}.png", Picture(mask))
    write_picture(folder / "oil.png", Picture(noise(90, 50, 40).astype(np.float32)))
    regions = [{"style": "oil.png", "mask": "masks/{name}.png"}]
    job = {
        "regions": regions,
        "iterations": 2,
        "device": "cpu",
        "threads": 1,
        **SHALLOW_JOB,
        **fields,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    return folder


def batch(folder: Path, *options: str) -> int:
    """Run `scumble batch` over a folder of `make_batch`; return the exit status."""
    given = [str(folder / "job.json"), str(folder / "walk"), "--out", str(folder / "out")]
    return run("batch", *given, *options)


def run(*arguments: str) -> int:
    """Run a command in this process; return the exit status."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        return main(list(arguments))
    finally:  # a finished command ignores them for the rest of its process
        for number, handler in before.items():
            signal.signal(number, handler)


def table(folder: Path) -> list[dict[str, str]]:
    """Return the rows of the closing table."""
    text = (folder / "out" / "scumble-batch.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def statuses(folder: Path) -> dict[str, str]:
    """Return what became of each picture, by its output."""
    return {row["output"]: row["status"] for row in table(folder)}


def results(folder: Path) -> dict[str, bytes]:
    """Return the content of each result, by its name."""
    return {file.stem: file.read_bytes() for file in (folder / "out").glob("*.png")}
