"""`scumble estimate` and `--dry-run` as a user runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.engine.programs import check_sentence, make_pictures, scumble


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    make_pictures(folder)
    return folder


def test_a_dry_run_says_what_it_takes_and_paints_nothing(home: Path, pictures: Path) -> None:
    before = sorted(path.name for path in pictures.iterdir())
    done = scumble(
        *("stylize", "content.png", "dry.png", "--style", "waves.png", "--dry-run"),
        home=home,
        folder=pictures,
    )
    assert done.returncode == 0
    line = r"Painting at \d+ x \d+ pixels in 1 scale: about \d+ s and \d\.\d GB of memory\.\n"
    assert re.fullmatch(line, done.stdout)
    assert sorted(path.name for path in pictures.iterdir()) == before


def test_estimates_of_several_jobs_come_as_json(home: Path, pictures: Path) -> None:
    for name, more in (("one", {}), ("two", {"method": "stitch", "iterations": 600})):
        job = {"content": "content.png", "output": f"{name}.png", **more}
        job["regions"] = [{"style": "waves.png"}, {"style": "waves.png", "mask": ""}]
        (pictures / f"{name}.json").write_text(json.dumps(job))
    done = scumble("estimate", "one.json", "two.json", "--json", home=home, folder=pictures)
    assert done.returncode == 0
    one, two = (json.loads(line) for line in done.stdout.splitlines())
    assert (one["job"], two["job"]) == ("one.json", "two.json")
    assert (one["method"], two["method"]) == ("joint", "stitch")
    assert one["width"] >= 16
    assert two["seconds"] > 3 * one["seconds"]  # twice the pictures and four times the steps
    assert 0.3e9 < one["bytes"] < 3e9


def test_a_job_that_is_not_there_is_one_sentence(home: Path, pictures: Path) -> None:
    done = scumble("estimate", "none.json", home=home, folder=pictures)
    assert done.returncode == 2
    check_sentence(done.stderr, "none.json")


@pytest.mark.parametrize("memory", ["0.05", "0.05G", "50000000"])
def test_the_memory_option_takes_gigabytes(home: Path, pictures: Path, memory: str) -> None:
    done = scumble(
        *("stylize", "content.png", "dry.png", "--style", "waves.png", "--dry-run"),
        *("--memory", memory),
        home=home,
        folder=pictures,
    )
    assert done.returncode == 2
    check_sentence(done.stderr, "memory")
