"""Keeping a part of the content: what it does to whole paintings, and what is refused."""

from __future__ import annotations

import functools
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import PictureError
from engine.job import Job, JobError, Region
from engine.masks.regions import protect_mask
from engine.pictures.picture import read_picture
from engine.run import Result, stylize
from tests.engine.programs import (
    QUICK,
    SHALLOW_JOB,
    check_sentence,
    scumble,
)

HEIGHT, WIDTH = 48, 64
INSIDE = np.s_[8:40, 4:24]
OUTSIDE = np.s_[:, 40:]


pytestmark = pytest.mark.usefixtures("kernels_made_once", "sessions_kept")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(5)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = 120 + 60 * np.sin([x / 5, y / 4, (x + y) / 7]) + random.normal(0, 6, (3, HEIGHT, WIDTH))
    Image.fromarray(waves.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)).save(folder / "c.png")
    colors = random.uniform(30, 225, (2, 3))
    stripes = colors[((x + 2 * y) % 7 < 3).astype(int)] + random.normal(0, 9, (HEIGHT, WIDTH, 3))
    Image.fromarray(stripes.clip(0, 255).astype(np.uint8)).save(folder / "s.png")
    face = np.zeros((HEIGHT, WIDTH), np.uint8)
    face[4:44, :28] = 255
    Image.fromarray(face).save(folder / "face.png")
    Image.fromarray(face // 2).save(folder / "pale.png")
    Image.fromarray(np.zeros((9, 7), np.uint8)).save(folder / "black.png")
    (folder / "no picture.png").write_text("nothing to see", encoding="utf-8")
    return folder


@functools.cache
def paint(folder: Path, **more: Any) -> Result:
    """Paint with some options, each picture once."""
    given: dict[str, Any] = {
        "protect": "face.png",
        "protect_strength": 300.0,
        "iterations": 12,
        "style_layers": (("conv1_1", 0.3), ("conv2_1", 0.3), ("conv3_1", 0.4)),
        "content_layers": (("conv2_2", 1.0),),
        **more,
    }
    given["protect"] = str(folder / given["protect"]) if given["protect"] else ""
    regions = (Region(str(folder / "s.png")),)
    given["device"] = "cpu"
    job = Job(content=str(folder / "c.png"), regions=regions, threads=2, **given)
    return stylize(job, lambda event: None, threading.Event())


def change(folder: Path, result: Result, where: tuple[slice, slice]) -> float:
    away = np.abs(result.picture.rgb - read_picture(folder / "c.png").rgb)
    return float(away[where].mean())


@pytest.mark.parametrize("method", ["joint", "stitch", "gradient"])
def test_the_picture_changes_less_inside_and_no_less_outside(folder: Path, method: str) -> None:
    settings: dict[str, Any] = {"method": method}
    if method == "gradient":
        # Its Adam takes equally large steps everywhere at first.
        whole = Job()
        settings.update(
            iterations=30, style_layers=whole.style_layers, content_layers=whole.content_layers
        )
    plain, kept = paint(folder, **settings, protect=""), paint(folder, **settings)
    assert change(folder, plain, INSIDE) > 20  # else there would be nothing to keep
    most = 0.95 if method == "gradient" else 0.75
    assert change(folder, kept, INSIDE) < most * change(folder, plain, INSIDE)
    assert change(folder, kept, OUTSIDE) > 0.9 * change(folder, plain, OUTSIDE)


@pytest.mark.parametrize(
    "more",
    [
        {"colors": "luminance"},
        {"colors": "match"},
        {"scales": 2},
        {"size": 1200},
        {"init": "noise", "iterations": 20},
    ],
    ids=str,
)
def test_keeping_goes_with_other_settings(folder: Path, more: dict[str, Any]) -> None:
    plain, kept = paint(folder, **{**more, "protect": ""}), paint(folder, **more)
    assert change(folder, kept, INSIDE) < 0.9 * change(folder, plain, INSIDE)


def test_more_keeping_changes_less(folder: Path) -> None:
    found = [
        change(folder, paint(folder, protect_strength=strength), INSIDE)
        for strength in (1.0, 6.0, 36.0, 300.0)
    ]
    for weaker, stronger in zip(found, found[1:]):
        assert stronger < 0.97 * weaker
    pale = change(folder, paint(folder, protect="pale.png"), INSIDE)
    assert found[3] < pale < found[0]


def test_without_keep_its_strength_changes_no_bit(folder: Path) -> None:
    one, other = paint(folder, protect="", protect_strength=30.0), paint(folder, protect="")
    np.testing.assert_array_equal(one.picture.rgb, other.picture.rgb)
    assert one.loss == other.loss


def test_a_strength_of_1_keeps_nothing(folder: Path) -> None:
    kept = paint(folder, protect_strength=1.0)
    plain = paint(folder, protect="", optimizer="lbfgs")  # as where something is protected
    np.testing.assert_allclose(kept.picture.rgb, plain.picture.rgb, rtol=0, atol=0.5)


def test_a_stopped_painting_is_kept_there_as_well(folder: Path) -> None:
    stop = threading.Event()
    stop.set()
    job = Job(
        content=str(folder / "c.png"),
        regions=(Region(str(folder / "s.png")),),
        protect=str(folder / "face.png"),
        device="cpu",
    )
    result = stylize(job, lambda event: None, stop)
    assert result.stopped
    assert change(folder, result, INSIDE) < change(folder, result, OUTSIDE) + 1


def test_a_mask_of_any_size_is_brought_to_the_contents(folder: Path) -> None:
    job = Job(content="c", regions=(Region("s"),), protect=str(folder / "face.png"))
    kept = protect_mask(job, (96, 128))
    assert kept is not None
    mask = kept.whole()
    assert mask.shape == (96, 128)
    assert (mask.min(), mask.max()) == (0, 1)
    np.testing.assert_allclose(mask[16:80, :48], 1, atol=1e-3)
    np.testing.assert_allclose(mask[:, 64:], 0, atol=1e-3)
    assert protect_mask(Job(content="c", regions=(Region("s"),)), (96, 128)) is None


def test_a_black_mask_is_refused_with_its_coverage(folder: Path) -> None:
    with pytest.raises(JobError, match=r"^protect: .*black\.png covers 0 of 3072 pixels.*white"):
        paint(folder, protect="black.png")


def test_a_mask_that_cannot_be_read_is_refused(folder: Path) -> None:
    for name in ("no picture.png", "missing.png"):
        with pytest.raises(PictureError, match=name):
            paint(folder, protect=name)


KEEP = (
    "stylize",
    "content.png",
    "out.png",
    "--style",
    "waves.png",
    "--protect",
    "ramp.png",
    *QUICK,
)


def test_the_command_line_keeps_and_a_result_repeats_it(pictures: Path, model_home: Path) -> None:
    done = scumble(*KEEP, "--protect-strength", "100", home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    plain = scumble(*KEEP[:2], "plain.png", *KEEP[3:5], *QUICK, home=model_home, folder=pictures)
    assert plain.returncode == 0, plain.stderr
    content = read_picture(pictures / "content.png").rgb
    right = np.s_[:, 44:]  # where ramp.png is white
    away = [
        np.abs(read_picture(pictures / name).rgb - content)[right].mean()
        for name in ("out.png", "plain.png")
    ]
    assert away[0] < 0.7 * away[1]
    # The result says what was kept, and where the mask lies beside it.
    (pictures / "elsewhere").mkdir()
    again = scumble(
        "job", pictures / "out.png", "--output", pictures / "again.png",
        home=model_home, folder=pictures / "elsewhere",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    np.testing.assert_array_equal(
        read_picture(pictures / "again.png").rgb, read_picture(pictures / "out.png").rgb
    )


def test_a_job_files_mask_lies_beside_it(pictures: Path, model_home: Path) -> None:
    job = {
        "content": "content.png",
        "output": "out.png",
        "regions": [{"style": "waves.png"}],
        "iterations": 2,
        "protect": "ramp.png",
        **SHALLOW_JOB,
    }
    (pictures / "job.json").write_text(json.dumps(job), encoding="utf-8")
    (pictures / "elsewhere").mkdir()
    done = scumble("job", pictures / "job.json", home=model_home, folder=pictures / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert (pictures / "out.png").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--protect", "black.png"), ("black.png covers 0 of 3072 pixels", "white")),
        (("--protect", "missing.png"), ("There is no file missing.png.",)),
        (("--protect", "job.txt"), ("job.txt",)),
        (("--protect", "out.png"), ("out.png is also read by the job",)),
        (
            ("--protect", "ramp.png", "--protect-strength", "0.5"),
            ("--protect-strength", "1 to 1000"),
        ),
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_one_sentence(
    pictures: Path, model_home: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    Image.fromarray(np.zeros((9, 7), np.uint8)).save(pictures / "black.png")
    (pictures / "job.txt").write_text("no picture", encoding="utf-8")
    Image.fromarray(np.full((9, 7), 255, np.uint8)).save(pictures / "out.png")
    before = (pictures / "out.png").read_bytes()
    done = scumble(*KEEP[:5], *options, "--quiet", home=model_home, folder=pictures)
    assert done.returncode in (1, 2)
    check_sentence(done.stderr, *words)
    assert (pictures / "out.png").read_bytes() == before
