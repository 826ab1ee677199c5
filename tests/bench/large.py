"""Large photographs painted in three ways, for docs/large.md, with figures.

    PYTHON -m tests.bench.large FOLDER [--iterations N] [--memory GB] [--only N ...] \
        [--versions NAME ...]

PYTHON is the environment that `install.py test` has made. SCUMBLE_LARGE names the folder of the
photographs (see `look_scenes`). Three photographs are painted at 250,000 pixels and enlarged,
smoothly and with strokes, and at their own size; three more only at their own size. FOLDER gets the
paintings, a sheet for each photograph (whole, and a piece at 1:1) and a table of figures. What is
there already is not painted again. `--iterations` counts for the own size alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from engine.metrics.detail import detail
from engine.metrics.grid import grid
from engine.paintings.catalog import style_file
from engine.pictures.picture import read_picture
from engine.sizes import planar
from tests.bench.look_scenes import LARGE

WIDTH, HEIGHT, GAP, LINE = 560, 400, 8, 20
"""Pixels of each picture in a sheet, and between them."""


class Scene(NamedTuple):
    """A photograph, a painting of Scumble's own, and the corner of the piece shown at 1:1.

    `versions` are the ways in which it is painted, of `VERSIONS`.
    """

    name: str
    content: str
    style: str
    corner: tuple[int, int]
    versions: tuple[str, ...]


VERSIONS = {
    "smooth": ["--size", "250000", "--enlargement", "smooth"],
    "strokes": ["--size", "250000"],
    "full": ["--size", "full"],
}
"""The ways of painting, and their options."""

ALL, FULL = tuple(VERSIONS), ("full",)
PEAKS = "picosdeeuropa_by_Aitzol_Berasategi.jpg"
SCENES = (
    Scene("dragonfly", "Dragonfly_by_Bolly.jpg", "vangogh-starry-night", (1900, 1300), ALL),
    Scene("mountains", PEAKS, "hiroshige-snow", (1300, 700), ALL),
    Scene("brook", "life_by_Aitzol_Berasategi.jpg", "renoir-galette", (1200, 700), ALL),
    Scene("sunset", "sunset_by_Aitzol_Berasategi.jpg", "vangogh-auvers", (700, 1900), FULL),
    Scene("room", "Wine_by_Jakkub_Mede.jpg", "bruegel-harvesters", (1000, 600), FULL),
    Scene(
        "dandelion", "seeding_by_Clements_Engelhardt.jpg", "cassatt-summertime", (1500, 900), FULL
    ),
)


def paint(scene: Scene, result: Path, options: list[str]) -> None:
    """Paint a photograph by the command line, unless the result is there, and print the time."""
    if result.exists():
        return
    began = time.perf_counter()
    command = [sys.executable, "-m", "engine", "stylize", str(LARGE / scene.content), str(result)]
    command += ["--style", scene.style, "--quiet", *options]
    subprocess.run(command, check=True)
    print(f"{result.name}: {(time.perf_counter() - began) / 60:.1f} minutes", flush=True)


def figures(scene: Scene, result: Path) -> str:
    """Return a row of the table: detail by octave and grid at each period."""
    picture = planar(read_picture(result).rgb)
    style = planar(read_picture(style_file(scene.style)).rgb)
    octaves = " / ".join(f"{each:.2f}" for each in detail(picture, style))
    periods = " / ".join(f"{each:.2f}" for each in grid(picture, style))
    return f"| {result.stem} | {octaves} | {periods} |"


def sheet(scene: Scene, results: dict[str, Path], file: Path) -> None:
    """Write the photograph and the paintings, whole above and a piece at 1:1 below."""
    files = {"photograph": LARGE / scene.content, **results}
    whole = Image.new("RGB", ((WIDTH + GAP) * len(files), (HEIGHT + LINE + GAP) * 2), "white")
    draw = ImageDraw.Draw(whole)
    for column, (name, each) in enumerate(files.items()):
        with Image.open(each) as opened:
            picture = opened.convert("RGB")
        left, top = column * (WIDTH + GAP), HEIGHT + LINE + GAP
        x, y = scene.corner
        small = picture.copy()
        small.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        font = ImageFont.load_default(14)
        draw.text((left, 0), f"{name}, {picture.width}x{picture.height}", "black", font)
        whole.paste(small, (left, LINE))
        draw.text((left, top), f"{name}, a piece at 1:1", "black", font)
        whole.paste(picture.crop((x, y, x + WIDTH, y + HEIGHT)), (left, top + LINE))
    whole.save(file, quality=82, optimize=True)


def row(scene: Scene, result: Path, file: Path) -> None:
    """Write the photograph, the painting, and a piece of it at 1:1, side by side."""
    pictures = []
    for each in (LARGE / scene.content, result):
        with Image.open(each) as opened:
            painted = opened.convert("RGB")
        pictures.append(painted.copy())
        pictures[-1].thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    x, y = scene.corner
    pictures.append(painted.crop((x, y, x + WIDTH, y + pictures[-1].height)))
    width = sum(each.width + GAP for each in pictures) - GAP
    whole = Image.new("RGB", (width, pictures[-1].height), "white")
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + GAP
    whole.save(file, quality=82, optimize=True)


def main() -> None:
    """Paint, measure and write the sheets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=150)
    parser.add_argument("--memory", default="0")
    parser.add_argument("--versions", nargs="+", choices=VERSIONS, default=list(VERSIONS))
    parser.add_argument("--only", type=int, nargs="*", default=range(len(SCENES)))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for scene in [SCENES[number] for number in given.only]:
        results = {}
        for name in [each for each in given.versions if each in scene.versions]:
            results[name] = given.folder / f"{scene.name}-{name}.png"
            options = [*VERSIONS[name], "--memory", given.memory]
            if name == "full":
                options += ["--iterations", str(given.iterations)]
            paint(scene, results[name], options)
            rows.append(figures(scene, results[name]))
            print(rows[-1], flush=True)
        file = given.folder / f"{scene.name}.jpg"
        if tuple(results) == FULL == scene.versions:
            row(scene, results["full"], file)
        elif len(results) == len(VERSIONS):
            sheet(scene, results, file)
    print("\n".join(("| painting | detail | grid |", "|---|---|---|", *rows)))


if __name__ == "__main__":
    main()
