"""The record of how fast this machine is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine import speed
from engine.network import Network
from engine.schedule import LEAST_WORK
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


def test_one_starved_run_does_not_spoil_the_record_and_a_slower_machine_is_followed() -> None:
    for seconds in (4e-6, 5e-6, 6e-6, 40e-6):
        speed.record(HERE, seconds)
    assert speed.recorded(HERE) == 5e-6
    for seconds in (9e-6, 9.5e-6, 10e-6):
        speed.record(HERE, seconds)
    assert speed.recorded(HERE) == 9.5e-6


def test_a_bad_first_measurement_is_outvoted() -> None:
    for seconds in (40e-6, 5e-6, 5.1e-6):
        speed.record(HERE, seconds)
    assert speed.recorded(HERE) == 5.1e-6


def test_a_record_of_an_earlier_version_counts_as_one_measurement(own_home: Path) -> None:
    own_home.mkdir()
    old = {speed._key(HERE): 37e-6, speed._rates_key(): {"finish": 9e-8, "resize": 2e-8}}
    speed.record_file().write_text(json.dumps(old))
    assert speed.recorded(HERE) == 37e-6
    assert speed.rates().measured == {"finish": 9e-8, "resize": 2e-8}
    for seconds in (4e-6, 5e-6):
        speed.record(HERE, seconds)
        speed.record_rates({"finish": seconds / 100})
    assert speed.recorded(HERE) == 5e-6
    assert speed.rates().measured == pytest.approx({"finish": 5e-8, "resize": 2e-8})


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


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds of the world and those of two processors, which a test may set."""
    found = [0.0, 0.0]
    monkeypatch.setattr(speed.time, "perf_counter", lambda: found[0])
    monkeypatch.setattr(speed.time, "process_time", lambda: found[1])
    monkeypatch.setattr(speed, "usable_processors", lambda: 2)
    return found


@pytest.mark.parametrize(("computed", "share"), [(20.0, 1.0), (17.0, 1.0), (10.0, 0.6), (2, 0.12)])
def test_the_time_of_other_programs_is_taken_off(
    now: list[float], computed: float, share: float
) -> None:
    clocks = speed.Clocks()
    now[:] = [10.0, computed]  # of the 20 seconds that two threads have
    assert clocks.network_share(HERE) == pytest.approx(share)
    assert clocks.network_share(OTHER) == pytest.approx(share), "there are two processors"
    assert clocks.own_share(1) == pytest.approx(min(computed / 10, 1))
    assert clocks.undisturbed() == (computed > 6)
    card: Any = SimpleNamespace(device="cuda", threads=2, losses="card")
    assert clocks.network_share(card) == 1


def test_a_machine_that_is_measured_beside_other_work_is_not_said_to_be_slow(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate() -> float:
        """Take 8 s, of which the process had a processor for 1 s."""
        now[0] += 8
        now[1] += 1
        return 8

    monkeypatch.setattr(speed, "trial", lambda network: evaluate)
    assert speed.measure(HERE) == pytest.approx(0.6 / (speed.TRIAL_SIDE**2 + LEAST_WORK))
