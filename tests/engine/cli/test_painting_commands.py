"""The command line at work: what comes out, and what is left when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import __version__
from engine.jobfile import job_from_dict
from engine.pictures.picture import read_picture, read_settings
from tests.engine.programs import (
    ENDLESS,
    HEIGHT,
    PATIENCE,
    QUICK,
    SHALLOW,
    SHALLOW_JOB,
    WIDTH,
    alpha_of,
    check_sentence,
    command,
    environment,
    noise,
    scumble,
    started,
)

BASE = ("stylize", "content.png", "out.png", "--style", "waves.png")


def made_rgb(folder):
    Image.fromarray(noise(1)).save(folder / "content.webp", lossless=True)
    return folder / "content.webp", False


def made_gray_16(folder):
    Image.fromarray(noise(1)[..., 0].astype(np.uint16) * 257).save(folder / "content.tif")
    return folder / "content.tif", False


def made_gray_alpha(folder):
    gray, alpha = (Image.fromarray(noise(seed)[..., 0]) for seed in (1, 2))
    Image.merge("LA", [gray, alpha]).save(folder / "content.png")
    return folder / "content.png", True


def made_palette(folder):
    image = Image.fromarray(noise(1)).quantize(16)
    image.save(folder / "content.png", transparency=3)
    return folder / "content.png", True


def made_turned(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(1, WIDTH, HEIGHT)).save(folder / "content.jpg", exif=exif)
    return folder / "content.jpg", False


def made_array(folder):
    np.save(folder / "content.npy", noise(1, channels=4).astype(np.float32) / 255)
    return folder / "content.npy", True


@pytest.mark.parametrize(
    "make", [made_rgb, made_gray_16, made_gray_alpha, made_palette, made_turned, made_array]
)
def test_every_kind_of_content(pictures, model_home, make):
    content, has_alpha = make(pictures)
    done = scumble("stylize", content, "out.png", "--style", "waves.png", *QUICK,
                   home=model_home, folder=pictures)  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = read_picture(content), read_picture(pictures / "out.png")
    assert after.rgb.shape == before.rgb.shape == (HEIGHT, WIDTH, 3)
    if has_alpha:
        np.testing.assert_allclose(alpha_of(after), alpha_of(before), atol=0.5 / 255)
    else:
        assert after.alpha is None
    assert np.abs(after.rgb - before.rgb).max() > 1


def test_two_styles_and_a_mask_of_another_size(pictures, model_home):
    Image.fromarray(np.array([[0, 128, 255]], np.uint8)).save(pictures / "small.png")
    done = scumble(*BASE, "small.png", "--style", "oil.png", "rest", "--size", "1024", "--seed",
                   "7", *QUICK, home=model_home, folder=pictures)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Wrote out.png ({WIDTH}x{HEIGHT}; 2 steps, loss ")
    assert "Traceback" not in done.stderr
    assert read_picture(pictures / "out.png").rgb.shape == (HEIGHT, WIDTH, 3)
    found = read_settings(pictures / "out.png")
    assert found["scumble"] == __version__
    assert found["seed"] == 7
    assert found["job"]["content"] == "content.png"
    assert found["job"]["regions"][0]["mask"] == "small.png"
    assert found["job"]["regions"][1]["mask"] == "rest"
    assert found["working_size"][0] * found["working_size"][1] < HEIGHT * WIDTH
    assert found["device"]
    # What is not said must have been heard: the picture was worked on at a smaller size.
    assert "Note: " in done.stderr


def test_a_result_is_repeated_from_its_file(pictures, model_home):
    first = scumble(*BASE, "ramp.png", *QUICK, "--init", "noise", "--seed", "5",
                    home=model_home, folder=pictures)  # fmt: skip
    assert first.returncode == 0, first.stderr
    (pictures / "elsewhere").mkdir()
    itself = scumble("job", "../out.png", home=model_home, folder=pictures / "elsewhere")
    assert itself.returncode == 2
    check_sentence(itself.stderr, "out.png", "--output")
    again = scumble("job", "../out.png", "--output", "again.tif", "--quiet",
                    home=model_home, folder=pictures / "elsewhere")  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    repeated = pictures / "elsewhere" / "again.tif"
    np.testing.assert_allclose(
        read_picture(repeated).rgb, read_picture(pictures / "out.png").rgb, atol=1
    )
    before, after = read_settings(pictures / "out.png"), read_settings(repeated)
    assert after["job"]["content"] == "../content.png"
    ours = ("content", "output", "regions")
    assert {k: v for k, v in after["job"].items() if k not in ours} == {
        k: v for k, v in before["job"].items() if k not in ours
    }


def test_a_job_file_and_each_styles_own_picture(pictures, model_home):
    (pictures / "jobs").mkdir()
    asked = {
        "content": "../content.png",
        "output": "out.jpg",
        "method": "stitch",
        "uncut": True,
        "iterations": 1,
        **SHALLOW_JOB,
        "regions": [{"style": "../waves.png", "mask": "../ramp.png"},
                    {"style": "../oil.png", "mask": "rest"}],
    }  # fmt: skip
    (pictures / "jobs" / "job.json").write_text(json.dumps(asked))
    done = scumble("job", "jobs/job.json", "--json", home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = [json.loads(each) for each in done.stdout.splitlines()]
    assert lines[0]["type"] == "hello"
    assert {"device", "progress"} <= {each["type"] for each in lines}
    last = lines[-1]
    assert last["type"] == "done"
    written = [pictures / "jobs" / f"out{which}.jpg" for which in ("", "-1", "-2")]
    assert [Path(each) for each in last["files"]] == [Path("jobs") / each.name for each in written]
    for file in written:
        assert read_picture(file).rgb.shape == (HEIGHT, WIDTH, 3)
        assert job_from_dict(read_settings(file)["job"]).method == "stitch"
    assert last["settings"] == read_settings(written[0])


def test_what_was_painted_before_it_was_cut_out(pictures, model_home):
    asked = [*BASE, "ramp.png", *SHALLOW, "--iterations", "1", "--uncut"]
    done = scumble(*asked, home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    assert sorted(each.name for each in pictures.glob("out*")) == ["out-1.png", "out.png"]
    again = scumble("job", "out.png", "--output", "again.png", home=model_home, folder=pictures)
    assert again.returncode == 0, again.stderr
    np.testing.assert_allclose(
        read_picture(pictures / "again-1.png").rgb, read_picture(pictures / "out-1.png").rgb, atol=1
    )


def test_an_output_that_would_overwrite_an_input_later(pictures):
    (pictures / "waves.png").rename(pictures / "out-1.png")
    done = scumble("stylize", "content.png", "out.png", "--style", "out-1.png", "--method",
                   "stitch", "--uncut", home=pictures / "home", folder=pictures)  # fmt: skip
    assert done.returncode == 2
    check_sentence(done.stderr, "out-1.png")


def test_errors_are_lines_too_with_json(pictures):
    done = scumble(*BASE, "none.png", "--json", home=pictures / "home", folder=pictures)
    assert done.returncode == 1
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["type"] == "error"
    assert last["code"] == "picture"
    assert "none.png" in last["message"]


def test_too_many_threads_are_reduced_and_this_is_said(pictures, model_home):
    done = scumble(*BASE, *QUICK, "--threads", "1024", home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    assert "Note: 1024 threads are too many for " in done.stderr


# Stopping

PAINT_UNTIL_STOPPED = """
import time
from engine.cli import commands
from engine.events import Progress
def stylized(job, report, stop, keeper):
    step = 0
    while True:
        step += 1
        report(Progress("paint", step, 10**9))
        time.sleep(0.01)
commands._stylized = stylized
"""


def wait_for_painting(process):
    for line in process.stdout:
        event = json.loads(line)
        if event.get("stage") == "paint":
            return
        assert event["type"] not in ("done", "error"), event
    raise AssertionError(process.stderr.read())


def test_ctrl_c_keeps_the_best_picture(pictures, model_home):
    process = started(*BASE, *ENDLESS, "--json", home=model_home, folder=pictures)
    wait_for_painting(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "best picture so far" in err
    assert json.loads(out.splitlines()[-1])["stopped"] is True
    assert read_settings(pictures / "out.png")["stopped"] is True


@pytest.mark.parametrize("first", [signal.SIGINT, None])
def test_ctrl_c_twice_and_terminate_stop_at_once(pictures, tmp_path_factory, first):
    home = tmp_path_factory.mktemp("home")
    (pictures / "out.png").write_text("the old one")
    there = sorted(pictures.iterdir())
    process = started(*BASE, "--json", home=home, folder=pictures, before=PAINT_UNTIL_STOPPED)
    wait_for_painting(process)
    if first is not None:
        process.send_signal(first)
        assert "best picture so far" in process.stderr.readline()
    process.send_signal(signal.SIGTERM if first is None else signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    check_sentence(err, "nothing was written")
    assert sorted(pictures.iterdir()) == there
    assert not [each for each in (home / "states").iterdir() if each.is_dir()]
    assert (pictures / "out.png").read_text() == "the old one"


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_output_does_not_stop_the_work(pictures, model_home, closed):
    def close():
        for each in closed:
            os.close(each)

    process = subprocess.run(
        command((*BASE, *QUICK)),
        cwd=pictures,
        env=environment(model_home),
        preexec_fn=close,
        timeout=PATIENCE,
        check=False,
    )
    assert process.returncode == 0
    assert read_picture(pictures / "out.png").rgb.shape == (HEIGHT, WIDTH, 3)


def test_names_without_an_encoding(pictures, model_home):
    name = os.fsdecode(b"caf\xe9.png")  # Latin-1, as old disks have it
    (pictures / "content.png").rename(pictures / name)
    done = scumble("stylize", name, "out.png", "--style", "waves.png", *QUICK,
                   home=model_home, folder=pictures)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_settings(pictures / "out.png")["job"]["content"] == name
    for line in (done.stdout, done.stderr):
        assert "Traceback" not in line


# A disk without room

LITTLE_ROOM = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
"""


def test_a_file_that_cannot_be_finished(pictures, model_home):
    (pictures / "out.png").write_text("the old one")
    there = sorted(pictures.iterdir())
    done = scumble(*BASE, *QUICK, home=model_home, folder=pictures, before=LITTLE_ROOM)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "out.png cannot be written" in done.stderr.splitlines()[-1]
    assert sorted(pictures.iterdir()) == there
    assert (pictures / "out.png").read_text() == "the old one"


def test_a_full_disk_does_not_cost_the_result(pictures, model_home, full_disk):
    (full_disk.folder / "out.png").write_text("the old one")
    full_disk.fill()
    done = scumble("stylize", "content.png", full_disk.folder / "out.png", "--style", "waves.png",
                   *QUICK, home=model_home, folder=pictures, before=full_disk.before)  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "out.png cannot be written" in last
    assert "Make room on the disk" in last
    assert (full_disk.folder / "out.png").read_text() == "the old one"
    assert [each.name for each in full_disk.folder.glob(".*")] == []
    rescued = list((model_home / "rescued").iterdir())
    assert len(rescued) == 1
    assert str(rescued[0]) in last
    assert read_picture(rescued[0]).rgb.shape == (HEIGHT, WIDTH, 3)
