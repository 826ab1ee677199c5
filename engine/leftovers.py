"""Leftovers: temporary files and run folders of processes that were killed.

A process holds a lock on what it works with. What nobody holds has no owner any more and is removed
by the next run that works in the same place.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Callable

from engine.files import PART_PREFIX, PART_SUFFIX
from engine.job import RUN_FOLDER_PREFIX
from engine.locks import OWNER, try_lock

UNLOCKED_SECONDS = 24 * 3600.0
"""Age at which something is a leftover where no lock can tell: a file on a file system without
locks, or a run folder of version 0.1.0 in which no engine was started."""

_PART = re.compile(rf"{re.escape(PART_PREFIX)}[0-9a-f]+{re.escape(PART_SUFFIX)}")


def remove_parts(folder: str | Path) -> None:
    """Remove the temporary files in a folder that no process is writing."""
    for entry in _ours(folder):
        if _PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            _remove_unheld(Path(entry.path), os.unlink, entry.path)


def remove_run_folders(parents: Iterable[str | Path] = ()) -> None:
    """Remove the run folders that no process holds.

    Parameters
    ----------
    parents : iterable of paths
        Where to search, by default the folder for temporary files.
    """
    for parent in {os.path.realpath(each) for each in (*parents, tempfile.gettempdir())}:
        for entry in _ours(parent):
            if entry.name.startswith(RUN_FOLDER_PREFIX) and entry.is_dir(follow_symlinks=False):
                owner = Path(entry.path) / OWNER
                if os.path.lexists(owner):
                    _remove_unheld(owner, _remove_folder, entry.path)
                elif _is_old(entry.path):
                    _remove_folder(entry.path)


def _ours(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder that belong to this user."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return []
    if not hasattr(os, "getuid"):
        return found
    ours = []
    for entry in found:
        with suppress(OSError):
            named = entry.name.startswith((PART_PREFIX, RUN_FOLDER_PREFIX))
            if named and entry.stat(follow_symlinks=False).st_uid == os.getuid():
                ours.append(entry)
    return ours


def _remove_unheld(held: Path, remove: Callable[[str], None], path: str) -> None:
    """Remove something if no process holds a lock on the file `held`.

    Where the file system has no locks, its age decides.
    """
    with suppress(OSError):
        descriptor = os.open(held, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            locked = try_lock(descriptor)
            unheld = _is_old(held) if locked is None else locked
            if unheld and os.name != "nt":  # under the lock, so that nobody can take it meanwhile
                remove(path)
        finally:
            os.close(descriptor)
        if unheld and os.name == "nt":  # where an open file cannot be removed
            remove(path)
        elif unheld:  # network disks keep an open file under another name until it is closed
            os.rmdir(path)


def _remove_folder(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _is_old(path: str | Path) -> bool:
    files = [path, *Path(path).glob("*")]
    newest = max((os.lstat(each).st_mtime for each in files), default=0.0)
    return time.time() - newest > UNLOCKED_SECONDS
