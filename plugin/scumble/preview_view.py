"""The preview in the dialog: a small painting, or the photograph while the mouse is pressed."""

from __future__ import annotations

import base64
from typing import Any

import cairo
import labels
import pickers
import region_outlines
import thumbnails
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk

from engine.translations import N_, _

LEAST = 260
"""Pixels; the least width of the picture."""

TIP = N_("Press the mouse button or the space bar to see the photo")
BEGINNING = N_("Painting the preview…")
GROWING = N_("The preview grows. Press it to see the photo.")
FINISHED = N_("Preview. Press it to see the photo.")


class PreviewView(Gtk.Box):
    """The preview of the painting, with a note on it above.

    Parameters
    ----------
    small : thumbnails.Thumbnails
        Has the photograph.
    """

    def __init__(self, small: thumbnails.Thumbnails) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        self._small = small
        self._photo = small.content_surface()
        self._painting: GdkPixbuf.Pixbuf | None = None
        self._masks: list[bytes | None] = []
        self._protected: bytes | None = None
        self._pressed = False
        self._area = self._made_area()
        self._outlines = Gtk.CheckButton.new_with_mnemonic(labels.all_marked()[labels.OUTLINES])
        self._outlines.set_tooltip_text(_("Where each style goes; the protected part is hatched"))
        self._outlines.connect("toggled", lambda _button: self._area.queue_draw())
        self._note = pickers.dim_label()
        above = Gtk.Box(spacing=12)
        above.pack_start(self._note, True, True, 0)
        above.pack_start(self._outlines, False, False, 0)
        self.pack_start(above, False, False, 0)
        self.pack_start(self._area, True, True, 0)

    def _made_area(self) -> Gtk.DrawingArea:
        area = Gtk.DrawingArea(can_focus=True)
        area.set_size_request(LEAST, LEAST * 2 // 3)
        area.set_tooltip_text(_(TIP))
        area.get_accessible().set_name(_("The preview"))
        mask = Gdk.EventMask
        area.add_events(mask.BUTTON_PRESS_MASK | mask.BUTTON_RELEASE_MASK | mask.KEY_RELEASE_MASK)
        area.connect("draw", self._draw)
        area.connect("button-press-event", self._on_button, True)
        area.connect("button-release-event", self._on_button, False)
        area.connect("key-press-event", self._on_key, True)
        area.connect("key-release-event", self._on_key, False)
        area.connect("focus-out-event", lambda *_: self._press(False))
        return area

    def show_regions(self, masks: list[bytes | None], protected: bytes | None) -> None:
        """Outline other regions and hatch another protected part.

        Parameters
        ----------
        masks : list of (bytes or None)
            One byte per pixel of the thumbnails; None for a mask that is not known.
        protected : bytes or None
            The mask of the protected part.
        """
        self._masks, self._protected = masks, protected
        self._area.queue_draw()

    def begin(self) -> None:
        """Say that a preview is being painted. The one before stays until there is a new one."""
        self._note.set_text(_(BEGINNING))

    def show_painting(self, line: dict[str, Any]) -> None:
        """Show a picture, as the engine's line has it."""
        data = GLib.Bytes.new(base64.b64decode(line["data"]))
        size = line["width"], line["height"]
        rgb = GdkPixbuf.Colorspace.RGB
        self._painting = GdkPixbuf.Pixbuf.new_from_bytes(data, rgb, False, 8, *size, 3 * size[0])
        self._note.set_text(_(FINISHED if line["last"] else GROWING))
        self._area.queue_draw()

    def show_problem(self, text: str) -> None:
        """Show the photograph, and why there is no preview."""
        self._painting = None
        self._note.set_text(text)
        self._area.queue_draw()

    def _on_button(self, area: Gtk.DrawingArea, event: Gdk.EventButton, pressed: bool) -> bool:
        if event.button != 1:
            return False
        area.grab_focus()
        return self._press(pressed)

    def _on_key(self, _area: Gtk.DrawingArea, event: Gdk.EventKey, pressed: bool) -> bool:
        return event.keyval == Gdk.KEY_space and self._press(pressed)

    def _press(self, pressed: bool) -> bool:
        self._pressed = pressed
        self._area.queue_draw()
        return True

    def _draw(self, area: Gtk.DrawingArea, context: cairo.Context) -> bool:
        """Draw in the middle at the top, as large as there is room."""
        width, height = self._small.width, self._small.height
        room = area.get_allocated_width(), area.get_allocated_height()
        scale = min(room[0] / width, room[1] / height)
        context.translate((room[0] - scale * width) / 2, 0)
        context.scale(scale, scale)
        self.draw_picture(context)
        return False

    def draw_picture(self, context: cairo.Context) -> None:
        """Draw the painting or the photograph, as large as the thumbnails."""
        width, height = self._small.width, self._small.height
        context.rectangle(0, 0, width, height)
        context.clip()
        _checks(context, width, height)
        photo = None if self._photo is None else self._stretched(self._photo)
        if self._painting is not None and not self._pressed:
            context.set_source(self._stretched(thumbnails.surface(self._painting)))
            if photo is None:
                context.paint()
            else:
                context.mask(photo)  # the layer's transparency
        elif photo is not None:
            context.set_source(photo)
            context.paint()
        if self._outlines.get_active():
            region_outlines.draw(context, self._masks, self._protected, width, height)

    def _stretched(self, surface: cairo.ImageSurface) -> cairo.SurfacePattern:
        """Return a pattern that fills the drawing with a picture."""
        pattern = cairo.SurfacePattern(surface)
        across = surface.get_width() / self._small.width
        pattern.set_matrix(cairo.Matrix(across, 0, 0, surface.get_height() / self._small.height))
        pattern.set_extend(cairo.EXTEND_PAD)
        return pattern


def _checks(context: cairo.Context, width: int, height: int) -> None:
    """Draw the checks behind a transparent layer."""
    context.set_source_rgb(0.6, 0.6, 0.6)
    context.paint()
    context.set_source_rgb(0.4, 0.4, 0.4)
    for y in range(0, height, 8):
        for x in range(y // 8 % 2 * 8, width, 16):
            context.rectangle(x, y, 8, 8)
    context.fill()
