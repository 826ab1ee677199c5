"""The command line: what can be asked for, what comes out, and what is said when it cannot be."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import __version__
from engine.events import Progress
from engine.job import Job, JobError, Region, job_from_dict
from engine.options import POSITIONAL, REGION_OPTIONS, build_parser, job_from_options, option_name
from engine.pictures import read_picture, read_settings
from engine.terminal import STAGES, duration, progress_text
from tests.engine.programs import (
    HEIGHT,
    PATIENCE,
    QUICK,
    WIDTH,
    check_sentence,
    command,
    environment,
    make_pictures,
    noise,
    scumble,
)

JOB_FIELDS = {each.name: each for each in dataclasses.fields(Job)}
OPTIONS = [each for name, each in JOB_FIELDS.items() if name not in POSITIONAL]
RANGED = [pytest.param(each, id=each.name) for each in OPTIONS if each.metadata["low"] is not None]
CHOSEN = [
    pytest.param(each, id=each.name)
    for each in OPTIONS
    if each.metadata["choices"] and each.name != "init"
]
BASE = ("stylize", "content.png", "out.png", "--style", "waves.png")


@pytest.fixture
def pictures(tmp_path):
    return make_pictures(tmp_path)


def job(*options, base=BASE):
    return job_from_options(build_parser().parse_args([*base, *options]))


def stylize_parser():
    parser = build_parser()
    return parser._subparsers._group_actions[0].choices["stylize"]


# Options


def test_every_option_is_a_field_and_every_field_an_option():
    actions = [each for each in stylize_parser()._actions if each.dest != "help"]
    dests = {each.dest for each in actions} - {"quiet", "json"}
    region_only = {each.name for each in dataclasses.fields(Region)} - {"style", "mask"}
    assert dests == set(JOB_FIELDS) | region_only
    assert set(REGION_OPTIONS) == region_only
    spelled = {each.dest: each.option_strings for each in actions}
    for described in OPTIONS:
        assert "--" + described.name.replace("_", "-") in spelled[described.name]
        assert described.metadata["text"].rstrip(".") in next(
            each.help for each in actions if each.dest == described.name
        )


def test_without_options_the_job_has_the_defaults():
    assert job() == Job(content="content.png", output="out.png", regions=(Region("waves.png"),))


@pytest.mark.parametrize("described", RANGED)
def test_numbers(described):
    low, high = described.metadata["low"], described.metadata["high"]
    option, kind = option_name(described.name), type(described.default)
    more = ("--guidance", "all") if described.name == "grow" else ()
    assert getattr(job(f"{option}={high}", *more), described.name) == kind(high)
    for value in (low - 1, high + 1, "x"):
        with pytest.raises(JobError) as caught:
            job(f"{option}={value}")
        assert str(caught.value).startswith(f"{option}: ")
        assert str(value) in str(caught.value)
        if value != "x":
            assert f"{low:g} to {high:g}" in str(caught.value)


@pytest.mark.parametrize("described", CHOSEN)
def test_choices(described):
    option = option_name(described.name)
    for value in described.metadata["choices"]:
        assert getattr(job(option, value), described.name) == value
    with pytest.raises(JobError) as caught:
        job(option, "none")
    assert str(caught.value).startswith(f"{option}: 'none' is not one of ")
    for value in described.metadata["choices"]:
        assert value in str(caught.value)


def test_styles_and_their_options():
    regions = job(
        *("sky.png", "--weight", "2", "--name", "the sky"),
        *("--style", "oil.png", "rest", "--style-size", "0.5", "--style-mask", "part.png"),
        *("--iterations", "5", "--style", "third.png"),
    ).regions
    assert regions == (
        Region("waves.png", "sky.png", weight=2.0, name="the sky"),
        Region("oil.png", "rest", "part.png", scale=0.5),
        Region("third.png"),
    )


@pytest.mark.parametrize("option, value", [("--weight", "0"), ("--style-size", "9")])
def test_options_of_a_style_name_themselves(option, value):
    with pytest.raises(JobError) as caught:
        job(option, value)
    assert str(caught.value).startswith(f"{option}: {float(value)} is out of range; allowed are ")


@pytest.mark.parametrize(
    "text, layers",
    [
        ("conv4_2", (("conv4_2", 1.0),)),
        ("conv3_2=1,conv4_2=0.5", (("conv3_2", 1.0), ("conv4_2", 0.5))),
        ("conv1_1, conv2_1", (("conv1_1", 0.5), ("conv2_1", 0.5))),
    ],
)
def test_layers(text, layers):
    assert job("--content-layer", text).content_layers == layers
    assert job("--content-layers", text).content_layers == layers
    assert job("--style-layers", text).style_layers == layers


@pytest.mark.parametrize("text", ["conv9_1", "conv1_1=x", "conv1_1=-1", "", "conv1_1,,", "a=b=c"])
def test_layers_that_are_none(text):
    with pytest.raises(JobError) as caught:
        job("--style-layers", text)
    assert str(caught.value).startswith("--style-layers: ")
    assert "conv" in str(caught.value)


def test_size_and_start(pictures):
    assert job("--size", "full").size == 0
    assert job("--size", "4096").size == 4096
    assert job("--init", "noise").init == "noise"
    start = str(pictures / "oil.png")
    for options in (["--init", start], ["--init-picture", start]):
        made = job(*options)
        assert (made.init, made.init_picture) == ("picture", start)
    with pytest.raises(JobError, match="--init-picture"):
        job("--init", "noise", "--init-picture", start)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((), ["COMMAND"]),
        (("paint",), ["'paint'", "stylize"]),
        (("stylize",), ["CONTENT", "OUT"]),
        (("stylize", "content.png", "out.png"), ["--style is missing"]),
        ((*BASE, "--weigth", "2"), ["--weigth"]),
        (("stylize", "c", "o", "--weight", "2", "--style", "s"), ["--weight", "before"]),
        ((*BASE, "--weight", "2", "--weight", "3"), ["--weight", "twice"]),
        (("stylize", "--style", "s", "m", "c", "o"), ["--style", "'s m c o'", "before"]),
        ((*BASE, "--init", "nois"), ["--init", "'nois'", "noise", "colors"]),
        ((*BASE, "--quiet", "--json"), ["--json", "--quiet"]),
        ((*BASE, "--iterations", "0"), ["--iterations: 0", "1 to 10000 steps"]),
        ((*BASE, "--strength", "nan"), ["--strength: nan", "0.01 to 100"]),
        ((*BASE, "--grow", "3"), ["grow: 3", "'receptive'", "'inside'"]),
        (("job",), ["JOB"]),
        (("worker",), ["RUN_FOLDER"]),
    ],
)
def test_wrong_use(pictures, arguments, words):
    done = scumble(*arguments, home=pictures / "home", folder=pictures)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    if arguments:
        assert done.stderr.count("\n") == 1
    assert not (pictures / "out.png").exists()


def test_help_and_version_need_nothing_heavy(tmp_path):
    before = """
import atexit, sys
heavy = {"numpy", "scipy", "PIL", "onnxruntime"}
atexit.register(lambda: print("HEAVY", sorted(heavy & set(sys.modules))))
"""
    for arguments, word in ((["--help"], "stylize"), (["--version"], __version__),
                            (["stylize", "--help"], "--strength")):  # fmt: skip
        done = scumble(*arguments, home=tmp_path, folder=tmp_path, before=before)
        assert done.returncode == 0
        assert word in done.stdout
        assert "HEAVY []" in done.stdout


# What cannot be done


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (("stylize", "none.png", "out.png", "--style", "waves.png"), 1, ["no file none.png"]),
        (("stylize", "content.png", "out.png", "--style", "none.png"), 1, ["no file none.png"]),
        ((*BASE, "none.png"), 1, ["no file none.png"]),
        ((*BASE, "--style-mask", "none.png"), 1, ["no file none.png"]),
        (("stylize", "text.png", "out.png", "--style", "waves.png"), 1, ["text.png", "picture"]),
        ((*BASE[:-1], "text.png"), 1, ["text.png", "picture"]),
        ((*BASE, "text.png"), 1, ["text.png", "picture"]),
        (("stylize", "folder", "out.png", "--style", "waves.png"), 1, ["folder", "is a folder"]),
        (("stylize", "dot.png", "out.png", "--style", "waves.png"), 1, ["dot.png", "1x1", "16x16"]),
        ((*BASE[:-1], "dot.png"), 1, ["dot.png", "1x1", "16x16"]),
        (("stylize", "cut.png", "out.png", "--style", "waves.png"), 1, ["cut.png", "cut off"]),
        (("stylize", "nan.npy", "out.png", "--style", "waves.png"), 1, ["nan.npy", "not numbers"]),
        ((*BASE, "black.png", "--name", "the sky"), 1, ["the sky"]),
        ((*BASE, "black.png"), 1, ["1 (waves.png)"]),
        (("stylize", "content.png", "content.png", "--style", "waves.png"), 2, ["content.png"]),
        (("stylize", "content.png", "./waves.png", "--style", "waves.png"), 2, ["waves.png"]),
        (("stylize", "content.png", "out.bmp", "--style", "waves.png"), 2, ["out.bmp", ".png"]),
        (("stylize", "content.png", "out", "--style", "waves.png"), 2, ["out", ".tiff"]),
        (("stylize", "content.png", "folder.png", "--style", "waves.png"), 2, ["a folder"]),
        (("stylize", "content.png", "no/out.png", "--style", "waves.png"), 1, ["no folder"]),
        (("stylize", "content.png", "text.png/o.png", "--style", "waves.png"), 1, ["no folder"]),
        (("job", "none.json"), 2, ["none.json", "cannot be read"]),
        (("job", "text.png"), 1, ["text.png", "picture"]),
        (("job", "content.png"), 1, ["content.png", "no settings"]),
        (("job", "bad.json"), 2, ["iterations: 0", "1 to 10000"]),
        (("job", "mute.json"), 2, ["output"]),
        (("job", "deep.json"), 2, ["deep.json", "nested"]),
        (("job", "null.json"), 2, ["null character"]),
        (("stylize", "x" * 5000, "out.png", "--style", "waves.png"), 1, ["There is no file xx"]),
    ],
)  # fmt: skip
def test_what_cannot_be_done(pictures, model_home, arguments, status, words):
    (pictures / "text.png").write_text("hello")
    (pictures / "folder").mkdir()
    (pictures / "folder.png").mkdir()
    Image.new("RGB", (1, 1)).save(pictures / "dot.png")
    Image.new("L", (7, 5)).save(pictures / "black.png")
    whole = (pictures / "content.png").read_bytes()
    (pictures / "cut.png").write_bytes(whole[: len(whole) // 2])
    np.save(pictures / "nan.npy", np.full((HEIGHT, WIDTH, 3), np.nan, np.float32))
    mute = {"content": "content.png", "regions": [{"style": "waves.png"}]}
    (pictures / "mute.json").write_text(json.dumps(mute))
    (pictures / "bad.json").write_text(json.dumps({**mute, "output": "o.png", "iterations": 0}))
    (pictures / "deep.json").write_text("[" * 100_000)
    (pictures / "null.json").write_text(json.dumps({**mute, "output": "o\0.png"}))
    there = {each: each.read_bytes() for each in pictures.iterdir() if each.is_file()}
    done = scumble(*arguments, home=model_home, folder=pictures)
    assert done.returncode == status
    assert done.stdout == ""
    progress = ("loading the network", "Device: ")
    lines = [each for each in done.stderr.splitlines(True) if not each.startswith(progress)]
    check_sentence("".join(lines), f"scumble {arguments[0]}: ", *words)
    assert {each: each.read_bytes() for each in pictures.iterdir() if each.is_file()} == there


def test_missing_weights(pictures):
    done = scumble(*BASE, home=pictures / "nowhere", folder=pictures)
    assert done.returncode == 1
    assert "install.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (pictures / "out.png").exists()


def test_a_folder_that_cannot_be_written_to(pictures):
    folder = pictures / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):  # as root; nobody can make files in /proc
        folder = Path("/proc")
    done = scumble("stylize", "content.png", folder / "out.png", "--style", "waves.png",
                   home=pictures / "home", folder=pictures)  # fmt: skip
    assert done.returncode == 1
    check_sentence(done.stderr, str(folder), "cannot be written to")


OUT_OF_MEMORY = """
from engine import commands
def stylized(*arguments):
    raise MemoryError
commands._stylized = stylized
"""
BUG = OUT_OF_MEMORY.replace("MemoryError", "KeyError('spam')")
ASTRAY = OUT_OF_MEMORY.replace("MemoryError", "FloatingPointError('the loss became nan')")


@pytest.mark.parametrize("before, words", [(OUT_OF_MEMORY, "not enough memory"), (ASTRAY, "nan")])
def test_what_only_shows_on_the_way(pictures, before, words):
    done = scumble(*BASE, home=pictures / "home", folder=pictures, before=before)
    assert done.returncode == 1
    check_sentence(done.stderr, words)


def test_a_bug_goes_to_the_log(pictures):
    home = pictures / "home"
    done = scumble(*BASE, home=home, folder=pictures, before=BUG)
    assert done.returncode == 1
    log = home / "logs" / "engine.log"
    check_sentence(done.stderr, "KeyError", str(log))
    text = log.read_text()
    assert "Traceback" in text
    assert "spam" in text
    assert __version__ in text


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_bug_without_a_log(pictures, debug):
    (pictures / "home").write_text("a file where the folder should be")
    done = scumble(*BASE, home=pictures / "home", folder=pictures, before=BUG, SCUMBLE_DEBUG=debug)
    assert done.returncode == 1
    assert "KeyError" in done.stderr.splitlines()[-1]
    assert "engine.log" not in done.stderr
    assert ("Traceback" in done.stderr) == bool(debug)


# Painting


def made_rgb(folder):
    Image.fromarray(noise(1)).save(folder / "content.webp", lossless=True)
    return folder / "content.webp", False


def made_grey_16(folder):
    Image.fromarray(noise(1)[..., 0].astype(np.uint16) * 257).save(folder / "content.tif")
    return folder / "content.tif", False


def made_grey_alpha(folder):
    grey, alpha = (Image.fromarray(noise(seed)[..., 0]) for seed in (1, 2))
    Image.merge("LA", [grey, alpha]).save(folder / "content.png")
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
    "make", [made_rgb, made_grey_16, made_grey_alpha, made_palette, made_turned, made_array]
)
def test_every_kind_of_content(pictures, model_home, make):
    content, has_alpha = make(pictures)
    done = scumble("stylize", content, "out.png", "--style", "waves.png", *QUICK,
                   home=model_home, folder=pictures)  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = read_picture(content), read_picture(pictures / "out.png")
    assert after.rgb.shape == before.rgb.shape == (HEIGHT, WIDTH, 3)
    if has_alpha:
        np.testing.assert_allclose(after.alpha, before.alpha, atol=0.5 / 255)
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
        "separate": True,
        "iterations": 1,
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


def test_an_output_that_would_overwrite_an_input_later(pictures):
    (pictures / "waves.png").rename(pictures / "out-1.png")
    done = scumble("stylize", "content.png", "out.png", "--style", "out-1.png", "--method",
                   "stitch", "--separate", home=pictures / "home", folder=pictures)  # fmt: skip
    assert done.returncode == 2
    check_sentence(done.stderr, "out-1.png")


def test_errors_are_lines_too_with_json(pictures):
    done = scumble(*BASE, "none.png", "--json", home=pictures / "home", folder=pictures)
    assert done.returncode == 1
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["type"] == "error"
    assert last["code"] == "picture"
    assert "none.png" in last["message"]


# What is seen of the work


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    stage=st.sampled_from([*STAGES, "something new"]),
    step=st.integers(0, 10_000),
    steps=st.integers(0, 10_000),
    scales=st.integers(1, 6),
    loss=st.none() | st.floats(),
    left=st.none() | st.floats(0, 1e7),
    width=st.integers(1, 200),
)
def test_progress_fits_every_terminal(stage, step, steps, scales, loss, left, width):
    event = Progress(stage, min(step, steps), steps, 1, scales, loss, left)
    text = progress_text(event, width)
    assert 0 < len(text) <= width
    assert "\n" not in text
    whole = progress_text(event, None)
    assert whole.startswith(STAGES.get(stage, stage))
    if steps > 1:
        assert f"{event.step}/{steps}" in whole
        assert width < 40 or f"{event.step}/{steps}" in text


def test_progress_in_full():
    event = Progress("paint", 45, 150, 2, 3, 1234567.0, 75.0)
    assert (
        progress_text(event, None)
        == "painting  size 2 of 3  45/150  loss 1.235e+06  1 min 15 s left"
    )
    assert progress_text(event, 100) == (
        "painting  size 2 of 3  [=======                 ]  45/150  loss 1.235e+06  1 min 15 s left"
    )
    assert progress_text(event, 24) == "45/150  1 min 15 s left"


@pytest.mark.parametrize(
    "seconds, text",
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (125, "2 min 5 s"), (12_000, "3 h 20 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_narrow_terminal(pictures, model_home):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    process = subprocess.Popen(
        command((*BASE, "--iterations", "20")),
        cwd=pictures,
        env=environment(model_home, TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(ours)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert out.startswith("Wrote out.png")
    assert out.count("\n") == 1
    text = seen.decode()
    drawn = [each for each in text.replace("\r\n", "\n").split("\r") if "\n" not in each]
    assert any("/20" in each for each in drawn)
    assert max(map(len, drawn)) <= 29
    # The last thing drawn is blank, so that nothing is left beside the final line.
    assert drawn[-1].strip() == "" == drawn[-2].strip()


def test_plain_lines_are_few_when_piped(pictures, model_home):
    done = scumble(*BASE, "--iterations", "30", home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr
    painting = [each for each in done.stderr.splitlines() if each.startswith("painting")]
    assert 5 <= len(painting) <= 15
    assert any("loss" in each for each in painting)
    assert any("left" in each for each in painting)
    assert "Device: " in done.stderr


# Stopping

PAINT_UNTIL_STOPPED = """
import time
from engine import commands
from engine.events import Progress
def stylized(job, report, stop):
    step = 0
    while True:
        step += 1
        report(Progress("paint", step, 10**9))
        time.sleep(0.01)
commands._stylized = stylized
"""


def started(*arguments, home, folder, before=""):
    return subprocess.Popen(
        command(arguments, before),
        cwd=folder,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_painting(process):
    for line in process.stdout:
        event = json.loads(line)
        if event.get("stage") == "paint":
            return
        assert event["type"] not in ("done", "error"), event
    raise AssertionError(process.stderr.read())


def test_ctrl_c_keeps_the_best_picture(pictures, model_home):
    process = started(*BASE, "--iterations", "10000", "--json", home=model_home, folder=pictures)
    wait_for_painting(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "best picture so far" in err
    assert json.loads(out.splitlines()[-1])["stopped"] is True
    assert read_settings(pictures / "out.png")["stopped"] is True


@pytest.mark.parametrize("first", [signal.SIGINT, None])
def test_ctrl_c_twice_and_terminate_stop_at_once(pictures, first):
    (pictures / "out.png").write_text("the old one")
    there = sorted(pictures.iterdir())
    process = started(*BASE, "--json", home=pictures / "home", folder=pictures,
                      before=PAINT_UNTIL_STOPPED)  # fmt: skip
    wait_for_painting(process)
    if first is not None:
        process.send_signal(first)
        assert "best picture so far" in process.stderr.readline()
    process.send_signal(signal.SIGTERM if first is None else signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    check_sentence(err, "nothing was written")
    assert sorted(pictures.iterdir()) == there
    assert (pictures / "out.png").read_text() == "the old one"


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_output_does_not_stop_the_work(pictures, model_home, closed):
    process = subprocess.run(
        command((*BASE, *QUICK)),
        cwd=pictures,
        env=environment(model_home),
        preexec_fn=lambda: [os.close(each) for each in closed],
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


def test_a_reader_that_leaves(pictures):
    process = started(*BASE, "--json", home=pictures / "home", folder=pictures,
                      before=PAINT_UNTIL_STOPPED)  # fmt: skip
    wait_for_painting(process)
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 1
    assert process.stderr.read() == ""
    process.stderr.close()
    assert not (pictures / "home").exists()


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
