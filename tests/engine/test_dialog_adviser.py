"""The adviser's protocol, with the real process: questions in, answers and previews out."""

from __future__ import annotations

import base64
import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.dialog_adviser import packed, unpacked
from engine.dialog_preview import LEAST_AREA, preview_job
from engine.jobfile import job_from_dict
from engine.schedule import ScalePlan
from tests.engine.programs import (
    HEIGHT,
    PATIENCE,
    WIDTH,
    make_pictures,
    scumble,
    started,
)

CONTENT = (48, 64)


class Process:
    """A real adviser."""

    def __init__(self, home: Path, *folder: str) -> None:
        self.process = started(
            "adviser",
            *folder,
            home=home,
            folder=home,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout
        self.hello = json.loads(self.answers.readline())
        self.number = 0

    def ask(self, content: tuple[int, int] = CONTENT, masks: Any = (None,), **more: Any) -> None:
        self.number += 1
        regions = [{"style": "-"} for _ in masks]
        job = {"content": "-", "output": "-", "regions": regions, **more.pop("job", {})}
        question = {
            "number": self.number,
            "job": job,
            "content": content,
            "styles": [content for _ in masks],
            "masks": [None if mask is None else packed(mask) for mask in masks],
            "sizes": [0],
            "files": [],
            "preview": False,
            **more,
        }
        self.questions.write(json.dumps(question) + "\n")
        self.questions.flush()

    def answer(self) -> dict[str, Any]:
        return json.loads(self.answers.readline())

    def advice(self, **question: Any) -> dict[str, Any]:
        self.ask(**question)
        return self.answer()

    def pictures(self) -> list[dict[str, Any]]:
        """Return the lines of one preview, to the last."""
        found = [self.answer()]
        while not found[-1].get("last", True):
            found.append(self.answer())
        return found


@pytest.fixture(scope="module")
def adviser(home: Path) -> Iterator[Process]:
    """An adviser, which leaves with status 0 when its input ends."""
    adviser = Process(home)
    yield adviser
    adviser.questions.close()
    assert adviser.process.wait(PATIENCE) == 0
    adviser.answers.close()


def test_the_figures_are_those_of_the_command_line(adviser, home, tmp_path):
    make_pictures(tmp_path)
    regions = [{"style": "waves.png"}]
    job = {"content": "content.png", "output": "out.png", "method": "joint", "regions": regions}
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = scumble("estimate", "job.json", "--json", home=home, folder=tmp_path)
    told = json.loads(done.stdout)
    styles = [_size(tmp_path / "waves.png")]
    content = _size(tmp_path / "content.png")
    found = adviser.advice(content=content, styles=styles, job={"method": "joint"})["sizes"][0]
    assert adviser.hello["type"] == "hello"
    assert {name: found[name] for name in ("width", "height", "scales", "tiles")} == {
        name: told[name] for name in ("width", "height", "scales", "tiles")
    }
    assert found["seconds"] == pytest.approx(told["seconds"], rel=0.01)  # and .npy in its files
    assert found["bytes"] == pytest.approx(told["bytes"], rel=0.05)  # GIMP's pixels are float32


def test_what_auto_stands_for(adviser):
    ramp = np.tile(np.linspace(0, 1, CONTENT[1], dtype=np.float32), (CONTENT[0], 1))
    half = (ramp > 0.5).astype(np.float32)
    assert adviser.advice(masks=[None])["chosen"]["method"] == "joint"
    assert adviser.advice(masks=[ramp, 1 - ramp])["chosen"]["method"] == "banded"
    chosen = adviser.advice(masks=[half])["chosen"]
    assert chosen["method"] == "cutout"
    assert chosen["propagation"] == "resize"
    assert chosen["device"] == "cpu"
    fixed = {"method": "stitch", "optimizer": "adam", "device": "cpu", "propagation": "all"}
    assert adviser.advice(masks=[half], job=fixed)["chosen"] == {}


def test_a_size_that_does_not_fit_has_a_reason_and_the_largest_that_fits_is_known(adviser):
    content = (3000, 4000)
    little = {"memory": 2.0}
    answer = adviser.advice(content=content, job=little, sizes=[90_000, 0, 90_000])
    small, full, again = answer["sizes"]
    assert again == small, "one answer for each size, also for one that is asked for twice"
    assert "problem" not in small
    assert "4000 x 3000 pixels needs" in full["problem"]
    assert full["missing"] > 0
    largest = answer["largest"]
    assert 90_000 < largest < 12_000_000
    around = adviser.advice(content=content, job=little, sizes=[largest, round(1.3 * largest)])
    assert ["problem" in each for each in around["sizes"]] == [False, True]
    nothing = adviser.advice(content=content, job={"memory": 0.1}, sizes=[90_000, 0])
    assert nothing["largest"] is None
    assert adviser.advice(job={"memory": 0.0}, sizes=[0])["largest"] == 0


def test_a_damaged_picture_is_refused_by_name(adviser, tmp_path):
    make_pictures(tmp_path)
    good, cut = tmp_path / "waves.png", tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:-200])
    gone = tmp_path / "gone.png"
    refused = adviser.advice(files=[str(good), str(cut), str(gone)])["refused"]
    assert set(refused) == {str(cut), str(gone)}
    assert "cut.png is damaged or cut off" in refused[str(cut)]
    cut.write_bytes(good.read_bytes())
    assert adviser.advice(files=[str(cut)])["refused"] == {}


def test_only_the_latest_of_many_questions_is_sure_of_an_answer(adviser):
    for _ in range(30):
        adviser.ask(content=(30_000, 40_000), sizes=[0] * 20)
    answered = [adviser.answer()["number"]]
    while answered[-1] != adviser.number:
        answered.append(adviser.answer()["number"])
    assert answered == sorted(answered)
    assert len(answered) < 30


def test_options_that_contradict_each_other_are_one_sentence(adviser):
    answer = adviser.advice(job={"method": "banded", "uncut": True})
    assert answer["problem"].startswith("uncut: allowed with the methods")


@pytest.fixture(scope="module")
def painter(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """An adviser with a run folder, which goes with the end of its input."""
    folder = make_pictures(tmp_path_factory.mktemp("runs")).rename(
        tmp_path_factory.getbasetemp() / "scumble-run-preview"
    )
    painter = Process(home, str(folder))
    yield painter
    painter.questions.close()
    assert painter.process.wait(PATIENCE) == 0
    painter.answers.close()
    assert not folder.exists()


PREVIEWED = {
    "content": "content.png",
    "regions": [
        {"style": "waves.png", "mask": "ramp.png"},
        {"style": "oil.png", "mask": "rest", "style_size": 0.5},
    ],
    "iterations": 12,
    "device": "cpu",
    "seed": 4,
    "init": "noise",
}


def test_a_preview_of_the_first_scale_is_the_picture_of_the_command_line(painter, home, tmp_path):
    make_pictures(tmp_path)
    job = {**PREVIEWED, "size": 4000, "scales": 2, "brush_size": 1.5}
    ramp = np.tile(np.linspace(0, 1, CONTENT[1], dtype=np.float32), (CONTENT[0], 1))
    advice = painter.advice(masks=[ramp, 1 - ramp], job=job, preview=True)
    method = advice["chosen"]["method"]
    assert advice["type"] == "advice"
    pictures = painter.pictures()
    assert {each["number"] for each in pictures} == {painter.number}
    last = pictures[-1]
    first_scale = {
        **job,
        "size": WIDTH * HEIGHT // 4,
        "scales": 1,
        "method": method,
        "enlargement": "smooth",
        "output": "out.png",
    }
    (tmp_path / "job.json").write_text(json.dumps(first_scale))
    done = scumble("job", "job.json", home=home, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out.png") as image:
        size = last["width"], last["height"]
        expected = np.asarray(image.resize(size, Image.Resampling.LANCZOS)).astype(float)
    found = _pixels(last)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 3  # the one was enlarged and reduced again
    # Asked again, it is there at once.
    painter.ask(masks=[ramp, 1 - ramp], job=job, preview=True)
    painter.answer()
    assert painter.pictures() == [{**last, "number": painter.number}]


def test_a_newer_question_ends_the_preview_before(painter):
    slow = {**PREVIEWED, "iterations": 4000, "optimizer": "adam"}
    painter.ask(job=slow, masks=[None, None], preview=True)
    painter.ask(job=slow, masks=[None, None], preview=True)
    ended = painter.number
    painter.ask(job={**PREVIEWED, "seed": 5}, masks=[None, None], preview=True)
    numbers = []
    while not (line := painter.answer()).get("last"):
        numbers.append(line["number"])
    assert numbers == sorted(numbers)
    assert line["number"] == painter.number
    assert ended not in numbers[-1:]


def test_a_preview_that_fails_is_one_sentence(painter):
    job = {**PREVIEWED, "regions": [{"style": "gone.png"}]}
    assert painter.advice(job=job, preview=True)["type"] == "advice"
    (line,) = painter.pictures()
    assert line["type"] == "preview"
    assert "gone.png" in line["problem"]
    assert painter.advice(job=job)["type"] == "advice"


def test_a_folder_of_another_name_is_refused(home, tmp_path):
    done = scumble("adviser", str(tmp_path), home=home, folder=tmp_path)
    assert done.returncode == 2
    assert "is not a run folder" in json.loads(done.stdout)["message"]
    assert tmp_path.is_dir()


def test_a_slow_machine_has_a_smaller_preview_with_strokes_in_proportion():
    first = ScalePlan((400, 500), 150)
    region = {"style": "-", "style_size": 1.5}
    job = job_from_dict({"content": "-", "output": "-", "regions": [region], "brush_size": 2.0})
    quick = preview_job(job, first, 1e-9)
    assert (quick.size, quick.regions[0].style_size) == (200_000, 3.0)
    slow = preview_job(job, first, 1e-3)
    assert slow.size == LEAST_AREA
    # As many pixels of the style for each pixel of the picture's width.
    wide, narrow = math.sqrt(quick.size), math.sqrt(slow.size)
    assert slow.regions[0].style_size / narrow == pytest.approx(quick.regions[0].style_size / wide)


def test_a_preview_weighs_the_content_as_the_first_scale_does():
    job = job_from_dict({"content": "-", "output": "-", "regions": [{"style": "-"}]})
    first = ScalePlan((200, 250), 150, content_factor=3.0)
    weights = dict(preview_job(job, first, 1e-9).content_layers)
    assert weights == {layer: 3 * weight for layer, weight in job.content_layers}


def _pixels(line: dict[str, Any]) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(line["data"]), np.uint8)
    return data.reshape(line["height"], line["width"], 3).astype(float)


def test_masks_are_packed_to_a_level_of_255():
    mask = np.random.default_rng(0).random((7, 11), dtype=np.float32)
    np.testing.assert_allclose(unpacked(packed(mask)), mask, atol=0.5 / 255 + 1e-6)


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        assert math.prod(image.size)
        return image.height, image.width
