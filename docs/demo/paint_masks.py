#!/usr/bin/env python3
"""Hard masks of the photographs, drawn from their colors and outlines.

    python docs/demo/paint_masks.py

sky.png belongs to china.jpg of the gallery; flower-mask.png and its inverse, flower-background.png,
belong to flower.jpg; cup.png belongs to photo.jpg in this folder. The masks are black and white,
with one pixel of smoothing along the outline. Needs numpy, SciPy and Pillow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from scipy import ndimage

DEMO = Path(__file__).resolve().parent
GALLERY = DEMO.parents[1] / "engine" / "gallery" / "pictures"


def main() -> None:
    """Write each mask into the folder of its photograph."""
    draw_sky(_read(GALLERY / "china.jpg")).save(GALLERY / "sky.png", optimize=True)
    flower = draw_flower(_read(GALLERY / "flower.jpg"))
    flower.save(GALLERY / "flower-mask.png", optimize=True)
    ImageOps.invert(flower).save(GALLERY / "flower-background.png", optimize=True)
    draw_cup().save(DEMO / "cup.png", optimize=True)


HORIZON = 206
"""Row of china.jpg; below it, pale blue is the lake."""


def draw_sky(photo: np.ndarray) -> Image.Image:
    """Draw the sky behind the pagoda: bright, nearly gray or blue, and connected to the top."""
    red, green, blue = (ndimage.gaussian_filter(channel, 0.7) for channel in photo)
    pale = (blue > 165) & (blue >= red - 4) & (green >= red - 12) & (red > 140)
    pale[HORIZON:] = False
    return _hard(_joined(pale, [(0, 0), (0, photo.shape[2] - 1)]))


def draw_flower(photo: np.ndarray) -> Image.Image:
    """Draw the whole dahlia: far more red than blue, or pale, and connected to its middle."""
    red, _, blue = (ndimage.gaussian_filter(channel, 1.0) for channel in photo)
    warm = (red > 95) & (red - blue > 12)
    warm[360:] = False  # where the second flower begins
    return _hard(ndimage.binary_fill_holes(_joined(warm, [(200, 310)])))


def draw_cup() -> Image.Image:
    """Draw the cup and its saucer of photo.jpg."""
    large = Image.new("L", (4 * 600, 4 * 400), 0)
    draw = ImageDraw.Draw(large)
    for box in ((76, 62, 482, 388), (170, 14, 414, 260)):
        draw.ellipse([edge * 4 for edge in box], fill=255)
    return large.resize((540, 360), Image.Resampling.BOX)


def _read(file: Path) -> np.ndarray:
    """Return a picture as floats, shape (3, height, width)."""
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"), np.float64).transpose(2, 0, 1)


def _joined(found: np.ndarray, seeds: list[tuple[int, int]]) -> np.ndarray:
    """Keep the parts connected to one of the seeds (row, column)."""
    labels, _ = ndimage.label(found)
    return np.isin(labels, [labels[seed] for seed in seeds if labels[seed]])


def _hard(region: np.ndarray) -> Image.Image:
    """Smooth the outline over one pixel."""
    soft = ndimage.gaussian_filter(region.astype(np.float64), 0.6)
    soft = np.clip((soft - 0.5) * 1.6 + 0.5, 0, 1)
    return Image.fromarray(np.round(255 * soft).astype(np.uint8))


if __name__ == "__main__":
    main()
