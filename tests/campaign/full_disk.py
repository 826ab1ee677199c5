"""Disks that fill at every write: a small one, on which ever more pages are free."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.job import RUN_FOLDER_PREFIX
from engine.pictures.picture import read_picture
from tests.campaign.case import Case, check, check_sentence
from tests.campaign.home import data_folder
from tests.campaign.processes import (
    SAVE_OFTEN,
    is_gone,
    preload,
    start,
)
from tests.engine.programs import HEIGHT, SHALLOW, SHALLOW_JOB, WIDTH, make_pictures

DISK = 1 << 20
PAGE = 4096
PAGES = 40
"""Free pages are from none to one less than these."""


def why_skipped() -> str:
    """Return why no disk can be made."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("mount"):
        return "a small disk takes root, and Linux's mount."
    return ""


@dataclass
class State:
    """The folder of the pictures, the small disk, and the data folder."""

    place: Path
    disk: Path
    home: Path


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Make a small disk."""
    home = data_folder(folder)
    place, disk = folder / "pictures", folder / "disk"
    for each in (place, disk):
        each.mkdir(exist_ok=True)
    make_pictures(place)
    preload()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1) if _unmount(disk) else None)
    options = ["-t", "tmpfs", "-o", f"size={DISK},mode=777", "tmpfs", str(disk)]
    subprocess.run(["mount", *options], check=True)
    try:
        yield State(place, disk, home)
    finally:
        _unmount(disk)


def _unmount(disk: Path) -> bool:
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
    return True


def attempt(state: State, case: Case) -> str:
    """Paint with so many free pages; nothing that was there is lost."""
    chance, disk = case.chance, state.disk
    for each in disk.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    # A result that had to be saved elsewhere leaves its state.
    shutil.rmtree(state.home / "states", ignore_errors=True)
    # All sizes in turn for one kind of run, then for the next.
    free = case.number % PAGES
    worker = case.number // PAGES % 4 == 3
    name = chance.choice(("out.png", "out.npy", "out.jpg", "out.tif"))
    had = not worker and chance.random() < 0.6
    old = b""
    if had:
        gray = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
        if name.endswith(".npy"):
            np.save(disk / name, gray)
        else:
            Image.fromarray(gray).save(disk / name)
        old = (disk / name).read_bytes()
    home = state.home
    if chance.random() < 0.3:  # the data folder is on the full disk, too
        home = disk / "home"
        (home / "models").mkdir(parents=True)
        model = next((state.home / "models").iterdir())
        (home / "models" / model.name).symlink_to(model.resolve())
    temporary = disk if chance.random() < 0.3 else state.place
    saving = SAVE_OFTEN if chance.random() < 0.5 else ""
    how = f"{free} pages, {name}, worker {worker}, home {home}, in {temporary}, {saving}"
    case.keep("how.txt", how)
    if worker:
        return f"{_worker(state, free, home, saving)}, a worker"
    _fill(disk, free)
    arguments = ["stylize", "content.png", str(disk / name), "--style", "waves.png"]
    arguments += ["--iterations", "1", *SHALLOW]
    report = chance.random() < 0.15
    if report:
        arguments += ["--report", str(disk / "report")]
    with (state.place.parent / "errors").open("w+b") as errors:
        process = start(
            tuple(arguments), state.place, home, fresh=False, stderr=errors,
            before=f"import os, tempfile\ntempfile.tempdir = {str(temporary)!r}\n{saving}",
        )  # fmt: skip
        process.stdin.close()  # type: ignore[union-attr]
        said = process.stdout.read().decode()  # type: ignore[union-attr]
        process.stdout.close()  # type: ignore[union-attr]
        status = process.wait(90)
        errors.seek(0)
        words = errors.read().decode("utf-8", "backslashreplace")
    check(is_gone(process.pid), "a process is left")
    check("Traceback" not in words and "Traceback" not in said, words[-2000:])
    file = disk / name
    new = file.exists() and file.read_bytes() != old
    if new:
        check(read_picture(file).rgb.shape == (HEIGHT, WIDTH, 3), "a partial result")
    else:
        check(file.exists() == had, "the old result is lost")
        check(status, "status 0 without a result")
    left = {each.name for each in disk.iterdir()} - {name, "filler", "home", "report"}
    # What a painting of hours would have cost: it is in a folder that has room.
    saved = {each for each in left if each.startswith("scumble-rescued-")}
    check(left <= saved, f"left on the disk: {left - saved}")
    if status:
        last = words.strip().splitlines()[-1]
        check(last.startswith("scumble stylize: "), last)
        check_sentence(last.partition(": ")[2])
        check("Internal error" not in last, last)
    if not status:
        check(not list(home.glob("states/*/")), "a state is left")
    painted = "saved as" in words or new
    early = "cannot be written to" in words or "cannot be written:" in words
    check(status == 0 or painted or early or report, f"nothing is said: {words[-500:]}")
    where = "new" if new else ("rescued" if "saved as" in words else "refused")
    return f"{where}, status {status}" + (", with a report" if report else "")


def _worker(state: State, free: int, home: Path, saving: str) -> str:
    """Let a worker paint in a run folder on the full disk."""
    folder = state.disk / f"{RUN_FOLDER_PREFIX}x"
    folder.mkdir()
    for name in ("content.png", "waves.png"):
        shutil.copy(state.place / name, folder)
    job = {"content": "content.png", "regions": [{"style": "waves.png"}], "iterations": 2}
    job |= SHALLOW_JOB
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    _fill(state.disk, free)
    process = start(("worker", folder), state.place, home, fresh=False, before=saving)
    assert process.stdout is not None
    assert process.stdin is not None
    last = {}
    for line in process.stdout:
        last = json.loads(line)
        if last["type"] in ("done", "error"):
            break
    process.stdin.close()
    process.stdout.close()
    status = process.wait(90)
    check(not folder.exists(), "the run folder is left")
    if last["type"] == "done":
        check(status == 0, f"done with status {status}")
        return "new"
    check(last["type"] == "error", f"the last line is {last}")
    check(last["code"] in ("disk", "picture"), f"code {last['code']}: {last['message']}")
    check_sentence(last["message"])
    return "error: " + last["code"]


def _fill(disk: Path, pages: int) -> None:
    """Leave so many pages free."""
    with (disk / "filler").open("wb") as file:
        space = os.statvfs(disk)
        there = space.f_bavail * space.f_frsize
        file.write(bytes(max(0, there - pages * PAGE)))
