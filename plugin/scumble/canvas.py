"""Pixels and masks out of GIMP, results into it. The only room that touches buffers.

Everything is read and written in strips, so that this process holds a few megabytes whatever the
size of the layer, and always as float: a format's name means sRGB, and GIMP converts from and to
the image's own profile. Writing 8 bits into deeper layers would hit a fault in babl.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Callable

import npy
import regions
from gi.repository import Babl, Gegl, Gimp, Gio
from job import MIN_SIDE

COLOUR = "R'G'B'A float"
PARASITE = "scumble-settings"
STRIP_BYTES = 4 * 2**20
INVERSE = bytes(range(255, -1, -1))

CACHE_BYTES = 32 * 2**20
"""What GEGL may keep of tiles here; each is asked for once."""

Told = Callable[[float], None]
"""Called with how far a transfer is, from 0 to 1."""


class CanvasError(Exception):
    """A layer that cannot be painted or written; the message is one sentence for the user."""


def save_memory() -> None:
    """Keep GEGL from holding whole layers in this process."""
    Gegl.config().set_property("tile-cache-size", CACHE_BYTES)


def scene_of(image: Gimp.Image, content: Gimp.Layer) -> regions.Scene:
    """Describe what the painter can choose from."""
    elsewhere = []
    for other in Gimp.get_images():
        if other.get_id() != image.get_id():
            elsewhere += [_item(layer, other.get_name()) for layer in all_layers(other)]
    return regions.Scene(
        content=_item(content),
        layers=tuple(_item(layer) for layer in all_layers(image)),
        channels=tuple(_item(channel) for channel in image.get_channels()),
        elsewhere=tuple(elsewhere),
        has_selection=not Gimp.Selection.is_empty(image),
    )


def all_layers(image: Gimp.Image) -> Iterator[Gimp.Layer]:
    """Yield the image's layers from the top, groups before what is in them."""

    def inside(layers: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
        for layer in layers:
            yield layer
            if layer.is_group():
                yield from inside(layer.get_children())

    yield from inside(image.get_layers())


def content_of(image: Gimp.Image | None, drawables: list[Gimp.Drawable]) -> Gimp.Layer:
    """Return the one layer that is to be painted.

    Raises
    ------
    CanvasError
        If the choice is anything else, or too small.
    """
    if image is None or not drawables:
        message = "Choose the layer to paint first."
        raise CanvasError(message)
    if len(drawables) > 1:
        message = f"{len(drawables)} layers are chosen; choose the one that is to be painted."
        raise CanvasError(message)
    layer = drawables[0]
    if isinstance(layer, Gimp.LayerMask):
        message = "A layer mask is chosen; click the layer itself, since a mask is not painted."
        raise CanvasError(message)
    if not isinstance(layer, Gimp.Layer):
        message = (
            f"“{layer.get_name()}” is a channel; choose a layer, since a channel is not painted."
        )
        raise CanvasError(message)
    width, height = layer.get_width(), layer.get_height()
    if min(width, height) < MIN_SIDE:
        message = (
            f"The layer “{layer.get_name()}” is {width}x{height} pixels; "
            f"at least {MIN_SIDE}x{MIN_SIDE} are needed."
        )
        raise CanvasError(message)
    return layer


def write_pixels(layer: Gimp.Drawable, path: Path, told: Told = lambda done: None) -> bool:
    """Write a layer's pixels, in sRGB with alpha, to a .npy file of float32 from 0 to 1.

    Returns
    -------
    bool
        Whether some of its colours lie beyond sRGB, so that values are below 0 or above 1.

    Raises
    ------
    CanvasError
        If the layer is wholly transparent.
    """
    width, height = layer.get_width(), layer.get_height()
    seen, wide, beyond = False, may_be_wide(layer), False
    with path.open("wb") as file:
        file.write(npy.header((height, width, 4)))
        for y, rows in _strips(width, height, 16):
            data = _read(layer, (0, y, width, rows), COLOUR)
            seen = seen or _any_alpha(data)
            beyond = beyond or (wide and _any_beyond(data))
            file.write(data)
            told((y + rows) / height)
    if not seen:
        message = f"The layer “{layer.get_name()}” is wholly transparent; there is nothing to see."
        raise CanvasError(message)
    return beyond


def may_be_wide(layer: Gimp.Drawable) -> bool:
    """Whether a layer can hold colours beyond sRGB: by its profile, or as floating point."""
    form = layer.get_format()
    kind = Babl.format_get_encoding(form).rpartition(" ")[2]
    return "-space-" in Babl.get_name(form) or kind in ("half", "float", "double")


def write_mask(image: Gimp.Image, content: Gimp.Layer, source: regions.Source, path: Path) -> bool:
    """Write a mask as the content sees it to a .npy file of float32 from 0 to 1.

    Returns
    -------
    bool
        Whether it covers anything of the content.
    """
    drawable, form, planes = mask_drawable(image, source)
    width, height = content.get_width(), content.get_height()
    x, y = offsets(content)
    left, top = offsets(drawable)
    covered = False
    shape = (height, width) if planes == 1 else (height, width, planes)
    with path.open("wb") as file:
        file.write(npy.header(shape))
        for first, rows in _strips(width, height, 4 * planes):
            data = _read(drawable, (x - left, y - top + first, width, rows), form)
            if source.kind == regions.OUTSIDE:
                values = array("f", data)
                data = array("f", map((1.0).__sub__, values)).tobytes()
            covered = covered or data.count(0) < len(data)
            file.write(data)
    return covered


def mask_drawable(image: Gimp.Image, source: regions.Source) -> tuple[Gimp.Drawable, str, int]:
    """Return the drawable that holds a mask, the format to read it as, and its planes.

    The selection and layer masks are linear; a channel in an image of the usual precision is not.
    """
    if source.kind in (regions.SELECTION, regions.OUTSIDE):
        return image.get_selection(), "Y float", 1
    assert source.item is not None
    item = Gimp.Item.get_by_id(source.item.number)
    if source.kind == regions.MASK:
        return item.get_mask(), "Y float", 1
    if source.kind == regions.ALPHA:
        return item, "A float", 1
    if isinstance(item, (Gimp.LayerMask, Gimp.Selection)):
        return item, "Y float", 1
    if isinstance(item, Gimp.Channel):
        perceptual = Babl.format_get_encoding(item.get_format()).startswith("Y'")
        return item, "Y' float" if perceptual else "Y float", 1
    return item, "Y'A float", 2


def offsets(drawable: Gimp.Drawable) -> tuple[int, int]:
    """Return where a drawable lies on the canvas."""
    if isinstance(drawable, Gimp.Selection):
        return 0, 0
    found = drawable.get_offsets()
    return found.offset_x, found.offset_y


def settings_of(layer: Gimp.Layer) -> str:
    """Return the settings that a result of Scumble's carries, or nothing."""
    parasite = layer.get_parasite(PARASITE)
    return bytes(parasite.get_data()).decode("utf-8", "replace") if parasite else ""


def write_into(layer: Gimp.Layer, path: Path, told: Told = lambda done: None) -> None:
    """Write the pixels of a .npy file into a layer of the same size.

    Raises
    ------
    ValueError
        If the file has another size.
    """
    shape = npy.shape_of(path)
    width, height = layer.get_width(), layer.get_height()
    if shape[:2] != (height, width) or len(shape) != 3:
        message = f"The engine's picture has the shape {shape}; the layer is {width}x{height}."
        raise ValueError(message)
    form = COLOUR if shape[2] == 4 else "R'G'B' float"
    with path.open("rb") as file:
        npy.read_header(file)
        _write(layer, file, form, 4 * shape[2], told)


def write_mask_into(layer: Gimp.Layer, strips: Iterator[array[float]]) -> None:
    """Give a layer a mask whose values from 0 to 1 come in strips of whole rows."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    width = layer.get_width()
    buffer = mask.get_buffer()
    y = 0
    for values in strips:
        rows = len(values) // width
        buffer.set(Gegl.Rectangle.new(0, y, width, rows), "Y float", values.tobytes())
        y += rows
    buffer.flush()
    mask.update(0, 0, width, y)
    # GIMP chooses a new mask for editing: the filter would refuse it, a brush would change it.
    layer.set_edit_mask(False)


def copy_mask(source: Gimp.Layer, target: Gimp.Layer) -> None:
    """Give a layer the mask of another one of the same size."""
    mask = source.get_mask()
    width, height = target.get_width(), target.get_height()
    strips = (
        array("f", _read(mask, (0, y, width, rows), "Y float"))
        for y, rows in _strips(width, height, 4)
    )
    write_mask_into(target, strips)


def _write(layer: Gimp.Layer, file: BinaryIO, form: str, pixel: int, told: Told) -> None:
    width, height = layer.get_width(), layer.get_height()
    buffer = layer.get_buffer()
    for y, rows in _strips(width, height, pixel):
        data = file.read(rows * width * pixel)
        buffer.set(Gegl.Rectangle.new(0, y, width, rows), form, data)
        told((y + rows) / height)
    buffer.flush()
    layer.update(0, 0, width, height)


def _read(
    drawable: Gimp.Drawable, area: tuple[int, int, int, int], form: str, scale: float = 1.0
) -> bytes:
    rectangle = Gegl.Rectangle.new(*area)
    return drawable.get_buffer().get(rectangle, scale, form, Gegl.AbyssPolicy.NONE)


def _any_alpha(data: bytes) -> bool:
    """Whether any of the RGBA pixels is visible."""
    alpha = memoryview(data).cast("f")[3::4]
    return any(alpha)


def _any_beyond(data: bytes) -> bool:
    """Whether any value lies outside sRGB, by more than half of one of 255 levels."""
    values = memoryview(data).cast("f")
    return min(values) < -0.002 or max(values) > 1.002


def _strips(width: int, height: int, pixel: int) -> Iterator[tuple[int, int]]:
    """Yield first row and number of rows, in multiples of GIMP's tiles where they fit."""
    rows = max(STRIP_BYTES // (width * pixel) // 64 * 64, 64)
    for y in range(0, height, rows):
        yield y, min(rows, height - y)


def _item(item: Gimp.Item, image: str = "") -> regions.Item:
    layer = isinstance(item, Gimp.Layer)
    return regions.Item(
        number=item.get_id(),
        name=item.get_name(),
        has_mask=layer and item.get_mask() is not None,
        has_alpha=layer and item.has_alpha(),
        ours=layer and item.get_parasite(PARASITE) is not None,
        image=image,
    )


def write_mask_file(content: Gimp.Layer, source: Path, path: Path) -> None:
    """Write a mask that is a picture file, at the content's size, to a .npy file.

    Raises
    ------
    CanvasError
        If GIMP cannot read the picture.
    """
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(source)))
    if image is None:
        message = f"GIMP cannot read the mask {source}; choose another picture."
        raise CanvasError(message)
    try:
        layer = image.flatten()
        width, height = content.get_width(), content.get_height()
        layer.scale(width, height, False)
        with path.open("wb") as file:
            file.write(npy.header((height, width)))
            for y, rows in _strips(width, height, 4):
                file.write(_read(layer, (0, y, width, rows), "Y' float"))
    finally:
        image.delete()


def mask_words(image: Gimp.Image, drawable: Gimp.Drawable | None) -> str:
    """Return a region's words for a mask that was given as a drawable.

    Raises
    ------
    CanvasError
        If the drawable is of another image.
    """
    if drawable is None:
        return regions.SELECTION if not Gimp.Selection.is_empty(image) else regions.ALL
    if isinstance(drawable, Gimp.Selection):
        return regions.SELECTION
    if drawable.get_image().get_id() != image.get_id():
        message = f"The mask “{drawable.get_name()}” is of another image; give one of this image."
        raise CanvasError(message)
    if isinstance(drawable, Gimp.LayerMask):
        layer = Gimp.Layer.from_mask(drawable)
        return regions.reference(regions.MASK, _item(layer))
    kind = regions.CHANNEL if isinstance(drawable, Gimp.Channel) else regions.GREY
    return regions.reference(kind, _item(drawable))


def small_mask(
    image: Gimp.Image,
    content: Gimp.Layer,
    source: regions.Source,
    scale: float,
    size: tuple[int, int],
) -> bytes:
    """Return a mask as the content sees it, made smaller for a drawing, a byte a pixel.

    Parameters
    ----------
    image : Gimp.Image
        The image that is painted.
    content : Gimp.Layer
        The layer that is painted.
    source : regions.Source
        The mask.
    scale : float
        From the content's pixels to the drawing's.
    size : tuple of int
        The drawing's width and height.
    """
    drawable, form, planes = mask_drawable(image, source)
    x, y = offsets(content)
    left, top = offsets(drawable)
    area = (round((x - left) * scale), round((y - top) * scale), *size)
    data = _read(drawable, area, form.replace("float", "u8"), scale)
    if planes == 2:
        pairs = zip(data[0::2], data[1::2])
        data = bytes(grey * alpha // 255 for grey, alpha in pairs)
    return data.translate(INVERSE) if source.kind == regions.OUTSIDE else data
