"""The picture to start from."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from PIL import Image

from engine.initial_picture import start_picture
from engine.job import Job
from engine.masks.regions import LoadedRegion


def test_a_start_picture_has_no_colors_where_only_lightness_is_painted(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 256, (18, 20, 3), np.uint8)
    path = tmp_path / "start.png"
    Image.fromarray(pixels).save(path)
    content = np.zeros((3, 18, 20), np.float32)
    job = Job(init="picture", init_picture=str(path))
    colored = start_picture(job, content, [], [])
    np.testing.assert_array_equal(colored, pixels.transpose(2, 0, 1))
    gray = start_picture(Job(**{**vars(job), "colors": "luminance"}), content, [], [])
    # ITU-R BT.601, as Pillow has it up to rounding.
    expected = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)
    assert np.abs(gray - expected).max() < 1.0
    assert gray.shape == (3, 18, 20)


def region(color: tuple[int, int, int]) -> LoadedRegion:
    random = np.random.default_rng(1)
    style = np.clip(random.normal(0, 9, (3, 9, 9)) + np.array(color)[:, None, None], 0, 255)
    return SimpleNamespace(style=style.astype(np.float32), style_mask=np.ones((9, 9), np.float32))  # type: ignore


def test_the_automatic_start_is_the_content_where_masks_cut_out_a_part_of_it():
    content = np.random.default_rng(2).uniform(0, 255, (3, 12, 16)).astype(np.float32)
    left = np.zeros((12, 16), np.float32)
    left[:, :8] = 1
    one, other = region((200, 40, 40)), region((30, 60, 210))
    job = Job()
    assert job.init == "auto"

    def start(regions, masks, cut_out, **changes):
        changed = Job(**{**vars(job), **changes})
        return start_picture(changed, content, regions, masks, cut_out=cut_out)

    np.testing.assert_array_equal(start([one], [left], True), content)
    for found in (
        start([one], [left], False),
        start([one], [left], True, init="colors"),
        start([one, other], [left, 1 - left], True),
    ):
        assert np.abs(found[0, :, :8].mean() - 200) < 5
    painted = start([one, other], [left, 1 - left], True)
    assert np.abs(painted[2, :, 8:].mean() - 210) < 5
