"""The dialog: regions, a drawing of them, and the options that matter."""

from __future__ import annotations

import dataclasses
from typing import Any

import arguments
import beginning
import canvas
import gi
import job
import painter
import painting
import regions
import wording

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")

import keep_row  # noqa: E402
import pickers  # noqa: E402
import plan_view  # noqa: E402
import region_rows  # noqa: E402
import thumbnails  # noqa: E402
import watch  # noqa: E402
from gi.repository import Gdk, Gimp, GimpUi, Gio, GLib, GObject, Gtk  # noqa: E402

SIDE = 420
TITLE = "Neural Style"
HELP = (
    "Each row is a style and the region it goes on. A style is a picture file or a layer of any "
    "open image. A region is the whole layer, the selection (feathered as it is), what is not "
    "selected, a channel, a layer's mask or opacity, a grey picture, or the rest, which the others "
    "leave. Where no region lies, the content is kept; with pinned, to the last bit. Keep holds "
    "fast to a part of the content, such as a face, where a style goes over it.\n\n"
    "A layer with a layer mask is a style with its region at once: drop a painting in as a layer, "
    "paint its mask white where it should go, click the photograph's layer, and start the "
    "filter.\n\n"
    "The picture grows in a window of its own: Stop keeps what is there, Cancel leaves nothing. "
    "The result is a new layer, or with a method that makes a picture for each style, such as "
    "Stitch, a group with one masked layer per style; run the filter on it to start from its "
    "settings. Every option has a hint: rest the pointer on it."
)

HELP_PAGE = painting.HERE / "help" / "en" / "index.html"

SIZES = (
    (90_000, "Sketch"),
    (250_000, "Standard"),
    (600_000, "Fine"),
    (1_500_000, "Very fine"),
    (0, "Full size"),
)


def run(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    content: Gimp.Layer,
) -> list[Gimp.Layer] | None:
    """Ask what to paint, paint it and show how it comes.

    Returns
    -------
    list of Gimp.Layer or None
        The new layers; none if they went into a file; None if the painter cancelled.
    """
    GimpUi.init("scumble")
    painter.read_place(painting.HERE)  # no use filling in a form without an engine
    scene = canvas.scene_of(image, content)
    small = thumbnails.Thumbnails(image, content, SIDE)
    beginning.start_from(config, scene, content)
    dialog = Dialog(procedure, config, scene, small)
    agreed = dialog.run()
    dialog.destroy()
    if not agreed:
        return None
    options = arguments.read(config)
    text = config.get_property("regions")
    beginning.keep(content, arguments.to_text(options, text, ""))
    layers = _paint(painting.Wish(image, content, options, regions.from_json(text)), small)
    if layers is not None and image.is_valid():
        beginning.forget()  # GIMP keeps them now; of an image that was closed it keeps nothing
    return layers


def _paint(wish: painting.Wish, small: thumbnails.Thumbnails) -> list[Gimp.Layer] | None:
    window = watch.Watch(small.content())
    try:
        under_way = painting.Painting(wish, window.told)
        try:
            if window.cancelled:
                return None
            outcome = window.follow(under_way)
            if outcome is None:
                return None
            layers, notes, extra = under_way.finish(outcome, window.told)
        finally:
            under_way.painter.close()
    finally:
        window.destroy()
    if extra is not None:
        Gimp.Display.new(extra)
    for note in notes:
        Gimp.message(note)
    Gimp.progress_end()
    return layers


class Dialog:
    """GIMP's procedure dialog, with the regions beside the options."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        scene: regions.Scene,
        small: thumbnails.Thumbnails,
    ) -> None:
        self._config, self._scene, self._small = config, scene, small
        self._window = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
        self._window.set_ok_label(wording.PAINT)
        self._put_help()
        self._window.connect("key-press-event", self._key_pressed)
        self._labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        self._view = plan_view.PlanView(small)
        self._keep = keep_row.KeepRow(config, scene)
        self._rows = region_rows.RegionRows(scene, small, self._rows_changed)
        self._problem = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=46)
        self._build()
        config.connect("notify", self._config_changed)
        self._config_changed(config, None)

    def run(self) -> bool:
        """Show the dialog until it is answered; whether to paint."""
        GLib.idle_add(lambda: self._rows.focus_first() or False)
        return bool(self._window.run())

    def destroy(self) -> None:
        """Close it."""
        self._window.destroy()

    def _put_help(self) -> None:
        """Put our own help in the place of GIMP's, whose manual has no page for this filter."""
        theirs = self._window.get_widget_for_response(Gtk.ResponseType.HELP)
        if theirs is None:
            return  # GIMP was told to show no help buttons
        ours = Gtk.Button.new_with_mnemonic(wording.HELP)
        ours.connect("clicked", lambda _button: self._show_help())
        buttons = theirs.get_parent()
        buttons.pack_start(ours, False, False, 0)
        buttons.set_child_secondary(ours, True)
        theirs.set_no_show_all(True)
        theirs.hide()
        ours.show()

    def _key_pressed(self, _window: Gtk.Window, event: Gdk.EventKey) -> bool:
        """F1 is for help; GIMP 3.2 does not come so far as to ask for our page."""
        if event.keyval != Gdk.KEY_F1:
            return False
        self._show_help()
        return True

    def _show_help(self) -> None:
        shown = Gtk.MessageDialog(
            transient_for=self._window,
            modal=True,
            message_type=Gtk.MessageType.INFO,
            text="Paint the active layer in the style of other pictures",
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
        right.pack_start(self._rows, True, True, 0)
        right.pack_start(self._front(), False, False, 0)
        columns.pack_start(left, False, False, 0)
        columns.pack_start(right, True, True, 0)
        columns.show_all()
        self._window.get_content_area().pack_start(columns, True, True, 0)

    def _front(self) -> Gtk.Widget:
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        self._labels.add_widget(self._keep.label)
        self._uncut = self._widget("uncut")
        ours = {"protect": self._keep, "uncut": self._uncut, "size": self._size()}
        for name in wording.IN_FRONT:
            if name != "protect_strength":
                box.pack_start(ours.get(name) or self._widget(name), False, False, 0)
        return box

    def _more(self) -> Gtk.Widget:
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        box.set_border_width(6)
        self._labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        for described in wording.options():
            if described.name not in wording.IN_FRONT:
                box.pack_start(self._widget(described.name), False, False, 0)
        scroll = Gtk.ScrolledWindow()
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        scroll.set_min_content_height(240)
        scroll.add(box)
        expander = Gtk.Expander.new_with_mnemonic(wording.MORE)
        expander.add(scroll)
        # Folded away, it must be hidden: else letters lead to what cannot be seen.
        box.show_all()
        scroll.set_no_show_all(True)
        expander.bind_property("expanded", scroll, "visible", GObject.BindingFlags.SYNC_CREATE)
        expander.set_valign(Gtk.Align.END)
        return expander

    def _widget(self, field: str) -> Gtk.Widget:
        """Return the row of an option.

        GIMP's own `get_widget` would complain of letters that options share, and 3.2 would show a
        few choices as buttons.
        """
        described = job.Job.__dataclass_fields__[field]
        name, text = arguments.property_name(field), wording.label(described)
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
        widget.set_tooltip_text(wording.help_of(described))
        own_label = isinstance(widget, (Gtk.CheckButton, GimpUi.Labeled))
        return widget if own_label else self._row(text, widget)

    def _seed(self, described: dataclasses.Field) -> Gtk.Widget:
        """Return the row of a number too large for GIMP's own widgets."""
        about = described.metadata
        spin = Gtk.SpinButton.new_with_range(about["low"], about["high"], 1)
        spin.set_tooltip_text(about["text"])
        both = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
        self._config.bind_property(described.name, spin, "value", both)
        return self._row(wording.label(described), spin)

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
        return self._row(wording.label(described), button)

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
            if size == 0 or size < area:
                self._sizes.append(str(size), f"{name}: {_sides(size or area, full)}")
        self._sizes.connect("changed", self._size_chosen)
        return self._row(wording.label(described), self._sizes)

    def _size_chosen(self, combo: Gtk.ComboBoxText) -> None:
        words = combo.get_active_id()
        if words is not None:
            self._config.set_property("size", int(words))

    def _show_size(self) -> None:
        size = self._config.get_property("size")
        full = self._small.full_size
        if size >= full[0] * full[1]:
            self._sizes.set_active_id("0")
        elif not self._sizes.set_active_id(str(size)):
            self._sizes.append(str(size), f"As last time: {_sides(size, full)}")
            self._sizes.set_active_id(str(size))

    def _rows_changed(self, chosen: tuple[job.Region, ...]) -> None:
        self._config.set_property("regions", regions.to_json(chosen))

    def _config_changed(self, config: Gimp.ProcedureConfig, changed: Any) -> None:
        """Show what the arguments say now: after a change here, a reset or a preset."""
        try:
            chosen = regions.from_json(config.get_property("regions"))
        except regions.RegionError:
            chosen = ()
        if not chosen:
            # A reset: what is offered at first comes back.
            text = regions.to_json(regions.default_regions(self._scene))
            GLib.idle_add(lambda: config.set_property("regions", text) and False)
            return
        self._rows.set_regions(chosen)
        self._keep.show_words()
        if changed is None or changed.name in ("regions", "protect"):
            shares, kept = self._view.show_plans(self._plans(chosen), self._kept())
            self._rows.show_coverage(shares)
            self._keep.show_share(kept)
        self._show_size()
        self._uncut.set_sensitive(wording.makes_layers(config.get_property("method")))
        self._show_problem(chosen)

    def _plans(self, chosen: tuple[job.Region, ...]) -> list[regions.Plan | None]:
        found: list[regions.Plan | None] = []
        for region in chosen:
            try:
                found.append(regions.plan((region,), self._scene)[0])
            except regions.RegionError:
                found.append(None)
        return found

    def _kept(self) -> regions.Source | None:
        try:
            return regions.kept(self._config.get_property("protect") or "", self._scene)
        except regions.RegionError:
            return None  # which the problem below the drawing says

    def _show_problem(self, chosen: tuple[job.Region, ...]) -> None:
        problem = ""
        try:
            regions.plan(chosen, self._scene)
            regions.kept(self._config.get_property("protect") or "", self._scene)
            options = arguments.read(self._config)
            named = tuple(
                dataclasses.replace(region, style=region.style or "-") for region in chosen
            )
            job.check(job.Job(content="-", output="-", regions=named, **options))
        except (regions.RegionError, job.JobError) as error:
            problem = str(error)
        self._problem.set_text(problem)
        self._window.set_response_sensitive(Gtk.ResponseType.OK, not problem)


def _sides(area: int, full: tuple[int, int]) -> str:
    """Return the sides of a picture of this area and the content's aspect."""
    scale = min((area / (full[0] * full[1])) ** 0.5, 1.0)
    return f"{round(full[0] * scale)} × {round(full[1] * scale)} pixels"
