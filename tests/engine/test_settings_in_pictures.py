"""The settings inside a picture: they may have come from anywhere, and are read with caution."""

from __future__ import annotations

import json
import random
import shutil
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import describe
from engine.job import Job, JobError, Region
from engine.output_files import load
from engine.pictures.picture import Picture, write_picture
from tests.engine.programs import check_sentence, make_pictures, scumble

MUTANTS = 3000
SEED = 20261128
JOB = Job(content="content.png", output="out.png", regions=(Region("waves.png", "ramp.png"),))


def picture_with(path: Path, job: dict[str, Any]) -> Path:
    """Write a picture that carries a job."""
    gray = Picture(np.full((16, 16, 3), 90, np.float32))
    write_picture(path, gray, {"scumble": "0.1.0", "job": job})
    return path


@pytest.fixture
def folder(tmp_path):
    """Return a folder with pictures, in a folder with one more."""
    inside = tmp_path / "downloads"
    inside.mkdir()
    make_pictures(inside)
    shutil.copy(inside / "oil.png", tmp_path / "secret.png")
    return inside


def test_files_beside_the_picture_are_taken(folder):
    (folder / "styles").mkdir()
    shutil.copy(folder / "oil.png", folder / "styles" / "oil.png")
    job = replace(JOB, regions=(*JOB.regions, Region("styles/oil.png", "rest")))
    loaded = load(picture_with(folder / "made.png", job.to_dict()))
    assert loaded.content == str(folder / "content.png")
    assert loaded.output == str(folder / "out.png")
    assert loaded.regions == (
        Region(str(folder / "waves.png"), str(folder / "ramp.png")),
        Region(str(folder / "styles" / "oil.png"), "rest"),
    )


FIELDS = ("content", "protect", "init_picture", "style", "mask", "style_mask")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("way", ["up", "absolute", "Windows", "through a folder", "null"])
def test_no_other_files_are_read(folder, field, way):
    secret = {
        "up": "../secret.png",
        "absolute": str(folder.parent / "secret.png"),
        "Windows": "C:\\Users\\me\\secret.png",
        "through a folder": "x/../../secret.png",
        "null": "secret.png\0",
    }[way]
    data = replace(JOB, init="picture", init_picture="oil.png").to_dict()
    (data["regions"][0] if field in data["regions"][0] else data)[field] = secret
    with pytest.raises(JobError, match=r"made\.png name .*secret\.png.*write a job file\.$"):
        load(picture_with(folder / "made.png", data))


def test_files_that_were_moved_beside_the_picture_are_found(folder):
    job = replace(JOB, content="/home/me/photos/content.png", regions=(Region("../../waves.png"),))
    loaded = load(picture_with(folder / "made.png", job.to_dict()))
    assert loaded.content == str(folder / "content.png")
    assert loaded.regions[0].style == str(folder / "waves.png")


def test_another_folder_of_inputs_can_be_named(folder):
    (folder.parent / "inputs").mkdir()
    for name in ("content.png", "waves.png"):
        shutil.move(folder / name, folder.parent / "inputs" / name)
    job = replace(JOB, content="x/content.png", regions=(Region("../../waves.png"),))
    made = picture_with(folder / "made.png", job.to_dict())
    loaded = load(made, folder=str(folder.parent / "inputs"))
    assert loaded.content == str(folder.parent / "inputs" / "content.png")
    assert loaded.regions[0].style == str(folder.parent / "inputs" / "waves.png")
    assert loaded.output == str(folder / "out.png")
    with pytest.raises(JobError, match=r"^--inputs: there is no file .*none.waves\.png\.$"):
        load(made, folder=str(folder / "none"))
    (folder / "job.json").write_text("{}", encoding="utf-8")
    with pytest.raises(JobError, match=r"^--inputs: is for pictures"):
        load(folder / "job.json", folder="inputs")


@pytest.mark.parametrize("output", ["../new.png", "/root/new.png", "C:\\new.png", "a/../new.png"])
def test_the_output_is_a_name_beside_the_picture_and_a_report_is_not_written(folder, output):
    job = replace(JOB, output=output, report="/home/me")
    loaded = load(picture_with(folder / "made.png", job.to_dict()))
    assert loaded.output == str(folder / "new.png")
    assert loaded.report == ""


def test_nothing_is_replaced_without_being_told(folder):
    made = picture_with(folder / "made.png", replace(JOB, output="oil.png").to_dict())
    with pytest.raises(JobError, match=r"oil\.png is there already.*with --output\.$"):
        load(made)
    assert load(made, str(folder / "oil.png")).output == str(folder / "oil.png")
    uncut = replace(JOB, method="cutout", uncut=True)
    (folder / "out-1.png").write_bytes(b"mine")
    with pytest.raises(JobError, match=r"out-1\.png is there already"):
        load(picture_with(folder / "uncut.png", uncut.to_dict()))
    (folder / "out.png").symlink_to("nowhere.png")
    with pytest.raises(JobError, match=r"out\.png is there already"):
        load(picture_with(folder / "made.png", JOB.to_dict()))


def test_a_job_file_of_ones_own_names_what_it_likes(folder):
    secret = str(folder.parent / "secret.png")
    job = replace(JOB, content="../secret.png", output="oil.png", report=str(folder / "report"))
    job = replace(job, regions=(Region(secret),))
    (folder / "job.json").write_text(json.dumps(job.to_dict()), encoding="utf-8")
    loaded = load(folder / "job.json")
    assert Path(loaded.content).resolve() == Path(secret)
    assert loaded.regions[0].style == secret
    assert loaded.output == str(folder / "oil.png")
    assert loaded.report == str(folder / "report")


def test_the_command_refuses_in_one_sentence(folder):
    picture_with(folder / "made.png", replace(JOB, output="../oil.png").to_dict())
    done = scumble("job", "made.png", home=folder / "home", folder=folder)
    assert done.returncode == 2
    check_sentence(done.stderr, "oil.png is there already", "--output")


@pytest.mark.parametrize("value", ["1" + "0" * 400, "1" + "0" * 6000, "1e400", "-1e999", "NaN"])
@pytest.mark.parametrize(
    "text",
    [
        '"strength": VALUE',
        '"seed": VALUE',
        '"size": VALUE',
        '"style_layers": [["conv1_1", VALUE]]',
        '"content": VALUE',
        '"regions": [{"style": "waves.png", "weight": VALUE}]',
    ],
)
def test_numbers_beyond_all_bounds(folder, value, text):
    plain = json.dumps({name: each for name, each in JOB.to_dict().items() if name not in text})
    file = folder / "job.json"
    file.write_text(plain[:-1] + ", " + text.replace("VALUE", value) + "}", encoding="utf-8")
    with pytest.raises(JobError) as caught:
        load(file)
    assert len(str(caught.value)) < 300


def with_checksums(data: bytearray) -> bytearray:
    """Make the checksums of a PNG's chunks right, as in a file that was changed on purpose."""
    place = 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        end = place + 8 + length
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return data


@pytest.mark.parametrize("extension", [".png", ".jpg", ".tif", ".webp"])
def test_damaged_settings_are_one_sentence(folder, extension, monkeypatch):
    """Bytes of a picture with settings are changed at random; no answer is an internal error."""
    monkeypatch.setattr("engine.errors.record", lambda error: pytest.fail(repr(error)))
    whole = picture_with(folder / f"whole{extension}", JOB.to_dict()).read_bytes()
    text = json.dumps({"scumble": "0.1.0", "job": JOB.to_dict()}).encode()
    start = whole.find(text[:30])
    assert start > 0
    chance = random.Random(SEED)
    file = folder / f"mutant{extension}"
    loaded = refused = 0
    for number in range(MUTANTS // 4):
        data = bytearray(whole)
        inside = number % 3 > 0  # most of them in the settings themselves
        low, high = (start, start + len(text)) if inside else (0, len(data))
        for _ in range(chance.choice((1, 1, 2, 8, 40))):
            place = chance.randrange(low, min(high, len(data)))
            kind = chance.randrange(4)
            if kind == 0:
                data[place] = chance.randrange(256)
            elif kind == 1:
                data[place] = ord(chance.choice('{}[]",:0123456789-.eE\\u\0'))
            elif kind == 2:
                data[place : place + chance.randrange(1, 9)] = b"9" * chance.randrange(1, 9)
            else:
                data[place : place + 4] = data[low : low + 4]
        if chance.random() < 0.05:
            del data[chance.randrange(len(data)) :]
        if extension == ".png" and number % 4:
            data = with_checksums(data)
        file.write_bytes(data)
        try:
            load(file)
            loaded += 1
        except Exception as error:
            failure = describe(error)
            assert failure.code in ("job", "picture"), (number, failure)
            assert failure.message.isprintable(), (number, failure)
            assert len(failure.message) <= 1200, (number, failure)
            refused += 1
    assert loaded > 10
    assert refused > MUTANTS // 20


JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0.5,
    10**400,
    "",
    "x",
    "\0",
    "\ud800",
    [],
    [[]],
    {},
    {"a": 1},
    [1, 2],
)


def test_settings_with_any_json_in_them_are_one_sentence(folder, monkeypatch):
    """Values of all types in all fields, in a picture whose bytes are whole."""
    monkeypatch.setattr("engine.errors.record", lambda error: pytest.fail(repr(error)))
    picture_with(folder / "made.png", JOB.to_dict())
    holder: dict[str, Any] = {}
    monkeypatch.setattr("engine.pictures.picture.read_settings", lambda path: holder["settings"])
    for value in JSON_VALUES:
        for field in JOB.to_dict():
            jobs = [{**JOB.to_dict(), field: value}, {field: value}]
            regions = [{**Region("a").__dict__, name: value} for name in Region("a").__dict__]
            jobs += [{**JOB.to_dict(), "regions": [each]} for each in regions]
            for job in (*jobs, value):
                holder["settings"] = {"scumble": value, "job": job}
                try:
                    load(folder / "made.png")
                except Exception as error:
                    failure = describe(error)
                    assert failure.code in ("job", "picture"), (job, failure)
                    assert failure.message.isprintable(), failure
