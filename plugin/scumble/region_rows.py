"""The list of regions in the dialog: a style, a mask and two numbers in each row."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

import choices
import job
import pickers
import regions
import thumbnails
import wording
from gi.repository import GdkPixbuf, GimpUi, GLib, Gtk

THUMBNAIL = 72
LIST_HEIGHT = 275
"""Two rows and the beginning of a third."""

FIELDS = {each.name: each for each in dataclasses.fields(job.Region)}


class RegionRows(Gtk.Box):
    """Shows regions and lets them be changed.

    Parameters
    ----------
    scene : regions.Scene
        What there is to choose from.
    small : thumbnails.Thumbnails
        Gives the rows their pictures.
    changed : callable
        Called with the regions after every change made here.
    """

    def __init__(
        self,
        scene: regions.Scene,
        small: thumbnails.Thumbnails,
        changed: Callable[[tuple[job.Region, ...]], None],
    ) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._scene, self._small, self._changed = scene, small, changed
        self._regions: list[job.Region] = []
        self._files: list[str] = []
        self._box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=14)
        self._box.set_border_width(6)
        self._scroll = Gtk.ScrolledWindow()
        self._scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        self._scroll.set_shadow_type(Gtk.ShadowType.IN)
        self._scroll.add(self._box)
        self._scroll.set_min_content_height(LIST_HEIGHT)
        self.pack_start(self._scroll, True, True, 0)
        self._add = Gtk.Button.new_with_mnemonic(wording.ADD)
        self._add.set_tooltip_text("Add a style with a region of its own")
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
        """Say in each row how much of the layer it covers, from 0 to 1."""
        for row, share in zip(self._box.get_children(), coverage):
            row.show_coverage(share)

    def focus_first(self) -> None:
        """Give the keyboard to the first row that lacks a style, or else leave it."""
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
            GLib.idle_add(self._scroll_down if focus == len(self._regions) - 1 else lambda: False)

    def _scroll_down(self) -> bool:
        adjustment = self._scroll.get_vadjustment()
        adjustment.set_value(adjustment.get_upper())
        return False

    def _append(self) -> None:
        """Add a style: on the rest, if the others leave one."""
        whole = any(region.mask == regions.ALL for region in self._regions)
        rest = any(region.mask == regions.REST for region in self._regions)
        mask = regions.ALL if whole or rest or not self._regions else regions.REST
        self._regions.append(job.Region(mask=mask))
        self._build(len(self._regions) - 1)
        self._changed(tuple(self._regions))

    def move(self, number: int, by: int) -> None:
        """Exchange a region with its neighbour."""
        other = number + by
        pair = self._regions[other], self._regions[number]
        self._regions[number], self._regions[other] = pair
        self._build(other)
        self._changed(tuple(self._regions))

    def remove_at(self, number: int) -> None:
        """Take a region out."""
        del self._regions[number]
        self._build(min(number, len(self._regions) - 1))
        self._changed(tuple(self._regions))

    def change(self, number: int, **values: Any) -> None:
        """Give a region other values."""
        self._regions[number] = dataclasses.replace(self._regions[number], **values)
        self._changed(tuple(self._regions))

    def picture(self, region: job.Region) -> GdkPixbuf.Pixbuf | None:
        """Return the small picture of a region's style."""
        mask_free = dataclasses.replace(region, mask=regions.ALL)
        try:
            found = regions.plan((mask_free,), self._scene)[0]
        except regions.RegionError:
            return None
        return self._small.style(found.style, THUMBNAIL)

    def remember_file(self, path: str) -> None:
        """Offer a file in every row from now on."""
        if path not in self._files:
            self._files.append(path)

    def style_choices(self, now: str) -> list[choices.Choice]:
        """Return what can be a style."""
        if now and not now.startswith("layer:"):
            self.remember_file(now)
        return choices.styles(self._scene, self._files, now)

    def mask_choices(self, now: str) -> list[choices.Choice]:
        """Return what can be a mask."""
        return choices.masks(self._scene, now)


class _Row(Gtk.Grid):
    """One region."""

    def __init__(self, rows: RegionRows, number: int, region: job.Region, count: int) -> None:
        super().__init__(column_spacing=8, row_spacing=4)
        self._rows, self._number, self._region = rows, number, region
        self._image = Gtk.Image()
        self._image.set_size_request(THUMBNAIL, THUMBNAIL)
        badge = Gtk.Label()
        badge.set_markup(f"<b>{number + 1}</b>")
        self.attach(badge, 0, 0, 1, 3)
        self.attach(self._image, 1, 0, 1, 3)

        offered = rows.style_choices(region.style)
        self._style = pickers.source_list(
            offered, region.style, "Choose a style", self._style_chosen
        )
        self._style.set_tooltip_text(FIELDS["style"].metadata["text"])
        self._style.set_hexpand(True)
        offered = rows.mask_choices(region.mask)
        self._mask = pickers.source_list(
            offered, region.mask, "Choose a grey picture", self._mask_chosen
        )
        self._mask.set_tooltip_text("Where this style goes")
        self._coverage = Gtk.Label(xalign=1.0, width_chars=5)
        self._coverage.set_tooltip_text("How much of the layer this region covers")
        self.attach(pickers.label_of(wording.ROW["style"], self._style), 2, 0, 1, 1)
        self.attach(self._style, 3, 0, 1, 1)
        self.attach(pickers.label_of(wording.ROW["mask"], self._mask), 2, 1, 1, 1)
        self.attach(self._mask, 3, 1, 1, 1)
        self.attach(self._numbers(), 3, 2, 1, 1)
        self.attach(self._buttons(count), 4, 0, 1, 1)
        self.attach(self._coverage, 4, 1, 1, 1)
        self._show_picture()

    def focus_style(self) -> None:
        """Take the keyboard."""
        self._style.grab_focus()

    def show_coverage(self, share: float | None) -> None:
        """Say how much of the layer the region covers, from 0 to 1."""
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
            spin.set_tooltip_text(about["text"])
            spin.connect("value-changed", self._number_changed, name)
            box.pack_start(pickers.label_of(wording.ROW[name], spin), False, False, 0)
            box.pack_start(spin, False, False, 0)
        return box

    def _buttons(self, count: int) -> Gtk.Box:
        box = Gtk.Box(spacing=0, halign=Gtk.Align.END)
        for icon, text, able, act in (
            (GimpUi.ICON_GO_UP, "Up", self._number > 0, lambda: self._rows.move(self._number, -1)),
            (
                GimpUi.ICON_GO_DOWN,
                "Down",
                self._number < count - 1,
                lambda: self._rows.move(self._number, 1),
            ),
            (
                GimpUi.ICON_LIST_REMOVE,
                "Take this style out",
                count > 1,
                lambda: self._rows.remove_at(self._number),
            ),
        ):
            button = Gtk.Button.new_from_icon_name(icon, Gtk.IconSize.MENU)
            button.set_relief(Gtk.ReliefStyle.NONE)
            button.set_tooltip_text(text)
            button.get_accessible().set_name(text)
            button.set_sensitive(able)
            # Later, since acting destroys the button that is being pressed.
            button.connect("clicked", lambda _button, act=act: GLib.idle_add(act))
            box.pack_start(button, False, False, 0)
        return box

    def _number_changed(self, spin: Gtk.SpinButton, name: str) -> None:
        about = FIELDS[name].metadata
        value = min(max(round(spin.get_value(), 4), about["low"]), about["high"])
        self._rows.change(self._number, **{name: value})

    def _style_chosen(self, words: str) -> None:
        if not words.startswith("layer:"):
            self._rows.remember_file(words)
        self._region = dataclasses.replace(self._region, style=words)
        self._rows.change(self._number, style=words)
        self._show_picture()

    def _mask_chosen(self, words: str) -> None:
        self._region = dataclasses.replace(self._region, mask=words)
        self._rows.change(self._number, mask=words)

    def _show_picture(self) -> None:
        picture = self._rows.picture(self._region)
        if picture is not None:
            self._image.set_from_pixbuf(picture)
        else:
            self._image.set_from_icon_name(GimpUi.ICON_IMAGE, Gtk.IconSize.DIALOG)
