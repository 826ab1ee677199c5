"""The images that the tests with windows open; run inside GIMP."""

from __future__ import annotations

from typing import Any

import kit
from gi.repository import Gegl, Gimp, Gio

PHOTO = (150, 100)
"""Pixels of the photograph, which the tests with windows paint with all layers of the network."""


def file_of(name: str) -> Any:
    return Gio.File.new_for_path(str(kit.TMP / f"{name}.xcf"))


def save(image: Any, name: str) -> None:
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file_of(name), None)
    image.delete()


def load(path: str, width: int, height: int, name: str) -> Any:
    file = Gio.File.new_for_path(path)
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    image.scale(width, height)
    image.get_layers()[0].set_name(name)
    return image


def make(demo: str) -> None:
    """Save a photograph, one with two paintings and a selection, and what cannot be painted."""
    save(load(f"{demo}/photo.jpg", *PHOTO, "Photo"), "photo")
    scene = load(f"{demo}/photo.jpg", 120, 80, "Photo")
    photo = scene.get_layers()[0]
    for name, file in (("Wood", "style-woodcut.jpg"), ("Oil", "style-oil.jpg")):
        style = Gimp.file_load_layer(
            Gimp.RunMode.NONINTERACTIVE, scene, Gio.File.new_for_path(f"{demo}/{file}")
        )
        scene.insert_layer(style, None, 0)
        style.scale(120, 80, False)
        style.set_name(name)
        style.set_visible(False)
    scene.select_ellipse(Gimp.ChannelOps.REPLACE, 10, 5, 70, 50)
    Gimp.Selection.feather(scene, 8)
    channel = Gimp.Channel.new(scene, "Sky", 120, 80, 50.0, Gegl.Color.new("red"))
    scene.insert_channel(channel, None, 0)
    scene.set_selected_layers([photo])
    save(scene, "scene")
    for name, base in (("gray", Gimp.ImageBaseType.GRAY), ("indexed", Gimp.ImageBaseType.RGB)):
        image = kit.new_image(base)
        kit.add_layer(image, "Photo", alpha=False)
        if name == "indexed":
            dither, palette = Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE
            image.convert_indexed(dither, palette, 16, False, False, "")
        save(image, name)
    make_refused()


def make_small_screens(demo: str, side: int) -> None:
    """Save a photograph, and a picture of upright lines one pixel wide."""
    save(load(f"{demo}/photo.jpg", *PHOTO, "Photo"), "photo")
    image = Gimp.Image.new(side, side, Gimp.ImageBaseType.GRAY)
    layer = Gimp.Layer.new(
        image, "Lines", side, side, Gimp.ImageType.GRAY_IMAGE, 100.0, Gimp.LayerMode.NORMAL
    )
    image.insert_layer(layer, None, 0)
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, side, side), "Y' u8", bytes([0, 255]) * (side * side // 2))
    buffer.flush()
    file = Gio.File.new_for_path(str(kit.TMP / "lines.png"))
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    image.delete()


def make_example(photo: str) -> None:
    """Save the photograph of the example with its sky selected, as docs/gimp.md says."""
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    layer = image.get_layers()[0]
    layer.set_name("Pagoda")
    width, height = layer.get_width(), layer.get_height()
    Gimp.context_set_defaults()
    Gimp.context_set_sample_threshold_int(45)
    image.select_contiguous_color(Gimp.ChannelOps.REPLACE, layer, 450, 60)
    image.select_contiguous_color(Gimp.ChannelOps.ADD, layer, 5, 5)
    image.select_rectangle(Gimp.ChannelOps.SUBTRACT, 0, 205, width, height - 205)
    Gimp.Selection.feather(image, 15)
    save(image, "pagoda")


def make_large() -> None:
    """Save a layer of 4000x3000 pixels with alpha under a feathered selection."""
    width, height = 4000, 3000
    image = Gimp.Image.new(width, height, Gimp.ImageBaseType.RGB)
    kit.add_layer(image, "Photo", size=(width, height), place=(0, 0))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 500, 500, 2000, 1500)
    Gimp.Selection.feather(image, 100)
    save(image, "large")


def make_refused() -> None:
    image, layer = kit.photo()
    image.set_selected_layers([layer, kit.add_layer(image, "Other")])
    save(image, "two")
    image, layer = kit.photo()
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.WHITE))
    layer.set_edit_mask(True)
    save(image, "mask")
    image, _ = kit.photo()
    channel = Gimp.Channel.new(image, "Sky", *kit.CANVAS, 50.0, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    image.set_selected_channels([channel])
    save(image, "channel")
    image = kit.new_image()
    kit.add_layer(image, "Tiny", size=(15, 40))
    save(image, "tiny")
    image = kit.new_image()
    kind = Gimp.ImageType.RGBA_IMAGE
    empty = Gimp.Layer.new(image, "Empty", 40, 40, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(empty, None, 0)
    save(image, "empty")


def check_saved() -> None:
    """A painting saved because its layer is gone is complete, and carries its settings."""
    photo = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file_of("photo")).get_layers()[0]
    for name in ("layer-deleted", "image-closed"):
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file_of(name))
        (layer,) = image.get_layers()
        assert (layer.get_width(), layer.get_height()) == PHOTO, name
        assert layer.get_parasite("scumble-settings"), name
        places = [(x, y) for y in range(2, PHOTO[1], 5) for x in range(2, PHOTO[0], 5)]
        changes = [
            max(abs(a - b) for a, b in zip(kit.pixel(layer, *at), kit.pixel(photo, *at)))
            for at in places
        ]
        assert sum(change > 0.02 for change in changes) > len(places) / 2, (name, sorted(changes))
        image.delete()
