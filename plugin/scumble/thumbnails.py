"""Small pictures of styles and masks for the windows."""

from __future__ import annotations

import cairo
import canvas
import regions
from gi.repository import Gdk, GdkPixbuf, Gimp, GLib


class Thumbnails:
    """Small pictures, each made once.

    Parameters
    ----------
    image : Gimp.Image
        The image that is painted.
    content : Gimp.Layer
        The layer that is painted.
    side : int
        The longest side of the drawing of the content, in pixels.
    """

    def __init__(self, image: Gimp.Image, content: Gimp.Layer, side: int) -> None:
        self._image, self._content = image, content
        width, height = content.get_width(), content.get_height()
        self.full_size = width, height
        self.scale = min(side / max(width, height), 1.0)
        self.width = max(round(width * self.scale), 1)
        self.height = max(round(height * self.scale), 1)
        self._styles: dict[tuple[regions.Source, int], GdkPixbuf.Pixbuf | None] = {}
        self._masks: dict[regions.Source, bytes | None] = {}

    def content(self) -> GdkPixbuf.Pixbuf | None:
        """Return the content at the drawing's size."""
        keep = Gimp.PixbufTransparency.KEEP_ALPHA
        return self._content.get_thumbnail(self.width, self.height, keep)

    def style(self, source: regions.Source, side: int) -> GdkPixbuf.Pixbuf | None:
        """Return a style within a square of `side` pixels; None where it cannot be shown."""
        key = (source, side)
        if key not in self._styles:
            self._styles[key] = self._style(source, side)
        return self._styles[key]

    def _style(self, source: regions.Source, side: int) -> GdkPixbuf.Pixbuf | None:
        if source.item is not None:
            layer = Gimp.Item.get_by_id(source.item.number)
            return layer.get_thumbnail(side, side, Gimp.PixbufTransparency.KEEP_ALPHA)
        try:
            found = GdkPixbuf.Pixbuf.new_from_file_at_scale(source.path, side, side, True)
        except GLib.Error:
            return None  # the engine may read it all the same
        return found.apply_embedded_orientation() or found

    def masks(self, plans: list[regions.Plan | None]) -> list[bytes | None]:
        """Return every region's mask at the drawing's size, a byte a pixel.

        None stands for a region that is not complete, or a mask that cannot be shown.
        """
        found: list[bytes | None] = []
        for plan in plans:
            known = plan is not None and plan.mask.kind != regions.REST
            found.append(self.mask(plan.mask) if plan is not None and known else None)
        others = [mask for mask in found if mask is not None]
        rest = bytes(max(255 - sum(values), 0) for values in zip(*others)) if others else None
        for number, plan in enumerate(plans):
            if plan is not None and plan.mask.kind == regions.REST:
                found[number] = rest or b"\xff" * (self.width * self.height)
        return found

    def mask(self, source: regions.Source) -> bytes | None:
        """Return a mask at the drawing's size, a byte a pixel; None where it cannot be shown."""
        if source not in self._masks:
            size = self.width, self.height
            if source.kind == regions.ALL:
                self._masks[source] = b"\xff" * (size[0] * size[1])
            elif source.kind == regions.FILE:
                self._masks[source] = _grey_file(source.path, *size)
            else:
                mask = canvas.small_mask(self._image, self._content, source, self.scale, size)
                self._masks[source] = mask
        return self._masks[source]


def mask_surface(mask: bytes, width: int, height: int) -> cairo.ImageSurface:
    """Return a mask as cairo takes it."""
    stride = cairo.ImageSurface.format_stride_for_width(cairo.FORMAT_A8, width)
    padding = b"\0" * (stride - width)
    rows = (mask[y * width : (y + 1) * width] + padding for y in range(height))
    data = bytearray(b"".join(rows))
    return cairo.ImageSurface.create_for_data(data, cairo.FORMAT_A8, width, height, stride)


def surface(pixbuf: GdkPixbuf.Pixbuf, scale: int = 1) -> cairo.ImageSurface:
    """Return a pixbuf as cairo takes it."""
    return Gdk.cairo_surface_create_from_pixbuf(pixbuf, scale, None)


def _grey_file(path: str, width: int, height: int) -> bytes | None:
    try:
        found = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, width, height, False)
    except GLib.Error:
        return None
    pixels, stride, planes = found.get_pixels(), found.get_rowstride(), found.get_n_channels()
    # Green stands for grey.
    rows = (pixels[y * stride : y * stride + width * planes][1::planes] for y in range(height))
    return b"".join(rows)
