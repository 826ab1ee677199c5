"""Threads: how many, and BLAS with one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from engine import threads
from engine.threads import container_processors, single_threaded_blas, thread_count, thread_notice

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of control groups, empty; `own` beside it names this process's."""
    mount = tmp_path / "cgroup"
    mount.mkdir()
    monkeypatch.setattr(threads, "_CGROUPS", mount)
    monkeypatch.setattr(threads, "_OWN_CGROUPS", tmp_path / "own")
    return mount


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.usefixtures("groups")
def test_the_number_asked_for_is_taken_and_0_is_one_per_usable_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert thread_count(3) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 5, 7}, raising=False)
    assert thread_count(0) == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert thread_count(0) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert thread_count(0) == 1


@pytest.mark.usefixtures("groups")
def test_more_threads_than_processors_can_run_are_not_used_and_this_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    assert [thread_count(asked) for asked in (1, 2, 8, 9, 1024)] == [1, 2, 8, 8, 8]
    assert [thread_notice(asked) for asked in (0, 1, 8)] == ["", "", ""]
    text = "1024 threads are too many for 2 processors; 8 are used, 4 for each."
    assert thread_notice(1024) == text


@pytest.mark.parametrize(
    ("own", "files", "processors", "threads"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "250000 100000"}, 2.5, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 1.5, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "50000 100000", "a/cpu.max": "200000 100000"}, 0.5, 1),
        ("0::/on/the/host\n", {"cpu.max": "100000 50000"}, 2.0, 2),
        ("0::/a\n", {"a/cpu.max": "max 100000"}, math.inf, 8),
        ("0::/a\n", {}, math.inf, 8),
        (
            "5:cpuset:/\n4:cpu,cpuacct:/x\n0::/\n",
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "400000", "cpu,cpuacct/x/cpu.cfs_period_us": "1e5"},
            math.inf,
            8,
        ),
        (
            "5:cpuset:/\n4:cpu,cpuacct:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "400000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            4.0,
            4,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "9"}, math.inf, 8),
    ],
)
def test_a_containers_limit_is_kept_to(
    groups: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    files: dict[str, str],
    processors: float,
    threads: int,
) -> None:
    write(groups.parent / "own", own)
    for name, text in files.items():
        write(groups / name, text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert container_processors() == processors
    assert thread_count(0) == threads
    assert thread_count(4) == 4


def blas_threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_blas_has_one_thread_inside_of_overlapping_blocks_and_its_own_again_afterwards() -> None:
    script = """
import os
from concurrent.futures import ThreadPoolExecutor
import threading
if hasattr(os, "sched_setaffinity"):  # where tests run in parallel, each has one processor
    os.sched_setaffinity(0, range(os.cpu_count()))
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
from engine.threads import single_threaded_blas

def threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}

first_in, second_in, first_out = (threading.Event() for _ in range(3))
found = [threads()]

def first():
    with single_threaded_blas():
        with single_threaded_blas():
            pass
        first_in.set()
        second_in.wait()
        found.append(threads())
    first_out.set()

@single_threaded_blas()
def second():
    second_in.set()
    first_out.wait()
    found.append(threads())

with ThreadPoolExecutor(2) as pool:
    one = pool.submit(first)
    first_in.wait()
    two = pool.submit(second)
    one.result(), two.result()
found.append(threads())
print(found)
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    own, inside, still_inside, after = eval(done.stdout)
    if own != set():  # numpy on macOS uses Accelerate
        assert own == after != {1}
        assert inside == still_inside == {1}


def test_losses_keep_blas_to_one_thread_whatever_the_caller_has_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numpy as np

    from engine.loss.blocks import BlockedLosses

    seen: list[set[int]] = []

    class Term:
        layer = "conv1_1"

        def sums(self, F: np.ndarray, where: slice) -> float:
            seen.append(blas_threads())
            return 1.0

    monkeypatch.setattr(threads, "_users", 0)  # the tests themselves keep BLAS to one
    monkeypatch.setattr(threads, "_limits", None)
    with threadpool_limits(3, user_api="blas"), BlockedLosses(1) as losses:
        before = blas_threads()
        losses.sums({"conv1_1": np.ones((4, 9), np.float32)}, [Term()])  # type: ignore[list-item]
        assert blas_threads() == before
    assert seen in ([{1}], [set()])


def test_a_block_ends_when_it_raises() -> None:
    users = threads._users
    with pytest.raises(KeyError), single_threaded_blas():
        raise KeyError(threads._users)
    assert threads._users == users
