"""The picture in the live window: fitted or 1:1, with the photograph while the mouse is pressed."""

from __future__ import annotations

from typing import Any, Callable

import canvas
import small_pictures
from gi.repository import Gdk, GdkPixbuf, Gimp, GLib, Gtk

from engine.translations import N_, _

SIDE = 420
"""The longest side at first, in pixels of the screen."""

DRAG = 4
"""Pixels of the screen that the mouse moves until it drags."""

TIP = N_("Press to see the photo, double-click for 1:1, drag to move")


class PictureView(Gtk.DrawingArea):
    """The view of a layer while it is painted, and of its result.

    Parameters
    ----------
    content : Gimp.Layer or None
        The layer to paint; None for nothing to show before the first picture.
    on_zoomed : callable
        Called with whether 1:1 is shown, when a double-click has changed it.
    """

    def __init__(
        self,
        content: Gimp.Layer | None = None,
        on_zoomed: Callable[[bool], None] = lambda zoomed: None,
    ) -> None:
        super().__init__()
        self.on_zoomed = on_zoomed
        self._full = (0, 0)
        self._photo: GdkPixbuf.Pixbuf | None = None
        self._painting: GdkPixbuf.Pixbuf | None = None
        self._layers: dict[bool, Gimp.Layer | None] = {True: None, False: None}
        self._crops: dict[bool, tuple[tuple[int, int, int, int], GdkPixbuf.Pixbuf]] = {}
        self._center = (0.0, 0.0)
        self._pressed: tuple[float, float] | None = None
        self._dragged = False
        self._before = self._zoomed = False
        self.set_content(content)
        mask = Gdk.EventMask
        self.add_events(
            mask.BUTTON_PRESS_MASK | mask.BUTTON_RELEASE_MASK | mask.BUTTON1_MOTION_MASK
        )
        self.connect("draw", self._draw)
        self.connect("button-press-event", self._press)
        self.connect("button-release-event", self._release)
        self.connect("motion-notify-event", self._move)
        self.set_tooltip_text(_(TIP))
        self.set_can_focus(True)
        self.get_accessible().set_name(_("The picture"))
        width, height = SIDE, SIDE * 3 // 4
        if content is not None:
            longest = max(self._full)
            width = max(round(self._full[0] * SIDE / longest), 320)
            height = round(self._full[1] * SIDE / longest)
        self.set_size_request(width // 2, height // 2)
        self.natural_size = width, height

    def set_content(self, content: Gimp.Layer | None) -> None:
        """Show another layer before it is painted."""
        self._layers = {True: content, False: None}
        self._crops.clear()
        self._painting = None
        if content is not None:
            self._full = content.get_width(), content.get_height()
            self._photo = _thumbnail(content)
            self._center = self._full[0] / 2, self._full[1] / 2
        self.queue_draw()

    def set_painting(self, picture: GdkPixbuf.Pixbuf) -> None:
        """Show the painting as it is so far."""
        self._painting = picture
        self._layers[False] = None
        self._crops.pop(False, None)
        if not any(self._full):
            self._full = picture.get_width(), picture.get_height()
        self.queue_draw()

    def set_result(self, result: Gimp.Layer) -> None:
        """Show the finished painting, which at 1:1 is read out of its layer."""
        self._painting = _thumbnail(result) or self._painting
        content = self._layers[True]
        same = content is not None and content.is_valid()
        if same and (result.get_width(), result.get_height()) == self._full:
            self._layers[False] = result
        self.queue_draw()

    def show_before(self, before: bool) -> None:
        """Show the photograph, or else the painting."""
        self._before = before
        self.queue_draw()

    def zoom(self, zoomed: bool) -> None:
        """Show the layer at 1:1, or else as a whole."""
        self._zoomed = zoomed
        self._move_to(*self._center)

    @property
    def zoomed(self) -> bool:
        """Return whether the layer is shown at 1:1."""
        return self._zoomed

    def _scale(self) -> float:
        """Return the pixels of the screen per pixel of the layer."""
        if self._zoomed:
            return 1 / self.get_scale_factor()
        width, height = self.get_allocated_width(), self.get_allocated_height()
        return min(width / self._full[0], height / self._full[1])

    def _move_to(self, x: float, y: float) -> None:
        """Show a place of the layer in the middle, as far as the layer fills the widget."""
        scale = self._scale() if any(self._full) else 1.0
        sizes = (self.get_allocated_width() / scale, self.get_allocated_height() / scale)
        made = []
        for place, seen, full in zip((x, y), sizes, self._full):
            half = min(seen, full) / 2
            made.append(min(max(place, half), full - half))
        self._center = made[0], made[1]
        self.queue_draw()

    def _press(self, _area: Any, event: Gdk.EventButton) -> bool:
        if event.button != 1 or not any(self._full):
            return False
        if event.type == Gdk.EventType._2BUTTON_PRESS:
            x, y = self._place(event.x, event.y)
            self._zoomed = not self._zoomed
            self._move_to(x, y)
            self.on_zoomed(self._zoomed)
            return True
        self._pressed, self._dragged = (event.x, event.y), False
        self.queue_draw()
        return True

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of the layer that is seen at a place of the widget."""
        scale = self._scale()
        return (
            self._center[0] + (x - self.get_allocated_width() / 2) / scale,
            self._center[1] + (y - self.get_allocated_height() / 2) / scale,
        )

    def _move(self, _area: Any, event: Gdk.EventMotion) -> bool:
        if self._pressed is None or not self._zoomed:
            return False
        across, down = event.x - self._pressed[0], event.y - self._pressed[1]
        if self._dragged or max(abs(across), abs(down)) > DRAG:
            self._dragged = True
            self._pressed = event.x, event.y
            scale = self._scale()
            self._move_to(self._center[0] - across / scale, self._center[1] - down / scale)
        return True

    def _release(self, _area: Any, _event: Gdk.EventButton) -> bool:
        self._pressed = None
        self.queue_draw()
        return True

    def _shows_photo(self) -> bool:
        pressed = self._pressed is not None and not self._dragged
        return self._before != pressed or self._painting is None

    def _draw(self, area: Gtk.DrawingArea, context: Any) -> bool:
        photo = self._shows_photo()
        picture = self._photo if photo else self._painting
        if picture is None or not any(self._full):
            return False
        width, height = area.get_allocated_width(), area.get_allocated_height()
        scale = self._scale()
        left, top = (
            (self._center[0] - width / 2 / scale, self._center[1] - height / 2 / scale)
            if self._zoomed
            else ((self._full[0] - width / scale) / 2, (self._full[1] - height / scale) / 2)
        )
        context.scale(scale, scale)
        crop = self._crop(photo, left, top, width / scale, height / scale)
        if crop is not None:
            (x, y, _, _), picture = crop
            context.translate(x - left, y - top)
        else:
            context.translate(-left, -top)
            context.scale(self._full[0] / picture.get_width(), self._full[1] / picture.get_height())
        Gdk.cairo_set_source_pixbuf(context, picture, 0, 0)
        context.paint()
        return False

    def _crop(
        self, photo: bool, left: float, top: float, width: float, height: float
    ) -> tuple[tuple[int, int, int, int], GdkPixbuf.Pixbuf] | None:
        """Return the part of a layer that is seen at 1:1, out of the layer itself."""
        layer = self._layers[photo]
        if not self._zoomed or layer is None or not layer.is_valid():
            return None
        x, y = max(int(left), 0), max(int(top), 0)
        area = (
            *(x, y),
            min(int(left + width) + 1, self._full[0]) - x,
            min(int(top + height) + 1, self._full[1]) - y,
        )
        if self._crops.get(photo, (None,))[0] != area:
            data = GLib.Bytes.new(canvas.read_for_screen(layer, area))
            rgb = GdkPixbuf.Colorspace.RGB
            size = area[2:]
            pixbuf = GdkPixbuf.Pixbuf.new_from_bytes(data, rgb, True, 8, *size, 4 * size[0])
            self._crops[photo] = area, pixbuf
        return self._crops[photo]


def _thumbnail(layer: Gimp.Layer) -> GdkPixbuf.Pixbuf | None:
    width, height = layer.get_width(), layer.get_height()
    scale = min(small_pictures.LARGEST / max(width, height), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return small_pictures.small_picture(layer, size)
