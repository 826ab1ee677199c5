#!/usr/bin/env python3
"""The two style pictures of the demonstration, and its soft masks.

    python docs/demo/paint_styles.py

style-oil.jpg is an oil painting: long curved strokes along whirls, from coarse to fine.
style-woodcut.jpg is a woodcut, printed from three carved blocks. mask.png and protect.png belong to
photo.jpg, style-hills.png to style-oil.jpg. Needs numpy and Pillow. The seeds are fixed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FOLDER = Path(__file__).resolve().parent
WIDTH, HEIGHT = 640, 512
FINE = 2
"""Factor by which everything is drawn larger than it is saved."""

Field = np.ndarray


def main() -> None:
    """Write the pictures into the folder of this file."""
    paint_oil(np.random.default_rng(7)).save(FOLDER / "style-oil.jpg", quality=88)
    cut_wood(np.random.default_rng(11)).save(FOLDER / "style-woodcut.jpg", quality=88)
    draw_mask(SAUCER, CUP).save(FOLDER / "mask.png", optimize=True)
    draw_mask(CUP).save(FOLDER / "protect.png", optimize=True)
    draw_hills().save(FOLDER / "style-hills.png", optimize=True)


SKY = [(14, 24, 66), (24, 52, 122), (44, 92, 168), (92, 146, 200), (160, 196, 214)]
GOLD = [(196, 132, 22), (232, 176, 40), (248, 214, 92), (252, 240, 176)]
EARTH = [(12, 20, 40), (22, 46, 62), (34, 74, 76), (84, 104, 58), (150, 132, 48)]

WHIRLS = (
    # x, y, radius, turn: in parts of the width
    (0.30, 0.26, 0.20, 1.0),
    (0.66, 0.38, 0.15, -1.0),
    (0.88, 0.14, 0.10, 1.0),
    (0.08, 0.52, 0.10, -1.0),
    (0.52, 0.10, 0.07, -1.0),
)
LIGHTS = ((0.30, 0.26, 0.050), (0.88, 0.14, 0.055), (0.66, 0.38, 0.030), (0.08, 0.13, 0.022))


def paint_oil(rng: np.random.Generator) -> Image.Image:
    """Paint whirling air over dark hills, in strokes that follow the whirls."""
    size = (WIDTH * FINE, HEIGHT * FINE)
    paint = Image.new("RGB", size, (20, 30, 60))
    relief = Image.new("L", size, 90)
    on_paint, on_relief = ImageDraw.Draw(paint), ImageDraw.Draw(relief)
    # Width and length in pixels of the saved picture, number of strokes, variation of tone.
    for width, length, count, change in (
        (26.0, 110.0, 700, 12.0),
        (15.0, 90.0, 1500, 18.0),
        (9.0, 70.0, 2600, 22.0),
        (5.0, 44.0, 2000, 26.0),
    ):
        for _ in range(count):
            start = rng.uniform((0, 0), (WIDTH, HEIGHT))
            path = _trace(start, length * rng.uniform(0.5, 1.3), 0.06 * rng.normal())
            color = _oil_color(*path[len(path) // 2], rng) + rng.normal(0, change, 3) * 0.35
            color = color + rng.normal(0, change)
            _stroke(on_paint, on_relief, path, width * rng.uniform(0.7, 1.2), color, rng)
    return _lit(paint, relief)


def _flow(x: float, y: float) -> float:
    """Return the direction of the strokes at a point, in radians."""
    u, v = x / WIDTH, y / WIDTH
    horizon = _horizon(u)
    if v > horizon:
        return 0.5 * np.cos(5 * u + 2) + 0.8 * (v - horizon) - 0.2
    dx, dy = 1.0, 0.22 * np.cos(7 * u + 3 * v)
    for cx, cy, radius, turn in WHIRLS:
        px, py = u - cx, v - cy
        distance = np.hypot(px, py) + 1e-6
        pull = 4.0 * np.exp(-((distance / radius) ** 2))
        # Around the center and slightly inward, so that the strokes form a spiral.
        dx += pull * (-turn * py - 0.18 * px) / distance
        dy += pull * (turn * px - 0.18 * py) / distance
    return float(np.arctan2(dy, dx))


def _horizon(u: float | Field) -> float | Field:
    return 0.60 + 0.05 * np.sin(6 * u + 0.6) - 0.07 * np.exp(-(((u - 0.85) / 0.18) ** 2))


def _trace(start: np.ndarray, length: float, bend: float) -> list[tuple[float, float]]:
    """Return a path along the flow, both ways from its start, slightly bent."""
    step = 3.0
    path = [tuple(start)]
    for sign in (1.0, -1.0):
        x, y = start
        half = []
        for i in range(int(length / 2 / step)):
            angle = _flow(x, y) + bend * i / 4
            x, y = x + sign * step * np.cos(angle), y + sign * step * np.sin(angle)
            half.append((x, y))
        path = path + half if sign > 0 else half[::-1] + path
    return path


def _mix(ramp: list[tuple[int, int, int]], position: float) -> np.ndarray:
    """Return the color at `position` (0 to 1) on a ramp of colors."""
    place = np.clip(position, 0, 1) * (len(ramp) - 1)
    low = min(int(place), len(ramp) - 2)
    colors = np.array(ramp, float)
    return colors[low] + (place - low) * (colors[low + 1] - colors[low])


def _oil_color(x: float, y: float, rng: np.random.Generator) -> np.ndarray:
    u, v = x / WIDTH, y / WIDTH
    horizon = _horizon(u)
    if v > horizon:
        rows = 0.5 + 0.5 * np.sin(30 * (v - horizon) + 4 * np.sin(4 * u))
        return _mix(EARTH, 0.75 * rows + rng.normal(0, 0.12))
    tone = 0.16 + 0.5 * (v / horizon) ** 2
    for cx, cy, radius, _ in WHIRLS:
        distance = np.hypot(u - cx, v - cy) / radius
        turned = distance * 9 - np.arctan2(v - cy, u - cx)
        tone += 0.34 * np.exp(-(distance**2)) * (0.6 + np.cos(turned))
    color = _mix(SKY, tone + rng.normal(0, 0.10))
    for cx, cy, radius in LIGHTS:
        distance = np.hypot(u - cx, v - cy) / radius
        glow = np.exp(-((distance / 1.7) ** 2)) + 0.5 * np.exp(-(((distance - 2.6) / 0.7) ** 2))
        bright = _mix(GOLD, 1.15 - 0.35 * distance + rng.normal(0, 0.15))
        # One paint or the other; a mixture of blue and gold would be a dull green.
        if rng.random() < glow:
            color = bright
    if rng.random() < 0.06:
        color = color + 0.6 * (_mix(GOLD, rng.random()) - color)
    return color


def _stroke(
    on_paint: ImageDraw.ImageDraw,
    on_relief: ImageDraw.ImageDraw,
    path: list[tuple[float, float]],
    width: float,
    color: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Draw one stroke bristle by bristle, each with its own tone, length and thickness."""
    points = np.array(path) * FINE
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    bristles = max(int(width * 0.8), 3)
    position = np.linspace(-0.5, 0.5, bristles)
    tones = np.convolve(rng.normal(0, 17, bristles + 2), [0.25, 0.5, 0.25], "valid")
    # The brush presses at the start and lifts at the end.
    taper = np.clip(
        np.minimum(np.linspace(0.4, 3, len(points)), np.linspace(3, 0.3, len(points))), 0, 1
    )
    for offset, tone in zip(position, tones):
        first = int(rng.uniform(0, 0.10) * len(points))
        last = len(points) - int(rng.uniform(0, 0.22) * len(points))
        if last - first < 2:
            continue
        line = points + across * (offset * width * FINE * taper)[:, None]
        xy = [tuple(point) for point in line[first:last]]
        rgb = tuple(int(value) for value in np.clip(color + tone, 0, 255))
        thick = max(round(1.5 * width * FINE / bristles), 2)
        on_paint.line(xy, fill=rgb, width=thick, joint="curve")
        # The brush pushes paint to the edges of the stroke.
        height = 110 + 90 * abs(offset) * 2 + 2.2 * tone
        on_relief.line(xy, fill=int(np.clip(height, 0, 255)), width=thick, joint="curve")


def _lit(paint: Image.Image, relief: Image.Image) -> Image.Image:
    """Light the relief of the paint from the upper left, and reduce the picture."""
    height = np.asarray(relief.filter(ImageFilter.GaussianBlur(0.8 * FINE)), float)
    down, right = np.gradient(height)
    light = np.clip(-(right + down) * 1.6, -34, 46)
    lit = np.clip(np.asarray(paint, float) + light[..., None], 0, 255)
    return _small(lit)


def _small(pixels: np.ndarray) -> Image.Image:
    image = Image.fromarray(pixels.astype(np.uint8))
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


PAPER = (243, 228, 196)
INKS = {"ochre": (226, 160, 58), "red": (196, 62, 34), "brown": (52, 26, 22)}
SUN = (0.62, 0.27, 0.11)


def cut_wood(rng: np.random.Generator) -> Image.Image:
    """Print a sun over hills and fields, in three inks on paper, with carved lines."""
    h, w = HEIGHT * FINE, WIDTH * FINE
    v, u = np.mgrid[0:h, 0:w] / float(w)
    # A knife does not cut straight.
    u = u + 0.004 * _cloud(rng, 40) + 0.0012 * _cloud(rng, 8)
    v = v + 0.004 * _cloud(rng, 40) + 0.0012 * _cloud(rng, 8)
    blocks = {name: np.zeros((h, w), bool) for name in INKS}

    distance = np.hypot(u - SUN[0], v - SUN[1])
    angle = np.arctan2(v - SUN[1], u - SUN[0])
    sky_dark = np.clip(0.25 + 1.1 * distance, 0, 0.85)
    rays = _cut(angle * 64 / (2 * np.pi) + 1.5 * distance, sky_dark)
    rings = _cut(distance * 42, np.clip(1.4 * distance - 0.1, 0, 0.75))
    disk = distance < SUN[2]
    blocks["ochre"] |= (rings | (distance < 2.1 * SUN[2])) & ~disk
    blocks["red"] |= rays & (distance > 1.25 * SUN[2])
    blocks["red"] |= disk & _cut(distance * 95, 0.72)
    blocks["brown"] |= _cut(angle * 32 / (2 * np.pi) + 1.5 * distance, 0.55 * sky_dark - 0.12) & (
        distance > 2.6 * SUN[2]
    )

    # Hills from far to near: outline, density and slope of the lines, and inks.
    for base, swing, wave, shift, lines, slope, ground, ink, dark in (
        (0.43, 0.045, 7.0, 0.3, 60, 0.9, "ochre", "red", 0.42),
        (0.50, 0.055, 5.0, 2.1, 52, -0.7, "red", "brown", 0.46),
        (0.58, 0.045, 6.0, 4.0, 46, 0.5, "ochre", "brown", 0.52),
        (0.67, 0.040, 4.0, 0.9, 40, -0.4, "red", "brown", 0.62),
    ):
        outline = base + swing * np.sin(wave * u + shift) + 0.012 * np.sin(3.1 * wave * u)
        below = v > outline
        for block in blocks.values():
            block &= ~below
        depth = v - outline
        shade = np.clip(dark + 0.30 * np.sin(wave * u * 1.7 + shift + 9 * depth), 0.12, 0.9)
        furrows = _cut(lines * (depth * 1.6 + slope * 0.25 * np.sin(3 * u + 8 * depth)), shade)
        across = _cut(lines * 1.3 * (u * 0.8 + slope * v), shade - 0.42)
        blocks[ground] |= below & _cut(lines * 0.5 * (u + slope * v), np.full_like(u, 0.86))
        blocks[ink] |= below & (furrows | across)
        blocks["brown"] |= np.abs(depth) < 0.0035
    for place in rng.uniform((0.03, 0.0), (0.97, 1.0), (26, 2)):
        _tree(blocks, u, v, place[0], 0.50 + 0.24 * place[1], rng)
    return _printed(blocks, rng)


def _cut(phase: Field, tone: Field | float) -> Field:
    """Return carved lines: where ink stays. `tone` (0..1) is the inked share of each period."""
    wave = np.abs((phase % 1.0) - 0.5) * 2
    return wave < tone


def _tree(
    blocks: dict[str, Field],
    u: Field,
    v: Field,
    x: float,
    y: float,
    rng: np.random.Generator,
) -> None:
    """Carve a tree: a crown with lines around it, and a trunk."""
    size = 0.018 + 0.07 * (y - 0.45)
    distance = np.hypot((u - x) / 0.8, (v - y + size) / 1.25) / size
    crown = distance < 1 + 0.12 * np.sin(9 * np.arctan2(v - y, u - x) + rng.uniform(0, 6))
    trunk = (np.abs(u - x) < 0.11 * size) & (v > y) & (v < y + 0.75 * size)
    light = 0.62 + 0.5 * ((u - x) + (v - y + size)) / size
    lines = _cut(distance * 3.2 + 0.8 * (u - v) / size, np.clip(light, 0.25, 0.95))
    for block in blocks.values():
        block &= ~(crown | trunk)
    blocks["ochre"] |= crown & (light < 0.75)
    blocks["red"] |= crown & (light >= 0.75)
    blocks["brown"] |= (crown & lines) | trunk


def _printed(blocks: dict[str, Field], rng: np.random.Generator) -> Image.Image:
    """Print the blocks on paper, slightly misaligned and with uneven ink."""
    sheet = np.array(PAPER, float) + 5 * _cloud(rng, 3)[..., None]
    for (name, block), (down, right) in zip(blocks.items(), ((2, -2), (-1, 2), (0, 0))):
        moved = np.roll(block, (down * FINE // 2, right * FINE // 2), (0, 1)).astype(np.uint8) * 255
        edge = Image.fromarray(moved).filter(ImageFilter.GaussianBlur(0.6 * FINE))
        cover = np.asarray(edge, float) / 255
        # Grain of the wood, and spots that the roller missed.
        cover *= np.clip(0.93 + 0.06 * _cloud(rng, 2) + 0.06 * _cloud(rng, 60), 0.55, 1)
        sheet += cover[..., None] * (np.array(INKS[name], float) - sheet)
    return _small(np.clip(sheet, 0, 255))


def _cloud(rng: np.random.Generator, scale: float) -> Field:
    """Return smooth noise of mean 0 and deviation 1 with a grain of `scale` saved pixels."""
    small = (max(int(HEIGHT / scale), 2), max(int(WIDTH / scale), 2))
    image = Image.fromarray(rng.normal(0, 1, small).astype(np.float32))
    noise = np.asarray(image.resize((WIDTH * FINE, HEIGHT * FINE), Image.Resampling.BICUBIC))
    return noise / noise.std()


SAUCER, CUP = (76, 62, 482, 388), (170, 14, 414, 260)
"""Ellipses over the photograph, in coordinates of 600x400."""


def draw_mask(*boxes: tuple[int, int, int, int]) -> Image.Image:
    """Draw ellipses over the photograph in white, with a soft border."""
    large = Image.new("L", (600 * FINE, 400 * FINE), 0)
    draw = ImageDraw.Draw(large)
    for box in boxes:
        draw.ellipse([edge * FINE for edge in box], fill=255)
    return large.filter(ImageFilter.GaussianBlur(9 * FINE)).resize((540, 360))


def draw_hills() -> Image.Image:
    """Draw the hills of the oil painting in white."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / float(WIDTH)
    return Image.fromarray(np.where(y > _horizon(x), 255, 0).astype(np.uint8))


if __name__ == "__main__":
    main()
