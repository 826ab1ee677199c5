"""The plug-in's side of the adviser: masks as the engine reads them, and an engine that is gone."""

from __future__ import annotations

import sys
import time

import numpy as np

from engine.adviser import unpacked


def test_the_engine_reads_the_masks(plugin_folder):
    import adviser

    values = np.random.default_rng(1).integers(0, 256, (5, 9), dtype=np.uint8)
    given = adviser.packed(values.tobytes(), 9, 5)
    np.testing.assert_allclose(unpacked(given), values / 255, atol=1e-6)


def test_an_engine_that_ends_is_said(plugin_folder, tmp_path):
    import adviser
    import engine_process

    silent = tmp_path / "silent"
    silent.write_text(f"#!{sys.executable}\n")
    silent.chmod(0o755)
    for python in (str(silent), str(tmp_path / "missing")):
        # The one ends without a word; the other does not start.
        answers: list = []
        location = engine_process.EngineLocation(python, str(tmp_path), "0")
        asked = adviser.Adviser(location, answers.append)
        asked.ask({})
        last = time.monotonic() + 30
        while not answers and time.monotonic() < last:
            time.sleep(0.02)
        assert answers == [{"problem": adviser.GONE}]
        asked.close()
