"""Terminal output: a progress line on a terminal, plain lines in a file."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from engine.durations import duration
from engine.events import Device, Estimated, Event, Notice, Progress
from engine.messages import shown_name

if TYPE_CHECKING:
    from pathlib import Path

    from engine.run import Result

STAGES = {
    "model": "loading the network",
    "content": "analyzing the content",
    "style": "analyzing the styles",
    "paint": "painting",
    "write": "writing",
}
REDRAW_SECONDS = 0.1
PLAIN_SECONDS = 10.0
"""How long a piped output may stay silent."""

RESULT_NAME = 500
"""Characters of a result's path, which people copy; of a longer one the middle is left out."""

BAR = 24
"""Characters of the bar where there is room."""


class ReaderLeftError(Exception):
    """The program that reads standard output has ended."""


class OutputError(Exception):
    """Standard output cannot be written to; the message is a sentence."""


class Terminal:
    """A terminal that shows events; if it cannot be written to, the work continues without it.

    Parameters
    ----------
    stream : file
        One line is rewritten if it is a terminal, else lines are added from time to time.
    quiet : bool
        Whether only notices are shown.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._failed = False
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._lock = threading.Lock()
        self._drawn = 0
        self._last = float("-inf")
        self._last_tenth: tuple[str, int, int] | None = None

    def show(self, event: Event) -> None:
        """Show an event, unless it is a picture."""
        with self._lock:
            if isinstance(event, Notice):
                self._line(f"Note: {event.text}")
            elif self._quiet:
                return
            elif isinstance(event, Estimated):
                self._line(estimate_line(event))
            elif isinstance(event, Device):
                threads = "1 thread" if event.threads == 1 else f"{event.threads} threads"
                self._line(f"Device: {event.name}, {threads}, losses on the {event.losses}")
            elif isinstance(event, Progress):
                self._progress(event)

    def say(self, text: str) -> None:
        """Show a line, quiet or not."""
        with self._lock:
            self._line(text)

    def status(self, text: str) -> None:
        """Show a text in the progress line, on a terminal and unless quiet."""
        with self._lock:
            now = time.monotonic()
            if self._live and not self._quiet and now - self._last >= REDRAW_SECONDS:
                self._last = now
                self._draw(text[: self._width()])

    def clear(self) -> None:
        """Erase the progress line."""
        with self._lock:
            self._erase()

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
        self._write("\r" + text + covered + "\r")
        self._drawn = len(text)

    def _erase(self) -> None:
        if self._drawn:
            self._draw("")

    def _line(self, text: str) -> None:
        self._erase()
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        if self._failed:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._failed = True
            discard(self._stream)

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
    tile = f"tile {event.tile}/{event.tiles}" if event.tiles else ""
    loss = "" if event.loss is None else f"loss {event.loss:.4g}"
    left = "" if event.seconds_left is None else f"{duration(event.seconds_left)} left"
    if width is None:
        return "  ".join(part for part in (stage, scale, step, tile, loss, left) if part)
    full = event.steps and round(BAR * min(event.step / event.steps, 1.0))
    bar = f"[{'=' * full}{' ' * (BAR - full)}]" if step else ""
    for parts in (
        (stage, scale, bar, step, tile, loss, left),
        (stage, scale, step, tile, loss, left),
        (stage, scale, step, tile, left),
        (stage, step, tile, left),
        (stage, step, left),
        (step, left) if step else (stage,),
    ):
        text = "  ".join(part for part in parts if part)
        if len(text) <= width:
            return text
    return text[:width]


def estimate_line(event: Estimated) -> str:
    """Return what a run will take, before it starts to paint."""
    scales = "1 scale" if event.scales == 1 else f"{event.scales} scales"
    tiles = f", {event.tiles} tiles" if event.tiles > 1 else ""
    return (
        f"Painting at {event.width} x {event.height} pixels in {scales}{tiles}: about "
        f"{duration(event.seconds)} and {event.bytes / 1e9:.1f} GB of memory"
    )


def result_text(files: tuple[Path, ...], result: Result) -> str:
    """Return the last line: what was written, and what it took."""
    height, width = result.picture.size
    names = ", ".join(shown_name(each, RESULT_NAME) for each in files)
    kept = "stopped early, " if result.stopped else ""
    loss = f"loss {result.loss:.4g}, " if math.isfinite(result.loss) else ""
    return (
        f"Wrote {names} ({width}x{height}; {kept}{result.steps} steps, "
        f"{loss}{result.method}, {duration(result.seconds)}, {result.device})"
    )


def to_standard_output(text: str, end: str = "\n") -> None:
    """Write a line to standard output; a name that has no encoding is escaped.

    Raises
    ------
    ReaderLeftError
        If nobody reads any more.
    OutputError
        If the line cannot be written, as on a full disk.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + end)
        sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        raise output_error(error) from error


def to_standard_error(text: str) -> None:
    """Write a line to standard error, if that can be written to at all."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


def output_error(error: OSError) -> ReaderLeftError | OutputError:
    """Return the error to raise where writing to standard output has failed."""
    if isinstance(error, BrokenPipeError):
        return ReaderLeftError()
    reason = error.strerror or error
    return OutputError(f"Standard output cannot be written to: {reason}.")


def discard(stream: TextIO) -> None:
    """Send the rest of a stream that has failed nowhere: Python would try it again at its exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
