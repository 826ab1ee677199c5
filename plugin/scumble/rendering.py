"""Rendering: layers as GIMP shows them, with their filters, and pictures that GIMP opens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from canvas_error import CanvasError
from gi.repository import Gimp, Gio, GLib

from engine.translations import _


@contextmanager
def rendered(layer: Gimp.Drawable) -> Iterator[Gimp.Drawable]:
    """Yield a drawable with a layer's pixels after its filters, without mask and opacity.

    Other drawables have no filters and are yielded as they are.
    """
    if not isinstance(layer, Gimp.Layer) or not layer.get_filters():
        yield layer  # the buffer of a group holds the filtered layers in it
        return
    with empty_image(layer, layer.get_image()) as image:
        yield insert_flat_copy(layer, image)


@contextmanager
def opened_picture(path: str) -> Iterator[Gimp.Layer]:
    """Yield a layer with what is visible in a picture file, opened by GIMP.

    Raises
    ------
    CanvasError
        If GIMP cannot open it.
    """
    try:
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path))
    except GLib.Error:
        image = None
    if image is None:
        name = os.path.basename(path)
        message = _("“{name}” is not a picture that GIMP can open. Choose another picture.")
        raise CanvasError(message.format(name=name))
    try:
        image.undo_disable()
        layer = Gimp.Layer.new_from_visible(image, image, os.path.basename(path))
        image.insert_layer(layer, None, 0)
        yield layer
    finally:
        image.delete()


@contextmanager
def empty_image(layer: Gimp.Layer, like: Gimp.Image) -> Iterator[Gimp.Image]:
    """Yield a new image of a layer's size, with the precision and profile of another image."""
    size = layer.get_width(), layer.get_height()
    image = Gimp.Image.new_with_precision(*size, rgb_or_gray(like), like.get_precision())
    try:
        image.undo_disable()
        profile = like.get_color_profile()
        if profile is not None:
            image.set_color_profile(profile)
        yield image
    finally:
        image.delete()


def insert_flat_copy(
    layer: Gimp.Layer, image: Gimp.Image, parent: Gimp.Layer | None = None, position: int = 0
) -> Gimp.Layer:
    """Insert a plain layer with a layer's pixels after its filters into another image.

    The copy has no mask, full opacity and the normal mode. An ordinary layer is copied without any
    conversion. GIMP renders other kinds, such as groups and texts.

    Parameters
    ----------
    layer : Gimp.Layer
    image : Gimp.Image
        An image of the layer's color mode, precision and profile.
    parent : Gimp.Layer, optional
        The group to insert the copy into.
    position : int
        The place of the copy in the group or in the image, from the top.

    Raises
    ------
    CanvasError
        If GIMP cannot copy the layer.
    """
    if type(layer) is Gimp.Layer:
        copy = _insert_copy(layer, image, parent, position)
        copy.merge_filters()
        return copy
    with empty_image(layer, image) as alone:
        _insert_copy(layer, alone, None, 0).set_offsets(0, 0)
        flat = Gimp.Layer.new_from_visible(alone, image, layer.get_name())
    image.insert_layer(flat, parent, position)
    return flat


def _insert_copy(
    layer: Gimp.Layer, image: Gimp.Image, parent: Gimp.Layer | None, position: int
) -> Gimp.Layer:
    copy = Gimp.Layer.new_from_drawable(layer, image)
    if copy is None:
        message = _("GIMP cannot copy the layer “{layer}”.")
        raise CanvasError(message.format(layer=layer.get_name()))
    copy.set_lock_content(False)
    copy.set_lock_alpha(False)
    copy.set_mode(Gimp.LayerMode.NORMAL)
    copy.set_opacity(100.0)
    copy.set_visible(True)
    image.insert_layer(copy, parent, position)
    if copy.get_mask():  # GIMP removes a mask only from a layer in an image
        copy.remove_mask(Gimp.MaskApplyMode.DISCARD)
    return copy


def rgb_or_gray(image: Gimp.Image) -> Gimp.ImageBaseType:
    """Return the color mode to work in: RGB also for an image with a palette."""
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    return Gimp.ImageBaseType.GRAY if gray else Gimp.ImageBaseType.RGB
