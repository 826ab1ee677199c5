"""Whole paintings of a deep photograph with a color profile and EXIF."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from engine import output_files
from engine.events import Notice
from engine.job import Job, Region
from engine.pictures.picture import read_picture, read_settings
from engine.run import stylize
from tests.engine.pictures.test_unpainted_pixels import png_values, wide_profile
from tests.engine.programs import SHALLOW_JOB

pytestmark = pytest.mark.usefixtures("kernels_made_once")


def test_a_painting_has_its_contents_depth_profile_and_metadata(
    tmp_path: Path, model: Path
) -> None:
    random = np.random.default_rng(3)
    before = random.integers(0, 65536, (40, 48, 3), np.uint16)
    before[:, 24:] = (0, 65535, 0)  # beyond sRGB
    tifffile.imwrite(
        tmp_path / "a.tif", before, photometric="rgb", iccprofile=wide_profile(),
        extratags=[(315, 2, 4, "Ann", True)], software=False, metadata=None,
    )  # fmt: skip
    Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / "s.png")
    mask = np.zeros((40, 48), np.uint8)
    mask[:, 20:] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    job = Job(
        content=str(tmp_path / "a.tif"),
        output=str(tmp_path / "out.png"),
        regions=(Region(str(tmp_path / "s.png"), mask=str(tmp_path / "m.png")),),
        method="cutout",
        iterations=1,
        scales=1,
        size=900,
        device="cpu",
        **SHALLOW_JOB,
    )
    events: list[object] = []
    result = stylize(job, events.append, threading.Event())
    _, notices = output_files.write(job, result)
    assert notices == ()
    after = png_values(tmp_path / "out.png")
    np.testing.assert_array_equal(after[:, :20], before[:, :20])
    assert (after[:, 20:] != before[:, 20:]).any()
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["icc_profile"] == wide_profile()
        assert image.getexif()[315] == "Ann"
    assert read_settings(tmp_path / "out.png")["method"] == "cutout"
    clipped = [each.text for each in events if isinstance(each, Notice) and "beyond" in each.text]
    # 24 of the 28 painted columns are beyond sRGB, and some of the random colors of the others.
    assert len(clipped) == 1
    assert 85 < float(clipped[0].split()[3]) < 95
    # The same in float: what the plug-in takes is in sRGB.
    floating = stylize(
        Job(**{**vars(job), "output": ""}), lambda event: None, threading.Event()
    ).picture
    assert floating.numbers.dtype == np.float32
    np.testing.assert_allclose(
        floating.rgb[:, :20], read_picture(tmp_path / "a.tif").rgb[:, :20], atol=0.01
    )
