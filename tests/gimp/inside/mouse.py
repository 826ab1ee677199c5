"""The dialog by mouse: regions, numbers, presets, reset, help, and what GIMP's messages say.

Run beside GIMP, not in it. Prints what the engine was asked for. An assertion that fails ends it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from screen import CHOOSER, DIALOG, MESSAGE, TMP, WATCH, Desktop, all_gone, engines, wait

HELP = "^Neural Style: help$"

STYLE = {"tip": "A painting, a picture file, or a layer of any open image", "type": "SourceList"}
MASK = {"tip": "Where this style goes", "type": "SourceList"}
WEIGHT = {"tip": "How much this style counts against the other styles.", "type": "SpinButton"}
STYLE_SIZE = {
    "tip": "Size of the strokes: 1 gives the style picture as many pixels as the content.",
    "type": "SpinButton",
}
REMOVE = {"tip": "Remove this style"}

REFUSED = {
    "mask": "A layer mask is selected. Click the layer itself to paint it.",
    "channel": "“Sky” is a channel and cannot be painted. Select a layer.",
    "tiny": "The layer “Tiny” is 15x40 pixels; at least 16x16 are needed.",
}
"""The filter's messages before it shows a window of its own, by the name of the file."""

CONVERTED = {
    "gray": "This image is gray, so the painting is gray. Convert it to RGB (Image > Mode)",
    "indexed": "This image has a palette, so the painting has only its colors. Convert it to RGB",
}
"""The filter's message after it has painted."""


def main(version: str, *files: str) -> dict[str, Any]:
    desktop = Desktop(version, *files)
    tabs = {Path(file).stem: f"alt+{number}" for number, file in enumerate(files, 1)}

    def show(name: str) -> int:
        """Show an image; return how many layers it has."""
        desktop.focus(desktop.main)
        desktop.key(tabs[name])
        wait(lambda: desktop.title().lstrip("*").startswith(name), f"the image {name}")
        return desktop.layers()

    try:
        for name, words in REFUSED.items():
            before = show(name)
            desktop.key("ctrl+alt+j")
            check_message(desktop, words)
            assert not desktop.find(DIALOG)
            assert desktop.layers() == before
        before = show("scene")
        fill(desktop)
        cancel(desktop, before)
        asked = paint(desktop, before)
        desktop.open_filter()
        presets(desktop)
        help_(desktop)
        desktop.click(text="Cancel", window="Neural Style")
        desktop.gone(DIALOG)
        assert desktop.layers() == before
        show("empty")
        desktop.open_filter()
        desktop.choose(STYLE, "scene.xcf: Oil")
        desktop.click(text="Paint")
        check_message(desktop, "The layer “Empty” is completely transparent.")
        for name, words in CONVERTED.items():
            before = show(name)
            desktop.open_filter()
            desktop.choose(STYLE, "scene.xcf: Oil")
            desktop.click(text="Paint")
            check_message(desktop, words)
            wait(lambda before=before: desktop.layers() == before + 1, "the new layer")
            desktop.close_live_window()
        assert all_gone(), engines()
    finally:
        desktop.close()
    return asked


def check_message(desktop: Desktop, words: str) -> None:
    """GIMP shows these words, and no more than a sentence or two; then its window is closed."""
    said = desktop.message()
    last = said.splitlines()[-1]
    assert last.startswith(words), said
    assert "Traceback" not in said, said
    assert len(said.splitlines()) <= 2, said
    desktop.key("Return")
    desktop.gone(MESSAGE)


def values(desktop: Desktop, wanted: dict[str, Any]) -> list[Any]:
    return [each["value"] for each in desktop.widgets(**wanted)]


def wait_for(desktop: Desktop, wanted: dict[str, Any], *expected: Any) -> None:
    """Wait until every region shows these values."""
    wait(lambda: values(desktop, wanted) == list(expected), f"{expected} in {wanted}", 20.0)


def words(desktop: Desktop, wanted: dict[str, Any]) -> list[str]:
    """Return what the regions show, without the numbers that items have in GIMP."""
    return [str(value).rpartition(":")[2] for value in values(desktop, wanted)]


def fill(desktop: Desktop) -> None:
    """Add, choose, reorder and remove regions, and change their numbers."""
    desktop.open_filter()
    assert not desktop.widget(text="Paint")["able"], "nothing is chosen yet"
    check_heights(desktop)
    desktop.choose(STYLE, "Layer: Oil")
    desktop.click(text="Add a style")
    desktop.widget(1, **STYLE)
    desktop.choose(STYLE, "Layer: Wood", 1)
    assert words(desktop, MASK) == ["selection", "rest"]
    desktop.click(text="Add a style")
    desktop.widget(2, **STYLE)
    desktop.choose(STYLE, "Layer: Oil", 2)
    desktop.choose(MASK, "the channel “Sky”", 2)
    wait(lambda: words(desktop, MASK) == ["selection", "rest", "Sky"], "the channel")
    desktop.click(2, tip="Up")
    wait(lambda: words(desktop, MASK) == ["selection", "Sky", "rest"], "the new order")
    assert words(desktop, STYLE) == ["Oil", "Oil", "Wood"]
    desktop.click(0, tip="Down")
    wait(lambda: words(desktop, MASK) == ["Sky", "selection", "rest"], "the new order")
    desktop.click(0, **REMOVE)
    wait(lambda: words(desktop, MASK) == ["selection", "rest"], "the third region's end")
    turn(desktop, 0, WEIGHT, up=3)
    turn(desktop, 1, STYLE_SIZE, up=-2)
    wait_for(desktop, WEIGHT, 1.3, 1.0)
    wait_for(desktop, STYLE_SIZE, 1.0, 0.9)
    assert desktop.widget(text="Paint")["able"]


def check_heights(desktop: Desktop) -> None:
    """The entries of a list do not move when their thumbnails come."""
    desktop.click(**STYLE)
    desktop.widget(menu=True, text="Layer: Oil")
    heights = {each["box"][3] for each in desktop.widgets(menu=True, type="CellView")}
    assert len(heights) == 1, heights
    desktop.key("Escape")
    wait(lambda: not desktop.widgets(menu=True), "the list's end")


def choose_file(desktop: Desktop, row: int, path: str) -> None:
    """Choose a picture file as a region's style."""
    desktop.choose(STYLE, "Choose a picture file…", row)
    desktop.type_path(path, CHOOSER)
    desktop.window(DIALOG)


def choose_beside(desktop: Desktop, label: str, first: str) -> None:
    """Choose the entry that begins so, in the list beside a label."""
    desktop.press(*desktop.beside(label, "ToggleButton")["at"])
    wait(lambda: desktop.widgets(menu=True), "the list")
    (entry,) = {
        each["text"] for each in desktop.widgets(menu=True) if each["text"].startswith(first)
    }
    desktop.click(text=entry, menu=True)


def turn(desktop: Desktop, row: int, wanted: dict[str, Any], up: int) -> None:
    """Press the plus or the minus of a number."""
    widget = desktop.at_rest(lambda: [desktop.widget(row, **wanted)], f"{wanted} to be turned")
    left, top, width, height = widget["box"]
    across = left + width - height // 2 - (0 if up > 0 else height)
    desktop.press(across, top + height // 2, times=abs(up))


def enter(desktop: Desktop, label: str, value: str) -> None:
    """Type a number beside its label."""
    left, top, _, height = desktop.beside(label, "SpinButton")["box"]
    desktop.press(left + 20, top + height // 2)
    desktop.key("ctrl+a")
    desktop.type(value)
    desktop.key("Tab")


def number(desktop: Desktop, label: str) -> float:
    """Return the number beside a label."""
    return float(desktop.beside(label, "SpinButton")["value"])


def cancel(desktop: Desktop, before: int) -> None:
    """After a painting is canceled, the dialog shows the same choices again."""
    enter(desktop, "Iterations", "900")
    desktop.click(text="Paint")
    desktop.window(WATCH)
    desktop.wait_for_steps()
    desktop.click(text="Cancel")
    desktop.gone(WATCH)
    wait(all_gone, "the engine's end")
    assert desktop.layers() == before
    desktop.open_filter()
    wait(lambda: words(desktop, MASK) == ["selection", "rest"], "the regions of before")
    assert words(desktop, STYLE) == ["Oil", "Wood"]
    wait_for(desktop, WEIGHT, 1.3, 1.0)
    assert number(desktop, "Iterations") == 900.0


def paint(desktop: Desktop, before: int) -> dict[str, Any]:
    """Paint; return what the engine was asked for."""
    enter(desktop, "Iterations", "3")
    desktop.shot("dialog-by-mouse")
    desktop.click(text="Paint")
    desktop.gone(DIALOG)
    wait(lambda: desktop.layers() == before + 1, "the new layer")
    desktop.close_live_window()
    wait(all_gone, "the engine's end")
    desktop.focus(desktop.main)
    desktop.key("ctrl+z")
    wait(lambda: desktop.layers() == before, "the layer's end after one Ctrl+Z")
    return json.loads((TMP / "recorded" / "job.json").read_text(encoding="utf-8"))


def presets(desktop: Desktop) -> None:
    """GIMP's own: what was saved comes back, and so does what was there at first."""
    wait(lambda: words(desktop, MASK) == ["selection", "rest"], "the last used regions")
    enter(desktop, "Strength", "5")
    desktop.click(text="Save Settings")
    desktop.click(0, **REMOVE)
    wait(lambda: words(desktop, MASK) == ["rest"], "the region's end")
    enter(desktop, "Strength", "20")
    enter(desktop, "Iterations", "77")
    desktop.click(text="Load Saved Settings")
    wait(lambda: words(desktop, MASK) == ["selection", "rest"], "the saved regions")
    assert words(desktop, STYLE) == ["Oil", "Wood"]
    wait_for(desktop, WEIGHT, 1.3, 1.0)
    assert number(desktop, "Strength") == 5.0
    assert number(desktop, "Iterations") == 3.0
    desktop.click(text="Reset")
    desktop.click(text="Reset to Factory Defaults")
    wait_for(desktop, STYLE, "?")
    assert words(desktop, MASK) == ["selection"]
    assert number(desktop, "Strength") == 1.0
    assert number(desktop, "Iterations") == 150.0
    assert not desktop.widget(text="Paint")["able"]
    desktop.click(text="Reset")
    desktop.click(text="Reset to Initial Values")
    wait(lambda: words(desktop, MASK) == ["selection", "rest"], "the regions of the beginning")
    assert number(desktop, "Iterations") == 3.0


def help_(desktop: Desktop) -> None:
    desktop.click(text="Help")
    desktop.window(HELP)
    shown = desktop.widgets(window="Neural Style: help", type="Label")
    assert any("Each row is a style and its region." in each["text"] for each in shown)
    desktop.click(window="Neural Style: help", text="Close")
    desktop.gone(HELP)


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:])))
