"""The PNG writer for paintings that GIMP fails to save; Pillow reads what it writes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image


@pytest.mark.parametrize("planes", [3, 4])
def test_pillow_reads_the_rounded_values(tmp_path, planes):
    import png

    values = np.random.default_rng(1).uniform(-0.1, 1.1, (37, 53, planes)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    png.write(tmp_path / "a.npy", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.mode == ("RGB", "RGBA")[planes - 3]
        found = np.asarray(opened)
    np.testing.assert_array_equal(found, np.floor(np.clip(values, 0, 1) * 255 + 0.5))


def test_what_is_no_picture_is_refused(tmp_path):
    import png

    np.save(tmp_path / "a.npy", np.ones((4, 5), np.float32))
    with pytest.raises(ValueError, match="it is not a picture"):
        png.write(tmp_path / "a.npy", tmp_path / "a.png")
