"""Layers with masks: what was painted, and its region as a layer mask that can be repainted."""

from __future__ import annotations

import json

import kit
from gi.repository import Gimp, Gio
from kit import PLACE, names, opaque_photo


def check_group() -> None:
    """With stitch, layers with masks are a group whose look is the stitched picture."""
    image, layer = opaque_photo()
    layer.add_alpha()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, -5, 50, 40)
    Gimp.Selection.feather(image, 25)
    other = kit.TMP / "dark.png"
    dark = kit.new_image()
    kit.add_layer(dark, "Dark", alpha=False).invert(False)
    kit_file = Gio.File.new_for_path(str(other))
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, dark, kit_file, None)
    regions = json.dumps(
        [kit.region(mask="selection", name="A"), kit.region(other, mask="rest", name="B")]
    )
    options = {"regions": regions, "method": "stitch", "iterations": 3, "strength": 10.0, "size": 0}
    group = kit.paint(image, layer, uncut=True, **options)
    assert group.is_group()
    assert names(group.get_children()) == ["A", "B"]
    assert group.get_offsets()[1:] == PLACE
    assert names(image.get_layers()) == [group.get_name(), "Photo"]
    for child in group.get_children():
        assert child.get_parasite("scumble-settings")
    first, second = (child.get_mask() for child in group.get_children())
    single = kit.paint(image, layer, **options)
    assert not single.is_group()
    soft = 0
    for x, y in kit.samples():
        desired = kit.selected(image, x + PLACE[0], y + PLACE[1]) if y >= -PLACE[1] else 0.0
        kit.near(kit.pixel(first, x, y, "Y float")[0], desired, 0.003, f"mask A {x},{y}")
        kit.near(kit.pixel(second, x, y, "Y float")[0], 1 - desired, 0.005, f"mask B {x},{y}")
        soft += 0.1 < desired < 0.9
        shown, stitched = kit.pixel(group, x, y), kit.pixel(single, x, y)
        if stitched[3] > 0.1:
            for plane in range(4):
                kit.near(shown[plane] * 255, stitched[plane] * 255, 4.0, f"look {x},{y}")
    assert soft > 10, soft


def check_overlap() -> None:
    """Overlapping masks add up to one, and what none covers stays clear."""
    image, layer = opaque_photo()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 13, 0, 40, 70)
    left = Gimp.Selection.save(image)
    left.set_name("left")
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 33, 0, 30, 70)
    regions = json.dumps([kit.region(mask="channel:left"), kit.region(mask="selection")])
    group = kit.paint(image, layer, regions=regions, method="stitch", uncut=True)
    first, second = (child.get_mask() for child in group.get_children())
    for x, wanted in ((5, (1, 0)), (30, (0.5, 0.5)), (45, (0, 1)), (60, (0, 0))):
        kit.near(kit.pixel(first, x, 30, "Y float")[0], wanted[0], 0.01, f"A {x}")
        kit.near(kit.pixel(second, x, 30, "Y float")[0], wanted[1], 0.01, f"B {x}")


def check_uncut_is_ignored_by_methods_that_do_not_cut_out() -> None:
    """With another method it is no mistake: there is one layer, and the engine is not asked."""
    image, layer = opaque_photo()
    for method in ("joint", "stitch", "auto"):
        new = kit.paint(image, layer, style=kit.style_file(), method=method, uncut=True)
        assert not new.is_group()
        assert not new.get_mask(), "the whole layer needs no mask"
        assert kit.recorded_job()["uncut"] is (method != "joint")


def check_a_masked_layer_looks_like_one_without() -> None:
    """One style on a soft selection: the paint continues below the mask, in one undo step."""
    image = kit.new_image()
    layer = kit.add_layer(image, "Photo", alpha=False)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    Gimp.Selection.feather(image, 6)
    options = {"style": kit.style_file(), "mask": image.get_selection(), "iterations": 3}
    plain = kit.paint(image, layer, size=0, **options)
    shown = [kit.pixel(plain, x, y) for x, y in kit.samples()]
    plain.set_visible(False)
    masked = kit.paint(image, layer, size=0, uncut=True, **options)
    assert masked.get_parasite("scumble-settings")
    assert masked.get_offsets()[1:] == PLACE
    assert not masked.get_edit_mask(), "the layer is chosen, not its mask"
    beyond = soft = 0
    look = Gimp.Layer.new_from_visible(image, image, "Look")
    image.insert_layer(look, None, 0)
    for (x, y), wanted in zip(kit.samples(), shown):
        across, down = x + PLACE[0], y + PLACE[1]
        if not (0 <= across < kit.CANVAS[0] and 0 <= down < kit.CANVAS[1]):
            continue
        value = kit.pixel(masked.get_mask(), x, y, "Y float")[0]
        soft += 0.1 < value < 0.9
        seen = kit.pixel(look, across, down)
        for plane in range(3):
            kit.near(seen[plane] * 255, wanted[plane] * 255, 3.0, f"look {x},{y}")
        under = kit.pixel(masked, x, y)
        beyond += value < 0.02 and max(abs(a - b) for a, b in zip(under, wanted)) > 0.02
    assert soft > 5, soft
    assert beyond > 5, beyond


def check_a_content_with_a_mask_of_its_own() -> None:
    """Its mask goes over the group, and the region's stays inside."""
    image, layer = opaque_photo()
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.WHITE))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    options = {"style": kit.style_file(), "mask": image.get_selection()}
    group = kit.paint(image, layer, uncut=True, **options)
    (child,) = group.get_children()
    assert not group.get_edit_mask()
    assert not child.get_edit_mask()
    kit.near(kit.pixel(group.get_mask(), 2, 40, "Y float")[0], 1.0, 0.01, "the content's")
    kit.near(kit.pixel(child.get_mask(), 2, 40, "Y float")[0], 0.0, 0.01, "the region's")


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
