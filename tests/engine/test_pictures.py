"""Picture files to arrays and back: every kind of file, and every way in which one is bad."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from engine.decoding import MAX_PIXELS
from engine.pictures import (
    ENDINGS,
    Picture,
    PictureError,
    read_mask,
    read_picture,
    read_settings,
    resize,
    write_picture,
)

LOSSLESS = (".png", ".tif", ".tiff", ".npy")
SETTINGS = {"scumble": "0.1.0", "job": {"content": "Bäume \u6728.png"}, "loss": 1.5}


@pytest.fixture
def colours():
    return np.random.default_rng(3).integers(0, 256, (20, 24, 3), dtype=np.uint8)


@pytest.fixture
def opacity():
    return np.random.default_rng(4).integers(0, 256, (20, 24), dtype=np.uint8)


# Reading


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_eight_bit_colours_are_read_exactly(tmp_path, colours, ending):
    file = tmp_path / f"a.{ending}"
    Image.fromarray(colours).save(file, **({"lossless": True} if ending == "webp" else {}))
    picture = read_picture(file)
    assert picture.rgb.dtype == np.float32
    np.testing.assert_array_equal(picture.rgb, colours)
    assert picture.alpha is None
    assert picture.notes == ()


def test_jpeg_is_read_closely(tmp_path):
    smooth = np.tile(np.linspace(0, 255, 64)[:, None, None], (1, 48, 3)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read_picture(tmp_path / "a.jpg").rgb, smooth, atol=6)


def test_grey_with_and_without_alpha(tmp_path, opacity):
    grey = opacity[::-1].copy()
    Image.fromarray(grey).save(tmp_path / "l.png")
    picture = read_picture(tmp_path / "l.png")
    for k in range(3):
        np.testing.assert_array_equal(picture.rgb[..., k], grey)
    Image.merge("LA", [Image.fromarray(grey), Image.fromarray(opacity)]).save(tmp_path / "la.png")
    picture = read_picture(tmp_path / "la.png")
    np.testing.assert_array_equal(picture.rgb[..., 1], grey)
    np.testing.assert_allclose(picture.alpha, opacity / 255.0, atol=1e-6)


def test_colours_under_alpha_are_kept(tmp_path, colours, opacity):
    Image.fromarray(np.dstack([colours, opacity])).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.rgb, colours)
    np.testing.assert_allclose(picture.alpha, opacity / 255.0, atol=1e-6)


@pytest.mark.parametrize("clear", [2, bytes([255, 100, 0])])
def test_palettes_with_transparency(tmp_path, clear):
    image = Image.new("P", (16, 16))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([i % 3 for i in range(256)])
    image.save(tmp_path / "p.png", transparency=clear)
    picture = read_picture(tmp_path / "p.png")
    np.testing.assert_array_equal(picture.rgb[0, :3], np.eye(3) * 255)
    expected = [1.0, 1.0, 0.0] if clear == 2 else [1.0, 100 / 255, 0.0]
    np.testing.assert_allclose(picture.alpha[0, :3], expected, atol=1e-6)


def test_a_transparent_colour_becomes_alpha(tmp_path):
    colours = np.full((16, 16, 3), 10, np.uint8)
    colours[3, 5] = (1, 2, 3)
    Image.fromarray(colours).save(tmp_path / "a.png", transparency=(1, 2, 3))
    alpha = read_picture(tmp_path / "a.png").alpha
    assert alpha[3, 5] == 0
    assert alpha.sum() == 255


def test_black_and_white(tmp_path):
    dots = np.indices((16, 16)).sum(axis=0) % 2 == 0
    Image.fromarray(dots).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").rgb[..., 0], dots * 255.0)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bit_grey_keeps_its_depth(tmp_path, ending):
    grey = np.random.default_rng(5).integers(0, 65536, (16, 20), dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / f"a.{ending}")
    picture = read_picture(tmp_path / f"a.{ending}")
    np.testing.assert_allclose(picture.rgb[..., 0], grey / 257.0, atol=1e-4)
    assert picture.notes == ()


def test_big_endian_sixteen_bit_tiff(tmp_path):
    grey = np.arange(256, dtype=">u2").reshape(16, 16) * 257
    entries = [(256, 3, 16), (257, 3, 16), (258, 3, 16), (259, 3, 1), (262, 3, 1)]
    entries += [(273, 4, 8), (277, 3, 1), (278, 3, 16), (279, 4, 512)]
    data = b"MM\0*" + struct.pack(">I", 8 + 512) + grey.tobytes()
    data += struct.pack(">H", len(entries))
    for tag, kind, value in entries:
        packed = struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
        data += struct.pack(">HHI", tag, kind, 1) + packed
    (tmp_path / "a.tif").write_bytes(data + b"\0\0\0\0")
    np.testing.assert_allclose(
        read_picture(tmp_path / "a.tif").rgb[..., 2], grey.astype(float) / 257.0, atol=1e-4
    )


def test_sixteen_bit_colours_are_read_with_a_note(tmp_path):
    values = np.random.default_rng(6).integers(0, 65536, (16, 16, 3), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(png(values, 16, 2))
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_allclose(picture.rgb, values / 257.0, atol=1.0)
    assert len(picture.notes) == 1
    assert "16 bits" in picture.notes[0]


def test_sixteen_bit_colours_with_a_transparent_one(tmp_path):
    values = np.full((16, 16, 3), 0x1234, np.uint16)
    values[2, 2] = 0xABCD
    key = chunk(b"tRNS", struct.pack(">HHH", 0xABCD, 0xABCD, 0xABCD))
    (tmp_path / "a.png").write_bytes(png(values, 16, 2, key))
    alpha = read_picture(tmp_path / "a.png").alpha
    assert alpha[2, 2] == 0
    assert alpha.sum() == 255


def test_sixteen_bit_grey_with_a_transparent_one(tmp_path):
    values = np.full((16, 16, 1), 0x1234, np.uint16)
    values[2, 2] = 0x1235
    key = chunk(b"tRNS", struct.pack(">H", 0x1235))
    (tmp_path / "a.png").write_bytes(png(values, 16, 0, key))
    alpha = read_picture(tmp_path / "a.png").alpha
    assert alpha[2, 2] == 0
    assert alpha.sum() == 255


@pytest.mark.parametrize("ending", ["jpg", "tif", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path, ending, orientation):
    upright = np.zeros((16, 24), np.uint8)
    upright[:8, :8] = 255  # white at the top left
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored)).convert("RGB")
    image.save(tmp_path / f"a.{ending}", exif=exif, quality=100)
    picture = read_picture(tmp_path / f"a.{ending}")
    np.testing.assert_allclose(picture.rgb[..., 0], upright, atol=24)


def test_a_broken_exif_block_does_not_cost_the_picture(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").rgb, colours)


def test_a_profile_is_applied(tmp_path):
    linear = np.full((16, 16, 3), 128, np.uint8)
    Image.fromarray(linear).save(tmp_path / "a.png", icc_profile=linear_profile())
    encoded = 255 * (1.055 * (128 / 255) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(read_picture(tmp_path / "a.png").rgb, encoded, atol=1.5)
    np.testing.assert_allclose(read_mask(tmp_path / "a.png"), 128 / 255, atol=1e-6)


def test_a_profile_is_applied_under_alpha_and_to_palettes(tmp_path):
    linear = np.full((16, 16, 4), 128, np.uint8)
    Image.fromarray(linear).save(tmp_path / "a.png", icc_profile=linear_profile())
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_allclose(picture.rgb, 188, atol=1.5)
    np.testing.assert_allclose(picture.alpha, 128 / 255, atol=1e-6)
    image = Image.new("P", (16, 16))
    image.putpalette([128, 128, 128])
    image.save(tmp_path / "p.png", icc_profile=linear_profile())
    np.testing.assert_allclose(read_picture(tmp_path / "p.png").rgb, 188, atol=1.5)


def test_grey_profiles(tmp_path):
    Image.new("L", (16, 16), 128).save(tmp_path / "l.png", icc_profile=linear_profile(grey=True))
    np.testing.assert_allclose(read_picture(tmp_path / "l.png").rgb, 188, atol=1.5)
    deep = np.full((16, 16), 128 * 257, np.uint16)
    Image.fromarray(deep).save(tmp_path / "d.png", icc_profile=linear_profile(grey=True))
    np.testing.assert_allclose(read_picture(tmp_path / "d.png").rgb, 188, atol=1.5)


def test_an_unusable_profile_is_noted(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=b"no profile at all")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.rgb, colours)
    assert "profile" in picture.notes[0]


def test_cmyk_with_and_without_a_profile(tmp_path):
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    image.save(tmp_path / "plain.tif")
    picture = read_picture(tmp_path / "plain.tif")
    np.testing.assert_array_equal(picture.rgb[0, 0], (0, 255, 255))
    assert "profile" in picture.notes[0]
    # A profile by which only black ink shows: cyan is white.
    image.save(tmp_path / "black.tif", icc_profile=black_ink_profile())
    picture = read_picture(tmp_path / "black.tif")
    np.testing.assert_allclose(picture.rgb, 255, atol=2)
    assert picture.notes == ()


def test_further_pictures_in_a_file_are_noted(tmp_path, colours):
    pages = [Image.fromarray(colours), Image.fromarray(255 - colours)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.rgb, colours)
    assert "2 pictures" in picture.notes[0]


@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "uint16", ">u2", "float32"])
def test_arrays(tmp_path, channels, kind):
    whole = np.dtype(kind).kind == "u"
    shape = (16, 18) if channels is None else (16, 18, channels)
    fraction = np.random.default_rng(7).random(shape)
    top = np.iinfo(kind).max if whole else 1
    array = (np.rint(fraction * top) if whole else fraction).astype(kind)
    np.save(tmp_path / "a.npy", array)
    picture = read_picture(tmp_path / "a.npy")
    expected = (array.astype(float) / top).reshape(16, 18, -1)
    colour = expected[..., :-1] if channels in (2, 4) else expected
    np.testing.assert_allclose(picture.rgb, np.broadcast_to(colour, (16, 18, 3)) * 255, atol=1e-3)
    if channels in (2, 4):
        np.testing.assert_allclose(picture.alpha, expected[..., -1], atol=1e-6)
    else:
        assert picture.alpha is None


def test_array_values_out_of_range_are_cut_with_a_note(tmp_path):
    array = np.full((16, 16, 3), 0.5, np.float32)
    array[0, 0] = (-0.25, 0.5, 1.75)
    np.save(tmp_path / "a.npy", array)
    picture = read_picture(tmp_path / "a.npy")
    np.testing.assert_array_equal(picture.rgb[0, 0], (0, 127.5, 255))
    assert "-0.25 to 1.75" in picture.notes[0]


# Masks


def test_mask_is_the_luma_times_the_alpha(tmp_path):
    values = np.zeros((2, 3, 4), np.uint8)
    values[0] = [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)]
    values[1] = [(255, 255, 255, 255), (255, 255, 255, 51), (255, 255, 255, 0)]
    Image.fromarray(values).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, [[0.299, 0.587, 0.114], [1, 0.2, 0]], atol=1e-6)


def test_mask_of_sixteen_bits_and_of_one_pixel(tmp_path):
    Image.fromarray(np.array([[12345]], np.uint16)).save(tmp_path / "m.png")
    np.testing.assert_allclose(read_mask(tmp_path / "m.png"), [[12345 / 65535]], atol=1e-7)


# What is refused


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
    side = int(MAX_PIXELS**0.5) + 1
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    (tmp_path / "bomb.png").write_bytes(data + chunk(b"IEND", b""))
    with pytest.raises(PictureError, match=r"bomb\.png"):
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


# Writing


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    values=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)),
    with_alpha=st.booleans(),
    ending=st.sampled_from(LOSSLESS),
)
def test_what_is_written_is_read_again(tmp_path_factory, values, with_alpha, ending):
    file = tmp_path_factory.mktemp("round") / f"a{ending}"
    rgb = np.dstack([values, values[::-1], 255 - values]).astype(np.float32)
    alpha = (values[:, ::-1] / 255.0).astype(np.float32) if with_alpha else None
    notes = write_picture(file, Picture(rgb, alpha), SETTINGS)
    picture = read_picture(file, min_side=1)
    np.testing.assert_allclose(picture.rgb, rgb, atol=1e-4)
    if with_alpha:
        np.testing.assert_allclose(picture.alpha, alpha, atol=1e-6)
    else:
        assert picture.alpha is None
    assert notes == picture.notes == ()


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".webp"])
def test_what_is_written_with_loss_is_close(tmp_path, ending):
    smooth = np.tile(np.linspace(0, 255, 64)[:, None, None], (1, 48, 3)).astype(np.float32)
    write_picture(tmp_path / f"a{ending}", Picture(smooth))
    np.testing.assert_allclose(read_picture(tmp_path / f"a{ending}").rgb, smooth, atol=6)


def test_jpeg_puts_transparency_on_white(tmp_path):
    alpha = np.zeros((32, 32), np.float32)
    alpha[:, 16:] = 1
    notes = write_picture(tmp_path / "a.jpg", Picture(np.zeros((32, 32, 3), np.float32), alpha))
    assert "transparency" in notes[0]
    rgb = read_picture(tmp_path / "a.jpg").rgb
    np.testing.assert_allclose(rgb[:, :15], 255, atol=2)
    np.testing.assert_allclose(rgb[:, 17:], 0, atol=2)


def test_webp_keeps_transparency(tmp_path, colours, opacity):
    alpha = (opacity / 255.0).astype(np.float32)
    assert write_picture(tmp_path / "a.webp", Picture(colours.astype(np.float32), alpha)) == ()
    np.testing.assert_allclose(read_picture(tmp_path / "a.webp").alpha, alpha, atol=1e-6)


@pytest.mark.parametrize("ending", [e for e in ENDINGS if e != ".npy"])
def test_settings_and_profile_are_in_the_file(tmp_path, colours, ending):
    file = tmp_path / f"a{ending}"
    write_picture(file, Picture(colours.astype(np.float32)), SETTINGS)
    assert read_settings(file) == SETTINGS
    with Image.open(file) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_settings_where_other_programs_look(tmp_path, colours):
    picture = Picture(colours.astype(np.float32))
    write_picture(tmp_path / "a.png", picture, SETTINGS)
    with Image.open(tmp_path / "a.png") as image:
        assert json.loads(image.text["Scumble"]) == SETTINGS
    write_picture(tmp_path / "a.tif", picture, SETTINGS)
    with Image.open(tmp_path / "a.tif") as image:
        assert json.loads(image.tag_v2[270]) == SETTINGS
    for name in ("a.jpg", "a.webp"):
        write_picture(tmp_path / name, picture, SETTINGS)
        with Image.open(tmp_path / name) as image:
            assert json.loads(image.getexif()[0x010E]) == SETTINGS


def test_a_picture_without_settings(tmp_path, colours):
    write_picture(tmp_path / "a.png", Picture(colours.astype(np.float32)))
    with pytest.raises(PictureError, match="no settings"):
        read_settings(tmp_path / "a.png")
    Image.fromarray(colours).save(tmp_path / "b.tif", description="[1, 2]")
    with pytest.raises(PictureError, match="no settings"):
        read_settings(tmp_path / "b.tif")


def test_settings_too_long_for_exif_are_left_out_with_a_note(tmp_path, colours):
    long = {"scumble": "0.1.0", "job": {"content": "x" * 70_000}}
    notes = write_picture(tmp_path / "a.jpg", Picture(colours.astype(np.float32)), long)
    assert "left out" in notes[0]
    assert read_picture(tmp_path / "a.jpg").rgb.shape == colours.shape


def test_the_same_picture_gives_the_same_bytes(tmp_path, colours):
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name, Picture(colours.astype(np.float32)), SETTINGS)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_values_are_rounded_and_cut(tmp_path):
    rgb = np.full((16, 16, 3), 100.6, np.float32)
    rgb[0, 0] = (-3, 255.4, 300)
    write_picture(tmp_path / "a.png", Picture(rgb))
    with Image.open(tmp_path / "a.png") as image:
        assert image.getpixel((1, 1)) == (101, 101, 101)
        assert image.getpixel((0, 0)) == (0, 255, 255)


def test_numbers_that_are_none_are_not_written(tmp_path):
    rgb = np.full((16, 16, 3), np.nan, np.float32)
    with pytest.raises(PictureError, match="not numbers"):
        write_picture(tmp_path / "a.png", Picture(rgb))
    assert list(tmp_path.iterdir()) == []


def test_unknown_ending(tmp_path, colours):
    with pytest.raises(PictureError, match=r"a\.bmp.*\.png"):
        write_picture(tmp_path / "a.bmp", Picture(colours.astype(np.float32)))


def test_a_side_that_the_format_cannot_have(tmp_path):
    with pytest.raises(PictureError, match=r"\.webp"):
        write_picture(tmp_path / "a.webp", Picture(np.zeros((1, 16_384, 3), np.float32)))
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_and_folder_as_output(tmp_path, colours):
    picture = Picture(colours.astype(np.float32))
    with pytest.raises(PictureError, match="cannot be written"):
        write_picture(tmp_path / "none" / "a.png", picture)
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PictureError, match="not a file"):
        write_picture(tmp_path / "a.png", picture)


def test_a_link_stays_a_link(tmp_path, colours):
    (tmp_path / "there").mkdir()
    (tmp_path / "a.png").symlink_to(tmp_path / "there" / "b.png")
    write_picture(tmp_path / "a.png", Picture(colours.astype(np.float32)))
    assert (tmp_path / "a.png").is_symlink()
    np.testing.assert_array_equal(read_picture(tmp_path / "there" / "b.png").rgb, colours)


WRITE_WITH_LITTLE_ROOM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
import numpy as np
from engine.pictures import Picture, PictureError, write_picture
noise = np.random.default_rng(0).random((64, 64, 3), np.float32) * 255
try:
    write_picture(sys.argv[1], Picture(noise))
except PictureError as error:
    print(error)
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, ending):
    file = tmp_path / f"a{ending}"
    file.write_text("the old one")
    done = subprocess.run(
        [sys.executable, "-c", WRITE_WITH_LITTLE_ROOM, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert f"{file} cannot be written" in done.stdout
    assert done.stderr == ""
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert file.read_text() == "the old one"


# Resizing


def test_resize_to_the_same_size_changes_nothing(colours):
    np.testing.assert_array_equal(resize(colours, (20, 24)), colours)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    new=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    channels=st.sampled_from([None, 1, 2, 3]),
    value=st.floats(-1000, 1000, width=32),
)
def test_resize_keeps_constants(size, new, channels, value):
    shape = size if channels is None else (*size, channels)
    resized = resize(np.full(shape, value, np.float32), new)
    assert resized.shape == (new if channels is None else (*new, channels))
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, value, rtol=1e-5, atol=1e-4)


def test_making_smaller_is_antialiased():
    stripes = np.zeros((64, 64), np.float32)
    stripes[:, ::2] = 1
    np.testing.assert_allclose(resize(stripes, (16, 16))[:, 2:-2], 0.5, atol=0.02)


def test_channels_are_resized_alike():
    values = np.random.default_rng(8).random((12, 10, 3))
    resized = resize(values, (30, 7))
    for k in range(3):
        np.testing.assert_array_equal(resized[..., k], resize(values[..., k], (30, 7)))


# Files that Pillow does not write


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(values, depth, colour_type, more=b""):
    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def icc(kind, space, pcs, tags):
    """An ICC profile, version 2, of these tags."""
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags:
        content += b"\0" * (-len(content) % 4)
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content
    d50 = struct.pack(">iii", 63190, 65536, 54061)
    size = start + len(data)
    header = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, kind, space, pcs)
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    return (header.ljust(68, b"\0") + d50).ljust(128, b"\0") + table + data


def description(text):
    data = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0"
    return data + b"\0" * (4 + 4 + 2 + 1 + 67)


def xyz(x, y, z):
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in (x, y, z)))


LINEAR = b"curv\0\0\0\0\0\0\0\0"


def linear_profile(grey=False):
    """sRGB's primaries (adapted to D50) or greys, with values in proportion to the light."""
    tags = [(b"desc", description(b"linear")), (b"wtpt", xyz(0.9642, 1, 0.8249))]
    if grey:
        return icc(b"mntr", b"GRAY", b"XYZ ", [*tags, (b"kTRC", LINEAR)])
    tags += [(b"rXYZ", xyz(0.4361, 0.2225, 0.0139)), (b"gXYZ", xyz(0.3851, 0.7169, 0.0971))]
    tags += [(b"bXYZ", xyz(0.1431, 0.0606, 0.7141))]
    tags += [(name, LINEAR) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return icc(b"mntr", b"RGB ", b"XYZ ", tags)


def black_ink_profile():
    """A press that prints black only: lightness is what black ink leaves, other inks are clear."""
    ramp = bytes(range(256))
    one = 65536
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, one) + ramp * 4
    # Two points per ink; the last ink, black, varies fastest.
    table += b"".join(bytes([0 if i % 2 else 255, 128, 128]) for i in range(16)) + ramp * 3
    tags = [(b"desc", description(b"black")), (b"wtpt", xyz(0.9642, 1, 0.8249)), (b"A2B0", table)]
    return icc(b"prtr", b"CMYK", b"Lab ", tags)
