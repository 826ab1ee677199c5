"""Paintings that are killed and resumed, with real processes and real files."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.paths import OWN_MARK
from engine.states import store
from tests.engine.made_files import png
from tests.engine.programs import SHALLOW_JOB
from tests.engine.states.killed_commands import KILLED, Runner, random_picture

HEIGHT, WIDTH = 48, 40

TWO = [{"style": "waves.npy", "mask": "ramp.npy"}, {"style": "oil.npy", "mask": "rest"}]
JOBS: dict[str, dict[str, Any]] = {
    "lbfgs": {
        "optimizer": "lbfgs",
        "regions": TWO,
        "method": "stitch",
        "uncut": True,
        "iterations": 3,
    },
    "lbfgs32": {"optimizer": "lbfgs32", "lbfgs_memory": 2, "init": "noise", "output": "out/a.png"},
    "strokes": {
        "optimizer": "lbfgs32",
        "lbfgs_memory": 2,
        "regions": TWO,
        "method": "stitch",
        "scales": 0,
    },
    "adam": {
        "regions": TWO,
        "method": "gradient",
        "colors": "luminance",
        "protect": "ramp.npy",
        "iterations": 3,
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a content of 16 bits, two styles and a mask."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "out").mkdir()
    deep = (random_picture(1, HEIGHT, WIDTH, 3) * 65535).astype(np.uint16)
    (folder / "photo.png").write_bytes(png(deep, 16, 2))
    np.save(folder / "waves.npy", random_picture(2, 30, 36, 3))
    np.save(folder / "oil.npy", random_picture(3, 32, 28, 3))
    ramp = np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1))
    np.save(folder / "ramp.npy", ramp)
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path, home: Path) -> Runner:
    return Runner(home, folder)


def write_job(folder: Path, name: str, **fields: Any) -> Path:
    """Write a job file."""
    job = {
        "content": "photo.png",
        "output": "out/a.npy",
        "regions": [{"style": "waves.npy"}],
        "iterations": 4,
        "scales": 2,
        "threads": 1,
        **SHALLOW_JOB,
        **fields,
    }
    file = folder / f"{name}.json"
    file.write_text(json.dumps(job))
    return file


def results(folder: Path) -> dict[str, bytes]:
    """Take the results out of their folder."""
    found = {each.name: each.read_bytes() for each in (folder / "out").glob("a*")}
    for name in found:
        (folder / "out" / name).unlink()
    return found


def states(home: Path) -> list[Path]:
    """Return the folders of states."""
    return [each for each in (home / "states").glob("*") if each.is_dir()]


SCALES = """
import engine.schedule
engine.schedule.COARSEST_AREA = 480
"""
"""Code with which so small a picture has two automatic scales, and strokes between them."""

SMALL_AND_SLOW = """
import engine.preparation
engine.preparation.memory_budget = lambda job: 1
engine.preparation.machine_speed = lambda *given: 1.0
"""
"""Code that makes the machine another one."""


@pytest.mark.parametrize("name", JOBS)
def test_a_painting_killed_again_and_again_ends_like_an_undisturbed_one(
    runner: Runner, folder: Path, name: str
) -> None:
    job = write_job(folder, name, **JOBS[name])
    assert runner.run("job", job, before=SCALES)[0] == 0
    undisturbed = results(folder)
    assert undisturbed
    assert not states(runner.home)
    status, _ = runner.run("job", job, kill_at=3, before=SCALES)
    kills = 0
    while status == KILLED:
        kills += 1
        # Another machine would plan another painting; a resumed one keeps its plan.
        status, said = runner.run("resume", "latest", kill_at=5, before=SCALES + SMALL_AND_SLOW)
    assert status == 0, said
    assert kills >= 2
    assert results(folder) == undisturbed
    assert not states(runner.home)


def test_a_kill_at_any_file_operation_leaves_a_state_or_a_result(
    runner: Runner, folder: Path
) -> None:
    job = write_job(folder, "files", iterations=2, lbfgs_memory=3, optimizer="lbfgs32")
    assert runner.run("job", job)[0] == 0
    undisturbed = results(folder)
    status, kills = KILLED, 0
    for kill_at in (8, 17, 29, 41, 10_000):
        status, said = runner.run("job", job, "--resume", kill_at=kill_at, point="file")
        if status != KILLED:
            break
        kills += 1
    assert status == 0, said
    assert kills >= 2
    assert results(folder) == undisturbed
    assert not states(runner.home)
    assert [each.name for each in (folder / "out").iterdir()] == []


KILL_IN_WRITE = """
import os
from pathlib import Path
import engine.cli.commands
def write(*given):
    (Path("out") / ".scumble-0123.part").write_bytes(b"half")
    os.kill(os.getpid(), 9)
engine.cli.commands.output_files.write = write
"""
"""Code that kills the process in the middle of writing the result."""


def test_a_kill_while_the_result_is_written_costs_no_evaluation(
    runner: Runner, folder: Path
) -> None:
    job = write_job(folder, "written", iterations=2, scales=1)
    assert runner.run("job", job)[0] == 0
    undisturbed = results(folder)
    assert runner.run("job", job, before=KILL_IN_WRITE)[0] == KILLED
    assert not results(folder)
    status, said = runner.run("resume", "latest", kill_at=1)  # it evaluates nothing
    assert status == 0, said
    assert results(folder) == undisturbed


@pytest.fixture(scope="module")
def kept(runner: Runner, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The states folder after a kill, to be copied by each test."""
    job = write_job(folder, "kept", optimizer="lbfgs32", iterations=4)
    assert runner.run("job", job, kill_at=4)[0] == KILLED
    kept = tmp_path_factory.mktemp("kept") / "states"
    shutil.copytree(runner.home / "states", kept)
    return kept


@pytest.fixture
def state(kept: Path, runner: Runner) -> Path:
    """The folder of the only state."""
    shutil.rmtree(runner.home / "states", ignore_errors=True)
    shutil.copytree(kept, runner.home / "states")
    (folder,) = states(runner.home)
    return folder


def test_states_can_be_read_by_their_owner_only(state: Path) -> None:
    files = [each for each in state.iterdir() if each.is_file()]
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert state.stat().st_mode & 0o777 == 0o700
    assert state.parent.stat().st_mode & 0o777 == 0o700


def test_the_list_says_what_how_far_and_when(state: Path, runner: Runner, folder: Path) -> None:
    status, said = runner.run("resume")
    assert status == 0
    today = time.strftime("%Y-%m-%d")
    share = json.loads((state / "state.json").read_text())["progress"]["share"]
    assert 0 < share < 0.5
    far = f"{100 * share:.0f} %"
    for part in (state.name, "photo.png", "a.npy", far, "at size 1 of 2", today):
        assert part in said
    assert said.count("\n") == 1
    status, said = runner.run("resume", "--json")
    data = json.loads(said)
    assert data["name"] == state.name
    assert (data["scale"], data["scales"], data["share"]) == (1, 2, share)
    assert (data["width"], data["height"], data["painting"]) == (WIDTH, HEIGHT, False)
    assert data["job"]["content"] == str(folder / "photo.png")


def test_the_same_job_says_that_it_was_interrupted_and_starts_anew(
    state: Path, runner: Runner, folder: Path
) -> None:
    status, said = runner.run("job", "kept.json", kill_at=1)
    assert status == KILLED
    assert f"'scumble resume {state.name}'" in said
    assert "starts from the beginning" in said
    assert store_of(state)["progress"]["share"] > 0  # it is still the older, further one
    status, said = runner.run("job", "kept.json", "--resume", kill_at=1)
    assert f"{state.name} continues at" in said


def store_of(state: Path) -> dict[str, Any]:
    return json.loads((state / "state.json").read_text())


def change(state: Path, **fields: Any) -> None:
    """Change fields of a state."""
    (state / "state.json").write_text(json.dumps({**store_of(state), **fields}))


def cut(file: Path) -> None:
    """Cut a file off in its middle."""
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def of_another_job(state: Path) -> None:
    job = store_of(state)["job"]
    change(state, job={**job, "strength": 3.0})


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut off": (lambda state: cut(state / "state.json"), "its state is damaged"),
    "empty": (lambda state: (state / "state.json").write_text("{}"), "its state is damaged"),
    "no loop": (lambda state: change(state, job={"content": 3}), "its state is damaged"),
    "array cut off": (lambda state: cut(next(state.glob("*-shown.f32"))), "missing or damaged"),
    "other version": (lambda state: change(state, version="9.9"), "version 9.9 saved it"),
    "other format": (lambda state: change(state, scumble_state=99), "start the painting anew"),
    "other job": (of_another_job, "it is the state of another job"),
    "other device": (
        lambda state: change(state, conditions={**store_of(state)["conditions"], "losses": "card"}),
        "does not work now",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_state_that_cannot_be_used_is_refused_in_a_sentence_and_stays(
    state: Path, runner: Runner, folder: Path, damage: str
) -> None:
    harm, expected = DAMAGES[damage]
    harm(state)
    status, said = runner.run("resume", state.name)
    assert status == 1
    last = said.strip().splitlines()[-1]
    assert expected in last
    assert last.endswith(".")
    assert "Traceback" not in said
    assert state.exists()
    assert not results(folder)


def test_changed_and_missing_inputs_are_named(state: Path, runner: Runner, folder: Path) -> None:
    style = folder / "waves.npy"
    before = style.read_bytes()
    try:
        style.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        status, said = runner.run("resume", "latest")
        assert status == 1
        assert "waves.npy has changed since the painting began" in said
        style.unlink()
        status, said = runner.run("resume", "latest")
        assert status == 1
        assert "There is no file" in said
        assert "waves.npy" in said
    finally:
        style.write_bytes(before)
    assert (state / "state.json").exists()


def test_a_job_that_is_being_painted_is_not_resumed(state: Path, runner: Runner) -> None:
    descriptor = os.open(state / store.OWNER, os.O_RDWR)
    try:
        assert store.try_lock(descriptor)
        status, said = runner.run("resume", "latest")
        assert status == 1
        assert "is being painted by another process" in said
        assert "being painted now" in runner.run("resume")[1]
        assert runner.run("resume", state.name, "--forget")[0] == 1
    finally:
        os.close(descriptor)
    assert (state / "state.json").exists()


def test_forgetting_removes_a_state_even_a_damaged_one(state: Path, runner: Runner) -> None:
    cut(state / "state.json")
    assert runner.run("resume", state.name, "--forget")[0] == 0
    assert not state.exists()
    status, said = runner.run("resume", state.name)
    assert status == 2
    assert "There is no saved state" in said
    assert runner.run("resume") == (0, "There is nothing to resume.\n")


def test_the_result_may_be_written_elsewhere(state: Path, runner: Runner, folder: Path) -> None:
    status, said = runner.run("resume", "latest", "--output", "out/a-else.npy")
    assert status == 0, said
    assert list(results(folder)) == ["a-else.npy"]
    assert not state.exists()


def test_a_full_disk_ends_no_painting(runner: Runner, folder: Path, full_disk: Any) -> None:
    shutil.rmtree(runner.home / "states", ignore_errors=True)
    (runner.home / "states").symlink_to(full_disk.folder)
    (full_disk.folder / OWN_MARK).touch()

    without_limit = """
from engine.states import store
store.make_room = lambda *given: True
"""
    full_disk.fill()
    job = write_job(folder, "full", iterations=2)
    try:
        status, said = runner.run("job", job, before=without_limit + full_disk.before)
    finally:
        (runner.home / "states").unlink()
    assert status == 0, said
    assert said.count("cannot be saved") == 1
    assert results(folder)


@pytest.fixture
def several(state: Path, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of three states, the oldest first."""
    monkeypatch.setenv("SCUMBLE_HOME", str(runner.home))
    folders = [state, state.with_name("second-1"), state.with_name("third-1")]
    for age, folder in enumerate(folders):
        if folder != state:
            shutil.copytree(state, folder)
        then = time.time() - 1000 + age
        os.utime(folder / "state.json", (then, then))
    return folders


def test_the_oldest_states_make_room_for_a_new_one(
    several: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = several
    size = store.bytes_of(first)
    monkeypatch.setattr(store, "MOST_BYTES", 3 * size)
    assert store.make_room(third, size // 2)
    assert not first.exists()
    assert second.exists()
    assert not store.make_room(third, 4 * size)
    assert third.exists()


def test_states_in_use_make_no_room(several: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = several
    size = store.bytes_of(first)
    monkeypatch.setattr(store, "MOST_BYTES", 3 * size)
    descriptor = store.hold(first)
    assert descriptor is not None
    try:
        assert store.make_room(third, size // 2)
    finally:
        os.close(descriptor)
    assert first.exists()
    assert not second.exists()


def test_a_state_without_room_is_not_kept(runner: Runner, folder: Path) -> None:
    shutil.rmtree(runner.home / "states", ignore_errors=True)
    job = write_job(folder, "room", optimizer="lbfgs32", iterations=2, scales=1)
    status, said = runner.run(
        "job", job, before="from engine.states import store; store.MOST_BYTES = 6_000"
    )
    assert status == 0, said
    assert said.count("there is no room") == 1
    assert results(folder)


def test_states_are_removed_after_thirty_days(several: list[Path]) -> None:
    first, second, third = several
    old = time.time() - 30 * 24 * 3600 - 60
    os.utime(first / "state.json", (old, old))
    (second / "state.json").unlink()  # killed before its first state
    store.sweep()
    assert [each for each in several if each.exists()] == [third]
