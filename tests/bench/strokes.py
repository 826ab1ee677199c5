"""The time and the memory of an enlargement with strokes, by size and by threads.

    PYTHON -m tests.bench.strokes [--megapixels N ...] [--threads N ...]

PYTHON is the environment that `install.py test` has made. A painting that comes with Scumble stands
for a painted picture of 250,000 pixels, and another one is its style.
"""

from __future__ import annotations

import argparse
import math
import os
import threading
import time

import psutil

from engine.paintings.catalog import style_file
from engine.pictures.picture import read_picture
from engine.sizes import planar, resized
from engine.speed import machine
from engine.strokes.enlarging import StrokeSource, enlarge_with_strokes, sizes_between

PAINTED = (433, 577)


def peak(stop: threading.Event, found: list[int]) -> None:
    """Put the most memory that this process has had meanwhile into a list."""
    process = psutil.Process(os.getpid())
    while not stop.wait(0.02):
        found[0] = max(found[0], process.memory_info().rss)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megapixels", type=float, nargs="*", default=[1, 4, 12, 24])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    given = parser.parse_args()
    style = planar(read_picture(style_file("vangogh-starry-night")).rgb)
    painting = resized(planar(read_picture(style_file("hokusai-wave")).rgb), PAINTED)
    everywhere = resized(painting, PAINTED)[0] * 0 + 1
    source = StrokeSource(style, style[0] * 0 + 1, 1.0, everywhere)
    print(machine())
    print("| megapixels | threads | seconds | CPU seconds | seconds per pixel | memory |")
    print("|---|---|---|---|---|---|")
    for megapixels in given.megapixels:
        times = math.sqrt(megapixels * 1e6 / math.prod(PAINTED))
        size = round(PAINTED[0] * times), round(PAINTED[1] * times)
        for threads in given.threads:
            before = psutil.Process(os.getpid()).memory_info().rss
            stop, most = threading.Event(), [before]
            watch = threading.Thread(target=peak, args=(stop, most))
            watch.start()
            began, cpu = time.perf_counter(), time.process_time()
            enlarge_with_strokes(painting, size, [source], threads)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            stop.set()
            watch.join()
            each = seconds / sum(map(math.prod, sizes_between(PAINTED, size)))
            print(
                f"| {megapixels:g} | {threads} | {seconds:.1f} | {cpu:.1f} | {each * 1e6:.2f}e-6 "
                f"| {(most[0] - before) / 1e6:.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
