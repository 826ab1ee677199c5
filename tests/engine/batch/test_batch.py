"""`scumble batch`, one picture after the other: results, the table, and what is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.pictures.picture import Picture, read_picture, read_settings, write_picture
from tests.engine.batch.batches import NAMES, batch, make_batch, results, run, statuses, table
from tests.engine.programs import PATIENCE, command, environment, noise

HERE = ("--workers", "0")


@pytest.fixture(autouse=True)
def _weights(weights_checked_once: None) -> None:
    """Let every run in this process take the weights that were read for all tests."""


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory, weights: dict) -> Path:
    """Return a folder with a finished batch; tests leave it as it is."""
    folder = make_batch(tmp_path_factory.mktemp("batch"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.network.Weights", lambda path: weights)
        assert batch(folder, *HERE) == 0
    return folder


def copied(painted: Path, folder: Path) -> Path:
    """Return a copy of a batch, with the times of its files."""
    subprocess.run(["cp", "-a", f"{painted}/.", str(folder)], check=True)
    return folder


def test_results_are_those_of_stylize_byte_for_byte(painted: Path, tmp_path: Path) -> None:
    assert set(results(painted)) == set(NAMES)
    for name, content in results(painted).items():
        job = json.loads((painted / "job.json").read_text())
        job["regions"] = [{"style": "oil.png", "mask": f"masks/{name}.png"}]
        job.update(content=f"walk/{name}.png", output=f"out/again/../{name}.png")
        alone = painted / "alone.json"
        alone.write_text(json.dumps(job))
        there = painted / "out" / f"{name}.png"
        assert run("job", str(alone), "--quiet", "--output", str(there)) == 0
        assert there.read_bytes() == content


def test_settings_name_the_inputs_with_their_sums(painted: Path) -> None:
    settings = read_settings(painted / "out" / "é.png")
    assert settings["job"]["content"] == "../walk/é.png"
    assert settings["automatic_size"] is True
    assert set(settings["inputs"]) == {"../walk/é.png", "../oil.png", "../masks/é.png"}
    done = subprocess.run(
        ["sha256sum", str(painted / "oil.png")], capture_output=True, text=True, check=True
    )
    assert settings["inputs"]["../oil.png"] == done.stdout.split()[0]


def test_the_table_and_the_page_show_every_picture(painted: Path) -> None:
    for row in table(painted):
        settings = read_settings(painted / "out" / row["output"])
        assert row["content"] == settings["job"]["content"]
        assert float(row["loss"]) == settings["loss"]
        assert int(row["steps"]) == settings["steps"]
        assert (row["width"], row["height"]) == ("48", "40")
        assert float(row["seconds"]) > 0
    page = (painted / "out" / "scumble-batch.html").read_text(encoding="utf-8")
    for name in NAMES:
        small = painted / "out" / "scumble-thumbnails" / f"{name}.png.jpg"
        with Image.open(small) as image:
            assert image.size == (48, 40)
        assert f"{name}.png (painted, loss " in page
    assert "4 pictures: 4 painted" in page


def test_what_is_there_with_the_same_settings_is_kept(painted: Path, tmp_path: Path) -> None:
    folder = copied(painted, tmp_path)
    before = {file: file.stat().st_mtime_ns for file in (folder / "out").glob("*.png")}
    seconds = [row["seconds"] for row in table(folder)]
    assert batch(folder, *HERE) == 0
    assert set(statuses(folder).values()) == {"kept"}
    assert [row["seconds"] for row in table(folder)] == seconds
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_force_paints_all_again(painted: Path, tmp_path: Path) -> None:
    folder = copied(painted, tmp_path)
    before = results(folder)
    assert batch(folder, *HERE, "--force") == 0
    assert set(statuses(folder).values()) == {"painted"}
    assert results(folder) == before


def test_only_what_differs_is_painted_again(painted: Path, tmp_path: Path) -> None:
    folder = copied(painted, tmp_path)
    write_picture(folder / "masks" / "é.png", Picture(np.full((40, 48, 3), 200, np.float32)))
    (folder / "out" / "4.png").unlink()
    (folder / "out" / "波.png").write_bytes((folder / "out" / "波.png").read_bytes()[:200])
    assert batch(folder, *HERE) == 0
    assert statuses(folder) == {
        "4.png": "painted", "straße.png": "kept", "é.png": "painted", "波.png": "painted",
    }  # fmt: skip
    job = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**job, "strength": 2, "threads": 2}))
    assert batch(folder, *HERE) == 0
    assert set(statuses(folder).values()) == {"painted"}


def test_another_number_of_threads_is_no_other_picture(painted: Path, tmp_path: Path) -> None:
    folder = copied(painted, tmp_path)
    job = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**job, "threads": 2, "memory": 9.0}))
    assert batch(folder, *HERE) == 0
    assert set(statuses(folder).values()) == {"kept"}


def test_a_bad_file_is_reported_and_the_others_are_painted(
    painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(painted, tmp_path)
    (folder / "walk" / "bad.png").write_bytes((folder / "walk" / "4.png").read_bytes()[:300])
    write_picture(folder / "walk" / "new.png", Picture(noise(8, 40, 48).astype(np.float32)))
    (folder / "masks" / "bad.png").write_bytes((folder / "masks" / "4.png").read_bytes())
    assert batch(folder, *HERE) == 1
    found = statuses(folder)
    assert found["bad.png"] == "failed"
    assert found["new.png"] == "failed"  # it has no mask
    assert found["4.png"] == "kept"
    errors = capsys.readouterr().err
    assert "bad.png cannot be read: Truncated" in errors
    assert "There is no file" in errors
    assert "Traceback" not in errors
    assert not (folder / "out" / "bad.png").exists()


def test_an_automatic_size_is_that_of_the_frames_before(painted: Path, tmp_path: Path) -> None:
    folder = copied(painted, tmp_path)
    # As if this machine had been slower when the first frames were painted.
    for name in NAMES:
        file = folder / "out" / f"{name}.png"
        settings = read_settings(file)
        settings["job"]["size"] = 900
        write_picture(file, read_picture(file), settings)
    (folder / "out" / "4.png").unlink()
    assert batch(folder, *HERE) == 0
    assert statuses(folder)["é.png"] == "kept"
    assert read_settings(folder / "out" / "4.png")["job"]["size"] == 900


def test_a_table_that_is_another_file_is_not_replaced(
    painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(painted, tmp_path)
    file = folder / "out" / "scumble-batch.csv"
    file.write_text("my,own\n1,2\n")
    assert batch(folder, *HERE) == 2
    assert "is not the table of a batch" in capsys.readouterr().err
    assert file.read_text() == "my,own\n1,2\n"


def test_json_says_what_becomes_of_each_picture(
    painted: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = copied(painted, tmp_path)
    (folder / "out" / "é.png").unlink()
    assert batch(folder, *HERE, "--json") == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert lines[0]["type"] == "hello"
    (picture,) = [line for line in lines if line["type"] == "picture"]
    assert (picture["output"], picture["status"], picture["done"]) == ("é.png", "painted", 1)
    assert lines[-1]["type"] == "done"
    assert lines[-1]["summary"] == "4 pictures: 1 painted, 3 kept"


def test_a_full_disk_stops_the_batch_and_keeps_the_picture(
    painted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from engine.errors import PictureError

    folder = copied(painted, tmp_path)
    monkeypatch.setenv("SCUMBLE_HOME", str(tmp_path / "home"))
    for name in NAMES:
        (folder / "out" / f"{name}.png").unlink()
    from engine import output_files

    write_file = output_files.write_file

    def full(path: Path, data: bytes, **named: bool) -> tuple[str, ...]:
        if Path(path).parent.name == "out":
            message = f"{path} cannot be written: No space left on device."
            raise PictureError(message) from OSError(errno.ENOSPC, "No space left on device")
        return write_file(path, data, **named)

    monkeypatch.setattr(output_files, "write_file", full)
    assert batch(folder, *HERE) == 1
    assert sorted(statuses(folder).values()) == ["failed", "left", "left", "left"]
    (saved,) = (tmp_path / "home" / "rescued").iterdir()
    assert read_settings(saved)["steps"] == 2


@pytest.mark.usefixtures("hears_interrupts")
def test_ctrl_c_finishes_the_picture_at_work_and_the_next_run_continues(
    painted: Path, tmp_path: Path, home: Path
) -> None:
    folder = copied(painted, tmp_path)
    job = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**job, "iterations": 20}))
    given = ("batch", folder / "job.json", folder / "walk", "--out", folder / "out", *HERE)
    with subprocess.Popen(
        command((*given, "--json")),
        cwd=folder,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "progress":  # the first picture is at work
                process.send_signal(signal.SIGINT)
                break
        rest, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    found = statuses(folder)
    assert sorted(found.values()) == ["left", "left", "left", "painted"]
    assert json.loads(rest.splitlines()[-1])["type"] == "done"
    assert batch(folder, *HERE) == 0
    assert sorted(statuses(folder).values()) == ["kept", "painted", "painted", "painted"]


def test_without_dask_pictures_are_painted_one_after_the_other(
    painted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("engine.cli.batch.has_cluster", lambda: False)
    folder = copied(painted, tmp_path)
    before = results(folder)
    os.unlink(folder / "out" / "é.png")
    assert batch(folder) == 0
    assert results(folder) == before
    os.unlink(folder / "out" / "é.png")
    for option in (("--workers", "2"), ("--scheduler", "tcp://127.0.0.1:1")):
        assert batch(folder, *option) == 2
        assert "install.py --cluster" in capsys.readouterr().err
