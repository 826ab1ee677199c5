"""The dialog: the regions, a drawing of them, and the options."""

from __future__ import annotations

import dataclasses
from typing import Any

import arguments
import gi
import gimp_run
import job
import labels
import sources

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")

import pickers  # noqa: E402
import protect_row  # noqa: E402
import region_preview  # noqa: E402
import region_rows  # noqa: E402
import thumbnails  # noqa: E402
from gi.repository import Gdk, Gimp, GimpUi, Gio, GLib, GObject, Gtk  # noqa: E402

TITLE = "Neural Style"
HELP = (
    "Each row is a style and its region. A style is a picture file or a layer of any open image. A "
    "region is the whole layer, the selection with its feathering, everything outside the "
    "selection, a channel, a layer mask, the opacity of a layer, a gray picture, or the rest, "
    "which the other regions leave. Outside every region the photo stays; the blends “Cut out”, "
    "“Fixed outside” and “Each by itself” leave it unchanged bit for bit. Protect a part, such as "
    "a face, to keep it like the photo inside a region.\n\n"
    "A layer with a layer mask is a style with its region: add a painting as a layer, paint its "
    "mask white where its style should go, click the photo's layer, and start the filter.\n\n"
    "The picture grows in a window of its own. Stop keeps the picture so far; Cancel leaves "
    "nothing. The result is a new layer. With Layers with masks it is a group with one masked "
    "layer per style. Run the filter on a result to paint the photo again with its settings and "
    "masks, or to go on from there. Rest the pointer on an option to see its help."
)

HELP_PAGE = gimp_run.HERE / "help" / "en" / "index.html"

SIZES = (
    (job.AUTO_SIZE, "As large as about 5 minutes allow"),
    (90_000, "Sketch"),
    (250_000, "Standard"),
    (600_000, "Fine"),
    (1_500_000, "Very fine"),
    (0, "Full size"),
)


class Dialog:
    """GIMP's procedure dialog with the regions and the options."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        available: sources.Sources,
        small: thumbnails.Thumbnails,
        above: Gtk.Widget | None = None,
    ) -> None:
        self._above = above
        self._config, self._available, self._small = config, available, small
        self._window = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
        self._window.set_ok_label(labels.PAINT)
        self._put_help()
        self._window.connect("key-press-event", self._key_pressed)
        self._labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        self._view = region_preview.RegionPreview(small)
        self._protect = protect_row.ProtectRow(config, available)
        self._rows = region_rows.RegionRows(available, small, self._rows_changed)
        self._problem = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=46)
        self._build()
        config.connect("notify", self._config_changed)
        self._config_changed(config, None)

    def run(self) -> bool:
        """Show the dialog; return whether the user pressed Paint."""
        GLib.idle_add(lambda: self._rows.focus_first() or False)
        return bool(self._window.run())

    def destroy(self) -> None:
        """Close it."""
        self._window.destroy()

    def _put_help(self) -> None:
        """Replace GIMP's Help button, because GIMP's manual has no page for this filter."""
        theirs = self._window.get_widget_for_response(Gtk.ResponseType.HELP)
        if theirs is None:
            return  # GIMP is set to show no help buttons
        ours = Gtk.Button.new_with_mnemonic(labels.HELP)
        ours.connect("clicked", lambda _button: self._show_help())
        buttons = theirs.get_parent()
        buttons.pack_start(ours, False, False, 0)
        buttons.set_child_secondary(ours, True)
        theirs.set_no_show_all(True)
        theirs.hide()
        ours.show()

    def _key_pressed(self, _window: Gtk.Window, event: Gdk.EventKey) -> bool:
        """Show the help for F1, for which GIMP 3.2 does not open the help page."""
        if event.keyval != Gdk.KEY_F1:
            return False
        self._show_help()
        return True

    def _show_help(self) -> None:
        shown = Gtk.MessageDialog(
            transient_for=self._window,
            modal=True,
            message_type=Gtk.MessageType.INFO,
            text="Paint the selected layer in the style of other pictures",
            secondary_text=HELP,
            title="Neural Style: help",
        )
        shown.add_buttons("_Open the help page", Gtk.ResponseType.HELP)
        shown.add_buttons("_Close", Gtk.ResponseType.CLOSE)
        shown.set_default_response(Gtk.ResponseType.CLOSE)
        while shown.run() == Gtk.ResponseType.HELP:
            try:
                Gio.AppInfo.launch_default_for_uri(HELP_PAGE.as_uri(), None)
            except GLib.Error as error:
                shown.set_property("secondary-text", f"{HELP_PAGE}\n{error.message}")
        shown.destroy()

    def _build(self) -> None:
        columns = Gtk.Box(spacing=18)
        columns.set_border_width(12)
        left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        left.pack_start(self._view, False, False, 0)
        left.pack_start(self._problem, False, False, 0)
        left.pack_start(self._more(), True, True, 0)
        right = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=10)
        if self._above is not None:
            right.pack_start(self._above, False, False, 0)
        right.pack_start(self._rows, True, True, 0)
        right.pack_start(self._front(), False, False, 0)
        columns.pack_start(left, False, False, 0)
        columns.pack_start(right, True, True, 0)
        columns.show_all()
        self._window.get_content_area().pack_start(columns, True, True, 0)

    def _front(self) -> Gtk.Widget:
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        self._labels.add_widget(self._protect.label)
        self._uncut = self._widget("uncut")
        self._borders = Gtk.Label(xalign=0.0)
        self._borders.get_style_context().add_class("dim-label")
        layers = Gtk.Box(spacing=12)
        layers.pack_start(self._uncut, False, False, 0)
        layers.pack_start(self._borders, False, False, 0)
        ours = {"protect": self._protect, "uncut": layers, "size": self._size()}
        for name in labels.IN_FRONT:
            if name != "protect_strength":
                box.pack_start(ours.get(name) or self._widget(name), False, False, 0)
        return box

    def _more(self) -> Gtk.Widget:
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        box.set_border_width(6)
        self._labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        for described in labels.options():
            if described.name not in labels.IN_FRONT:
                box.pack_start(self._widget(described.name), False, False, 0)
        scroll = Gtk.ScrolledWindow()
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        scroll.set_min_content_height(240)
        scroll.add(box)
        expander = Gtk.Expander.new_with_mnemonic(labels.MARKED[labels.MORE])
        expander.add(scroll)
        # Hidden while folded, else access keys lead to invisible options.
        box.show_all()
        scroll.set_no_show_all(True)
        expander.bind_property("expanded", scroll, "visible", GObject.BindingFlags.SYNC_CREATE)
        expander.set_valign(Gtk.Align.END)
        return expander

    def _widget(self, field: str) -> Gtk.Widget:
        """Return the row of an option.

        GIMP's own `get_widget` warns of labels without access keys, and in GIMP 3.2 it shows short
        lists of choices as buttons.
        """
        described = job.Job.__dataclass_fields__[field]
        name, text = arguments.property_name(field), labels.marked(described)
        config, about = self._config, described.metadata
        if field == "seed":
            return self._seed(described)
        if about["kind"] in arguments.FILE_KINDS:
            return self._file(described)
        if about["choices"]:
            widget = GimpUi.prop_choice_combo_box_new(config, name)
        elif isinstance(described.default, bool):
            widget = GimpUi.prop_check_button_new(config, name, text)
        elif isinstance(described.default, float):
            widget = GimpUi.prop_scale_entry_new(config, name, text, 1.0, False, 0.0, 0.0)
            widget.set_logarithmic(about["log"])
            widget.get_label().set_xalign(0.0)
            self._labels.add_widget(widget.get_label())
        elif isinstance(described.default, int):
            widget = GimpUi.prop_spin_button_new(config, name, 1, 10, 0)
            widget.set_halign(Gtk.Align.START)
        else:
            widget = GimpUi.prop_entry_new(config, name, -1)
        widget.set_tooltip_text(labels.help_of(described))
        own_label = isinstance(widget, (Gtk.CheckButton, GimpUi.Labeled))
        return widget if own_label else self._row(text, widget)

    def _seed(self, described: dataclasses.Field) -> Gtk.Widget:
        """Return the row of a number that is too large for GIMP's own widgets."""
        about = described.metadata
        spin = Gtk.SpinButton.new_with_range(about["low"], about["high"], 1)
        spin.set_tooltip_text(about["text"])
        both = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
        self._config.bind_property(described.name, spin, "value", both)
        return self._row(labels.marked(described), spin)

    def _file(self, described: dataclasses.Field) -> Gtk.Widget:
        """Return the row of a picture file or of a folder."""
        name = arguments.property_name(described.name)
        folder = described.metadata["kind"] == "folder"
        act = Gtk.FileChooserAction.SELECT_FOLDER if folder else Gtk.FileChooserAction.OPEN
        title = "Choose a folder" if folder else "Choose a picture"
        button = Gtk.FileChooserButton(title=title, action=act, width_chars=16)
        button.set_tooltip_text(described.metadata["text"])
        button.connect("file-set", lambda _: self._config.set_property(name, button.get_file()))

        def show(config: Gimp.ProcedureConfig, _changed: Any = None) -> None:
            file = config.get_property(name)
            if file is None:
                button.unselect_all()
            else:
                button.set_file(file)

        show(self._config)
        self._config.connect(f"notify::{name}", show)
        return self._row(labels.marked(described), button)

    def _row(self, text: str, widget: Gtk.Widget) -> Gtk.Widget:
        row = Gtk.Box(spacing=6)
        label = pickers.label_of(text, widget)
        self._labels.add_widget(label)
        row.pack_start(label, False, False, 0)
        row.pack_start(widget, True, True, 0)
        return row

    def _size(self) -> Gtk.Widget:
        described = job.Job.__dataclass_fields__["size"]
        self._sizes = Gtk.ComboBoxText()
        self._sizes.set_tooltip_text(described.metadata["text"])
        full = self._small.full_size
        area = full[0] * full[1]
        for size, name in SIZES:
            if size == job.AUTO_SIZE:
                self._sizes.append(str(size), name)
            elif size == 0 or size < area:
                self._sizes.append(str(size), f"{name}: {_sides(size or area, full)}")
        self._sizes.connect("changed", self._size_chosen)
        return self._row(labels.marked(described), self._sizes)

    def _size_chosen(self, combo: Gtk.ComboBoxText) -> None:
        area = combo.get_active_id()
        if area is not None:
            self._config.set_property("size", int(area))

    def _show_size(self) -> None:
        size = self._config.get_property("size")
        full = self._small.full_size
        if size >= full[0] * full[1]:
            self._sizes.set_active_id("0")
        elif not self._sizes.set_active_id(str(size)):
            self._sizes.append(str(size), f"Last used: {_sides(size, full)}")
            self._sizes.set_active_id(str(size))

    def _rows_changed(self, chosen: tuple[job.Region, ...]) -> None:
        self._config.set_property("regions", sources.regions_to_json(chosen))

    def _config_changed(self, config: Gimp.ProcedureConfig, changed: Any) -> None:
        """Show the arguments after a change, a reset or a preset."""
        try:
            chosen = sources.regions_from_json(config.get_property("regions"))
        except sources.RegionError:
            chosen = ()
        if not chosen:
            # After a reset, start with the default regions.
            text = sources.regions_to_json(sources.default_regions(self._available))
            GLib.idle_add(lambda: config.set_property("regions", text) and False)
            return
        self._rows.set_regions(chosen)
        self._protect.show_choice()
        if changed is None or changed.name in ("regions", "protect"):
            shares, protected = self._view.show_regions(
                self._resolved(chosen), self._protected_source()
            )
            self._rows.show_coverage(shares)
            self._protect.show_share(protected)
        self._show_size()
        method = config.get_property("method")
        self._uncut.set_sensitive(labels.gives_masked_layers(method))
        self._borders.set_text(labels.movable_borders(method))
        self._show_problem(chosen)

    def _resolved(self, chosen: tuple[job.Region, ...]) -> list[sources.ResolvedRegion | None]:
        found: list[sources.ResolvedRegion | None] = []
        for region in chosen:
            try:
                found.append(sources.resolve((region,), self._available)[0])
            except sources.RegionError:
                found.append(None)
        return found

    def _protected_source(self) -> sources.Source | None:
        try:
            return sources.resolve_protected(
                self._config.get_property("protect") or "", self._available
            )
        except sources.RegionError:
            return None  # the problem is shown below the drawing

    def _show_problem(self, chosen: tuple[job.Region, ...]) -> None:
        problem = ""
        try:
            sources.resolve(chosen, self._available)
            sources.resolve_protected(self._config.get_property("protect") or "", self._available)
            options = arguments.read(self._config)
            named = tuple(
                dataclasses.replace(region, style=region.style or "-") for region in chosen
            )
            job.check(job.Job(content="-", output="-", regions=named, **options))
        except (sources.RegionError, job.JobError) as error:
            problem = str(error)
        self._problem.set_text(problem)
        self._window.set_response_sensitive(Gtk.ResponseType.OK, not problem)


def _sides(area: int, full: tuple[int, int]) -> str:
    """Return the size in pixels of a picture of this area and the content's aspect ratio."""
    scale = min((area / (full[0] * full[1])) ** 0.5, 1.0)
    return f"{round(full[0] * scale)} × {round(full[1] * scale)} pixels"
