"""Regions from files: their masks, what is left over, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.job import REST, Job, JobError, Region
from engine.masks import regions as region_files
from engine.masks.regions import load_regions
from engine.sizes import resized, resized_mask

SIZE = (20, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (24, 18, 3), np.uint8)).save(tmp_path / "style.png")
    left = np.zeros(SIZE, np.uint8)
    left[:, :12] = 255
    left[:, 12:18] = 51
    Image.fromarray(left).save(tmp_path / "left.png")
    Image.fromarray(np.full(SIZE, 204, np.uint8)).save(tmp_path / "pale.png")
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(tmp_path / "black.png")
    Image.fromarray(np.full((7, 9), 255, np.uint8)).save(tmp_path / "white.png")
    return tmp_path


def job(folder: Path, *masks: str) -> Job:
    regions = tuple(
        Region(
            style=str(folder / "style.png"),
            mask=mask if mask in ("", REST) else str(folder / mask),
            name=f"the {number}.",
        )
        for number, mask in enumerate(masks, 1)
    )
    return Job(content="content.png", regions=regions)


def region_masks(job: Job, size: tuple[int, int]) -> list[np.ndarray]:
    return [mask.whole() for mask in region_files.region_masks(job, size)]


def test_no_mask_is_the_whole_picture(folder: Path) -> None:
    (mask,) = region_masks(job(folder, ""), SIZE)
    np.testing.assert_array_equal(mask, np.ones(SIZE, np.float32))


def test_the_rest_is_what_the_others_leave(folder: Path) -> None:
    left, rest, pale = region_masks(job(folder, "left.png", REST, "pale.png"), SIZE)
    np.testing.assert_allclose(left[0, [0, 12, 18]], [1, 0.2, 0])
    np.testing.assert_allclose(pale, 0.8)
    # 1 + 0.8 leaves nothing, 0.2 + 0.8 nothing either, 0 + 0.8 leaves 0.2.
    np.testing.assert_allclose(rest[0, [0, 12, 18]], [0, 0, 0.2], atol=1e-6)


def test_two_rests_are_the_same_part(folder: Path) -> None:
    _, one, other = region_masks(job(folder, "left.png", REST, REST), SIZE)
    np.testing.assert_array_equal(one, other)


def test_a_mask_of_another_size_is_brought_to_the_contents(folder: Path) -> None:
    (mask,) = region_masks(job(folder, "left.png"), (40, 60))
    assert mask.shape == (40, 60)
    assert mask.min() >= 0
    assert mask.max() <= 1
    np.testing.assert_allclose(mask[:, :16], 1, atol=1e-3)
    np.testing.assert_allclose(mask[:, 48:], 0, atol=1e-3)
    (mask,) = region_masks(job(folder, "white.png"), (40, 60))
    np.testing.assert_allclose(mask, 1, atol=1e-6)


@pytest.mark.parametrize(
    ("masks", "complaint"),
    [
        (["left.png", "black.png"], "its mask is black"),
        (
            ["white.png", REST],
            "the other masks leave nothing",
        ),
        (["", REST], "the other masks leave nothing"),
    ],
)
def test_a_region_that_covers_nothing_is_refused_by_name_with_numbers(
    folder: Path, masks: list[str], complaint: str
) -> None:
    with pytest.raises(JobError) as error:
        load_regions(job(folder, *masks), SIZE)
    assert str(error.value).startswith(f"Region the 2. covers 0 of 600 pixels: {complaint};")
    assert "\n" not in str(error.value)


def test_rounding_leaves_no_rest(folder: Path) -> None:
    # Three 16-bit masks that add up to white, but as float32 to a little less at some pixels.
    cuts = np.sort(np.random.default_rng(1).integers(0, 65536, (2, *SIZE)), axis=0)
    masks = cuts[0], cuts[1] - cuts[0], 65535 - cuts[1]
    assert (sum(mask.astype(np.float32) / np.float32(65535) for mask in masks) < 1).any()
    for name, values in zip("abc", masks):
        Image.fromarray(values.astype(np.uint16)).save(folder / f"{name}.png")
    with pytest.raises(JobError, match=r"^Region the 4\. covers 0 of 600 pixels: the other masks"):
        region_masks(job(folder, "a.png", "b.png", "c.png", REST), SIZE)


def test_coverage_is_the_share_of_the_content(folder: Path) -> None:
    regions, notes = load_regions(job(folder, "left.png", REST), SIZE)
    expected = (12 + 6 * 0.2) / 30
    np.testing.assert_allclose([each.coverage for each in regions], [expected, 1 - expected])
    assert notes == []
    assert regions[0].style.shape == (3, 24, 18)


def test_a_style_is_taken_where_its_mask_and_its_alpha_are(folder: Path) -> None:
    rgba = np.full((24, 18, 4), 255, np.uint8)
    rgba[:12, :, 3] = 0
    Image.fromarray(rgba).save(folder / "seen through.png")
    mask = np.zeros((12, 9), np.uint8)
    mask[:, :4] = 255
    Image.fromarray(mask).save(folder / "part.png")
    region = Region(
        style=str(folder / "seen through.png"), style_mask=str(folder / "part.png"), name="glass"
    )
    regions, _ = load_regions(Job(content="c", regions=(region,)), SIZE)
    found = regions[0].style_mask
    assert found.shape == (24, 18)
    assert not found[:12].any()
    np.testing.assert_allclose(found[12:, :6], 1, atol=0.04)
    np.testing.assert_allclose(found[12:, 12:], 0, atol=0.04)

    mask = np.zeros((24, 18), np.uint8)
    mask[:12] = 255  # white only where the style is transparent
    Image.fromarray(mask).save(folder / "part.png")
    with pytest.raises(JobError, match=r"Region glass: its style mask leaves 0 of 432 pixels"):
        load_regions(Job(content="c", regions=(replace(region),)), SIZE)


def test_resizing_stays_in_range_at_sharp_edges() -> None:
    edges = np.zeros((3, 20, 30), np.float32)
    edges[:, 5:, 7:] = 255
    for size in ((33, 47), (9, 11)):
        picture, mask = resized(edges, size), resized_mask(edges[0] / 255, size)
        assert (picture.min(), picture.max()) == (0, 255)
        assert (mask.min(), mask.max()) == (0, 1)
