"""Layers as the user sees them: filters, modes, wide colors, changes during a run."""

from __future__ import annotations

import json
from array import array
from typing import Any

import gimp_run
import kit
import parasites
import rescue
from gi.repository import Gegl, Gimp
from kit import HEIGHT, PLACE, WIDTH, names

METHODS = ("joint", "cutout", "pinned", "stitch", "banded", "gradient")
INSIDE = (20, 2, 25, 25)
"""A rectangle of the canvas; a soft border of some pixels is around it."""


def select(image: Any) -> None:
    image.select_rectangle(Gimp.ChannelOps.REPLACE, *INSIDE)
    Gimp.Selection.feather(image, 4)


def values(drawable: Any, form: str = "R'G'B'A float") -> array:
    """Return all pixels of a drawable, unbounded."""
    area = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    data = drawable.get_buffer().get(area, 1.0, form, Gegl.AbyssPolicy.NONE)
    return array("f", data)


def seen(image: Any) -> array:
    """Return the visible image."""
    layer = Gimp.Layer.new_from_visible(image, image, "Seen")
    found = values(layer)
    layer.delete()
    return found


def outside(image: Any) -> list[int]:
    """Return the numbers of the canvas's pixels that are not selected at all."""
    width, height = image.get_width(), image.get_height()
    area = Gegl.Rectangle.new(0, 0, width, height)
    data = image.get_selection().get_buffer().get(area, 1.0, "Y float", Gegl.AbyssPolicy.NONE)
    return [number for number, value in enumerate(array("f", data)) if value == 0]


def unchanged(image: Any, before: array, tolerance: float = 0.0, what: str = "") -> None:
    """The visible image is as before wherever nothing is selected, and only there."""
    after, places = seen(image), outside(image)
    assert len(places) > 1000
    for number in places:
        for plane in range(4):
            at = 4 * number + plane
            kit.near(after[at], before[at], tolerance, f"{what} pixel {number} plane {plane}")
    changed = sum(abs(a - b) > 0.02 for a, b in zip(after, before))
    assert changed > 100, (what, changed)


def opaque(image: Any, name: str = "Photo") -> Any:
    return kit.add_layer(image, name, alpha=False)


def paint(image: Any, layer: Any, **options: Any) -> Any:
    select(image)
    style = {"style": kit.style_file(), "mask": image.get_selection()}
    return kit.paint(image, layer, iterations=3, strength=30.0, **style, **options)


def invert(layer: Any) -> None:
    layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "Invert"))


def check_outside_every_region_nothing_changes() -> None:
    """With every method, at a smaller working size too, to the last bit."""
    for method, size in (*((method, 1024) for method in METHODS), ("joint", 0)):
        image = kit.new_image()
        layer = opaque(image)
        before = seen(image)
        new = paint(image, layer, method=method, size=size)
        assert layer.get_visible()
        assert new.get_mode() == Gimp.LayerMode.NORMAL
        unchanged(image, before, 0.0, f"{method} {size}")


def check_an_enlarged_painting_has_fine_strokes() -> None:
    """Neighbors differ more than where it is enlarged smoothly, which is one option away."""
    steps = []
    for enlargement in ({}, {"enlargement": "smooth"}):
        image = kit.new_image()
        style = kit.style_file()
        new = kit.paint(image, opaque(image), style=style, size=1000, iterations=3, **enlargement)
        found = values(new)
        steps.append(sum(abs(one - other) for one, other in zip(found, found[4:])))
    assert steps[0] > 1.2 * steps[1], steps


def check_live_filters_are_painted_and_kept() -> None:
    """On a layer, on a layer in a group, and on the group itself."""
    for kind in ("layer", "child", "group"):
        image = kit.new_image()
        layer = opaque(image)
        if kind != "layer":
            group = Gimp.GroupLayer.new(image, "Group")
            image.insert_layer(group, None, 0)
            image.reorder_item(layer, group, 0)
        target = layer if kind == "layer" else group
        plain = kit.pixel(target, 3, 3)[0]
        invert(group if kind == "group" else layer)
        before = seen(image)
        new = paint(image, target, method="joint")
        shape, given = kit.recorded_array("content.npy")
        assert shape == (HEIGHT, WIDTH, 4)
        at = 4 * (20 * WIDTH + 30)
        shown = before[4 * ((20 + PLACE[1]) * kit.CANVAS[0] + 30 + PLACE[0]) :][:3]
        for plane in range(3):
            kit.near(given[at + plane], shown[plane], 0.005, f"{kind} given")
        assert not new.get_filters()
        assert abs(kit.pixel(new, 3, 3)[0] - (1 - plain)) < 0.01, kind
        unchanged(image, before, 0.0, kind)
        assert len(Gimp.get_images()) == 1 + len(kept_images()), "the copy for reading is gone"
        image.delete()


def kept_images() -> list[Any]:
    return [image for image in Gimp.get_images() if image.get_file() or image.get_xcf_file()]


def check_a_style_with_filters() -> None:
    image = kit.new_image()
    layer = opaque(image)
    style = opaque(image, "Wave")
    style.set_visible(False)
    plain = kit.pixel(style, 5, 7)
    invert(style)
    kit.paint(image, layer, regions=json.dumps([kit.region("layer:Wave")]))
    _, given = kit.recorded_array("style-1.npy")
    for plane in range(3):
        kit.near(given[4 * (7 * WIDTH + 5) + plane], 1 - plain[plane], 0.01, "style")


def check_a_mask_with_filters() -> None:
    """The brightness of a layer after its filters is a mask."""
    image = kit.new_image()
    layer = opaque(image)
    mask = opaque(image, "Gray")
    mask.set_visible(False)
    plain = kit.pixel(mask, 9, 11, "Y' float")[0]
    invert(mask)
    flat = mask.copy()
    flat.merge_filters()
    shown = kit.pixel(flat, 9, 11, "Y' float")[0]
    assert abs(shown - plain) > 0.1
    kit.paint(image, layer, regions=json.dumps([kit.region(mask="gray:Gray")]))
    _, given = kit.recorded_array("mask-1.npy")
    kit.near(given[2 * (11 * WIDTH + 9)], shown, 0.001, "mask")


def check_modes_opacity_and_soft_alpha() -> None:
    """The result takes the layer's place, which is hidden; one step undoes both."""
    kinds = {
        "multiply": lambda layer: (layer.set_mode(Gimp.LayerMode.MULTIPLY), layer.set_opacity(50)),
        "half": lambda layer: layer.set_opacity(50),
        "alpha": lambda layer: None,
        "mask": lambda layer: layer.add_mask(layer.create_mask(Gimp.AddMaskType.COPY)),
    }
    for kind, prepare in kinds.items():
        for uncut in (False, True):
            image = kit.new_image()
            opaque(image, "Below").set_offsets(0, 0)
            layer = kit.add_layer(image, "Photo", alpha=kind == "alpha")
            prepare(layer)
            before = seen(image)
            new = paint(image, layer, method="cutout", uncut=uncut)
            assert new.get_mode() == layer.get_mode(), kind
            assert new.get_opacity() == layer.get_opacity(), kind
            assert not layer.get_visible(), kind
            assert names(image.get_layers()) == [new.get_name(), "Photo", "Below"]
            unchanged(image, before, 0.5 / 255, f"{kind} {uncut}")


def check_wide_colors_stay_outside() -> None:
    """Values of 6.0 and negative ones, in a float image."""
    image = kit.new_image(None, Gimp.Precision.FLOAT_LINEAR)
    layer = opaque(image)
    wide = array("f", [6.0, -0.3, 0.5] * (WIDTH * HEIGHT))
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, WIDTH, HEIGHT), "RGB float", wide.tobytes())
    buffer.flush()
    before = values(layer, "RGB float")
    new = paint(image, layer, method="joint")
    after = values(new, "RGB float")
    for number in outside(image):
        x, y = number % kit.CANVAS[0] - PLACE[0], number // kit.CANVAS[0] - PLACE[1]
        if 0 <= x < WIDTH and 0 <= y < HEIGHT:
            at = 3 * (y * WIDTH + x)
            assert after[at : at + 3] == before[at : at + 3], (x, y)


def check_changes_during_a_run() -> None:
    """A moved or converted layer gets its result; a turned or resized one gets a file."""

    def move(image: Any, layer: Any) -> None:
        layer.set_offsets(3, 4)

    def to_gray(image: Any, layer: Any) -> None:
        image.convert_grayscale()

    def to_palette(image: Any, layer: Any) -> None:
        dither, palette = Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE
        image.convert_indexed(dither, palette, 16, False, False, "")

    def to_float(image: Any, layer: Any) -> None:
        image.convert_precision(Gimp.Precision.FLOAT_LINEAR)

    def edit(image: Any, layer: Any) -> None:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 15, 15)
        layer.edit_fill(Gimp.FillType.WHITE)
        Gimp.Selection.none(image)

    for change in (move, to_gray, to_palette, to_float, edit):
        with rescue.finishing() as (run, done):
            image, layer = run.request.image, run.request.content
            change(image, layer)
            delivery = rescue.finish(run, done)
        (new,) = delivery.layers
        assert new.get_offsets()[1:] == layer.get_offsets()[1:], change.__name__
        assert new.get_image() == image, change.__name__
        assert not delivery.aside

    def scale(image: Any, layer: Any) -> None:
        image.scale(200, 150)

    def crop(image: Any, layer: Any) -> None:
        image.crop(40, 40, 20, 5)

    def resize(image: Any, layer: Any) -> None:
        layer.resize(80, 70, 3, 3)

    def turn(image: Any, layer: Any) -> None:
        image.rotate(Gimp.RotationType.DEGREES90)

    def turn_over(image: Any, layer: Any) -> None:
        image.rotate(Gimp.RotationType.DEGREES180)

    def flip(image: Any, layer: Any) -> None:
        image.flip(Gimp.OrientationType.HORIZONTAL)

    for change in (scale, crop, resize, turn, turn_over, flip):
        with rescue.finishing() as (run, done):
            image, layer = run.request.image, run.request.content
            change(image, layer)
            image.clean_all()
            delivery = rescue.finish(run, done)
        assert not delivery.layers, change.__name__
        assert names(image.get_layers()) == ["Photo"], change.__name__
        assert not image.is_dirty(), change.__name__
        why, _, saved = delivery.notes[-1].partition(" The painting was saved as ")
        expected = (
            "The layer “Photo” was turned, flipped or repainted during the run."
            if change in (turn_over, flip)
            else "The layer “Photo” is no longer 64 × 48 pixels, as when the run started."
        )
        assert why == expected, delivery.notes
        path = gimp_run.Path(saved)
        assert path.suffix == ".xcf"
        assert parasites.settings_of(delivery.aside[0].get_layers()[0])
        path.unlink()


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
