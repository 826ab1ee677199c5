"""The options that painters know: each does what its name says over its whole range."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from engine.job import Job, Region
from engine.loss.definition import total_variation
from engine.loss.make_terms import style_weights
from engine.metrics.color_distance import color_distance
from engine.metrics.content_structure import content_structure
from engine.metrics.style_distance import style_distance
from engine.network import Network
from engine.paintings.catalog import style_file
from engine.pictures.picture import read_picture
from engine.run import stylize
from engine.sizes import planar
from engine.warm import Warm
from models.kernels import Kernels
from tests.engine.kept_sessions import take_kernels
from tests.engine.programs import CHECKOUT

PHOTO = CHECKOUT / "engine" / "gallery" / "pictures" / "china.jpg"
STYLE = "vangogh-auvers"
SIZE = (64, 44)

Paint = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def yardsticks(kernels: Kernels) -> Network:
    return Network(kernels, pooling="max", device="cpu", threads=1)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("knobs") / "photo.png"
    with Image.open(PHOTO) as image:
        image.resize(SIZE, Image.Resampling.LANCZOS).save(file)
    return file


@pytest.fixture(scope="module")
def paint(photo: Path, kernels: Kernels, sessions_kept: None) -> Iterator[Paint]:
    """Return a function that paints the photograph with some options, each picture once."""
    warm, found = Warm(), {}
    with pytest.MonkeyPatch.context() as patch:
        take_kernels(kernels, patch)

        def painted(**given: Any) -> np.ndarray:
            # A value that is the default is not painted again.
            key = tuple(
                (name, value) for name, value in given.items() if value != getattr(Job(), name)
            )
            if key not in found:
                job = Job(
                    content=str(photo), regions=(Region(STYLE),), iterations=12, threads=1,
                    device="cpu", **given,
                )  # fmt: skip
                result = stylize(
                    job, lambda event: None, threading.Event(), previews=False, warm=warm
                )
                found[key] = planar(result.picture.rgb)
            return found[key]

        yield painted


def content_of(photo: Path) -> np.ndarray:
    return planar(read_picture(photo).rgb)


def style_of() -> np.ndarray:
    return planar(read_picture(style_file(STYLE)).rgb)


def rises(values: list[float]) -> bool:
    return all(one < other for one, other in zip(values, values[1:]))


def test_strength_takes_the_photographs_shapes_away(
    paint: Paint, photo: Path, yardsticks: Network
) -> None:
    lost = [
        content_structure(yardsticks, paint(strength=value), content_of(photo), None)
        for value in (0.01, 1.0, 100.0)
    ]
    assert rises(lost)


def test_detail_prefers_fine_texture_to_large_forms(paint: Paint, yardsticks: Network) -> None:
    found = [
        style_distance(yardsticks, paint(detail=value), style_of()).by_layer
        for value in (0.25, 1.0, 4.0)
    ]
    assert rises([each["conv4_3"] / each["conv1_2"] for each in found])


def test_detail_moves_weight_and_keeps_its_sum() -> None:
    for value in (0.25, 1.0, 3.0):
        weights = dict(style_weights(Job(detail=value)))
        np.testing.assert_allclose(sum(weights.values()), 1.0)
        ratio = weights["conv1_1"] / weights["conv2_1"]
        np.testing.assert_allclose(ratio, value**2)
        np.testing.assert_allclose(weights["conv4_1"] / weights["conv5_1"], ratio)
    assert style_weights(Job()) == Job().style_layers


def coarseness(picture: np.ndarray) -> float:
    """Return the share of large strokes: bands of lightness from 4 pixels up over finer ones."""
    gray = picture.mean(axis=0)
    bands = [
        np.std(ndimage.gaussian_filter(gray, size) - ndimage.gaussian_filter(gray, 2 * size))
        for size in (0.5, 1, 2, 4)
    ]
    return sum(bands[2:]) / sum(bands[:2])


def test_brush_size_makes_the_strokes_larger(paint: Paint) -> None:
    assert rises([coarseness(paint(brush_size=value)) for value in (0.25, 1.0, 4.0)])


def test_smoothing_takes_grain_away(paint: Paint) -> None:
    grain = [total_variation(paint(smoothing=value))[0] for value in (0.0, 1e3, 1e6)]
    assert rises([-each for each in grain])


def test_colors_go_from_the_photographs_to_the_styles(paint: Paint, photo: Path) -> None:
    away = [
        color_distance(paint(colors=value), content_of(photo), None, None)
        for value in ("luminance", "match", "style")
    ]
    assert rises(away)
