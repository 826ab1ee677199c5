"""The adviser's protocol, with the real process: questions in, one answer for the latest."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.adviser import packed, unpacked
from tests.engine.programs import PATIENCE, command, environment, make_pictures, scumble

CONTENT = (48, 64)


class Process:
    """A real adviser."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            command(("adviser",)),
            text=True,
            env=environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
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
            **more,
        }
        self.questions.write(json.dumps(question) + "\n")
        self.questions.flush()

    def answer(self) -> dict[str, Any]:
        return json.loads(self.answers.readline())

    def advice(self, **question: Any) -> dict[str, Any]:
        self.ask(**question)
        return self.answer()


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
    assert found["seconds"] == pytest.approx(told["seconds"])
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
    answer = adviser.advice(content=content, job=little, sizes=[90_000, 0])
    small, full = answer["sizes"]
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


def test_masks_are_packed_to_a_level_of_255():
    mask = np.random.default_rng(0).random((7, 11), dtype=np.float32)
    np.testing.assert_allclose(unpacked(packed(mask)), mask, atol=0.5 / 255 + 1e-6)


def _size(path: Path) -> tuple[int, int]:
    from PIL import Image

    with Image.open(path) as image:
        assert math.prod(image.size)
        return image.height, image.width
