"""Checks inside a real GIMP without windows: each module of them is one launch."""

from __future__ import annotations

from functools import cache

import pytest

from engine import __version__
from tests.gimp.gimp_root import Gimp
from tests.gimp.launch import check_names, run_checks

FORMATS = ("avif", "heic", "jxl", "psd", "xcf", "svg", "bmp", "gif")


@cache
def results(gimp: Gimp, module: str) -> dict[str, str]:
    return run_checks(gimp, module)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (module, name)
        for module in ("again", "behavior", "interrupted", "layers", "look", "refusals", "rescue")
        for name in check_names(module)
    ],
)
def test_the_filter_inside_gimp(gimp: Gimp, module: str, name: str) -> None:
    failure = results(gimp, module)[name]
    assert not failure, failure


@pytest.mark.parametrize("name", [*(f"format {each}" for each in FORMATS), "what is no picture"])
def test_whatever_gimp_opens_is_a_style_and_a_mask(gimp: Gimp, name: str) -> None:
    failure = results(gimp, "formats")[name]
    if "GIMP here opens no such file" in failure:
        pytest.skip(f"GIMP {gimp.version} on this machine opens no {name.rpartition(' ')[2]}")
    assert not failure, failure


def test_the_engine_receives_what_gimp_shows_and_its_result_arrives(gimp: Gimp) -> None:
    found = results(gimp, "pixels")
    failures = {name: failure for name, failure in found.items() if failure}
    assert not failures, "\n".join(f"{name}\n{failure}" for name, failure in failures.items())
    assert len(found) == (61 if gimp.version == "3.0" else 25)


def test_a_killed_plugin_leaves_nothing(gimp: Gimp) -> None:
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    printed = gimp.run("python3", f"{inside}/killed.py", gimp.version, inside, seconds=120)
    assert "GONE" in printed


def test_the_doctor_lists_the_plugin(gimp: Gimp) -> None:
    command = f"{gimp.home_inside}/.local/share/scumble/bin/scumble"
    printed = gimp.run(command, "doctor")
    folder = f"{gimp.home_inside}/.config/GIMP/{gimp.version}/plug-ins/scumble"
    assert f"GIMP {gimp.version}: version {__version__}, in {folder}" in printed
