"""Flicker of painted frames: how much two results differ where the camera does not move.

    python -m tests.bench.frames [--frames 3] [--pixels 20000] [--iterations 40]

Frames are one photograph with another grain each (2 of 255). Prints the mean difference between
results of consecutive frames, 0..255, for each way to start.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from pathlib import Path

import numpy as np

from engine.job import Job, Region
from engine.pictures.picture import Picture, read_picture, write_picture
from engine.run import stylize
from engine.sizes import resize, working_size
from engine.warm import Warm

PICTURES = Path(__file__).resolve().parent / "pictures"
STARTS = {
    "content": [0, 0, 0],
    "colors": [0, 0, 0],
    "noise": [0, 0, 0],
    "noise, another seed for each frame": [0, 1, 2],
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--pixels", type=int, default=20_000)
    parser.add_argument("--iterations", type=int, default=40)
    given = parser.parse_args()
    photo = read_picture(PICTURES / "cat.jpg").rgb
    height, width = photo.shape[:2]
    photo = np.clip(resize(photo, working_size(height, width, given.pixels)), 0, 255)
    warm = Warm()
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number in range(given.frames):
            grain = np.random.default_rng(number).normal(0, 2, photo.shape)
            files.append(Path(folder, f"{number}.png"))
            write_picture(files[-1], Picture((photo + grain).astype(np.float32)))
        frames = [read_picture(file).rgb for file in files]
        print(f"frames themselves: {flicker(frames):.2f}")
        for start, seeds in STARTS.items():
            results = []
            for file, seed in zip(files, seeds):
                job = Job(
                    content=str(file), output=str(Path(folder, "out.png")), size=0, scales=1,
                    regions=(Region(str(PICTURES / "renoir.jpg")),), device="cpu",
                    iterations=given.iterations, init=start.partition(",")[0], seed=seed,
                )  # fmt: skip
                stop = threading.Event()
                done = stylize(job, lambda event: None, stop, previews=False, warm=warm)
                results.append(done.picture.rgb)
            print(f"{start}: {flicker(results):.2f}")


def flicker(frames: list[np.ndarray]) -> float:
    """Return the mean absolute difference of consecutive frames."""
    pairs = zip(frames, frames[1:])
    return float(np.mean([np.abs(one - other).mean() for one, other in pairs]))


if __name__ == "__main__":
    main()
