"""The window with the growing picture, Stop and Cancel."""

from __future__ import annotations

import time
from typing import Any

import painter
import painting
import results
from gi.repository import Gdk, GdkPixbuf, Gimp, GLib, Gtk, Pango

SIDE = 420
POLL_MS = 60
LOOK_SECONDS = 1.0

STAGES = {
    "model": "Loading the network",
    "content": "Looking at the picture",
    "style": "Looking at the styles",
    "paint": "Painting",
    "write": "Writing the result",
}


class Watch(Gtk.Dialog):
    """Follows a painting until it is done, stopped or cancelled.

    Parameters
    ----------
    content : GdkPixbuf.Pixbuf or None
        What is shown until the first picture comes.
    """

    def __init__(self, content: GdkPixbuf.Pixbuf | None) -> None:
        super().__init__(title="Neural Style: painting")
        self.set_role("scumble-watch")
        self._picture = content
        self._painting: painting.Painting | None = None
        self._outcome: painter.Outcome | None = None
        self._error: painter.PainterError | None = None
        self.cancelled = False
        self._stopping = False
        self._looked = 0.0
        self._loop = GLib.MainLoop()
        self._build()
        self.connect("response", self._answered)
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
        self._device = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.END)
        self._device.get_style_context().add_class("dim-label")
        self._note = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=50, no_show_all=True)
        box.pack_start(self._area, True, True, 0)
        for widget in (self._bar, self._figures, self._device, self._note):
            box.pack_start(widget, False, False, 0)
        cancel = self.add_button("_Cancel", Gtk.ResponseType.CANCEL)
        cancel.set_tooltip_text("End without a result; nothing in the image changes")
        self._stop = self.add_button("_Stop and keep", Gtk.ResponseType.OK)
        self._stop.set_tooltip_text("End now and keep the best picture so far")
        self._stop.set_sensitive(False)
        self._area.set_can_focus(True)  # so that Return and Space do not press a button unawares
        self._area.grab_focus()

    def told(self, done: float) -> None:
        """Show how far the reading or the writing of pixels is, from 0 to 1."""
        self._bar.set_fraction(done)
        self._pump()

    def follow(self, under_way: painting.Painting) -> painter.Outcome | None:
        """Show the painting until it ends; None if it was cancelled.

        Raises
        ------
        painter.PainterError
            If the engine fails.
        """
        self._painting = under_way
        Gimp.progress_init("Neural style")
        self._bar.set_text("Starting the engine")
        source = GLib.timeout_add(POLL_MS, self._poll)
        self._loop.run()
        GLib.source_remove(source)
        if self._error is not None:
            raise self._error
        if self._outcome is not None:
            self._bar.set_text("Putting the result into the image")
            self._stop.set_sensitive(False)
            self._pump()
        return self._outcome

    def _poll(self) -> bool:
        assert self._painting is not None
        try:
            while self._loop.is_running():
                event = self._painting.painter.next_event(0.0)
                if event is None:
                    break
                self._show(event)
        except painter.PainterError as error:
            self._error = error
            self._loop.quit()
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look_for_image()
        return True

    def _show(self, event: dict[str, Any]) -> None:
        assert self._painting is not None
        kind = event.get("type")
        if kind == "progress":
            self._show_progress(event)
        elif kind == "preview":
            path = self._painting.folder / str(event.get("file"))
            try:
                self._picture = GdkPixbuf.Pixbuf.new_from_file(str(path))
            except GLib.Error:
                return  # the next one comes
            self._area.queue_draw()
        elif kind == "device":
            threads = event.get("threads")
            self._device.set_text(f"Painting on {event.get('device')} with {threads} threads")
        elif kind == "notice":
            self._say(str(event.get("text")))
        elif kind == "done":
            self._outcome = self._painting.painter.outcome(event)
            self._loop.quit()

    def _show_progress(self, event: dict[str, Any]) -> None:
        share = painting.fraction(event)
        Gimp.progress_update(share)
        self._bar.set_fraction(share)
        stage = str(event.get("stage"))
        if self._stopping and stage == "paint":
            return
        self._stop.set_sensitive(stage == "paint" and not self._stopping)
        self._bar.set_text(STAGES.get(stage, stage))
        if stage != "paint":
            return
        parts = []
        if (event.get("scales") or 1) > 1:
            parts.append(f"Size {event.get('scale')} of {event.get('scales')}")
        parts.append(f"Step {event.get('step')} of {event.get('steps')}")
        if event.get("loss") is not None:
            parts.append(f"Loss {event['loss']:.4g}")
        if event.get("seconds_left") is not None:
            parts.append(f"{duration(event['seconds_left'])} left")
        self._figures.set_text("  ·  ".join(parts))

    def _look_for_image(self) -> None:
        assert self._painting is not None
        wish = self._painting.wish
        if not results.is_there(wish.image, wish.content):
            self._say("The layer is gone. The painting will be saved in a file of its own.")

    def _say(self, text: str) -> None:
        known = self._note.get_text()
        if text not in known:
            self._note.set_text("\n".join(part for part in (known, text) if part))
            self._note.show()

    def _answered(self, _dialog: Gtk.Dialog, response: int) -> None:
        if response == Gtk.ResponseType.OK and self._painting is not None:
            self._stopping = True
            self._stop.set_sensitive(False)
            self._bar.set_text("Stopping: the best picture so far is kept")
            self._painting.painter.stop()
        elif response != Gtk.ResponseType.OK:
            self.cancelled = True
            self._loop.quit()

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
        """Let the window be drawn while this process is busy."""
        while Gtk.events_pending():
            Gtk.main_iteration()


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    seconds = max(round(seconds), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
