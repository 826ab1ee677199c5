"""The picture at the top of the README: the demonstration's result, with its inputs beside it.

    python3 install.py demo --out RESULT
    python docs/demo/make_example.py RESULT

Needs Pillow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
PAINTINGS = HERE.parents[1] / "engine" / "paintings"
GAP = 10
WIDE, NARROW = (176, 117), (86, 117)
"""Width and height of the inputs: the photograph and the mask; each of the two styles."""


def main() -> None:
    """Write example.jpg."""
    with Image.open(sys.argv[1]) as opened:
        result = opened.convert("RGB")
    left = result.width + GAP
    whole = Image.new("RGB", (left + WIDE[0], result.height), "white")
    whole.paste(result, (0, 0))
    second = left + WIDE[0] - NARROW[0]
    inputs = [
        (HERE / "photo.jpg", WIDE, (left, 0)),
        (HERE / "mask.png", WIDE, (left, (result.height - WIDE[1]) // 2)),
        (PAINTINGS / "vangogh-auvers.jpg", NARROW, (left, result.height - NARROW[1])),
        (PAINTINGS / "hokusai-wave.jpg", NARROW, (second, result.height - NARROW[1])),
    ]
    for file, size, place in inputs:
        with Image.open(file) as opened:
            whole.paste(ImageOps.fit(opened.convert("RGB"), size), place)
    whole.save(HERE / "example.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
