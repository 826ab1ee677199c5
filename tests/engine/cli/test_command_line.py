"""The command line: what can be asked for, what comes out, and what is said when it cannot be."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine import __version__
from engine.cli.options import job_from_options, option_name
from engine.cli.parser import build_parser
from engine.job import Job, JobError, Region, options
from tests.engine.programs import (
    HEIGHT,
    WIDTH,
    check_sentence,
    scumble,
)

JOB_FIELDS = {each.name: each for each in dataclasses.fields(Job)}
OPTIONS = options()
RANGED = [pytest.param(each, id=each.name) for each in OPTIONS if each.metadata["low"] is not None]
CHOSEN = [
    pytest.param(each, id=each.name)
    for each in OPTIONS
    if each.metadata["choices"] and each.name != "init"
]
BASE = ("stylize", "content.png", "out.png", "--style", "waves.png")


def job(*options, base=BASE):
    return job_from_options(build_parser().parse_args([*base, *options]))


# Options


def test_every_option_is_a_field_and_every_field_an_option():
    commands: Any = next(each for each in build_parser()._actions if each.dest == "command")
    actions = [each for each in commands.choices["stylize"]._actions if each.dest != "help"]
    dests = {each.dest for each in actions} - {"quiet", "json", "dry_run", "resume"}
    region_only = {each.name for each in dataclasses.fields(Region)} - {"style", "mask"}
    assert dests == set(JOB_FIELDS) | region_only
    assert {each.name for each in options(Region)} == region_only
    spelled = {each.dest: each.option_strings for each in actions}
    for described in OPTIONS:
        assert "--" + described.name.replace("_", "-") in spelled[described.name]
        assert described.metadata["text"].rstrip(".") in next(
            each.help for each in actions if each.dest == described.name
        )


def test_without_options_the_job_has_the_defaults():
    assert job() == Job(content="content.png", output="out.png", regions=(Region("waves.png"),))


@pytest.mark.parametrize("described", RANGED)
def test_a_number_is_taken_in_its_range_and_refused_outside(described):
    low, high = described.metadata["low"], described.metadata["high"]
    option, kind = option_name(described), type(described.default)
    more = ("--propagation", "all") if described.name == "grow" else ()
    assert getattr(job(f"{option}={high}", *more), described.name) == kind(high)
    for value in (low - 1, high + 1, "x"):
        with pytest.raises(JobError) as caught:
            job(f"{option}={value}")
        assert str(caught.value).startswith(f"{option}: ")
        assert str(value) in str(caught.value)
        if value != "x":
            assert f"{low:g} to {high:g}" in str(caught.value)


@pytest.mark.parametrize("described", CHOSEN)
def test_a_choice_is_taken_and_anything_else_refused(described):
    option = option_name(described)
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
        Region("oil.png", "rest", "part.png", style_size=0.5),
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
def test_layers_are_given_with_weights_or_without(text, layers):
    assert job("--content-layer", text).content_layers == layers
    assert job("--content-layers", text).content_layers == layers
    assert job("--style-layers", text).style_layers == layers


@pytest.mark.parametrize("text", ["conv9_1", "conv1_1=x", "conv1_1=-1", "", "conv1_1,,", "a=b=c"])
def test_layers_that_do_not_exist_are_refused(text):
    with pytest.raises(JobError) as caught:
        job("--style-layers", text)
    assert str(caught.value).startswith("--style-layers: ")
    assert "conv" in str(caught.value)


def test_full_size_and_a_start_from_a_picture_have_short_forms(pictures):
    assert job("--size", "full").size == 0
    assert job("--size", "4096").size == 4096
    assert job("--init", "noise").init == "noise"
    start = str(pictures / "oil.png")
    for given in (["--init", start], ["--init-picture", start]):
        made = job(*given)
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
        (
            ("stylize", "c", "o", "--weight", "2", "--style", "s"),
            ["--weight", "must follow a --style"],
        ),
        ((*BASE, "--weight", "2", "--weight", "3"), ["--weight", "twice"]),
        (("stylize", "--style", "s", "m", "c", "o"), ["--style", "'s m c o'", "before"]),
        ((*BASE, "--init", "nois"), ["--init", "'nois'", "noise", "colors"]),
        ((*BASE, "--quiet", "--json"), ["--json", "--quiet"]),
        ((*BASE, "--iterations", "0"), ["--iterations: 0", "1 to 10000 steps"]),
        ((*BASE, "--strength", "nan"), ["--strength: nan", "0.01 to 100"]),
        ((*BASE, "--grow", "3"), ["grow: 3", "'auto'", "'inside'"]),
        (("job",), ["JOB"]),
        (("worker",), ["RUN_FOLDER"]),
    ],
)
def test_wrong_use_is_refused_with_a_reason(pictures, arguments, words):
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
        done = scumble(*arguments, home=tmp_path, folder=tmp_path, before=before, fresh=True)
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
        (("job", "none.json"), 2, ["There is no file none.json"]),
        (("job", "text.png"), 1, ["text.png", "picture"]),
        (("job", "content.png"), 1, ["content.png", "no settings"]),
        (("job", "bad.json"), 2, ["iterations: 0", "1 to 10000"]),
        (("job", "mute.json"), 2, ["output"]),
        (("job", "deep.json"), 2, ["deep.json", "nested"]),
        (("job", "null.json"), 2, ["null character"]),
        (("stylize", "x" * 5000, "out.png", "--style", "waves.png"), 1,
            ["xx...xx", "cannot be read: File name"]),
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
from engine.cli import commands
def stylized(*arguments):
    raise MemoryError
commands._stylized = stylized
"""
BUG = OUT_OF_MEMORY.replace("MemoryError", "KeyError('spam')")
ASTRAY = OUT_OF_MEMORY.replace("MemoryError", "FloatingPointError('the loss is nan')")


@pytest.mark.parametrize("before, words", [(OUT_OF_MEMORY, "not enough memory"), (ASTRAY, "nan")])
def test_what_only_shows_on_the_way(pictures, before, words):
    done = scumble(*BASE, home=pictures / "home", folder=pictures, before=before)
    assert done.returncode == 1
    check_sentence(done.stderr, words)


@pytest.mark.parametrize("option", ["--init", "--report"])
def test_a_name_that_is_too_long_is_one_sentence(pictures, option):
    arguments = (*BASE, option, "a" * 300)
    done = scumble(*arguments, home=pictures / "home", folder=pictures)
    assert done.returncode in (1, 2)
    check_sentence(done.stderr, "aaa")
    assert "Internal error" not in done.stderr


def test_a_missing_package_is_no_internal_error(pictures):
    before = "import sys\nsys.modules['PIL'] = None\n"
    done = scumble(*BASE, home=pictures / "home", folder=pictures, before=before, fresh=True)
    assert done.returncode == 1
    check_sentence(done.stderr, "A package that Scumble needs is missing", "PIL", "install.py")
    assert "Internal error" not in done.stderr


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
