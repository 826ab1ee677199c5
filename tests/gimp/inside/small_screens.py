"""The dialog on small screens: it fits, scrolls, remembers its size, and is sharp at scale 2.

Run beside GIMP, not in it. An assertion that fails ends it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from mouse import STYLE
from screen import CHOOSER, DIALOG, Desktop, wait

BUTTONS = ("Help", "Reset", "Cancel", "Paint", "Save Settings")
SCREENS = {"1024x700": ((1024, 700), 1), "1920x1080 at scale 2": ((1920, 1080), 2)}
LINES = 144
"""Pixels of the side of a picture of lines one pixel wide: at scale 2 a thumbnail of 72."""


def main(version: str, photo: str, lines: str) -> dict[str, Any]:
    seen = {}
    for name, (extent, scale) in SCREENS.items():
        size = extent[0], extent[1] - 40
        desktop = Desktop(version, photo, size=size, extent=extent, scale=scale)
        try:
            seen[name] = check_screen(desktop, extent, scale, lines)
        finally:
            desktop.close()
    return seen


def check_screen(
    desktop: Desktop, extent: tuple[int, int], scale: int, lines: str
) -> list[tuple[int, int]]:
    """Return the sizes of the dialog: at first, and after the user has made it smaller."""
    dialog = desktop.open_filter()
    check_inside(desktop, extent)
    first = desktop.box(dialog)[2:]
    desktop.choose(STYLE, "Choose a picture file…")
    desktop.type_path(lines, CHOOSER)
    desktop.window(DIALOG)
    desktop.click(text="Advanced")
    desktop.click(text="Threads")  # the last option; the wheel turns until it is to be seen
    check_inside(desktop, extent)
    desktop.shot(f"dialog-{extent[0]}x{extent[1]}-scale-{scale}")
    wanted = first[0] - 20 * scale, first[1] - 60 * scale
    desktop.do("windowsize", dialog, str(wanted[0]), str(wanted[1]))
    wait(lambda: desktop.box(dialog)[2:] == wanted, "the dialog's new size")
    check_inside(desktop, extent)
    desktop.click(text="Cancel")
    desktop.gone(DIALOG)
    dialog = desktop.open_filter()
    wait(lambda: desktop.box(dialog)[2:] == wanted, "the size of the last dialog")
    desktop.choose(STYLE, "lines.png")
    if scale == 2:
        check_sharp(desktop)
    desktop.click(text="Cancel")
    desktop.gone(DIALOG)
    return [first, wanted]


def check_inside(desktop: Desktop, extent: tuple[int, int]) -> None:
    """The dialog and its buttons are on the screen."""
    for wanted in ({"type": "ProcedureDialog"}, *({"text": text} for text in BUTTONS)):
        left, top, width, height = desktop.widget(**wanted)["box"]
        assert left >= 0, (wanted, left)
        assert top >= 0, (wanted, top)
        assert left + width <= extent[0], (wanted, left, width)
        assert top + height <= extent[1], (wanted, top, height)


def check_sharp(desktop: Desktop) -> None:
    """Lines one pixel of the screen wide are black and white in the thumbnail, and not gray."""

    def thumbnails() -> list[list[int]]:
        boxes = [each["box"] for each in desktop.widgets(type="Image")]
        return [box for box in boxes if box[2] == LINES]

    wait(thumbnails, "the thumbnail")
    left, top, _, height = thumbnails()[0]
    row: list[int] = []

    def drawn() -> bool:
        row[:] = desktop.grays(left + 40, top + height // 2, 60, 1)
        return sorted(set(row)) == [0, 255]

    wait(drawn, "black and white lines", 20.0)
    assert all(a != b for a, b in zip(row, row[1:])), row


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:])))
