"""Checks inside a real GIMP without windows; all modules of them are one launch."""

from __future__ import annotations

from functools import cache

import pytest

from engine import __version__
from tests.gimp.gimp_root import Gimp
from tests.gimp.launch import asked_modules, check_names, run_checks

FORMATS = ("avif", "heic", "jxl", "psd", "xcf", "svg", "bmp", "gif")


@pytest.fixture
def failures(request: pytest.FixtureRequest, gimp: Gimp, module: str) -> dict[str, str]:
    """Return the failures of a module's checks; all modules that are asked for share a GIMP."""
    found, printed = _run(gimp, asked_modules(request))
    assert module in found, printed
    return found[module]


_run = cache(run_checks)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (module, name)
        for module in ("again", "behavior", "interrupted", "layers", "look", "refusals", "rescue")
        for name in check_names(module)
    ],
)
def test_the_filter_inside_gimp(failures: dict[str, str], name: str) -> None:
    assert not failures[name], failures[name]


@pytest.mark.parametrize("module", ["formats"])
@pytest.mark.parametrize("name", [*(f"format {each}" for each in FORMATS), "what is no picture"])
def test_whatever_gimp_opens_is_a_style_and_a_mask(
    gimp: Gimp, failures: dict[str, str], name: str
) -> None:
    if "GIMP here opens no such file" in failures[name]:
        pytest.skip(f"GIMP {gimp.version} on this machine opens no {name.rpartition(' ')[2]}")
    assert not failures[name], failures[name]


@pytest.mark.parametrize("module", ["pixels"])
def test_the_engine_receives_what_gimp_shows_and_its_result_arrives(
    gimp: Gimp, failures: dict[str, str]
) -> None:
    failed = {name: failure for name, failure in failures.items() if failure}
    assert not failed, "\n".join(f"{name}\n{failure}" for name, failure in failed.items())
    assert len(failures) == (61 if gimp.version == "3.0" else 25)


def test_a_killed_plugin_leaves_nothing(gimp: Gimp) -> None:
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    printed = gimp.run("python3", f"{inside}/killed.py", gimp.version, inside, seconds=120)
    assert "GONE" in printed


def test_the_doctor_lists_the_plugin(gimp: Gimp) -> None:
    command = f"{gimp.home_inside}/.local/share/scumble/bin/scumble"
    printed = gimp.run(command, "doctor")
    folder = f"{gimp.home_inside}/.config/GIMP/{gimp.version}/plug-ins/scumble"
    assert f"GIMP {gimp.version}: version {__version__}, in {folder}" in printed
