"""The pictures of docs/spatial-control.md.

    python docs/spatial-control/make_sheets.py GALLERY EXPERIMENTS

GALLERY is the folder of `scumble gallery`, EXPERIMENTS that of `tests.bench.spatial_control`. Needs
Pillow.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
GAP, LINE = 8, 20


def sheet(file: Path, rows: list[list[tuple[str, Image.Image]]]) -> None:
    """Write rows of pictures with a line of text above each."""
    width = max(sum(picture.width + GAP for _, picture in row) for row in rows)
    heights = [max(picture.height for _, picture in row) + LINE + GAP for row in rows]
    whole = Image.new("RGB", (width + GAP, sum(heights) + GAP), "white")
    draw = ImageDraw.Draw(whole)
    font = ImageFont.load_default(14)
    top = GAP
    for row, height in zip(rows, heights):
        left = GAP
        for text, picture in row:
            draw.text((left, top), text, fill="black", font=font)
            whole.paste(picture, (left, top + LINE))
            left += picture.width + GAP
        top += height
    whole.save(file, quality=85, optimize=True)
    print(f"{file.name}: {whole.width}x{whole.height}, {file.stat().st_size // 1024} KB")


def opened(file: Path, width: int = 0) -> Image.Image:
    """Open a picture and resize it to a width."""
    picture = Image.open(file).convert("RGB")
    if width:
        size = (width, round(picture.height * width / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return picture


def broken(pictures: list[tuple[str, Image.Image]], columns: int) -> list:
    """Break a list of pictures into rows."""
    return [pictures[start : start + columns] for start in range(0, len(pictures), columns)]


def from_gallery(gallery: Path) -> None:
    """Make one sheet per figure of the paper."""
    figures = json.loads((gallery / "metrics.json").read_text("utf-8"))["figures"]
    columns = {"4": 4, "5": 3, "6": 3, "9": 3, "10": 3}
    for number, figure in figures.items():
        rows = []
        for panel in figure["panels"]:
            width = 225 if number == "4" else 300
            shown = {"4": ("content",), "5": ("style",)}.get(number)
            pictures = [
                (each["what"], opened(gallery / each["file"], width))
                for each in panel["inputs"]
                if shown is None or each["what"] in shown
            ]
            # The part after the comma is for the gallery's page, which has more room.
            pictures += [
                (
                    each["caption"].split(", as")[0].replace("²", " squared"),
                    opened(gallery / each["file"], width),
                )
                for each in panel["pictures"]
            ]
            rows += broken(pictures, columns[number])
        sheet(HERE / f"figure-{number}.jpg", rows)


def borders(experiments: Path) -> None:
    """Show the same piece of border by each method, enlarged."""
    rows = []
    for scene, box in (
        ("behind-the-dahlia--Hokusai", (48, 18, 128, 78)),
        ("sky-in-Van-Gogh", (30, 10, 110, 70)),
    ):
        pictures = []
        for method in ("gradient", "stitch", "joint", "joint--inside", "pinned", "cutout"):
            piece = opened(experiments / f"one--{scene}--{method}.png").crop(box)
            larger = piece.resize((4 * piece.width, 4 * piece.height), Image.Resampling.NEAREST)
            pictures.append((method.replace("--", ", "), larger))
        rows += broken(pictures, 3)
    sheet(HERE / "borders.jpg", rows)


def bands(experiments: Path) -> None:
    """Show soft masks by guidance and by number of bands."""
    rows = []
    for scene in ("coffee--woodcut-to-oil", "pagoda--Van-Gogh-to-Hokusai"):
        names = ("joint--T", "joint--T-squared", "banded--3", "banded--5", "banded--7")
        stem = f"soft--wide--{scene}--ramp-0-5"
        pictures = [
            (name.replace("--", ", "), opened(experiments / f"{stem}--{name}.png", 300))
            for name in names
        ]
        rows += broken(pictures, 3)
    sheet(HERE / "bands.jpg", rows)


def thin(experiments: Path) -> None:
    """Show a region of thin lines by four methods."""
    pictures = [
        (method, opened(experiments / f"thin--lines-in-Van-Gogh--{method}.png", 300))
        for method in ("stitch", "joint", "pinned", "cutout")
    ]
    sheet(HERE / "thin.jpg", broken(pictures, 2))


def held_out(experiments: Path) -> None:
    """Show the held-out pictures: hard borders, then ramps."""
    rows = []
    for scene in (
        "one--castle-s-sky--Bridge",
        "one--rock--Arcimboldo",
        "one--arena--Poppies",
        "one--cat-in-an-ellipse--Durer",
        "two--Petra-Hiroshige--around-it-Durer",
    ):
        names = ("stitch", "joint", "pinned", "cutout")
        files = {name: experiments / f"held-out--{scene}--{name}.png" for name in names}
        rows.append([(name, opened(file, 225)) for name, file in files.items() if file.exists()])
    for scene in ("rock--Poppies-to-Bruegel", "cat--Bazille-to-Durer", "castle--Bridge-to-Renoir"):
        names = ("joint--T", "joint--T-squared", "banded--3", "banded--5")
        stem = f"held-out--wide--{scene}--ramp-0-5"
        rows.append(
            [
                (name.replace("--", ", "), opened(experiments / f"{stem}--{name}.png", 225))
                for name in names
            ]
        )
    sheet(HERE / "held-out.jpg", rows)


if __name__ == "__main__":
    from_gallery(Path(sys.argv[1]))
    borders(Path(sys.argv[2]))
    bands(Path(sys.argv[2]))
    thin(Path(sys.argv[2]))
    held_out(Path(sys.argv[2]))
