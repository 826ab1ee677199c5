"""Memory of the machine and of this process."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import NamedTuple

import psutil

from engine import address_space


class Memory(NamedTuple):
    """Bytes of memory that this process can use.

    Attributes
    ----------
    total : int
        The machine's, or the limit of the container where that is smaller.
    free : int
        What can be had without swapping.
    """

    total: int
    free: int


def memory() -> Memory:
    """Return the memory that there is, within the limits of this process and its groups."""
    machine = psutil.virtual_memory()
    total, free = int(machine.total), int(machine.available)
    limits = _control_groups()
    space = address_space.limit()
    if space is not None:
        limits.append((space, address_space.used()))
    for limit, used in limits:
        total = min(total, limit)
        free = min(free, max(limit - used, 0))
    return Memory(total, free)


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(psutil.Process().memory_info().rss)


def peak() -> int:
    """Return the most bytes of memory that this process has had at a time."""
    own = psutil.Process().memory_info()
    if hasattr(own, "peak_wset"):  # Windows
        return int(own.peak_wset)
    # Not from getrusage first: on Linux it also counts the program that started this process.
    status = _read(Path("/proc/self/status"))
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # bytes on macOS


def give_back() -> None:
    """Give memory that was freed back to the system, where the C library does not do it by itself.

    glibc keeps what lies between blocks in use.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _control_groups(root: Path = Path("/sys/fs/cgroup")) -> list[tuple[int, int]]:
    """Return limit and use of this process's control group and of those around it, on Linux.

    Parameters
    ----------
    root : Path
        Where the kernel shows the groups.
    """
    found = []
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        number, controllers, name = line.split(":", 2)
        if number == "0":
            base, names = root, ("memory.max", "memory.current", "memory.stat", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "memory"
            names = (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "memory.stat",
                "total_inactive_file",
            )
        else:
            continue
        folder = base / name.lstrip("/")
        # Inside a container the name may be the host's; then only the root is visible.
        folders = [folder, *folder.parents] if folder.is_dir() else [base]
        for each in folders:
            limit, used = (_read(each / file).strip() for file in names[:2])
            if limit.isdigit() and used.isdigit():
                found.append((int(limit), int(used) - _cached(each / names[2], names[3])))
            if each == base:
                break
    return found


def _cached(file: Path, name: str) -> int:
    """Return the bytes that a control group holds as cached files, which it gives back."""
    for line in _read(file).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _read(file: Path) -> str:
    """Return one of the kernel's tables; empty where there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
