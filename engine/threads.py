"""Thread counts: the processors that this process may use, and BLAS with one thread.

onnxruntime and numpy's BLAS each bring a pool of threads; on the same cores the two slow each other
down more than either gains. So BLAS works with one thread while the engine computes, and the losses
are spread over a pool of plain threads (`loss/blocks.py`), which sleep while they wait.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.translations import ngettext

MOST_PER_PROCESSOR = 4
"""Threads for each processor; beyond that a run takes longer and longer."""

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")

_lock = threading.Lock()
_users = 0
_limits: Any = None


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep BLAS to one thread inside of the block, in the whole process.

    Blocks may be nested and may overlap in several threads: the first one to begin sets the limit,
    and the last one to end gives BLAS its threads back.
    """
    global _users, _limits
    with _lock:
        if not _users:
            _limits = _limit_blas()
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _take_control()
                _limits.restore_original_limits()
                _limits = None


def _limit_blas() -> Any:
    if sys.platform == "darwin":
        # Accelerate cannot be limited through threadpoolctl; it reads this at its first product.
        os.environ.setdefault("VECLIB_MAXIMUM_THREADS", "1")
    # SciPy brings a BLAS of its own, and the libraries are looked for once.
    import scipy.linalg.blas  # noqa: F401

    _take_control()
    return _controller().limit(limits=1, user_api="blas")


def _take_control() -> None:
    """Let this thread set OpenBLAS's limit: threadpoolctl 3.7 obeys one thread at a time only."""
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


@functools.lru_cache
def _controller() -> Any:
    # Here, so that a wrong command line need not wait for it.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def thread_count(asked: int) -> int:
    """Return the number of threads to use.

    Parameters
    ----------
    asked : int
        The number that is asked for; 0 for one per processor that this process may use. More than
        `MOST_PER_PROCESSOR` for each of them are not used: they would only wait for each other.
    """
    usable = usable_processors()
    return min(asked, MOST_PER_PROCESSOR * usable) if asked else usable


def thread_notice(asked: int) -> str:
    """Return a sentence if fewer threads are used than are asked for, else an empty text."""
    used = thread_count(asked)
    if used >= asked:
        return ""
    usable = usable_processors()
    text = ngettext(
        "{asked} threads are too many for {count} processor; {used} are used, {each} for each.",
        "{asked} threads are too many for {count} processors; {used} are used, {each} for each.",
        usable,
    )
    return text.format(asked=asked, count=usable, used=used, each=MOST_PER_PROCESSOR)


def usable_processors() -> int:
    """Return how many processors this process may use.

    Those of its affinity mask, but no more than its container's limit, rounded up.
    """
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return max(1, math.ceil(min(processors, container_processors())))


def container_processors() -> float:
    """Return the processors' time that a container gives this process, in processors.

    Linux's control groups, versions 1 and 2, limit it by a quota for each period; the least of
    this process's group and of those above it counts. Infinity where there is no limit.
    """
    try:
        lines = _OWN_CGROUPS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return math.inf
    least = math.inf
    for line in lines:
        # Hierarchy, controllers, path: "0::/user.slice" in version 2, "4:cpu,cpuacct:/x" in 1.
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            least = min(least, _least_quota(_CGROUPS, path, _quota_of_version_2))
        elif "cpu" in controllers.split(","):
            for mount in dict.fromkeys((controllers, "cpu")):
                least = min(least, _least_quota(_CGROUPS / mount, path, _quota_of_version_1))
    return least


def _least_quota(mount: Path, path: str, quota: Any) -> float:
    """Return the least quota of a group and of all above it, up to the mount.

    Inside of a container the mount often is the group itself, and the path is one of the host's.
    """
    group = mount / path.strip("/")
    least = math.inf
    for folder in (group, *group.parents):
        if folder != mount and mount not in folder.parents:
            break
        try:
            least = min(least, quota(folder))
        except (OSError, ValueError):
            continue
    return least


def _quota_of_version_2(folder: Path) -> float:
    quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    return math.inf if quota == "max" else int(quota) / int(period)


def _quota_of_version_1(folder: Path) -> float:
    quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
    period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
    return math.inf if quota <= 0 else quota / period
