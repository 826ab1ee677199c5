"""Outlines of the regions over the preview, with their numbers; the protected part is hatched."""

from __future__ import annotations

import math

import cairo
import thumbnails

INSIDE = bytes(255 if value > 127 else 0 for value in range(256))

AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))


def draw(
    context: cairo.Context,
    masks: list[bytes | None],
    protected: bytes | None,
    width: int,
    height: int,
) -> None:
    """Draw where the masks pass one half, and the regions' numbers.

    Parameters
    ----------
    context : cairo.Context
    masks : list of (bytes or None)
        One byte per pixel; None for a mask that is not known.
    protected : bytes or None
        The mask of the protected part.
    width, height : int
        Of the masks.
    """
    if protected is not None:
        cover = thumbnails.mask_surface(protected, width, height)
        context.push_group()
        _hatch(context, width, height)
        context.pop_group_to_source()
        context.mask_surface(cover, 0, 0)
    for mask in masks:
        if mask is not None:
            _outline(context, thumbnails.mask_surface(edges(mask, width, height), width, height))
    for number, mask in enumerate(masks, 1):
        if mask is not None:
            _badge(context, str(number), *_middle(mask, width, height))


def edges(mask: bytes, width: int, height: int) -> bytes:
    """Return 255 where the pixel to the left or above lies on the other side of one half, else 0.

    Parameters
    ----------
    mask : bytes
        One byte per pixel.
    width, height : int
    """
    inside = int.from_bytes(mask.translate(INSIDE), "little")
    has_left = int.from_bytes((b"\0" + b"\xff" * (width - 1)) * height, "little")
    has_above = int.from_bytes(b"\0" * width + b"\xff" * width * (height - 1), "little")
    found = (inside ^ inside << 8) & has_left | (inside ^ inside << 8 * width) & has_above
    return found.to_bytes(width * height, "little")


def _outline(context: cairo.Context, edge: cairo.ImageSurface) -> None:
    """Draw a white line between dark ones, which shows on any picture."""
    context.set_source_rgba(0, 0, 0, 0.8)
    for place in AROUND:
        context.mask_surface(edge, *place)
    context.set_source_rgb(1, 1, 1)
    context.mask_surface(edge, 0, 0)


def _middle(mask: bytes, width: int, height: int) -> tuple[float, float]:
    """Return the middle of the longest run inside the mask among every fifth row."""
    best, place = 0.0, (width / 2, height / 2)
    for y in range(2, height, 5):
        row = mask[y * width : (y + 1) * width]
        run = 0
        for x, value in enumerate(row):
            run = run + 1 if value > 127 else 0
            # Rows near the middle count more, so that a full mask has its badge there.
            weight = run * (1.0 - abs(y - height / 2) / height)
            if weight > best:
                best, place = weight, (x - run / 2 + 0.5, float(y))
    return place


def _badge(context: cairo.Context, text: str, x: float, y: float) -> None:
    context.new_path()
    context.arc(x, y, 13, 0, 2 * math.pi)
    context.set_source_rgba(0, 0, 0, 0.75)
    context.fill_preserve()
    context.set_source_rgb(1, 1, 1)
    context.set_line_width(1.5)
    context.stroke()
    context.select_font_face("sans-serif", cairo.FONT_SLANT_NORMAL, cairo.FONT_WEIGHT_BOLD)
    context.set_font_size(14)
    extents = context.text_extents(text)
    context.move_to(
        x - extents.width / 2 - extents.x_bearing, y - extents.height / 2 - extents.y_bearing
    )
    context.show_text(text)


def _hatch(context: cairo.Context, width: int, height: int) -> None:
    """Draw slanting lines, light beside dark, which show on any picture."""
    context.set_line_width(1.5)
    for shift, gray in ((0.0, 1.0), (1.5, 0.0)):
        context.set_source_rgba(gray, gray, gray, 0.8)
        for x in range(-height, width, 9):
            context.move_to(x + shift, height)
            context.line_to(x + height + shift, 0)
        context.stroke()
