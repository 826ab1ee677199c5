"""Threads that do not fight.

onnxruntime and numpy's BLAS each bring a pool of threads that spins while it waits; on the same
cores the two slow each other down more than either gains. So BLAS keeps to one thread, and the
losses are spread over a pool of plain threads (`loss/blocks.py`), which sleep while they wait.
"""

from __future__ import annotations

import os

_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def limit_blas() -> None:
    """Keep BLAS to one thread; it must be called before numpy is imported."""
    for name in _VARIABLES:
        os.environ[name] = "1"
    # Accelerate, numpy's BLAS on macOS.
    os.environ["VECLIB_MAXIMUM_THREADS"] = "1"


def thread_count(asked: int) -> int:
    """Return the number of threads to use: what is asked for, or one per usable core for 0."""
    if asked:
        return asked
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
