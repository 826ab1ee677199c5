"""Thumbnails of styles and masks for the windows."""

from __future__ import annotations

import cairo
import canvas
import sources
from gi.repository import Gdk, GdkPixbuf, Gimp, GLib


class Thumbnails:
    """Thumbnails, each made once.

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
        self._styles: dict[tuple[sources.Source, int], GdkPixbuf.Pixbuf | None] = {}
        self._masks: dict[sources.Source, bytes | None] = {}

    def content(self) -> GdkPixbuf.Pixbuf | None:
        """Return the content at the drawing's size."""
        keep = Gimp.PixbufTransparency.KEEP_ALPHA
        return self._content.get_thumbnail(self.width, self.height, keep)

    def style(self, source: sources.Source, side: int) -> GdkPixbuf.Pixbuf | None:
        """Return a style within a square of `side` pixels; None if it cannot be shown."""
        key = (source, side)
        if key not in self._styles:
            self._styles[key] = self._style(source, side)
        return self._styles[key]

    def _style(self, source: sources.Source, side: int) -> GdkPixbuf.Pixbuf | None:
        if source.item is not None:
            layer = Gimp.Item.get_by_id(source.item.number)
            return layer.get_thumbnail(side, side, Gimp.PixbufTransparency.KEEP_ALPHA)
        try:
            found = GdkPixbuf.Pixbuf.new_from_file_at_scale(source.path, side, side, True)
        except GLib.Error:
            return None  # the engine may still read it
        return found.apply_embedded_orientation() or found

    def masks(self, resolved: list[sources.ResolvedRegion | None]) -> list[bytes | None]:
        """Return every region's mask at the drawing's size, one byte per pixel.

        None stands for an incomplete region, or for a mask that cannot be shown.
        """
        found: list[bytes | None] = []
        for region in resolved:
            known = region is not None and region.mask.kind != sources.REST
            found.append(self.mask(region.mask) if region is not None and known else None)
        others = [mask for mask in found if mask is not None]
        rest = bytes(max(255 - sum(values), 0) for values in zip(*others)) if others else None
        for number, region in enumerate(resolved):
            if region is not None and region.mask.kind == sources.REST:
                found[number] = rest or b"\xff" * (self.width * self.height)
        return found

    def mask(self, source: sources.Source) -> bytes | None:
        """Return a mask at the drawing's size, one byte per pixel; None if it cannot be shown."""
        if source not in self._masks:
            size = self.width, self.height
            if source.kind == sources.ALL:
                self._masks[source] = b"\xff" * (size[0] * size[1])
            elif source.kind == sources.FILE:
                self._masks[source] = _gray_file(source.path, *size)
            else:
                try:
                    mask = canvas.small_mask(self._image, self._content, source, self.scale, size)
                except canvas.CanvasError:  # said when the user presses Paint
                    return None
                self._masks[source] = mask
        return self._masks[source]


def mask_surface(mask: bytes, width: int, height: int) -> cairo.ImageSurface:
    """Return a mask as a surface of cairo."""
    stride = cairo.ImageSurface.format_stride_for_width(cairo.FORMAT_A8, width)
    padding = b"\0" * (stride - width)
    rows = (mask[y * width : (y + 1) * width] + padding for y in range(height))
    data = bytearray(b"".join(rows))
    return cairo.ImageSurface.create_for_data(data, cairo.FORMAT_A8, width, height, stride)


def surface(pixbuf: GdkPixbuf.Pixbuf, scale: int = 1) -> cairo.ImageSurface:
    """Return a pixbuf as a surface of cairo."""
    return Gdk.cairo_surface_create_from_pixbuf(pixbuf, scale, None)


def _gray_file(path: str, width: int, height: int) -> bytes | None:
    try:
        found = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, width, height, False)
    except GLib.Error:
        return None
    pixels, stride, planes = found.get_pixels(), found.get_rowstride(), found.get_n_channels()
    # The green channel of a gray picture is its brightness.
    rows = (pixels[y * stride : y * stride + width * planes][1::planes] for y in range(height))
    return b"".join(rows)
