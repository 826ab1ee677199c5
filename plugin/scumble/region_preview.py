"""The region preview: a drawing of the styles in their regions, before anything is painted."""

from __future__ import annotations

import math

import cairo
import sources
import thumbnails
from gi.repository import Gtk

from engine.translations import _

STYLE_SIDE = 200
LEAST = 260
"""Pixels; the least width of the drawing."""

SHOWN = 0.7
"""The opacity of a style in the drawing."""


class RegionPreview(Gtk.DrawingArea):
    """The drawing of each style in its region, with its number."""

    def __init__(self, small: thumbnails.Thumbnails) -> None:
        super().__init__()
        self._small = small
        self._content = small.content_surface()
        self._resolved: list[sources.ResolvedRegion | None] = []
        self.masks: list[bytes | None] = []
        """The regions' masks, one byte per pixel of the thumbnails; None where it is not known."""
        self._protected: bytes | None = None
        self.set_size_request(LEAST, LEAST * 2 // 3)
        self.set_tooltip_text(_("Where each style goes; the protected part is hatched"))
        self.get_accessible().set_name(_("Where each style goes"))
        self.connect("draw", self._draw)

    def show_regions(
        self, resolved: list[sources.ResolvedRegion | None], protected: sources.Source | None
    ) -> tuple[list[float | None], float | None]:
        """Draw other regions and another protected part.

        Returns
        -------
        tuple
            The share of the layer that each region covers, from 0 to 1, and the protected share;
            None for a share that is not known.
        """
        self._resolved = resolved
        self.masks = self._small.masks(resolved)
        self._protected = None if protected is None else self._small.mask(protected)
        self.queue_draw()
        return [self._share(mask) for mask in self.masks], self._share(self._protected)

    def _share(self, mask: bytes | None) -> float | None:
        if mask is None:
            return None
        return sum(mask) / (255 * self._small.width * self._small.height)

    def _draw(self, _widget: Gtk.Widget, context: cairo.Context) -> bool:
        """Draw in the middle at the top, as large as there is room."""
        width, height = self._small.width, self._small.height
        room = self.get_allocated_width(), self.get_allocated_height()
        scale = min(room[0] / width, room[1] / height)
        context.translate((room[0] - scale * width) / 2, 0)
        context.scale(scale, scale)
        self.draw_regions(context)
        return False

    def draw_regions(self, context: cairo.Context) -> None:
        """Draw the content with the styles in their regions, as large as the thumbnails."""
        width, height = self._small.width, self._small.height
        context.rectangle(0, 0, width, height)
        context.clip()
        _checks(context, width, height)
        if self._content is not None:
            context.save()
            context.scale(width / self._content.get_width(), height / self._content.get_height())
            context.set_source_surface(self._content, 0, 0)
            context.paint()
            context.restore()
        for region, mask in zip(self._resolved, self.masks):
            if region is not None and mask is not None:
                self._draw_style(context, region, mask)
        if self._protected is not None:
            cover = thumbnails.mask_surface(self._protected, width, height)
            context.push_group()
            _hatch(context, width, height)
            context.pop_group_to_source()
            context.mask_surface(cover, 0, 0)
        for number, (region, mask) in enumerate(zip(self._resolved, self.masks), 1):
            if region is not None and mask is not None:
                _badge(context, str(number), *_middle(mask, width, height))

    def _draw_style(
        self, context: cairo.Context, region: sources.ResolvedRegion, mask: bytes
    ) -> None:
        style = self._small.style_surface(region.style, STYLE_SIDE)
        cover = thumbnails.mask_surface(mask, self._small.width, self._small.height)
        context.push_group()
        if style is None:
            context.set_source_rgb(0.5, 0.5, 0.5)
        else:
            pattern = cairo.SurfacePattern(style)
            pattern.set_extend(cairo.EXTEND_REFLECT)
            context.set_source(pattern)
        context.paint_with_alpha(SHOWN)
        context.pop_group_to_source()
        context.mask_surface(cover, 0, 0)


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


def _checks(context: cairo.Context, width: int, height: int) -> None:
    """Draw the checks behind a transparent layer."""
    context.set_source_rgb(0.6, 0.6, 0.6)
    context.paint()
    context.set_source_rgb(0.4, 0.4, 0.4)
    for y in range(0, height, 8):
        for x in range(y // 8 % 2 * 8, width, 16):
            context.rectangle(x, y, 8, 8)
    context.fill()
