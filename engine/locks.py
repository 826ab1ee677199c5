"""Locks on open files, which the system releases when their process ends, however it ends."""

from __future__ import annotations

import os
import sys

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
