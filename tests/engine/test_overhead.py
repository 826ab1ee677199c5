"""The time of everything but evaluations: in the estimate, in the record, and in the time left."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from engine import rate_trials, run, speed
from engine.events import Estimated, Progress
from engine.job import Job, Region
from engine.methods import METHODS
from engine.overhead import START_SECONDS, TYPICAL, Rates, overhead, write_kind
from engine.pictures.picture import read_stored
from engine.pictures.reading_memory import Read, ReadingMemory
from engine.run_estimate import estimate
from engine.run_shape import RunShape
from tests.engine.programs import SHALLOW_JOB

MEGAPIXEL = 1_000_000
SHAPE = RunShape((1000, 1000), [(1000, 2000)], reads=[Read("read PNG", MEGAPIXEL)])


def test_each_kind_of_work_adds_its_pixels_at_its_rate() -> None:
    job = Job(output="a.tif", method="joint")
    whole = [(1000, 1000)]
    found = overhead(job, SHAPE, whole, 1, Rates({"read PNG": 3e-6, "write .tif": 5e-6}), 8.0)
    assert found.start == pytest.approx(START_SECONDS + 3.0)
    assert found.writing == pytest.approx(5.0)
    twice = overhead(replace(job, uncut=True), SHAPE, whole, 2, Rates({"write .tif": 5e-6}), 8.0)
    assert twice.writing == pytest.approx(15.0)
    assert found.ending == found.finishing + found.writing
    reported = overhead(replace(job, report="folder"), SHAPE, whole, 1, Rates(), 8.0)
    assert 2 + 8 / 4 < reported.report == reported.ending - reported.finishing - reported.writing
    resizing = overhead(job, SHAPE, whole * 2, 1, Rates({"resize": 1e-6}), 8.0).scales
    assert len(resizing) == 2
    assert resizing[0] == pytest.approx(3 + 8 * 2, abs=0.5)
    masked = replace(SHAPE, masks=2, protect=True)
    more = overhead(job, masked, whole, 1, Rates({"resize": 1e-6}), 8.0).scales[0]
    assert more - resizing[0] == pytest.approx(2 + 2)
    small = [overhead(job, each, [(100, 100)], 1, Rates({"finish": 1e-6}), 8.0).finishing
             for each in (SHAPE, masked)]  # fmt: skip
    assert small[0] == pytest.approx(1.0)
    sizes, rates = [(50, 50), (100, 100)], Rates({"strokes": 1e-6})
    added = overhead(job, SHAPE, sizes, 1, rates, 8.0, [0.0, 2e6, 3e6])
    assert added.strokes == pytest.approx(3.0)
    assert added.scales[1] - added.scales[0] == pytest.approx(2.0)
    assert added.ending == added.strokes + added.finishing + added.writing
    assert small[1] > 2 * small[0], "the content's detail is put back where it shows"


def test_rates_that_are_not_measured_follow_from_those_that_are() -> None:
    rates = Rates({"read TIFF": 1e-6, "read PNG, 16 bits": 7e-6})
    assert rates.seconds("read TIFF", MEGAPIXEL) == pytest.approx(1.0)
    assert rates.seconds("read TIFF, 16 bits", MEGAPIXEL) == pytest.approx(2.0)
    assert rates.seconds("read PNG, 16 bits", MEGAPIXEL) == pytest.approx(7.0)
    assert rates.seconds("read BMP", MEGAPIXEL) == pytest.approx(TYPICAL["read BMP"] * MEGAPIXEL)
    assert write_kind("a.JPEG", 1) == "write .jpg"
    assert write_kind("a.tiff", 2) == "write .tif, 16 bits"
    assert write_kind("", 4) == "write .npy"


def test_a_large_picture_painted_small_is_not_said_to_take_no_time() -> None:
    read = [Read("read PNG, gray", 13_300**2)]
    shape = RunShape((13_300, 13_300), [(600, 800)], planes=1, reads=read)
    job = Job(size=1000, output="a.png", enlargement="smooth")
    found = estimate(job, METHODS["joint"], shape, 10**11, 6e-6)
    assert found.painting < 6
    assert 15 < found.seconds < 60  # 58 s were measured before, and 22 s of computing since


def test_the_kind_of_each_file_is_known(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 255, (60, 80, 3), np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    Image.fromarray(picture).save(tmp_path / "a.jpg", icc_profile=srgb.tobytes())
    Image.fromarray(picture[..., 0]).save(tmp_path / "gray.png")
    tifffile.imwrite(tmp_path / "deep.tif", picture.astype(np.uint16) * 257, photometric="rgb")
    np.save(tmp_path / "a.npy", picture)
    kinds = {}
    for name, enough in (("a.jpg", 0), ("a.jpg", 1200), ("gray.png", 0), ("deep.tif", 0),
                         ("a.npy", 0)):  # fmt: skip
        reading = ReadingMemory()
        read_stored(tmp_path / name, reading=reading, enough=enough)
        assert reading.reads[0].pixels == 80 * 60
        assert reading.reads[0].seconds > 0
        kinds[name, enough] = reading.reads[0].kind
    assert list(kinds.values()) == [
        *("read JPEG", "read JPEG, reduced", "read PNG, gray", "read TIFF, 16 bits", "read NPY")
    ]


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCUMBLE_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def test_the_median_of_measured_rates_counts(own_home: Path) -> None:
    speed.record_rates({"write .png": 4e-8, "finish": float("nan")})
    speed.record_rates({"write .png": 8e-8, "read PNG": 2e-8})
    speed.record_rates({"write .png": 6e-8})
    assert speed.rates().measured == pytest.approx({"write .png": 6e-8, "read PNG": 2e-8})
    (own_home / "speed.json").write_text('{"rates": 3}')
    assert speed.rates().measured == {}


def test_the_trials_measure_what_estimates_ask_for(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_trials, "SIZE", (60, 80))
    found = rate_trials.measure_rates()
    assert set(found) <= set(TYPICAL)
    assert {"resize", "finish", "read JPEG", "write .png"} <= set(found)
    assert speed.rates().measured == pytest.approx(found)


def test_a_run_says_and_counts_the_time_after_painting(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 48, 3), np.uint8)).save(picture)
    slow = Rates({"write .png": 1000 / (40 * 48)})  # a thousand seconds for this picture
    monkeypatch.setattr(speed, "rates", lambda: slow)
    output = str(tmp_path / "out.png")
    job = Job(
        content=str(picture), output=output, regions=(Region(str(picture)),), iterations=2,
        **SHALLOW_JOB,
    )  # fmt: skip
    events: list[object] = []
    run.stylize(job, events.append, threading.Event())
    told = next(each for each in events if isinstance(each, Estimated))
    assert 1000 < told.seconds < 1100
    left = [(each.stage, each.seconds_left) for each in events
            if isinstance(each, Progress) and each.stage != "model"]  # fmt: skip
    assert {stage for stage, _ in left} == {"content", "style", "paint", "write"}
    assert all(seconds is not None and 1000 < seconds < 1100 for _, seconds in left)
