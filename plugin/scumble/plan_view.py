"""A drawing of which style goes where on the content, before anything is painted."""

from __future__ import annotations

import math

import cairo
import regions
import thumbnails
from gi.repository import Gdk, Gtk

STYLE_SIDE = 200
SHOWN = 0.7
"""How much of a style covers the content in the drawing."""


class PlanView(Gtk.DrawingArea):
    """Shows every style in its region, with its number."""

    def __init__(self, small: thumbnails.Thumbnails) -> None:
        super().__init__()
        self._small = small
        self._content = small.content()
        self._plans: list[regions.Plan | None] = []
        self._masks: list[bytes | None] = []
        self._kept: bytes | None = None
        self.set_size_request(small.width, small.height)
        self.set_halign(Gtk.Align.CENTER)
        self.set_valign(Gtk.Align.START)
        self.set_tooltip_text("Where each style goes; what is kept is hatched")
        self.connect("draw", self._draw)

    def show_plans(
        self, plans: list[regions.Plan | None], kept: regions.Source | None
    ) -> tuple[list[float | None], float | None]:
        """Draw other regions and another mask of what is kept.

        Returns
        -------
        tuple
            How much of the layer each region covers, from 0 to 1, and how much is kept; None
            stands for what is not known.
        """
        self._plans = plans
        self._masks = self._small.masks(plans)
        self._kept = None if kept is None else self._small.mask(kept)
        self.queue_draw()
        return [self._share(mask) for mask in self._masks], self._share(self._kept)

    def _share(self, mask: bytes | None) -> float | None:
        if mask is None:
            return None
        return sum(mask) / (255 * self._small.width * self._small.height)

    def _draw(self, _widget: Gtk.Widget, context: cairo.Context) -> bool:
        width, height = self._small.width, self._small.height
        context.rectangle(0, 0, width, height)
        context.clip()
        _checks(context, width, height)
        if self._content is not None:
            Gdk.cairo_set_source_pixbuf(context, self._content, 0, 0)
            context.paint()
        for plan, mask in zip(self._plans, self._masks):
            if plan is not None and mask is not None:
                self._draw_style(context, plan, mask)
        if self._kept is not None:
            cover = thumbnails.mask_surface(self._kept, width, height)
            context.push_group()
            _hatch(context, width, height)
            context.pop_group_to_source()
            context.mask_surface(cover, 0, 0)
        for number, (plan, mask) in enumerate(zip(self._plans, self._masks), 1):
            if plan is not None and mask is not None:
                _badge(context, str(number), *_middle(mask, width, height))
        return False

    def _draw_style(self, context: cairo.Context, plan: regions.Plan, mask: bytes) -> None:
        style = self._small.style(plan.style, STYLE_SIDE)
        cover = thumbnails.mask_surface(mask, self._small.width, self._small.height)
        context.push_group()
        if style is None:
            context.set_source_rgb(0.5, 0.5, 0.5)
        else:
            pattern = cairo.SurfacePattern(thumbnails.surface(style))
            pattern.set_extend(cairo.EXTEND_REFLECT)
            context.set_source(pattern)
        context.paint_with_alpha(SHOWN)
        context.pop_group_to_source()
        context.mask_surface(cover, 0, 0)


def _middle(mask: bytes, width: int, height: int) -> tuple[float, float]:
    """Return the place in the mask that is most surely inside: the middle of its longest row run.

    The rows are looked at coarsely; a badge needs no more.
    """
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
    """Draw slanting lines, light beside dark, so that they are seen on any picture."""
    context.set_line_width(1.5)
    for shift, grey in ((0.0, 1.0), (1.5, 0.0)):
        context.set_source_rgba(grey, grey, grey, 0.8)
        for x in range(-height, width, 9):
            context.move_to(x + shift, height)
            context.line_to(x + height + shift, 0)
        context.stroke()


def _checks(context: cairo.Context, width: int, height: int) -> None:
    """Draw what shows through a transparent layer."""
    context.set_source_rgb(0.6, 0.6, 0.6)
    context.paint()
    context.set_source_rgb(0.4, 0.4, 0.4)
    for y in range(0, height, 8):
        for x in range(y // 8 % 2 * 8, width, 16):
            context.rectangle(x, y, 8, 8)
    context.fill()
