"""Plan of a batch: patterns, outputs, and what is refused before anything is painted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine import same_files
from engine.batch.patterns import filled
from engine.batch.plan import BatchItem, make_plan
from engine.errors import PictureError
from engine.job import JobError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with two contents, their masks and a style."""
    monkeypatch.chdir(tmp_path)
    for name in ("walk/1.jpg", "walk/2.png", "masks/1.png", "masks/2.png", "oil.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def plan(*contents: str, out: str = "out", **fields: Any) -> list[BatchItem]:
    job = {"regions": [{"style": "oil.jpg", "mask": "masks/{name}.png"}], **fields}
    Path("job.json").write_text(json.dumps(job), encoding="utf-8")
    return make_plan("job.json", contents or ("walk",), out, pytest.fail)


def outputs(items: list[BatchItem]) -> list[str]:
    return [os.path.relpath(item.output) for item in items]


@pytest.mark.parametrize(
    "pattern, content, expected",
    [
        ("masks/{name}.png", "walk/7.jpg", "masks/7.png"),
        ("m_{number}.png", "walk/film2_frame_0012.png", "m_0012.png"),
        ("{folder}-{name}.{extension}", "walk/7.jpg", "walk-7.jpg"),
        ("{nme}/{}.png", "walk/7.jpg", "{nme}/{}.png"),
    ],
)
def test_a_pattern_is_filled_with_the_contents_name(
    pattern: str, content: str, expected: str
) -> None:
    assert filled(pattern, content) == expected


def test_each_picture_has_its_own_mask_and_output(folder: Path) -> None:
    items = plan()
    assert outputs(items) == ["out/1.png", "out/2.png"]
    assert [item.job.regions[0].mask for item in items] == [
        str(folder / "masks" / f"{name}.png") for name in "12"
    ]
    assert all(item.job.regions[0].style == str(folder / "oil.jpg") for item in items)
    assert os.path.isdir("out")


@pytest.mark.parametrize(
    "output, expected",
    [
        ("painting.webp", ["out/1.webp", "out/2.webp"]),
        ("{name}-oil.jpg", ["out/1-oil.jpg", "out/2-oil.jpg"]),
        ("{extension}/{name}.png", ["out/jpg/1.png", "out/png/2.png"]),
    ],
)
def test_the_jobs_output_names_the_results(output: str, expected: list[str]) -> None:
    assert outputs(plan(output=output)) == expected


def test_a_list_adds_styles_to_a_job_that_has_none(folder: Path) -> None:
    Path("list.csv").write_text("content,style,mask\nwalk/1.jpg,oil.jpg,masks/{number}.png\n")
    (item,) = plan("list.csv", regions=[])
    assert item.job.regions[0].mask == str(folder / "masks" / "1.png")


def test_a_picture_without_its_mask_fails_alone() -> None:
    os.unlink("masks/2.png")
    items = plan()
    assert items[0].problem == ""
    assert "There is no file" in items[1].problem
    assert "2.png" in items[1].problem


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"regions": [{"style": "oil.jpg", "mask": "no/{name}.png"}]}, "matches nothing"),
        ({"protect": "{name}-face.png"}, "-face.png matches nothing"),
        ({"output": "{folder}.png"}, "have one output"),
        ({"output": "../{name}.png"}, "is not in"),
        ({"output": "{name}.npy"}, "extensions"),
        ({"output": "{name}.bmp"}, "extensions"),
        ({"report": "why"}, "a batch writes none"),
        ({"strength": 1000}, "strength"),
        ({"regions": [{"style": "gone.jpg"}]}, "There is no file"),
        ({"regions": []}, "1 to 8 are allowed"),
    ],
)
def test_a_job_that_cannot_be_a_batch_is_one_sentence(fields: dict, words: str) -> None:
    with pytest.raises(JobError, match=words) as caught:
        plan(**fields)
    assert "\n" not in str(caught.value)
    assert not os.path.exists("out")


def test_two_contents_of_one_name_are_refused() -> None:
    Path("walk/1.png").touch()
    with pytest.raises(JobError, match="have one output") as caught:
        plan()
    assert "{folder}" in str(caught.value)


@pytest.fixture
def ignoring_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which a file has every name that differs in case only."""
    lexists = os.path.lexists

    def found(path: str) -> bool:
        folder, name = os.path.split(path)
        names = os.listdir(folder) if lexists(folder) else []
        return any(each.casefold() == name.casefold() for each in names)

    monkeypatch.setattr(os.path, "lexists", found)


def test_names_that_differ_in_case_are_one_output_where_the_disk_ignores_it(
    folder: Path, ignoring_case: None
) -> None:
    os.makedirs("more")
    os.rename("walk/2.png", "more/A.png")
    Path("walk/a.jpg").touch()
    with pytest.raises(JobError, match="have one output"):
        plan("walk/a.jpg", "more/A.png", regions=[{"style": "oil.jpg"}])
    with pytest.raises(JobError, match="where the results go"):
        plan("walk/a.jpg", out="WALK", regions=[{"style": "oil.jpg"}])
    assert not [each for each in folder.rglob("*") if each.suffix == ".part"]


def test_names_that_differ_in_case_are_two_outputs_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(same_files, "ignores_case", lambda path: False)
    os.makedirs("more")
    os.rename("walk/2.png", "more/A.png")
    os.rename("walk/1.jpg", "walk/a.jpg")
    items = plan("walk/a.jpg", "more/A.png", regions=[{"style": "oil.jpg"}])
    assert outputs(items) == ["out/a.png", "out/A.png"]


def test_results_among_the_contents_are_refused() -> None:
    with pytest.raises(JobError, match="where the results go"):
        plan(out="walk")


def test_an_output_that_is_an_input_is_refused() -> None:
    os.makedirs("out")
    os.rename("oil.jpg", "out/1.png")
    with pytest.raises(JobError, match="also read"):
        plan(regions=[{"style": "out/1.png"}])


def test_digits_that_a_name_lacks_are_missed() -> None:
    os.rename("walk/1.jpg", "walk/one.jpg")
    with pytest.raises(JobError, match="has no digits"):
        plan(protect="{number}.png")


def test_an_output_folder_that_is_a_file_is_refused() -> None:
    Path("out").touch()
    with pytest.raises((JobError, PictureError), match="out"):
        plan()


def test_an_output_folder_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(PictureError, match="cannot be written to"):
        plan(out="/proc/out")


@pytest.mark.parametrize("text", ["[]", "3", '{"content": ', "{"])
def test_what_is_no_job_is_refused(text: str) -> None:
    Path("job.json").write_text(text)
    with pytest.raises(JobError, match=r"job.json is not a job"):
        make_plan("job.json", ["walk"], "out", pytest.fail)
