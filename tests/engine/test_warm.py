"""Warm starts: the network and the styles are kept, and results are those of a cold start."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.job import Job, Region
from engine.pictures.picture import Picture, write_picture
from engine.run import Result, stylize
from engine.warm import Warm
from tests.engine.programs import SHALLOW_JOB, make_pictures, noise

pytestmark = pytest.mark.usefixtures("weights_checked_once")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = make_pictures(tmp_path_factory.mktemp("pictures"))
    write_picture(folder / "other.png", Picture(noise(9).astype(np.float32)))
    regions = (
        Region(str(folder / "waves.png"), str(folder / "ramp.png")),
        Region(str(folder / "oil.png"), "rest"),
    )
    return Job(
        content=str(folder / "content.png"),
        output=str(folder / "out.png"),
        regions=regions,
        iterations=2,
        scales=2,
        device="cpu",
        **SHALLOW_JOB,
    )


def painted(job: Job, warm: Warm | None = None, area: int | None = None) -> Result:
    stop = threading.Event()
    return stylize(job, lambda event: None, stop, previews=False, warm=warm, area=area)


def other(job: Job) -> Job:
    return replace(job, content=str(Path(job.content).with_name("other.png")))


def same(one: Result, two: Result) -> bool:
    return np.array_equal(one.picture.rgb, two.picture.rgb) and one.loss == two.loss


@pytest.mark.parametrize("colors", ["style", "match"])
def test_a_warm_run_paints_the_same_picture_bit_for_bit(job: Job, colors: str) -> None:
    job = replace(job, colors=colors)
    warm = Warm()
    painted(other(job), warm)
    assert same(painted(job, warm), painted(job))


def test_styles_are_read_and_analyzed_once(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {"read": 0, "grams": 0, "opened": 0}

    def counting(what: str, name: str) -> None:
        module, _, function = name.rpartition(".")
        before = getattr(__import__(module, fromlist=[function]), function)

        def wrapped(*given: object, **named: object) -> object:
            counted[what] += 1
            return before(*given, **named)

        monkeypatch.setattr(name, wrapped)

    counting("read", "engine.warm.read_style")
    counting("grams", "engine.loss.targets.style_moments")
    counting("opened", "engine.warm.open_network")
    warm = Warm()
    for each in (job, other(job), job):
        painted(each, warm)
    assert counted == {"read": 2, "grams": 2 * 2, "opened": 1}  # two styles, at two scales


def test_a_warm_network_alone_keeps_no_style(job: Job) -> None:
    warm = Warm(keeps_styles=False)
    network = warm.network(Job(content="", output="", device="cpu"))
    assert same(painted(job, warm), painted(job))
    assert warm.network(job) is network
    assert not warm._styles


def test_a_style_that_was_replaced_is_read_again(job: Job, tmp_path: Path) -> None:
    style = tmp_path / "style.png"
    job = replace(job, regions=(Region(str(style)),))
    warm = Warm()
    for seed in (5, 6):
        write_picture(style, Picture(noise(seed).astype(np.float32)))
        os.utime(style, ns=(seed, seed))
        assert same(painted(job, warm), painted(job))


def test_what_the_next_job_does_not_use_is_forgotten(job: Job) -> None:
    warm = Warm()
    painted(job, warm)
    painted(replace(job, regions=job.regions[:1], scales=1), warm)
    assert len(warm._styles) == 1
    assert warm.moments is not None
    assert len(warm.moments._entries) == 2 * 2  # moments and variograms, of two scales


def test_an_automatic_size_that_was_chosen_before_is_taken(job: Job) -> None:
    chosen = painted(replace(job, size=1000), area=500)
    assert chosen.working_size == painted(replace(job, size=1000)).working_size
    automatic = painted(replace(job, scales=0), area=700)
    assert automatic.area == 700
    assert abs(np.prod(automatic.working_size) - 700) < 50
    fixed = painted(replace(job, scales=0, size=700))
    assert same(automatic, fixed)
