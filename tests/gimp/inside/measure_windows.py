"""Time and memory of the plug-in with its windows, on a large layer; run beside GIMP.

The real engine paints a sketch. Prints one JSON object: seconds and bytes, and the longest steps in
which the windows stand still, each with the processor's seconds in it and the place in the plug-in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from measure_large_layer import peak_memory
from mouse import choose_beside, choose_file, enter
from screen import DIALOG, TMP, WATCH, Desktop, all_gone, wait

SHORTCUT = "ctrl+alt+j"
PAINTING_SECONDS = 600.0


SLOW_STEPS = 3
"""Number of the longest steps that are printed."""


def main(version: str, photo: str, style: str) -> None:
    os.environ["HEARTBEAT"] = "1"
    desktop = Desktop(version, photo)
    try:
        times = {"to the dialog": time_to_dialog(desktop)}
        choose_file(desktop, 0, style)
        times["from a change to its preview"] = time_to_another_preview(desktop)
        dialog = peak_memory()
        in_dialog = slowest_steps()
        times.update(times_to_picture_and_cancel(desktop))
        times.update(time_to_preview(desktop))
        desktop.open_filter()
        choose_beside(desktop, "Working size", "Sketch")
        enter(desktop, "Iterations", "20")
        slowest_steps()
        peak = paint(desktop)
        painting = slowest_steps()
    finally:
        desktop.close()
    seen = {
        **{f"seconds {name}": round(took, 2) for name, took in times.items()},
        "peak memory with the dialog, bytes": dialog,
        "peak memory with the growing picture and the result, bytes": peak,
        "longest steps in the dialog": in_dialog,
        "longest steps while painting": painting,
    }
    print("SEEN " + json.dumps(seen))


def time_to_dialog(desktop: Desktop) -> float:
    """Return the seconds from the filter's shortcut to the dialog, the second time.

    At the first time the menu is built, and the plug-in's files may have to come from the disk.
    """
    desktop.open_filter()
    desktop.key("Escape")
    desktop.gone(DIALOG)
    desktop.focus(desktop.main)
    desktop.do("key", "--clearmodifiers", SHORTCUT)
    took = wait(lambda: desktop.find(DIALOG), "the dialog")
    desktop.window(DIALOG)
    return took


def slowest_steps() -> list[dict[str, Any]]:
    """Return the longest steps of the interface since the last call, the longest first."""
    steps = TMP / "heartbeat"
    if not steps.exists():
        return []
    lines = steps.read_text(encoding="utf-8").splitlines()
    steps.unlink()
    found = sorted(map(json.loads, lines), key=lambda step: -step["seconds"])
    return [
        {**step, "seconds": round(step["seconds"], 3), "cpu": round(step["cpu"], 3)}
        for step in found[:SLOW_STEPS]
    ]


GROWS = "The preview grows. Press it to see the photo."
FINISHED = "Preview. Press it to see the photo."


def shows_preview(desktop: Desktop) -> bool:
    """Return whether the dialog shows a preview of the present settings, finished or not."""
    return any(each["text"] in (GROWS, FINISHED) for each in desktop.look())


def time_to_another_preview(desktop: Desktop) -> float:
    """Return the seconds from a change to the first picture of its preview."""
    wait(lambda: any(each["text"] == FINISHED for each in desktop.look()), "a preview", 600.0)
    enter(desktop, "Strength", "2")
    began = time.monotonic()
    wait(lambda: not shows_preview(desktop), "the change")
    wait(lambda: shows_preview(desktop), "the next preview")
    return time.monotonic() - began


def time_to_preview(desktop: Desktop) -> dict[str, float]:
    """Return the seconds from the dialog on the screen to a preview, and from Esc to all gone."""
    desktop.focus(desktop.main)
    desktop.do("key", "--clearmodifiers", SHORTCUT)
    wait(lambda: desktop.find(DIALOG), "the dialog")
    shown = wait(lambda: shows_preview(desktop), "the preview")
    desktop.window(DIALOG)
    desktop.key("Escape")
    gone = wait(adviser_gone, "the end of the engine behind the dialog")
    desktop.gone(DIALOG)
    return {"from the dialog to its preview": shown, "from Esc to that engine's end": gone}


def adviser_gone() -> bool:
    """Return whether neither the engine behind a dialog nor its run folder is left."""
    command = ["pgrep", "-f", "m engine adviser"]
    return subprocess.run(command, capture_output=True).returncode != 0 and all_gone()


def times_to_picture_and_cancel(desktop: Desktop) -> dict[str, float]:
    """Return the seconds from Paint to the growing picture, and from Cancel to the engine's end.

    The working size is the automatic one. The live window shows a picture soon after its file is
    there, and says the step it is from.
    """
    began = time.monotonic()
    desktop.do("key", "--clearmodifiers", "alt+p")
    desktop.wait_for_steps()
    wait(lambda: desktop.step() > 0, "the first picture")
    shown = time.monotonic() - began
    desktop.focus(desktop.window(WATCH))
    desktop.do("key", "--clearmodifiers", "alt+c")
    gone = wait(all_gone, "the engine's end")
    desktop.gone(WATCH)
    return {"from Paint to the first picture": shown, "from Cancel to the engine's end": gone}


def paint(desktop: Desktop) -> int:
    """Paint to the end; return the largest memory of the plug-in's process meanwhile."""
    before = desktop.layers()
    most = 0

    def painted() -> bool:
        nonlocal most
        most = max(most, peak_memory())
        return desktop.layers() > before

    desktop.click(text="Paint")
    wait(painted, "the painting", PAINTING_SECONDS)
    wait(all_gone, "the engine's end")
    desktop.close_live_window()  # by then the engine's state is gone, too
    return most


if __name__ == "__main__":
    main(*sys.argv[1:])
