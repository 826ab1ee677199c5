"""GIMP with windows on a screen of its own, driven by keyboard and mouse."""

from __future__ import annotations

import json

from tests.gimp.gimp_root import Gimp

PHOTO = """
from gi.repository import Gimp, Gio
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({photo!r}))
image.scale(300, 200)
image.get_layers()[0].set_name("Photo")
file = Gio.File.new_for_path({xcf!r})
assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
"""


def test_painting_by_keyboard_and_mouse(gimp: Gimp) -> None:
    """Menu, dialog, live picture, Stop, Ctrl+Z, Cancel, GIMP's Cancel, a closed image."""
    demo = f"{gimp.checkout_inside}/docs/demo"
    photo = f"{gimp.tmp_inside}/photo.xcf"
    gimp.batch(PHOTO.format(photo=f"{demo}/photo.jpg", xcf=photo))
    script = f"{gimp.checkout_inside}/tests/gimp/inside/desktop.py"
    style = f"{demo}/style-oil.jpg"
    printed = gimp.run("python3", script, gimp.version, photo, style, seconds=400)
    seen = json.loads(printed.partition("SEEN ")[2])
    assert seen["saved"].endswith(".xcf"), printed
    # Cancel may take a second, and what GIMP kills is gone after two.
    assert seen["cancel"] < 1.0, seen
    assert seen["status bar cancel"] < 2.0, seen
