"""Looks: a set of values by one word, which given values override."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from engine.cli.options import job_from_options
from engine.cli.parser import build_parser
from engine.job import Job, JobError, options
from engine.job_checks import check_value
from engine.jobfile import job_from_dict, load_job
from engine.looks import LOOKS
from engine.methods import METHODS
from engine.output_files import load
from engine.pictures.picture import Picture, write_picture

PAPER = {
    "method": "joint",
    "size": 250_000,
    "scales": 1,
    "init": "content",
    "pooling": "average",
    "content_layers": (("conv3_2", 1.0),),
    "style_layers": tuple((f"conv{block}_1", 0.2) for block in range(1, 6)),
}
"""Sections 2.2 to 3.2 of the paper."""

FREE = {
    "look", "grow", "bands", "protect", "protect_strength", "memory", "init_picture",
    "learning_rate", "lbfgs_memory", "seed", "uncut", "report", "threads", "device",
}  # fmt: skip
"""Options that say what is painted where and on what machine, or that count with another only."""


def from_command_line(*texts: str) -> Job:
    given = ["stylize", "photo.jpg", "out.png", "--style", "oil.jpg", *texts]
    return job_from_options(build_parser().parse_args(given))


def job(**fields: object) -> dict[str, object]:
    return {"content": "a.jpg", "output": "b.png", "regions": [{"style": "c.jpg"}], **fields}


@pytest.mark.parametrize(
    "made", [from_command_line("--look", "paper"), job_from_dict(job(look="paper"))]
)
def test_paper_is_every_setting_of_the_paper(made: Job) -> None:
    for name, value in PAPER.items():
        assert getattr(made, name) == value, name
    assert METHODS[made.method].propagation_for(made) == "receptive"
    assert METHODS[made.method].optimizer_for(made) == "lbfgs32"
    assert made.look == "paper"


def test_a_look_leaves_no_option_of_the_painting_to_the_default() -> None:
    names = {each.name for each in options()}
    assert set(LOOKS["paper"]) == names - FREE


@pytest.mark.parametrize("look", LOOKS)
def test_the_values_of_a_look_are_allowed(look: str) -> None:
    fields = {each.name: each for each in dataclasses.fields(Job)}
    for name, value in LOOKS[look].items():
        assert check_value(fields[name], value) == value


def test_the_first_look_is_the_default_one_and_that_of_a_job_without_a_look() -> None:
    assert Job().look == next(iter(LOOKS))
    assert job_from_dict(job()) == job_from_dict(job(look="scumble"))
    assert from_command_line() == from_command_line("--look", "scumble")


def test_options_given_besides_override_a_look() -> None:
    made = from_command_line("--look", "paper", "--size", "auto", "--init", "noise")
    assert (made.size, made.init, made.scales) == (Job().size, "noise", 1)
    assert job_from_dict(job(look="paper", scales=0)).scales == 0
    assert job_from_dict(job(look="paper", tv=3.0)).smoothing == 3.0  # the name of version 0.1.0


def test_all_values_written_out_are_read_as_they_are(tmp_path: Path) -> None:
    made = job_from_dict(job(look="paper", strength=2.0))
    file = tmp_path / "job.json"
    file.write_text(json.dumps({**made.to_dict(), "content": "a.jpg"}), encoding="utf-8")
    again = load_job(file)
    assert (again.strength, again.scales, again.look) == (2.0, 1, "paper")


def test_a_result_of_an_earlier_version_is_repeated_as_it_was(tmp_path: Path) -> None:
    fields = job_from_dict(job()).to_dict()
    for name in ("look", "statistics", "detail"):
        del fields[name]
    result = tmp_path / "old.png"
    (tmp_path / "a.jpg").touch()
    (tmp_path / "c.jpg").touch()
    picture = Picture(np.zeros((4, 4, 3), np.float32), None)
    write_picture(result, picture, {"scumble": "0.1.0", "job": {**fields, "init": "content"}})
    old = load(result, output=str(tmp_path / "new.png"))
    assert (old.statistics, old.detail, old.init) == ("gram", 1.0, "content")
    # A job file says only what differs from today's defaults.
    assert job_from_dict(job()).statistics == Job().statistics != "gram"


def test_a_wrong_look_is_one_sentence() -> None:
    with pytest.raises(JobError, match=r"look: 'oil' is not one of scumble, paper\."):
        job_from_dict(job(look="oil"))
    with pytest.raises(JobError, match=r"look: 3 is not a text\."):
        job_from_dict(job(look=3))
