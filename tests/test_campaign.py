"""A short slice of the campaign, and the campaign's own behavior when something is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.campaign.case_process import Finding, run_part
from tests.campaign.parts import PARTS, Part

SLICE = {
    "job_files": 400,
    "command_lines": 99,
    "pictures": 250,
    "arrays": 250,
    "streams": 200,
    "engine_kills": 4,
    "full_disk": 2,
}
"""Cases of the parts that are cheap."""


@pytest.mark.skipif(os.name == "nt", reason="the campaign forks and sends signals")
@pytest.mark.parametrize("name", SLICE)
def test_a_slice_of_the_campaign_finds_nothing(name: str, model: Path, tmp_path: Path) -> None:
    part = next(each for each in PARTS if each.name == name)
    if part.why_skipped():
        pytest.skip(part.why_skipped())
    first = 8 if name == "full_disk" else 1  # where a result no longer fits
    results = list(run_part(part, 1, first, SLICE[name], 120.0, tmp_path))
    assert [each for each in results if isinstance(each, Finding)] == []
    assert len(results) == SLICE[name]


@pytest.mark.skipif(os.name == "nt", reason="the campaign forks and sends signals")
def test_a_fault_an_exception_and_a_crash_are_found_and_can_be_repeated(tmp_path: Path) -> None:
    part = Part("faulty", "", 1)
    results = list(run_part(part, 5, 0, 6, 60.0, tmp_path))
    found = [each for each in results if isinstance(each, Finding)]
    assert [each.text for each in found] == [
        "faulty 1: a fault",
        "faulty 2: 'an exception'",
        "faulty 3: the process that tries it ended with status -11",
    ]
    assert found[0].command == (
        "PYTHON -m tests.campaign --only faulty --seed 5 --first 1 --cases 1"
    )
    assert [(each.folder / "input.txt").read_text() for each in found] == ["1", "2", "3"]
    again = list(run_part(part, 5, 4, 1, 60.0, tmp_path))
    assert again == results[4:5]
    assert results[4] != results[5]
    assert results[4] != next(iter(run_part(part, 6, 4, 1, 60.0, tmp_path)))


def test_every_part_has_a_module_that_says_what_it_does() -> None:
    for part in PARTS:
        module = part.load()
        assert module.__doc__
        assert callable(module.attempt)
