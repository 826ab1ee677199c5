"""Pictures to files and back, whole or not at all; and resizing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from engine.pictures.picture import (
    EXTENSIONS,
    Picture,
    PictureError,
    read_picture,
    read_settings,
    write_picture,
)
from engine.sizes import resize
from tests.engine.programs import alpha_of

LOSSLESS = (".png", ".tif", ".tiff", ".npy")
SETTINGS = {"scumble": "0.1.0", "job": {"content": "Bäume \u6728.png"}, "loss": 1.5}


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    values=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)),
    with_alpha=st.booleans(),
    ending=st.sampled_from(LOSSLESS),
)
def test_what_is_written_is_read_again(tmp_path_factory, values, with_alpha, ending):
    file = tmp_path_factory.mktemp("round") / f"a{ending}"
    rgb = np.dstack([values, values[::-1], 255 - values]).astype(np.float32)
    alpha = (values[:, ::-1] / 255.0).astype(np.float32)
    notes = write_picture(file, Picture(rgb, alpha if with_alpha else None), SETTINGS)
    picture = read_picture(file, min_side=1)
    np.testing.assert_allclose(picture.rgb, rgb, atol=1e-4)
    if with_alpha:
        np.testing.assert_allclose(alpha_of(picture), alpha, atol=1e-6)
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


def test_webp_keeps_transparency(tmp_path, colors, opacity):
    alpha = (opacity / 255.0).astype(np.float32)
    assert write_picture(tmp_path / "a.webp", Picture(colors.astype(np.float32), alpha)) == ()
    np.testing.assert_allclose(alpha_of(read_picture(tmp_path / "a.webp")), alpha, atol=1e-6)


@pytest.mark.parametrize("ending", [e for e in EXTENSIONS if e != ".npy"])
def test_settings_and_profile_are_in_the_file(tmp_path, colors, ending):
    file = tmp_path / f"a{ending}"
    write_picture(file, Picture(colors.astype(np.float32)), SETTINGS)
    assert read_settings(file) == SETTINGS
    with Image.open(file) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_settings_where_other_programs_look(tmp_path, colors):
    picture = Picture(colors.astype(np.float32))
    write_picture(tmp_path / "a.png", picture, SETTINGS)
    with PngImageFile(tmp_path / "a.png") as image:
        assert json.loads(image.text["Scumble"]) == SETTINGS
    write_picture(tmp_path / "a.tif", picture, SETTINGS)
    with TiffImageFile(tmp_path / "a.tif") as image:
        assert json.loads(image.tag_v2[0x9213]) == SETTINGS  # ImageHistory
    for name in ("a.jpg", "a.webp"):
        write_picture(tmp_path / name, picture, SETTINGS)
        with Image.open(tmp_path / name) as image:
            assert json.loads(image.getexif()[0x9213]) == SETTINGS


def test_a_picture_without_settings(tmp_path, colors):
    write_picture(tmp_path / "a.png", Picture(colors.astype(np.float32)))
    with pytest.raises(PictureError, match="no settings"):
        read_settings(tmp_path / "a.png")
    Image.fromarray(colors).save(tmp_path / "b.tif", description="[1, 2]")
    with pytest.raises(PictureError, match="no settings"):
        read_settings(tmp_path / "b.tif")


def test_settings_too_long_for_exif_are_left_out_with_a_note(tmp_path, colors):
    long = {"scumble": "0.1.0", "job": {"content": "x" * 70_000}}
    notes = write_picture(tmp_path / "a.jpg", Picture(colors.astype(np.float32)), long)
    assert "left out" in notes[0]
    assert read_picture(tmp_path / "a.jpg").rgb.shape == colors.shape


def test_the_same_picture_gives_the_same_bytes(tmp_path, colors):
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name, Picture(colors.astype(np.float32)), SETTINGS)
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
    with pytest.raises(PictureError, match="NaN or infinite"):
        write_picture(tmp_path / "a.png", Picture(rgb))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_extension_is_refused(tmp_path, colors):
    with pytest.raises(PictureError, match=r"a\.bmp.*\.png"):
        write_picture(tmp_path / "a.bmp", Picture(colors.astype(np.float32)))


def test_a_side_that_the_format_cannot_have(tmp_path):
    with pytest.raises(PictureError, match=r"\.webp"):
        write_picture(tmp_path / "a.webp", Picture(np.zeros((1, 16_384, 3), np.float32)))
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_and_folder_as_output(tmp_path, colors):
    picture = Picture(colors.astype(np.float32))
    with pytest.raises(PictureError, match="cannot be written"):
        write_picture(tmp_path / "none" / "a.png", picture)
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PictureError, match="is a folder"):
        write_picture(tmp_path / "a.png", picture)


def test_a_link_stays_a_link(tmp_path, colors):
    (tmp_path / "there").mkdir()
    (tmp_path / "a.png").symlink_to(tmp_path / "there" / "b.png")
    write_picture(tmp_path / "a.png", Picture(colors.astype(np.float32)))
    assert (tmp_path / "a.png").is_symlink()
    np.testing.assert_array_equal(read_picture(tmp_path / "there" / "b.png").rgb, colors)


WRITE_WITH_LITTLE_ROOM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
import numpy as np
from engine.pictures.picture import Picture, PictureError, write_picture
noise = np.random.default_rng(0).random((64, 64, 3), np.float32) * 255
try:
    write_picture(sys.argv[1], Picture(noise))
except PictureError as error:
    print(error)
"""


@pytest.mark.parametrize("ending", EXTENSIONS)
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


def test_resize_to_the_same_size_changes_nothing(colors):
    np.testing.assert_array_equal(resize(colors, (20, 24)), colors)


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
