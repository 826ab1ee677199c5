"""Different names of one file: links, and disks that ignore case.

Such disks are usual under Windows and macOS, and under Linux on USB sticks and network shares.
"""

from __future__ import annotations

import os
import secrets
import unicodedata
from pathlib import Path

from engine.files import PART_PREFIX, PART_SUFFIX


def folded(path: str | Path) -> str:
    """Return a key that all names of one file share; another file may have the same key."""
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def are_one(path: str | Path, other: str | Path) -> bool:
    """Return whether two names are one file or folder, or would be once it is written."""
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    if os.path.exists(path) and os.path.exists(other):
        return os.path.samefile(path, other)
    return folded(path) == folded(other) and ignores_case(path)


def ignores_case(path: str | Path) -> bool:
    """Return whether the disk of a path, which need not exist, ignores case.

    A file is made and removed to find out. If none can be made, the answer is yes.
    """
    folder = Path(os.path.realpath(path)).parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    probe = folder / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
    try:
        probe.touch(exist_ok=False)
    except OSError:
        return True
    try:
        return os.path.lexists(folder / probe.name.upper())
    finally:
        probe.unlink()


class Names:
    """Names of files, each with a value."""

    def __init__(self) -> None:
        self._by_folded: dict[str, dict[str, str]] = {}

    def add(self, path: str, known: str) -> None:
        """Add a name."""
        self._by_folded.setdefault(folded(path), {})[path] = known

    def find(self, path: str) -> str | None:
        """Return the value of the same file under any of its names; None for a new file."""
        for other, known in self._by_folded.get(folded(path), {}).items():
            if are_one(path, other):
                return known
        return None
