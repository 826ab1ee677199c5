"""Notices of the desktop, through the service of freedesktop.org on the session's D-Bus."""

from __future__ import annotations

from typing import Any

from gi.repository import Gio, GLib

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
WAIT_MS = 5000


def show(title: str, text: str) -> None:
    """Show a notice; a desktop without the service shows none.

    Parameters
    ----------
    title, text : str
        Plain text; characters that mean markup are escaped in the text.
    """
    text = GLib.markup_escape_text(text)
    notice = GLib.Variant("(susssasa{sv}i)", ("GIMP", 0, "gimp", title, text, [], {}, -1))

    def send(_source: Any, result: Gio.AsyncResult) -> None:
        try:
            bus = Gio.bus_get_finish(result)
        except GLib.Error:
            return  # Windows, macOS, or a session without D-Bus
        none = Gio.DBusCallFlags.NONE
        bus.call(NAME, PATH, NAME, "Notify", notice, None, none, WAIT_MS, None, _sent)

    Gio.bus_get(Gio.BusType.SESSION, None, send)


def _sent(bus: Gio.DBusConnection, result: Gio.AsyncResult) -> None:
    try:
        bus.call_finish(result)
    except GLib.Error:
        return  # there is no such service on this desktop
