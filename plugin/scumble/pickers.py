"""Lists in the dialog that offer styles or masks, picture files among them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Callable

import canvas_error
import labels
import picture_files
import remembered
import source_choices
from gi.repository import GdkPixbuf, GLib, Gtk, Pango

from engine.translations import _

EMPTY = "?"
"""Stands for the empty text, which a list does not take."""

ICON = 32
"""Pixels; the side of a thumbnail in a list."""

ENDINGS = (
    *("avif", "bmp", "exr", "gif", "hdr", "heic", "heif", "ico", "j2k", "jp2", "jpeg", "jpg"),
    *("jxl", "ora", "pcx", "pdf", "pgm", "png", "pnm", "ppm", "psb", "psd", "svg", "tga", "tif"),
    *("tiff", "webp", "xcf", "xcf.gz", "xcf.xz", "xpm"),
)
"""Endings of the files that GIMP opens as pictures; a chooser shows all other files on request."""

TEXT, SPEC, PICTURE = range(3)
"""Columns of a list of sources."""


class SourceList(Gtk.ComboBox):
    """A list of sources with thumbnails, the last of which may ask for a picture file.

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
    picture : callable, optional
        Returns the thumbnail of an entry as a surface, or None. Without it the list has none.
    accept : callable, optional
        Called with the path of a file that was chosen; raises a CanvasError to refuse it.
    """

    def __init__(
        self,
        offered: list[source_choices.Choice],
        now: str,
        title: str,
        chosen: Callable[[str], None],
        picture: Callable[[str], Any] | None = None,
        accept: Callable[[str], Any] = picture_files.look_at,
    ) -> None:
        self._entries = Gtk.ListStore(str, str, object)
        super().__init__(model=self._entries, id_column=SPEC)
        self._title, self._chosen, self._picture, self._accept = title, chosen, picture, accept
        if picture is not None:
            icon = Gtk.CellRendererPixbuf()
            # Else the entries of an open list move while thumbnails arrive, and the wrong one is
            # pressed.
            icon.set_fixed_size(ICON, ICON)
            self.pack_start(icon, False)
            self.set_cell_data_func(icon, _show_icon)
        text = Gtk.CellRendererText(ellipsize=Pango.EllipsizeMode.END)
        self.pack_start(text, True)
        self.add_attribute(text, "text", TEXT)
        self.show_sources(offered, now)
        self.connect("changed", self._changed)

    def show_sources(self, offered: list[source_choices.Choice], now: str) -> None:
        """Offer other sources."""
        self._now = now
        self._entries.clear()
        for spec, text in offered:
            self._entries.append([text, spec or EMPTY, None])
        self.set_active_id(now or EMPTY)
        if self._picture is not None:
            GLib.idle_add(self._add_pictures, iter(list(self._entries)), self._picture)

    def _add_pictures(
        self, rows: Iterator[Gtk.TreeModelRow], picture: Callable[[str], Any]
    ) -> bool:
        """Make the next thumbnail; one at a time, so that the dialog stays awake."""
        row = next(rows, None)
        if row is None or not row.model.iter_is_valid(row.iter):
            return False
        row[PICTURE] = picture("" if row[SPEC] == EMPTY else row[SPEC])
        return True

    def _changed(self, _list: Gtk.ComboBox) -> None:
        spec = self.get_active_id()
        if spec is None:
            return
        if spec == source_choices.CHOOSE_FILE:
            path = self._choose_file()
            if path and path not in [row[SPEC] for row in self._entries]:
                name = source_choices.short(os.path.basename(path))
                picture = self._picture and self._picture(path)
                self._entries.insert(0, [name, path, picture])
            self.set_active_id(path or self._now or EMPTY)  # comes back here
            return
        spec = "" if spec == EMPTY else spec
        if spec != self._now:
            self._now = spec
            self._chosen(spec)

    def _choose_file(self) -> str:
        """Ask for a picture file until one can be used; return its path, or nothing."""
        window, before = self.get_toplevel(), self._now
        while True:
            path = choose_picture(window, self._title, before)
            if not path:
                return ""
            try:
                self._accept(path)
            except canvas_error.CanvasError as error:
                _refuse(window, str(error))
                before = path
            else:
                return path


def _show_icon(
    _list: Gtk.ComboBox, cell: Gtk.CellRendererPixbuf, entries: Gtk.TreeModel, at: Gtk.TreeIter
) -> None:
    cell.set_property("surface", entries[at][PICTURE])


def _refuse(parent: Gtk.Window, text: str) -> None:
    """Say why a file cannot be used."""
    said = Gtk.MessageDialog(
        transient_for=parent, modal=True, message_type=Gtk.MessageType.ERROR, text=text
    )
    said.add_buttons(_("_OK"), Gtk.ResponseType.OK)
    said.set_title(_("Neural Style: this picture"))
    said.run()
    said.destroy()


def label_of(text: str, widget: Gtk.Widget) -> Gtk.Label:
    """Return a label whose access key leads to a widget."""
    label = Gtk.Label.new_with_mnemonic(text)
    label.set_mnemonic_widget(widget)
    widget.get_accessible().set_name(labels.without_key(text))
    label.set_xalign(0.0)
    return label


def show_share(label: Gtk.Label, share: float | None) -> None:
    """Show a share of the layer, from 0 to 1; nothing if it is not known."""
    if share is None:
        label.set_text("")
    elif share == 0.0:
        label.set_markup(f"<b>{percent(0)}</b>")
    else:
        label.set_text(percent(round(100 * share)) if share >= 0.01 else f"< {percent(1)}")


def percent(number: int) -> str:
    """Return a share of 100 as text."""
    return _("{number} %").format(number=number)


def choose_picture(parent: Gtk.Window, title: str, before: str) -> str:
    """Ask for a picture file, with a preview; return its path, or nothing."""
    chooser = Gtk.FileChooserDialog(
        title=title, transient_for=parent, modal=True, action=Gtk.FileChooserAction.OPEN
    )
    chooser.add_buttons(_("_Cancel"), Gtk.ResponseType.CANCEL, _("_Open"), Gtk.ResponseType.OK)
    chooser.set_default_response(Gtk.ResponseType.OK)
    pictures, every = Gtk.FileFilter(), Gtk.FileFilter()
    pictures.set_name(_("Pictures"))
    for ending in ENDINGS:
        pictures.add_pattern(f"*.{ending}")
        pictures.add_pattern(f"*.{ending.upper()}")
    every.set_name(_("All files"))
    every.add_pattern("*")
    chooser.add_filter(pictures)
    chooser.add_filter(every)
    preview = Gtk.Image()
    chooser.set_preview_widget(preview)
    chooser.connect("update-preview", _update_preview, preview)
    folder = remembered.read("folder", "")
    if before and os.path.isabs(before):
        chooser.set_filename(before)
    elif os.path.isdir(folder):
        chooser.set_current_folder(folder)
    answer = chooser.run()
    path = chooser.get_filename() if answer == Gtk.ResponseType.OK else ""
    chooser.destroy()
    if path:
        remembered.write("folder", os.path.dirname(path))
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


def dim_label() -> Gtk.Label:
    """Return a label for a remark, in a faint color and in several lines if need be."""
    label = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=1)
    label.get_style_context().add_class("dim-label")
    return label
