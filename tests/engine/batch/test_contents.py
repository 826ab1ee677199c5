"""Contents of a batch: what files, folders, globs and lists name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.batch.contents import ContentEntry, read_entries
from engine.job import JobError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with pictures in it and in one below it."""
    monkeypatch.chdir(tmp_path)
    for name in ("walk/b.jpg", "walk/a.PNG", "walk/below/c.tif", "walk/.hidden.png", "walk/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(*arguments: str) -> list[str]:
    told: list[str] = []
    return [os.path.relpath(each.content) for each in read_entries(arguments, told.append)]


def read(text: str) -> list[ContentEntry]:
    Path("list.csv").write_text(text, encoding="utf-8")
    return read_entries(["list.csv"], pytest.fail)


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (("walk/b.jpg",), ["walk/b.jpg"]),
        (("walk",), ["walk/a.PNG", "walk/b.jpg"]),
        (("walk/*.jpg",), ["walk/b.jpg"]),
        (("walk/**/*.tif",), ["walk/below/c.tif"]),
        (("walk", "walk/b.jpg"), ["walk/a.PNG", "walk/b.jpg"]),
    ],
)
def test_files_folders_and_globs(folder: Path, arguments: tuple, expected: list[str]) -> None:
    assert names(*arguments) == expected


def test_other_files_of_a_folder_are_left_out_and_counted(folder: Path) -> None:
    told: list[str] = []
    read_entries(["walk"], told.append)
    assert told == ["walk: 1 file is left out, with no picture's extension (x.txt)."]


def test_a_name_with_the_letters_of_a_glob_is_a_file(folder: Path) -> None:
    Path("walk/[1].png").touch()
    assert names("walk/[1].png") == ["walk/[1].png"]


@pytest.mark.parametrize(
    "argument, words",
    [
        ("", "CONTENT is empty"),
        ("empty", "The folder empty holds no pictures"),
        ("walk/*.webp", "No picture matches walk/*.webp"),
        ("walk/d.jpg", "There is no file walk/d.jpg"),
    ],
)
def test_an_argument_that_names_nothing_is_refused(folder: Path, argument: str, words: str) -> None:
    with pytest.raises(JobError, match=words.replace("*", r"\*")):
        names(argument)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_list_gives_each_picture_its_own_files(folder: Path, delimiter: str) -> None:
    rows = [
        ["Content", "keep", "style", "mask", "style 2", "mask-2", "output"],
        ["walk/b.jpg", "face é.png", "oil.jpg", "m.png", "波.jpg", "rest", "b-{name}.png"],
        ["walk/a.PNG", "", "", "", "", "", ""],
    ]
    text = "\ufeff" + "\n".join(delimiter.join(row) for row in rows) + "\n\n"
    first, second = read(text)
    at = str(folder) + os.sep
    assert first.content == f"{at}walk{os.sep}b.jpg"
    assert first.fields == {"protect": f"{at}face é.png", "output": "b-{name}.png"}
    assert first.regions == {
        0: {"style": f"{at}oil.jpg", "mask": f"{at}m.png"},
        1: {"style": f"{at}波.jpg", "mask": "rest"},
    }
    assert first.origin == "list.csv, line 2"
    assert (second.fields, second.regions) == ({}, {})


def test_paths_of_a_list_start_at_its_own_folder(folder: Path) -> None:
    Path("walk/list.csv").write_text("content\na.PNG\n", encoding="utf-8")
    assert names("walk/list.csv") == ["walk/a.PNG"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "no column 'content'"),
        ("picture,mask\na,b\n", "column 'picture', which is none"),
        ("output,mask\na,b\n", "no column 'content', which names the pictures; it has 'output'"),
        ("content,style_9\na,b\n", "column 'style_9'"),
        ("content,mask,mask_1\na,b,c\n", "two columns for the same"),
        ("content\n", "names no pictures"),
        ("content,mask\n,m.png\n", "line 2 names no content"),
        ("content\na.png,b.png\n", "line 2 has 2 cells"),
        ('content\n"a.png\n', "line 2: unexpected end of data"),
    ],
)
def test_a_faulty_list_is_one_sentence(folder: Path, text: str, words: str) -> None:
    with pytest.raises(JobError, match=words) as caught:
        read(text)
    assert str(caught.value).count("\n") == 0


def test_a_list_in_another_encoding_is_refused(folder: Path) -> None:
    Path("list.csv").write_bytes("content\nstraße.jpg\n".encode("latin-1"))
    with pytest.raises(JobError, match="not UTF-8"):
        names("list.csv")
