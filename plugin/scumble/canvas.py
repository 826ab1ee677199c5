"""Pixels: layers and masks out of GIMP and into GIMP. No other module touches buffers.

Pixels are read and written in strips, so that this process needs a few megabytes for any layer.
They are always float: the name of a format means sRGB, and GIMP converts from and to the profile of
the image. A fault in babl garbles 8-bit values that are written into a deeper layer.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Callable

import kept_masks
import npy
import sources
from gi.repository import Babl, GdkPixbuf, Gegl, Gimp, Gio, GLib

from engine.job import MIN_SIDE

RGBA = "R'G'B'A float"
PARASITE = "scumble-settings"
STRIP_BYTES = 4 * 2**20
INVERSE = bytes(range(255, -1, -1))

CACHE_BYTES = 32 * 2**20
"""GEGL's cache of tiles in this process, where each tile is read once."""

GRID = 16
"""Samples of a layer along each side, to notice that it was changed."""

OPAQUE_MODES = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)

OnProgress = Callable[[float], None]
"""Called with the finished share of a transfer, from 0 to 1."""


class CanvasError(Exception):
    """A layer that cannot be painted; the message is one sentence for the user."""


def save_memory() -> None:
    """Keep GEGL from holding whole layers in this process."""
    Gegl.config().set_property("tile-cache-size", CACHE_BYTES)


def available_sources(
    image: Gimp.Image,
    content: Gimp.Layer,
    kept: tuple[sources.Item, ...] = (),
    others: tuple[int, ...] = (),
) -> sources.Sources:
    """Return what the user can choose from.

    Parameters
    ----------
    image : Gimp.Image
    content : Gimp.Layer
    kept : tuple of Item
        The masks that an earlier result carries.
    others : tuple of int
        The numbers of other layers that are painted after this one.
    """
    elsewhere = []
    for other in Gimp.get_images():
        if other.get_id() != image.get_id():
            elsewhere += [_item(layer, other.get_name()) for layer in all_layers(other)]
    return sources.Sources(
        content=_item(content),
        layers=tuple(_item(layer) for layer in all_layers(image)),
        channels=tuple(_item(channel) for channel in image.get_channels()),
        elsewhere=tuple(elsewhere),
        has_selection=not Gimp.Selection.is_empty(image),
        kept=kept,
        others=others,
    )


def all_layers(image: Gimp.Image) -> Iterator[Gimp.Layer]:
    """Yield the image's layers from the top, each group before its layers."""

    def inside(layers: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
        for layer in layers:
            yield layer
            if layer.is_group():
                yield from inside(layer.get_children())

    yield from inside(image.get_layers())


def layers_to_paint(image: Gimp.Image | None, drawables: list[Gimp.Drawable]) -> list[Gimp.Layer]:
    """Return the layers to paint.

    Raises
    ------
    CanvasError
        If no layer is selected, or anything else. One layer that is too small is refused, too.
    """
    if image is None or not drawables:
        message = "Select the layer to paint first."
        raise CanvasError(message)
    for drawable in drawables:
        if isinstance(drawable, Gimp.LayerMask):
            message = "A layer mask is selected. Click the layer itself to paint it."
            raise CanvasError(message)
        if not isinstance(drawable, Gimp.Layer):
            name = drawable.get_name()
            message = f"“{name}” is a channel and cannot be painted. Select a layer."
            raise CanvasError(message)
    if len(drawables) == 1:
        check_size(drawables[0])
    return list(drawables)


def check_size(layer: Gimp.Layer) -> None:
    """Check that the network can see a layer.

    Raises
    ------
    CanvasError
        If it is too small.
    """
    width, height = layer.get_width(), layer.get_height()
    if min(width, height) < MIN_SIDE:
        message = (
            f"The layer “{layer.get_name()}” is {width}x{height} pixels; "
            f"at least {MIN_SIDE}x{MIN_SIDE} are needed."
        )
        raise CanvasError(message)


@contextmanager
def rendered(layer: Gimp.Drawable) -> Iterator[Gimp.Drawable]:
    """Yield a drawable with a layer's pixels after its filters, without mask and opacity.

    Other drawables have no filters and are yielded as they are.
    """
    if not isinstance(layer, Gimp.Layer) or not layer.get_filters():
        yield layer  # the buffer of a group holds the filtered layers in it
        return
    with _empty_image(layer, layer.get_image()) as image:
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
        message = f"“{name}” is not a picture that GIMP can open. Choose another picture."
        raise CanvasError(message)
    try:
        image.undo_disable()
        layer = Gimp.Layer.new_from_visible(image, image, os.path.basename(path))
        image.insert_layer(layer, None, 0)
        yield layer
    finally:
        image.delete()


def thumbnail(layer: Gimp.Layer, side: int) -> GdkPixbuf.Pixbuf:
    """Return a layer within a square of `side` pixels."""
    return layer.get_thumbnail(side, side, Gimp.PixbufTransparency.KEEP_ALPHA)


@contextmanager
def _empty_image(layer: Gimp.Layer, like: Gimp.Image) -> Iterator[Gimp.Image]:
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
    with _empty_image(layer, image) as alone:
        _insert_copy(layer, alone, None, 0).set_offsets(0, 0)
        flat = Gimp.Layer.new_from_visible(alone, image, layer.get_name())
    image.insert_layer(flat, parent, position)
    return flat


def _insert_copy(
    layer: Gimp.Layer, image: Gimp.Image, parent: Gimp.Layer | None, position: int
) -> Gimp.Layer:
    copy = Gimp.Layer.new_from_drawable(layer, image)
    if copy is None:
        message = f"GIMP cannot copy the layer “{layer.get_name()}”."
        raise CanvasError(message)
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


def is_translucent(layer: Gimp.Layer) -> bool:
    """Say if a layer lets something through: by mode, opacity, soft alpha or soft mask."""
    if layer.get_mode() not in OPAQUE_MODES or layer.get_opacity() < 100.0:
        return True
    drawables = [(layer, "A u8")] if layer.has_alpha() else []
    if layer.get_mask() and layer.get_apply_mask():
        drawables.append((layer.get_mask(), "Y u8"))
    width, height = layer.get_width(), layer.get_height()
    return any(
        set(_read(drawable, (0, y, width, rows), form)) - {0, 255}
        for drawable, form in drawables
        for y, rows in _strips(width, height, 1)
    )


def look_samples(layer: Gimp.Layer) -> list[bytes]:
    """Return pixels on a grid over a layer, to compare the layer with itself later."""
    width, height = layer.get_width(), layer.get_height()
    places = [
        (width * (2 * i + 1) // (2 * GRID), height * (2 * j + 1) // (2 * GRID))
        for j in range(GRID)
        for i in range(GRID)
    ]
    return [_read(layer, (x, y, 1, 1), "R'G'B'A u8") for x, y in places]


def write_pixels(
    layer: Gimp.Drawable, path: Path, on_progress: OnProgress = lambda done: None
) -> bool:
    """Write a layer's pixels, in sRGB with alpha, to a .npy file of float32 from 0 to 1.

    Returns
    -------
    bool
        Whether some colors lie outside sRGB, so that values are below 0 or above 1.

    Raises
    ------
    CanvasError
        If the layer is completely transparent.
    """
    width, height = layer.get_width(), layer.get_height()
    seen, wide, beyond = False, may_be_wide(layer), False
    with rendered(layer) as drawable, path.open("wb") as file:
        file.write(npy.header((height, width, 4)))
        for y, rows in _strips(width, height, 16):
            data = _read(drawable, (0, y, width, rows), RGBA)
            seen = seen or _any_alpha(data)
            beyond = beyond or (wide and _any_out_of_gamut(data))
            file.write(data)
            on_progress((y + rows) / height)
    if not seen:
        message = f"The layer “{layer.get_name()}” is completely transparent."
        raise CanvasError(message)
    return beyond


def write_over(layer: Gimp.Layer, content: Gimp.Layer, path: Path) -> None:
    """Write the pixels of a layer over those of the content to a .npy file like `write_pixels`.

    Where the layer is transparent or not there, the file has the content.
    """
    place, left_top = offsets(layer), offsets(content)
    with _empty_image(content, content.get_image()) as image:
        insert_flat_copy(content, image).set_offsets(0, 0)
        above = insert_flat_copy(layer, image)
        above.set_offsets(place[0] - left_top[0], place[1] - left_top[1])
        shown = Gimp.Layer.new_from_visible(image, image, "Start")
        write_pixels(shown, path)


def read_for_screen(layer: Gimp.Layer, area: tuple[int, int, int, int]) -> bytes:
    """Return pixels of a layer in sRGB with alpha, one byte per plane.

    Parameters
    ----------
    layer : Gimp.Layer
    area : tuple of int
        Left, top, width and height.
    """
    return _read(layer, area, "R'G'B'A u8")


def may_be_wide(layer: Gimp.Drawable) -> bool:
    """Whether a layer can hold colors outside sRGB: through its profile or as floats."""
    form = layer.get_format()
    kind = Babl.format_get_encoding(form).rpartition(" ")[2]
    return "-space-" in Babl.get_name(form) or kind in ("half", "float", "double")


def write_mask(image: Gimp.Image, content: Gimp.Layer, source: sources.Source, path: Path) -> bool:
    """Write the part of a mask over the content to a .npy file of float32 from 0 to 1.

    Returns
    -------
    bool
        Whether it covers any of the content.
    """
    drawable, form, planes = mask_drawable(image, content, source)
    width, height = content.get_width(), content.get_height()
    x, y = offsets(content)
    left, top = offsets(drawable)
    covered = False
    shape = (height, width) if planes == 1 else (height, width, planes)
    with rendered(drawable) as shown, path.open("wb") as file:
        file.write(npy.header(shape))
        for first, rows in _strips(width, height, 4 * planes):
            data = _read(shown, (x - left, y - top + first, width, rows), form)
            if source.kind == sources.OUTSIDE:
                values = array("f", data)
                data = array("f", map((1.0).__sub__, values)).tobytes()
            covered = covered or data.count(0) < len(data)
            file.write(data)
    return covered


def write_gray(layer: Gimp.Layer, path: Path) -> None:
    """Write a layer as a mask of its own size, gray with alpha, to a .npy file of float32."""
    width, height = layer.get_width(), layer.get_height()
    with path.open("wb") as file:
        file.write(npy.header((height, width, 2)))
        for y, rows in _strips(width, height, 8):
            file.write(_read(layer, (0, y, width, rows), "Y'A float"))


def small_gray(layer: Gimp.Layer, size: tuple[int, int]) -> bytes:
    """Return a layer stretched over `size` (width and height) as gray, one byte per pixel."""
    copy = layer.get_image().duplicate()
    try:
        copy.scale(*size)
        flat = copy.flatten()
        return _read(flat, (0, 0, *size), "Y' u8")
    finally:
        copy.delete()


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


def offsets(drawable: Gimp.Drawable) -> tuple[int, int]:
    """Return the place of a drawable on the canvas."""
    if isinstance(drawable, Gimp.Selection):
        return 0, 0
    found = drawable.get_offsets()
    return found.offset_x, found.offset_y


def settings_of(layer: Gimp.Layer) -> str:
    """Return the settings that a result of Scumble's carries, or nothing."""
    parasite = layer.get_parasite(PARASITE)
    return parasite_text(parasite) if parasite else ""


def attach_settings(layer: Gimp.Layer, settings: str) -> None:
    """Let a layer carry its settings, which are ASCII.

    Raises
    ------
    ValueError
        If the settings are not ASCII, or GIMP does not take them.
    """
    parasite = text_parasite(PARASITE, settings, Gimp.PARASITE_PERSISTENT)
    if not layer.attach_parasite(parasite):
        message = "GIMP refused them"
        raise ValueError(message)


def text_parasite(name: str, text: str, flags: int = 0) -> Gimp.Parasite:
    """Return a parasite that holds an ASCII text: GIMP's bindings take no byte above 127.

    Raises
    ------
    ValueError
        If the text is not ASCII.
    """
    return Gimp.Parasite.new(name, flags, list(text.encode("ascii")))


def parasite_text(parasite: Gimp.Parasite) -> str:
    """Return the text in a parasite."""
    return bytes(value & 255 for value in parasite.get_data()).decode("utf-8", "replace")


def write_into(layer: Gimp.Layer, path: Path, on_progress: OnProgress = lambda done: None) -> None:
    """Write the pixels of a .npy file into a layer of the same size.

    Raises
    ------
    ValueError
        If the picture has another size.
    """
    shape = _picture_shape(layer, path)
    form = RGBA if shape[2] == 4 else "R'G'B' float"
    with path.open("rb") as file:
        npy.read_header(file)
        _write(layer, file, form, 4 * shape[2], on_progress)


def write_areas_into(
    layer: Gimp.Layer, path: Path, areas: Path, on_progress: OnProgress = lambda done: None
) -> None:
    """Write rectangles of a picture into a layer of the same size; the rest is not touched.

    Parameters
    ----------
    layer : Gimp.Layer
    path : Path
        The .npy file of the picture.
    areas : Path
        A .npy file of shape (n, 4): left, top, width and height of each rectangle.
    on_progress : callable

    Raises
    ------
    ValueError
        If a file has the wrong shape.
    """
    shape = _picture_shape(layer, path)
    form, pixel = (RGBA if shape[2] == 4 else "R'G'B' float"), 4 * shape[2]
    if npy.shape_of(areas)[1:] != (4,):
        message = f"{areas.name} does not hold rectangles."
        raise ValueError(message)
    with areas.open("rb") as file:
        npy.read_header(file)
        numbers = array("f", file.read())
    rectangles = list(zip(*(iter(map(int, numbers)),) * 4))
    buffer = layer.get_buffer()
    with path.open("rb") as file:
        npy.read_header(file)
        start = file.tell()
        for done, (left, top, width, height) in enumerate(rectangles, 1):
            for y, rows in _strips(width, height, pixel):
                parts = []
                for row in range(top + y, top + y + rows):
                    file.seek(start + (row * shape[1] + left) * pixel)
                    parts.append(file.read(width * pixel))
                area = Gegl.Rectangle.new(left, top + y, width, rows)
                buffer.set(area, form, b"".join(parts))
            if done % 64 == 0 or done == len(rectangles):
                on_progress(done / len(rectangles))
    buffer.flush()
    layer.update(0, 0, layer.get_width(), layer.get_height())


def _picture_shape(layer: Gimp.Layer, path: Path) -> tuple[int, ...]:
    shape = npy.shape_of(path)
    width, height = layer.get_width(), layer.get_height()
    if shape[:2] != (height, width) or len(shape) != 3:
        message = f"The engine's picture has the shape {shape}; the layer is {width}x{height}."
        raise ValueError(message)
    return shape


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
        message = f"The engine's mask has the shape {shape}; the layer is {width}x{height}."
        raise ValueError(message)
    with path.open("rb") as file:
        npy.read_header(file)
        strips = (file.read(4 * width * rows) for _, rows in _strips(width, height, 4))
        _add_mask(layer, strips)


def copy_mask(source: Gimp.Layer, target: Gimp.Layer) -> None:
    """Give a layer the mask of another layer of the same size."""
    mask = source.get_mask()
    width, height = target.get_width(), target.get_height()
    _add_mask(
        target,
        (_read(mask, (0, y, width, rows), "Y float") for y, rows in _strips(width, height, 4)),
    )


def _add_mask(layer: Gimp.Layer, strips: Iterable[bytes]) -> None:
    """Add a mask whose linear values come in the strips of `_strips`."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    width, height = layer.get_width(), layer.get_height()
    buffer = mask.get_buffer()
    for (y, rows), data in zip(_strips(width, height, 4), strips):
        buffer.set(Gegl.Rectangle.new(0, y, width, rows), "Y float", data)
    buffer.flush()
    mask.update(0, 0, width, height)
    # GIMP selects a new mask for editing: a brush would change it, and the filter refuses it.
    layer.set_edit_mask(False)


def _write(
    layer: Gimp.Layer, file: BinaryIO, form: str, pixel: int, on_progress: OnProgress
) -> None:
    width, height = layer.get_width(), layer.get_height()
    buffer = layer.get_buffer()
    for y, rows in _strips(width, height, pixel):
        data = file.read(rows * width * pixel)
        buffer.set(Gegl.Rectangle.new(0, y, width, rows), form, data)
        on_progress((y + rows) / height)
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


def _any_out_of_gamut(data: bytes) -> bool:
    """Whether any value lies outside sRGB by more than half of one of 255 levels."""
    values = memoryview(data).cast("f")
    return min(values) < -0.002 or max(values) > 1.002


def _strips(width: int, height: int, pixel: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and the number of rows of each strip, in multiples of GIMP's tiles."""
    rows = max(STRIP_BYTES // (width * pixel) // 64 * 64, 64)
    for y in range(0, height, rows):
        yield y, min(rows, height - y)


def _item(item: Gimp.Item, image: str = "") -> sources.Item:
    layer = isinstance(item, Gimp.Layer)
    return sources.Item(
        number=item.get_id(),
        name=item.get_name(),
        has_mask=layer and item.get_mask() is not None,
        has_alpha=layer and item.has_alpha(),
        ours=layer and item.get_parasite(PARASITE) is not None,
        image=image,
    )


def mask_spec(image: Gimp.Image, drawable: Gimp.Drawable | None) -> str:
    """Return the text for a mask that was given as a drawable.

    Raises
    ------
    CanvasError
        If the drawable belongs to another image.
    """
    if drawable is None:
        return sources.SELECTION if not Gimp.Selection.is_empty(image) else sources.ALL
    if isinstance(drawable, Gimp.Selection):
        return sources.SELECTION
    if drawable.get_image().get_id() != image.get_id():
        message = (
            f"The mask “{drawable.get_name()}” belongs to another image. Give a mask of this image."
        )
        raise CanvasError(message)
    if isinstance(drawable, Gimp.LayerMask):
        layer = Gimp.Layer.from_mask(drawable)
        return sources.reference(sources.MASK, _item(layer))
    kind = sources.CHANNEL if isinstance(drawable, Gimp.Channel) else sources.GRAY
    return sources.reference(kind, _item(drawable))


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
    x, y = offsets(content)
    left, top = offsets(drawable)
    area = (round((x - left) * scale), round((y - top) * scale), *size)
    with rendered(drawable) as shown:
        data = _read(shown, area, form.replace("float", "u8"), scale)
    if planes == 2:
        pairs = zip(data[0::2], data[1::2])
        data = bytes(gray * alpha // 255 for gray, alpha in pairs)
    return data.translate(INVERSE) if source.kind == sources.OUTSIDE else data
