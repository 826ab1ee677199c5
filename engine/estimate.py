"""How much memory there is, and how much a painting takes. Standard library only."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

BYTES_PER_PIXEL = 2400
"""Activations, gradients and onnxruntime's own buffers, measured at 512x512 and 1024x1024."""

BYTES_PER_STYLE_PIXEL = 1500
"""The same for a style picture, which needs no gradients."""


def needed(pixels: int, style_pixels: int, history: int) -> int:
    """Return about how many bytes a painting takes besides the network's own.

    Parameters
    ----------
    pixels : int
        Of the picture at its working size.
    style_pixels : int
        Of the largest style picture as it is looked at.
    history : int
        Steps that L-BFGS-B remembers, each two vectors of float64.
    """
    optimizer = 3 * 8 * (2 * history + 8)
    return max(pixels * (BYTES_PER_PIXEL + optimizer), style_pixels * BYTES_PER_STYLE_PIXEL)


def memory() -> tuple[int, int]:
    """Return the bytes of memory in all and free for use; 0 for what is not known."""
    if sys.platform == "win32":
        return _windows()
    total = _pages("SC_PHYS_PAGES")
    free = _linux_available() or _pages("SC_AVPHYS_PAGES")
    return total, free


def peak() -> int:
    """Return the most bytes of memory that this process has had at a time; 0 if not known."""
    if sys.platform == "win32":
        return _windows_peak()
    # Not from getrusage first: on Linux it also counts what started this process.
    kibibytes = _kibibytes("/proc/self/status", "VmHWM:")
    if kibibytes:
        return kibibytes * 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _pages(name: str) -> int:
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # macOS does not tell what is free
        return 0


def _linux_available() -> int:
    """Return what the kernel would give without swapping, caches included."""
    return _kibibytes("/proc/meminfo", "MemAvailable:") * 1024


def _kibibytes(file: str, name: str) -> int:
    """Return an entry of one of the kernel's tables; 0 where there is none."""
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    found = [int(line.split()[1]) for line in lines if line.startswith(name)]
    return found[0] if found else 0


def _windows() -> tuple[int, int]:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "c", "d", "e", "f", "g")),
        )

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]
        return 0, 0
    return status.total, status.free


def _windows_peak() -> int:
    class Counters(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("faults", ctypes.c_ulong),
            *((name, ctypes.c_size_t) for name in ("peak", "now", "a", "b", "c", "d", "e", "f")),
        )

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    kernel.GetCurrentProcess.restype = ctypes.c_void_p  # a handle is a pointer
    ask = kernel.K32GetProcessMemoryInfo
    ask.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong)
    counters = Counters(length=ctypes.sizeof(Counters))
    process = kernel.GetCurrentProcess()
    return counters.peak if ask(process, ctypes.byref(counters), counters.length) else 0
