"""Data folder of the installer: its record, its lock, the files that are Scumble's, its removal.

A data folder may also be a folder of the user's own. So install.py removes only what it made:
folders that carry a mark inside (`OWN_FOLDERS`), and files that the record lists by name.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Callable

from engine.checksums import checksum
from engine.locks import try_lock
from engine.paths import (
    MARKER,
    MODEL,
    OWN_MARK,
    default_home,
    is_own_folder,
    make_own_folder,
)
from engine.setup.setup_errors import SetupError
from engine.translations import _

LOCK = "install.lock"
MADE = "made"
"""The record's key for the files and folders that Scumble made beside the user's own.

A file's value is its SHA-256 sum, or empty where the file may change; a folder ends with '/'.
"""
CREATED_HOME = "created_home"

STAMP = "installed.json"
"""The file in the environment that marks its packages as complete."""

OWN_FOLDERS = ("env", "python", "app", "tmp/scumble", "cache/scumble", "states")
"""Folders in the data folder that belong to Scumble with everything in them, if marked."""

LOGS = ("logs/install.log", "logs/engine.log", "logs/engine-before.log")

CHANGING = (*LOGS, "speed.json")
"""Files in the data folder that the engine and the installer write again and again."""

# Installations of version 0.1.0 have no marks and no list: their folders have these files.
_SIGNS = {"env": "pyvenv.cfg", "python": "files.json", "app": "engine/__init__.py"}
_FILES = (MODEL, "bin/scumble", "bin/scumble.cmd", "demo/result.png", *CHANGING)


def tests_home() -> Path:
    """Return the data folder of the tests, in the user's cache and outside the checkout."""
    if sys.platform == "win32":
        return default_home().with_name("scumble-tests")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "scumble-tests"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scumble-tests"


def work_folder(home: Path) -> Path:
    """Return the installer's folder for temporary files, whether or not it exists."""
    return home / "tmp" / "scumble"


def read_record(home: Path) -> dict[str, Any] | None:
    """Return the record of a data folder, or None where there is none.

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
        message = _("{home} is not a folder; name another one with --home.").format(home=home)
        raise SetupError(message) from error
    except (ValueError, RecursionError) as error:
        message = _("{path} is not the file that Scumble wrote there; move it away first.").format(
            path=path
        )
        raise SetupError(message) from error
    if not isinstance(record, dict) or record.get("program") != "scumble":
        message = _("{path} belongs to another program; name another folder with --home.").format(
            path=path
        )
        raise SetupError(message)
    made = record.get(MADE, {})
    if not isinstance(made, dict) or not all(map(_is_plain_name, made)):
        message = _("{path} is damaged; move it away first.").format(path=path)
        raise SetupError(message)
    return record


def write_record(home: Path, record: dict[str, Any]) -> None:
    """Write the record in one step."""
    replace_file(home / MARKER, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _is_plain_name(name: str) -> bool:
    """Return whether a name in the record stays inside of the data folder."""
    return not name.startswith("/") and not {"..", ""} & set(name.rstrip("/").split("/"))


def _made_by_0_1_0(home: Path) -> dict[str, str]:
    files = [name for name in _FILES if (home / name).is_file()]
    parents = {name.partition("/")[0] + "/" for name in files}
    return dict.fromkeys([*sorted(parents), *files], "")


def upgrade_record(home: Path, record: dict[str, Any]) -> None:
    """Add the list of files to a record of version 0.1.0, and the marks to its folders."""
    if MADE not in record:
        record[MADE] = _made_by_0_1_0(home)
        for name, sign in _SIGNS.items():
            if (home / name / sign).is_file():
                (home / name / OWN_MARK).touch()


def check_free(home: Path, *, for_tests: bool) -> None:
    """Check that Scumble can be installed into a folder without touching other files.

    Raises
    ------
    SetupError
        If the folder has something else under a name that Scumble needs, or an installation of
        the other kind: one for the tests runs the engine from the checkout.
    """
    record = read_record(home)
    if record is None:
        for name in ("env", "python", "app"):
            folder = home / name
            empty = folder.is_dir() and not any(folder.iterdir())
            if os.path.lexists(folder) and not empty and not is_own_folder(folder):
                message = _(
                    "{home} already has '{name}', which Scumble did not make; name another "
                    "folder with --home."
                ).format(home=home, name=name)
                raise SetupError(message)
    elif record.get("for_tests", False) != for_tests:
        message = _("{home} has an installation for the tests; name another folder with --home.")
        if for_tests:
            message = _("{home} has an installation for use; name another folder with --home.")
        message = message.format(home=home)
        raise SetupError(message)


def check_claimable(home: Path, record: dict[str, Any], name: str) -> None:
    """Check that there is no file of this name, or that the record lists it as Scumble's.

    Raises
    ------
    SetupError
        If there is one that the record does not list.
    """
    if name not in record[MADE] and os.path.lexists(home / name):
        raise _not_ours(home / name)


def claim_file(home: Path, record: dict[str, Any], name: str) -> Path:
    """Return the path of a file that is about to be made, listed in the record as Scumble's.

    The folders above it are made and listed too. The record is written before, so that an
    interruption never leaves a file that is not listed.

    Raises
    ------
    SetupError
        If there is such a file already and the record does not list it.
    """
    path = home / name
    check_claimable(home, record, name)
    if name in record[MADE]:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
    parents = [each for each in reversed(path.relative_to(home).parents) if each.parts]
    for parent in parents:
        if not os.path.lexists(home / parent):
            record[MADE][f"{parent.as_posix()}/"] = ""
    record[MADE][name] = ""
    write_record(home, record)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def claim_folder(home: Path, record: dict[str, Any], name: str) -> Path:
    """Make a folder of `OWN_FOLDERS`, marked as Scumble's, and return it.

    Raises
    ------
    SetupError
        If there is such a folder with content that is not marked.
    """
    parent = Path(name).parent
    if parent.parts and not os.path.lexists(home / parent):
        record[MADE][f"{parent.as_posix()}/"] = ""
        write_record(home, record)
    try:
        return make_own_folder(home / name)
    except FileExistsError as error:
        raise _not_ours(home / name) from error


def _not_ours(path: Path) -> SetupError:
    return SetupError(
        _(
            "{path} was not made by Scumble; move it away, or name another folder with --home."
        ).format(path=path)
    )


@contextlib.contextmanager
def locked(
    home: Path, log: Callable[[str], None], *, create: bool = True
) -> Iterator[tuple[int, bool]]:
    """Hold a data folder's lock, waiting for another run that has it.

    The system releases the lock when the processes that hold it end, however they end.

    Parameters
    ----------
    home : Path
        The data folder.
    log : callable
        Is called once with a sentence if this has to wait, or if the disk has no locks.
    create : bool
        Whether to make the folder where there is none.

    Yields
    ------
    int
        The lock's file descriptor; a command that inherits it holds the lock too.
    bool
        Whether the folder was made.
    """
    waiting = created = False
    while True:
        if create and not home.exists():  # again, if --uninstall removed it meanwhile
            home.mkdir(parents=True, exist_ok=True)
            created = True
        with (home / LOCK).open("a") as file:
            taken = try_lock(file.fileno())
            if taken is None:
                log(
                    _(
                        "The disk of {home} has no locks; start no other install.py until this "
                        "ends."
                    ).format(home=home)
                )
            if taken is False:
                if not waiting:
                    log(
                        _("Another run of install.py is at work in {home}; waiting for it.").format(
                            home=home
                        )
                    )
                waiting = True
                time.sleep(0.2)
            elif _is_file_of_name(file, home / LOCK):
                yield file.fileno(), created
                return


def _is_file_of_name(file: IO[str], path: Path) -> bool:
    """Return whether a path still leads to an open file; --uninstall removes the lock's."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _locked_without_space(home: Path, log: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock; do without it where there is none and a full disk prevents a new one."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(home, log, create=False))
        except FileNotFoundError as error:  # another --uninstall was faster
            raise _not_installed(home) from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or (home / LOCK).exists():
                raise
        yield


def uninstall(home: Path, log: Callable[[str], None]) -> str:
    """Remove what the installer made in a data folder, and nothing else.

    Nothing is written, so that a full disk is no obstacle. Only the lock goes after the record, so
    that an interrupted removal can be repeated.

    Returns
    -------
    str
        One sentence that names everything that was removed and left.

    Raises
    ------
    SetupError
        If the folder has no record of Scumble's.
    """
    if read_record(home) is None:
        raise _not_installed(home)
    removed = []
    with _locked_without_space(home, log):
        record = read_record(home)  # anew: another run may have held the lock
        if record is None:
            raise _not_installed(home)
        # Without it the next install.py knows that packages are missing.
        (home / "env" / STAMP).unlink(missing_ok=True)
        for name in OWN_FOLDERS:
            mark = OWN_MARK if MADE in record else _SIGNS.get(name, OWN_MARK)
            if (home / name / mark).is_file():
                remove_own_folder(home / name, mark)
                removed.append(name)
        removed += _remove_listed(home, record.get(MADE) or _made_by_0_1_0(home))
        (home / MARKER).unlink()
        # The lock goes after the record: from then on another run of install.py may begin.
        if os.name != "nt":  # where an open file cannot be removed
            _remove_lock(home)
    if os.name == "nt":
        _remove_lock(home)
    left = sorted(path.name for path in home.iterdir())
    if record.get(CREATED_HOME) and not left:
        home.rmdir()
        return _("Removed Scumble with its folder {home} ({names}).").format(
            home=home, names=", ".join([*removed, MARKER])
        )
    said = _("Removed from {home}: {names}.").format(home=home, names=", ".join([*removed, MARKER]))
    return (
        _("{said} What Scumble did not make stays: {names}.").format(
            said=said, names=", ".join(left)
        )
        if left
        else said
    )


def _not_installed(home: Path) -> SetupError:
    return SetupError(
        _("{home} has no {marker}, so Scumble is not installed there; nothing was removed.").format(
            home=home, marker=MARKER
        )
    )


def _remove_listed(home: Path, made: dict[str, str]) -> list[str]:
    """Remove the files and the empty folders that the record lists; return the files' names."""
    removed = []
    for name, sum_ in made.items():
        path = home / name
        ours = path.is_file() and (not sum_ or checksum(path) == sum_)
        if not name.endswith("/") and (ours or path.is_symlink()):
            path.unlink()
            removed.append(name)
    for name in sorted(made, key=len, reverse=True):  # the inner folders first
        if name.endswith("/") and not (home / name.rstrip("/")).is_symlink():
            with contextlib.suppress(OSError):  # not there, or not empty
                (home / name).rmdir()
    return removed


def _remove_lock(home: Path) -> None:
    path = home / LOCK
    if path.is_file() and not path.is_symlink() and path.stat().st_size == 0:
        path.unlink()


REMOVAL_TRIES, REMOVAL_PAUSE = 30, 0.1
"""How often a removal is repeated, and the seconds in between."""


def remove_own_folder(folder: Path, mark: str = OWN_MARK) -> None:
    """Remove a marked folder with everything in it; of a link to one, only the link.

    The mark goes last, so that an interrupted removal can be repeated. A folder that is not there
    or is empty is fine.

    Raises
    ------
    SetupError
        If there is something else, without the mark.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir() or (not (folder / mark).is_file() and any(folder.iterdir())):
        raise _not_ours(folder)
    if folder.is_symlink():
        folder.unlink()
        return
    for path in sorted(folder.iterdir(), key=lambda each: each.name == Path(mark).parts[0]):
        remove(path)
    folder.rmdir()


def remove(path: Path) -> None:
    """Remove a file or a whole folder inside of a folder of Scumble's own.

    Links are removed, not what they point at. Nothing there is fine. A command of a killed run,
    such as pip, may still write and delete in the folder, so a removal that meets it is repeated.
    """
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for last in (False,) * REMOVAL_TRIES + (True,):
        try:
            shutil.rmtree(path)
        except OSError as error:
            if last or error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise
        if not path.exists():
            return
        time.sleep(REMOVAL_PAUSE)


def remove_leftovers(home: Path) -> None:
    """Remove the temporary files of `replace_file` that a killed run left."""
    for folder in (home, home / "bin"):
        for path in folder.glob(".scumble*"):
            if re.fullmatch(r"\.scumble(\.json|\.cmd)?\.[0-9a-f]{12}", path.name):
                remove(path)


def replace_file(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a small text file in one step, in UTF-8, with the line ends as they are."""
    replace_bytes(path, text.encode("utf-8", "surrogateescape"), mode)


def replace_bytes(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file in one step, in place of one that is there."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def explain_os_error(error: OSError) -> str:
    """Return a sentence for an error of the system."""
    what = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _("The disk is full{what}; free some space (2 GB) and run this again.").format(
            what=what
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return _(
            "There is no permission to write{what}; change its owner or its permissions, or "
            "name another folder with --home."
        ).format(what=what)
    if error.errno == errno.EROFS:
        return _("The disk is read-only{what}; name another folder with --home.").format(what=what)
    return _("The system says: {reason}{what}.").format(reason=error.strerror or error, what=what)
