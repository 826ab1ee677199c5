"""The dialog's letters, lists, help and preview, in a real GIMP with a screen."""

from __future__ import annotations

import gettext
import shutil
from functools import cache
from pathlib import Path

import pytest

from engine.translations import DOMAIN, FOLDER, LANGUAGES
from tests.gimp.gimp_root import Gimp
from tests.gimp.launch import (
    asked_modules,
    check_names,
    forked_engines,
    make_scenes,
    run_checks,
)


@pytest.fixture
def failures(request: pytest.FixtureRequest, gimp: Gimp, module: str) -> dict[str, str]:
    """Return the failures of a module's checks; those without a screen reader share a GIMP."""
    asked = asked_modules(request)
    together = tuple(each for each in asked if (each == "spoken") == (module == "spoken"))
    found, printed = _run(gimp, together, screen=True)
    assert module in found, printed
    # GIMP complains of letters that are missing or used twice, unless rows are made without it.
    return {**found[module], "printed": printed if "mnemonic" in printed else ""}


_run = cache(run_checks)


@pytest.mark.parametrize("module", ["controls"])
@pytest.mark.parametrize("name", [*check_names("controls"), "printed"])
def test_the_dialogs_letters_lists_and_help_are_right(failures: dict[str, str], name: str) -> None:
    assert not failures[name], failures[name]


@pytest.mark.parametrize("module", ["preview_in_dialog"])
@pytest.mark.parametrize("name", check_names("preview_in_dialog"))
def test_the_preview_is_right(failures: dict[str, str], name: str) -> None:
    assert not failures[name], failures[name]


@pytest.mark.parametrize("module", ["spoken"])
@pytest.mark.parametrize("name", check_names("spoken"))
def test_a_screen_reader_is_told(failures: dict[str, str], name: str) -> None:
    assert not failures[name], failures[name]


def test_the_dialog_on_small_screens(gimp: Gimp) -> None:
    """It fits, scrolls, is sharp at scale 2, and remembers its size and the last style."""
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    make_scenes(gimp, f"make_small_screens('{gimp.checkout_inside}/docs/demo', 144)")
    shutil.rmtree(gimp.profile / "plug-in-settings", ignore_errors=True)
    files = f"{gimp.tmp_inside}/photo.xcf", f"{gimp.tmp_inside}/lines.png"
    with forked_engines(gimp):
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
