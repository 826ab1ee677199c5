"""Errors: what can go wrong, as one sentence for the user, and the log of what should not.

The classes of all user errors are here or in `engine.job`; `describe` turns any exception into a
`Failure`. Standard library only.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from engine import __version__
from engine.job import JobError
from engine.messages import UserError, one_line, printable
from engine.paths import home
from engine.translations import _
from models.weights_errors import WeightsError, speak

speak(_)

LOG_BYTES = 1_000_000
"""Size from which on a log is renamed; the one renamed before it is deleted."""

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class PictureError(UserError):
    """A file that cannot be read or written; the message is one sentence for the user."""


class StateError(UserError):
    """A painting that cannot be resumed; the message is one sentence for the user."""


class ClusterError(UserError):
    """A cluster that cannot paint; the message is one sentence for the user."""


@dataclass(frozen=True)
class Failure:
    """The reason why there is no result.

    Attributes
    ----------
    code : str
        'job', 'picture', 'weights', 'memory', 'disk', 'state', 'cluster' or 'internal'.
    message : str
        One sentence for the user.
    hint : str
        What to do about it; may be empty.
    log : str
        The log file with the details; empty if there is none.
    """

    code: str
    message: str
    hint: str = ""
    log: str = ""


class LimitError(UserError):
    """A limit of the system under which nothing can be painted; the message is one sentence."""


class DeviceMemoryError(MemoryError):
    """A graphics card without enough memory; the message is one sentence for the user."""


def describe(error: BaseException) -> Failure:
    """Return the failure that an exception stands for; write an unexpected one to the log."""
    text = one_line(str(error))
    if isinstance(error, JobError):
        return Failure("job", text)
    if isinstance(error, LimitError):
        return Failure("memory", text)
    if isinstance(error, MemoryError) or is_out_of_memory(text):
        on_card = isinstance(error, DeviceMemoryError)
        message = text if on_card else _("There is not enough memory for a picture of this size.")
        hint = _("Choose a smaller working size (--size).")
        if on_card:
            hint = _("Choose a smaller working size (--size) or --device cpu.")
        return Failure("memory", message, hint)
    if isinstance(error, FloatingPointError):
        hint = _("Try a smaller strength, or weights nearer to the defaults.")
        message = _("The optimization diverged: {reason}.").format(reason=text)
        return Failure("job", message, hint)
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError) and cause.errno in _FULL_DISK:
        message = text
        if not isinstance(error, (UserError, WeightsError)):
            message = _("The disk is full: {reason}.").format(reason=text)
        return Failure("disk", message, _("Make room on the disk, or write somewhere else."))
    if isinstance(error, PictureError):
        return Failure("picture", text)
    if isinstance(error, StateError):
        return Failure("state", text)
    if isinstance(error, ClusterError):
        return Failure("cluster", text)
    if isinstance(error, WeightsError):
        return Failure("weights", _("{sentence}.").format(sentence=text.rstrip(".")))
    log = record(error)
    if isinstance(error, ImportError):
        message = _("A package that Scumble needs is missing or damaged: {reason}.")
        message = message.format(reason=_first_line(str(error)))
        hint = _("Run install.py again, which reinstalls it.")
        return Failure("internal", message, hint, str(log or ""))
    message = _("Internal error ({kind}: {reason}).")
    message = message.format(kind=type(error).__name__, reason=_first_line(str(error)))
    return Failure("internal", message, _("Please report it with the log."), str(log or ""))


def log_file() -> Path:
    """Return the file for unexpected errors, whether or not it exists."""
    return home() / "logs" / "engine.log"


def record(error: BaseException) -> Path | None:
    """Append a traceback to the log file and return the file.

    If it cannot be written, the traceback goes to standard error if `SCUMBLE_DEBUG` is 1.
    """
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    details = printable("".join(lines), keep="\n")
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name("engine-before.log"))
        when = time.strftime("%Y-%m-%d %H:%M:%S")
        machine = f"scumble {__version__}, Python {platform.python_version()}, {sys.platform}"
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{when} {machine}\n{details}\n")
    except OSError:
        if os.environ.get("SCUMBLE_DEBUG") == "1":
            sys.stderr.write(details)
        return None
    return path


def is_out_of_memory(text: str) -> bool:
    """Return whether a library ran out of memory; onnxruntime and the loader say so in words."""
    words = (
        "Failed to allocate memory",
        "is smaller than requested bytes of",
        "bad allocation",
        "bad_alloc",
        "out of memory",
        "can't start new thread",
        "failed to map segment",
        "cannot allocate memory",
    )
    return any(each.lower() in text.lower() for each in words)


def _first_line(text: str) -> str:
    return one_line(text.strip().partition("\n")[0], 200)
