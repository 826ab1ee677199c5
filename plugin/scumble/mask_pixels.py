"""Masks: the pixels of selections, channels and layer masks, out of GIMP and into GIMP."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import canvas
import image_items
import kept_masks
import npy
import rendering
import sources
from canvas_error import CanvasError
from gi.repository import Babl, Gegl, Gimp

from engine.translations import _

INVERSE = bytes(range(255, -1, -1))


def write_mask(
    image: Gimp.Image,
    content: Gimp.Layer,
    source: sources.Source,
    path: Path,
    on_progress: canvas.OnProgress = lambda done: None,
) -> bool:
    """Write the part of a mask over the content to a .npy file of float32 from 0 to 1.

    Returns
    -------
    bool
        Whether it covers any of the content.
    """
    drawable, form, planes = mask_drawable(image, content, source)
    width, height = content.get_width(), content.get_height()
    x, y = image_items.offsets(content)
    left, top = image_items.offsets(drawable)
    covered = False
    shape = (height, width) if planes == 1 else (height, width, planes)
    with rendering.rendered(drawable) as shown, path.open("wb") as file:
        file.write(npy.header(shape))
        for first, rows in canvas.strips(width, height, 4 * planes):
            data = canvas.read(shown, (x - left, y - top + first, width, rows), form)
            if source.kind == sources.OUTSIDE:
                values = array("f", data)
                data = array("f", map((1.0).__sub__, values)).tobytes()
            covered = covered or data.count(0) < len(data)
            file.write(data)
            on_progress((first + rows) / height)
    return covered


def mask_drawable(
    image: Gimp.Image, content: Gimp.Layer, source: sources.Source
) -> tuple[Any, str, int]:
    """Return the drawable that holds a mask, the format to read, and its number of planes.

    The selection and layer masks are linear. A channel is not, in most precisions.

    Raises
    ------
    CanvasError
        If a mask that an earlier result carries does not fit the content.
    """
    if source.kind in (sources.SELECTION, sources.OUTSIDE):
        return image.get_selection(), "Y float", 1
    assert source.item is not None
    if source.kind == sources.KEPT:
        try:
            return kept_masks.KeptMask(source.item, content), "Y float", 1
        except ValueError as error:
            raise CanvasError(str(error)) from error
    item = Gimp.Item.get_by_id(source.item.number)
    if source.kind == sources.MASK:
        return item.get_mask(), "Y float", 1
    if source.kind == sources.ALPHA:
        return item, "A float", 1
    if isinstance(item, (Gimp.LayerMask, Gimp.Selection)):
        return item, "Y float", 1
    if isinstance(item, Gimp.Channel):
        perceptual = Babl.format_get_encoding(item.get_format()).startswith("Y'")
        return item, "Y' float" if perceptual else "Y float", 1
    return item, "Y'A float", 2


def small_mask(
    image: Gimp.Image,
    content: Gimp.Layer,
    source: sources.Source,
    scale: float,
    size: tuple[int, int],
) -> bytes:
    """Return the part of a mask over the content, reduced for a drawing, one byte per pixel.

    Parameters
    ----------
    image : Gimp.Image
        The image that is painted.
    content : Gimp.Layer
        The layer that is painted.
    source : sources.Source
        The mask.
    scale : float
        Pixels of the drawing per pixel of the content.
    size : tuple of int
        The drawing's width and height.
    """
    drawable, form, planes = mask_drawable(image, content, source)
    x, y = image_items.offsets(content)
    left, top = image_items.offsets(drawable)
    area = (round((x - left) * scale), round((y - top) * scale), *size)
    with rendering.rendered(drawable) as shown:
        data = canvas.read(shown, area, form.replace("float", "u8"), scale)
    if planes == 2:
        pairs = zip(data[0::2], data[1::2])
        data = bytes(gray * alpha // 255 for gray, alpha in pairs)
    return data.translate(INVERSE) if source.kind == sources.OUTSIDE else data


def write_mask_into(layer: Gimp.Layer, path: Path) -> None:
    """Give a layer a mask from a .npy file of values from 0 to 1 and of the layer's size.

    Raises
    ------
    ValueError
        If the mask has another size.
    """
    shape = npy.shape_of(path)
    width, height = layer.get_width(), layer.get_height()
    if shape != (height, width):
        message = _("The engine's mask has the shape {shape}; the layer is {width}x{height}.")
        raise ValueError(message.format(shape=shape, width=width, height=height))
    with path.open("rb") as file:
        npy.read_header(file)
        strips = (file.read(4 * width * rows) for _y, rows in canvas.strips(width, height, 4))
        _add_mask(layer, strips)


def copy_mask(source: Gimp.Layer, target: Gimp.Layer) -> None:
    """Give a layer the mask of another layer of the same size."""
    mask = source.get_mask()
    width, height = target.get_width(), target.get_height()
    strips = canvas.strips(width, height, 4)
    _add_mask(target, (canvas.read(mask, (0, y, width, rows), "Y float") for y, rows in strips))


def _add_mask(layer: Gimp.Layer, strips: Iterable[bytes]) -> None:
    """Add a mask whose linear values come in the strips of `_strips`."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    width, height = layer.get_width(), layer.get_height()
    buffer = mask.get_buffer()
    for (y, rows), data in zip(canvas.strips(width, height, 4), strips):
        buffer.set(Gegl.Rectangle.new(0, y, width, rows), "Y float", data)
    buffer.flush()
    mask.update(0, 0, width, height)
    # GIMP selects a new mask for editing: a brush would change it, and the filter refuses it.
    layer.set_edit_mask(False)
