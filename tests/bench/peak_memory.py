"""Estimated memory against the peak of whole processes, for very different jobs.

    python -m tests.bench.peak_memory [NAME ...]

Each job is painted by a process of its own, with as few steps as fill its memory. The table has the
estimate, the peak that the system counted, and their ratio: 1 is exact, below 1 the estimate was
too low.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

HERE = Path(__file__).resolve().parents[2]

SMALL = {"size": 30_000, "scales": 1}
"""A working size that takes little beside a large content."""

JOBS: dict[str, dict[str, Any]] = {
    "small": {"content": (300, 200)},
    "half a megapixel": {"content": (900, 600), "size": 0},
    "two scales": {"content": (1200, 800), "size": 0},
    "two regions": {"content": (900, 600), "size": 0, "regions": 2},
    "eight regions": {"content": (900, 600), "size": 0, "regions": 8},
    "banded": {"content": (900, 600), "size": 0, "regions": 2, "method": "banded"},
    "stitch": {"content": (600, 400), "size": 0, "regions": 2, "method": "stitch"},
    "max pooling": {"content": (900, 600), "size": 0, "pooling": "max"},
    "long memory": {"content": (450, 300), "size": 0, "lbfgs_memory": 40, "iterations": 42},
    "tiles": {"content": (1500, 1000), "size": 0, "memory": 1.6},
    "24 megapixels": {"content": (6000, 4000), **SMALL},
    "24 megapixels to TIFF": {"content": (6000, 4000), "output": "out.tif", **SMALL},
    "24 megapixels in 16 bits": {"content": (6000, 4000), "depth": 16, **SMALL},
    "24 megapixels in float": {"content": (6000, 4000), "output": "out.npy", **SMALL},
    "24 megapixels, eight masks": {"content": (6000, 4000), "regions": 8, **SMALL},
    "12 megapixels, report": {"content": (4000, 3000), "regions": 2, "report": "report", **SMALL},
    "100 megapixels": {"content": (11600, 8700), "output": "out.jpg", **SMALL},
    "large style": {"content": (240, 160), "style": (8000, 8000)},
}
"""Sizes are width and height; `regions` is a number, half of them hard and half soft."""


def make(folder: Path, job: dict[str, Any]) -> Path:
    """Write the pictures and the job file of one job; return the job file."""
    random = np.random.default_rng(1)
    fields = dict(job)
    width, height = fields.pop("content")
    content = "content.jpg"
    style_width, style_height = fields.pop("style", (800, 600))
    for name, size in (("content", (width, height)), ("style", (style_width, style_height))):
        pixels = random.integers(0, 255, (size[1] // 8 + 1, size[0] // 8 + 1, 3), np.uint8)
        picture = Image.fromarray(pixels).resize(size)
        if name == "content" and fields.pop("depth", 8) == 16:
            tifffile.imwrite(
                folder / "content.tif", np.asarray(picture).astype(np.uint16) * 257,
                photometric="rgb",
            )  # fmt: skip
            content = "content.tif"
        else:
            picture.save(folder / f"{name}.jpg")
    regions = []
    count = fields.pop("regions", 1)
    for number in range(count):
        at = np.linspace(0, count, width)
        soft = number % 2 or fields.get("method") == "banded"
        share = np.clip(1.5 - np.abs(at - number - 0.5) if soft else np.floor(at) == number, 0, 1)
        mask = np.tile((255 * share).astype(np.uint8), (height, 1))
        Image.fromarray(mask).save(folder / f"mask-{number}.png")
        region = {"style": "style.jpg", "mask": f"mask-{number}.png" if count > 1 else ""}
        regions.append(region)
    fields = {"output": "out.png", "iterations": 3, **fields}
    fields.update(content=content, regions=regions)
    file = folder / "job.json"
    file.write_text(json.dumps(fields), encoding="utf-8")
    return file


def measure(job: dict[str, Any]) -> tuple[int, int]:
    """Paint one job; return the estimated and the peak bytes of its process."""
    with tempfile.TemporaryDirectory() as folder:
        file = make(Path(folder), job)
        command = [sys.executable, "-m", "engine", "job", str(file), "--json"]
        with (Path(folder) / "lines").open("w+") as lines:
            process = subprocess.Popen(command, cwd=HERE, stdout=lines)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                message = f"the painting ended with status {process.returncode}"
                raise RuntimeError(message)
            lines.seek(0)
            events = [json.loads(line) for line in lines]
    estimated = next(each["bytes"] for each in events if each["type"] == "estimate")
    return estimated, used.ru_maxrss * 1024


def main() -> None:
    """Print the table."""
    print("| job | estimate, GB | peak, GB | ratio |\n|---|---|---|---|")
    for name in sys.argv[1:] or JOBS:
        estimated, peak = measure(JOBS[name])
        figures = f"{estimated / 1e9:.2f} | {peak / 1e9:.2f} | {estimated / peak:.2f}"
        print(f"| {name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
