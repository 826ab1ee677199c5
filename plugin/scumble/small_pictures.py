"""Small pictures of layers: reduced for the screen and for the preview, in sRGB."""

from __future__ import annotations

import canvas
import rendering
from gi.repository import GdkPixbuf, Gimp, GLib

LARGEST = 1024
"""The longest side of a thumbnail that GIMP makes."""

NEAR = 2
"""How many times as wide as the small picture a layer is when its pixels are averaged."""


def small_picture(layer: Gimp.Layer, size: tuple[int, int]) -> GdkPixbuf.Pixbuf | None:
    """Return a layer after its filters, within a width and a height of up to `LARGEST` pixels.

    GIMP makes the thumbnail of a large layer within a tenth of a second, but in the colors of the
    image's profile, and none of an image with linear values.
    """
    image = layer.get_image()
    profile = image.get_color_profile()
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    if image.get_precision().value_nick.endswith("-linear") or (gray and profile is not None):
        return _reduced(layer, size)
    found = layer.get_thumbnail(*size, Gimp.PixbufTransparency.KEEP_ALPHA)
    return found if found is None or profile is None else _in_srgb(found, profile)


def _in_srgb(picture: GdkPixbuf.Pixbuf, profile: Gimp.ColorProfile) -> GdkPixbuf.Pixbuf:
    """Return a picture whose colors are those of a profile in sRGB."""
    size = picture.get_width(), picture.get_height()
    image = Gimp.Image.new(*size, Gimp.ImageBaseType.RGB)
    try:
        image.undo_disable()
        normal = Gimp.LayerMode.NORMAL
        layer = Gimp.Layer.new_from_pixbuf(image, "Small", picture, 100.0, normal, 0.0, 0.0)
        image.insert_layer(layer, None, 0)
        image.set_color_profile(profile)  # the numbers stay
        return _read(layer)
    finally:
        image.delete()


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
