"""Runs of the plug-in that are killed and resumed: inputs kept, the line protocol, forgetting."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.job import RUN_FOLDER_PREFIX
from tests.engine.programs import (
    CHECKOUT,
    SHALLOW_JOB,
    environment,
)
from tests.engine.states.killed_commands import Runner, random_picture
from tests.engine.worker_process import Worker

SAVE_ALWAYS = """
from engine.states import keeper
keeper.SAVE_SECONDS = keeper.END_SECONDS = 0.0
keeper.MOST_COST = 1e9
"""
ORIGIN = {"name": "Beach at dusk", "layer": 7}
JOB = {
    "content": "content.npy",
    "output": "result.npy",
    "regions": [{"style": "style-1.npy", "mask": "mask-1.npy"}],
    "optimizer": "lbfgs32",
    "iterations": 60,
    "threads": 1,
    **SHALLOW_JOB,
}


def run_folder(parent: Path, name: str, **job: Any) -> Path:
    """Make a run folder as the plug-in does."""
    folder = parent / f"{RUN_FOLDER_PREFIX}{name}"
    folder.mkdir()
    np.save(folder / "content.npy", random_picture(1, 48, 40, 4))
    np.save(folder / "style-1.npy", random_picture(2, 30, 36, 3))
    ramp = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (48, 1))
    np.save(folder / "mask-1.npy", ramp)
    (folder / "job.json").write_text(json.dumps({**JOB, **job}))
    (folder / "origin.json").write_text(json.dumps(ORIGIN))
    return folder


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    """Workers that end with the test."""
    started: list[Worker] = []
    yield started
    for each in started:
        each.close()


def test_a_killed_run_of_the_plug_in_is_found_and_resumed_without_its_run_folder(
    home: Path, tmp_path: Path, workers: list[Worker]
) -> None:
    first = run_folder(tmp_path, "first")
    reference = tmp_path / "reference"
    shutil.copytree(first, reference)
    worker = Worker(first, home, SAVE_ALWAYS)
    workers.append(worker)
    worker.wait_for("progress", stage="paint", step=1)
    for _ in range(2):
        saved = worker.wait_for("saved")
    assert saved["name"].startswith("Beach-at-dusk-")
    worker.process.kill()
    worker.process.wait()
    shutil.rmtree(first)

    runner = Runner(home, reference)
    (line,) = runner.run("resume", "--json")[1].splitlines()
    listed = json.loads(line)
    assert listed["name"] == saved["name"]
    assert listed["origin"] == ORIGIN
    assert (listed["width"], listed["height"]) == (40, 48)
    kept = Path(listed["job"]["content"])
    assert kept.read_bytes() == (reference / "content.npy").read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    status, said = runner.run("resume", "latest")
    assert status == 2
    assert "painted for GIMP; name the file to write with --output" in said

    # The same pixels and settings are recognized in another run folder.
    second = run_folder(tmp_path, "second")
    worker = Worker(second, home)
    workers.append(worker)
    assert worker.wait_for("resumable")["name"] == saved["name"]
    worker.process.kill()
    worker.process.wait()
    shutil.rmtree(second)

    third = tmp_path / f"{RUN_FOLDER_PREFIX}third"
    third.mkdir()
    worker = Worker(third, home, more=("--resume", saved["name"]))
    workers.append(worker)
    resumed = worker.wait_for("resumed")
    assert resumed["share"] > 0
    assert (resumed["width"], resumed["height"]) == (40, 48)
    worker.wait_for("preview")
    done = worker.wait_for("done")
    result = (third / done["files"][0]).read_bytes()
    assert worker.end() == 0

    # The plug-in may have died before the painting was in its image.
    fourth = tmp_path / f"{RUN_FOLDER_PREFIX}fourth"
    fourth.mkdir()
    worker = Worker(fourth, home, more=("--resume", saved["name"]))
    workers.append(worker)
    done = worker.wait_for("done")
    assert (fourth / done["files"][0]).read_bytes() == result
    worker.order(b"forget\n")
    assert worker.end() == 0
    assert not list((home / "states").glob("Beach*"))

    assert runner.run("job", "job.json")[0] == 0
    assert (reference / "result.npy").read_bytes() == result


def test_forget_leaves_no_state(home: Path, tmp_path: Path, workers: list[Worker]) -> None:
    folder = run_folder(tmp_path, "forgotten", iterations=1000, seed=3)
    worker = Worker(folder, home, SAVE_ALWAYS)
    workers.append(worker)
    name = worker.wait_for("saved")["name"]
    assert (home / "states" / name / "state.json").is_file()
    worker.order(b"forget\n")
    assert worker.end() == 130
    assert not (home / "states" / name).exists()


def test_the_list_needs_no_numpy(home: Path) -> None:
    code = (
        "import sys; sys.modules['numpy'] = None; from engine.cli.commands import main;"
        "sys.exit(main(['resume', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
