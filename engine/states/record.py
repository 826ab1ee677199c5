"""The record of evaluations, from which an optimizer with a hidden state is replayed.

SciPy's L-BFGS-B keeps its state to itself. It is deterministic, though: given the same start and
the same answers, it asks the same questions. So every evaluation is appended to a file. To resume,
the optimizer runs again from its start, and the file answers instead of the network, which leaves
only the optimizer's own arithmetic to be done again.

An entry is a header with checksums of the picture that was evaluated and of the entry itself, the
parts of the loss as JSON, and the gradient in float32.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Callable

import numpy as np

from engine.loss.objective import Evaluation, Objective
from engine.loss.terms import Part

_HEADER = struct.Struct("<4sI")
"""Mark, and checksum of all that follows."""

_FACTS = struct.Struct("<IdI")
"""Checksum of the picture, loss, bytes of the parts."""

_MARK = b"EVAL"
_MOST_PARTS = 1 << 20
"""Bytes; more are a sign of damage."""

OnProblem = Callable[[OSError], None]


class Record:
    """An objective whose evaluations are kept in a file, and answered from it when they are there.

    Parameters
    ----------
    evaluate : callable
        The objective.
    path : Path
        The file, which is made if it is missing. What was written last may be cut off, as after a
        kill; it is overwritten.
    on_problem : callable
        Called with the error when the file can no longer be written. Evaluations continue without
        it.
    """

    def __init__(self, evaluate: Objective, path: Path, on_problem: OnProblem) -> None:
        self.path = path
        self._evaluate = evaluate
        self._on_problem = on_problem
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        self._file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size
        self._position = 0
        self._writable = True
        self.differs = False

    @property
    def is_open(self) -> bool:
        """Return whether the run that is recorded is still going on."""
        return not self._file.closed

    @property
    def replaying(self) -> bool:
        """Return whether the next evaluation may be answered from the file."""
        return self._position < self._size

    def __call__(self, picture: np.ndarray) -> Evaluation:
        """Return the loss and the gradient of a picture, recorded or computed."""
        recorded = self._next(picture) if self.replaying else None
        if recorded is not None:
            return recorded
        evaluation = self._evaluate(picture)
        if self._writable:
            try:
                self._append(picture, evaluation)
            except OSError as error:
                self._writable = False
                with suppress(OSError):
                    self._file.truncate(self._position)
                self._on_problem(error)
        return evaluation

    def sync(self) -> None:
        """Wait until the disk has the record so far."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    def _next(self, picture: np.ndarray) -> Evaluation | None:
        """Return the next recorded evaluation; None, at the record's end, if it is not whole.

        If it is of another picture, the rest of the record is of no use, and `differs` is set.
        """
        found = self._read(picture)
        if found is None:
            self._size = self._position
            self._file.truncate(self._position)
            self._file.seek(self._position)
        else:
            self._position = self._file.tell()
        return found

    def _read(self, picture: np.ndarray) -> Evaluation | None:
        start = self._file.read(_HEADER.size + _FACTS.size)
        if len(start) < _HEADER.size + _FACTS.size:
            return None
        mark, checksum = _HEADER.unpack_from(start)
        facts = start[_HEADER.size :]
        asked, loss, length = _FACTS.unpack(facts)
        if mark != _MARK or length > _MOST_PARTS:
            return None
        parts = self._file.read(length)
        gradient = np.empty(picture.shape, np.float32)
        view = gradient.data.cast("B")
        filled = 0
        while filled < len(view):
            count = self._file.readinto(view[filled:])
            if not count:
                return None
            filled += count
        if zlib.crc32(view, zlib.crc32(facts + parts)) != checksum:
            return None
        if _sum(picture) != asked:
            self.differs = True
            return None
        named = {Part(kind, region): value for kind, region, value in json.loads(parts)}
        return Evaluation(loss, gradient, named)

    def _append(self, picture: np.ndarray, evaluation: Evaluation) -> None:
        parts = json.dumps([[*part, value] for part, value in evaluation.parts.items()]).encode()
        gradient = np.ascontiguousarray(evaluation.gradient, np.float32).data.cast("B")
        start = _FACTS.pack(_sum(picture), evaluation.loss, len(parts)) + parts
        header = _HEADER.pack(_MARK, zlib.crc32(gradient, zlib.crc32(start)))
        for piece in (header + start, gradient):
            view = memoryview(piece)
            while view:
                view = view[self._file.write(view) :]
        self._position = self._size = self._file.tell()


def _sum(picture: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(picture).data)
