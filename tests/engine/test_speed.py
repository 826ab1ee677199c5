"""The record of how fast this machine is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine import speed
from engine.network import Network
from models.kernels import Kernels

HERE: Any = SimpleNamespace(device="cpu", threads=2, losses="processor")
OTHER: Any = SimpleNamespace(device="cpu", threads=64, losses="processor")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCUMBLE_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def test_a_measurement_is_kept_for_its_own_device_and_threads() -> None:
    assert speed.recorded(HERE) is None
    speed.record(HERE, 4e-6)
    assert speed.recorded(HERE) == 4e-6
    assert speed.recorded(OTHER) is None
    speed.record(OTHER, 1e-7)
    assert speed.recorded(HERE) == 4e-6


def test_later_measurements_move_the_record_by_half() -> None:
    for seconds, kept in ((4e-6, 4e-6), (8e-6, 6e-6), (6e-6, 6e-6)):
        speed.record(HERE, seconds)
        assert speed.recorded(HERE) == pytest.approx(kept)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1}', "\0", "9" * 5000])
def test_a_damaged_record_counts_as_none_and_is_replaced(own_home: Path, text: str) -> None:
    own_home.mkdir()
    speed.record_file().write_text(text)
    assert speed.recorded(HERE) is None
    speed.record(HERE, 5e-6)
    assert speed.recorded(HERE) == 5e-6


@pytest.mark.parametrize("value", ["fast", -1.0, 0.0, 2.0, None, True])
def test_values_that_cannot_be_are_not_used(own_home: Path, value: object) -> None:
    own_home.mkdir()
    speed.record_file().write_text(json.dumps({speed._key(HERE): value}))
    assert speed.recorded(HERE) is None


def test_a_record_that_cannot_be_written_is_no_error(own_home: Path) -> None:
    own_home.write_text("a file in place of the folder")
    speed.record(HERE, 5e-6)
    assert speed.recorded(HERE) is None


def test_without_a_record_the_machine_is_measured_once(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "TRIAL_SIDE", 64)
    network = Network(kernels, device="cpu", threads=1)
    first = speed.seconds_per_pixel(network)
    assert 1e-8 < first < 1e-2
    monkeypatch.setattr(speed, "measure", pytest.fail)
    assert speed.seconds_per_pixel(network) == first


@pytest.mark.parametrize(("computed", "counts"), [(19.0, True), (13.0, True), (11.0, False)])
def test_a_painting_beside_other_work_says_nothing_about_the_machine(
    monkeypatch: pytest.MonkeyPatch, computed: float, counts: bool
) -> None:
    now = [0.0, 0.0]
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(speed.time, "process_time", lambda: now[1])
    monkeypatch.setattr(speed, "usable_processors", lambda: 2)
    clocks = speed.Clocks()
    now[:] = [10.0, computed]  # of the 20 seconds that two threads have
    assert clocks.undisturbed(HERE) == counts
    assert clocks.undisturbed(OTHER) == counts, "64 threads have no more than two processors"
    card: Any = SimpleNamespace(device="cuda", threads=2, losses="card")
    assert clocks.undisturbed(card)
