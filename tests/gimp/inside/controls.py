"""The controls of the dialog and of the live window: letters, lists, sizes, styles, languages."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any
from unittest.mock import patch

import arguments
import canvas_error
import dialog
import earlier_results
import initial_settings
import kit
import labels
import painting_windows
import pickers
import progress_window
import remembered
import source_choices
from dialog import Gdk, GimpUi, GLib, Gtk
from gi.repository import Atk, Gimp
from kit import photo
from panel import Panel, drawing, settle

from engine import translations


def check_access_keys() -> None:
    """No two controls share a letter, and a folded option has none until it is unfolded."""
    panel = Panel()
    shown = panel.letters()
    assert all(len(each) == 1 for each in shown.values()), shown
    panel.unfold()
    opened = panel.letters()
    assert all(len(each) == 1 for each in opened.values()), opened
    buttons = (labels.PAINT, labels.HELP, *labels.GIMPS)
    keys = {labels.access_key(each) for each in (*labels.all_marked().values(), *buttons)} - {""}
    assert set(opened) == keys, (set(opened), keys)
    folded = [*labels.more(), *labels.advanced()]
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
    assert focus_after("protect").get_ancestor(Gtk.ComboBox) is panel.dialog._protect._list
    panel.close()


def check_choices_are_lists() -> None:
    """In every GIMP, with few choices or many."""
    panel = Panel()
    panel.unfold()
    choices = [each for each in labels.options() if each.metadata["choices"]]
    choices = [each for each in choices if each.name != "look"]  # which is a list of ours
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

    def close(requests: Any, _interrupted: Any) -> list:
        requests[0].image.delete()
        return []

    def fail(requests: Any, _interrupted: Any) -> list:
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

    assert kept(lambda requests, interrupted: None)
    assert kept(close)
    assert kept(fail)
    assert not kept(lambda requests, interrupted: [requests[0].content])
    assert not kept(lambda requests, interrupted: []), "the layer was lost, the image is there"


class Running:
    """A stand-in for a run whose engine only listens."""

    def __init__(self) -> None:
        self.engine = self
        self.stopped = False

    def note_progress(self, event: Any) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True


def check_the_time_left_in_every_stage() -> None:
    """Also while strokes are added, between two sizes and at the end."""
    window = progress_window.ProgressWindow(None, "photo.xcf")
    window._run = Running()
    told = [
        ({"stage": "model", "step": 0, "steps": 1}, ""),
        ({"stage": "content", "scale": 1, "scales": 2, "seconds_left": 90}, "1 min 30 s left"),
        ({"stage": "paint", "step": 3, "steps": 10, "seconds_left": 80}, "1 min 20 s left"),
        ({"stage": "enlarge", "scale": 2, "scales": 2, "seconds_left": 40}, "40 s left"),
        ({"stage": "strokes", "step": 1, "steps": 4, "seconds_left": 20}, "20 s left"),
        ({"stage": "write", "step": 0, "steps": 1, "seconds_left": 2}, "2 s left"),
    ]
    for event, left in told:
        window._show_progress({"type": "progress", **event})
        shown = window._figures.get_text()
        assert shown.endswith(left), shown
        assert ("Size" in shown) == ("scale" in event), shown
        assert ("Step" in shown) == (event["stage"] == "paint"), shown
    window.destroy()


def check_a_long_painting_is_not_thrown_away_at_once() -> None:
    """Esc and the close button ask; an answer discards, keeps, or continues the painting."""

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
    panel.unfold()
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


def check_time_and_memory_beside_the_working_size() -> None:
    """They follow every change, and the interface is never blocked."""
    panel = Panel(style=kit.style_file())
    (found,) = {size: each for size, each in panel.advice().items() if size == 0}.values()
    assert (found["width"], found["height"]) == (kit.WIDTH, kit.HEIGHT)
    note = panel.dialog._sizes._note
    assert re.fullmatch(r"Painted at 64 × 48; .*(second|minute)s?, \d\.\d GB", note.get_text())
    panel.config.set_property("iterations", 3000)
    longer = panel.advice()[0]["seconds"]
    assert 10 < longer / found["seconds"] < 21, (found, longer)
    entries = [row[0] for row in panel.dialog._sizes._list]
    assert entries[-1].startswith("Full size: 64 × 48, about "), entries
    slowest = 0.0
    panel.dialog._ask()
    last = time.monotonic() + 2
    while time.monotonic() < last:
        began = time.thread_time()
        Gtk.main_iteration_do(False)
        slowest = max(slowest, time.thread_time() - began)
    assert slowest < 0.2, slowest
    panel.close()


def check_a_size_that_does_not_fit_is_gray_and_the_largest_that_fits_is_offered() -> None:
    panel = Panel((4000, 3000), style=kit.style_file(), memory=2.0)
    sizes = panel.advice()
    assert "problem" in sizes[0]
    assert "problem" not in sizes[90_000]
    rows = {row[1]: (row[0], row[2]) for row in panel.dialog._sizes._list}
    text, able = rows["0"]
    assert re.fullmatch(r"Full size: needs \d\.\d GB more memory", text), text
    assert not able
    assert rows["90000"][1]
    (largest,) = [each for each in rows if rows[each][0].startswith("The largest that fits")]
    assert 90_000 < int(largest) < 12_000_000
    ok = panel.window.get_widget_for_response(Gtk.ResponseType.OK)
    assert ok.is_sensitive()
    panel.config.set_property("size", 0)
    panel.advice()
    assert not ok.is_sensitive()
    assert "4000 x 3000 pixels needs" in panel.dialog._problem.get_text()
    panel.config.set_property("size", int(largest))
    panel.advice()
    assert ok.is_sensitive()
    note = panel.dialog._sizes._note.get_text()
    assert re.search(r"enlarged \d(\.\d)? times; about", note), note
    panel.close()


def check_the_dialog_says_what_auto_stands_for() -> None:
    panel = Panel(style=kit.style_file())
    panel.advice()
    assert "here: Cut out" in [each.get_text() for each in panel.all(Gtk.Label)]
    panel.config.set_property("method", "stitch")
    panel.advice()
    assert "here: Cut out" not in [each.get_text() for each in panel.all(Gtk.Label)]
    panel.close()


def files_of_every_kind() -> list[str]:
    """Return pictures in formats that the engine does not read itself."""
    found = []
    for ending in ("bmp", "gif", "psd", "xcf"):
        image, _ = kit.photo()
        path = kit.TMP / f"picture.{ending}"
        file = dialog.Gio.File.new_for_path(str(path))
        assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None), ending
        image.delete()
        found.append(str(path))
    return found


def check_whatever_gimp_opens_is_a_style() -> None:
    panel = Panel()
    for path in files_of_every_kind():
        panel.dialog._rows.add_file(path)
        panel.config.set_property("regions", json.dumps([{"style": path}]))
        settle(0.1)
        assert panel.dialog._shown_regions[0].style.path == path
        picture = panel.small.file(path)
        assert (picture.width, picture.height) == kit.CANVAS, (path, picture)
        assert panel.dialog._problem.get_text() == "", path
    bad = kit.TMP / "words.psd"
    bad.write_text("no picture")
    said = ""
    try:
        panel.dialog._rows.add_file(str(bad))
    except canvas_error.CanvasError as error:
        said = str(error)
    assert said.startswith("“words.psd” is not a picture that GIMP can open."), said
    panel.close()


def check_a_picture_that_is_cut_off_is_refused_when_it_is_chosen() -> None:
    whole, cut = kit.picture(), kit.TMP / "cut.png"
    cut.write_bytes(whole.read_bytes()[:-400])
    panel = Panel()
    panel.config.set_property("regions", json.dumps([{"style": str(cut)}]))
    panel.advice()
    assert "cut.png is damaged or cut off" in panel.dialog._problem.get_text()
    assert not panel.window.get_widget_for_response(Gtk.ResponseType.OK).is_sensitive()
    panel.close()


def check_the_last_twelve_styles_are_offered_with_thumbnails() -> None:
    """In every dialog and for every image; a file that is gone is not."""
    remembered.file().unlink(missing_ok=True)
    panel = Panel()
    paths = []
    for number in range(13):
        path = kit.TMP / f"style-{number}.png"
        path.write_bytes(kit.picture().read_bytes())
        panel.dialog._rows.add_file(str(path))
        paths.append(str(path))
    panel.close()
    os.unlink(paths[5])
    again = Panel()
    rows = again.dialog._rows._box.get_children()[0]._style.get_model()
    offered = [row[1] for row in rows if os.path.isabs(row[1])]
    assert offered == [each for each in reversed(paths[1:]) if each != paths[5]], offered
    settle()
    pictures = {row[1]: row[2] for row in rows}
    assert all(pictures[path].get_width() == pickers.ICON for path in offered), pictures
    names = [each.name for each in source_choices.catalog.PAINTINGS]
    assert [each for each in pictures if each in names] == names
    assert all(pictures[name] is not None for name in names)
    again.close()
    remembered.file().write_text("{ damaged")
    Panel().close()


def check_a_look_sets_the_other_options() -> None:
    panel = Panel()
    panel.config.set_property("strength", 7.0)
    look = panel.dialog._look
    look.set_active_id("paper")
    settle(0.1)
    assert panel.config.get_property("look") == "paper"
    assert panel.config.get_property("method") == "joint"
    assert panel.config.get_property("size") == 250_000
    assert panel.config.get_property("strength") == 1.0
    look.set_active_id("scumble")
    settle(0.1)
    assert panel.config.get_property("size") == dialog.job.AUTO_SIZE
    panel.config.set_property("look", "paper")  # as saved settings do
    settle(0.1)
    assert look.get_active_id() == "paper"
    assert panel.config.get_property("size") == dialog.job.AUTO_SIZE
    panel.close()


def controls(panel: Panel) -> list[Any]:
    """Return everything that the Tab key can reach."""
    kinds = (Gtk.Button, Gtk.ComboBox, Gtk.Entry, Gtk.Range, Gtk.Expander)
    found = [each for each in panel.all() if isinstance(each, kinds) and each.get_mapped()]
    return [each for each in found if each.get_can_focus() or isinstance(each, Gtk.ComboBox)]


def accessible_name(widget: Any) -> str:
    """Return the name that a screen reader says: the widget's own, or that of its label."""
    accessible = widget.get_accessible()
    if accessible.get_name():
        return accessible.get_name()
    relations = accessible.ref_relation_set()
    for number in range(relations.get_n_relations()):
        relation = relations.get_relation(number)
        if relation.get_relation_type() == Atk.RelationType.LABELLED_BY:
            return relation.get_target()[0].get_name() or ""
    return ""


def check_every_control_has_an_accessible_name() -> None:
    panel = Panel(style=kit.style_file())
    panel.unfold()
    nameless = []
    for each in controls(panel):
        outer = each.get_ancestor(Gtk.FileChooserButton) or each.get_ancestor(Gtk.ComboBox) or each
        if not accessible_name(each) and not accessible_name(outer):
            nameless.append((type(each).__name__, each.get_tooltip_text()))
    assert len(controls(panel)) > 40
    assert not nameless, nameless
    panel.close()


def check_the_tab_key_goes_as_one_reads() -> None:
    panel = Panel(style=kit.style_file())
    panel.unfold()
    column = panel.all(Gtk.Viewport)[0].get_child()
    panel.dialog._rows._box.get_children()[0].focus_style()
    places = []
    while True:
        focus = panel.window.get_focus()
        if focus is None or not focus.is_ancestor(column):
            break
        box = focus.get_ancestor(Gtk.ComboBox) or focus
        if isinstance(focus, Gtk.Expander):
            box = focus.get_label_widget()
        left, top = box.translate_coordinates(column, 0, 0)
        places.append((top + box.get_allocated_height() // 2, left))
        assert len(places) < 200, "the focus goes round"
        panel.window.child_focus(Gtk.DirectionType.TAB_FORWARD)
    assert len(places) > 30, places
    for (y, x), (later_y, later_x) in zip(places, places[1:]):
        below, beside = later_y > y + 10, abs(later_y - y) <= 10 and later_x > x
        assert below or beside, ((y, x), (later_y, later_x))
    panel.close()


def check_the_dialog_speaks_and_fits_in_every_language() -> None:
    """Nothing of ours is English, and the dialog fits a screen of 1024 x 700 with its borders."""
    wrong = []
    try:
        for language in translations.LANGUAGES:
            translations.use([language])
            panel = Panel(style=kit.style_file())
            panel.unfold()
            least = [panel.window.get_preferred_width()[0], panel.window.get_preferred_height()[0]]
            shown = {each.get_text() for each in panel.all(Gtk.Label) if each.get_mapped()}
            english = {
                labels.ADD,
                labels.MORE,
                labels.ADVANCED,
                *labels.REGION.values(),
                "Strength",
            }
            own = {labels.without_key(labels.with_key(each)) for each in english}
            spoken = {re.sub(r"\(\w\)$", "", each) for each in shown}
            if least[0] > 1016 or least[1] > 660 or not own <= spoken:
                wrong.append((language, least, own - spoken))
            panel.close()
    finally:
        translations.use(["en"])
    assert wrong == []


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
