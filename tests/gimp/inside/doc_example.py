"""The example of docs/gimp.md, done by mouse and keyboard, with pictures of the screen.

Run beside GIMP, not in it; tests/gimp/doc_pictures.py starts it. An assertion that fails ends it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mouse import STYLE, choose_beside, choose_file, enter
from screen import DIALOG, MESSAGE, SETUP, WATCH, Desktop, wait

PAINTING_SECONDS = 3000.0
SHOWN_STEP = 25
PREVIEW = "Preview. Press it to see the photo."
"""The text below a finished preview."""


def main(version: str, photo: str, sky: str, ground: str) -> list[str]:
    desktop = Desktop(version, photo)
    try:
        show_setup(desktop, Path.home() / ".config" / "GIMP" / version / "plug-ins" / "scumble")
        desktop.focus(desktop.main)
        desktop.key("u")
        desktop.shot("gimp-selection", desktop.main)
        desktop.open_filter()
        choose_file(desktop, 0, sky)
        desktop.click(text="Add a style")
        desktop.widget(1, **STYLE)
        choose_file(desktop, 1, ground)
        choose_beside(desktop, "Working size", "Sketch")
        enter(desktop, "Strength", "5")
        enter(desktop, "Iterations", "60")
        desktop.do("mousemove", "5", "950")
        wait(lambda: desktop.widgets(text=PREVIEW), "the preview", PAINTING_SECONDS)
        desktop.shot("gimp-dialog", desktop.find(DIALOG))
        paint(desktop, "gimp-painting")
        desktop.shot("gimp-result", desktop.main)
        desktop.key("ctrl+z")
        wait(lambda: desktop.layers() == 1, "the layer's end")
        desktop.open_filter()
        desktop.click(text="Layers with masks")
        enter(desktop, "Iterations", "20")
        paint(desktop, "")
        desktop.shot("gimp-group", desktop.main)
    finally:
        desktop.close()
    return [
        "gimp-setup",
        "gimp-selection",
        "gimp-dialog",
        "gimp-painting",
        "gimp-result",
        "gimp-group",
    ]


def show_setup(desktop: Desktop, plugin: Path) -> None:
    """Take a picture of what the filter offers where it has no engine."""
    known = plugin / "engine.json"
    aside = known.with_suffix(".aside")
    known.rename(aside)
    try:
        desktop.focus(desktop.main)
        desktop.key("ctrl+alt+j")
        desktop.shot("gimp-setup", desktop.window(SETUP))
        desktop.key("Escape")
        desktop.gone(SETUP)
    finally:
        aside.rename(known)


def paint(desktop: Desktop, shot: str) -> None:
    """Paint to the end, with a picture of the screen on the way."""
    before = desktop.layers()
    desktop.click(text="Paint")
    watch = desktop.window(WATCH)
    if shot:
        desktop.do("windowmove", watch, "700", "330")
        wait(lambda: desktop.step() >= SHOWN_STEP, "the painting to grow", PAINTING_SECONDS)
        desktop.shot(shot)
    wait(lambda: desktop.layers() > before, "the painting", PAINTING_SECONDS)
    desktop.close_live_window()
    assert not desktop.find(MESSAGE)
    desktop.focus(desktop.main)


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:])))
