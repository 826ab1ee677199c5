"""What a person sees of the work: a progress line on a terminal, plain lines in a file."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

from engine.events import Device, Event, Notice, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from engine.run import Result

STAGES = {
    "model": "loading the network",
    "content": "looking at the content",
    "style": "looking at the styles",
    "paint": "painting",
    "write": "writing",
}
REDRAW_SECONDS = 0.1
PLAIN_SECONDS = 10.0
"""How long a piped output may stay silent."""

BAR = 24
"""Characters of the bar where there is room."""


class Terminal:
    """Shows events on standard error.

    Parameters
    ----------
    stream : file
        Where to write; one line is rewritten if it is a terminal, else lines come now and then.
    quiet : bool
        Whether only notices are shown.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._lock = threading.Lock()
        self._drawn = 0
        self._last = float("-inf")
        self._last_tenth: tuple[str, int, int] | None = None

    def report(self, event: Event) -> None:
        """Show an event; pictures are passed over."""
        with self._lock:
            if isinstance(event, Notice):
                self._line(f"Note: {event.text}")
            elif self._quiet:
                return
            elif isinstance(event, Device):
                threads = "1 thread" if event.threads == 1 else f"{event.threads} threads"
                self._line(f"Device: {event.name}, {threads}, losses on the {event.losses}")
            elif isinstance(event, Progress):
                self._progress(event)

    def say(self, text: str) -> None:
        """Show a line, quiet or not."""
        with self._lock:
            self._line(text)

    def clear(self) -> None:
        """Take the progress line away."""
        with self._lock:
            self._erase()
            self._flush()

    def _progress(self, event: Progress) -> None:
        now = time.monotonic()
        if self._live:
            if now - self._last >= REDRAW_SECONDS or event.step >= event.steps:
                self._last = now
                self._draw(progress_text(event, self._width()))
            return
        tenths = 10 * event.step // max(event.steps, 1) if event.stage == "paint" else 0
        tenth = (event.stage, event.scale, tenths)
        if tenth != self._last_tenth or now - self._last >= PLAIN_SECONDS:
            self._last, self._last_tenth = now, tenth
            self._line(progress_text(event, None))

    def _draw(self, text: str) -> None:
        # Blanks, not an escape sequence, cover what was longer: every console knows them.
        covered = " " * max(0, min(self._drawn, self._width()) - len(text))
        self._stream.write("\r" + text + covered + "\r")
        self._drawn = len(text)
        self._flush()

    def _erase(self) -> None:
        if self._drawn:
            self._draw("")

    def _line(self, text: str) -> None:
        self._erase()
        self._stream.write(text + "\n")
        self._flush()

    def _flush(self) -> None:
        self._stream.flush()

    def _width(self) -> int:
        """Return the characters that fit, one less than the terminal has: a full line wraps."""
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return max((columns or 80) - 1, 1)


def progress_text(event: Progress, width: int | None) -> str:
    """Return one line about a step: with a bar if it is at most `width` long, plain if None.

    Where there is no room, first the bar goes, then the loss, then the size of the pyramid.
    """
    stage = STAGES.get(event.stage, event.stage)
    scale = f"size {event.scale} of {event.scales}" if event.scales > 1 else ""
    step = f"{event.step}/{event.steps}" if event.steps > 1 else ""
    loss = "" if event.loss is None else f"loss {event.loss:.4g}"
    left = "" if event.seconds_left is None else f"{duration(event.seconds_left)} left"
    if width is None:
        return "  ".join(part for part in (stage, scale, step, loss, left) if part)
    full = event.steps and round(BAR * min(event.step / event.steps, 1.0))
    bar = f"[{'=' * full}{' ' * (BAR - full)}]" if step else ""
    for parts in (
        (stage, scale, bar, step, loss, left),
        (stage, scale, step, loss, left),
        (stage, scale, step, left),
        (stage, step, left),
        (step, left) if step else (stage,),
    ):
        text = "  ".join(part for part in parts if part)
        if len(text) <= width:
            return text
    return text[:width]


def duration(seconds: float) -> str:
    """Return a time for people: '8 s', '2 min 5 s', '3 h 20 min'."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def result_text(files: tuple[Path, ...], result: Result) -> str:
    """Return the last line: what was written, and what it took."""
    height, width = result.picture.rgb.shape[:2]
    names = ", ".join(str(each) for each in files)
    kept = "stopped early, " if result.stopped else ""
    return (
        f"Wrote {names} ({width}x{height}; {kept}{result.steps} steps, "
        f"loss {result.loss:.4g}, {result.method}, {duration(result.seconds)}, {result.device})"
    )


def to_standard_output(text: str) -> None:
    """Write a line for people or programs; a name that has no encoding is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()
