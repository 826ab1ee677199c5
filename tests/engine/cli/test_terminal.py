"""The output that a person sees on a terminal."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cli.terminal import STAGES, progress_text
from engine.durations import duration
from engine.events import Progress
from tests.engine.programs import (
    PATIENCE,
    SHALLOW,
    scumble,
    started,
)

BASE = ("stylize", "content.png", "out.png", "--style", "waves.png")


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
def test_durations_are_given_in_two_units(seconds, text):
    assert duration(seconds) == text


def test_a_narrow_terminal(pictures, model_home):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    process = started(
        *(*BASE, *SHALLOW, "--iterations", "5"),
        home=model_home,
        folder=pictures,
        variables={"TERM": "xterm"},
        stderr=theirs,
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
    assert any("/5" in each for each in drawn)
    assert max(map(len, drawn)) <= 29
    # The last thing drawn is blank, so that nothing is left beside the final line.
    assert drawn[-1].strip() == "" == drawn[-2].strip()


def test_plain_lines_are_few_when_piped(pictures, model_home):
    done = scumble(*BASE, *SHALLOW, "--iterations", "30", home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr
    painting = [each for each in done.stderr.splitlines() if each.startswith("painting")]
    assert 5 <= len(painting) <= 15
    assert any("loss" in each for each in painting)
    assert any("left" in each for each in painting)
    assert "Device: " in done.stderr
