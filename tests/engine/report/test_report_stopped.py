"""Reports of runs that are stopped, killed, or painted for another program."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.job import RUN_FOLDER_PREFIX
from engine.pictures.picture import read_picture
from tests.engine.programs import (
    ENDLESS,
    PATIENCE,
    SHALLOW,
    SHALLOW_JOB,
    check_sentence,
    noise,
    scumble,
    started,
)
from tests.engine.worker_process import Worker

BASE = ("stylize", "content.png", "out.png", "--report", "report", "--style", "waves.png")

SLOW = """
import time
from engine.report import guidance_maps
guidance_maps.draw_sheet = lambda *given: time.sleep(600)
"""


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / f"{RUN_FOLDER_PREFIX}abc"
    folder.mkdir()
    np.save(folder / "content.npy", noise(1))
    np.save(folder / "style-1.npy", noise(2, 40, 50))
    return folder


@pytest.fixture
def start(run_folder: Path, model_home: Path) -> Iterator[Any]:
    """Start workers, and end them with the test."""
    workers = []

    def start(report: Path, before: str = "", **more: Any) -> Worker:
        job = {
            "content": "content.npy",
            "regions": [{"style": "style-1.npy"}],
            **SHALLOW_JOB,
            **more,
        }
        text = json.dumps({**job, "report": str(report)})
        (run_folder / "job.json").write_text(text)
        workers.append(Worker(run_folder, model_home, before))
        return workers[-1]

    yield start
    for each in workers:
        each.close()


def wait_for(file: Path) -> None:
    last = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < last, file
        time.sleep(0.02)


def wait_for_painting(process: Any, step: int) -> None:
    for line in process.stdout:
        event = json.loads(line)
        if event.get("stage") == "paint" and event["step"] >= step:
            return
    raise AssertionError(process.stderr.read())


def numbers_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text())


def test_ctrl_c_once_reports_what_was_done(model_home: Path, pictures: Path) -> None:
    process = started(*BASE, *ENDLESS, "--json", home=model_home, folder=pictures)
    wait_for_painting(process, 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    done = json.loads(out.splitlines()[-1])
    numbers = numbers_of(pictures / "report")
    assert numbers["stopped"] is True
    assert 2 <= numbers["steps"] == done["steps"] < 10000
    assert numbers["loss_by_scale"][0]["evaluations"] == numbers["evaluations"] >= numbers["steps"]
    assert (pictures / "report" / "curves-1.png").is_file()
    assert "stopped early" in (pictures / "report" / "report.html").read_text()


def test_a_stitched_run_that_is_stopped_in_its_first_picture(
    model_home: Path, pictures: Path
) -> None:
    process = started(*BASE, "ramp.png", "--style", "oil.png", "rest", "--method",
                      "stitch", *ENDLESS, "--json",
                      home=model_home, folder=pictures)  # fmt: skip
    wait_for_painting(process, 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    numbers = numbers_of(pictures / "report")
    assert [each["picture_of_region"] for each in numbers["loss_by_scale"]] == [1]
    assert "curves-1.png" in numbers["files"]
    assert "curves-2.png" not in numbers["files"]


def test_terminated_within_the_report(model_home: Path, pictures: Path) -> None:
    process = started(
        *BASE,
        *SHALLOW,
        "--iterations",
        "1",
        "--quiet",
        home=model_home,
        folder=pictures,
        before=SLOW,
    )
    wait_for(pictures / ".report.part" / "curves-1.png")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    check_sentence(err, "out.png is written")
    assert not (pictures / "report").exists()
    assert list(pictures.glob(".*")) == []
    assert read_picture(pictures / "out.png").rgb.any()


def test_killed_within_the_report(model_home: Path, pictures: Path) -> None:
    """The next run removes what was left, and nothing of anybody else's."""
    process = started(
        *BASE, *SHALLOW, "--iterations", "1", home=model_home, folder=pictures, before=SLOW
    )
    wait_for(pictures / ".report.part" / "curves-1.png")
    process.kill()
    process.communicate()
    assert not (pictures / "report").exists()
    done = scumble(*BASE, *SHALLOW, "--iterations", "1", home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    assert numbers_of(pictures / "report")["files"]
    assert list(pictures.glob(".*")) == []

    (pictures / ".report.part").mkdir()
    (pictures / ".report.part" / "letter.txt").write_text("mine")
    done = scumble(*BASE, *SHALLOW, "--iterations", "1", home=model_home, folder=pictures)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr.splitlines()[-1]
    assert (pictures / ".report.part" / "letter.txt").read_text() == "mine"
    assert numbers_of(pictures / "report")["files"]


def test_the_worker_writes_one(start: Any, tmp_path: Path) -> None:
    worker = start(tmp_path / "report", iterations=2)
    worker.wait_for("notice", text=f"The report is {tmp_path / 'report' / 'report.html'}.")
    done = worker.wait_for("done")
    assert done["settings"]["job"]["report"] == ""
    assert worker.end() == 0
    numbers = numbers_of(tmp_path / "report")
    assert numbers["loss"] == done["loss"]
    assert numbers["regions"][0]["metrics"]["region_style_loss"] > 0


def test_a_report_that_fails_is_a_warning_of_the_worker(
    start: Any, run_folder: Path, tmp_path: Path
) -> None:
    broken = """
from engine.report import guidance_maps
def broken(*given):
    raise OSError(28, "No space left on device")
guidance_maps.draw_sheet = broken
"""
    worker = start(tmp_path / "report", broken, iterations=1)
    done = worker.wait_for("done")
    (warning,) = [each for each in done["warnings"] if "report" in each]
    assert "No space left on device" in warning
    assert np.load(run_folder / "result.npy").shape == (48, 64, 3)
    assert worker.end() == 0
    assert sorted(os.listdir(tmp_path)) == []


def test_cancelled_within_the_report(start: Any, tmp_path: Path) -> None:
    worker = start(tmp_path / "report", SLOW, iterations=1)
    wait_for(tmp_path / ".report.part" / "curves-1.png")
    assert worker.end() == 130
    assert sorted(os.listdir(tmp_path)) == []


@pytest.mark.parametrize(
    "name, words",
    [("mine", "letter.txt"), ("inside", "an absolute path")],  # the run folder will be deleted
)
def test_the_worker_refuses_a_folder_before_it_paints(
    start: Any, tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    worker = start(tmp_path / name if name == "mine" else Path(name), iterations=1)
    for event in worker.lines():
        assert event["type"] != "progress"
        if event["type"] == "error":
            break
    assert event["code"] == "job"
    assert words in event["message"]
    assert worker.end() == 1
