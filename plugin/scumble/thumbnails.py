"""Thumbnails of styles and masks for the windows."""

from __future__ import annotations

from pathlib import Path

import cairo
import canvas
import canvas_error
import engine_process
import image_items
import mask_pixels
import picture_files
import rendering
import small_pictures
import sources
from gi.repository import Gdk, GdkPixbuf, Gimp, GLib

FILE_SIDE = 400
"""Device pixels of a style from a file."""

LARGER = 1.5
"""Greatest width of a drawing that is still sharp, in widths of the thumbnails."""


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
        self._photo: GdkPixbuf.Pixbuf | None = None
        width, height = content.get_width(), content.get_height()
        self.full_size = width, height
        self.scale = min(side / max(width, height), 1.0)
        self.width = max(round(width * self.scale), 1)
        self.height = max(round(height * self.scale), 1)
        self._styles: dict[tuple[sources.Source, int], GdkPixbuf.Pixbuf | None] = {}
        self._masks: dict[sources.Source, bytes | None] = {}
        self._files = {each.path: each for each in picture_files.last_styles()}
        self.last_styles = list(self._files)
        """The paths of the styles that were chosen last, the newest first."""

    def content(self) -> GdkPixbuf.Pixbuf | None:
        """Return the content for a drawing that may be larger than the thumbnails."""
        if self._photo is None:
            longest = max(self.width, self.height)
            times = min(1 / self.scale, LARGER * screen_scale(), small_pictures.LARGEST / longest)
            size = max(round(self.width * times), 1), max(round(self.height * times), 1)
            self._photo = small_pictures.small_picture(self._content, size)
        return self._photo

    def content_surface(self) -> cairo.ImageSurface | None:
        """Return the content as a surface of cairo."""
        found = self.content()
        return None if found is None else surface(found)

    def over_content(self, layer: Gimp.Layer) -> GdkPixbuf.Pixbuf | None:
        """Return the content with another layer of its image over it; None if it cannot be shown.

        The layer has its filters, but neither its mask, its opacity nor its mode, as when the
        engine starts from it.
        """
        photo = self.content()
        if photo is None:
            return None
        scale = photo.get_width() / self.full_size[0]
        sides = layer.get_width(), layer.get_height()
        size = max(round(sides[0] * scale), 1), max(round(sides[1] * scale), 1)
        above = small_pictures.small_picture(layer, size)
        if above is None:
            return None
        here, there = image_items.offsets(self._content), image_items.offsets(layer)
        left, top = (round((b - a) * scale) for a, b in zip(here, there))
        return small_pictures.over(photo, above, (left, top, *size))

    def style_surface(self, source: sources.Source, side: int) -> cairo.ImageSurface | None:
        """Return a style within a square of `side` pixels, sharp on a screen of any scale."""
        scale = screen_scale()
        found = self.style(source, side * scale)
        return None if found is None else surface(found, scale)

    def style_sizes(self, resolved: list[sources.ResolvedRegion | None]) -> list[tuple[int, int]]:
        """Return height and width of each region's style; the content's where it is not known."""
        return [self._style_size(None if each is None else each.style) for each in resolved]

    def _style_size(self, source: sources.Source | None) -> tuple[int, int]:
        if source is not None and source.item is not None:
            layer = Gimp.Item.get_by_id(source.item.number)
            return layer.get_height(), layer.get_width()
        if source is not None:
            picture = self.file(_path(source))
            if picture is not None:
                return picture.height, picture.width
        return self.full_size[1], self.full_size[0]

    def style(self, source: sources.Source, side: int) -> GdkPixbuf.Pixbuf | None:
        """Return a style within a square of `side` pixels; None if it cannot be shown."""
        key = (source, side)
        if key not in self._styles:
            self._styles[key] = self._style(source, side)
        return self._styles[key]

    def _style(self, source: sources.Source, side: int) -> GdkPixbuf.Pixbuf | None:
        if source.item is not None:
            layer = Gimp.Item.get_by_id(source.item.number)
            return small_pictures.small_picture(layer, (side, side))
        picture = self.file(_path(source), side)
        if picture is None:
            return None  # the engine says why
        return picture_files.within(picture.thumbnail, side)

    def file(self, path: str, side: int = 1) -> picture_files.PictureFile | None:
        """Return a picture file with a thumbnail of at least `side` pixels; None if unreadable."""
        known = self._files.get(path)
        if known is None or not known.has_thumbnail_of(side):
            try:
                self._files[path] = picture_files.look_at(path, max(side, FILE_SIDE))
            except canvas_error.CanvasError:
                return None
        return self._files[path]

    def add_file(self, path: str) -> None:
        """Look at a picture file that was chosen as a style, and remember it.

        Raises
        ------
        canvas_error.CanvasError
            If it cannot be read.
        """
        self._files[path] = picture_files.look_at(path, FILE_SIDE)
        picture_files.remember_style(self._files[path])

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

    def share(self, mask: bytes | None) -> float | None:
        """Return the share of the layer that a mask covers, from 0 to 1; None without a mask."""
        return None if mask is None else sum(mask) / (255 * self.width * self.height)

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
                    mask = mask_pixels.small_mask(
                        self._image, self._content, source, self.scale, size
                    )
                except canvas_error.CanvasError:  # said when the user presses Paint
                    return None
                self._masks[source] = mask
        return self._masks[source]


def _path(source: sources.Source) -> str:
    """Return the path of a picture file, or of a painting that comes with Scumble."""
    if source.kind != sources.PAINTING:
        return source.path
    home = engine_process.read_location(Path(__file__).resolve().parent).home
    return str(Path(home) / "app" / "engine" / "paintings" / f"{source.path}.jpg")


def screen_scale() -> int:
    """Return the device pixels per pixel of the screen with the largest scale."""
    display = Gdk.Display.get_default()
    monitors = (display.get_monitor(number) for number in range(display.get_n_monitors()))
    return max((each.get_scale_factor() for each in monitors), default=1)


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
        if not picture_files.engine_reads(path):
            with rendering.opened_picture(path) as layer:
                return canvas.small_gray(layer, (width, height))
        found = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, width, height, False)
    except (GLib.Error, canvas_error.CanvasError):
        return None
    pixels, stride, planes = found.get_pixels(), found.get_rowstride(), found.get_n_channels()
    # The green channel of a gray picture is its brightness.
    rows = (pixels[y * stride : y * stride + width * planes][1::planes] for y in range(height))
    return b"".join(rows)
