"""The worker's protocol, with the real process: orders in, lines out, and nothing left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import __version__
from engine.job import RUN_FOLDER_PREFIX
from engine.jobfile import job_from_dict
from engine.run_worker import PREVIEW_NAMES
from tests.engine.programs import (
    ENDLESS_JOB,
    HEIGHT,
    PATIENCE,
    SHALLOW_JOB,
    WIDTH,
    noise,
    scumble,
)
from tests.engine.worker_process import Worker

CODES = ("job", "picture", "weights", "memory", "disk", "state", "cluster", "internal")


@pytest.fixture
def run_folder(tmp_path):
    """A run folder as the plug-in makes it."""
    folder = tmp_path / f"{RUN_FOLDER_PREFIX}abc"
    folder.mkdir()
    np.save(folder / "content.npy", np.dstack([noise(1), np.full((HEIGHT, WIDTH), 200, np.uint8)]))
    np.save(folder / "style-1.npy", noise(2, 40, 50).astype(np.uint16) * 257)
    np.save(folder / "mask-1.npy", np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1)))
    return folder


@pytest.fixture
def start(run_folder, model_home):
    """Start workers, and end them with the test."""
    workers = []

    def start(job=None, *, before="", home=model_home, folder=run_folder, **pipes):
        if job is not None:
            whole = {
                "content": "content.npy",
                "output": "result.npy",
                "regions": [{"style": "style-1.npy", "mask": "mask-1.npy"}],
                **SHALLOW_JOB,
                **job,
            }
            (folder / "job.json").write_text(json.dumps(whole))
        workers.append(Worker(folder, home, before, **pipes))
        return workers[-1]

    yield start
    for each in workers:
        each.close()


def test_a_run_from_hello_to_the_end(start, run_folder):
    worker = start({"iterations": 3, "regions": [
        {"style": "style-1.npy", "mask": "mask-1.npy"}, {"style": "style-1.npy", "mask": "rest"},
    ]})  # fmt: skip
    events = []
    for event in worker.lines():
        events.append(event)
        if event["type"] == "done":
            break
    kinds = [each["type"] for each in events]
    assert events[0] == {
        "type": "hello",
        "version": __version__,
        "threads": events[0]["threads"],
        "pid": worker.process.pid,
    }
    assert events[0]["threads"] >= 1
    device = next(each for each in events if each["type"] == "device")
    assert device["provider"].endswith("ExecutionProvider")
    assert device["device"]
    painted = [each for each in events if each["type"] == "progress" and each["stage"] == "paint"]
    assert painted[0]["loss"] is None  # nothing is evaluated yet
    assert (painted[-1]["step"], painted[-1]["steps"]) == (3, 3)
    assert [each["step"] for each in painted] == sorted(each["step"] for each in painted)
    assert painted[-1]["loss"] < painted[1]["loss"]
    assert set(kinds) <= {
        "hello",
        "device",
        "method",
        "estimate",
        "progress",
        "preview",
        "notice",
        "done",
    }
    done = events[-1]
    assert done["files"] == ["result.npy"]
    assert done["steps"] == 3
    assert done["stopped"] is False
    assert done["seconds"] > 0
    assert np.isfinite(done["loss"])
    assert done["device"] == device["device"]
    assert done["warnings"] == [each["text"] for each in events if each["type"] == "notice"]
    assert job_from_dict(done["settings"]["job"]).content == "content.npy"
    # It waits until the result has been read.
    result = np.load(run_folder / "result.npy")
    assert result.dtype == np.float32
    assert result.shape == (HEIGHT, WIDTH, 4)
    assert 0 <= result.min() <= result.max() <= 1
    np.testing.assert_allclose(result[..., 3], 200 / 255, atol=1e-6)
    assert worker.process.poll() is None
    assert worker.end() == 0


def test_a_worker_that_waits_begins_when_the_files_are_there(start, run_folder):
    """And paints the picture that one gives which had the files from the start."""
    straight = start({"iterations": 3})
    straight.wait_for("done")
    wanted = np.load(run_folder / "result.npy")
    content = np.load(run_folder / "content.npy")
    job = (run_folder / "job.json").read_text()
    straight.end()
    run_folder.mkdir()
    worker = start(more=("--wait",))
    worker.wait_for("hello")
    assert select.select([worker.process.stdout], [], [], 0.5)[0] == []
    np.save(run_folder / "content.npy", content)
    np.save(run_folder / "style-1.npy", noise(2, 40, 50).astype(np.uint16) * 257)
    mask = np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1))
    np.save(run_folder / "mask-1.npy", mask)
    (run_folder / "job.json").write_text(job)
    worker.order(b"begin\n")
    worker.wait_for("done")
    np.testing.assert_array_equal(np.load(run_folder / "result.npy"), wanted)
    assert worker.end() == 0


def test_a_worker_that_waits_ends_with_its_input(start):
    worker = start(more=("--wait",))
    worker.wait_for("hello")
    assert worker.end() == 130


def test_a_worker_that_begins_without_a_job_says_so(start):
    worker = start(more=("--wait",))
    worker.order(b"begin\n")
    error = next(each for each in worker.lines() if each["type"] == "error")
    assert error["code"] == "job"
    assert "job.json" in error["message"]
    assert worker.end() == 1


def test_stop_keeps_the_best_picture(start, run_folder):
    worker = start(ENDLESS_JOB)
    worker.wait_for("progress", stage="paint", step=2)
    worker.order(b"stop\r\n")
    done = worker.wait_for("done")
    assert done["stopped"] is True
    assert 2 <= done["steps"] < ENDLESS_JOB["iterations"]
    assert np.load(run_folder / "result.npy").shape == (HEIGHT, WIDTH, 4)
    worker.order(b"stop\n")
    assert worker.end() == 0


def test_previews_take_turns(start, run_folder):
    worker = start(ENDLESS_JOB)
    for name in (*PREVIEW_NAMES, PREVIEW_NAMES[0]):
        preview = worker.wait_for("preview")
        assert preview["file"] == name
        with Image.open(run_folder / name) as image:
            assert image.size == (preview["width"], preview["height"]) == (WIDTH, HEIGHT)
            assert image.mode == "RGB"
            image.load()
    assert len(list(run_folder.glob("*preview*"))) == len(PREVIEW_NAMES)
    assert worker.end() == 130


def test_the_end_of_input_cancels_in_the_middle(start):
    worker = start(ENDLESS_JOB)
    worker.wait_for("progress", stage="paint")
    assert worker.end() == 130


def test_input_that_is_closed_from_the_start(start):
    assert start(ENDLESS_JOB, stdin=subprocess.DEVNULL).ended() == 130


def test_a_reader_that_has_gone(start):
    worker = start(ENDLESS_JOB)
    worker.wait_for("progress", stage="paint")
    worker.process.stdout.close()
    assert worker.ended() == 130


def test_a_reader_that_has_gone_before_the_first_line(start, run_folder):
    reading, writing = os.pipe()
    os.close(reading)
    worker = start(ENDLESS_JOB, stdout=writing)
    os.close(writing)
    assert worker.ended() == 1  # and the folder with the user's pixels is gone


def test_a_reader_that_is_only_slow(start):
    # It complains about strange orders, but never waits for a reader while the input may end.
    worker = start(ENDLESS_JOB)
    worker.wait_for("hello")
    worker.order(b"x\n" * 50_000)
    assert worker.end() == 130


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        (b"STOP\n", "'STOP'"),
        (b"\xff\x1b[2J garbage\n", repr("\ufffd\x1b[2J garbage")),
        (b"y" * 100_000 + b"\n", "'" + "y" * 56 + "..."),
    ],
)
def test_an_unknown_command_gets_one_notice_and_the_run_continues(start, order, shown):
    worker = start(ENDLESS_JOB)
    worker.wait_for("progress", stage="paint")
    worker.order(order)
    text = worker.wait_for("notice")["text"]
    assert text == f"Unknown command {shown}; the commands are 'begin', 'stop' and 'forget'."
    worker.order(b"\n{}\n" + order)  # the first one has a notice, the others have none
    worker.order(b"st")
    worker.order(b"op\n")
    for event in worker.lines():
        assert event["type"] != "notice", event
        if event["type"] == "done":
            break
    assert event["stopped"] is True
    assert worker.end() == 0


def test_sigterm_ends_a_painting_with_status_130(start):
    worker = start(ENDLESS_JOB)
    worker.wait_for("progress", stage="paint")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.ended() == 130


SLOW_HOLD = """
import time, engine.run_worker
hold = engine.run_worker.hold_run_folder
engine.run_worker.hold_run_folder = lambda folder: (time.sleep(20), hold(folder))[1]
"""


def test_sigterm_after_the_first_line_leaves_no_run_folder(start):
    worker = start(ENDLESS_JOB, before=SLOW_HOLD)
    worker.wait_for("hello")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.ended() == 130


def test_a_killed_worker_leaves_its_inputs_and_no_result(start, run_folder):
    worker = start(ENDLESS_JOB)
    before = (run_folder / "content.npy").read_bytes()
    worker.wait_for("progress", stage="paint")
    worker.process.kill()
    worker.process.wait(timeout=PATIENCE)
    # Nothing that looks like a result; the plug-in finds its files as they were.
    assert not (run_folder / "result.npy").exists()
    assert (run_folder / "content.npy").read_bytes() == before
    assert (run_folder / "job.json").exists()


def test_what_libraries_print_is_not_in_the_way(start):
    before = """
import os
from engine import run
really = run.stylize
def chatty(*arguments, **named):
    os.write(1, b"a library says hello\\n")
    print("and so does Python", flush=True)
    return really(*arguments, **named)
run.stylize = chatty
"""
    worker = start({"iterations": 1}, before=before)
    worker.wait_for("done")
    assert worker.end() == 0
    said = worker.process.stderr.read()
    assert b"a library says hello" in said
    assert b"and so does Python" in said


def test_each_styles_own_picture(start, run_folder):
    worker = start({"iterations": 1, "method": "stitch", "uncut": True, "output": "r.png",
                    "regions": [{"style": "style-1.npy", "mask": "mask-1.npy"},
                                {"style": "style-1.npy", "mask": "rest"}]})  # fmt: skip
    done = worker.wait_for("done")
    assert done["files"] == ["r.png", "r-1.png", "r-2.png"]
    assert done["masks"] == ["r-mask-1.npy", "r-mask-2.npy"]
    for name in done["files"]:
        with Image.open(run_folder / name) as image:
            assert image.size == (WIDTH, HEIGHT)
    assert worker.end() == 0


def test_the_masks_are_shares_that_add_up_to_one(start, run_folder):
    """Overlapping masks, the rest, and a region that is the whole picture."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    left = np.clip(1.5 - 2 * columns / WIDTH, 0, 1).astype(np.float32)
    upper = np.clip(1.5 - 2 * rows / HEIGHT, 0, 1).astype(np.float32)
    np.save(run_folder / "left.npy", left)
    np.save(run_folder / "upper.npy", upper)
    masks = ["left.npy", "upper.npy", "rest"]
    regions = [{"style": "style-1.npy", "mask": mask} for mask in masks]
    worker = start({"iterations": 1, "uncut": True, "output": "r.npy", "regions": regions})
    done = worker.wait_for("done")
    assert done["masks"] == ["r-mask-1.npy", "r-mask-2.npy", "r-mask-3.npy"]
    found = [np.load(run_folder / name) for name in done["masks"]]
    total = np.maximum(left + upper, 1)
    expected = [left / total, upper / total, np.clip(1 - left - upper, 0, 1)]
    for mask, share in zip(found, expected):
        assert mask.dtype == np.float32
        np.testing.assert_allclose(mask, share, rtol=0, atol=1e-6)
    np.testing.assert_allclose(sum(found), 1, rtol=0, atol=1e-6)
    assert worker.end() == 0


def test_a_region_that_is_the_whole_picture_has_no_mask(start):
    worker = start({"iterations": 1, "uncut": True, "output": "r.npy",
                    "regions": [{"style": "style-1.npy"}]})  # fmt: skip
    assert worker.wait_for("done")["masks"] == [None]
    assert worker.end() == 0


def test_masks_that_cannot_be_written_do_not_cost_the_painting(start, run_folder):
    before = """
from engine import output_files
def full(*_):
    raise OSError(28, "No space left on device")
output_files.write_masks = full
"""
    worker = start({"iterations": 1, "uncut": True, "output": "r.npy"}, before=before)
    done = worker.wait_for("done")
    assert done["files"] == ["r.npy", "r-1.npy"]
    assert done["masks"] == []
    assert any("No space left on device" in each for each in done["warnings"])
    assert worker.end() == 0


def test_the_method_that_auto_chooses_is_said(start, run_folder):
    worker = start({"iterations": 1})
    assert worker.wait_for("method")["method"] == "cutout"
    assert worker.wait_for("done")["settings"]["method"] == "cutout"
    assert worker.end() == 0


def test_the_result_has_a_name_if_the_job_gives_none(start, run_folder):
    worker = start({"iterations": 1, "output": ""})
    assert worker.wait_for("done")["files"] == ["result.npy"]
    assert (run_folder / "result.npy").exists()
    assert worker.end() == 0


# What goes wrong


def failure(worker):
    error = worker.wait_for("error")
    assert error["code"] in CODES
    assert error["message"].endswith(".")
    assert "\n" not in error["message"]
    assert worker.process.poll() is None  # it waits for the end of its input
    assert worker.end() == 1
    return error


@pytest.mark.parametrize(
    "changes, code, words",
    [
        ({"iterations": 0}, "job", ["iterations: 0", "1 to 10000"]),
        ({"method": "magic"}, "job", ["method: 'magic'", "joint"]),
        ({"regions": []}, "job", ["regions", "0 styles"]),
        ({"hue": 1}, "job", ["hue is not a field"]),
        ({"output": "result.bmp"}, "job", ["result.bmp", ".npy"]),
        ({"output": "content.npy"}, "job", ["content.npy"]),
        ({"content": "none.npy"}, "picture", ["none.npy"]),
        ({"content": "job.json"}, "picture", ["job.json"]),
        ({"content": "nan.npy"}, "picture", ["nan.npy", "not numbers"]),
        ({"content": "dot.npy"}, "picture", ["dot.npy", "1x1", "16x16"]),
        ({"output": "none/result.npy"}, "picture", ["none"]),
        (
            {"regions": [{"style": "style-1.npy", "mask": "black.npy", "name": "the sky"}]},
            "job",
            ["the sky"],
        ),
    ],
)
def test_jobs_that_cannot_be_done(start, run_folder, changes, code, words):
    np.save(run_folder / "nan.npy", np.full((HEIGHT, WIDTH, 3), np.nan, np.float32))
    np.save(run_folder / "dot.npy", np.zeros((1, 1, 3), np.uint8))
    np.save(run_folder / "black.npy", np.zeros((HEIGHT, WIDTH), np.uint8))
    error = failure(start(changes))
    assert error["code"] == code
    for word in words:
        assert word in error["message"]
    assert error["log"] == ""


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xff", b"[]", b"null"])
def test_job_files_that_are_none(start, run_folder, content):
    (run_folder / "job.json").write_bytes(content)
    assert failure(start())["code"] == "job"


def test_numbers_out_of_range_are_cut_with_a_notice(start, run_folder):
    values = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    values[0, 0] = 1.5
    np.save(run_folder / "content.npy", values)
    worker = start({"iterations": 1})
    assert "0.5 to 1.5" in worker.wait_for("notice")["text"]
    assert any("0.5 to 1.5" in each for each in worker.wait_for("done")["warnings"])
    assert worker.end() == 0


def test_missing_weights(start, tmp_path):
    error = failure(start({"iterations": 1}, home=tmp_path / "empty"))
    assert error["code"] == "weights"
    assert "install.py" in error["message"]


@pytest.mark.parametrize(
    "raised, code",
    [
        ("MemoryError", "memory"),
        ("RuntimeError('Failed to allocate memory for requested buffer')", "memory"),
        ("OSError(28, 'No space left on device')", "disk"),
        ("KeyError('spam')", "internal"),
    ],
)
def test_what_only_shows_on_the_way(start, model_home, raised, code):
    before = f"""
from engine import run
def broken(*arguments, **named):
    raise {raised}
run.stylize = broken
"""
    error = failure(start({"iterations": 1}, before=before))
    assert error["code"] == code
    assert error["hint"]
    if code == "internal":
        assert "spam" in Path(error["log"]).read_text()
    else:
        assert not (model_home / "logs").exists()


def test_on_a_full_disk_the_result_is_rescued(start, model_home, run_folder, full_disk):
    folder = full_disk.folder / f"{RUN_FOLDER_PREFIX}full"
    folder.mkdir()
    for each in run_folder.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    job = {"content": "content.npy", "output": "result.npy", "iterations": 1,
           "regions": [{"style": "style-1.npy"}]}  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job))
    full_disk.fill()
    error = failure(start(folder=folder, before=full_disk.before))
    assert error["code"] == "disk"
    rescued = list((model_home / "rescued").iterdir())
    assert len(rescued) == 1
    assert str(rescued[0]) in error["message"]


# Folders that are not to be touched


@pytest.mark.parametrize("kind", ["another name", "no job", "a link", "missing", "a file"])
def test_folders_that_are_no_run_folders(tmp_path, kind):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "holiday.jpg").write_text("precious")
    (photos / "job.json").write_text("{}")
    folder = tmp_path / f"{RUN_FOLDER_PREFIX}1"
    if kind == "another name":
        folder = photos
    elif kind == "no job":
        folder.mkdir()
        (folder / "holiday.jpg").write_text("precious")
    elif kind == "a link":
        folder.symlink_to(photos)
    elif kind == "a file":
        folder.write_text("precious")
    there = sorted(tmp_path.rglob("*"))
    done = scumble("worker", folder, home=tmp_path / "home", folder=tmp_path)
    assert done.returncode == 2
    hello, error = map(json.loads, done.stdout.splitlines())
    assert hello["type"] == "hello"
    assert error["code"] == "job"
    assert "is not a run folder" in error["message"]
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == there
    assert (photos / "holiday.jpg").read_text() == "precious"


def test_only_what_is_in_the_folder_is_deleted(start, run_folder, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_text("precious")
    os.symlink(tmp_path / "photos", run_folder / "link")
    worker = start(ENDLESS_JOB)
    worker.wait_for("hello")
    assert worker.end() == 130
    assert (tmp_path / "photos" / "holiday.jpg").read_text() == "precious"
