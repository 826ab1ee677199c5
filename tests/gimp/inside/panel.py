"""The dialog on a screen, with GIMP behind it but none of its windows, for checks to use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import adviser_process
import arguments
import cairo
import dialog
import earlier_results
import image_items
import initial_settings
import painting_windows
import thumbnails
from dialog import Gdk, GimpUi, Gtk
from gi.repository import Gimp
from kit import photo

GimpUi.init("scumble")


class Panel:
    """The dialog for an image with a selection and a channel."""

    def __init__(
        self,
        size: tuple[int, int] = (0, 0),
        given: Any = None,
        above: Any = None,
        **arguments_: Any,
    ) -> None:
        self.image, self.layer = given or (photo() if size == (0, 0) else white(*size))
        self.image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
        channel = Gimp.Selection.save(self.image)
        channel.set_name("Face")
        procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble")
        self.config = procedure.create_config()
        for name, value in arguments_.items():
            self.config.set_property(arguments.property_name(name), value)
        scene = image_items.available_sources(self.image, self.layer)
        initial_settings.start_from(self.config, scene, earlier_results.Target(self.layer))
        self.small = thumbnails.Thumbnails(self.image, self.layer, painting_windows.SIDE)
        asked = adviser_process.start(dialog.gimp_run.HERE)
        self.dialog = dialog.Dialog(procedure, self.config, scene, self.small, asked, above)
        self.window = self.dialog._window
        self.window.show()
        settle()

    def all(self, kind: Any = Gtk.Widget) -> list[Any]:
        return [each for each in inside(self.window) if isinstance(each, kind)]

    def unfold(self) -> None:
        for each in self.all(Gtk.Expander):
            each.set_expanded(True)
        settle()

    def letters(self) -> dict[str, list[str]]:
        """Return the labels that show each letter."""
        found: dict[str, list[str]] = {}
        for label in self.all(Gtk.Label):
            key = label.get_mnemonic_keyval()
            if key != Gdk.KEY_VoidSymbol and label.get_mapped():
                found.setdefault(Gdk.keyval_name(key), []).append(label.get_label())
        return found

    def advice(self) -> dict[int, dict]:
        """Wait for the answer to the last question; return the estimates by size."""
        settle()
        self.dialog._sizes._estimates = {}
        self.dialog._ask()
        last = time.monotonic() + 90
        while not self.dialog._sizes._estimates:
            assert time.monotonic() < last, self.dialog._sizes._note.get_text()
            settle(0.05)
        return self.dialog._sizes._estimates

    def close(self) -> None:
        self.dialog.destroy()
        settle(0.0)


def white(width: int, height: int) -> tuple[Any, Any]:
    """Return an image with a white layer, however large, at once."""
    image = Gimp.Image.new(width, height, Gimp.ImageBaseType.RGB)
    kind = Gimp.ImageType.RGB_IMAGE
    layer = Gimp.Layer.new(image, "White", width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    layer.fill(Gimp.FillType.WHITE)
    image.insert_layer(layer, None, 0)
    return image, layer


def inside(widget: Any) -> Iterator[Any]:
    yield widget
    children: list[Any] = []
    if isinstance(widget, Gtk.Container):
        widget.forall(children.append)
    for child in children:
        yield from inside(child)


def settle(seconds: float = 0.3) -> None:
    """Let the windows come to rest."""
    last = time.monotonic() + seconds
    while Gtk.events_pending() or time.monotonic() < last:
        Gtk.main_iteration_do(False)


def drawing(panel: Panel, *, photo: bool = True, outlines: bool = True) -> bytes:
    """Return the photograph or the preview as it is drawn."""
    width, height = panel.small.width, panel.small.height
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, width, height)
    view = panel.dialog._view
    view._pressed = photo
    view._outlines.set_active(outlines)
    view.draw_picture(cairo.Context(surface))
    view._pressed = False
    surface.flush()
    return bytes(surface.get_data())
