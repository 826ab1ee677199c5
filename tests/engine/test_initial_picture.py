"""The picture to start from."""

from __future__ import annotations

import numpy as np
from PIL import Image

from engine.initial_picture import start_picture
from engine.job import Job


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
