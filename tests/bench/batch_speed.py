"""`scumble batch` against a shell loop of `scumble stylize`, and with workers that are killed.

    python -m tests.bench.batch_speed FOLDER loop|one|workers|killed [--pictures N] [--iterations N]
                                [--start N] [--workers N] [--size N] [--seconds N]

Makes pictures of 0.1 megapixels in FOLDER, cut from the bench's photographs, and paints them:
one command after the other (`loop`), in one process (`one`), on workers (`workers`), or on workers
of which one is killed every so many seconds (`killed`). Prints wall and processor seconds of all
processes, checks that every picture is there, and counts those that were written more than once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
from PIL import Image

from engine.pictures.picture import read_settings

PICTURES = Path(__file__).resolve().parent / "pictures"
WIDTH, HEIGHT = 400, 250


def make_contents(folder: Path, count: int) -> list[Path]:
    """Cut so many pictures of 0.1 megapixels."""
    photos = sorted(PICTURES.glob("*.jpg"))
    cut = random.Random(7)
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        file = folder / "photos" / f"{number:03}.png"
        made.append(file)
        if file.exists():
            continue
        with Image.open(photos[number % len(photos)]) as image:
            picture = image.convert("RGB")
        left = cut.randint(0, max(picture.width - WIDTH, 0))
        top = cut.randint(0, max(picture.height - HEIGHT, 0))
        picture.crop((left, top, left + WIDTH, top + HEIGHT)).save(file)
    return made


def kill_workers(parent: int, seconds: float, ended: threading.Event, killed: list[int]) -> None:
    """Kill a process that paints, every so many seconds."""
    while not ended.wait(seconds):
        with suppress(psutil.Error):
            children = psutil.Process(parent).children()
            busy = [each for each in children if each.cpu_times().user > 2]
            if busy:
                victim = busy[len(killed) % len(busy)]
                os.kill(victim.pid, signal.SIGKILL)
                killed.append(victim.pid)


def watch_results(
    out: Path, ended: threading.Event, versions: dict[str, set[tuple[int, int]]]
) -> None:
    """Note every file that ever stood under the name of a result, by its inode and time.

    A result is put in place by a rename, and no picture is painted in a tenth of a second.
    """
    last = False
    while not last:
        last = ended.wait(0.02)
        for each in out.glob("[0-9]*.png"):
            with suppress(FileNotFoundError):
                found = each.stat()
                versions.setdefault(each.name, set()).add((found.st_ino, found.st_mtime_ns))


def main() -> None:
    """Paint and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", choices=("loop", "one", "workers", "killed"))
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=1)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--size", type=int, default=0, help="working size in pixels, 0 for all")
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    contents = make_contents(given.folder, given.start + given.pictures)[given.start :]
    style = str(PICTURES / "renoir.jpg")
    out = given.folder / f"out-{given.part}"
    if out.exists():
        sys.exit(f"{out} exists already: remove it first, since written results are counted.")
    out.mkdir()
    job = {
        "regions": [{"style": style}],
        "size": given.size,
        "scales": 1,
        "iterations": given.iterations,
    }
    (given.folder / "job.json").write_text(json.dumps(job))
    engine = [sys.executable, "-m", "engine"]
    versions: dict[str, set[tuple[int, int]]] = {}
    ended = threading.Event()
    watcher = threading.Thread(target=watch_results, args=(out, ended, versions))
    watcher.start()
    before, began, killed = os.times(), time.perf_counter(), []  # type: ignore[var-annotated]
    if given.part == "loop":
        for content in contents:
            command = [*engine, "stylize", str(content), str(out / content.name), "--quiet"]
            command += ["--style", style, "--size", str(given.size), "--scales", "1"]
            command += ["--iterations", str(given.iterations)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        command = [*engine, "batch", str(given.folder / "job.json"), *map(str, contents), "--out",
                   str(out), "--force", "--quiet"]  # fmt: skip
        workers = 0 if given.part == "one" else given.workers
        command += [] if workers is None else ["--workers", str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if given.part == "killed":
            arguments = (process.pid, given.seconds, ended, killed)
            threading.Thread(target=kill_workers, args=arguments, daemon=True).start()
        status = process.wait()
        if status:
            ended.set()
            sys.exit(f"status {status}")
    after, wall = os.times(), time.perf_counter() - began
    ended.set()
    watcher.join()
    processor = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    there = sum(read_settings(out / each.name)["stopped"] is False for each in contents)
    twice = sorted(name for name, each in versions.items() if len(each) > 1)
    print(
        f"{given.part}: {there} of {len(contents)} pictures, {len(twice)} written more than once "
        f"{twice}, {wall:.1f} s wall, {processor:.1f} s of processors, {len(killed)} workers killed"
    )


if __name__ == "__main__":
    main()
