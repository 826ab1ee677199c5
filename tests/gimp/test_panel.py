"""The dialog's letters, lists and help, in a real GIMP with a screen but no window manager."""

from __future__ import annotations

import json
import shutil
from functools import cache

import pytest

from tests.gimp.gimp_root import Gimp
from tests.gimp.launch import check_names, make_scenes


@cache
def results(gimp: Gimp) -> dict[str, str]:
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    command = ("python3", f"{inside}/with_screen.py", gimp.version, inside, "panel")
    printed = gimp.run(*command)
    found: dict[str, str] = json.loads((gimp.tmp / "panel.json").read_text(encoding="utf-8"))
    # GIMP complains of letters that are missing or used twice, unless rows are made without it.
    found["printed"] = printed if "mnemonic" in printed else ""
    return found


@pytest.mark.parametrize("name", [*check_names("panel"), "printed"])
def test_the_dialogs_letters_lists_and_help_are_right(gimp: Gimp, name: str) -> None:
    failure = results(gimp)[name]
    assert not failure, failure


def test_the_dialog_on_small_screens(gimp: Gimp) -> None:
    """It fits, scrolls, is sharp at scale 2, and remembers its size and the last style."""
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    make_scenes(gimp, f"make_small_screens('{gimp.checkout_inside}/docs/demo', 144)")
    shutil.rmtree(gimp.profile / "plug-in-settings", ignore_errors=True)
    files = f"{gimp.tmp_inside}/photo.xcf", f"{gimp.tmp_inside}/lines.png"
    gimp.run("python3", f"{inside}/small_screens.py", gimp.version, *files, seconds=200)
