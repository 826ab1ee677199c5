"""Unpainted pixels come back to the last bit, in the content's depth and color profile."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from engine.masks.mask import Mask
from engine.pictures.finishing import Finisher
from engine.pictures.picture import read_picture, read_stored, write_picture
from engine.pictures.profiles import ColorSpace, MatrixSpace, TableSpace, space_of, srgb_profile
from tests.engine.made_files import description, icc, linear_profile, png, xyz

SIZE = (30, 44)
OUTSIDE, SOFT, INSIDE = np.s_[:, :20], np.s_[:, 20:24], np.s_[:, 24:]


def wide_profile(gamma: float = 2.2) -> bytes:
    """Return a profile with the primaries of Display P3 (SMPTE EG 432-1), adapted to D50."""
    curve = b"curv\0\0\0\0\0\0\0\1" + struct.pack(">H", round(gamma * 256))
    tags = [(b"desc", description(b"wide")), (b"wtpt", xyz(0.9642, 1, 0.8249))]
    tags += [(b"rXYZ", xyz(0.51512, 0.2412, -0.00105)), (b"gXYZ", xyz(0.29198, 0.69225, 0.04189))]
    tags += [(b"bXYZ", xyz(0.15710, 0.06657, 0.78407))]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return icc(b"mntr", b"RGB ", b"XYZ ", tags)


def values(channels: int, dtype: type = np.uint16) -> np.ndarray:
    random = np.random.default_rng(8)
    return random.integers(0, np.iinfo(dtype).max, (*SIZE, channels), dtype, endpoint=True)


def painted(file: Path, output: Path, *, size: tuple[int, int] = SIZE) -> float:
    """Finish a painting of a file, in the right part; return the share of clipped pixels."""
    mask = np.zeros(SIZE, np.uint8)
    mask[SOFT], mask[INSIDE] = 100, 255
    content = read_stored(file)
    finisher = Finisher(content, content, [Mask(mask)], None, 1.0, False, in_float=False)
    flat = np.full((3, *size), 1, np.float32) * np.array([200, 120, 40])[:, None, None]
    picture, clipped = finisher.result("cut out", [flat.astype(np.float32)])
    write_picture(output, picture, {"scumble": "0", "job": {}})
    return clipped


def png_values(file: Path) -> np.ndarray:
    """Read a PNG of 16 bits whose rows have the filter 3, by the standard alone."""
    data, at, packed = file.read_bytes(), 8, b""
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(name + body) == struct.unpack_from(">I", data, at + 8 + length)[0]
        if name == b"IHDR":
            width, height, depth, kind = struct.unpack_from(">IIBB", body)
        packed += body if name == b"IDAT" else b""
        at += 12 + length
    assert depth == 16
    channels = {2: 3, 6: 4}[kind]
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 3).all()
    pixels = np.zeros((height + 1, width + 1, 2 * channels), np.uint8)
    differences = rows[:, 1:].reshape(height, width, 2 * channels)
    for row, column in np.ndindex(height, width):
        sums = pixels[row, column + 1].astype(int) + pixels[row + 1, column]
        pixels[row + 1, column + 1] = differences[row, column] + (sums // 2).astype(np.uint8)
    return np.ascontiguousarray(pixels[1:, 1:]).view(">u2")


@pytest.mark.parametrize("profile", [b"", wide_profile()], ids=["sRGB", "wide"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("size", [SIZE, (17, 25)], ids=["full", "small"])
def test_sixteen_bits(tmp_path: Path, profile: bytes, channels: int, ending: str,
                      size: tuple[int, int]) -> None:  # fmt: skip
    before = values(channels)
    file, output = tmp_path / f"a.{ending}", tmp_path / f"out.{ending}"
    if ending == "png":
        more = b"a\0\0" + zlib.compress(profile)
        chunk = struct.pack(">I", len(more)) + b"iCCP" + more
        chunk += struct.pack(">I", zlib.crc32(b"iCCP" + more))
        file.write_bytes(png(before, 16, {3: 2, 4: 6}[channels], chunk if profile else b""))
    else:
        tifffile.imwrite(
            file, before, photometric="rgb", extrasamples=["unassalpha"] * (channels - 3),
            iccprofile=profile or None,
        )  # fmt: skip
    painted(file, output, size=size)
    after = png_values(output) if ending == "png" else tifffile.imread(output)
    np.testing.assert_array_equal(after[OUTSIDE], before[OUTSIDE])
    np.testing.assert_array_equal(after[..., 3:], before[..., 3:])
    assert (after[INSIDE][..., :3] == after[0, -1, :3]).all()
    with Image.open(output) as image:
        assert image.info["icc_profile"] == (profile or srgb_profile())
    np.testing.assert_allclose(read_picture(output).rgb[0, -1], (200, 120, 40), atol=0.01)


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_eight_bits_of_every_mode(tmp_path: Path, mode: str, ending: str) -> None:
    image = Image.fromarray(values(3 if mode == "P" else 4, np.uint8)).convert(mode)
    profile = b"" if mode in ("L", "LA", "1") else wide_profile()
    image.save(tmp_path / "a.png", icc_profile=profile or None)
    painted(tmp_path / "a.png", tmp_path / f"out.{ending}")
    with Image.open(tmp_path / f"out.{ending}") as after:
        assert after.mode == ("RGBA" if mode in ("RGBA", "LA") else "RGB")
        expected = np.asarray(image.convert(after.mode))
        np.testing.assert_array_equal(np.asarray(after)[OUTSIDE], expected[OUTSIDE])
        assert after.info["icc_profile"] == (profile or srgb_profile())


@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_sixteen_bits_that_a_format_cannot_have_are_said(tmp_path: Path, ending: str) -> None:
    (tmp_path / "a.png").write_bytes(png(values(3), 16, 2))
    content = read_stored(tmp_path / "a.png")
    (note,) = write_picture(tmp_path / f"out.{ending}", content)
    assert "has 8 bits per channel" in note


def test_sixteen_bits_of_an_interlaced_png(tmp_path: Path) -> None:
    # Adam7 of 8 x 1 pixels, by the standard: passes 1, 2, 4 and 6 have 1, 1, 2 and 4 of them.
    before = np.random.default_rng(1).integers(0, 65536, (1, 8, 3), dtype=np.uint16)
    passes = (before[:, 0:1], before[:, 4:5], before[:, 2::4], before[:, 1::2])
    rows = b"".join(b"\0" + each.astype(">u2").tobytes() for each in passes)
    head = struct.pack(">IIBBBBB", 8, 1, 16, 2, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    (tmp_path / "a.png").write_bytes(data)
    np.testing.assert_array_equal(read_stored(tmp_path / "a.png", min_side=1).numbers, before)


def test_clipped_colors_are_counted_among_the_painted_pixels(tmp_path: Path) -> None:
    before = np.full((*SIZE, 3), 120, np.uint8)
    before[:15] = (0, 255, 0)  # which is beyond sRGB
    Image.fromarray(before).save(tmp_path / "a.png", icc_profile=wide_profile())
    assert painted(tmp_path / "a.png", tmp_path / "out.png") == pytest.approx(0.5)
    with Image.open(tmp_path / "out.png") as image:
        after = np.asarray(image).astype(int)
    # Where the mask is soft, the content's share has its color, not the clipped one.
    share = 100 / 255
    expected = share * after[0, -1] + (1 - share) * before[0, 0]
    assert np.abs(after[0, 22] - expected).max() < 45
    assert after[0, 22, 1] > after[0, -1, 1]
    Image.fromarray(before).save(tmp_path / "b.png")
    assert painted(tmp_path / "b.png", tmp_path / "out.png") == 0


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_matrix_profiles_are_applied_as_littlecms_does(gamma: float) -> None:
    profile = wide_profile(gamma)
    space = space_of(profile)
    assert isinstance(space, MatrixSpace)
    numbers = np.random.default_rng(2).integers(0, 256, (1, 500, 3), np.uint8)
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "RGB", "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )  # fmt: skip
    expected = np.asarray(transform.apply(Image.fromarray(numbers)), float)
    colors = space.to_srgb(numbers / np.float32(255))
    np.testing.assert_allclose(255 * colors, expected, atol=1.2)
    inside = ((colors > 0.001) & (colors < 0.999)).all(axis=-1)
    back = space.from_srgb(colors)[inside]
    np.testing.assert_allclose(back, (numbers / 255)[inside], atol=2e-4)


def test_profiles_that_are_srgb_by_another_name_change_nothing() -> None:
    encoded = np.linspace(0, 1, 1024)
    light = np.where(encoded < 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    table = np.rint(65535 * light).astype(">u2").tobytes()
    curve = b"curv" + bytes(4) + struct.pack(">I", 1024) + table
    for profile in (linear_profile(), linear_profile(gray=True)):
        assert type(space_of(profile)) is MatrixSpace
    tags = [(b"desc", description(b"a gray")), (b"wtpt", xyz(0.9642, 1, 0.8249)), (b"kTRC", curve)]
    assert type(space_of(icc(b"mntr", b"GRAY", b"XYZ ", tags))) is ColorSpace
    tags[2:] = [(b"rXYZ", xyz(0.43604, 0.22249, 0.01392)), (b"gXYZ", xyz(0.38512, 0.7169, 0.09706)),
                (b"bXYZ", xyz(0.14305, 0.06061, 0.71391))]  # fmt: skip
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    assert type(space_of(icc(b"mntr", b"RGB ", b"XYZ ", tags))) is ColorSpace


def test_a_gray_profile_comes_back_as_one_for_three_channels(tmp_path: Path) -> None:
    gray = values(1, np.uint8)[..., 0]
    Image.fromarray(gray).save(tmp_path / "a.png", icc_profile=linear_profile(gray=True))
    painted(tmp_path / "a.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        after = np.asarray(image)
        # LittleCMS takes the profile that was made, and it means the same colors.
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        shown = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"))
    for channel in range(3):
        np.testing.assert_array_equal(after[OUTSIDE][..., channel], gray[OUTSIDE])
    expected = read_picture(tmp_path / "a.png").rgb
    np.testing.assert_allclose(np.asarray(shown)[OUTSIDE], expected[OUTSIDE], atol=1.6)


def test_a_profile_of_tables_goes_through_littlecms(tmp_path: Path) -> None:
    # Red and green change places: input and output tables are straight lines.
    ramp, one = bytes(range(256)), 65536
    points = [(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)]
    head = bytes([3, 3, 2, 0]) + struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, one)
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    to_lab = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
    corners = Image.fromarray(np.array([[(g, r, b) for r, g, b in points]], np.uint8))
    lab_corners = np.asarray(to_lab.apply(corners)).copy()
    lab_corners[..., 1:] ^= 128
    table = b"mft1" + bytes(4) + head + ramp * 3 + lab_corners.tobytes() + ramp * 3
    tags = [(b"desc", description(b"odd")), (b"wtpt", xyz(0.9642, 1, 0.8249)), (b"A2B0", table)]
    only_in = icc(b"scnr", b"RGB ", b"Lab ", tags)
    before = values(3, np.uint8)
    Image.fromarray(before).save(tmp_path / "a.png", icc_profile=only_in)
    picture = read_stored(tmp_path / "a.png")
    # It has no way back: the result is in sRGB, and a note says so.
    assert picture.space == ColorSpace()
    assert picture.notes == ()
    assert picture.lost == (
        "The content's color profile is for reading only; the result is in sRGB.",
    )
    expected = before[..., [1, 0, 2]].astype(int)
    assert np.abs(picture.numbers - expected).mean() < 30  # by two points per channel
    assert np.abs(picture.numbers - before.astype(int)).mean() > 50
    both = icc(b"prtr", b"RGB ", b"Lab ", [*tags, (b"B2A0", table)])
    Image.fromarray(before).save(tmp_path / "b.png", icc_profile=both)
    assert isinstance(read_stored(tmp_path / "b.png").space, TableSpace)
    painted(tmp_path / "b.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image)[OUTSIDE], before[OUTSIDE])


def test_cmyk_comes_back_as_rgb_which_is_said(tmp_path: Path) -> None:
    Image.new("CMYK", (44, 30), (255, 0, 0, 0)).save(tmp_path / "a.tif")
    (note,) = write_picture(tmp_path / "out.png", read_stored(tmp_path / "a.tif"))
    assert note == "The content's CMYK colors come back as RGB."
    np.testing.assert_array_equal(read_picture(tmp_path / "out.png").rgb[0, 0], (0, 255, 255))
