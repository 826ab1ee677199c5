"""Formats that are read on the command line, large pictures, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from engine.errors import PictureError
from engine.job import Job, Region
from engine.masks.regions import load_regions, read_style
from engine.pictures.picture import read_mask, read_picture, read_stored
from engine.pictures.reading_memory import ReadingMemory

PIXELS = np.random.default_rng(1).integers(0, 256, (20, 32, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.bmp", {}),
        ("a.ppm", {}),
        ("a.jp2", {"irreversible": False}),
        ("a.avif", {"quality": 100, "subsampling": "4:4:4"}),
        ("a.webp", {"lossless": True}),
    ],
)
def test_pictures_of_other_formats(tmp_path: Path, name: str, options: dict) -> None:
    if name == "a.avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    Image.fromarray(PIXELS).save(tmp_path / name, **options)
    away = np.abs(read_picture(tmp_path / name).rgb - PIXELS)
    assert away.max() <= (4 if name == "a.avif" else 0)


def test_a_gif_and_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("P", (20, 20), color) for color in (0, 1, 2)]
    for frame in frames:
        frame.putpalette([250, 10, 20, 0, 0, 0, 1, 1, 1])
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    picture = read_picture(tmp_path / "a.gif")
    assert (picture.rgb == (250, 10, 20)).all()
    assert picture.notes == ("it holds 3 pictures; the first is used.",)


@pytest.mark.parametrize(("most", "scale"), [(65535, 1), (1023, 64)])
def test_a_deep_pgm(tmp_path: Path, most: int, scale: int) -> None:
    numbers = np.arange(320, dtype=np.uint16).reshape(16, 20) * 3
    data = f"P5 20 16 {most}\n".encode() + (numbers.astype(">u2")).tobytes()
    (tmp_path / "a.pgm").write_bytes(data)
    found = read_mask(tmp_path / "a.pgm")
    np.testing.assert_allclose(found, numbers / most, atol=1e-4)
    assert scale


def test_files_that_would_run_a_program_are_refused_with_the_formats(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EOF\n")
    with pytest.raises(PictureError) as caught:
        read_picture(tmp_path / "a.eps")
    assert str(caught.value).endswith(
        "is not a picture that Scumble reads (PNG, JPEG, TIFF, WebP, AVIF, BMP, GIF, JPEG 2000, "
        "PPM)."
    )


def test_a_panorama_larger_than_pillow_allows(tmp_path: Path) -> None:
    Image.new("1", (30_000, 6_000), 1).save(tmp_path / "a.png")
    reading = ReadingMemory()
    picture = read_stored(tmp_path / "a.png", reading=reading)
    assert (picture.size, picture.nbytes) == ((6_000, 30_000), 180_000_000)
    assert reading.most <= 2.1 * 180_000_000
    assert (picture.numbers == 255).all()


def test_the_memory_option_counts_while_reading(tmp_path: Path) -> None:
    Image.new("L", (9_000, 9_000)).save(tmp_path / "a.png", compress_level=1)
    reading = ReadingMemory(200_000_000, limited=True)
    read_stored(tmp_path / "a.png", reading=reading)
    reading.keep(81_000_000)
    with pytest.raises(
        PictureError, match=r"about 0\.2 GB .* 0\.1 GB are available; .*raise --memory"
    ):
        read_stored(tmp_path / "a.png", reading=reading)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_style_is_read_as_large_as_it_can_be_of_use(tmp_path: Path, ending: str) -> None:
    gray = Image.linear_gradient("L").resize((2_600, 2_000)).convert("RGB")
    file = tmp_path / f"a.{ending}"
    options: dict[str, Any] = {"compress_level": 1} if ending == "png" else {"quality": 95}
    gray.save(file, **options)
    reading = ReadingMemory()
    most = 1_000_000
    style = read_style(Region(str(file)), most, reading)
    height, width = style.mask.shape
    assert 0.99 < height * width / most <= 1.001
    assert width / height == pytest.approx(1.3, rel=0.002)
    assert reading.most <= (8 if ending == "png" else 3) * 2_600 * 2_000
    expected = np.linspace(0, 255, height)
    np.testing.assert_allclose(style.rgb[0, :, 100], expected, atol=2)
    assert style.suits(most)
    assert not style.suits(most + 1)
    assert read_style(Region(str(file)), 7_500_000, reading).mask.size == 2_600 * 2_000


def test_a_style_size_above_1_keeps_more_of_a_style(tmp_path: Path) -> None:
    Image.new("L", (4_000, 3_000), 9).save(tmp_path / "a.png")
    sizes = []
    for times in (1.0, 3.0):
        region = Region(str(tmp_path / "a.png"), style_size=times)
        job = Job(content="c", regions=(region,))
        [loaded], _ = load_regions(job, (1_000, 1_000))
        sizes.append(loaded.style[0].size)
    assert sizes[0] == pytest.approx(4_000_000, rel=0.01)
    assert sizes[1] == pytest.approx(9_000_000, rel=0.01)
