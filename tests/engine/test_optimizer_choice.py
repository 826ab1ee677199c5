"""The optimizer of a job, by what it asks for and what fits into memory."""

from __future__ import annotations

import pytest

from engine.job import Job
from engine.methods import METHODS
from engine.optimizer_choice import choose_optimizer
from engine.optimizers import Adam, Lbfgs32, LbfgsB, Optimizer

GB = 1_000_000_000


def diagonal(memory: int, half: bool = False) -> Lbfgs32:
    return Lbfgs32(memory, half=half, diagonal=True)


@pytest.mark.parametrize(
    ("asked", "pixels", "free", "chosen"),
    [
        ("auto", 1_000_000, 0, diagonal(30)),
        ("auto", 1_000_000, GB, diagonal(30)),
        ("auto", 12_000_000, 10 * GB, diagonal(30)),
        ("auto", 12_000_000, 6 * GB, diagonal(30, half=True)),
        ("auto", 12_000_000, 4 * GB, diagonal(10)),
        ("auto", 12_000_000, 3 * GB, diagonal(10, half=True)),
        ("auto", 12_000_000, 1_500_000_000, Lbfgs32(5, half=True)),
        ("auto", 100_000_000, GB, Lbfgs32(3, half=True)),
        ("lbfgs", 1_000_000, 0, LbfgsB(10)),
        ("lbfgs", 1_000_000, 2 * GB, LbfgsB(10)),
        ("lbfgs", 1_000_000, GB, Lbfgs32(10)),
        ("lbfgs", 12_000_000, 4 * GB, Lbfgs32(10)),
        ("lbfgs", 12_000_000, 3 * GB, Lbfgs32(10, half=True)),
        ("lbfgs", 12_000_000, 1_500_000_000, Lbfgs32(5, half=True)),
        ("lbfgs32", 10_000, 8 * GB, diagonal(30)),
        ("adam", 10_000, 8 * GB, Adam(5.0)),
    ],
)
def test_the_optimizer_is_one_that_fits(
    asked: str, pixels: int, free: int, chosen: Optimizer
) -> None:
    assert choose_optimizer(Job(optimizer=asked), METHODS["joint"], pixels, free) == chosen


@pytest.mark.parametrize(
    ("asked", "free", "chosen"),
    [
        ("auto", 0, LbfgsB(10)),
        ("auto", 10_000_000, Lbfgs32(10, half=True)),
        ("lbfgs32", 0, Lbfgs32(10)),
    ],
)
def test_what_is_protected_is_painted_without_a_diagonal(
    asked: str, free: int, chosen: Optimizer
) -> None:
    job = Job(optimizer=asked, protect="face.png")
    assert choose_optimizer(job, METHODS["joint"], 40_000, free) == chosen


@pytest.mark.parametrize(
    ("memory", "ample", "chosen"),
    [
        (0, 10 * GB, diagonal(30)),
        (0, 6 * GB, diagonal(30, half=True)),
        (0, 5 * GB, diagonal(10)),
        (20, 1, diagonal(20)),
    ],
)
def test_more_than_ten_steps_are_remembered_unasked_only_beside_a_picture_in_one_piece(
    memory: int, ample: int, chosen: Optimizer
) -> None:
    job = Job(lbfgs_memory=memory)
    made = choose_optimizer(job, METHODS["joint"], 12_000_000, 12 * GB, ample_bytes=ample)
    assert made == chosen


def test_no_more_steps_are_remembered_than_will_be_taken() -> None:
    made = choose_optimizer(Job(), METHODS["joint"], 12_000_000, 0, steps=15)
    assert made == diagonal(15)


def test_a_run_whose_record_would_be_too_large_takes_the_optimizer_with_a_state() -> None:
    job = Job(optimizer="lbfgs")
    for steps, chosen in ((157, LbfgsB(10)), (158, Lbfgs32(10))):  # 12.7 MB each, up to 2 GB
        made = choose_optimizer(job, METHODS["joint"], 1_000_000, 0, steps=steps)
        assert made == chosen


def test_masked_gradients_are_followed_by_adam_without_a_best_picture() -> None:
    optimizer = choose_optimizer(Job(), METHODS["gradient"], 1_000_000, GB)
    assert optimizer == Adam(5.0, keep_best=False)


def test_a_job_that_asks_for_little_memory_gets_no_more() -> None:
    job = Job(optimizer="lbfgs32", lbfgs_memory=2)
    assert choose_optimizer(job, METHODS["joint"], 100_000_000, GB) == Lbfgs32(2, half=True)
