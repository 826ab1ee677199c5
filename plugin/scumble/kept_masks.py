"""Kept masks: the masks that a result carries, so that the filter can run on it again.

A selection is gone or another one when the filter runs again, and a channel may be gone. Each mask
is compressed into a parasite of the result, which GIMP keeps in XCF files.
"""

from __future__ import annotations

import zlib
from array import array
from operator import mul
from pathlib import Path
from typing import Any

import npy
import sources
from gi.repository import Babl, Gegl, Gimp

from engine.translations import _

PREFIX = "scumble-mask-"
KINDS = (sources.SELECTION, sources.OUTSIDE, sources.KEPT, *sources.ITEM_KINDS)
"""The kinds of masks that are in an image, and may be gone later."""

FORMATS = {"u8": 1, "u16": 2, "float": 4}
"""The precisions in which masks are carried, and their bytes per pixel."""

STRIP_ROWS = 256


def compressed(path: Path, precision: str) -> bytes:
    """Return a mask to carry, from a .npy file of values from 0 to 1.

    Parameters
    ----------
    path : Path
        Shape (height, width), or (height, width, 2) for gray with alpha.
    precision : str
        One of `FORMATS`; the values of a mask of that precision come back up to rounding.
    """
    height, width, *planes = npy.shape_of(path)
    squeezed = zlib.compressobj(6)
    parts = [f"{width} {height} {precision}\n".encode()]
    with path.open("rb") as file:
        npy.read_header(file)
        for y in range(0, height, STRIP_ROWS):
            rows = min(STRIP_ROWS, height - y)
            data = file.read(4 * width * rows * (planes[0] if planes else 1))
            if planes:
                data = _gray_times_alpha(data)
            parts.append(squeezed.compress(_converted(data, width, rows, precision)))
    return b"".join([*parts, squeezed.flush()])


def _gray_times_alpha(data: bytes) -> bytes:
    values = memoryview(data).cast("f")
    return array("f", map(mul, values[0::2], values[1::2])).tobytes()


def _converted(data: bytes, width: int, rows: int, precision: str) -> bytes:
    """Return values of 4 bytes from 0 to 1 in another precision."""
    area = Gegl.Rectangle.new(0, 0, width, rows)
    buffer = Gegl.Buffer.new("Y float", 0, 0, width, rows)
    buffer.set(area, "Y float", data)
    return bytes(buffer.get(area, 1.0, f"Y {precision}", Gegl.AbyssPolicy.NONE))


def precision_of(drawable: Any) -> str:
    """Return the precision to carry a mask in, so that it comes back up to rounding.

    Parameters
    ----------
    drawable : Gimp.Drawable or KeptMask
    """
    if isinstance(drawable, KeptMask):
        return drawable.precision
    kind = Babl.format_get_encoding(drawable.get_format()).rpartition(" ")[2]
    return kind if kind in FORMATS else "float"


def attach(layer: Gimp.Layer, masks: dict[str, bytes]) -> None:
    """Let a layer carry masks.

    Raises
    ------
    ValueError
        If GIMP does not take them.
    """
    for key, data in masks.items():
        signed = memoryview(data).cast("b").tolist()
        parasite = Gimp.Parasite.new(PREFIX + key, Gimp.PARASITE_PERSISTENT, signed)
        if not layer.attach_parasite(parasite):
            message = _("GIMP refused the masks")
            raise ValueError(message)


def carried(result: Gimp.Layer) -> tuple[sources.Item, ...]:
    """Return the masks that a result carries, by number of their region."""
    names = sorted(name for name in result.get_parasite_list() if name.startswith(PREFIX))
    return tuple(sources.Item(result.get_id(), name[len(PREFIX) :]) for name in names)


class KeptMask:
    """A mask that a result carries, over the layer that the result has painted.

    Raises
    ------
    ValueError
        If the layer has another shape now, or the mask is damaged.
    """

    def __init__(self, item: sources.Item, content: Gimp.Layer) -> None:
        result = Gimp.Item.get_by_id(item.number)
        parasite = result.get_parasite(PREFIX + item.name)
        self._offsets = content.get_offsets()
        size = content.get_width(), content.get_height()
        try:
            data = bytes(value & 255 for value in parasite.get_data())
            head, _line, squeezed = data.partition(b"\n")
            words = head.decode("ascii").split()
            width, height, precision = int(words[0]), int(words[1]), words[2]
            pixels = zlib.decompress(squeezed)
            if len(pixels) != width * height * FORMATS[precision]:
                raise ValueError
        except (ValueError, KeyError, IndexError, AttributeError, zlib.error) as error:
            message = _("The mask that the layer “{layer}” carries is damaged.")
            raise ValueError(message.format(layer=result.get_name())) from error
        buffer = Gegl.Buffer.new(f"Y {precision}", 0, 0, width, height)
        buffer.set(Gegl.Rectangle.new(0, 0, width, height), f"Y {precision}", pixels)
        if (width, height) != size:
            buffer = self._scaled(buffer, (width, height), size, content.get_name())
            precision = "float"
        self.precision = precision
        self._buffer = buffer

    def get_buffer(self) -> Gegl.Buffer:
        """Return the mask's pixels, as a drawable does."""
        return self._buffer

    def get_offsets(self) -> Any:
        """Return the place of the painted layer, as a drawable does."""
        return self._offsets

    @staticmethod
    def _scaled(
        buffer: Gegl.Buffer, old: tuple[int, int], new: tuple[int, int], name: str
    ) -> Gegl.Buffer:
        """Return the mask of a layer that was scaled with its aspect ratio."""
        scale = new[0] / old[0]
        if abs(old[1] * scale - new[1]) > 1 + scale:
            message = _(
                "The layer “{layer}” has another shape than when it was painted. Choose the masks "
                "of the regions anew."
            )
            raise ValueError(message.format(layer=name))
        area = Gegl.Rectangle.new(0, 0, *new)
        data = buffer.get(area, scale, "Y float", Gegl.AbyssPolicy.CLAMP)
        scaled = Gegl.Buffer.new("Y float", 0, 0, *new)
        scaled.set(area, "Y float", data)
        return scaled
