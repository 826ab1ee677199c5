"""Paintings that come with Scumble: each is there, named, documented and can be painted with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from engine.cli.commands import main
from engine.jobfile import job_from_dict, paths_of, resolve_paths
from engine.paintings.catalog import NAMES, PAINTINGS, folder, near_names, style_file
from engine.pictures.picture import read_settings
from tests.engine.programs import QUICK, scumble

SOURCES = (folder() / "SOURCES.md").read_text(encoding="utf-8")


def test_there_are_twelve_and_the_pictures_are_exactly_theirs() -> None:
    assert len(NAMES) >= 12
    assert len(set(NAMES)) == len(NAMES)
    assert {path.stem for path in folder().glob("*.jpg")} == set(NAMES)


@pytest.mark.parametrize("painting", PAINTINGS, ids=NAMES)
def test_a_painting_is_a_small_file_with_a_source(painting) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", painting.name)
    file = Path(style_file(painting.name))
    assert file.stat().st_size <= 250_000
    with Image.open(file) as image:
        assert image.mode == "RGB"
        assert min(image.size) >= 300
    row = next(line for line in SOURCES.splitlines() if f"| `{painting.name}` |" in line)
    for text in (painting.artist, painting.title, painting.year, painting.kind):
        assert text in row


def test_a_name_is_no_path(tmp_path: Path) -> None:
    regions = [{"style": "hokusai-wave"}, {"style": "own.jpg"}]
    job = job_from_dict({"content": "a.png", "output": "b.png", "regions": regions})
    there = resolve_paths(job, tmp_path)
    assert [region.style for region in there.regions] == ["hokusai-wave", str(tmp_path / "own.jpg")]
    assert paths_of(job, ("picture",)) == ("a.png", "own.jpg")


def test_a_painting_is_named_on_the_command_line_and_in_the_result(
    tmp_path: Path, home: Path
) -> None:
    def painted(name: str, *arguments: object) -> bytes:
        done = scumble(*arguments, "--quiet", home=home, folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        with Image.open(tmp_path / name) as image:
            return image.tobytes()

    Image.radial_gradient("L").resize((40, 32)).convert("RGB").save(tmp_path / "photo.png")
    (tmp_path / "wave.jpg").write_bytes(Path(style_file("hokusai-wave")).read_bytes())
    stylize = ("stylize", "photo.png")
    quick = (*QUICK, "--threads", "1")
    named = painted("out.png", *stylize, "out.png", "--style", "hokusai-wave", *quick)
    assert painted("same.png", *stylize, "same.png", "--style", "wave.jpg", *quick) == named
    settings = read_settings(tmp_path / "out.png")
    assert settings["job"]["regions"][0]["style"] == "hokusai-wave"
    assert settings["job"]["look"] == "scumble"
    assert painted("again.png", "job", "out.png", "--output", "again.png") == named


def test_a_wrong_name_gives_one_sentence_with_near_ones(tmp_path: Path) -> None:
    Image.new("RGB", (40, 32), "red").save(tmp_path / "photo.png")
    arguments = ("stylize", "photo.png", "out.png", "--style", "hokusai-wav")
    done = scumble(*arguments, home=tmp_path / "none", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert (
        "There is no file hokusai-wav. Paintings with a name like it: hokusai-wave" in done.stderr
    )


@pytest.mark.parametrize(
    "given, near",
    [
        ("C:\\Pictures\\hokusai-wav", "hokusai-wave"),
        ("/home/me/Starry_Night", "vangogh-starry-night"),
        ("hokusai", "hokusai-poppies"),
        ("xyz", "listed by scumble styles"),
    ],
)
def test_a_misspelled_name_is_answered_with_the_nearest(given: str, near: str) -> None:
    assert near in near_names(given)


def test_a_file_with_an_extension_is_not_taken_for_a_name() -> None:
    assert near_names("hokusai-wave.png") == ""


def test_the_list_names_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styles"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(NAMES)
    assert main(["styles", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(NAMES)
    assert all(Path(row["file"]).is_file() for row in rows)
