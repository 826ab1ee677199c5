"""Tells where the plug-in's widgets are, so that the tests can press them with the mouse.

Python imports this by its name at the start of every plug-in, from the PYTHONPATH that the tests
give GIMP. Where the plug-in has windows, it answers each number that is put into the file `look`
with a file `seen-NUMBER.json`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

TMP = Path(os.environ.get("TMPDIR", "/tmp"))
POLL_MS = 20


def answer(gtk: Any) -> bool:
    """Answer the question that is there, if there is one."""
    try:
        (TMP / "look").rename(TMP / "look.taken")
    except OSError:
        return True  # nobody asks
    number = (TMP / "look.taken").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = []
    for window in gtk.Window.list_toplevels():
        if window.get_mapped() and window.get_window() is not None:
            _, left, top = window.get_window().get_origin()
            look(gtk, window, window, (left, top, 1 << 16, 1 << 16), (left, top), found)
    part = TMP / "seen.part"
    part.write_text(json.dumps(found), encoding="utf-8")
    part.rename(TMP / f"seen-{number}.json")
    return True


def look(
    gtk: Any, widget: Any, window: Any, clip: tuple, origin: tuple, found: list[dict[str, Any]]
) -> None:
    """List a widget and what is in it, with what a person sees of it."""
    if not widget.get_mapped():
        return
    place = widget.translate_coordinates(window, 0, 0)
    left, top = (place[0] + origin[0], place[1] + origin[1]) if place else origin
    width, height = widget.get_allocated_width(), widget.get_allocated_height()
    if isinstance(widget, gtk.ScrolledWindow):
        right, bottom = min(clip[2], left + width), min(clip[3], top + height)
        clip = (max(clip[0], left), max(clip[1], top), right, bottom)
    x, y = left + width // 2, top + height // 2
    scale = window.get_scale_factor()  # pixels of the screen per pixel of the widgets
    found.append(
        {
            "window": window.get_title() or "",
            "type": type(widget).__name__,
            "menu": isinstance(window.get_child(), gtk.Menu),
            "text": text_of(gtk, widget),
            "tip": widget.get_tooltip_text() or "",
            "value": value_of(gtk, widget),
            "at": [scale * x, scale * y],
            "box": [scale * each for each in (left, top, width, height)],
            "shown": clip[0] <= x < clip[2] and clip[1] <= y < clip[3],
            "able": widget.is_sensitive(),
            "focus": widget.is_focus() and window.is_active(),
        }
    )
    if isinstance(widget, gtk.Container):
        widget.forall(lambda child: look(gtk, child, window, clip, origin, found))


def text_of(gtk: Any, widget: Any) -> str:
    if isinstance(widget, gtk.Label):
        return str(widget.get_text())
    if isinstance(widget, gtk.CellView) and widget.get_displayed_row() is not None:
        return str(widget.get_model()[widget.get_displayed_row()][0])
    return ""


def value_of(gtk: Any, widget: Any) -> Any:
    if isinstance(widget, gtk.SpinButton):
        return round(widget.get_value(), 6)
    if isinstance(widget, gtk.Entry):
        return widget.get_text()
    if isinstance(widget, gtk.ComboBox) and widget.get_id_column() >= 0:
        return widget.get_active_id()
    if isinstance(widget, gtk.ToggleButton):
        return widget.get_active()
    return None


def wait_for_windows() -> None:
    """Begin to answer when the plug-in has loaded what makes windows."""
    while "gi.repository.Gtk" not in sys.modules:
        time.sleep(0.05)
    from gi.repository import GLib, Gtk

    GLib.timeout_add(POLL_MS, answer, Gtk)
    if os.environ.get("HEARTBEAT"):
        from heartbeat import Heartbeat

        Heartbeat(GLib, TMP / "heartbeat")


def begin() -> None:
    if sys.argv[0].lower().endswith("scumble.py"):  # also an extension
        wait_for_windows()


def watch_argv() -> None:
    """Wait for the program's name, which is not known yet when this is imported."""
    while not getattr(sys, "argv", None):
        time.sleep(0.01)
    begin()


threading.Thread(target=watch_argv, daemon=True).start()
