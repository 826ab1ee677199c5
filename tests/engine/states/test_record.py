"""The record of evaluations: what it answers, and what a cut or damaged one leaves."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.loss.objective import Evaluation
from engine.loss.terms import Part
from engine.optimizers import LbfgsB
from engine.states.record import Record
from engine.trace import Plateau, Trace

SHAPE = (3, 4, 5)


class Quartic:
    """A loss with a known gradient, which counts its evaluations."""

    def __init__(self) -> None:
        self.evaluations = 0

    def __call__(self, picture: np.ndarray) -> Evaluation:
        self.evaluations += 1
        away = picture.astype(np.float64) - np.arange(60).reshape(SHAPE)
        loss = float((away**4).sum() / 1e3)
        return Evaluation(loss, (4 * away**3 / 1e3).astype(np.float32), {Part("style", 1): loss})


def never(step: int, trace: Trace) -> bool:
    return False


def fail(error: OSError) -> None:
    raise error


def minimize(record: Record, steps: int = 12) -> Trace:
    start = np.full(SHAPE, 200, np.float32)
    return LbfgsB(5).minimize(
        record, start, (0.0, 255.0), steps=steps, on_step=never, plateau=Plateau(10, 1e-9)
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Trace]:
    """The record of a run, and the run."""
    file = tmp_path_factory.mktemp("record") / "whole"
    with closing(Record(Quartic(), file, fail)) as record:
        trace = minimize(record)
    return file.read_bytes(), trace


def test_a_replay_evaluates_nothing_and_ends_the_same(
    whole: tuple[bytes, Trace], tmp_path: Path
) -> None:
    data, before = whole
    (tmp_path / "r").write_bytes(data)
    loss = Quartic()
    with closing(Record(loss, tmp_path / "r", fail)) as record:
        assert record.replaying
        trace = minimize(record)
        assert not record.replaying
    assert loss.evaluations == 0
    np.testing.assert_array_equal(trace.picture, before.picture)
    assert (trace.losses, trace.parts, trace.steps) == (before.losses, before.parts, before.steps)
    assert (tmp_path / "r").read_bytes() == data


@given(share=st.floats(0, 1), flip=st.booleans())
def test_a_record_cut_off_or_damaged_anywhere_is_completed(
    whole: tuple[bytes, Trace], tmp_path_factory: pytest.TempPathFactory, share: float, flip: bool
) -> None:
    data, before = whole
    at = min(int(share * len(data)), len(data) - 1)
    file = tmp_path_factory.mktemp("cut") / "r"
    file.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :] if flip else data[:at])
    loss = Quartic()
    with closing(Record(loss, file, fail)) as record:
        trace = minimize(record)
    entry = len(data) / before.evaluations
    # Every whole entry before the damage is used, and no other (entries differ by a digit or two).
    assert abs(loss.evaluations - (before.evaluations - at / entry)) < 2
    np.testing.assert_array_equal(trace.picture, before.picture)
    assert trace.losses == before.losses
    assert file.read_bytes() == data


def test_a_record_of_another_run_is_not_believed(
    whole: tuple[bytes, Trace], tmp_path: Path
) -> None:
    (tmp_path / "r").write_bytes(whole[0])
    loss = Quartic()
    with closing(Record(loss, tmp_path / "r", fail)) as record:
        assert not record.differs
        record(np.zeros(SHAPE, np.float32))
        assert record.differs
    assert loss.evaluations == 1


def test_a_record_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    said: list[OSError] = []
    record = Record(Quartic(), tmp_path / "r", said.append)
    record(np.zeros(SHAPE, np.float32))
    size = (tmp_path / "r").stat().st_size

    class Full:
        def __init__(self, file: object) -> None:
            self._file = file

        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

    with closing(record):
        record._file = Full(record._file)  # type: ignore[assignment]
        for value in (1, 2, 3):
            assert record(np.full(SHAPE, value, np.float32)).loss > 0
    assert len(said) == 1
    assert (tmp_path / "r").stat().st_size == size  # what was whole stays
