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
from engine.text_width import columns, shortened
from engine.translations import N_, _, listed, ngettext, number_text

if TYPE_CHECKING:
    from pathlib import Path

    from engine.run import Result

STAGES = {
    "model": N_("loading the network"),
    "content": N_("analyzing the content"),
    "style": N_("analyzing the styles"),
    "paint": N_("painting"),
    "enlarge": N_("enlarging for the next size"),
    "strokes": N_("adding fine strokes"),
    "write": N_("writing"),
}
REDRAW_SECONDS = 0.1
PLAIN_SECONDS = 10.0
"""The longest silence of a piped output."""

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
                self._line(note(event.text))
            elif self._quiet:
                return
            elif isinstance(event, Estimated):
                self._line(estimate_line(event))
            elif isinstance(event, Device):
                self._line(_device_line(event))
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
                self._draw(shortened(text, self._width()))

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
        covered = " " * max(0, min(self._drawn, self._width()) - columns(text))
        self._write("\r" + text + covered + "\r")
        self._drawn = columns(text)

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
        """Return the columns that fit, one less than the terminal has: a full line wraps."""
        try:
            width = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            width = 0
        return max((width or 80) - 1, 1)


def progress_text(event: Progress, width: int | None) -> str:
    """Return one line about a step: with a bar if it is at most `width` long, plain if None.

    Where there is no room, first the bar goes, then the loss, then the size of the pyramid.
    """
    stage = _(STAGES.get(event.stage, event.stage))
    step = f"{event.step}/{event.steps}" if event.steps > 1 else ""
    scale = tile = loss = left = ""
    if event.scales > 1:
        scale = _("size {scale} of {scales}").format(scale=event.scale, scales=event.scales)
    if event.tiles:
        tile = _("tile {tile}/{tiles}").format(tile=event.tile, tiles=event.tiles)
    if event.loss is not None:
        loss = loss_text(event.loss)
    if event.seconds_left is not None:
        left = _("{time} left").format(time=duration(event.seconds_left))
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
        if columns(text) <= width:
            return text
    return shortened(text, width)


def note(text: str) -> str:
    """Return the line for a sentence that is worth knowing."""
    return _("Note: {text}").format(text=text)


def loss_text(loss: float) -> str:
    """Return a loss with its name."""
    return _("loss {number}").format(number=number_text(loss, ".4g"))


def threads_text(count: int) -> str:
    """Return a number of threads in words."""
    return ngettext("{count} thread", "{count} threads", count).format(count=count)


def _device_line(event: Device) -> str:
    text = _("Device: {device}, {threads}, losses on the processor")
    if event.losses == "card":
        text = _("Device: {device}, {threads}, losses on the card")
    return text.format(device=event.name, threads=threads_text(event.threads))


def estimate_line(event: Estimated) -> str:
    """Return what a run will take, before it starts to paint."""
    scales = ngettext("{count} scale", "{count} scales", event.scales).format(count=event.scales)
    if event.tiles > 1:
        text = _("{scales}, {count} tiles")
        scales = text.format(scales=scales, count=number_text(event.tiles))
    return _(
        "Painting at {width} x {height} pixels in {scales}: about {time} and {gigabytes} GB of "
        "memory"
    ).format(
        width=event.width,
        height=event.height,
        scales=scales,
        time=duration(event.seconds),
        gigabytes=number_text(event.bytes / 1e9, ".1f"),
    )


def result_text(files: tuple[Path, ...], result: Result) -> str:
    """Return the last line: what was written, and what it took."""
    height, width = result.picture.size
    steps = ngettext("{count} step", "{count} steps", result.steps).format(count=result.steps)
    facts = [
        _("stopped early") if result.stopped else "",
        steps,
        loss_text(result.loss) if math.isfinite(result.loss) else "",
        result.method,
        duration(result.seconds),
        result.device,
    ]
    return _("Wrote {files} ({width}x{height}; {facts})").format(
        files=", ".join(shown_name(each, RESULT_NAME) for each in files),
        width=width,
        height=height,
        facts=listed(facts),
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
    message = _("Standard output cannot be written to: {reason}.")
    return OutputError(message.format(reason=reason))


def discard(stream: TextIO) -> None:
    """Send the rest of a stream that has failed nowhere: Python would try it again at its exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
