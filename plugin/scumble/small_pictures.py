"""Small pictures of layers: reduced for the screen and for the preview, in sRGB."""

from __future__ import annotations

import canvas
import rendering
from gi.repository import GdkPixbuf, Gimp, GLib

LARGEST = 1024
"""The longest side of a thumbnail that GIMP makes."""

IN_SRGB = 2
"""The minor version of the first GIMP 3 that makes thumbnails in sRGB."""

NEAR = 2
"""Width of a layer whose pixels are averaged, in widths of the small picture."""


def small_picture(layer: Gimp.Layer, size: tuple[int, int]) -> GdkPixbuf.Pixbuf | None:
    """Return a layer after its filters, within a width and a height of up to `LARGEST` pixels.

    GIMP makes the thumbnail of a large layer within a tenth of a second, but none of an image with
    linear values, and GIMP 3.0 none of one with more than 8 bits. For a layer with filters it takes
    seconds. GIMP 3.0 leaves it in the colors of the image's profile.
    """
    image = layer.get_image()
    precision = image.get_precision().value_nick
    linear = precision.endswith("-linear") and not precision.endswith("-non-linear")
    foreign = image.get_color_profile() is not None and Gimp.MINOR_VERSION < IN_SRGB
    if linear or foreign or layer.get_filters():
        return _reduced(layer, size)
    # GIMP would enlarge a small layer.
    within = min(size[0], layer.get_width()), min(size[1], layer.get_height())
    found = layer.get_thumbnail(*within, Gimp.PixbufTransparency.KEEP_ALPHA)
    return _reduced(layer, size) if found is None else found


def over(
    below: GdkPixbuf.Pixbuf, above: GdkPixbuf.Pixbuf, area: tuple[int, int, int, int]
) -> GdkPixbuf.Pixbuf:
    """Return a picture with another one over it, stretched over an area.

    Parameters
    ----------
    below, above : GdkPixbuf.Pixbuf
    area : tuple of int
        Left, top, width and height in the lower picture; parts beyond it are left out.
    """
    made = below.copy()
    left, top = max(area[0], 0), max(area[1], 0)
    right = min(area[0] + area[2], made.get_width())
    bottom = min(area[1] + area[3], made.get_height())
    if right > left and bottom > top:
        stretched = area[2] / above.get_width(), area[3] / above.get_height()
        above.composite(
            made,
            *(left, top, right - left, bottom - top),
            *(area[0], area[1], *stretched),
            *(GdkPixbuf.InterpType.BILINEAR, 255),
        )
    return made


def _reduced(layer: Gimp.Layer, size: tuple[int, int]) -> GdkPixbuf.Pixbuf:
    """Return a smaller copy of a layer, most of the way without interpolation, which takes long."""
    width, height = layer.get_width(), layer.get_height()
    scale = min(size[0] / width, size[1] / height, 1.0)
    with rendering.empty_image(layer, layer.get_image()) as image:
        copy = rendering.insert_flat_copy(layer, image)
        Gimp.context_push()
        try:
            for times, method in ((NEAR, "NONE"), (1, "LINEAR")):
                reduced = min(times * scale, 1.0)
                Gimp.context_set_interpolation(getattr(Gimp.InterpolationType, method))
                sides = max(round(width * reduced), 1), max(round(height * reduced), 1)
                copy.scale(*sides, False)
        finally:
            Gimp.context_pop()
        return _read(copy)


def _read(layer: Gimp.Layer) -> GdkPixbuf.Pixbuf:
    width, height = layer.get_width(), layer.get_height()
    data = GLib.Bytes.new(canvas.read_for_screen(layer, (0, 0, width, height)))
    rgb = GdkPixbuf.Colorspace.RGB
    return GdkPixbuf.Pixbuf.new_from_bytes(data, rgb, True, 8, width, height, 4 * width)
