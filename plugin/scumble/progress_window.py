"""The live window: the growing picture, Stop and Cancel, and More when it is done."""

from __future__ import annotations

import time
from typing import Any

import desktop_notice
import engine_process
import gimp_run
import image_items
import labels
import pickers
import picture_view
import placing
import run_requests
from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, GObject, Gtk, Pango

from engine.durations import duration
from engine.translations import N_, _, ngettext, number_text

POLL_MS = 60
IMAGE_CHECK_SECONDS = 1.0

TITLE = N_("Neural Style")
ASK_SECONDS = 30.0
"""Painting time after which Esc, the window's close button and Cancel ask first."""

STAGES = {
    "model": N_("Loading the network"),
    "content": N_("Analyzing the photo"),
    "style": N_("Analyzing the styles"),
    "paint": N_("Painting"),
    "enlarge": N_("Enlarging for the next size"),
    "strokes": N_("Adding fine strokes"),
    "write": N_("Writing the result"),
}

STOP, MORE = Gtk.ResponseType.OK, Gtk.ResponseType.APPLY
CANCEL, CLOSE = Gtk.ResponseType.CANCEL, Gtk.ResponseType.CLOSE


class ProgressWindow(Gtk.Dialog):
    """The window that follows paintings until they are done, stopped or cancelled.

    Parameters
    ----------
    content : Gimp.Layer or None
        The layer that is painted first.
    image_name : str
        The name of the image, for the title.

    Attributes
    ----------
    cancelled : bool
        Whether the user discarded the painting.
    ends : bool
        Whether no further layer is to be painted.
    """

    def __init__(self, content: Gimp.Layer | None, image_name: str) -> None:
        super().__init__(title=_with_title(image_name))
        self.set_role("scumble-progress")
        GimpUi.window_set_transient(self)
        self._image_name = image_name
        self._question: Gtk.MessageDialog | None = None
        self._run: gimp_run.GimpRun | None = None
        self._result: engine_process.EngineResult | None = None
        self._error: engine_process.EngineError | None = None
        self._queue: list[run_requests.Request] = []
        self._number = 0
        self._layers: list[Gimp.Layer] = []
        self._shown_details: dict[str, str] = {}
        self._painting_since = 0.0
        self.cancelled = self.ends = False
        self._done = self._wants_more = False
        self._checked = 0.0
        self._loop = GLib.MainLoop()
        self._build(content)
        self.connect("response", self._on_response)
        # Gtk has sent the response; the window stays until the answer is known.
        self.connect("delete-event", lambda *_: True)
        self.show_all()
        self._show_buttons()
        self.refresh()

    def _build(self, content: Gimp.Layer | None) -> None:
        box = self.get_content_area()
        box.set_border_width(12)
        box.set_spacing(8)
        self._zoom = Gtk.ToggleButton.new_with_mnemonic(_("_1:1"))
        self._zoom.set_tooltip_text(_("Show the pixels of the layer one to one"))
        self._before = Gtk.ToggleButton.new_with_mnemonic(_("_Before"))
        self._before.set_tooltip_text(_("Show the photo in place of the painting"))
        self._view = picture_view.PictureView(content, self._zoom.set_active)
        self._zoom.connect("toggled", lambda button: self._view.zoom(button.get_active()))
        self._before.connect("toggled", lambda button: self._view.show_before(button.get_active()))
        self._bar = Gtk.ProgressBar(show_text=True, text=_("Reading the layer"))
        self._figures = Gtk.Label(xalign=0.0)
        self._figures.set_selectable(False)
        self._layer = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.END, no_show_all=True)
        self._details = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50, no_show_all=True)
        self._details.get_style_context().add_class("dim-label")
        details = Gtk.Expander.new_with_mnemonic(_("_Details"))
        details.add(self._details)
        # Hidden while folded, else a screen reader reads it.
        sync = GObject.BindingFlags.SYNC_CREATE
        details.bind_property("expanded", self._details, "visible", sync)
        self._note = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50, no_show_all=True)
        looks = Gtk.Box(spacing=6)
        looks.pack_start(self._figures, True, True, 0)
        for button in (self._before, self._zoom):
            looks.pack_end(button, False, False, 0)
        box.pack_start(self._view, True, True, 0)
        for widget in (self._layer, self._bar, looks, details, self._note):
            box.pack_start(widget, False, False, 0)
        self._cancel = self.add_button(_("_Cancel"), CANCEL)
        self._cancel.set_tooltip_text(_("Stop without a result; the image does not change"))
        self._stop = self.add_button(_("_Stop and keep"), STOP)
        self._stop.set_tooltip_text(_("Stop now and keep the best picture so far"))
        self._more = self.add_button(_("_More"), MORE)
        self._more.set_tooltip_text(_("Continue from here for as many steps again"))
        self._close = self.add_button(_("_Close"), CLOSE)
        self.set_default_size(-1, self._view.natural_size[1] + 200)
        self._view.grab_focus()  # so that Return and Space press no button by accident

    def _show_buttons(self) -> None:
        for button in (self._cancel, self._stop):
            button.set_visible(not self._done)
        for button in (self._more, self._close):
            button.set_visible(self._done)

    def start(self, requests: list[run_requests.Request]) -> None:
        """Begin with a queue of layers."""
        self._queue, self._number = requests, 0
        self.cancelled = self.ends = self._done = False
        self._note.hide()
        self._note.set_text("")
        self._painting_since = 0.0
        self._show_buttons()
        self._view.grab_focus()
        Gimp.progress_init(_("Neural style"))

    def next_layer(self, request: run_requests.Request) -> None:
        """Show that the next layer of the queue is painted."""
        self._number += 1
        if len(self._queue) > 1:
            there = request.content.is_valid()
            text = _("Layer {number} of {count}: {name}")
            name = request.content.get_name() if there else _("gone")
            text = text.format(number=self._number, count=len(self._queue), name=name)
            self._layer.set_text(text)
            self._layer.show()
            if there:
                self._view.set_content(request.content)
        self._stop.set_sensitive(False)
        self._bar.set_text(_("Reading the layer"))
        self._figures.set_text("")
        self._shown_details.clear()
        self.refresh()

    def on_progress(self, done: float) -> None:
        """Show the finished share of reading or writing pixels, from 0 to 1."""
        self._bar.set_fraction(done)
        self.refresh()

    def follow(self, run: gimp_run.GimpRun) -> engine_process.EngineResult | None:
        """Show the painting until it ends; return None if it was cancelled.

        Raises
        ------
        engine_process.EngineError
            If the engine fails.
        """
        self._run, self._result, self._error = run, None, None
        self._bar.set_text(_("Starting the engine"))
        source = GLib.timeout_add(POLL_MS, self._poll)
        self._loop.run()
        GLib.source_remove(source)
        self._close_question()
        if self._error is not None:
            raise self._error
        if self._result is not None:
            self._bar.set_text(_("Putting the result into the image"))
            self._stop.set_sensitive(False)
            self.refresh()
        return self._result

    def show_done(self, delivery: placing.Delivery) -> None:
        """Show the result, and say that it is done where the user may be elsewhere."""
        self._layers = delivery.layers
        if delivery.layers:
            text = _("Done: the painting is a new layer")
        else:
            text = _("Done: the painting is a file")
        self._show_end(text, self._time_taken())
        if not self.is_active():
            self.set_urgency_hint(True)
            desktop_notice.show(_("The painting is done"), self._image_name)

    def show_failure(self, message: str) -> None:
        """Show why the painting could not continue; the earlier one is in the image."""
        self._show_end(_("The painting could not continue"), "")
        self.add_note(message)

    def show_unchanged(self) -> None:
        """Show that further painting was cancelled; the earlier one is in the image."""
        self._show_end(_("Canceled: the painting is as it was"), "")

    def _show_end(self, text: str, figures: str) -> None:
        self._done = True
        self._run = None
        if self._layers and self._layers[0].is_valid():
            self._view.set_result(self._layers[0])
        self._bar.set_fraction(1.0)
        self._bar.set_text(text)
        self._figures.set_text(figures)
        self.set_title(_with_title(_("Done"), self._image_name))
        self._show_buttons()
        self.refresh()

    def _time_taken(self) -> str:
        seconds = self._painted_seconds()
        return _("Painted in {time}").format(time=duration(seconds)) if seconds else ""

    def wait_for_more(self) -> bool:
        """Wait until the user closes the window, or wants more steps."""
        self._wants_more = False
        self._loop.run()
        return self._wants_more

    def _poll(self) -> bool:
        assert self._run is not None
        try:
            while self._loop.is_running():
                event = self._run.engine.next_event(0.0)
                if event is None:
                    break
                self._show(event)
        except engine_process.EngineError as error:
            self._error = error
            self._loop.quit()
        if time.monotonic() - self._checked > IMAGE_CHECK_SECONDS:
            self._checked = time.monotonic()
            self._check_image()
        return True

    def _show(self, event: dict[str, Any]) -> None:
        assert self._run is not None
        kind = event.get("type")
        if kind == "progress":
            self._run.note_progress(event)
            self._show_progress(event)
        elif kind == "preview":
            path = self._run.folder / str(event.get("file"))
            try:
                picture = GdkPixbuf.Pixbuf.new_from_file(str(path))
            except GLib.Error:
                return  # the next preview follows
            self._view.set_painting(picture)
        elif kind == "device":
            threads = int(event.get("threads") or 1)
            text = ngettext("{device}, {count} thread", "{device}, {count} threads", threads)
            device = labels.chosen("device", str(event.get("device")))
            self._show_detail("device", text.format(device=device, count=threads))
        elif kind == "estimate":
            text = _("Painted at {width} × {height} pixels")
            text = text.format(width=event.get("width"), height=event.get("height"))
            self._show_detail("size", text)
            whole = duration(float(event.get("seconds") or 0.0))
            self._figures.set_text(_("About {time} in all").format(time=whole))
        elif kind == "method":
            asked = self._run.request.options["method"]
            self._show_detail("blend", labels.blend(asked, str(event.get("method"))))
        elif kind == "notice":
            self.add_note(str(event.get("text")))
        elif kind == "done":
            self._result = self._run.engine.result(event)
            self._loop.quit()

    def _show_progress(self, event: dict[str, Any]) -> None:
        layers = max(len(self._queue), 1)
        share = (max(self._number - 1, 0) + engine_process.fraction(event)) / layers
        Gimp.progress_update(share)
        self._bar.set_fraction(share)
        self.set_title(_with_title(pickers.percent(round(100 * share)), self._image_name))
        stage = str(event.get("stage"))
        if self.ends and stage == "paint":
            return
        painted = stage in ("paint", "strokes") or int(event.get("scale") or 1) > 1
        self._stop.set_sensitive(painted and not self.ends)
        self._bar.set_text(_(STAGES.get(stage, stage)))
        figures = figures_of(event)
        if figures:  # else what the estimate said stays
            self._figures.set_text(figures)
        if stage != "paint":
            return
        self._painting_since = self._painting_since or time.monotonic()
        if event.get("loss") is not None:
            loss = number_text(event["loss"], ".4g")
            self._show_detail("loss", _("Loss {number}").format(number=loss))

    def _check_image(self) -> None:
        assert self._run is not None
        request = self._run.request
        if not image_items.is_there(request.image, request.content):
            self.add_note(_("The layer is gone. The painting will be saved as a file."))

    def _show_detail(self, name: str, text: str) -> None:
        self._shown_details[name] = text
        self._details.set_text("  ·  ".join(self._shown_details.values()))

    def add_note(self, text: str) -> None:
        """Show one more sentence."""
        shown = self._note.get_text()
        if text not in shown:
            self._note.set_text("\n".join(part for part in (shown, text) if part))
            self._note.show()

    def _on_response(self, _dialog: Gtk.Dialog, response: int) -> None:
        if self._done:
            self._wants_more = response == MORE
            self._loop.quit()
        elif response == STOP:
            self._keep_so_far()
        elif self._painted_seconds() > ASK_SECONDS and not self.ends:
            self._ask()
        else:
            self._discard()

    def _painted_seconds(self) -> float:
        return time.monotonic() - self._painting_since if self._painting_since else 0.0

    def _keep_so_far(self) -> None:
        if self._run is not None and not self.ends:
            self.ends = True
            self._stop.set_sensitive(False)
            self._bar.set_text(_("Stopping: the best picture so far is kept"))
            self._run.engine.stop()

    def _discard(self) -> None:
        self.cancelled = self.ends = True
        self._loop.quit()

    def _ask(self) -> None:
        """Ask before a long painting is discarded; the painting continues meanwhile."""
        if self._question is not None:
            self._question.present()
            return
        self._question = Gtk.MessageDialog(
            transient_for=self,
            modal=True,
            message_type=Gtk.MessageType.QUESTION,
            text=_("Discard {time} of painting?").format(time=duration(self._painted_seconds())),
            secondary_text=_("Without an answer the painting continues."),
            title=_with_title(_("Discard the painting?")),
        )
        self._question.add_buttons(
            *(_("_Discard"), Gtk.ResponseType.REJECT),
            *(_("_Keep the picture so far"), Gtk.ResponseType.ACCEPT),
            *(_("C_ontinue painting"), Gtk.ResponseType.CANCEL),
        )
        self._question.set_default_response(Gtk.ResponseType.CANCEL)
        self._question.connect("response", self._on_answer)
        self._question.show_all()

    def _on_answer(self, _question: Gtk.Dialog, response: int) -> None:
        self._close_question()
        if response == Gtk.ResponseType.REJECT:
            self._discard()
        elif response == Gtk.ResponseType.ACCEPT:
            self._keep_so_far()

    def _close_question(self) -> None:
        if self._question is not None:
            self._question.destroy()
            self._question = None

    def refresh(self) -> None:
        """Draw the window while this process is busy."""
        while Gtk.events_pending():
            Gtk.main_iteration()


def _with_title(*parts: str) -> str:
    """Return the title of a window, whose last part is the filter's name."""
    return " · ".join((*parts, _(TITLE)))


def figures_of(event: dict[str, Any]) -> str:
    """Return size, step, tile and time left of a progress message, in plain words."""
    parts = []
    if (event.get("scales") or 1) > 1:
        parts.append(_("Size {scale} of {scales}"))
    if event.get("stage") == "paint":
        parts.append(_("Step {step} of {steps}"))
    if event.get("tiles"):
        parts.append(_("Tile {tile} of {tiles}"))
    parts = [part.format(**event) for part in parts]
    if event.get("seconds_left") is not None:
        parts.append(_("{time} left").format(time=duration(event["seconds_left"])))
    return "  ·  ".join(parts)
