"""The progress window: the growing picture, Stop and Cancel."""

from __future__ import annotations

import time
from typing import Any

import engine_process
import gimp_run
import labels
import result_layers
from gi.repository import Gdk, GdkPixbuf, Gimp, GimpUi, GLib, Gtk, Pango

SIDE = 420
POLL_MS = 60
IMAGE_CHECK_SECONDS = 1.0

TITLE = "Neural Style"
ASK_SECONDS = 30.0
"""After this much painting, Esc, the window's close button and Cancel ask first."""

STAGES = {
    "model": "Loading the network",
    "content": "Analyzing the photo",
    "style": "Analyzing the styles",
    "paint": "Painting",
    "write": "Writing the result",
}


class ProgressWindow(Gtk.Dialog):
    """Follows a painting until it is done, stopped or cancelled.

    Parameters
    ----------
    content : GdkPixbuf.Pixbuf or None
        The picture to show until the first preview arrives.
    image_name : str
        The name of the image, for the title.
    """

    def __init__(self, content: GdkPixbuf.Pixbuf | None, image_name: str) -> None:
        super().__init__(title=f"{image_name} · {TITLE}")
        self.set_role("scumble-progress")
        GimpUi.window_set_transient(self)
        self._image_name = image_name
        self._question: Gtk.MessageDialog | None = None
        self._painting_since = 0.0
        self._picture = content
        self._run: gimp_run.GimpRun | None = None
        self._result: engine_process.EngineResult | None = None
        self._error: engine_process.EngineError | None = None
        self._shown_details: dict[str, str] = {}
        self.cancelled = False
        self._stopping = False
        self._checked = 0.0
        self._loop = GLib.MainLoop()
        self._build()
        self.connect("response", self._on_response)
        # Gtk has sent the response; the window stays until the answer is known.
        self.connect("delete-event", lambda *_: True)
        self.show_all()
        self._pump()

    def _build(self) -> None:
        box = self.get_content_area()
        box.set_border_width(12)
        box.set_spacing(8)
        self._area = Gtk.DrawingArea()
        width, height = SIDE, SIDE * 3 // 4
        if self._picture is not None:
            longest = max(self._picture.get_width(), self._picture.get_height())
            width = max(round(self._picture.get_width() * SIDE / longest), 320)
            height = round(self._picture.get_height() * SIDE / longest)
        self._area.set_size_request(width, height)
        self._area.connect("draw", self._draw)
        self._bar = Gtk.ProgressBar(show_text=True, text="Reading the layer")
        self._figures = Gtk.Label(xalign=0.0)
        self._figures.set_selectable(False)
        self._details = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.END)
        self._details.get_style_context().add_class("dim-label")
        self._note = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50, no_show_all=True)
        box.pack_start(self._area, True, True, 0)
        for widget in (self._bar, self._figures, self._details, self._note):
            box.pack_start(widget, False, False, 0)
        cancel = self.add_button("_Cancel", Gtk.ResponseType.CANCEL)
        cancel.set_tooltip_text("Stop without a result; the image does not change")
        self._stop = self.add_button("_Stop and keep", Gtk.ResponseType.OK)
        self._stop.set_tooltip_text("Stop now and keep the best picture so far")
        self._stop.set_sensitive(False)
        self._area.set_can_focus(True)  # so that Return and Space press no button by accident
        self._area.grab_focus()

    def on_progress(self, done: float) -> None:
        """Show the finished share of reading or writing pixels, from 0 to 1."""
        self._bar.set_fraction(done)
        self._pump()

    def follow(self, run: gimp_run.GimpRun) -> engine_process.EngineResult | None:
        """Show the painting until it ends; return None if it was cancelled.

        Raises
        ------
        engine_process.EngineError
            If the engine fails.
        """
        self._run = run
        Gimp.progress_init("Neural style")
        self._bar.set_text("Starting the engine")
        source = GLib.timeout_add(POLL_MS, self._poll)
        self._loop.run()
        GLib.source_remove(source)
        self._close_question()
        if self._error is not None:
            raise self._error
        if self._result is not None:
            self._bar.set_text("Putting the result into the image")
            self._stop.set_sensitive(False)
            self._pump()
        return self._result

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
            self._show_progress(event)
        elif kind == "preview":
            path = self._run.folder / str(event.get("file"))
            try:
                self._picture = GdkPixbuf.Pixbuf.new_from_file(str(path))
            except GLib.Error:
                return  # the next preview follows
            self._area.queue_draw()
        elif kind == "device":
            threads = event.get("threads")
            self._show_detail("device", f"{event.get('device')}, {threads} threads")
        elif kind == "estimate":
            size = f"{event.get('width')} × {event.get('height')} pixels"
            self._show_detail("size", f"Painted at {size}")
            self._figures.set_text(f"About {duration(float(event.get('seconds') or 0.0))} in all")
        elif kind == "method":
            asked = self._run.request.options["method"]
            self._show_detail("blend", labels.blend(asked, str(event.get("method"))))
        elif kind == "notice":
            self._add_note(str(event.get("text")))
        elif kind == "done":
            self._result = self._run.engine.result(event)
            self._loop.quit()

    def _show_progress(self, event: dict[str, Any]) -> None:
        share = gimp_run.fraction(event)
        Gimp.progress_update(share)
        self._bar.set_fraction(share)
        self.set_title(f"{100 * share:.0f} % · {self._image_name} · {TITLE}")
        stage = str(event.get("stage"))
        if self._stopping and stage == "paint":
            return
        self._stop.set_sensitive(stage == "paint" and not self._stopping)
        self._bar.set_text(STAGES.get(stage, stage))
        if stage != "paint":
            return
        self._painting_since = self._painting_since or time.monotonic()
        parts = []
        if (event.get("scales") or 1) > 1:
            parts.append(f"Size {event.get('scale')} of {event.get('scales')}")
        parts.append(f"Step {event.get('step')} of {event.get('steps')}")
        if event.get("seconds_left") is not None:
            parts.append(f"{duration(event['seconds_left'])} left")
        self._figures.set_text("  ·  ".join(parts))

    def _check_image(self) -> None:
        assert self._run is not None
        request = self._run.request
        if not result_layers.is_there(request.image, request.content):
            self._add_note("The layer is gone. The painting will be saved as a file.")

    def _show_detail(self, name: str, text: str) -> None:
        self._shown_details[name] = text
        self._details.set_text("  ·  ".join(self._shown_details.values()))

    def _add_note(self, text: str) -> None:
        shown = self._note.get_text()
        if text not in shown:
            self._note.set_text("\n".join(part for part in (shown, text) if part))
            self._note.show()

    def _on_response(self, _dialog: Gtk.Dialog, response: int) -> None:
        if response == Gtk.ResponseType.OK:
            self._keep_so_far()
        elif self._painted_seconds() > ASK_SECONDS and not self._stopping:
            self._ask()
        else:
            self._discard()

    def _painted_seconds(self) -> float:
        return time.monotonic() - self._painting_since if self._painting_since else 0.0

    def _keep_so_far(self) -> None:
        if self._run is not None and not self._stopping:
            self._stopping = True
            self._stop.set_sensitive(False)
            self._bar.set_text("Stopping: the best picture so far is kept")
            self._run.engine.stop()

    def _discard(self) -> None:
        self.cancelled = True
        self._loop.quit()

    def _ask(self) -> None:
        """Ask before a long painting is thrown away; it goes on meanwhile."""
        if self._question is not None:
            self._question.present()
            return
        self._question = Gtk.MessageDialog(
            transient_for=self,
            modal=True,
            message_type=Gtk.MessageType.QUESTION,
            text=f"Discard {duration(self._painted_seconds())} of painting?",
            secondary_text="Without an answer the painting continues.",
            title=f"Discard the painting? · {TITLE}",
        )
        self._question.add_buttons(
            *("_Discard", Gtk.ResponseType.REJECT),
            *("_Keep the picture so far", Gtk.ResponseType.ACCEPT),
            *("C_ontinue painting", Gtk.ResponseType.CANCEL),
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

    def _draw(self, area: Gtk.DrawingArea, context: Any) -> bool:
        if self._picture is None:
            return False
        width, height = area.get_allocated_width(), area.get_allocated_height()
        scale = min(width / self._picture.get_width(), height / self._picture.get_height())
        shown = self._picture.get_width() * scale, self._picture.get_height() * scale
        context.translate((width - shown[0]) / 2, (height - shown[1]) / 2)
        context.scale(scale, scale)
        Gdk.cairo_set_source_pixbuf(context, self._picture, 0, 0)
        context.paint()
        return False

    def _pump(self) -> None:
        """Draw the window while this process is busy."""
        while Gtk.events_pending():
            Gtk.main_iteration()


def duration(seconds: float) -> str:
    """Return a time in plain words."""
    seconds = max(round(seconds), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
