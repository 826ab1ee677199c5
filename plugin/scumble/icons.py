"""The plug-in's icon in its windows.

The PNG files are scumble.svg, drawn by GdkPixbuf at their sizes; not every GIMP has its SVG loader.
"""

from __future__ import annotations

from pathlib import Path

from gi.repository import GdkPixbuf, Gtk

FOLDER = Path(__file__).resolve().parent / "icons"


def use_in_windows() -> None:
    """Give the icon to all windows of this process, in every size that there is."""
    files = sorted(FOLDER.glob("*.png"))
    Gtk.Window.set_default_icon_list([GdkPixbuf.Pixbuf.new_from_file(str(file)) for file in files])
