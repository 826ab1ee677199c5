"""Locks on open files, which the system releases when their process ends, however it ends.

Standard library only: the plug-in carries a copy of this file into GIMP's own Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

OWNER = ".owner"
"""The file in a run folder that its owners have locked."""

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int, *, shared: bool = False) -> bool | None:
        """Lock an open file without waiting.

        Parameters
        ----------
        descriptor : int
        shared : bool
            Whether others may hold it, too; Windows has no such locks, so one holder is enough.

        Returns
        -------
        bool or None
            Whether it is locked now; None where the file system has no locks.
        """
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return shared
        return True
else:
    import fcntl

    def try_lock(descriptor: int, *, shared: bool = False) -> bool | None:
        """Lock an open file without waiting.

        Parameters
        ----------
        descriptor : int
        shared : bool
            Whether others may hold it, too, in the same way.

        Returns
        -------
        bool or None
            Whether it is locked now; None where the file system has no locks.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True


def hold_run_folder(folder: Path) -> int | None:
    """Mark a run folder as this process's, too, until it ends.

    Returns
    -------
    int or None
        A descriptor to leave open; None if the folder cannot be marked, or is being removed.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(folder / OWNER, flags, 0o600)
    except OSError:
        return None
    if try_lock(descriptor, shared=True) is False:
        os.close(descriptor)
        return None
    return descriptor
