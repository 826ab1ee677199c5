"""Painting by keyboard: menu, dialog, live picture, Stop, Cancel, a lost layer.

Run beside GIMP, not in it. Prints one JSON object: what was measured and seen. An assertion that
fails ends it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from screen import (
    CANCEL_BUTTON,
    CHOOSER,
    DIALOG,
    MESSAGE,
    TMP,
    WATCH,
    Desktop,
    all_gone,
    engines,
    wait,
)


def main(version: str, file: str, style: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    began = time.monotonic()
    desktop = Desktop(version, file)

    def lap(name: str) -> None:
        seen[f"{name}, seconds"] = round(time.monotonic() - began, 1)

    try:
        before = desktop.layers()
        assert before == 1, desktop.title()
        open_from_menu(desktop)
        desktop.shot("dialog-empty")
        fill_by_keyboard(desktop, style)
        lap("filled")
        stop_and_undo(desktop, before)
        lap("stopped")
        seen["dialog after"] = time_to_dialog(desktop)
        seen["cancel"] = cancel(desktop, before)
        lap("cancelled")
        seen["status bar cancel"] = cancel_in_status_bar(desktop, before)
        lap("killed")
        seen["saved"] = [delete_layer(desktop, before), close_image(desktop)]
        lap("closed")
    finally:
        desktop.close()
    return seen


def open_from_menu(desktop: Desktop) -> None:
    """The entry is in Filters > Artistic, and says that a style has to be chosen."""
    desktop.focus(desktop.main)
    desktop.key("alt+r")
    wait(lambda: desktop.menus() == 1, "the menu Filters")
    desktop.shot("menu-filters")
    desktop.key("a")
    wait(lambda: desktop.menus() == 2, "the menu Artistic")
    desktop.shot("menu-artistic")
    desktop.key("n")
    desktop.window(DIALOG)
    assert not desktop.widget(text="Paint")["able"]


def fill_by_keyboard(desktop: Desktop, style: str, steps: str = "4000") -> None:
    """Choose a style and settings without the mouse."""
    desktop.key("alt+y", "space")
    desktop.widget(text="Choose a picture file…", menu=True)
    desktop.shot("dialog-styles")
    desktop.key("Home", "Down", "Return")
    desktop.type_path(style, CHOOSER)
    desktop.window(DIALOG)
    desktop.key("alt+i", "ctrl+a")
    desktop.type(steps)
    desktop.key("Tab")
    desktop.shot("dialog-filled")


def stop_and_undo(desktop: Desktop, before: int) -> None:
    """Stop keeps the picture; one Ctrl+Z takes everything back."""
    watch = desktop.start()
    first = desktop.shot("watch", watch)
    wait(lambda: desktop.shot("watch-later", watch) != first, "the picture to grow")
    desktop.focus(watch)
    desktop.key("alt+s")
    wait(lambda: desktop.layers() == before + 1, "the new layer")
    desktop.close_live_window()
    wait(all_gone, "the engine's end")
    desktop.shot("result")
    desktop.focus(desktop.main)
    desktop.key("ctrl+z")
    wait(lambda: desktop.layers() == before, "the layer's end after one Ctrl+Z")
    assert not desktop.title().startswith("*"), desktop.title()


def time_to_dialog(desktop: Desktop) -> float:
    desktop.focus(desktop.main)
    began = time.monotonic()
    desktop.do("key", "--clearmodifiers", "ctrl+alt+j")
    wait(lambda: desktop.find(DIALOG), "the dialog")
    took = time.monotonic() - began
    desktop.window(DIALOG)
    return round(took, 2)


def cancel(desktop: Desktop, before: int) -> float:
    """Cancel in the window leaves nothing."""
    watch = desktop.start()
    assert engines()
    desktop.focus(watch)
    desktop.do("key", "--clearmodifiers", "alt+c")
    took = wait(all_gone, "the engine's end")
    desktop.gone(WATCH)
    assert desktop.layers() == before
    return round(took, 2)


def cancel_in_status_bar(desktop: Desktop, before: int) -> float:
    """GIMP's own Cancel kills the plug-in; nothing of it is left."""
    desktop.open_filter()
    desktop.start()
    desktop.focus(desktop.main)
    desktop.shot("status-bar")
    assert engines()
    desktop.do("mousemove", *CANCEL_BUTTON, "click", "1")
    took = wait(all_gone, "the engine's end", 2.0)
    desktop.gone(WATCH)
    assert desktop.layers() == before
    return round(took, 2)


def delete_layer(desktop: Desktop, before: int) -> str:
    """The layer is deleted while it is painted: the painting becomes a file."""
    desktop.open_filter()
    desktop.start()
    desktop.focus(desktop.main)
    desktop.key("ctrl+alt+d")
    wait(lambda: desktop.layers() == before - 1, "the layer's end")
    path = saved_aside(desktop)
    wait(lambda: path.name in desktop.title(), "the saved image, opened")
    assert "1 layer)" in desktop.title(), desktop.title()
    assert "150x100" in desktop.title(), desktop.title()
    desktop.shot("saved")
    desktop.key("ctrl+w")
    wait(lambda: path.name not in desktop.title(), "the saved image's end")
    assert desktop.layers() == before - 1, desktop.title()
    desktop.key("ctrl+z")
    wait(lambda: desktop.layers() == before, "the layer, back after one Ctrl+Z")
    return moved(path, "layer-deleted.xcf")


def close_image(desktop: Desktop) -> str:
    """The image is closed while it is painted: the painting becomes a file."""
    desktop.open_filter()
    desktop.click(text="Paint")
    desktop.window(WATCH)
    desktop.wait_for_steps()
    desktop.focus(desktop.main)
    desktop.key("ctrl+w")
    wait(lambda: desktop.layers() == 0, "the image's end")
    path = saved_aside(desktop)
    wait(lambda: path.name in desktop.title(), "the saved image, opened")
    return moved(path, "image-closed.xcf")


def saved_aside(desktop: Desktop) -> Path:
    """Stop a painting whose layer is gone; return the file that GIMP's message names."""
    desktop.window(WATCH)
    gone = "The layer is gone. The painting will be saved as a file."
    desktop.widget(text=gone)
    wait(lambda: desktop.step() >= 3, "a picture that differs from the photograph")
    desktop.shot("watch-gone")
    desktop.key("alt+s")
    said = desktop.message()
    found = re.search(r"The layer is gone\. The painting was saved as (/.*\.xcf)", said)
    assert found, said
    path = Path(found[1])
    assert path.is_file(), path
    desktop.key("Return")
    desktop.gone(MESSAGE)
    desktop.close_live_window()
    wait(all_gone, "the engine's end")
    desktop.focus(desktop.main)
    return path


def moved(path: Path, name: str) -> str:
    """Put a saved painting where it is looked at later; return its first name."""
    shutil.move(path, TMP / name)
    return path.name


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:])))
