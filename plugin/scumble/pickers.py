"""Lists in the dialog that offer styles or masks, picture files among them."""

from __future__ import annotations

import os
from typing import Callable

import source_choices
from gi.repository import GdkPixbuf, GLib, Gtk

PICTURES = ("*.png", "*.jpg", "*.jpeg", "*.tif", "*.tiff", "*.webp")

EMPTY = "?"
"""Stands for the empty text, which a list does not take."""


def source_list(
    offered: list[source_choices.Choice], now: str, title: str, chosen: Callable[[str], None]
) -> Gtk.ComboBoxText:
    """Return a list of sources, the last of which may ask for a picture file.

    Parameters
    ----------
    offered : list of source_choices.Choice
        Its entries.
    now : str
        The present choice.
    title : str
        The title of the window that asks for a file.
    chosen : callable
        Called with the text of the new choice.
    """
    combo = Gtk.ComboBoxText()
    show_sources(combo, offered, now)
    before = now

    def changed(_combo: Gtk.ComboBoxText) -> None:
        nonlocal before
        spec = combo.get_active_id()
        if spec == source_choices.CHOOSE_FILE:
            path = choose_picture(combo.get_toplevel(), title, before)
            if path:
                combo.insert(0, path, source_choices.short(os.path.basename(path)))
            combo.set_active_id(path or before or EMPTY)  # comes back here
            return
        spec = "" if spec == EMPTY else spec
        if spec is not None and spec != before:
            before = spec
            chosen(spec)

    combo.connect("changed", changed)
    return combo


def show_sources(combo: Gtk.ComboBoxText, offered: list[source_choices.Choice], now: str) -> None:
    """Fill a list with other sources."""
    combo.remove_all()
    for spec, text in offered:
        combo.append(spec or EMPTY, text)
    combo.set_active_id(now or EMPTY)


def label_of(text: str, widget: Gtk.Widget) -> Gtk.Label:
    """Return a label whose access key leads to a widget."""
    label = Gtk.Label.new_with_mnemonic(text)
    label.set_mnemonic_widget(widget)
    label.set_xalign(0.0)
    return label


def show_share(label: Gtk.Label, share: float | None) -> None:
    """Show a share of the layer, from 0 to 1; nothing if it is not known."""
    if share is None:
        label.set_text("")
    elif share == 0.0:
        label.set_markup("<b>0 %</b>")
    else:
        label.set_text(f"{100 * share:.0f} %" if share >= 0.01 else "< 1 %")


def choose_picture(parent: Gtk.Window, title: str, before: str) -> str:
    """Ask for a picture file, with a preview; return its path, or nothing."""
    chooser = Gtk.FileChooserDialog(
        title=title, transient_for=parent, modal=True, action=Gtk.FileChooserAction.OPEN
    )
    chooser.add_buttons("_Cancel", Gtk.ResponseType.CANCEL, "_Open", Gtk.ResponseType.OK)
    chooser.set_default_response(Gtk.ResponseType.OK)
    pictures = Gtk.FileFilter()
    pictures.set_name("Pictures")
    for pattern in PICTURES:
        pictures.add_pattern(pattern)
        pictures.add_pattern(pattern.upper())
    chooser.add_filter(pictures)
    preview = Gtk.Image()
    chooser.set_preview_widget(preview)
    chooser.connect("update-preview", _update_preview, preview)
    if before and os.path.isabs(before):
        chooser.set_filename(before)
    answer = chooser.run()
    path = chooser.get_filename() if answer == Gtk.ResponseType.OK else ""
    chooser.destroy()
    return path or ""


def _update_preview(chooser: Gtk.FileChooserDialog, preview: Gtk.Image) -> None:
    path = chooser.get_preview_filename()
    shown = None
    if path and os.path.isfile(path):
        try:
            shown = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, 180, 180, True)
        except GLib.Error:
            shown = None  # not a picture that can be shown
    preview.set_from_pixbuf(shown)
    chooser.set_preview_widget_active(shown is not None)
