from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import run as stylize_module
from engine.estimate import memory, needed, peak
from engine.job import JobError
from engine.jobfile import job_from_dict
from tests.engine.programs import CHECKOUT


def test_memory_is_positive_and_free_is_a_part_of_it() -> None:
    total, free = memory()
    assert 0 < free < total


def test_the_peak_stays_when_the_memory_is_given_back() -> None:
    """In a process of its own, since the peak of this one is anybody's guess."""
    code = """
from engine.estimate import memory, peak
before = peak()
block = bytearray(b"x") * 200_000_000
while_there = peak()
del block
print(before, while_there, peak(), memory()[0])
"""
    own = bytearray(b"x") * 300_000_000  # which the new process must not count as its own
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    before, there, after, total = map(int, done.stdout.split())
    assert len(own) < peak() < total
    assert 0 < before < 100_000_000
    assert before + 190_000_000 < there < total
    assert after > there - 10_000_000  # the kernel counts in steps


def test_more_pixels_and_a_longer_history_need_more() -> None:
    assert needed(2000, 1, 10) == 2 * needed(1000, 1, 10)
    assert needed(1000, 1, 20) > needed(1000, 1, 10)
    assert needed(1000, 100_000, 10) > needed(1000, 1000, 10)


def test_what_does_not_fit_is_refused_with_a_size_that_does(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(np.full((200, 300, 3), 90, np.uint8)).save(picture)
    free = needed(10_000, 10_000, 10)
    monkeypatch.setattr(stylize_module, "memory", lambda: (8 * free, free))
    job = {"content": str(picture), "regions": [{"style": str(picture)}]}
    with pytest.raises(JobError, match=r"300 x 200 pixels takes .* GB .* a size of 9000 or less"):
        stylize_module.stylize(job_from_dict(job), lambda event: None, threading.Event())
    fitting = {**job, "size": 9000, "iterations": 1}
    result = stylize_module.stylize(job_from_dict(fitting), lambda event: None, threading.Event())
    assert result.picture.rgb.shape == (200, 300, 3)
