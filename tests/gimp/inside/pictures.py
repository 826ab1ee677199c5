"""The example of docs/gimp.md, done by mouse and keyboard, with pictures of the screen.

Run beside GIMP, not in it; tests/gimp/pictures.py starts it. An assertion that fails ends it.
"""

from __future__ import annotations

import json
import sys

from mouse import STYLE, enter
from screen import DIALOG, MESSAGE, WATCH, Desktop, wait

PAINTING_SECONDS = 3000.0
CHOOSER = "^Choose a style$"
SHOWN_STEP = 40


def main(version: str, photo: str, sky: str, ground: str) -> list[str]:
    desktop = Desktop(version, photo)
    try:
        desktop.focus(desktop.main)
        desktop.shot("gimp-selection", desktop.main)
        desktop.open_filter()
        choose_file(desktop, 0, sky)
        desktop.click(text="Add a style")
        desktop.widget(1, **STYLE)
        choose_file(desktop, 1, ground)
        choose_beside(desktop, "Working size", "Sketch")
        enter(desktop, "Strength", "5")
        enter(desktop, "Iterations", "100")
        desktop.do("mousemove", "5", "950")
        desktop.shot("gimp-dialog", desktop.find(DIALOG))
        paint(desktop, "gimp-painting")
        desktop.shot("gimp-result", desktop.main)
        desktop.key("ctrl+z")
        wait(lambda: desktop.layers() == 1, "the layer's end")
        desktop.open_filter()
        choose_beside(desktop, "Method", "stitch")
        enter(desktop, "Iterations", "50")
        paint(desktop, "")
        desktop.shot("gimp-group", desktop.main)
    finally:
        desktop.close()
    return ["gimp-selection", "gimp-dialog", "gimp-painting", "gimp-result", "gimp-group"]


def choose_file(desktop: Desktop, row: int, path: str) -> None:
    """Choose a picture file as a style."""
    desktop.choose(STYLE, "Choose a picture file…", row)
    desktop.window(CHOOSER)
    desktop.type(path[:1])  # a slash opens the field for paths
    wait(lambda: field(desktop) == path[:1], "the field for a path")
    desktop.type(path[1:])
    wait(lambda: field(desktop) == path, "the path")
    desktop.key("Return")
    desktop.gone(CHOOSER)
    desktop.window(DIALOG)


def field(desktop: Desktop) -> object:
    """Return what is in the field that has the keyboard."""
    return next((each["value"] for each in desktop.widgets(focus=True)), None)


def choose_beside(desktop: Desktop, label: str, first: str) -> None:
    """Choose the entry that begins so, in the list beside a label."""
    down = desktop.widget(text=label)["at"][1]
    lists = [each for each in desktop.widgets(type="ToggleButton") if each["at"][1] == down]
    desktop.press(*lists[0]["at"])
    wait(lambda: desktop.widgets(menu=True), "the list")
    (entry,) = {
        each["text"] for each in desktop.widgets(menu=True) if each["text"].startswith(first)
    }
    desktop.click(text=entry, menu=True)
    wait(lambda: not desktop.widgets(menu=True), "the list's end")


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
    desktop.gone(WATCH)
    assert not desktop.find(MESSAGE)
    desktop.focus(desktop.main)


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:])))
