"""Limit of address space, such as `ulimit -v` sets. Standard library only.

OpenBLAS and the C++ runtime end the process in their own words where this limit is too low, so it
is looked at before they are loaded.
"""

from __future__ import annotations

from pathlib import Path

from engine.translations import _

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

LEAST = 1_000_000_000
"""Bytes; with less, the smallest picture could not be painted on x86-64 Linux."""


def limit() -> int | None:
    """Return the bytes of address space that this process may have; None without a limit."""
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def used() -> int:
    """Return the bytes of address space that this process has; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * resource.getpagesize()


def why_too_little() -> str:
    """Return why the limit is too low for any painting, as a sentence; empty if it is not."""
    there = limit()
    if there is None or there >= LEAST:
        return ""
    text = _(
        "This process may have {there} MB of address space, and Scumble needs at least {least} MB; "
        "raise the limit (ulimit -v)."
    )
    return text.format(there=round(there / 1e6), least=round(LEAST / 1e6))
