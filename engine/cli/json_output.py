"""JSON output: the lines of the worker's protocol on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from engine.cli.terminal import OutputError, ReaderLeftError, output_error
from engine.protocol import Lines

if TYPE_CHECKING:
    from engine.events import Event


class JsonOutput:
    """The worker's lines on standard output, for as long as somebody reads them.

    Attributes
    ----------
    error : ReaderLeftError, OutputError or None
        Why lines are no longer written.
    """

    def __init__(self) -> None:
        self.error: ReaderLeftError | OutputError | None = None
        self._lines = Lines(sys.stdout.fileno())

    def write(self, kind: str, *content: Any, **fields: Any) -> None:
        """Write a line by the method of `Lines` that has this name."""
        if self.error is not None:
            return
        try:
            getattr(self._lines, kind)(*content, **fields)
        except OSError as error:
            self.error = output_error(error)

    def event(self, event: Event) -> None:
        """Write an event."""
        self.write("event", event)
