"""Interrupted runs, as the engine lists them; a small script stands for the engine."""

from __future__ import annotations

import json
import stat
import sys
import time

import pytest

from engine.engine_location import EngineLocation

LOOK = "48x64 abc"


@pytest.fixture
def interrupted(tmp_path):
    """Return the module, a place of the engine, and a function that sets what is listed."""
    import interrupted_runs

    engine = tmp_path / "engine"
    home = tmp_path / "Daten ß"
    (home / "states" / "photo-1").mkdir(parents=True)
    (home / "states" / "photo-1" / "state.json").write_text(state("mine", LOOK), encoding="utf-8")
    place = EngineLocation(str(engine), str(home), "1")

    def answer(text: str, status: int = 0) -> None:
        (home / "answer").write_text(text, encoding="utf-8")
        engine.write_text(
            f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n"
            f"Path({str(home / 'asked')!r}).write_text(repr(sys.argv[1:]))\n"
            f"sys.stdout.write(Path({str(home / 'answer')!r}).read_text('utf-8'))\n"
            f"sys.stderr.write('no room')\nsys.exit({status})\n",
            encoding="utf-8",
        )
        engine.chmod(engine.stat().st_mode | stat.S_IXUSR)

    return interrupted_runs, place, answer


def state(name: str, look: str, **more) -> str:
    known = {
        "name": name, "when": time.time() - 600, "seconds": 90.0, "scale": 1, "scales": 2,
        "share": 0.4, "width": 64, "height": 48, "painting": False, "job": {"regions": []},
        "origin": {"look": look, "names": ["波"]},
    }  # fmt: skip
    return json.dumps({**known, **more}) + "\n"


def test_the_latest_run_of_the_same_layer_is_found(interrupted):
    module, place, answer = interrupted
    answer(
        state("other", "another look")
        + state("working", LOOK, painting=True)
        + state("scripted", "", origin={})
        + state("mine", LOOK)
        + state("older", LOOK)
    )
    found = module.find(place, lambda: LOOK)
    assert (found.name, found.share, found.origin["names"]) == ("mine", 0.4, ["波"])
    assert found.age == "10 min ago"
    assert module.find(place, lambda: "no such look") is None
    assert "'resume', '--json'" in (place_of(place) / "asked").read_text()
    module.forget(place, "mine")
    assert "'resume', 'mine', '--forget'" in (place_of(place) / "asked").read_text()


def place_of(place):
    from pathlib import Path

    return Path(place.home)


def test_without_states_no_engine_is_asked(interrupted):
    module, place, answer = interrupted
    answer(state("mine", LOOK))
    (place_of(place) / "states" / "photo-1" / "state.json").unlink()
    assert module.find(place, pytest.fail) is None
    assert not (place_of(place) / "asked").exists()


def test_for_the_states_of_other_layers_no_engine_is_asked(interrupted):
    module, place, answer = interrupted
    answer(state("mine", LOOK))
    assert module.find(place, lambda: "another look") is None
    assert not (place_of(place) / "asked").exists()


def test_an_engine_that_cannot_list_says_why(interrupted):
    import engine_process

    module, place, answer = interrupted
    answer("", status=1)
    with pytest.raises(
        engine_process.EngineError, match="cannot list interrupted paintings: no room"
    ):
        module.find(place, lambda: LOOK)
