"""Pictures of docs/gimp.md, made again: python -m tests.gimp.doc_pictures, in the checkout.

The example is done in a real GIMP, as the page says, with pictures of the screen. It needs Pillow
and what the tests need, and takes some ten minutes. The photograph and the paintings are the
gallery's.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from PIL import Image

from tests.gimp.gimp_root import CHECKOUT, make_gimp
from tests.gimp.launch import make_scenes

VERSION = "3.2"
PICTURES, PAINTINGS = "engine/gallery/pictures", "engine/paintings"
LARGEST = 240_000
"""Bytes of a picture in the docs."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        gimp = make_gimp(VERSION, Path(folder))
        pictures = f"{gimp.checkout_inside}/{PICTURES}"
        make_scenes(gimp, f"make_example('{pictures}/china.jpg')")
        script = f"{gimp.checkout_inside}/tests/gimp/inside/doc_example.py"
        photo = f"{gimp.tmp_inside}/pagoda.xcf"
        paintings = f"{gimp.checkout_inside}/{PAINTINGS}"
        styles = (f"{paintings}/hokusai-wave.jpg", f"{paintings}/vangogh-auvers.jpg")
        printed = gimp.run("python3", script, VERSION, photo, *styles, seconds=7200)
        for name in json.loads(printed.partition("SEEN ")[2]):
            save(gimp.tmp / f"{name}.png", CHECKOUT / "docs" / f"{name}.jpg")


def save(shot: Path, path: Path) -> None:
    """Save a picture of the screen as a JPEG that is not too large."""
    with Image.open(shot) as opened:
        picture = opened.convert("RGB").crop(
            (0, 0, min(opened.width, 1272), min(opened.height, 880))
        )
    for quality in range(90, 50, -5):
        picture.save(path, quality=quality, optimize=True)
        if path.stat().st_size <= LARGEST:
            print(f"{path}: {picture.width}x{picture.height}, {path.stat().st_size} bytes")
            return
    message = f"{path} is too large."
    raise ValueError(message)


if __name__ == "__main__":
    main()
