"""Names and paths of Windows, made up; and names that are too long for any system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import PictureError
from engine.files import why_not_writable
from engine.job import Job, Region
from engine.output_files import check_files
from engine.windows_names import LONGEST, why_no_name, why_too_long
from tests.engine.programs import make_pictures


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("C:\\art\\CON.png", "name of a device"),
        ("nul", "name of a device"),
        ("aux .tar.png", "name of a device"),
        ("out/Com1.jpg", "name of a device"),
        ("lpt\u00b2.npy", "name of a device"),
        ("out:1.png", "no ':'"),
        ("C:\\art\\what?.png", "no '?'"),
        ("a\tb.png", "no '\\t'"),
        ("out.png ", "dot or a space"),
        ("out.", "dot or a space"),
    ],
)
def test_names_that_windows_does_not_have(name: str, words: str) -> None:
    found = why_no_name(name, windows=True)
    assert words in found
    assert found.isprintable()
    assert found.endswith(".")
    assert why_no_name(name, windows=False) == ""


@pytest.mark.parametrize("name", ["C:\\art\\out.png", "console.png", "com0.png", "COM10.png", "ä"])
def test_names_that_windows_has(name: str) -> None:
    assert why_no_name(name, windows=True) == ""


def test_paths_that_windows_finds_too_long() -> None:
    longest = "C:\\" + "a" * (LONGEST - 3)
    assert why_too_long(longest, windows=True) == ""
    assert "has 260 characters" in why_too_long(longest + "a", windows=True)
    assert why_too_long(longest + "a", windows=False) == ""


def test_a_name_that_is_too_long_is_refused_before_the_run(tmp_path: Path) -> None:
    make_pictures(tmp_path)
    name = "a" * 300 + ".png"
    assert why_not_writable(tmp_path / name).endswith("cannot be written: File name too long.")
    regions = (Region(str(tmp_path / "oil.png")),)
    job = Job(str(tmp_path / "content.png"), str(tmp_path / name), regions=regions)
    with pytest.raises(PictureError, match="too long"):
        check_files(job)
    # With the number of each style's own picture it is too long, and not without.
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    name = "a" * (longest - 4) + ".png"
    job = Job(job.content, str(tmp_path / name), regions=regions)
    check_files(job)
    job = Job(job.content, job.output, regions=regions, uncut=True)
    with pytest.raises(PictureError, match="too long"):
        check_files(job)
