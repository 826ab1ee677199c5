"""The dialog: the preview, the regions and the options."""

from __future__ import annotations

import dataclasses
from typing import Any

import adviser_process
import arguments
import canvas_error
import earlier_results
import gi
import gimp_run
import labels
import picture_files
import sources

from engine import job, job_checks
from engine.translations import N_, _

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")

import look_list  # noqa: E402
import option_rows  # noqa: E402
import pickers  # noqa: E402
import preview_files  # noqa: E402
import preview_view  # noqa: E402
import protect_row  # noqa: E402
import region_rows  # noqa: E402
import size_row  # noqa: E402
import target_row  # noqa: E402
import thumbnails  # noqa: E402
import window_size  # noqa: E402
from gi.repository import Gdk, Gimp, GimpUi, Gio, GLib, GObject, Gtk  # noqa: E402

TITLE = N_("Neural Style")
HELP = N_(
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
    "masks, or to continue from there. Rest the pointer on an option to see its help."
)

ASK_MS = 150
"""Time after a change until the engine is asked; further changes may come."""

CHOOSE = N_("Choose a style to see a preview here.")

HELP_PAGE = gimp_run.HERE / "help" / "en" / "index.html"

FIELDS = job.Job.__dataclass_fields__


class Dialog:
    """GIMP's procedure dialog with the preview, the regions and the options."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        available: sources.Sources,
        small: thumbnails.Thumbnails,
        asked: adviser_process.Adviser,
        above: target_row.TargetRow | None = None,
    ) -> None:
        self._above = above
        self._config, self._available, self._small = config, available, small
        self._window = GimpUi.ProcedureDialog.new(procedure, config, _(TITLE))
        self._window.set_ok_label(_(labels.PAINT))
        self._put_help()
        self._window.connect("key-press-event", self._key_pressed)
        self._view = preview_view.PreviewView(small)
        self._masks: list[bytes | None] = []
        self._protect = protect_row.ProtectRow(config, available)
        self._rows = region_rows.RegionRows(available, small, self._rows_changed)
        self._look = look_list.LookList(config)
        self._sizes = size_row.SizeRow(config, small.full_size)
        self._shown_regions: list[sources.ResolvedRegion | None] = []
        self._options = [option_rows.OptionRows(config)]
        self._problem = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=1)
        self._adviser = asked
        asked.listen(lambda answer: GLib.idle_add(self._answered, answer))
        self._files = preview_files.PreviewFiles(self._adviser.folder, small)
        self._asking = 0
        self._refused: dict[str, str] = {}
        self._chosen: dict[str, str] = {}
        self._asked_sizes: list[int] = []
        self._closed = False
        self._build()
        if above is not None:
            above.on_choice(self._start_changed)
        config.connect("notify", self._config_changed)
        self._config_changed(config, None)

    def run(self) -> bool:
        """Show the dialog; return whether the user pressed Paint."""
        GLib.idle_add(lambda: self._rows.focus_first() or False)
        return bool(self._window.run())

    def destroy(self) -> None:
        """Close it."""
        if self._asking:
            GLib.source_remove(self._asking)
            self._asking = 0
        self._closed = True
        self._adviser.close()
        self._window.destroy()

    def _put_help(self) -> None:
        """Replace GIMP's Help button, because GIMP's manual has no page for this filter."""
        theirs = self._window.get_widget_for_response(Gtk.ResponseType.HELP)
        if theirs is None:
            return  # GIMP is set to show no help buttons
        ours = Gtk.Button.new_with_mnemonic(_(labels.HELP))
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
            text=_("Paint the selected layer in the style of other pictures"),
            secondary_text=_(HELP),
            title=_("Neural Style: help"),
        )
        shown.add_buttons(_("_Open the help page"), Gtk.ResponseType.HELP)
        shown.add_buttons(_("_Close"), Gtk.ResponseType.CLOSE)
        shown.set_default_response(Gtk.ResponseType.CLOSE)
        while shown.run() == Gtk.ResponseType.HELP:
            try:
                Gio.AppInfo.launch_default_for_uri(HELP_PAGE.as_uri(), None)
            except GLib.Error as error:
                shown.set_property("secondary-text", f"{HELP_PAGE}\n{error.message}")
        shown.destroy()

    def _build(self) -> None:
        left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        left.pack_start(self._view, True, True, 0)
        left.pack_start(self._problem, False, False, 0)
        right = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=10)
        right.set_border_width(6)
        if self._above is not None:
            right.pack_start(self._above, False, False, 0)
        right.pack_start(self._rows, False, False, 0)
        right.pack_start(self._front(), False, False, 0)
        for label, fields in ((labels.MORE, labels.more()), (labels.ADVANCED, labels.advanced())):
            right.pack_start(self._folded(label, fields), False, False, 0)
        scroll = Gtk.ScrolledWindow()
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        scroll.set_shadow_type(Gtk.ShadowType.IN)
        scroll.add(right)
        # The keyboard's focus is always in sight.
        right.set_focus_vadjustment(scroll.get_vadjustment())
        columns = Gtk.Box(spacing=12)
        columns.set_border_width(6)
        columns.pack_start(left, True, True, 0)
        columns.pack_start(scroll, True, True, 0)
        columns.show_all()
        self._window.get_content_area().pack_start(columns, True, True, 0)
        window_size.fit(self._window)

    def _front(self) -> Gtk.Widget:
        rows = self._options[0]
        for name in labels.IN_FRONT:
            if name == "protect":
                rows.add_row(self._protect, self._protect.label)
            elif name == "uncut":
                self._uncut = rows.add_option(name)
                self._borders = pickers.dim_label()
                self._borders.set_margin_start(24)
                rows.add_row(self._borders)
            elif name == "look":
                rows.add_labeled(labels.marked(FIELDS[name]), self._look)
            elif name == "size":
                text = labels.marked(FIELDS[name])
                rows.add_labeled(text, self._sizes, control=self._sizes.control)
            elif name != "protect_strength":
                rows.add_option(name)
        return rows

    def _folded(self, label: str, fields: list[dataclasses.Field]) -> Gtk.Widget:
        """Return options below a label that unfolds them."""
        rows = option_rows.OptionRows(self._config)
        rows.set_border_width(6)
        expander = Gtk.Expander.new_with_mnemonic(labels.with_key(label))
        expander.add(rows)
        # Hidden while folded, else access keys lead to invisible options.
        rows.set_no_show_all(True)
        expander.bind_property("expanded", rows, "visible", GObject.BindingFlags.SYNC_CREATE)
        expander.connect("notify::expanded", lambda *_: self._fill(rows, fields))
        return expander

    def _fill(self, rows: option_rows.OptionRows, fields: list[dataclasses.Field]) -> None:
        """Make folded options when they are first seen, so that the dialog opens sooner."""
        if rows in self._options:
            return
        self._options.append(rows)
        for described in fields:
            rows.add_option(described.name)
        for each in rows.get_children():
            each.show_all()
        rows.show_chosen(self._chosen)

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
            self._shown_regions = self._resolved(chosen)
            self._masks = self._small.masks(self._shown_regions)
            source = self._protected_source()
            protected = None if source is None else self._small.mask(source)
            self._view.show_regions(self._masks, protected)
            self._rows.show_coverage([self._small.share(mask) for mask in self._masks])
            self._protect.show_share(self._small.share(protected))
        self._sizes.show_choice()
        self._look.show_choice()
        method = config.get_property("method")
        self._uncut.set_sensitive(labels.gives_masked_layers(method))
        self._borders.set_text(labels.movable_borders(method))
        self._show_problem(chosen)
        self._ask_soon()

    def _start_changed(self) -> None:
        """Update the dialog after another start of the painting is chosen."""
        self._show_problem(sources.regions_from_json(self._config.get_property("regions")))
        self._ask_soon()

    def _ask_soon(self) -> None:
        if not self._asking:
            self._asking = GLib.timeout_add(ASK_MS, self._ask)

    def _ask(self) -> bool:
        """Ask the engine what the run would take, and for a preview."""
        self._asking = 0
        try:
            wanted = self._wanted(sources.regions_from_json(self._config.get_property("regions")))
        except (sources.RegionError, job.JobError):
            self._adviser.forget()
            self._view.show_problem("")  # it is shown below
            return False
        previewed = self._previewed(wanted)
        sizes = self._sizes.sizes()
        # A painting that continues an earlier one has its size, not an automatic one.
        automatic = job.AUTO_SIZE
        if self._start is not None:
            known = earlier_results.continuation(self._start, job.AUTO_SIZE)
            automatic = known.get("size", automatic)
        estimated = [automatic if size == job.AUTO_SIZE else size for size in sizes]
        width, height = self._small.full_size
        self._asked_sizes = sizes
        self._adviser.ask(
            {
                "job": (previewed or wanted).to_dict(),
                "preview": previewed is not None,
                "content": [height, width],
                "styles": self._small.style_sizes(self._shown_regions),
                "masks": [self._packed(mask) for mask in self._masks],
                "sizes": estimated,
                "files": self._paths(),
            }
        )
        return False

    def _previewed(self, wanted: job.Job) -> job.Job | None:
        """Return the job with the files of a preview; None if there can be none yet."""
        regions = [each for each in self._shown_regions if each is not None]
        if len(regions) < len(self._shown_regions):
            self._view.show_problem(_(CHOOSE))
            return None
        try:
            previewed = self._files.job(wanted, regions, self._protected_source(), self._start)
        except canvas_error.CanvasError as error:
            self._view.show_problem(str(error))
            return None
        except OSError as error:
            text = _("There is no preview: {reason}. Free some disk space.")
            self._view.show_problem(text.format(reason=error.strerror or error))
            return None
        self._view.begin()
        return previewed

    def _paths(self) -> list[str]:
        """Return the paths of the styles and masks that the engine will read itself."""
        used = [each for each in self._shown_regions if each is not None]
        named = [source for each in used for source in (each.style, each.mask)]
        named.append(self._protected_source() or sources.Source(sources.ALL))
        paths = [source.path for source in named if source.kind == sources.FILE]
        return [path for path in dict.fromkeys(paths) if picture_files.engine_reads(path)]

    def _packed(self, mask: bytes | None) -> dict[str, Any] | None:
        if mask is None:
            return None
        return adviser_process.packed(mask, self._small.width, self._small.height)

    def _answered(self, answer: dict[str, Any]) -> bool:
        """Show what the engine says, if it is about the last question."""
        if self._closed or not self._adviser.is_latest(answer):
            return False
        if answer["type"] == "gone":
            self._show_advice({"problem": _(adviser_process.GONE)})
            self._view.show_problem(_(adviser_process.NO_PREVIEW))
        elif answer["type"] == "advice":
            self._show_advice(answer)
        elif "problem" in answer:
            text = _("There is no preview. {problem}").format(problem=answer["problem"])
            self._view.show_problem(text)
        else:
            self._view.show_painting(answer)
        return False

    def _show_advice(self, advice: dict[str, Any]) -> None:
        self._sizes.show_advice(advice, self._asked_sizes)
        self._refused = advice.get("refused", {})
        names = {}
        if None not in self._shown_regions:  # else the blend is not known yet
            chosen = advice.get("chosen", {})
            names = {name: labels.chosen(name, value) for name, value in chosen.items()}
        self._chosen = names
        for rows in self._options:
            rows.show_chosen(names)
        self._show_problem(sources.regions_from_json(self._config.get_property("regions")))
        if "problem" in advice:
            self._view.show_problem("")  # it is shown beside the working size

    def _resolved(self, chosen: tuple[job.Region, ...]) -> list[sources.ResolvedRegion | None]:
        found: list[sources.ResolvedRegion | None] = []
        for region in chosen:
            try:
                found.append(sources.resolve((region,), self._available)[0])
            except sources.RegionError:
                found.append(None)
        return found

    @property
    def _start(self) -> Gimp.Layer | None:
        """The earlier result that the painting starts from; None if it begins anew."""
        return None if self._above is None else self._above.start

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
            self._wanted(chosen)
        except (sources.RegionError, job.JobError) as error:
            problem = str(error)
        refused = [self._refused[path] for path in self._paths() if path in self._refused]
        problem = problem or next(iter(refused), "") or self._sizes.problem
        self._problem.set_text(problem)
        self._window.set_response_sensitive(Gtk.ResponseType.OK, not problem)

    def _wanted(self, chosen: tuple[job.Region, ...]) -> job.Job:
        """Return the job, with a stand-in for the pictures of GIMP and for styles that are missing.

        Raises
        ------
        job.JobError
            If its options contradict each other.
        """
        options = arguments.read(self._config)
        if self._start is not None:
            options.update(earlier_results.continuation(self._start, options["size"]))
            options["init_picture"] = "-"
        regions = tuple(dataclasses.replace(each, style=each.style or "-") for each in chosen)
        wanted = job.Job(content="-", output="-", regions=regions, **options)
        job_checks.check(wanted)
        return wanted
