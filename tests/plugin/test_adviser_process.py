"""The plug-in's side of the adviser: its questions, the answers that count, and its end."""

from __future__ import annotations

import sys
import time

import numpy as np

from engine.dialog_adviser import unpacked
from engine.engine_location import EngineLocation


def test_the_engine_reads_the_masks(plugin_folder):
    import adviser_process

    values = np.random.default_rng(1).integers(0, 256, (5, 9), dtype=np.uint8)
    given = adviser_process.packed(values.tobytes(), 9, 5)
    np.testing.assert_allclose(unpacked(given), values / 255, atol=1e-6)


def test_an_engine_that_ends_is_said(plugin_folder, tmp_path):
    import adviser_process

    silent = tmp_path / "silent"
    silent.write_text(f"#!{sys.executable}\n")
    silent.chmod(0o755)
    for python in (str(silent), str(tmp_path / "missing")):
        # The one ends without a word; the other does not start.
        answers: list = []
        location = EngineLocation(python, str(tmp_path), "0")
        asked = adviser_process.Adviser(location)
        asked.listen(answers.append)
        asked.ask({})
        last = time.monotonic() + 30
        while not answers and time.monotonic() < last:
            time.sleep(0.02)
        assert answers == [{"type": "gone"}]
        assert asked.is_latest(answers[0])
        asked.close()


ECHO = """#!{python}
import json, sys
print(json.dumps({{"type": "preview", "folder": sys.argv[-1]}}), flush=True)
for line in sys.stdin:
    number = json.loads(line)["number"]
    for kind in ("advice", "preview"):
        print(json.dumps({{"type": kind, "number": number}}), flush=True)
"""


def test_only_the_answers_to_the_last_question_count(plugin_folder, tmp_path):
    import adviser_process

    echo = tmp_path / "echo"
    echo.write_text(ECHO.format(python=sys.executable))
    echo.chmod(0o755)
    answers: list = []
    location = EngineLocation(str(echo), str(tmp_path), "0")
    asked = adviser_process.Adviser(location)
    asked.listen(answers.append)
    folder = asked.folder
    assert folder is not None
    assert folder.is_dir()

    def wait_for(count: int) -> None:
        last = time.monotonic() + 30
        while len(answers) < count and time.monotonic() < last:
            time.sleep(0.02)
        assert len(answers) == count

    asked.ask({})
    wait_for(3)
    assert answers[0]["folder"] == str(folder)
    assert asked.is_latest(answers[2])
    asked.ask({})
    assert not asked.is_latest(answers[1]), "late advice"
    assert not asked.is_latest(answers[2]), "a late preview"
    wait_for(5)
    assert asked.is_latest(answers[3])
    assert asked.is_latest(answers[4])
    asked.forget()
    assert not asked.is_latest(answers[4])
    asked.close()
    assert not folder.exists()
