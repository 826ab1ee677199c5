"""Threads: how many, and BLAS with one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.threads import thread_count

CHECKOUT = Path(__file__).resolve().parents[2]


def test_what_is_asked_for_is_taken_and_0_is_one_per_usable_core(
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


def test_blas_keeps_to_one_thread_and_numpy_is_not_needed_for_it() -> None:
    script = """
import os, sys
from engine.threads import limit_blas
limit_blas()
assert "numpy" not in sys.modules
print([os.environ[name] for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")])
import numpy as np
x = np.ones((1500, 1500), np.float32)
before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
x @ x
after = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
print(before, after)
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4"}
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines() == ["['1', '1']", "1 1"]
