"""Output streams that fail: a reader that leaves, and a disk without room."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from engine.pictures.picture import read_picture
from tests.engine.programs import (
    PATIENCE,
    QUICK,
    SHALLOW,
    check_sentence,
    command,
    environment,
    scumble,
    started,
)

BASE = ("stylize", "content.png", "out.png", "--style", "waves.png")
FULL = Path("/dev/full")

needs_dev_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


def run(folder: Path, home: Path, *arguments: str, out: int, err: int) -> tuple[int, str]:
    """Run the command line and return its status, and its standard error if that is a pipe."""
    streams = {"stdout": out, "stderr": err}
    done = scumble(*arguments, home=home, folder=folder, streams=streams)
    return done.returncode, done.stderr or ""


def test_painting_goes_on_when_the_reader_leaves(pictures: Path, model_home: Path) -> None:
    """As with `2>&1 | head -1`: one line is read of both streams together."""
    process = started(
        *BASE,
        *SHALLOW,
        "--iterations",
        "5",
        home=model_home,
        folder=pictures,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 0
    read_picture(pictures / "out.png")


def test_painting_goes_on_when_the_reader_of_json_leaves(pictures: Path, model_home: Path) -> None:
    process = started(
        *BASE, *SHALLOW, "--iterations", "5", "--json", home=model_home, folder=pictures
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["type"] == "hello"
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
    read_picture(pictures / "out.png")


def test_a_terminal_that_is_closed_does_not_stop_a_run_that_ignores_it(
    pictures: Path, model_home: Path
) -> None:
    """As with nohup: writing to the terminal that has gone raises an error of another kind."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command((*BASE, *SHALLOW, "--iterations", "5")),
        cwd=pictures,
        env=environment(model_home),
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN) and None,
    )
    os.close(theirs)
    assert os.read(ours, 10)
    os.close(ours)
    process.wait(timeout=PATIENCE)
    # The last line is lost; the picture is not.
    read_picture(pictures / "out.png")


@needs_dev_full
def test_the_result_survives_a_full_disk_for_its_last_line(
    pictures: Path, model_home: Path
) -> None:
    with FULL.open("w") as full:
        status, text = run(
            pictures, model_home, *BASE, *QUICK, "--quiet", out=full.fileno(), err=subprocess.PIPE
        )
    assert status == 1
    check_sentence(text, "The result is in out.png", "Standard output", "No space left")
    read_picture(pictures / "out.png")


@needs_dev_full
def test_a_full_disk_for_the_progress_does_not_stop_the_work(
    pictures: Path, model_home: Path
) -> None:
    with FULL.open("w") as full:
        status, _ = run(
            pictures, model_home, *BASE, *QUICK, out=subprocess.DEVNULL, err=full.fileno()
        )
    assert status == 0
    read_picture(pictures / "out.png")


@needs_dev_full
def test_json_that_cannot_be_written_is_said_before_anything_is_painted(
    pictures: Path, model_home: Path
) -> None:
    with FULL.open("w") as full:
        status, text = run(
            pictures, model_home, *BASE, *QUICK, "--json", out=full.fileno(), err=subprocess.PIPE
        )
    assert status == 1
    check_sentence(text, "scumble stylize: Standard output cannot be written to")
    assert not (pictures / "out.png").exists()


@needs_dev_full
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("stylize", "--help"),
        ("--version",),
        ("doctor",),
        ("measure", "content.png", "content.png", "--mask", "ramp.png"),
    ],
)
def test_text_that_cannot_be_written_is_a_sentence(
    pictures: Path, model_home: Path, arguments: tuple[str, ...]
) -> None:
    with FULL.open("w") as full:
        status, text = run(pictures, model_home, *arguments, out=full.fileno(), err=subprocess.PIPE)
    assert status == 1
    check_sentence(text, "Standard output cannot be written to: No space left")


def test_help_whose_reader_has_left_says_nothing(pictures: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    status, text = run(pictures, pictures, "--help", out=writing, err=subprocess.PIPE)
    os.close(writing)
    assert (status, text) == (1, "")


def test_errors_that_nobody_reads_keep_their_status(pictures: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    status, _ = run(pictures, pictures, *BASE, "none.png", out=subprocess.DEVNULL, err=writing)
    assert status == 1
    status, _ = run(pictures, pictures, *BASE, "--grow", "x", out=subprocess.DEVNULL, err=writing)
    os.close(writing)
    assert status == 2


def test_a_run_makes_no_previews_for_the_command_line(pictures: Path, model_home: Path) -> None:
    before = """
from engine import previews
previews.PREVIEW_SECONDS = 0.0
def show(*arguments):
    raise AssertionError("a preview was made")
previews.composite = show
"""
    done = scumble(*BASE, *QUICK, home=model_home, folder=pictures, before=before)
    assert done.returncode == 0, done.stderr
