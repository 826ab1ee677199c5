"""Listens as a screen reader does: asks AT-SPI's bus what the windows of a process hold.

Run beside the process, which has to answer meanwhile: screen_reader.py PROCESS FILE. Writes a list
in JSON, in the order of the tree, with each object's window, role, name, states and place.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

STATES = ("FOCUSABLE", "SHOWING", "VISIBLE")
PATIENCE = 30.0


def program(process: int) -> Any:
    """Return the program of a process; it comes to the bus a moment after its first window."""
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last:
        desktop = Atspi.get_desktop(0)
        for number in range(desktop.get_child_count()):
            found = desktop.get_child_at_index(number)
            if found is not None and found.get_process_id() == process:
                return found
        time.sleep(0.1)
    message = f"process {process} is not on AT-SPI's bus"
    raise AssertionError(message)


def name_of(thing: Any) -> str:
    """Return the name that is read aloud: the object's own, or that of its label."""
    if thing.get_name():
        return str(thing.get_name())
    for relation in thing.get_relation_set():
        if relation.get_relation_type() == Atspi.RelationType.LABELLED_BY:
            return str(relation.get_target(0).get_name())
    return ""


def listen(thing: Any, window: str, found: list[dict[str, Any]]) -> None:
    """List an object and what is in it."""
    states = thing.get_state_set()
    try:
        box = thing.get_extents(Atspi.CoordType.SCREEN)
    except GLib.Error:
        box = None  # a menu's entry has no place until the menu opens
    found.append(
        {
            "window": window,
            "role": thing.get_role_name(),
            "name": name_of(thing),
            **{each.lower(): states.contains(getattr(Atspi.StateType, each)) for each in STATES},
            "box": None if box is None else [box.x, box.y, box.width, box.height],
        }
    )
    for number in range(thing.get_child_count()):
        child = thing.get_child_at_index(number)
        if child is not None:
            listen(child, window, found)


def main(process: int, file: Path) -> None:
    found: list[dict[str, Any]] = []
    spoken = program(process)
    for number in range(spoken.get_child_count()):
        window = spoken.get_child_at_index(number)
        listen(window, window.get_name(), found)
    file.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
