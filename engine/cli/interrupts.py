"""Ctrl-C during a run: the first keeps the best picture, the second stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from engine.translations import N_, _

if TYPE_CHECKING:
    from engine.cli.terminal import Terminal

STOPPING = N_("Keeping the best picture so far; Ctrl-C again stops at once.")

T = TypeVar("T")

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Interrupts:
    """The handling of Ctrl-C: the work runs in its own thread, so Ctrl-C takes effect at once.

    The first Ctrl-C sets `stop`; the second, or a request to terminate, raises KeyboardInterrupt
    in the main thread, unless it is shielded.

    Parameters
    ----------
    terminal : Terminal
    stopping : str
        The line that is shown after the first Ctrl-C, in English.

    Attributes
    ----------
    stop : threading.Event
    """

    def __init__(self, terminal: Terminal, stopping: str = STOPPING) -> None:
        self.stop = threading.Event()
        self._terminal = terminal
        self._stopping = stopping
        self._shielded = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup leaves it
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, and raise what it raises."""
        outcome: list[Any] = [None, None]
        ended = threading.Event()

        def worker() -> None:
            try:
                outcome[0] = work()
            except BaseException as error:  # raised again in the main thread
                outcome[1] = error
            finally:
                ended.set()

        threading.Thread(target=worker, name="painting", daemon=True).start()
        # The wait is short, since on Windows a longer one would not hear Ctrl-C.
        said = done = False
        while not done:
            done = ended.wait(0.05)
            if self.stop.is_set() and not said:  # also where the work ended before the next look
                said = True
                self._terminal.say(_(self._stopping))
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Let no signal interrupt the block: files are being written, which takes a moment."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False

    def finish(self) -> None:
        """Ignore all further signals: the work is done, and so is the exit status."""
        for number in self._previous:
            signal.signal(number, signal.SIG_IGN)
        self._previous = {}

    def _on_signal(self, number: int, frame: object) -> None:
        if self._shielded:
            return
        if number == signal.SIGINT and not self.stop.is_set():
            self.stop.set()
        else:
            raise KeyboardInterrupt
