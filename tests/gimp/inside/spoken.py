"""The plug-in's windows as a screen reader gets them, over AT-SPI's bus."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import kit
import progress_window
from panel import Panel, settle

READER = Path(__file__).resolve().parent / "screen_reader.py"
GLANCE = 10
"""Pixels by which the middles of two controls in one row may differ."""


def heard(window: str) -> list[dict[str, Any]]:
    """Return what the screen reader finds in a window, while this process answers it."""
    file = kit.TMP / "heard.json"
    file.unlink(missing_ok=True)
    with (kit.TMP / "reader.log").open("w") as log:
        command = ["python3", str(READER), str(os.getpid()), str(file)]
        reader = subprocess.Popen(command, stdout=log, stderr=log)
    while reader.poll() is None:
        settle(0.02)
    assert reader.returncode == 0, (kit.TMP / "reader.log").read_text()
    found = json.loads(file.read_text(encoding="utf-8"))
    return [each for each in found if each["window"] == window]


def controls(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what can be operated; a list's button, which takes the focus, is not on the bus."""
    return [
        each
        for each in found
        if each["visible"]
        and (each["focusable"] or each["role"] == "combo box")
        and each["role"] not in ("scroll pane", "menu item")
    ]


def check_every_control_of_the_dialog_has_a_name() -> None:
    panel = Panel(style=kit.style_file())
    panel.unfold()
    found = controls(heard("Neural Style"))
    assert len(found) > 40, found
    nameless = [each for each in found if not each["name"]]
    assert not nameless, nameless
    names = [(each["role"], each["name"]) for each in found]
    for expected in (
        ("combo box", "Style"),
        ("combo box", "goes on"),
        ("slider", "Strength"),
        ("spin button", "Strength"),
        ("check box", "Layers with masks"),
        ("button", "Start picture"),
        ("combo box", "Report folder"),
    ):
        assert expected in names, (expected, names)
    panel.close()


def check_the_dialog_is_read_from_the_top_to_the_bottom() -> None:
    panel = Panel(style=kit.style_file())
    found = heard("Neural Style")
    first = next(n for n, each in enumerate(found) if each["role"] == "scroll pane")
    last = next(n for n, each in enumerate(found) if each["name"] == "Load Saved Settings")
    places = []
    for each in controls(found[first + 1 : last]):
        left, top, width, height = each["box"]
        if width > 0 and each["showing"]:
            places.append((top + height // 2, left, each["name"]))
    assert len(places) > 10, found
    for (y, x, name), (later_y, later_x, later) in zip(places, places[1:]):
        below, beside = later_y > y + GLANCE, abs(later_y - y) <= GLANCE and later_x > x
        assert below or beside, (name, later, places)
    panel.close()


def check_every_control_of_the_live_window_has_a_name() -> None:
    _image, layer = kit.photo()
    window = progress_window.ProgressWindow(layer, "Photo")
    window.show_all()
    settle()
    found = controls(heard(window.get_title()))
    assert len(found) > 4, found
    nameless = [each for each in found if not each["name"]]
    assert not nameless, nameless
    window.destroy()
    settle(0.0)


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
