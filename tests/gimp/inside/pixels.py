"""Pixels: the engine receives what GIMP shows, and its result arrives in GIMP."""

from __future__ import annotations

import json
from array import array
from typing import Any, Callable

import kit
from gi.repository import Babl, Gegl, Gimp, GLib
from kit import HEIGHT, PLACE, WIDTH

PRECISION = Gimp.Precision
DEEP = 0.01
KINDS = {
    "rgb": (0, False, PRECISION.U8_NON_LINEAR, "", 0.51),
    "rgba": (0, True, PRECISION.U8_NON_LINEAR, "", 0.51),
    "gray": (1, False, PRECISION.U8_NON_LINEAR, "", 0.51),
    "gray with alpha": (1, True, PRECISION.U8_NON_LINEAR, "", 0.51),
    "indexed": (2, False, PRECISION.U8_NON_LINEAR, "", 0.0),
    "indexed with alpha": (2, True, PRECISION.U8_NON_LINEAR, "", 0.0),
    "8 bit linear": (0, True, PRECISION.U8_LINEAR, "", 0.51),
    "16 bit": (0, True, PRECISION.U16_NON_LINEAR, "", DEEP),
    "16 bit linear": (0, False, PRECISION.U16_LINEAR, "", DEEP),
    "32 bit": (0, True, PRECISION.U32_NON_LINEAR, "", DEEP),
    "half": (0, True, PRECISION.HALF_NON_LINEAR, "", 0.07),
    "half linear": (0, True, PRECISION.HALF_LINEAR, "", 0.07),
    "float": (0, True, PRECISION.FLOAT_NON_LINEAR, "", 0.001),
    "float linear": (0, True, PRECISION.FLOAT_LINEAR, "", 0.001),
    "double": (0, False, PRECISION.DOUBLE_NON_LINEAR, "", 0.001),
    "8 bit, Adobe RGB": (0, True, PRECISION.U8_NON_LINEAR, "adobe", 0.51),
    "16 bit, Adobe RGB": (0, True, PRECISION.U16_NON_LINEAR, "adobe", DEEP),
    "float, Adobe RGB": (0, True, PRECISION.FLOAT_LINEAR, "adobe", 0.001),
    "group": (0, True, PRECISION.U8_NON_LINEAR, "group", 0.51),
}
"""Base type, alpha, precision, what is special, and how exactly a result must arrive.

That is in levels of 255 of the image's own space and encoding: half of one for 8 bits, whatever the
profile. In sRGB's levels a half one of Adobe RGB may be twelve, since near sRGB's border one of its
channels is the difference of two of Adobe's.
"""


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
            # A selection is on_progress in 255 steps.
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
    new = kit.put(image, layer, path)
    assert new.get_name() == "Painted"
    assert new.get_offsets()[1:] == layer.get_offsets()[1:]
    assert (new.get_width(), new.get_height()) == (width, height)
    assert new.has_alpha() == layer.has_alpha()
    if base == 2:
        return  # a palette has what it has
    own = own_format(new)
    for x, y in kit.samples():
        wanted = values[4 * (y * width + x) :][:4]
        got = list(array("f", new.get_pixel(x, y).get_bytes(own).get_data()))
        for plane, (actual, desired) in enumerate(zip(got, in_format(wanted, own))):
            last = plane == len(got) - 1
            # The color of what cannot be seen is nobody's.
            if alpha and not last and wanted[3] < 0.02:
                continue
            kit.near(actual * 255, desired * 255, tolerance, f"{x},{y} plane {plane}")


def own_format(layer: Any) -> Any:
    """Return the layer's own space and encoding, in floating point."""
    form = layer.get_format()
    planes = Babl.format_get_encoding(form).rpartition(" ")[0]
    return Babl.format_with_space(f"{planes} float", form)


def in_format(srgb: Any, form: Any) -> list[float]:
    """Return a color of sRGB in another format, as GEGL's colors do it."""
    color = Gegl.Color()
    color.set_bytes(Babl.format("R'G'B'A float"), GLib.Bytes(array("f", srgb).tobytes()))
    return list(array("f", color.get_bytes(form).get_data()))


def check_adobe_by_formula() -> None:
    """Values stored in Adobe RGB are those of its definition, to half a level.

    The matrix is from sRGB's primaries to Adobe's, both of the white point D65.
    """
    import npy

    image, layer = make("8 bit, Adobe RGB")
    values = array("f", (kit.NOISE[i % len(kit.NOISE)] / 255 for i in range(WIDTH * HEIGHT * 4)))
    values[3::4] = array("f", [1.0]) * (WIDTH * HEIGHT)
    path = kit.TMP / "given.npy"
    path.write_bytes(npy.header((HEIGHT, WIDTH, 4)) + values.tobytes())
    new = kit.put(image, layer, path)
    for x, y in kit.samples():
        red, green, blue = map(linear, values[4 * (y * WIDTH + x) :][:3])
        adobe = (
            0.71512 * red + 0.28488 * green,
            green,
            0.04116 * green + 0.95884 * blue,
        )
        stored = new.get_pixel(x, y).get_bytes(new.get_format()).get_data()
        for plane, value in enumerate(adobe):
            desired = 255 * value ** (256 / 563)
            kit.near(stored[plane], desired, 0.75, f"{x},{y} plane {plane}")


def linear(value: float) -> float:
    """Return the light that a value of sRGB stands for."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def check_unpainted_stays() -> None:
    """Outside a hard region the bytes of 8-bit Adobe RGB come back to the last, within sRGB."""
    image, layer = make("8 bit, Adobe RGB")
    image.select_rectangle(Gimp.ChannelOps.REPLACE, PLACE[0], 0, 20, kit.CANVAS[1])
    new = kit.paint(image, layer, style=kit.style_file(), method="pinned", size=0)
    form = new.get_format()
    checked = 0
    for x, y in kit.samples(3):
        srgb = kit.pixel(layer, x, y)
        if x < 20 or srgb[3] == 0 or not all(0 <= value <= 1 for value in srgb[:3]):
            continue
        was, now = (bytes(each.get_pixel(x, y).get_bytes(form).get_data()) for each in (layer, new))
        assert was == now, f"{x},{y}: {list(was)} became {list(now)}"
        checked += 1
    assert checked > 100, checked


def check_beyond_srgb() -> None:
    """Colors that sRGB does not have are noticed, in images that can hold them."""
    import canvas

    path = kit.TMP / "wide.npy"
    for kind, expected in (("rgba", False), ("16 bit, Adobe RGB", True), ("float", True)):
        layer = make(kind)[1]
        assert not canvas.write_pixels(layer, path), kind
        buffer = layer.get_buffer()
        green = array("f", [-0.4, 1.0, -0.2, 1.0])
        buffer.set(Gegl.Rectangle.new(9, 9, 1, 1), "R'G'B'A float", green.tobytes())
        buffer.flush()
        assert canvas.write_pixels(layer, path) == expected, kind


def check_small(kind: str) -> None:
    """A small picture of a layer has its colors, in sRGB."""
    check_small_layer(make(kind)[1])


def check_small_filtered() -> None:
    """A small picture of a layer shows its filters."""
    layer = make("rgba")[1]
    layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "Invert"))
    check_small_layer(layer)


def check_small_layer(layer: Any) -> None:
    import canvas
    import rendering
    import small_pictures

    size = layer.get_width(), layer.get_height()
    found = small_pictures.small_picture(layer, size)
    assert (found.get_width(), found.get_height()) == size
    pixels, stride, planes = found.get_pixels(), found.get_rowstride(), found.get_n_channels()
    with rendering.rendered(layer) as shown:
        true = canvas.read_for_screen(shown, (0, 0, *size))
    error = total = 0
    for y in range(size[1]):
        for x in range(size[0]):
            here, there = y * stride + x * planes, 4 * (y * size[0] + x)
            if true[there + 3] > 50:  # the color of what is nearly transparent is uncertain
                parts = zip(pixels[here : here + 3], true[there : there + 3])
                error += sum(abs(a - b) for a, b in parts)
                total += 3
    kit.near(error / total, 0.0, 1.0, "the error in levels of 255")
    half = small_pictures.small_picture(layer, (size[0] // 2, 1000))
    assert (half.get_width(), half.get_height()) == (size[0] // 2, size[1] // 2)


SOME = ("rgba", "gray", "indexed", "16 bit", "float linear", "16 bit, Adobe RGB", "group")
"""Enough for a second GIMP, since each takes a second."""

CHECKS: dict[str, Callable[..., None]] = {}
for _kind in KINDS if Gimp.MINOR_VERSION == 0 else SOME:
    CHECKS[f"received: {_kind}"] = lambda kind=_kind: check_received(kind)
    CHECKS[f"small: {_kind}"] = lambda kind=_kind: check_small(kind)
    CHECKS[f"placed: {_kind}"] = lambda kind=_kind: check_placed(kind)
CHECKS["Adobe RGB by its formula"] = check_adobe_by_formula
CHECKS["small: filtered"] = check_small_filtered
CHECKS["what is not painted stays"] = check_unpainted_stays
CHECKS["colors beyond sRGB"] = check_beyond_srgb
