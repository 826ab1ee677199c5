"""Files: which may be read, and how they are written, whole or not at all.

A file is written under a random name beside its place and then renamed. The temporary file is
locked while it is written, so that `engine.leftovers` can tell one that a killed process left from
one that is being written.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, Callable

from engine.errors import PictureError
from engine.locks import try_lock
from engine.messages import shown_name
from engine.translations import _
from engine.windows_names import why_no_name, why_too_long

PART_PREFIX, PART_SUFFIX = ".scumble-", ".part"
_NEW_FILE = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_EXCL  # which follows no link, either
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def why_not_readable(path: str | Path) -> str:
    """Return why something is no file to read, as a whole sentence; empty for a regular file.

    Pipes, devices and sockets are refused: they may never answer, or never end.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _("There is no file {name}.").format(name=shown_name(path))
    except OSError as error:
        message = _("{name} cannot be read: {reason}.")
        return message.format(name=shown_name(path), reason=error.strerror or error)
    except ValueError:
        return _("The name {name} holds a null character.").format(name=shown_name(path))
    if stat.S_ISDIR(mode):
        return _("{name} is a folder, not a file.").format(name=shown_name(path))
    if not stat.S_ISREG(mode):
        message = _("{name} is not a regular file but a pipe, a socket or a device.")
        return message.format(name=shown_name(path))
    return ""


def why_not_writable(path: str | Path) -> str:
    """Return why a file cannot be written, as a whole sentence; empty if it can.

    It does not check the folder.
    """
    target = os.path.realpath(path)
    name = shown_name(path)
    if os.path.islink(target):
        return _("{name} is a link to itself; name another file.").format(name=name)
    try:
        mode = os.stat(target).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return why_no_name(path)  # nothing is there yet, or the folder says it better
    except OSError as error:  # the name is too long
        return _("{name} cannot be written: {reason}.").format(
            name=name, reason=error.strerror or error
        )
    if stat.S_ISDIR(mode):
        return _("{name} is a folder; name a file to write.").format(name=name)
    if not stat.S_ISREG(mode):
        message = _("{name} cannot be written: it is a pipe, a socket or a device.")
        return message.format(name=name)
    if not os.access(target, os.W_OK):
        return _("{name} cannot be written: it is write-protected.").format(name=name)
    if not _may_be_replaced(target):
        message = _(
            "{name} cannot be replaced: it belongs to another user, and so does its folder, in "
            "which only owners replace files; name another file."
        )
        return message.format(name=name)
    return ""


def _may_be_replaced(target: str) -> bool:
    """Return whether this user may replace an existing file by renaming another one.

    In a folder with the sticky bit, such as /tmp, the file or the folder must belong to the user.
    """
    folder = os.stat(os.path.dirname(target))
    if not folder.st_mode & stat.S_ISVTX or not hasattr(os, "geteuid"):
        return True
    return os.geteuid() in (0, folder.st_uid, os.stat(target).st_uid)


def write_file(
    path: str | Path,
    data: bytes | Callable[[IO[bytes]], None],
    *,
    durable: bool = True,
    mode: int = 0o666,
) -> tuple[str, ...]:
    """Write a file, or leave the one that is there as it is.

    A symbolic link stays, and the file that it leads to is replaced. A replaced file's mode and
    owner are kept.

    Parameters
    ----------
    path : str or Path
    data : bytes or callable
        The file's bytes, or what writes them to an open file.
    durable : bool
        Whether to wait until the disk has the data.
    mode : int
        The mode of a file that was not there before, less the process's mask.

    Returns
    -------
    tuple of str
        What could not be kept of the file that was there, a sentence each.

    Raises
    ------
    PictureError
        If it cannot be written.
    """
    refused = why_not_writable(path)
    if refused:
        raise PictureError(refused)
    target = Path(os.path.realpath(path))
    try:
        before = target.stat() if target.exists() else None
        descriptor, part = _new_part(target.parent, mode)
        try:
            notes = [] if before is None else _keep_attributes(path, descriptor, before)
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                if callable(data):
                    data(file)
                else:
                    file.write(data)
                file.flush()
                if durable:
                    os.fsync(descriptor)
            if os.name != "nt":  # renamed before it is unlocked, so that nobody takes it away
                os.replace(part, target)
        finally:
            os.close(descriptor)
        if os.name == "nt":
            os.replace(part, target)
    except BaseException as error:
        with suppress(OSError, UnboundLocalError):
            part.unlink()
        if not isinstance(error, OSError):
            raise
        message = _("{name} cannot be written: {reason}.")
        message = message.format(name=shown_name(path), reason=error.strerror or error)
        message += why_too_long(target.parent / _part_name())
        raise PictureError(message) from error
    return tuple(notes)


def _new_part(folder: Path, mode: int = 0o666) -> tuple[int, Path]:
    """Make a locked temporary file in a folder."""
    while True:
        part = folder / _part_name()
        descriptor = os.open(part, _NEW_FILE, mode)
        held = try_lock(descriptor) is not False
        if held and (os.fstat(descriptor).st_nlink or os.name == "nt"):
            return descriptor, part
        os.close(descriptor)  # taken for a leftover in the moment before it was locked


def _part_name() -> str:
    return f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"


def _keep_attributes(path: str | Path, descriptor: int, before: os.stat_result) -> list[str]:
    """Give a new file the owner and the mode of the one that it replaces."""
    notes = []
    if hasattr(os, "fchown"):
        now = os.fstat(descriptor)
        if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
            try:
                os.fchown(descriptor, before.st_uid, before.st_gid)
            except OSError:
                note = _("{name} belongs to you now; it had another owner.")
                notes.append(note.format(name=shown_name(path)))
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & 0o777)
    if before.st_nlink > 1:
        note = _("{name} had other names (hard links); they keep the old file.")
        notes.append(note.format(name=shown_name(path)))
    return notes
