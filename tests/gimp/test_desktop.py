"""GIMP with windows on a screen of its own, driven by keyboard and mouse."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.gimp.gimp_root import Gimp
from tests.gimp.launch import forked_engines, make_scenes, run_in_gimp

OPENED = ("mask", "channel", "tiny", "empty", "gray", "indexed", "scene")
"""The images that the test by mouse has open; the last one is in front."""


@pytest.fixture(scope="module")
def inside(gimp: Gimp) -> str:
    """Make the images to open; return the folder of what runs beside GIMP."""
    folder = f"{gimp.checkout_inside}/tests/gimp/inside"
    make_scenes(gimp, f"make('{gimp.checkout_inside}/docs/demo')")
    return folder


def drive(gimp: Gimp, inside: str, script: str, *arguments: str) -> dict:
    """Run a script beside GIMP, whose filter has never been used yet; return what it saw."""
    shutil.rmtree(gimp.profile / "plug-in-settings", ignore_errors=True)
    printed = gimp.run("python3", f"{inside}/{script}", gimp.version, *arguments, seconds=400)
    return json.loads(printed.partition("SEEN ")[2])


def test_painting_by_keyboard(gimp: Gimp, inside: str) -> None:
    """Menu, dialog, live picture, Stop, Ctrl+Z, Cancel, GIMP's Cancel, a layer that is lost."""
    style = f"{gimp.checkout_inside}/docs/demo/style-oil.jpg"
    photo = f"{gimp.tmp_inside}/photo.xcf"
    seen = drive(gimp, inside, "desktop.py", photo, style)
    # Cancel may take a second, and what GIMP kills is gone after two.
    assert seen["cancel"] < 1.0, seen
    assert seen["status bar cancel"] < 2.0, seen
    assert len(set(seen["saved"])) == 2, seen
    make_scenes(gimp, "check_saved()")


def test_the_live_window_and_painting_again(gimp: Gimp, inside: str) -> None:
    """An interrupted painting, Before, 1:1, More, the desktop's notice, Repeat Last, two layers."""
    style = f"{gimp.checkout_inside}/docs/demo/style-oil.jpg"
    files = [f"{gimp.tmp_inside}/{name}.xcf" for name in ("photo", "two")]
    run_in_gimp(gimp, "interrupted", f"leave_one({files[0]!r})")
    seen = drive(gimp, inside, "live.py", *files, style)
    assert seen["notices"] == [["The painting is done", "photo.xcf"]]
    assert seen["more"] == {"init": "picture", "init_picture": "start.npy", "scales": 1}
    assert seen["again"] == {"init": "picture", "iterations": 6}


def test_the_dialog_by_mouse(gimp: Gimp, inside: str) -> None:
    """Regions, numbers, presets, reset, help, and what cannot be painted."""
    files = [f"{gimp.tmp_inside}/{name}.xcf" for name in OPENED]
    with forked_engines(gimp):
        asked = drive(gimp, inside, "mouse.py", *files)
    regions = [
        (each["name"], each["style"], each["mask"], each["weight"], each["style_size"])
        for each in asked["regions"]
    ]
    assert regions == [
        ("Oil", "style-1.npy", "mask-1.npy", 1.3, 1.0),
        ("Wood", "style-2.npy", "rest", 1.0, 0.9),
    ]
    assert asked["iterations"] == 3
