"""Files that are no pictures, or no longer: each is refused with a sentence."""

from __future__ import annotations

import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.errors import PictureError
from engine.memory import Memory
from engine.pictures.picture import (
    Picture,
    read_mask,
    read_picture,
    read_settings,
    read_stored,
    write_picture,
)
from tests.engine.made_files import chunk

SETTINGS = {"scumble": "0.1.0", "job": {"content": "Bäume \u6728.png"}, "loss": 1.5}


def test_pictures_that_are_too_small(tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"1x1 pixels.*16x16"):
        read_picture(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", min_side=1).rgb.shape == (1, 1, 3)


@pytest.mark.parametrize("read", [read_picture, read_mask, read_settings])
@pytest.mark.parametrize(
    "name, words",
    [
        ("missing.png", "There is no file"),
        ("folder.png", "is a folder"),
        ("text.png", "not a picture"),
        ("empty.png", "not a picture"),
    ],
)
def test_files_that_are_no_pictures(tmp_path, read, name, words):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(PictureError, match=words) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif", ".webp", ".npy"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_files_that_are_cut_off(tmp_path, ending, part):
    noise = np.random.default_rng(9).random((64, 64, 3), np.float32) * 255
    write_picture(tmp_path / f"whole{ending}", Picture(noise))
    data = (tmp_path / f"whole{ending}").read_bytes()
    (tmp_path / f"cut{ending}").write_bytes(data[: int(len(data) * part)])
    with pytest.raises(PictureError, match=f"cut{ending}"):
        read_picture(tmp_path / f"cut{ending}")


def test_a_file_whose_pixels_are_whole_is_read_with_a_note(tmp_path):
    smooth = np.full((64, 64, 3), 9, np.float32)
    write_picture(tmp_path / "whole.tif", Picture(smooth))
    (tmp_path / "cut.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:-8])
    picture = read_picture(tmp_path / "cut.tif")
    np.testing.assert_array_equal(picture.rgb, smooth)
    assert "Truncated" in picture.notes[0]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_tiff_without_strips_for_all_of_its_rows_is_refused(tmp_path, mode):
    Image.new(mode, (24, 24)).save(tmp_path / "whole.tif", compression="raw")
    data = (tmp_path / "whole.tif").read_bytes()
    assert read_stored(tmp_path / "whole.tif").numbers.shape[:2] == (24, 24)
    height = struct.pack("<HHI", 257, 4, 1)  # tag, type and count of ImageLength
    assert data.count(height) == 1
    tall = data.replace(height + struct.pack("<I", 24), height + struct.pack("<I", 9_000_000))
    assert tall != data
    (tmp_path / "tall.tif").write_bytes(tall)
    with pytest.raises(PictureError, match=r"tall\.tif is damaged or cut off: some of its pixels"):
        read_picture(tmp_path / "tall.tif")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), ending=st.sampled_from([".png", ".jpg", ".tif", ".webp", ".npy"]))
def test_damaged_files_give_a_picture_or_a_picture_error(tmp_path_factory, data, ending):
    folder = tmp_path_factory.mktemp("damaged")
    write_picture(folder / f"a{ending}", Picture(np.full((16, 16, 3), 7.0, np.float32)), SETTINGS)
    content = bytearray((folder / f"a{ending}").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    (folder / f"a{ending}").write_bytes(bytes(content))
    with suppress(PictureError):  # any other exception fails the test
        assert np.isfinite(read_picture(folder / f"a{ending}", min_side=1).rgb).all()


def test_a_picture_made_to_fill_the_memory(tmp_path):
    header = struct.pack(">IIBBBBB", 900_000, 900_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    (tmp_path / "bomb.png").write_bytes(data + chunk(b"IEND", b""))
    with pytest.raises(
        PictureError, match=r"bomb\.png has 900000x900000 .* takes about 5670\.0 GB"
    ):
        read_picture(tmp_path / "bomb.png")


def test_an_array_whose_header_promises_too_much(tmp_path):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000, 3)}"
    padded = header.ljust(117) + "\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded.encode()
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(PictureError, match=r"a\.npy"):
        read_picture(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array, words",
    [
        (np.full((16, 16, 3), np.nan, np.float32), "not numbers"),
        (np.full((16, 16, 3), np.inf, np.float32), "not numbers"),
        (np.zeros((16, 16, 5), np.uint8), "shape"),
        (np.zeros((0, 16, 3), np.uint8), "shape"),
        (np.zeros(16, np.uint8), "shape"),
        (np.zeros((16, 16), np.int32), "int32"),
        (np.zeros((16, 16), np.float64), "float64"),
        (np.zeros((16, 16), bool), "bool"),
        (np.zeros((16, 16), "U3"), "U3"),
    ],
)
def test_arrays_that_are_no_pictures(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(PictureError, match=words):
        read_picture(tmp_path / "a.npy")


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[print]], dtype=object), allow_pickle=True)
    with pytest.raises(PictureError, match=r"a\.npy"):
        read_picture(tmp_path / "a.npy")


def test_32_bit_values_are_refused(tmp_path):
    Image.fromarray(np.zeros((16, 16), np.float32)).save(tmp_path / "f.tif")
    Image.fromarray(np.zeros((16, 16), np.int32)).save(tmp_path / "i.tif")
    for name in ("f.tif", "i.tif"):
        with pytest.raises(PictureError, match="32 bits"):
            read_picture(tmp_path / name)


def npy(path: Path, shape: tuple[int, ...], kind: str, data: bytes) -> Path:
    """Write a .npy file whose header promises what `data` need not hold."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text = header.ljust(117).encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data)
    return path


@pytest.mark.parametrize(
    ("shape", "kind", "words"),
    [
        ((40, 40), "<f4", "is damaged or cut off: its header promises 1600 values."),
        ((40, 10**9), "<f4", "its header promises"),
        ((10**30, 40), "<f4", "its header promises"),
        ((40, -1), "<f4", "has the shape"),
        ((True, 40), "<f4", "its header promises 40 values."),
        ((40, 40), "|O", "allowed are uint8, uint16 and float32"),
        ((40, 40), "<c16", "allowed are uint8, uint16 and float32"),
        ((40, 40), "nonsense", "is not a .npy file, or it is damaged."),
    ],
)
def test_headers_that_promise_too_much(tmp_path, shape, kind, words):
    file = npy(tmp_path / "a.npy", shape, kind, bytes(100))
    with pytest.raises(PictureError) as caught:
        read_picture(file)
    assert words in str(caught.value)
    for library in ("numpy", "pickle", "mmap", "header_size", "_read"):
        assert library not in str(caught.value)


def test_columns_first_arrays_are_read_as_they_are(tmp_path):
    values = np.random.default_rng(1).random((20, 24, 3)).astype(np.float32)
    np.save(tmp_path / "rows.npy", values)
    np.save(tmp_path / "columns.npy", np.asfortranarray(values))
    rows, columns = (read_picture(tmp_path / f"{each}.npy") for each in ("rows", "columns"))
    np.testing.assert_array_equal(rows.rgb, columns.rgb)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError("decoder error -2 when reading image file"),
            r"cut off: its compressed data cannot be decoded\.$",
        ),
        (OSError(22, "Invalid argument"), r"cut off: Invalid argument\.$"),
    ],
)
def test_libraries_numbers_for_errors_are_not_shown(tmp_path, monkeypatch, error, words):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")

    def fail(*_):
        raise error

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(PictureError, match=words):
        read_picture(tmp_path / "a.png")


def test_pillows_warnings_are_not_shown_when_settings_are_read(tmp_path, monkeypatch):
    write_picture(tmp_path / "a.tif", Picture(np.full((16, 16, 3), 7.0, np.float32)), SETTINGS)
    really = Image.Image.getexif

    def warn(image):
        warnings.warn("Corrupt EXIF data", stacklevel=1)  # which fails the test
        return really(image)

    monkeypatch.setattr("PIL.Image.Image.getexif", warn)
    assert read_settings(tmp_path / "a.tif") == SETTINGS


@pytest.mark.parametrize("extension", [".png", ".npy"])
def test_a_picture_too_large_for_the_memory_is_refused_before_it_is_decoded(
    tmp_path, monkeypatch, extension
):
    file = tmp_path / f"a{extension}"
    if extension == ".png":
        Image.new("L", (9000, 9000)).save(file, compress_level=1)
    else:
        np.save(file, np.zeros((3000, 9000), np.uint8))
    monkeypatch.setattr("engine.pictures.reading_memory.memory", lambda: Memory(10**9, 10**7))
    with pytest.raises(PictureError, match=r"9000x.000 pixels; reading it takes about 0\.. GB"):
        read_stored(file)
    monkeypatch.setattr("engine.pictures.reading_memory.memory", lambda: Memory(10**9, 10**9))
    assert read_stored(file).size[1] == 9000
