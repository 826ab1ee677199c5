"""A report's contact sheet shows the guidance that the painting uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.job import Job
from engine.loss.make_terms import ScaleInputs, layers_of, style_terms
from engine.loss.targets import Targets
from engine.loss.terms import MomentsTerm, StyleMoments, StyleTerm
from engine.masks.mask import Mask
from engine.masks.propagation import propagate, steepen
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.pictures.picture import read_picture
from engine.report.guidance_maps import (
    MOST_BANDS,
    draw_sheet,
    guidance_rows,
    in_numbers,
    protect_row,
)

SIZE = (60, 88)
LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


def ramp() -> np.ndarray:
    return np.tile(np.linspace(0, 1, SIZE[1], dtype=np.float32), (SIZE[0], 1))


def hard() -> np.ndarray:
    mask = np.zeros(SIZE, np.float32)
    mask[:, 40:] = 1
    return mask


def painted(job: Job, method: str, masks: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """Return the guidance of every term that the painting has, with its layer."""
    picture = np.zeros((3, 32, 32), np.float32)
    regions = [
        LoadedRegion(str(n), picture, picture[0] + 1, Mask(mask), 1.0, 1.0)
        for n, mask in enumerate(masks)
    ]
    _, layers = layers_of(job)
    aims = {layer: StyleMoments(np.eye(2), np.zeros(2)) for layer in layers}
    targets = Targets({}, [aims for _ in masks])
    notices: list[str] = []
    inputs = ScaleInputs(job, METHODS[method], SIZE, regions, list(masks), targets, notices.append)
    terms = [term for term in style_terms(inputs) if isinstance(term, (StyleTerm, MomentsTerm))]
    found = []
    for term in terms:
        assert isinstance(term.guidance.values, np.ndarray)  # only large ones are compact
        found.append((term.layer, term.guidance.values))
    return found


@pytest.mark.parametrize("method", ["joint", "pinned", "banded", "cutout"])
@pytest.mark.parametrize("guidance", ["receptive", "inside", "resize"])
def test_the_rows_are_what_is_painted_with(method: str, guidance: str) -> None:
    job = Job(propagation=guidance, bands=3)
    masks = [ramp(), 1 - ramp()] if method == "banded" else [hard(), 1 - hard()]
    rows, notes = guidance_rows(job, method, ["a", "b"], masks)
    assert notes == []
    last = {"banded": "band", "joint": "guidance"}.get(method, "steepened")
    shown = [
        (layer, values.ravel())
        for row in rows
        if row.kind == last
        for layer, values in row.layers.items()
        if values.sum() >= 1e-3
    ]
    used = painted(job, method, masks)
    assert len(shown) == len(used) > 0
    for layer, values in used:
        assert any(layer == other and np.allclose(values, each, atol=1e-6) for other, each in shown)


def test_pinned_has_both_views() -> None:
    rows, _ = guidance_rows(Job(), "pinned", ["sky"], [hard()])
    assert [(row.kind, row.region, row.label) for row in rows] == [
        ("guidance", 0, "sky"),
        ("steepened", 0, "sky, steepened"),
    ]
    carried = propagate(hard(), LAYERS)
    for layer in LAYERS:
        np.testing.assert_array_equal(rows[0].layers[layer], carried[layer])
        np.testing.assert_array_equal(rows[1].layers[layer], steepen(carried[layer]))
    assert rows[1].picture is None


@pytest.mark.parametrize("method", ["stitch", "gradient"])
def test_masks_that_no_layer_uses(method: str) -> None:
    rows, notes = guidance_rows(Job(), method, ["a", "b"], [ramp(), 1 - ramp()])
    assert [row.layers for row in rows] == [{}, {}]
    assert len(notes) == 1
    assert method in notes[0]


def test_many_bands_are_cut_and_this_is_said() -> None:
    generator = np.random.default_rng(0)
    values = generator.dirichlet([1.0] * 5, SIZE).astype(np.float32)
    masks = [values[..., n] for n in range(5)]
    rows, notes = guidance_rows(Job(bands=9), "banded", list("abcde"), masks)
    assert len(rows) == 5 + MOST_BANDS
    assert f"the first {MOST_BANDS} of" in notes[0]


def test_numbers_of_a_layer_where_nothing_is_left() -> None:
    mask = np.zeros(SIZE, np.float32)
    mask[30:34, 40:44] = 1
    rows, _ = guidance_rows(Job(propagation="inside"), "joint", ["dot"], [mask])
    (found,) = in_numbers(rows)
    assert found["region"] == 1
    assert found["layers"]["conv1_1"] == {
        "rows": 60, "columns": 88, "mean": pytest.approx(4 / mask.size), "max": 1.0,
        "skipped": False,
    }  # fmt: skip
    deep = found["layers"]["conv5_1"]
    assert (deep["mean"], deep["max"], deep["skipped"]) == (0.0, 0.0, True)


def test_what_is_kept_is_averaged_whatever_the_guidance_is() -> None:
    row = protect_row(Job(propagation="inside"), hard())
    carried = propagate(hard(), LAYERS)
    assert row.kind == "protect"
    for layer in LAYERS:
        np.testing.assert_array_equal(row.layers[layer], carried[layer])


def test_the_sheet_shows_masks_as_grays_in_squares(tmp_path: Path) -> None:
    rows, _ = guidance_rows(Job(), "joint", ["sky 空 " * 20, "x" * 90], [ramp(), 1 - ramp()])
    draw_sheet(tmp_path / "sheet.png", rows)
    sheet = read_picture(tmp_path / "sheet.png").rgb
    assert (sheet[..., 0].std(), sheet.shape[2]) > (0, 3)
    # The tiles are found by their frames; each holds its mask's values, dark to light.
    frame = (sheet == 0x99).all(axis=2)
    columns = np.flatnonzero(frame.sum(axis=0) > 100)
    lines = np.flatnonzero(frame.sum(axis=1) > 300)
    assert len(columns) == 2 * 6
    assert len(lines) == 2 * 2
    for row, mask in enumerate((ramp(), 1 - ramp())):
        top, bottom = lines[2 * row], lines[2 * row + 1]
        for place in range(6):
            left, right = columns[2 * place], columns[2 * place + 1]
            tile = sheet[top + 1 : bottom, left + 1 : right, 0] / 255
            values = mask if place == 0 else propagate(mask, LAYERS)[LAYERS[place - 1]]
            assert tile.mean() == pytest.approx(values.mean(), abs=0.02)
            assert tile[0, 0] == pytest.approx(values[0, 0], abs=0.02)
            assert tile[-1, -1] == pytest.approx(values[-1, -1], abs=0.02)
            if place == 5:  # five positions across, so five grays
                assert len(np.unique(tile)) == values.shape[1]


def test_tall_and_flat_pictures_have_a_sheet(tmp_path: Path) -> None:
    for size in ((400, 20), (20, 400)):
        rows, _ = guidance_rows(Job(), "joint", ["all"], [np.ones(size, np.float32)])
        draw_sheet(tmp_path / "sheet.png", rows)
        with Image.open(tmp_path / "sheet.png") as image:
            assert image.height < 300
