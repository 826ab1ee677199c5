"""A desktop's service for notices: writes each into a file, one JSON list a line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from gi.repository import Gio, GLib

NOTICES = Path(os.environ["TMPDIR"]) / "notices"
NAME = "org.freedesktop.Notifications"
INTERFACE = f"""
<node><interface name="{NAME}"><method name="Notify">
  <arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
  <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
  <arg type="a{{sv}}" direction="in"/><arg type="i" direction="in"/>
  <arg type="u" direction="out"/>
</method></interface></node>
"""


def called(*call: Any) -> None:
    parameters, invocation = call[5], call[6]
    _, _, _, title, text, *_ = parameters.unpack()
    with NOTICES.open("a", encoding="utf-8") as file:
        file.write(json.dumps([title, text]) + "\n")
    invocation.return_value(GLib.Variant("(u)", (1,)))


def on_bus(bus: Gio.DBusConnection, _name: str) -> None:
    (interface,) = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces
    bus.register_object("/org/freedesktop/Notifications", interface, called, None, None)


if __name__ == "__main__":
    Gio.bus_own_name(Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, on_bus, None, None)
    GLib.MainLoop().run()
