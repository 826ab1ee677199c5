"""Whose colors a painting has: what the choices mean, in the functions and in whole paintings."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.events import Preview
from engine.jobfile import job_from_dict
from engine.masks.mask import Mask
from engine.masks.regions import LoadedRegion
from engine.pictures.colors import apply_color_mode, luminance, restore_chroma
from engine.pictures.strips import ArrayPlanes
from engine.run import Result, stylize
from tests.engine.programs import SHALLOW_JOB

RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def noise(seed: int, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (3, height, width)).astype(np.float32)


def chroma(picture: np.ndarray) -> np.ndarray:
    """Return I and Q, by the textbook's matrix."""
    return np.tensordot(RGB_TO_YIQ[1:], picture.astype(np.float64), 1)


def region(style: np.ndarray, mask: np.ndarray) -> LoadedRegion:
    everywhere = np.ones(style.shape[1:], np.float32)
    return LoadedRegion("a", style, everywhere, Mask(mask), weight=1.0, style_size=1.0)


def test_luminance_is_that_of_yiq() -> None:
    picture = noise(1)
    expected = np.tensordot(RGB_TO_YIQ[0], picture.astype(np.float64), 1)
    np.testing.assert_allclose(luminance(picture), expected, rtol=1e-5)


def test_with_colors_keeps_the_chroma_and_stays_in_range() -> None:
    content, painted = noise(2), noise(3)
    result = restore_chroma(painted, content)
    assert result.min() >= -1e-3
    assert result.max() <= 255 + 1e-3
    np.testing.assert_allclose(chroma(result), chroma(content), atol=1e-3)


def test_with_colors_takes_the_painted_luminance_where_the_color_allows_it() -> None:
    content = np.full((3, 4, 4), 100, np.float32) + noise(4, 4, 4) / 10
    painted = np.full((3, 4, 4), 120, np.float32) + noise(5, 4, 4) / 10
    np.testing.assert_allclose(
        luminance(restore_chroma(painted, content)), luminance(painted), rtol=1e-5
    )


def test_luminance_gives_the_style_the_contents_mean_and_deviation() -> None:
    content = 80 + noise(6) / 4
    style = 20 + noise(7, 20, 20) / 2
    mask = np.zeros((24, 30), np.float32)
    mask[5:20, 5:25] = 1
    gray, [painted] = apply_color_mode("luminance", ArrayPlanes(content), [region(style, mask)])
    canvas = gray.columns(0, 30)
    assert np.array_equal(canvas[0], canvas[1])
    assert np.array_equal(painted.style[0], painted.style[2])
    inside = luminance(content)[mask == 1].astype(np.float64)
    assert painted.style[0].mean() == pytest.approx(inside.mean(), rel=0.01)
    assert painted.style[0].std() == pytest.approx(inside.std(), rel=0.02)


def test_match_gives_the_style_the_contents_mean_color() -> None:
    content = np.array([200, 90, 40], np.float32)[:, None, None] + noise(8) / 8
    style = noise(9, 20, 20) / 4
    mask = np.ones((24, 30), np.float32)
    planes = ArrayPlanes(content)
    canvas, [painted] = apply_color_mode("match", planes, [region(style, mask)])
    assert canvas is planes
    np.testing.assert_allclose(painted.style.mean((1, 2)), content.mean((1, 2)), atol=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pictures")
    made = {}
    for seed, name in enumerate(("content", "style")):
        values = np.random.default_rng(seed).uniform(0, 255, (6, 8, 3)).astype(np.uint8)
        image = Image.fromarray(values).resize((64, 48), Image.Resampling.BICUBIC)
        image.save(folder / f"{name}.png")
        made[name] = str(folder / f"{name}.png")
    return made


def paint(files: dict[str, str], shown: list[np.ndarray], **fields: object) -> Result:
    regions = [{"style": files["style"]}]
    job = {"content": files["content"], "regions": regions, "iterations": 4, **SHALLOW_JOB}

    def report(event: object) -> None:
        if isinstance(event, Preview):
            shown.append(event.picture)

    return stylize(job_from_dict({**job, **fields}), report, threading.Event())


@pytest.mark.parametrize("method", ["joint", "stitch"])
def test_a_painting_that_keeps_luminance_colors_has_the_contents_chroma(
    files: dict[str, str], model: Path, method: str
) -> None:
    shown: list[np.ndarray] = []
    result = paint(files, shown, colors="luminance", method=method, uncut=method == "stitch")
    with Image.open(files["content"]) as image:
        content = np.asarray(image, np.float32).transpose(2, 0, 1)
    for picture in (result.picture, *result.uncut):
        painted = picture.rgb.transpose(2, 0, 1)
        change = np.abs(chroma(painted) - chroma(content)).max()
        assert change <= 0.01 * np.abs(chroma(content)).max()
        assert np.abs(luminance(painted) - luminance(content)).mean() > 3
    # What is shown meanwhile has the colors of the result, up to whole numbers.
    for preview in shown:
        seen = preview.transpose(2, 0, 1)
        assert np.abs(chroma(seen) - chroma(content)).max() < 2


def test_a_painting_with_matched_styles_keeps_the_contents_mean_color(
    files: dict[str, str], model: Path
) -> None:
    with Image.open(files["content"]) as image:
        content = np.asarray(image, np.float32).mean((0, 1))
    with Image.open(files["style"]) as image:
        style = np.asarray(image, np.float32).mean((0, 1))
    plain = paint(files, [], iterations=8).picture.rgb.mean((0, 1))
    matched = paint(files, [], iterations=8, colors="match").picture.rgb.mean((0, 1))
    assert np.abs(matched - content).sum() < np.abs(plain - content).sum()
    assert np.abs(content - style).sum() > 10  # else there would be nothing to keep
