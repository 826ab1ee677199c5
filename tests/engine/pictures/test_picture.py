"""Picture files to arrays: formats, depths, transparency, orientation, color profiles."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from engine.pictures.picture import read_mask, read_picture, read_stored
from tests.engine.made_files import black_ink_profile, chunk, linear_profile, png
from tests.engine.programs import alpha_of


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_eight_bit_colors_are_read_exactly(tmp_path, colors, ending):
    file = tmp_path / f"a.{ending}"
    Image.fromarray(colors).save(file, lossless=True)  # only WebP asks
    picture = read_picture(file)
    assert picture.rgb.dtype == np.float32
    np.testing.assert_array_equal(picture.rgb, colors)
    assert picture.alpha is None
    assert picture.notes == ()


def test_jpeg_is_read_closely(tmp_path):
    smooth = np.tile(np.linspace(0, 255, 64)[:, None, None], (1, 48, 3)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read_picture(tmp_path / "a.jpg").rgb, smooth, atol=6)


def test_gray_with_and_without_alpha(tmp_path, opacity):
    gray = opacity[::-1].copy()
    Image.fromarray(gray).save(tmp_path / "l.png")
    picture = read_picture(tmp_path / "l.png")
    for k in range(3):
        np.testing.assert_array_equal(picture.rgb[..., k], gray)
    Image.merge("LA", [Image.fromarray(gray), Image.fromarray(opacity)]).save(tmp_path / "la.png")
    picture = read_picture(tmp_path / "la.png")
    np.testing.assert_array_equal(picture.rgb[..., 1], gray)
    np.testing.assert_allclose(alpha_of(picture), opacity / 255.0, atol=1e-6)


def test_colors_under_alpha_are_kept(tmp_path, colors, opacity):
    Image.fromarray(np.dstack([colors, opacity])).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.rgb, colors)
    np.testing.assert_allclose(alpha_of(picture), opacity / 255.0, atol=1e-6)


@pytest.mark.parametrize("clear", [2, bytes([255, 100, 0])])
def test_palettes_with_transparency(tmp_path, clear):
    image = Image.new("P", (16, 16))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([i % 3 for i in range(256)])
    image.save(tmp_path / "p.png", transparency=clear)
    picture = read_picture(tmp_path / "p.png")
    np.testing.assert_array_equal(picture.rgb[0, :3], np.eye(3) * 255)
    expected = [1.0, 1.0, 0.0] if clear == 2 else [1.0, 100 / 255, 0.0]
    np.testing.assert_allclose(alpha_of(picture)[0, :3], expected, atol=1e-6)


def test_a_transparent_color_becomes_alpha(tmp_path):
    colors = np.full((16, 16, 3), 10, np.uint8)
    colors[3, 5] = (1, 2, 3)
    Image.fromarray(colors).save(tmp_path / "a.png", transparency=(1, 2, 3))
    alpha = alpha_of(read_picture(tmp_path / "a.png"))
    assert alpha[3, 5] == 0
    assert alpha.sum() == 255


def test_a_picture_of_one_bit_per_pixel_has_values_of_0_and_255(tmp_path):
    dots = np.indices((16, 16)).sum(axis=0) % 2 == 0
    Image.fromarray(dots).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").rgb[..., 0], dots * 255.0)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bit_gray_keeps_its_depth(tmp_path, ending):
    gray = np.random.default_rng(5).integers(0, 65536, (16, 20), dtype=np.uint16)
    Image.fromarray(gray).save(tmp_path / f"a.{ending}")
    picture = read_picture(tmp_path / f"a.{ending}")
    np.testing.assert_allclose(picture.rgb[..., 0], gray / 257.0, atol=1e-4)
    assert picture.notes == ()


def test_big_endian_sixteen_bit_tiff(tmp_path):
    gray = np.arange(256, dtype=">u2").reshape(16, 16) * 257
    entries = [(256, 3, 16), (257, 3, 16), (258, 3, 16), (259, 3, 1), (262, 3, 1)]
    entries += [(273, 4, 8), (277, 3, 1), (278, 3, 16), (279, 4, 512)]
    data = b"MM\0*" + struct.pack(">I", 8 + 512) + gray.tobytes()
    data += struct.pack(">H", len(entries))
    for tag, kind, value in entries:
        packed = struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
        data += struct.pack(">HHI", tag, kind, 1) + packed
    (tmp_path / "a.tif").write_bytes(data + b"\0\0\0\0")
    np.testing.assert_allclose(
        read_picture(tmp_path / "a.tif").rgb[..., 2], gray.astype(float) / 257.0, atol=1e-4
    )


@pytest.mark.parametrize(("channels", "kind"), [(2, 4), (3, 2), (4, 6)])
def test_sixteen_bit_colors_of_a_png_are_read_exactly(tmp_path, channels, kind):
    values = np.random.default_rng(6).integers(0, 65536, (16, 19, channels), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(png(values, 16, kind))
    picture = read_stored(tmp_path / "a.png")
    color = values if channels == 3 else values[..., :-1]
    np.testing.assert_array_equal(picture.numbers, color)
    assert picture.notes == ()
    if channels == 3:
        assert picture.opacity is None
    else:
        np.testing.assert_array_equal(picture.opacity, values[..., -1])


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_sixteen_bit_colors_of_a_tiff_are_read_exactly(tmp_path, channels, order, compression):
    values = np.random.default_rng(6).integers(0, 65536, (16, 19, channels), dtype=np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="rgb", byteorder=order, compression=compression,
        extrasamples=["unassalpha"] * (channels - 3),
    )  # fmt: skip
    picture = read_stored(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.numbers, values[..., :3])
    assert picture.notes == ()
    if channels == 4:
        np.testing.assert_array_equal(picture.opacity, values[..., 3])


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_sixteen_bit_colors_in_planes_are_read_exactly(tmp_path, channels, compression):
    values = np.random.default_rng(6).integers(0, 65536, (channels, 16, 19), dtype=np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="rgb", planarconfig="separate",
        compression=compression, extrasamples=["unassalpha"] * (channels - 3),
    )  # fmt: skip
    picture = read_stored(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.numbers, values[:3].transpose(1, 2, 0))
    assert picture.notes == ()


def test_sixteen_bit_colors_with_a_transparent_one(tmp_path):
    values = np.full((16, 16, 3), 0x1234, np.uint16)
    values[2, 2] = 0xABCD
    key = chunk(b"tRNS", struct.pack(">HHH", 0xABCD, 0xABCD, 0xABCD))
    (tmp_path / "a.png").write_bytes(png(values, 16, 2, key))
    alpha = alpha_of(read_picture(tmp_path / "a.png"))
    assert alpha[2, 2] == 0
    assert alpha.sum() == 255


def test_sixteen_bit_gray_with_a_transparent_one(tmp_path):
    values = np.full((16, 16, 1), 0x1234, np.uint16)
    values[2, 2] = 0x1235
    key = chunk(b"tRNS", struct.pack(">H", 0x1235))
    (tmp_path / "a.png").write_bytes(png(values, 16, 0, key))
    alpha = alpha_of(read_picture(tmp_path / "a.png"))
    assert alpha[2, 2] == 0
    assert alpha.sum() == 255


@pytest.mark.parametrize("ending", ["jpg", "tif", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(tmp_path, ending, orientation):
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


def test_a_broken_exif_block_does_not_cost_the_picture(tmp_path, colors):
    Image.fromarray(colors).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").rgb, colors)


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
    np.testing.assert_allclose(alpha_of(picture), 128 / 255, atol=1e-6)
    image = Image.new("P", (16, 16))
    image.putpalette([128, 128, 128])
    image.save(tmp_path / "p.png", icc_profile=linear_profile())
    np.testing.assert_allclose(read_picture(tmp_path / "p.png").rgb, 188, atol=1.5)


def test_gray_profiles_are_applied(tmp_path):
    Image.new("L", (16, 16), 128).save(tmp_path / "l.png", icc_profile=linear_profile(gray=True))
    np.testing.assert_allclose(read_picture(tmp_path / "l.png").rgb, 188, atol=1.5)
    deep = np.full((16, 16), 128 * 257, np.uint16)
    Image.fromarray(deep).save(tmp_path / "d.png", icc_profile=linear_profile(gray=True))
    np.testing.assert_allclose(read_picture(tmp_path / "d.png").rgb, 188, atol=1.5)


def test_an_unusable_profile_is_noted(tmp_path, colors):
    Image.fromarray(colors).save(tmp_path / "a.png", icc_profile=b"no profile at all")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.rgb, colors)
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


def test_further_pictures_in_a_file_are_noted(tmp_path, colors):
    pages = [Image.fromarray(colors), Image.fromarray(255 - colors)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.rgb, colors)
    assert "2 pictures" in picture.notes[0]


@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "uint16", ">u2", "float32"])
def test_arrays_of_every_kind_are_read_by_their_range(tmp_path, channels, kind):
    whole = np.dtype(kind).kind == "u"
    shape = (16, 18) if channels is None else (16, 18, channels)
    fraction = np.random.default_rng(7).random(shape)
    top = np.iinfo(kind).max if whole else 1
    array = (np.rint(fraction * top) if whole else fraction).astype(kind)
    np.save(tmp_path / "a.npy", array)
    picture = read_picture(tmp_path / "a.npy")
    expected = (array.astype(float) / top).reshape(16, 18, -1)
    color = expected[..., :-1] if channels in (2, 4) else expected
    np.testing.assert_allclose(picture.rgb, np.broadcast_to(color, (16, 18, 3)) * 255, atol=1e-3)
    if channels in (2, 4):
        np.testing.assert_allclose(alpha_of(picture), expected[..., -1], atol=1e-6)
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
