from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import run as stylize_module
from engine.estimate import needed
from engine.job import JobError
from engine.jobfile import job_from_dict


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
