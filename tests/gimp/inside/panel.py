"""The dialog's widgets, on a screen, with GIMP behind them but none of its windows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import arguments
import cairo
import canvas
import dialog
import earlier_results
import initial_settings
import kit
import labels
import painting_windows
import progress_window
import thumbnails
from dialog import Gdk, GimpUi, GLib, Gtk
from gi.repository import Gimp
from kit import photo

GimpUi.init("scumble")
KEPT = "channel"


class Panel:
    """The dialog for an image with a selection and a channel."""

    def __init__(self, **arguments_: Any) -> None:
        self.image, self.layer = photo()
        self.image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
        channel = Gimp.Selection.save(self.image)
        channel.set_name("Face")
        procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble")
        self.config = procedure.create_config()
        for name, value in arguments_.items():
            self.config.set_property(arguments.property_name(name), value)
        scene = canvas.available_sources(self.image, self.layer)
        initial_settings.start_from(self.config, scene, earlier_results.Target(self.layer))
        self.small = thumbnails.Thumbnails(self.image, self.layer, dialog.SIDE)
        self.dialog = dialog.Dialog(procedure, self.config, scene, self.small)
        self.window = self.dialog._window
        self.window.show()
        settle()

    def all(self, kind: Any = Gtk.Widget) -> list[Any]:
        return [each for each in inside(self.window) if isinstance(each, kind)]

    def unfold(self) -> None:
        self.all(Gtk.Expander)[0].set_expanded(True)
        settle()

    def letters(self) -> dict[str, list[str]]:
        """Return the labels that show each letter."""
        found: dict[str, list[str]] = {}
        for label in self.all(Gtk.Label):
            key = label.get_mnemonic_keyval()
            if key != Gdk.KEY_VoidSymbol and label.get_mapped():
                found.setdefault(Gdk.keyval_name(key), []).append(label.get_label())
        return found

    def close(self) -> None:
        self.dialog.destroy()
        settle(0.0)


def inside(widget: Any) -> Iterator[Any]:
    yield widget
    children: list[Any] = []
    if isinstance(widget, Gtk.Container):
        widget.forall(children.append)
    for child in children:
        yield from inside(child)


def settle(seconds: float = 0.3) -> None:
    """Let the windows come to rest."""
    last = time.monotonic() + seconds
    while Gtk.events_pending() or time.monotonic() < last:
        Gtk.main_iteration_do(False)


def check_access_keys() -> None:
    """No two controls share a letter, and a folded option has none until it is unfolded."""
    panel = Panel()
    shown = panel.letters()
    assert all(len(each) == 1 for each in shown.values()), shown
    panel.unfold()
    opened = panel.letters()
    assert all(len(each) == 1 for each in opened.values()), opened
    buttons = (labels.PAINT, labels.HELP, *labels.GIMPS)
    keys = {labels.access_key(each) for each in (*labels.MARKED.values(), *buttons)} - {""}
    assert set(opened) == keys, (set(opened), keys)
    folded = [each for each in labels.options() if each.name not in labels.IN_FRONT]
    own = {labels.access_key(labels.marked(each)) for each in folded} - {""}
    assert set(opened) - set(shown) == own, own
    panel.close()


def check_an_access_key_leads_to_its_option() -> None:
    panel = Panel()
    fields = dialog.job.Job.__dataclass_fields__

    def focus_after(name: str) -> Any:
        key = labels.access_key(labels.marked(fields[name]))
        panel.window.mnemonic_activate(ord(key), panel.window.get_mnemonic_modifier())
        return panel.window.get_focus()

    assert focus_after("iterations").get_value() == 150.0
    assert focus_after("protect").get_ancestor(Gtk.ComboBoxText) is panel.dialog._protect._list
    panel.close()


def check_choices_are_lists() -> None:
    """In every GIMP, with few choices or many."""
    panel = Panel()
    panel.unfold()
    choices = [each for each in labels.options() if each.metadata["choices"]]
    assert len(panel.all(GimpUi.StringComboBox)) == len(choices)
    assert not panel.all(Gtk.RadioButton)
    for described in choices:
        name, last = arguments.property_name(described.name), described.metadata["choices"][-1]
        panel.config.set_property(name, last)
    shown = {each.get_active() for each in panel.all(GimpUi.StringComboBox)}
    assert shown == {each.metadata["choices"][-1] for each in choices}, shown
    panel.close()


def check_protect() -> None:
    """The list offers what GIMP has; the choice is set, drawn, shown as a number, and reset."""
    panel = Panel(style=kit.style_file())
    protect = panel.dialog._protect
    words = [row[1] for row in protect._list.get_model()]
    assert words[:3] == ["?", "selection", "outside"], words
    channel = next(each for each in words if each.startswith("channel:"))
    assert not protect._firmly.is_sensitive()
    plain = drawing(panel)
    protect._list.set_active_id(channel)
    settle()
    assert panel.config.get_property("protect") == channel
    assert protect._firmly.is_sensitive()
    share = 30 * 30 / (64 * 48)  # of the channel, on the layer
    assert protect._share.get_text() == f"{100 * share:.0f} %", protect._share.get_text()
    hatched = drawing(panel)
    width = panel.small.width
    changed = {i // 4 for i in range(0, len(plain), 4) if plain[i : i + 3] != hatched[i : i + 3]}
    assert len(changed) > 0.3 * share * width * panel.small.height
    across = [each % width / panel.small.scale for each in changed]
    assert 6 <= min(across) <= max(across) <= 38, (min(across), max(across))
    panel.config.set_property("protect", "")
    settle()
    assert protect._list.get_active_id() == "?"
    assert drawing(panel) == plain
    panel.config.set_property("protect", "channel:Gone")
    settle()
    assert "Protect: there is no channel called “Gone”" in panel.dialog._problem.get_text()
    panel.close()
    again = Panel(protect="channel:Gone")
    assert again.config.get_property("protect") in ("", None), "last time's channel is not here"
    again.close()


def drawing(panel: Panel) -> bytes:
    """Return the drawing of which style goes where."""
    width, height = panel.small.width, panel.small.height
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, width, height)
    panel.dialog._view._draw(panel.dialog._view, cairo.Context(surface))
    surface.flush()
    return bytes(surface.get_data())


def check_layers_only_where_the_method_makes_them() -> None:
    panel = Panel()
    for method in ("auto", *dialog.job.METHODS):
        panel.config.set_property("method", method)
        able = panel.dialog._uncut.is_sensitive()
        assert able == labels.gives_masked_layers(method), method
        assert panel.dialog._borders.get_text() == labels.movable_borders(method), method
    panel.close()


def check_the_choices_are_kept_until_they_are_painted() -> None:
    """Cancelled, failed, or the image closed: GIMP keeps nothing then."""

    class Agreed:
        """A dialog whose button Paint is pressed at once."""

        def __init__(self, *_: Any) -> None:
            self.run, self.destroy = lambda: True, lambda: None

    def close(requests: Any) -> list:
        requests[0].image.delete()
        return []

    def fail(requests: Any) -> list:
        raise painting_windows.engine_process.EngineError("no memory")

    def kept(paint: Any) -> bool:
        initial_settings.forget()
        image, layer = photo()
        procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble")
        config = procedure.create_config()
        config.set_property("style", kit.style_file())
        targets = [earlier_results.Target(layer)]
        patched = patch.object(painting_windows, "_paint", paint)
        with patch.object(dialog, "Dialog", Agreed), patched:
            try:
                painting_windows.ask_and_paint(procedure, config, image, targets)
            except painting_windows.engine_process.EngineError:
                assert paint is fail
        return Gimp.get_parasite(initial_settings.UNFINISHED) is not None

    assert kept(lambda requests: None)
    assert kept(close)
    assert kept(fail)
    assert not kept(lambda requests: [requests[0].content])
    assert not kept(lambda requests: []), "the layer was lost, the image is there"


class Running:
    """Stands for a run whose engine only listens."""

    def __init__(self) -> None:
        self.engine = self
        self.stopped = False

    def note_progress(self, event: Any) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True


def check_a_long_painting_is_not_thrown_away_at_once() -> None:
    """Esc and the close button ask; an answer discards, keeps, or lets the painting go on."""

    def question(window: Any) -> Any:
        window.emit("delete-event", Gdk.Event.new(Gdk.EventType.DELETE))
        settle(0.1)
        return window._question

    def window_after(seconds: float) -> tuple[Any, Running]:
        window, run = progress_window.ProgressWindow(None, "photo.xcf"), Running()
        window._run = run
        progress = {"type": "progress", "stage": "paint", "step": 3, "steps": 10, "loss": 5.0}
        window._show_progress(progress)
        window._painting_since -= seconds
        assert window.get_title() == "30 % · photo.xcf · Neural Style", window.get_title()
        return window, run

    window, run = window_after(5.0)
    assert question(window) is None
    assert window.cancelled
    window.destroy()

    window, run = window_after(100.0)
    asked = question(window)
    assert asked.get_property("text") == "Discard 1 min 40 s of painting?"
    assert asked.get_transient_for() is window
    asked.response(Gtk.ResponseType.CANCEL)
    assert window._question is None
    assert not window.cancelled
    assert not run.stopped
    assert window.get_visible()
    question(window).response(Gtk.ResponseType.DELETE_EVENT)
    assert not window.cancelled
    question(window).response(Gtk.ResponseType.ACCEPT)
    assert run.stopped
    assert not window.cancelled
    window.destroy()

    window, run = window_after(100.0)
    question(window).response(Gtk.ResponseType.REJECT)
    assert window.cancelled
    assert not run.stopped
    window.destroy()


def check_the_report_goes_into_a_folder() -> None:
    panel = Panel()
    folder = kit.TMP / "report"
    folder.mkdir(exist_ok=True)
    buttons = {each.get_action(): each for each in panel.all(Gtk.FileChooserButton)}
    button = buttons[Gtk.FileChooserAction.SELECT_FOLDER]
    panel.config.set_property("report", dialog.Gio.File.new_for_path(str(folder)))
    settle()
    last = time.monotonic() + 20
    while button.get_filename() != str(folder):
        assert time.monotonic() < last, button.get_filename()
        settle()
    assert arguments.read(panel.config)["report"] == str(folder)
    panel.close()


def check_f1() -> None:
    """F1 shows our help, which is there without a browser."""
    panel = Panel()
    seen: list[str] = []

    def answer() -> bool:
        for window in Gtk.Window.list_toplevels():
            if isinstance(window, Gtk.MessageDialog):
                seen.append(window.get_property("secondary-text"))
                window.response(Gtk.ResponseType.CLOSE)
        return not seen

    event = Gdk.Event.new(Gdk.EventType.KEY_PRESS)
    event.keyval = Gdk.KEY_F1
    event.window = panel.window.get_window()
    GLib.timeout_add(100, answer)
    assert panel.window.event(event), "F1 is not taken"
    assert seen == [dialog.HELP], seen
    assert dialog.HELP_PAGE.is_file()
    panel.close()


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
