"""The dialog's widgets, on a screen, with GIMP behind them but none of its windows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import arguments
import beginning
import cairo
import canvas
import dialog
import kit
import thumbnails
import wording
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
        scene = canvas.scene_of(self.image, self.layer)
        beginning.start_from(self.config, scene, self.layer)
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


def marked(*names: str) -> set[str]:
    fields = dialog.job.Job.__dataclass_fields__
    return {wording.label(fields[name]) for name in names}


def check_letters() -> None:
    """No two labels in front share a letter, nor does one of them with a folded one."""
    panel = Panel()
    shown = panel.letters()
    assert all(len(labels) == 1 for labels in shown.values()), shown
    labels = {label for labels in shown.values() for label in labels}
    buttons = {wording.PAINT, wording.HELP, wording.ADD, wording.MORE, *wording.GIMPS}
    assert labels == buttons | set(wording.ROW.values()) | marked(*wording.IN_FRONT), labels
    panel.unfold()
    opened = panel.letters()
    folded = {each.name for each in wording.options()} - set(wording.IN_FRONT)
    more = {label for letter, labels in opened.items() if letter not in shown for label in labels}
    assert more == marked(*folded), more
    assert all(opened[letter] == labels for letter, labels in shown.items()), opened
    panel.close()


def check_shared_letters_go_on() -> None:
    """Alt with a letter leads to its option; again, to the next one with that letter."""
    panel = Panel()
    alt = panel.window.get_mnemonic_modifier()

    def focus_after(letter: int) -> Any:
        panel.window.mnemonic_activate(letter, alt)
        return panel.window.get_focus()

    assert focus_after(Gdk.KEY_i).get_value() == 150.0
    assert focus_after(Gdk.KEY_d).get_ancestor(Gtk.ComboBoxText) is panel.dialog._keep._list
    before = panel.window.get_focus()
    assert focus_after(Gdk.KEY_u) is before, "a folded option takes no letter"
    panel.unfold()
    count = sum(letter == "u" for letter in wording.LETTERS.values())
    reached = [focus_after(Gdk.KEY_u) for _ in range(count + 1)]
    assert len(set(reached)) == count, reached
    assert reached[0] is reached[-1]
    panel.close()


def check_choices_are_lists() -> None:
    """In every GIMP, with few choices or many."""
    panel = Panel()
    panel.unfold()
    choices = [each for each in wording.options() if each.metadata["choices"]]
    assert len(panel.all(GimpUi.StringComboBox)) == len(choices)
    assert not panel.all(Gtk.RadioButton)
    for described in choices:
        name, last = arguments.property_name(described.name), described.metadata["choices"][-1]
        panel.config.set_property(name, last)
    shown = {each.get_active() for each in panel.all(GimpUi.StringComboBox)}
    assert shown == {each.metadata["choices"][-1] for each in choices}, shown
    panel.close()


def check_keep() -> None:
    """The list offers what GIMP has; the choice is set, drawn, told in numbers, and reset."""
    panel = Panel(style=kit.style_file())
    keep = panel.dialog._keep
    words = [row[1] for row in keep._list.get_model()]
    assert words[:3] == ["?", "selection", "outside"], words
    channel = next(each for each in words if each.startswith("channel:"))
    assert not keep._firmly.is_sensitive()
    plain = drawing(panel)
    keep._list.set_active_id(channel)
    settle()
    assert panel.config.get_property("protect") == channel
    assert keep._firmly.is_sensitive()
    share = 30 * 30 / (64 * 48)  # of the channel, on the layer
    assert keep._share.get_text() == f"{100 * share:.0f} %", keep._share.get_text()
    hatched = drawing(panel)
    width = panel.small.width
    changed = {i // 4 for i in range(0, len(plain), 4) if plain[i : i + 3] != hatched[i : i + 3]}
    assert len(changed) > 0.3 * share * width * panel.small.height
    across = [each % width / panel.small.scale for each in changed]
    assert 6 <= min(across) <= max(across) <= 38, (min(across), max(across))
    panel.config.set_property("protect", "")
    settle()
    assert keep._list.get_active_id() == "?"
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
    for method in dialog.job.METHODS:
        panel.config.set_property("method", method)
        able = panel.dialog._separate.is_sensitive()
        assert able == wording.makes_layers(method), method
    panel.close()


def check_the_choices_are_kept_until_they_are_painted() -> None:
    """Cancelled, failed, or the image closed: GIMP keeps nothing then."""

    class Agreed:
        """A dialog whose button Paint is pressed at once."""

        def __init__(self, *_: Any) -> None:
            self.run, self.destroy = lambda: True, lambda: None

    def close(wish: Any, small: Any) -> list:
        wish.image.delete()
        return []

    def fail(wish: Any, small: Any) -> list:
        raise dialog.painter.PainterError("no memory")

    def kept(paint: Any) -> bool:
        beginning.forget()
        image, layer = photo()
        procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble")
        config = procedure.create_config()
        config.set_property("style", kit.style_file())
        with patch.object(dialog, "Dialog", Agreed), patch.object(dialog, "_paint", paint):
            try:
                dialog.run(procedure, config, image, layer)
            except dialog.painter.PainterError:
                assert paint is fail
        return Gimp.get_parasite(beginning.UNFINISHED) is not None

    assert kept(lambda wish, small: None)
    assert kept(close)
    assert kept(fail)
    assert not kept(lambda wish, small: [wish.content])
    assert not kept(lambda wish, small: []), "the layer was lost, the image is there"


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
