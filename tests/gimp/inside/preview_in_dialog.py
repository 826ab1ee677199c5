"""The preview in the dialog, on a screen, with GIMP behind it but none of its windows."""

from __future__ import annotations

import json
import time
from typing import Any

import adviser_process
import canvas
import dialog
import earlier_results
import kit
import parasites
import preview_view
import rendering
import target_row
from dialog import Gdk, Gtk
from gi.repository import Gimp
from panel import Panel, drawing, settle

from engine import job


def quick_panel(**given: Any) -> Panel:
    """Return a dialog with a style, whose preview takes little time."""
    return Panel(**{"style": kit.style_file(), **kit.SHALLOW, **given})


def previewed(panel: Panel) -> Any:
    """Wait for the finished preview of the present settings; return it."""
    settle()
    panel.dialog._ask()
    last = time.monotonic() + 90
    while panel.dialog._view._note.get_text() != preview_view.FINISHED:
        assert time.monotonic() < last, panel.dialog._view._note.get_text()
        settle(0.02)
    return panel.dialog._view._painting


def check_the_preview_is_what_paint_gives() -> None:
    """In the image's own colors, with its filters, in the selection only."""
    image = kit.new_image()
    image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
    layer = kit.add_layer(image, "Photo", alpha=False)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "Invert"))
    options = {"style": kit.style_file(), "iterations": 6, "scales": 1, "size": 0, "init": "colors"}
    panel = quick_panel(given=(image, layer), **options)
    found = previewed(panel)
    panel.close()
    made = kit.paint(image, layer, mask=image.get_selection(), **options)
    size = found.get_width(), found.get_height()
    assert size == (kit.WIDTH, kit.HEIGHT)
    painted = canvas.read_for_screen(made, (0, 0, *size))
    with rendering.rendered(layer) as shown:
        photo = canvas.read_for_screen(shown, (0, 0, *size))
    stride, pixels = found.get_rowstride(), found.get_pixels()
    inside: list[float] = []
    outside: list[float] = []
    for y in range(size[1]):
        for x in range(size[0]):
            here, there = y * stride + 3 * x, 4 * (y * size[0] + x)
            selected = 20 <= x + kit.PLACE[0] < 50 and 2 <= y + kit.PLACE[1] < 32
            expected = painted if selected else photo
            errors = [abs(pixels[here + n] - expected[there + n]) for n in range(3)]
            (inside if selected else outside).append(sum(errors) / 3)
    for errors in (inside, outside):
        kit.near(sum(errors) / len(errors), 0.0, 3.0, "the difference in levels of 255")


def check_a_change_gives_another_preview() -> None:
    panel = quick_panel(iterations=5)
    view = panel.dialog._view
    first = previewed(panel)
    panel.config.set_property("strength", 0.01)
    second = previewed(panel)
    assert first.get_pixels() != second.get_pixels()
    late = {"type": "preview", "number": panel.dialog._adviser._asked - 1, "last": True}
    panel.dialog._answered({**late, "width": 1, "height": 1, "data": "AAAA"})
    assert view._painting is second, "an older preview takes the place of a newer one"
    asked = panel.dialog._adviser._asked
    for number in range(20):
        panel.config.set_property("strength", 1 + number / 10)
    settle(0.4)
    assert panel.dialog._adviser._asked == asked + 1, "many changes at once are one question"
    panel.config.set_property("strength", 1.0)
    assert previewed(panel).get_pixels() == first.get_pixels()
    photo = drawing(panel, outlines=False)
    painting = drawing(panel, photo=False, outlines=False)
    assert photo != painting
    for kind, shown in (
        (Gdk.EventType.BUTTON_PRESS, photo),
        (Gdk.EventType.BUTTON_RELEASE, painting),
    ):
        event = Gdk.Event.new(kind)
        event.button.button, event.button.window = 1, view._area.get_window()
        view._area.event(event)
        pressed = view._pressed
        assert drawing(panel, photo=pressed, outlines=False) == shown, kind
    panel.config.set_property("regions", json.dumps([{"style": ""}]))
    settle(0.5)
    assert view._note.get_text() == dialog.CHOOSE
    assert drawing(panel, photo=False, outlines=False) == photo
    panel.close()


def check_it_goes_on_from_the_earlier_painting() -> None:
    """It starts from the painting that is chosen, whatever its place and its opacity."""
    image, layer = kit.photo()
    painted = kit.add_layer(image, "Painted", place=(kit.PLACE[0] + 16, kit.PLACE[1]))
    painted.fill(Gimp.FillType.WHITE)
    painted.set_opacity(40.0)
    about = {"content": {"tattoo": layer.get_tattoo()}, "painted": {"size": 3072, "steps": 1}}
    parasites.attach_settings(painted, json.dumps(about))
    row = target_row.TargetRow([earlier_results.target_of(image, painted)])
    # One step from the start, which hardly changes it.
    panel = quick_panel(given=(image, layer), above=row, init="content", strength=0.01)
    anew, goes_on = row.start is None, panel.all(Gtk.RadioButton)
    assert anew
    (button,) = [
        each for each in goes_on if each.get_label() == "Continue from the earlier painting"
    ]
    begun = previewed(panel)
    asked = panel.dialog._adviser._asked
    button.set_active(True)
    assert row.start == painted
    last = time.monotonic() + 20
    while panel.dialog._adviser._asked == asked:
        assert time.monotonic() < last, "the choice does not ask anew"
        settle(0.05)
    continued = previewed(panel)
    assert panel.dialog._sizes._estimates[job.AUTO_SIZE]["width"] == kit.WIDTH
    for picture, white in ((begun, False), (continued, True)):
        stride, pixels = picture.get_rowstride(), picture.get_pixels()
        # Within the selection, which is the region.
        levels = [pixels[y * stride + 3 * x] for y in range(14, 38) for x in range(20, 34)]
        mean = sum(levels) / len(levels)
        assert (mean > 230) == white, (white, mean)
    shown, stride = continued.get_pixels(), continued.get_rowstride()
    photo = canvas.read_for_screen(layer, (0, 0, kit.WIDTH, kit.HEIGHT))
    for y in range(14, 38):
        here, there = shown[y * stride + 3 * 10], photo[4 * (y * kit.WIDTH + 10)]
        kit.near(here, there, 40.0, "the photograph beside the painting")
    panel.close()


def check_the_regions_are_outlined_on_demand() -> None:
    panel = quick_panel()
    plain, outlined = drawing(panel, outlines=False), drawing(panel)
    width, scale = panel.small.width, panel.small.scale
    changed = {i // 4 for i in range(0, len(plain), 4) if plain[i : i + 3] != outlined[i : i + 3]}
    for x, y, expected in ((7, 20, True), (37, 20, True), (2, 20, False), (50, 30, False)):
        at = [round(y * scale) * width + round(x * scale) + n for n in range(-2, 3)]
        assert any(each in changed for each in at) == expected, (x, y)
    panel.close()


def check_the_engine_goes_with_the_dialog() -> None:
    panel = quick_panel()
    previewed(panel)
    folder, process = panel.dialog._adviser.folder, panel.dialog._adviser._process
    assert list(folder.glob("*.npy"))
    panel.config.set_property("strength", 3.0)
    panel.dialog._ask()
    began = time.monotonic()
    panel.dialog.destroy()
    assert time.monotonic() - began < 0.5
    assert process.poll() is not None
    assert not folder.exists()
    panel.close()


def check_a_preview_that_fails_is_a_sentence_and_paint_stays() -> None:
    panel = quick_panel()
    previewed(panel)
    panel.dialog._adviser._process.kill()
    last = time.monotonic() + 20
    while panel.dialog._view._note.get_text() != adviser_process.NO_PREVIEW:
        assert time.monotonic() < last
        settle(0.05)
    assert panel.dialog._view._painting is None
    assert panel.window.get_widget_for_response(Gtk.ResponseType.OK).is_sensitive()
    panel.close()


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
