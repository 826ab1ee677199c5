"""Pixels: layers out of GIMP and into GIMP. Only this module and `mask_pixels` touch buffers.

Pixels are read and written in strips, so that this process needs a few megabytes for any layer.
They are always float: the name of a format means sRGB, and GIMP converts from and to the profile of
the image. A fault in babl garbles 8-bit values that are written into a deeper layer.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Callable

import image_items
import npy
import rendering
from canvas_error import CanvasError
from gi.repository import Babl, Gegl, Gimp

from engine.translations import _

RGBA = "R'G'B'A float"
STRIP_BYTES = 4 * 2**20

CACHE_BYTES = 32 * 2**20
"""GEGL's cache of tiles in this process, where each tile is read once."""

GRID = 16
"""Samples of a layer along each side, to notice that it was changed."""

OPAQUE_MODES = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)

OnProgress = Callable[[float], None]
"""Called with the finished share of a transfer, from 0 to 1."""


def save_memory() -> None:
    """Keep GEGL from holding whole layers in this process."""
    Gegl.config().set_property("tile-cache-size", CACHE_BYTES)


def is_translucent(layer: Gimp.Layer, on_progress: OnProgress = lambda done: None) -> bool:
    """Return whether a layer lets something through: by mode, opacity, soft alpha or soft mask."""
    if layer.get_mode() not in OPAQUE_MODES or layer.get_opacity() < 100.0:
        return True
    drawables = [(layer, "A u8")] if layer.has_alpha() else []
    if layer.get_mask() and layer.get_apply_mask():
        drawables.append((layer.get_mask(), "Y u8"))
    width, height = layer.get_width(), layer.get_height()
    for drawable, form in drawables:
        for y, rows in strips(width, height, 4):  # GIMP converts four planes to get one
            if set(read(drawable, (0, y, width, rows), form)) - {0, 255}:
                return True
            on_progress((y + rows) / height)
    return False


def sample_pixels(layer: Gimp.Layer) -> list[bytes]:
    """Return pixels on a grid over a layer, to compare the layer with itself later."""
    width, height = layer.get_width(), layer.get_height()
    places = [
        (width * (2 * i + 1) // (2 * GRID), height * (2 * j + 1) // (2 * GRID))
        for j in range(GRID)
        for i in range(GRID)
    ]
    buffer = layer.get_buffer()  # a new one for each pixel would cost most of the time
    pixels = (Gegl.Rectangle.new(x, y, 1, 1) for x, y in places)
    return [buffer.get(each, 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE) for each in pixels]


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
    with rendering.rendered(layer) as drawable, path.open("wb") as file:
        file.write(npy.header((height, width, 4)))
        for y, rows in strips(width, height, 16):
            data = read(drawable, (0, y, width, rows), RGBA)
            seen = seen or _any_alpha(data)
            beyond = beyond or (wide and _any_out_of_gamut(data))
            file.write(data)
            on_progress((y + rows) / height)
    if not seen:
        message = _("The layer “{layer}” is completely transparent.")
        raise CanvasError(message.format(layer=layer.get_name()))
    return beyond


def write_over(layer: Gimp.Layer, content: Gimp.Layer, path: Path) -> None:
    """Write the pixels of a layer over those of the content to a .npy file like `write_pixels`.

    Where the layer is transparent or not there, the file has the content.
    """
    place, left_top = image_items.offsets(layer), image_items.offsets(content)
    with rendering.empty_image(content, content.get_image()) as image:
        rendering.insert_flat_copy(content, image).set_offsets(0, 0)
        above = rendering.insert_flat_copy(layer, image)
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
    return read(layer, area, "R'G'B'A u8")


def may_be_wide(layer: Gimp.Drawable) -> bool:
    """Return whether a layer can hold colors outside sRGB: through its profile or as floats."""
    form = layer.get_format()
    kind = Babl.format_get_encoding(form).rpartition(" ")[2]
    return "-space-" in Babl.get_name(form) or kind in ("half", "float", "double")


def write_gray(layer: Gimp.Layer, path: Path) -> None:
    """Write a layer as a mask of its own size, gray with alpha, to a .npy file of float32."""
    width, height = layer.get_width(), layer.get_height()
    with path.open("wb") as file:
        file.write(npy.header((height, width, 2)))
        for y, rows in strips(width, height, 8):
            file.write(read(layer, (0, y, width, rows), "Y'A float"))


def small_gray(layer: Gimp.Layer, size: tuple[int, int]) -> bytes:
    """Return a layer stretched over `size` (width and height) as gray, one byte per pixel."""
    copy = layer.get_image().duplicate()
    try:
        copy.scale(*size)
        flat = copy.flatten()
        return read(flat, (0, 0, *size), "Y' u8")
    finally:
        copy.delete()


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
        message = _("{name} does not hold rectangles.")
        raise ValueError(message.format(name=areas.name))
    with areas.open("rb") as file:
        npy.read_header(file)
        numbers = array("f", file.read())
    rectangles = list(zip(*(iter(map(int, numbers)),) * 4))
    buffer = layer.get_buffer()
    with path.open("rb") as file:
        npy.read_header(file)
        start = file.tell()
        for done, (left, top, width, height) in enumerate(rectangles, 1):
            for y, rows in strips(width, height, pixel):
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
        message = _("The engine's picture has the shape {shape}; the layer is {width}x{height}.")
        raise ValueError(message.format(shape=shape, width=width, height=height))
    return shape


def _write(
    layer: Gimp.Layer, file: BinaryIO, form: str, pixel: int, on_progress: OnProgress
) -> None:
    width, height = layer.get_width(), layer.get_height()
    buffer = layer.get_buffer()
    for y, rows in strips(width, height, pixel):
        data = file.read(rows * width * pixel)
        buffer.set(Gegl.Rectangle.new(0, y, width, rows), form, data)
        on_progress((y + rows) / height)
    buffer.flush()
    layer.update(0, 0, width, height)


def read(
    drawable: Gimp.Drawable, area: tuple[int, int, int, int], form: str, scale: float = 1.0
) -> bytes:
    """Return the values of a drawable's area in a format of babl's, reduced by a scale."""
    rectangle = Gegl.Rectangle.new(*area)
    return drawable.get_buffer().get(rectangle, scale, form, Gegl.AbyssPolicy.NONE)


def _any_alpha(data: bytes) -> bool:
    """Return whether any of the RGBA pixels is visible."""
    alpha = memoryview(data).cast("f")[3::4]
    return any(alpha)


def _any_out_of_gamut(data: bytes) -> bool:
    """Return whether any value lies outside sRGB by more than half of one of 255 levels."""
    values = memoryview(data).cast("f")
    return min(values) < -0.002 or max(values) > 1.002


def strips(width: int, height: int, pixel: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and the number of rows of each strip, in multiples of GIMP's tiles."""
    rows = max(STRIP_BYTES // (width * pixel) // 64 * 64, 64)
    for y in range(0, height, rows):
        yield y, min(rows, height - y)
