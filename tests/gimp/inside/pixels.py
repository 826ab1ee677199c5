"""What the engine receives is what GIMP shows, and what it gives back arrives."""

from __future__ import annotations

import json
from array import array
from typing import Any

import kit
from gi.repository import Gimp
from kit import HEIGHT, PLACE, WIDTH

PRECISION = Gimp.Precision
KINDS = {
    "rgb": (0, False, PRECISION.U8_NON_LINEAR, "", 1),
    "rgba": (0, True, PRECISION.U8_NON_LINEAR, "", 1),
    "grey": (1, False, PRECISION.U8_NON_LINEAR, "", 1),
    "grey with alpha": (1, True, PRECISION.U8_NON_LINEAR, "", 1),
    "indexed": (2, False, PRECISION.U8_NON_LINEAR, "", 255),
    "indexed with alpha": (2, True, PRECISION.U8_NON_LINEAR, "", 255),
    "8 bit linear": (0, True, PRECISION.U8_LINEAR, "", 12),
    "16 bit": (0, True, PRECISION.U16_NON_LINEAR, "", 0.01),
    "16 bit linear": (0, False, PRECISION.U16_LINEAR, "", 0.1),
    "32 bit": (0, True, PRECISION.U32_NON_LINEAR, "", 0.01),
    "half": (0, True, PRECISION.HALF_NON_LINEAR, "", 0.2),
    "half linear": (0, True, PRECISION.HALF_LINEAR, "", 0.2),
    "float": (0, True, PRECISION.FLOAT_NON_LINEAR, "", 0.001),
    "float linear": (0, True, PRECISION.FLOAT_LINEAR, "", 0.001),
    "double": (0, False, PRECISION.DOUBLE_NON_LINEAR, "", 0.001),
    "8 bit, Adobe RGB": (0, True, PRECISION.U8_NON_LINEAR, "adobe", 12),
    "16 bit, Adobe RGB": (0, True, PRECISION.U16_NON_LINEAR, "adobe", 0.2),
    "float, Adobe RGB": (0, True, PRECISION.FLOAT_LINEAR, "adobe", 0.01),
    "group": (0, True, PRECISION.U8_NON_LINEAR, "group", 1),
}
"""Base type, alpha, precision, what is special, and how exactly 255 levels can be held."""


def make(kind: str) -> tuple[Any, Any]:
    """Return an image of this kind and its layer to paint."""
    base, alpha, precision, special, _ = KINDS[kind]
    rgb = Gimp.ImageBaseType.RGB
    image = kit.new_image(Gimp.ImageBaseType(base) if base != 2 else rgb, precision)
    if special == "adobe":
        image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
    if special == "group":
        group = Gimp.GroupLayer.new(image, "Photo")
        image.insert_layer(group, None, 0)
        kit.add_layer(image, "Below", parent=group, alpha=False)
        kit.add_layer(image, "Above", parent=group, size=(30, 20), place=(20, 5))
        return image, group
    layer = kit.add_layer(image, "Photo", alpha=alpha)
    if base == 2:
        dither, palette = Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE
        image.convert_indexed(dither, palette, 64, False, False, "")
    return image, layer


def add_masks(image: Any) -> dict[str, Any]:
    """Add a drawable for every kind of mask; return what can be selected from each."""
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 2, 50, 40)
    Gimp.Selection.feather(image, 15)
    channel = Gimp.Selection.save(image)
    channel.set_name("Sky")
    masked = kit.add_layer(image, "Masked", size=(50, 40), place=(5, 3))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 12, 8, 60, 17)
    Gimp.Selection.feather(image, 9)
    masked.add_mask(masked.create_mask(Gimp.AddMaskType.SELECTION))
    glass = kit.add_layer(image, "Glass", size=(70, 30), place=(-4, 11))
    return {"channel:Sky": channel, "mask:Masked": masked.get_mask(), "alpha:Glass": glass}


def select(image: Any) -> None:
    """Select softly, beyond the layer and beyond the canvas."""
    image.select_ellipse(Gimp.ChannelOps.REPLACE, -10, -15, 70, 60)
    Gimp.Selection.feather(image, 20)


def expected_mask(image: Any, x: int, y: int) -> float:
    """Return how much of a pixel of the layer is selected; outside the canvas nothing is."""
    across, down = x + PLACE[0], y + PLACE[1]
    if not (0 <= across < kit.CANVAS[0] and 0 <= down < kit.CANVAS[1]):
        return 0.0
    return kit.selected(image, across, down)


def check_received(kind: str) -> None:
    """Every kind of mask on this kind of content, as the engine gets them."""
    image, layer = make(kind)
    masks = add_masks(image)
    words = ["", "selection", "outside", *masks]
    expected = {}
    for word, item in masks.items():
        image.select_item(Gimp.ChannelOps.REPLACE, item)
        expected[word] = {at: expected_mask(image, *at) for at in kit.samples()}
        if word == "alpha:Glass":  # a layer's own alpha, beyond the canvas too
            expected[word].update(glass(item))
    select(image)
    inside = {at: expected_mask(image, *at) for at in kit.samples()}
    expected["selection"] = inside
    expected["outside"] = {at: 1.0 - value for at, value in inside.items()}
    regions = [kit.region(mask=word) for word in words]
    regions[1]["style"] = "layer:Glass"
    kit.paint(image, layer, regions=json.dumps(regions))

    shape, values = kit.recorded_array("content.npy")
    assert shape == (HEIGHT, WIDTH, 4), shape
    for x, y in kit.samples():
        got = values[4 * (y * WIDTH + x) :][:4]
        for plane, (actual, desired) in enumerate(zip(got, kit.pixel(layer, x, y))):
            kit.near(actual, desired, 2e-4, f"content {x},{y} plane {plane}")
    shape, values = kit.recorded_array("style-2.npy")
    assert shape == (30, 70, 4), shape
    style = image.get_layer_by_name("Glass")
    for x, y in ((0, 0), (35, 15), (69, 29)):
        for plane, desired in enumerate(kit.pixel(style, x, y)):
            kit.near(values[4 * (y * 70 + x) + plane], desired, 2e-4, f"style {x},{y}")
    job = kit.recorded_job()
    assert [each["mask"] for each in job["regions"]] == [
        *("", "mask-2.npy", "mask-3.npy", "mask-4.npy", "mask-5.npy", "mask-6.npy")
    ]
    for number, word in enumerate(words, 1):
        if word not in expected:
            continue
        shape, values = kit.recorded_array(f"mask-{number}.npy")
        assert shape == (HEIGHT, WIDTH), shape
        soft = [value for value in values if 0.02 < value < 0.98]
        assert len(soft) > 50, f"{word}: {len(soft)} soft values"
        for (x, y), desired in expected[word].items():
            # A selection is told in 255 steps.
            kit.near(values[y * WIDTH + x], desired, 0.5 / 255 + 1e-4, f"{word} {x},{y}")


def glass(layer: Any) -> dict[tuple[int, int], float]:
    """Return the layer's alpha at the samples; nothing where the layer is not."""
    found = {}
    for x, y in kit.samples():
        across, down = x + PLACE[0] + 4, y + PLACE[1] - 11
        there = 0 <= across < 70 and 0 <= down < 30
        found[x, y] = kit.pixel(layer, across, down)[3] if there else 0.0
    return found


def check_placed(kind: str) -> None:
    """A result arrives in this kind of image as it is."""
    import npy
    import results

    image, layer = make(kind)
    base, alpha, _, _, tolerance = KINDS[kind]
    width, height = layer.get_width(), layer.get_height()
    planes = 4
    values = array(
        "f", (kit.NOISE[-i % len(kit.NOISE)] / 255 for i in range(width * height * planes))
    )
    if not alpha:
        values[3::4] = array("f", [1.0]) * (width * height)
    if base == 1:
        values[1::4] = values[2::4] = values[0::4]
    path = kit.TMP / "given.npy"
    path.write_bytes(npy.header((height, width, planes)) + values.tobytes())
    made = results.place(image, layer, results.Result("Painted", "{}", path))
    assert [each.get_name() for each in made] == ["Painted"]
    new = made[0]
    assert new.get_offsets()[1:] == layer.get_offsets()[1:]
    assert (new.get_width(), new.get_height()) == (width, height)
    assert new.has_alpha() == layer.has_alpha()
    for x, y in kit.samples():
        got = kit.pixel(new, x, y)
        wanted = values[4 * (y * width + x) :][:4]
        for plane, (actual, desired) in enumerate(zip(got, wanted)):
            # The colour of what cannot be seen is nobody's; profiles bound the gamut.
            if plane < 3 and wanted[3] < 0.02:
                continue
            allowed = 0.51 if plane == 3 and base != 2 and tolerance >= 1 else tolerance
            kit.near(actual * 255, desired * 255, allowed, f"{x},{y} plane {plane}")


SOME = ("rgba", "grey", "indexed", "16 bit", "float linear", "16 bit, Adobe RGB", "group")
"""Enough for a second GIMP, since each takes a second."""

CHECKS = {}
for _kind in KINDS if Gimp.MINOR_VERSION == 0 else SOME:
    CHECKS[f"received: {_kind}"] = lambda kind=_kind: check_received(kind)
    CHECKS[f"placed: {_kind}"] = lambda kind=_kind: check_placed(kind)
