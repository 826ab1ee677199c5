"""The rows of options in the dialog, made from the job's fields."""

from __future__ import annotations

import dataclasses
from typing import Any

import arguments
import labels
import pickers
from gi.repository import Gimp, GimpUi, GObject, Gtk, Pango

from engine import job
from engine.translations import _


class OptionRows(Gtk.Box):
    """Rows below each other, whose labels are equally wide.

    Parameters
    ----------
    config : Gimp.ProcedureConfig
        Has the arguments, which the rows show and set.
    """

    def __init__(self, config: Gimp.ProcedureConfig) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._config = config
        self._labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        self._chosen: dict[str, Gtk.Label] = {}

    def add_row(self, widget: Gtk.Widget, label: Gtk.Label | None = None) -> None:
        """Append a row; its label, if it has one, gets the width of the others."""
        if label is not None:
            self._labels.add_widget(label)
        self.pack_start(widget, False, False, 0)

    def add_option(self, field: str) -> Gtk.Widget:
        """Append the row of an option and return its control."""
        described = job.Job.__dataclass_fields__[field]
        text = labels.marked(described)
        widget = self._control(described)
        if isinstance(widget, Gtk.CheckButton):
            self.add_row(widget)
        elif isinstance(widget, GimpUi.Labeled):
            self.add_row(widget, widget.get_label())
        else:
            self.add_labeled(text, widget, self._note(field))
        return widget

    def add_labeled(
        self,
        text: str,
        widget: Gtk.Widget,
        note: Gtk.Label | None = None,
        control: Gtk.Widget | None = None,
    ) -> None:
        """Append a row with a label, a widget, and a note below it.

        Parameters
        ----------
        text : str
            The label with its access key.
        widget : Gtk.Widget
        note : Gtk.Label, optional
        control : Gtk.Widget, optional
            The part of `widget` that the label belongs to, if it is not all of it.
        """
        row = Gtk.Grid(column_spacing=6)
        label = pickers.label_of(text, control or widget)
        if control is not None:
            label.set_valign(Gtk.Align.START)
            label.set_margin_top(8)
        widget.set_hexpand(True)
        # A screen reader goes from the part that was attached last to the first one.
        if note is not None:
            row.attach(note, 1, 1, 1, 1)
        row.attach(widget, 1, 0, 1, 1)
        row.attach(label, 0, 0, 1, 1)
        self.add_row(row, label)

    def show_chosen(self, chosen: dict[str, str]) -> None:
        """Show what 'auto' stands for here, by the name of the option."""
        for field, note in self._chosen.items():
            text = chosen.get(field, "")
            auto = self._config.get_property(arguments.property_name(field)) == "auto"
            note.set_text(_("here: {choice}").format(choice=text) if text and auto else "")
            note.set_visible(bool(note.get_text()))

    def _note(self, field: str) -> Gtk.Label | None:
        """Return the label that says what 'auto' stands for; None without such a choice."""
        if "auto" not in job.Job.__dataclass_fields__[field].metadata["choices"]:
            return None
        note = pickers.dim_label()
        note.set_no_show_all(True)
        self._chosen[field] = note
        return note

    def _control(self, described: dataclasses.Field) -> Gtk.Widget:
        """Return the control of an option.

        GIMP's own `get_widget` warns of labels without access keys, and in GIMP 3.2 it shows short
        lists of choices as buttons.
        """
        name, text = arguments.property_name(described.name), labels.marked(described)
        config, about = self._config, described.metadata
        if about["high"] is not None and about["high"] >= 2**31:
            return self._large_number(described)
        if about["kind"] in arguments.FILE_KINDS:
            return self._file(described)
        if about["choices"]:
            widget = GimpUi.prop_choice_combo_box_new(config, name)
            widget.set_property("ellipsize", Pango.EllipsizeMode.END)
        elif isinstance(described.default, bool):
            widget = GimpUi.prop_check_button_new(config, name, text)
        elif isinstance(described.default, float):
            widget = GimpUi.prop_scale_entry_new(config, name, text, 1.0, False, 0.0, 0.0)
            widget.set_logarithmic(about["log"])
            widget.get_label().set_xalign(0.0)
            for part in (widget.get_range(), widget.get_spin_button()):
                part.get_accessible().set_name(labels.label(described))
            if described.name in labels.ENDS:
                widget.attach(_ends(*map(_, labels.ENDS[described.name])), 1, 1, 1, 1)
        elif isinstance(described.default, int):
            widget = GimpUi.prop_spin_button_new(config, name, 1, 10, 0)
            widget.set_halign(Gtk.Align.START)
        else:
            widget = GimpUi.prop_entry_new(config, name, -1)
        widget.set_tooltip_text(labels.help_of(described))
        return widget

    def _large_number(self, described: dataclasses.Field) -> Gtk.Widget:
        """Return the control of a number that is too large for GIMP's own widgets."""
        about = described.metadata
        spin = Gtk.SpinButton.new_with_range(about["low"], about["high"], 1)
        spin.set_tooltip_text(labels.help_of(described))
        spin.set_halign(Gtk.Align.START)
        both = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
        self._config.bind_property(arguments.property_name(described.name), spin, "value", both)
        return spin

    def _file(self, described: dataclasses.Field) -> Gtk.Widget:
        """Return the control of a picture file or of a folder."""
        name = arguments.property_name(described.name)
        folder = described.metadata["kind"] == "folder"
        act = Gtk.FileChooserAction.SELECT_FOLDER if folder else Gtk.FileChooserAction.OPEN
        title = _("Choose a folder") if folder else _("Choose a picture")
        button = Gtk.FileChooserButton(title=title, action=act, width_chars=16)
        button.set_tooltip_text(labels.help_of(described))
        button.connect(
            "file-set", lambda *_args: self._config.set_property(name, button.get_file())
        )

        def show(config: Gimp.ProcedureConfig, _changed: Any = None) -> None:
            file = config.get_property(name)
            if file is None:
                button.unselect_all()
            else:
                button.set_file(file)
            chosen = "" if file is None else file.get_basename()
            _describe_parts(button, labels.label(described), chosen)

        show(self._config)
        self._config.connect(f"notify::{name}", show)
        return button


def _describe_parts(chooser: Gtk.FileChooserButton, name: str, chosen: str) -> None:
    """Tell a screen reader what the button in a chooser is for, and which file is chosen."""

    def describe(part: Gtk.Widget) -> None:
        part.get_accessible().set_name(name)
        part.get_accessible().set_description(chosen)

    chooser.forall(describe)


def _ends(low: str, high: str) -> Gtk.Widget:
    """Return the words below the two ends of a slider."""
    box = Gtk.Box()
    for text, pack in ((low, box.pack_start), (high, box.pack_end)):
        label = pickers.dim_label()
        label.set_text(text)
        label.set_line_wrap(False)
        pack(label, False, False, 0)
    return box
