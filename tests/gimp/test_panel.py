"""The dialog's letters, lists, help and preview, in a real GIMP with a screen."""

from __future__ import annotations

import gettext
import json
import shutil
from functools import cache
from pathlib import Path

import pytest

from engine.translations import DOMAIN, FOLDER, LANGUAGES
from tests.gimp.gimp_root import Gimp
from tests.gimp.launch import check_names, make_scenes


@cache
def results(gimp: Gimp, module: str = "controls") -> dict[str, str]:
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    command = ("python3", f"{inside}/with_screen.py", gimp.version, inside, module)
    printed = gimp.run(*command)
    found: dict[str, str] = json.loads((gimp.tmp / f"{module}.json").read_text(encoding="utf-8"))
    # GIMP complains of letters that are missing or used twice, unless rows are made without it.
    found["printed"] = printed if "mnemonic" in printed else ""
    return found


@pytest.mark.parametrize("name", [*check_names("controls"), "printed"])
def test_the_dialogs_letters_lists_and_help_are_right(gimp: Gimp, name: str) -> None:
    failure = results(gimp)[name]
    assert not failure, failure


@pytest.mark.parametrize("name", check_names("preview_in_dialog"))
def test_the_preview_is_right(gimp: Gimp, name: str) -> None:
    failure = results(gimp, "preview_in_dialog")[name]
    assert not failure, failure


@pytest.mark.parametrize("name", check_names("spoken"))
def test_a_screen_reader_is_told(gimp: Gimp, name: str) -> None:
    failure = results(gimp, "spoken")[name]
    assert not failure, failure


def test_the_dialog_on_small_screens(gimp: Gimp) -> None:
    """It fits, scrolls, is sharp at scale 2, and remembers its size and the last style."""
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    make_scenes(gimp, f"make_small_screens('{gimp.checkout_inside}/docs/demo', 144)")
    shutil.rmtree(gimp.profile / "plug-in-settings", ignore_errors=True)
    files = f"{gimp.tmp_inside}/photo.xcf", f"{gimp.tmp_inside}/lines.png"
    gimp.run("python3", f"{inside}/small_screens.py", gimp.version, *files, seconds=200)


@pytest.mark.parametrize("language", LANGUAGES)
def test_gimps_own_buttons_have_the_letters_that_ours_leave_free(gimp: Gimp, language: str) -> None:
    root = gimp.root or Path("/")
    theirs = gettext.translation("gimp30-libgimp", root / "usr/share/locale", [language])
    ours = gettext.translation(DOMAIN, FOLDER, [language])
    for text in ("_Load Saved Settings", "_Save Settings", "_Reset", "_Cancel"):
        letters = [_letter(catalog.gettext(text)) for catalog in (theirs, ours)]
        assert letters[0] == letters[1], text


def _letter(label: str) -> str:
    """Return the access key in a label."""
    return label.partition("_")[2][:1].lower()
