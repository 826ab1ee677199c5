"""The dialog's size: the last one, or one that suits the screen; never larger than the screen."""

from __future__ import annotations

import remembered
from gi.repository import Gdk, Gtk

FIRST = (1120, 760)
BORDERS = (8, 40)
"""Pixels that the window manager adds at most."""


def fit(window: Gtk.Window) -> None:
    """Give a window its first size, and remember the one at its end."""
    last = remembered.read("window", [])
    wanted = tuple(last) if _is_size(last) else FIRST
    room = _room()
    width, height = (min(*sides) for sides in zip(wanted, room))
    window.set_resizable(True)
    window.set_default_size(width, height)
    window.connect("unmap", _remember)


def _room() -> tuple[int, int]:
    """Return the width and height of the largest window on the screen with the pointer."""
    display = Gdk.Display.get_default()
    _, x, y = display.get_default_seat().get_pointer().get_position()
    area = display.get_monitor_at_point(x, y).get_workarea()
    return area.width - BORDERS[0], area.height - BORDERS[1]


def _remember(window: Gtk.Window) -> None:
    if not window.is_maximized():
        remembered.write("window", list(window.get_size()))


def _is_size(value: list) -> bool:
    return len(value) == 2 and all(isinstance(side, int) and side > 0 for side in value)
