"""The list of regions in the dialog: a style, a mask and two numbers per row."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Callable

import cairo
import labels
import pickers
import source_choices
import sources
import thumbnails
from gi.repository import GimpUi, GLib, Gtk

from engine import job
from engine.translations import _

THUMBNAIL = 72
FIELDS = {each.name: each for each in dataclasses.fields(job.Region)}


class RegionRows(Gtk.Box):
    """The list of regions, where they are changed.

    Parameters
    ----------
    available : sources.Sources
        Everything that can be chosen.
    small : thumbnails.Thumbnails
        The thumbnails of the styles.
    on_change : callable
        Called with the regions after each change by the user.
    """

    def __init__(
        self,
        available: sources.Sources,
        small: thumbnails.Thumbnails,
        on_change: Callable[[tuple[job.Region, ...]], None],
    ) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._available, self._small, self._on_change = available, small, on_change
        self._regions: list[job.Region] = []
        self._files = list(small.last_styles)
        self._box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=14)
        self.pack_start(self._box, False, False, 0)
        self._add = Gtk.Button.new_with_mnemonic(labels.with_key(labels.ADD))
        self._add.set_tooltip_text(_("Add a style with a region of its own"))
        self._add.set_halign(Gtk.Align.START)
        self._add.connect("clicked", lambda _button: self._append())
        self.pack_start(self._add, False, False, 0)

    def set_regions(self, given: tuple[job.Region, ...]) -> None:
        """Show other regions."""
        if tuple(self._regions) == given and self._box.get_children():
            return
        self._regions = list(given)
        self._build()

    def show_coverage(self, coverage: list[float | None]) -> None:
        """Show in each row the share of the layer that it covers, from 0 to 1."""
        for row, share in zip(self._box.get_children(), coverage):
            row.show_coverage(share)

    def focus_first(self) -> None:
        """Give the keyboard to the first row without a style, if there is one."""
        for row, region in zip(self._box.get_children(), self._regions):
            if not region.style:
                row.focus_style()
                return

    def _build(self, focus: int | None = None) -> None:
        for child in self._box.get_children():
            child.destroy()
        for number, region in enumerate(self._regions):
            row = _Row(self, number, region, len(self._regions))
            self._box.pack_start(row, False, False, 0)
        self._add.set_sensitive(len(self._regions) < job.MAX_REGIONS)
        self._box.show_all()
        if focus is not None:
            self._box.get_children()[focus].focus_style()

    def _append(self) -> None:
        """Add a style: on the rest, if the other regions leave one."""
        whole = any(region.mask == sources.ALL for region in self._regions)
        rest = any(region.mask == sources.REST for region in self._regions)
        mask = sources.ALL if whole or rest or not self._regions else sources.REST
        self._regions.append(job.Region(mask=mask))
        self._build(len(self._regions) - 1)
        self._on_change(tuple(self._regions))

    def move(self, number: int, by: int) -> None:
        """Exchange a region with its neighbor."""
        other = number + by
        pair = self._regions[other], self._regions[number]
        self._regions[number], self._regions[other] = pair
        self._build(other)
        self._on_change(tuple(self._regions))

    def remove_at(self, number: int) -> None:
        """Remove a region."""
        del self._regions[number]
        self._build(min(number, len(self._regions) - 1))
        self._on_change(tuple(self._regions))

    def change(self, number: int, **values: Any) -> None:
        """Give a region other values."""
        self._regions[number] = dataclasses.replace(self._regions[number], **values)
        self._on_change(tuple(self._regions))

    def picture(self, region: job.Region) -> cairo.ImageSurface | None:
        """Return the thumbnail of a region's style."""
        return self._surface(region, THUMBNAIL)

    def _surface(self, region: job.Region, side: int) -> cairo.ImageSurface | None:
        mask_free = dataclasses.replace(region, mask=sources.ALL)
        try:
            found = sources.resolve((mask_free,), self._available)[0]
        except sources.RegionError:
            return None
        return self._small.style_surface(found.style, side)

    def icon(self, spec: str) -> cairo.ImageSurface | None:
        """Return the small thumbnail of a style in a list."""
        if not spec or spec == source_choices.CHOOSE_FILE:
            return None
        return self._surface(job.Region(style=spec), pickers.ICON)

    def add_file(self, path: str) -> None:
        """Offer a picture file in every row, now and next time.

        Raises
        ------
        canvas_error.CanvasError
            If it cannot be read.
        """
        self._small.add_file(path)
        self._offer(path)

    def _offer(self, path: str) -> None:
        if path not in self._files:
            self._files.insert(0, path)

    def style_choices(self, now: str) -> list[source_choices.Choice]:
        """Return the choices for a style."""
        if os.path.isabs(now):
            self._offer(now)
        return source_choices.styles(self._available, self._files, now)

    def mask_choices(self, now: str) -> list[source_choices.Choice]:
        """Return the choices for a mask."""
        return source_choices.masks(self._available, now)


class _Row(Gtk.Grid):
    """One region."""

    def __init__(self, rows: RegionRows, number: int, region: job.Region, count: int) -> None:
        super().__init__(column_spacing=8, row_spacing=4)
        self._rows, self._number, self._region = rows, number, region
        self._image = Gtk.Image()
        self._image.set_size_request(THUMBNAIL, THUMBNAIL)
        badge = Gtk.Label()
        badge.set_markup(f"<b>{number + 1}</b>")
        self._style = pickers.SourceList(
            rows.style_choices(region.style),
            region.style,
            _("Choose a style"),
            self._on_style,
            rows.icon,
            rows.add_file,
        )
        self._style.set_tooltip_text(_("A painting, a picture file, or a layer of any open image"))
        self._style.set_hexpand(True)
        offered = rows.mask_choices(region.mask)
        self._mask = pickers.SourceList(
            offered, region.mask, _("Choose a gray picture"), self._on_mask
        )
        self._mask.set_tooltip_text(_("Where this style goes"))
        self._coverage = Gtk.Label(xalign=1.0, width_chars=5)
        self._coverage.set_tooltip_text(_("Share of the layer that this region covers"))
        # A screen reader goes from the part that was attached last to the first one.
        self.attach(self._numbers(), 2, 2, 3, 1)
        self.attach(self._coverage, 4, 1, 1, 1)
        self.attach(self._mask, 3, 1, 1, 1)
        self.attach(self._label("mask", self._mask), 2, 1, 1, 1)
        self.attach(self._buttons(count), 4, 0, 1, 1)
        self.attach(self._style, 3, 0, 1, 1)
        self.attach(self._label("style", self._style), 2, 0, 1, 1)
        self.attach(self._image, 1, 0, 1, 3)
        self.attach(badge, 0, 0, 1, 3)
        self._show_picture()

    def _label(self, field: str, widget: Gtk.Widget) -> Gtk.Label:
        return pickers.label_of(labels.with_key(labels.REGION[field]), widget)

    def focus_style(self) -> None:
        """Take the keyboard."""
        self._style.grab_focus()

    def show_coverage(self, share: float | None) -> None:
        """Show the share of the layer that the region covers, from 0 to 1."""
        pickers.show_share(self._coverage, share)

    def _numbers(self) -> Gtk.Box:
        box = Gtk.Box(spacing=6)
        for name, step in (("weight", 0.1), ("style_size", 0.05)):
            about = FIELDS[name].metadata
            adjustment = Gtk.Adjustment(
                value=getattr(self._region, name),
                lower=about["low"],
                upper=about["high"],
                step_increment=step,
                page_increment=1,
            )
            spin = Gtk.SpinButton(adjustment=adjustment, digits=2, width_chars=5)
            spin.set_tooltip_text(_(about["text"]))
            spin.connect("value-changed", self._on_number, name)
            box.pack_start(self._label(name, spin), False, False, 0)
            box.pack_start(spin, False, False, 0)
        return box

    def _buttons(self, count: int) -> Gtk.Box:
        box = Gtk.Box(spacing=0, halign=Gtk.Align.END)
        for icon, text, able, act in (
            (
                GimpUi.ICON_GO_UP,
                _("Up"),
                self._number > 0,
                lambda: self._rows.move(self._number, -1),
            ),
            (
                GimpUi.ICON_GO_DOWN,
                _("Down"),
                self._number < count - 1,
                lambda: self._rows.move(self._number, 1),
            ),
            (
                GimpUi.ICON_LIST_REMOVE,
                _("Remove this style"),
                count > 1,
                lambda: self._rows.remove_at(self._number),
            ),
        ):
            button = Gtk.Button.new_from_icon_name(icon, Gtk.IconSize.MENU)
            button.set_relief(Gtk.ReliefStyle.NONE)
            button.set_tooltip_text(text)
            button.get_accessible().set_name(text)
            button.set_sensitive(able)
            # Later, because the action destroys the button that is being pressed.
            button.connect("clicked", lambda _button, act=act: GLib.idle_add(act))
            box.pack_start(button, False, False, 0)
        return box

    def _on_number(self, spin: Gtk.SpinButton, name: str) -> None:
        about = FIELDS[name].metadata
        value = min(max(round(spin.get_value(), 4), about["low"]), about["high"])
        self._rows.change(self._number, **{name: value})

    def _on_style(self, spec: str) -> None:
        self._region = dataclasses.replace(self._region, style=spec)
        self._rows.change(self._number, style=spec)
        self._style.show_sources(self._rows.style_choices(spec), spec)
        self._show_picture()

    def _on_mask(self, spec: str) -> None:
        self._region = dataclasses.replace(self._region, mask=spec)
        self._rows.change(self._number, mask=spec)

    def _show_picture(self) -> None:
        picture = self._rows.picture(self._region)
        if picture is not None:
            self._image.set_from_surface(picture)
        else:
            self._image.set_from_icon_name(GimpUi.ICON_IMAGE, Gtk.IconSize.DIALOG)
