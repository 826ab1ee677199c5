"""The live window when it is done, running again on a result, and several layers at once.

Run beside GIMP, not in it. Prints what was seen. An assertion that fails ends it.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from desktop import fill_by_keyboard
from screen import DIALOG, DONE, TMP, WATCH, Desktop, all_gone, engines, wait

STEPS = "6"
QUESTION = "^An interrupted painting · Neural Style$"


def main(version: str, photo: str, two: str, style: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    desktop = Desktop(version, two, photo)
    try:
        before = desktop.layers()
        go_on_with_the_interrupted(desktop, before)
        desktop.open_filter()
        fill_by_keyboard(desktop, style, STEPS)
        seen["notices"] = first_painting(desktop, before)
        compare_and_zoom(desktop)
        seen["more"] = more(desktop, before)
        repeat_last(desktop, before)
        seen["again"] = go_on_from_the_dialog(desktop, before)
        two_layers(desktop)
        assert all_gone(), engines()
    finally:
        desktop.close()
    return seen


def go_on_with_the_interrupted(desktop: Desktop, before: int) -> None:
    """The filter offers to continue a painting that was killed, before its dialog."""
    desktop.focus(desktop.main)
    desktop.key("ctrl+alt+j")
    desktop.window(QUESTION)
    said = texts(desktop)
    assert "The painting of “Photo” was interrupted" in said, said
    assert re.search(r"波: \d+ % is done, after \d+ s of painting", said), said
    desktop.shot("interrupted")
    desktop.key("alt+o")
    desktop.gone(QUESTION)
    assert not desktop.find(DIALOG)
    wait_for_painting(desktop, before + 1)
    close(desktop)
    desktop.focus(desktop.main)
    desktop.key("ctrl+z")
    wait(lambda: desktop.layers() == before, "the layer's end")


def texts(desktop: Desktop) -> str:
    """Return all that the plug-in's windows say."""
    return "\n".join(each["text"] for each in desktop.look())


def first_painting(desktop: Desktop, before: int) -> list[Any]:
    """The result is in the image while the window stays; the desktop says that it is done."""
    notices = TMP / "notices"
    notices.unlink(missing_ok=True)
    desktop.key("alt+p")
    watch = desktop.window(WATCH)
    desktop.focus(desktop.main)  # at once, since there is no notice where the live window is active
    desktop.wait_for_steps()
    desktop.shot("live-painting", watch)
    wait_for_painting(desktop, before + 1)
    wait(notices.exists, "the desktop's notice")
    return [json.loads(line) for line in notices.read_text(encoding="utf-8").splitlines()]


def wait_for_painting(desktop: Desktop, layers: int) -> None:
    """Wait until the painting is done, and the image has so many layers."""
    wait(lambda: desktop.find(DONE), "the painting to be done")
    wait(lambda: desktop.layers() == layers, f"{layers} layers", 10.0)


def compare_and_zoom(desktop: Desktop) -> None:
    """Before shows the photograph, and so does a press on the picture; 1:1 shows pixels."""
    done = desktop.window(DONE)
    area = desktop.widget(tip="Press to see the photo, double-click for 1:1, drag to move")
    assert "Loss" not in texts(desktop), "only under Details"
    painted = desktop.shot("live-done", done)
    desktop.click(text="Before")
    wait(lambda: desktop.shot("live-before", done) != painted, "the photograph")
    desktop.click(text="Before")
    desktop.do("mousemove", *map(str, area["at"]))
    desktop.do("mousedown", "1")
    pressed = desktop.shot("live-pressed", done)
    desktop.do("mouseup", "1")
    released = desktop.shot("live-released", done)
    assert pressed != released
    desktop.click(text="1:1")
    wait(lambda: desktop.shot("live-one-to-one", done) != released, "the pixels")
    desktop.click(text="1:1")
    desktop.click(text="Details")
    wait(lambda: re.search(r"Loss [\d.e+]+", texts(desktop)), "the loss")
    desktop.shot("live-details", done)


def more(desktop: Desktop, before: int) -> dict[str, Any]:
    """More continues from the painting and replaces it; each is one undo step."""
    desktop.window(DONE)
    desktop.key("alt+m")
    desktop.gone(DONE)
    job = job_at_work()
    wait_for_painting(desktop, before + 1)
    close(desktop)
    desktop.focus(desktop.main)
    desktop.key("ctrl+z")
    assert desktop.layers() == before + 1, "the first painting is back"
    desktop.key("ctrl+z")
    wait(lambda: desktop.layers() == before, "the layer's end")
    return {name: job[name] for name in ("init", "init_picture", "scales")}


def job_at_work() -> dict[str, Any]:
    wait(lambda: list(TMP.glob("scumble-run-*/job.json")), "the job")
    found: list[dict[str, Any]] = []

    def readable() -> bool:
        for path in TMP.glob("scumble-run-*/job.json"):
            try:
                found.append(json.loads(path.read_text(encoding="utf-8")))
            except ValueError:
                continue
        return bool(found)

    wait(readable, "the job")
    return found[-1]


def close(desktop: Desktop) -> None:
    desktop.close_live_window()
    wait(all_gone, "the engine's end")


def repeat_last(desktop: Desktop, before: int) -> None:
    """Repeat Last shows the live window; on a result it paints the photograph again."""
    for count in (1, 2):
        desktop.focus(desktop.main)
        desktop.key("ctrl+f")
        desktop.window(WATCH)
        assert not desktop.find(DIALOG)
        wait_for_painting(desktop, before + count)
        close(desktop)


def go_on_from_the_dialog(desktop: Desktop, before: int) -> dict[str, Any]:
    desktop.open_filter()
    desktop.widget(text="“Photo” was painted before")
    desktop.shot("dialog-again")
    desktop.click(text="Continue from the earlier painting")
    desktop.click(text="Replace the earlier painting")
    desktop.click(text="Paint")
    desktop.gone(DIALOG)
    job = job_at_work()
    wait_for_painting(desktop, before + 2)
    close(desktop)
    return {name: job[name] for name in ("init", "iterations")}


def two_layers(desktop: Desktop) -> None:
    """Two selected layers are painted one after the other, as one undo step."""
    desktop.focus(desktop.main)
    desktop.key("alt+1")
    wait(lambda: desktop.title().lstrip("*").startswith("two"), "the image with two layers")
    before = desktop.layers()
    desktop.key("ctrl+alt+j")
    desktop.window(DIALOG)
    assert re.search("2 layers: (Photo, Other|Other, Photo)", texts(desktop))
    desktop.shot("dialog-two-layers")
    desktop.click(text="Paint")
    desktop.window(WATCH)
    wait(lambda: "Layer 2 of 2: " in texts(desktop), "the second layer")
    desktop.shot("live-two-layers")
    wait_for_painting(desktop, before + 2)
    close(desktop)
    desktop.focus(desktop.main)
    desktop.key("ctrl+z")
    wait(lambda: desktop.layers() == before, "the end of both after one Ctrl+Z")


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:])))
