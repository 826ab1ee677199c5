"""What the installer keeps in Scumble's data folder: its record, its lock, and removing it all.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Callable

from engine.paths import MARKER, default_home
from engine.setup.environment import SetupError

LOCK = "install.lock"

FOLDERS = ("env", "python", "python.new", "app", "app.new", "app.old", "tmp", "cache", "check")
"""Folders in the data folder that are Scumble's with all that is in them."""

SHARED = {
    "models": ("vgg16.npz", ".vgg16-*"),
    "bin": ("scumble", "scumble.cmd"),
    "logs": ("*.log",),
    "demo": ("result.*",),
}
"""Folders in which only these files are Scumble's, and others may lie beside them."""


def tests_home() -> Path:
    """Return the folder for the tests' environment: in the user's cache, outside the checkout."""
    if sys.platform == "win32":
        return default_home().with_name("scumble-tests")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "scumble-tests"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scumble-tests"


def read_record(home: Path) -> dict[str, Any] | None:
    """Return what the marker in a data folder says; None where there is no marker.

    Raises
    ------
    SetupError
        If the file is there but is not Scumble's.
    """
    path = home / MARKER
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        message = f"{home} is not a folder; name another one with --home."
        raise SetupError(message) from error
    except ValueError as error:
        message = f"{path} is not the file that Scumble wrote there; move it away first."
        raise SetupError(message) from error
    if not isinstance(record, dict) or record.get("program") != "scumble":
        message = f"{path} belongs to another program; name another folder with --home."
        raise SetupError(message)
    return record


def write_record(home: Path, record: dict[str, Any]) -> None:
    """Write the marker in one step."""
    replace_file(home / MARKER, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def check_free(home: Path, *, for_tests: bool) -> None:
    """Make sure that installing into a folder cannot touch anything that is not Scumble's.

    Raises
    ------
    SetupError
        If the folder has no marker, but files or folders with the names that Scumble uses; or if
        it has an installation of the other kind: one for the tests runs the engine from the
        checkout.
    """
    record = read_record(home)
    if record is None:
        taken = [name for name in (*FOLDERS, *SHARED) if os.path.lexists(home / name)]
        if taken:
            message = (
                f"{home} already has '{taken[0]}', which Scumble did not put there; "
                "name another folder with --home."
            )
            raise SetupError(message)
    elif record.get("for_tests", False) != for_tests:
        kind = "for use" if for_tests else "for the tests"
        message = f"{home} has an installation {kind}; name another folder with --home."
        raise SetupError(message)


@contextlib.contextmanager
def locked(home: Path, show: Callable[[str], None]) -> Iterator[int]:
    """Hold a data folder's lock, waiting for an earlier run that still has it.

    The system lets go of the lock when the processes that have it end, however they end.

    Yields
    ------
    int
        The lock's file descriptor; a command that inherits it holds the lock too.
    """
    with (home / LOCK).open("a") as file:
        waiting = False
        while not _lock(file):
            if not waiting:
                show(f"Another run of install.py still works in {home}; waiting for it.")
            waiting = True
            time.sleep(0.2)
        yield file.fileno()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def uninstall(home: Path, show: Callable[[str], None]) -> str:
    """Remove what the installer made in a data folder, and nothing else; say what is left.

    Raises
    ------
    SetupError
        If the folder has no marker of Scumble's.
    """
    record = read_record(home)
    if record is None:
        message = f"{home} has no {MARKER}, so Scumble is not installed there; nothing was removed."
        raise SetupError(message)
    with locked(home, show):
        # Marked first and removed last, so that an interrupted removal can be repeated.
        write_record(home, {**record, "complete": False})
        for name in FOLDERS:
            remove(home / name)
        for name, patterns in SHARED.items():
            for path in [path for pattern in patterns for path in (home / name).glob(pattern)]:
                remove(path)
            with contextlib.suppress(OSError):  # not there, or not empty: then it stays
                (home / name).rmdir()
        if os.name != "nt":
            remove(home / LOCK)
        remove(home / MARKER)
    if os.name == "nt":  # where a file that is open cannot be removed
        remove(home / LOCK)
    left = sorted(path.name for path in home.iterdir())
    if left:
        return f"Scumble is removed from {home}; what it did not make stays: {', '.join(left)}."
    home.rmdir()
    return f"Scumble is removed, with its folder {home}."


def remove(path: Path) -> None:
    """Remove a file or a whole folder, but never what a link points at; fine if nothing is there.

    Raises
    ------
    OSError
        If it cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def replace_file(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a small text file in one step, in UTF-8 and with the line ends as they are."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(text.encode("utf-8"))
    temporary.chmod(mode)
    os.replace(temporary, path)


def program_files(folder: Path) -> dict[str, bytes]:
    """Return a package's files by their path in it, without what Python or an editor leaves."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "__pycache__")) for part in parts)
        if path.is_file() and not hidden and path.suffix != ".pyc":
            found["/".join(parts)] = path.read_bytes()
    return found


def explain_os_error(error: OSError) -> str:
    """Return a sentence for what the system refused."""
    what = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{what}; free some space (2 GB) and run this again."
    return f"The system says: {error.strerror or error}{what}."
