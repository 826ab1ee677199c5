#!/usr/bin/env python3
"""The pictures of docs/options.md.

    python docs/demo/paint_options.py FOLDER

Copies the demonstration's pictures to FOLDER and runs the commands of the page there, with two more
options for speed. Keeps paintings that exist already. Then puts the results side by side into
docs/options. Needs the engine's environment and model. Takes about ten minutes on two idle cores.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

DEMO = Path(__file__).resolve().parent
CHECKOUT = DEMO.parents[1]
PANELS = DEMO.parent / "options"
SPEED = ("--size", "30000", "--iterations", "30", "--quiet")
CELL = (360, 240)
MOST = 120_000
"""Largest size of a panel, in bytes."""

OIL, WOODCUT = "--style style-oil.jpg", "--style style-woodcut.jpg"

# In this order, because later ones start from earlier ones.
PAINTINGS = {
    "oil": OIL,
    "woodcut": WOODCUT,
    "protected": f"{OIL} --protect protect.png",
    "luminance": f"{OIL} --colors luminance",
    "match": f"{OIL} --colors match",
    "small": f"{WOODCUT} --style-size 0.25",
    "large": f"{WOODCUT} --style-size 4",
    "blend": f"{OIL} mask.png {WOODCUT} mask.png",
    "blend-4": f"{OIL} mask.png {WOODCUT} mask.png --weight 4",
    "hills": f"{OIL} --style-mask style-hills.png",
    "smooth": f"{OIL} --smoothing 100",
    "more": f"{OIL} --init oil.png",
    "over": f"{WOODCUT} --init oil.png",
    "weak": f"{OIL} --strength 0.03",
    "strong": f"{OIL} --strength 10",
    "broad": f"{OIL} --detail 0.25",
    "fine": f"{OIL} --detail 4",
    "fine-brush": f"{OIL} --brush-size 0.25",
    "thick-brush": f"{OIL} --brush-size 4",
    "smoother": f"{OIL} --smoothing 10000",
    "scales": f"{WOODCUT} --scales 3",
    "cutout": f"{OIL} cup.png --uncut",
}

# The panels: files in FOLDER and their labels.
SHOWN = {
    "colors": [
        ("oil.png", "--colors style"),
        ("luminance.png", "--colors luminance"),
        ("match.png", "--colors match"),
    ],
    "style-size": [
        ("small.png", "--style-size 0.25"),
        ("woodcut.png", "--style-size 1"),
        ("large.png", "--style-size 4"),
    ],
    "weights": [
        ("mask.png", "the mask of both styles"),
        ("blend.png", "oil 1, woodcut 1"),
        ("blend-4.png", "oil 1, woodcut 4"),
    ],
    "protect": [
        ("oil.png", "without"),
        ("protect.png", "protect.png, the mask"),
        ("protected.png", "--protect protect.png"),
    ],
    "style-mask": [
        ("oil.png", "the whole style picture"),
        ("style-hills.png", "style-hills.png, the mask"),
        ("hills.png", "the hills only"),
    ],
    "smoothing": [
        ("oil.png", "--smoothing 0"),
        ("smooth.png", "--smoothing 100"),
        ("smoother.png", "--smoothing 10000"),
    ],
    "detail": [
        ("broad.png", "--detail 0.25"),
        ("oil.png", "--detail 1"),
        ("fine.png", "--detail 4"),
    ],
    "brush-size": [
        ("fine-brush.png", "--brush-size 0.25"),
        ("oil.png", "--brush-size 1"),
        ("thick-brush.png", "--brush-size 4"),
    ],
    "init": [
        ("oil.png", "oil.png"),
        ("more.png", "oil, --init oil.png"),
        ("over.png", "woodcut, --init oil.png"),
    ],
    "strength": [
        ("weak.png", "--strength 0.03"),
        ("oil.png", "--strength 1"),
        ("strong.png", "--strength 10"),
    ],
    "scales": [("woodcut.png", "--scales 1"), ("scales.png", "--scales 3")],
    "uncut": [
        ("cup.png", "cup.png, the mask"),
        ("cutout.png", "cutout.png"),
        ("cutout-1.png", "cutout-1.png, with --uncut"),
    ],
}


def main() -> None:
    """Paint the missing pictures and make the panels."""
    if len(sys.argv) != 2:
        sys.exit("Usage: python docs/demo/paint_options.py FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    PANELS.mkdir(exist_ok=True)
    for pattern in ("*.jpg", "*.png"):
        for picture in DEMO.glob(pattern):
            shutil.copy(picture, folder)
    for name, options in PAINTINGS.items():
        paint(folder, name, options)
    for name, cells in SHOWN.items():
        save(side_by_side(folder, cells), PANELS / f"{name}.jpg")


def paint(folder: Path, name: str, options: str) -> None:
    """Paint one picture with the engine, unless it exists."""
    if (folder / f"{name}.png").exists():
        return
    arguments = ["stylize", "photo.jpg", f"{name}.png", *options.split(), *SPEED]
    command = [sys.executable, "-m", "engine", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    subprocess.run(command, cwd=folder, env=environment, check=True)


def side_by_side(folder: Path, cells: list[tuple[str, str]]) -> Image.Image:
    """Return the pictures in one row, each with its label on it."""
    width, height = CELL
    panel = Image.new("RGB", (len(cells) * (width + 4) - 4, height), "white")
    font = ImageFont.load_default(15)
    for number, (file, label) in enumerate(cells):
        with Image.open(folder / file) as picture:
            cell = ImageOps.fit(picture.convert("RGB"), CELL, Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(cell)
        left, top, right, bottom = draw.textbbox((10, 8), label, font=font)
        draw.rectangle((left - 6, top - 5, right + 6, bottom + 5), fill="black")
        draw.text((10, 8), label, font=font, fill="white")
        panel.paste(cell, (number * (width + 4), 0))
    return panel


def save(panel: Image.Image, file: Path) -> None:
    """Write a JPEG in the best quality that fits the largest size."""
    for quality in range(88, 40, -4):
        panel.save(file, quality=quality, optimize=True)
        if file.stat().st_size <= MOST:
            return
    sys.exit(f"{file} is larger than {MOST} bytes even at the lowest quality.")


if __name__ == "__main__":
    main()
