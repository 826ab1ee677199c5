"""Progress of the installer: lines for people, or JSON for a program that started it.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from typing import Any

from engine.text_width import padded, shortened
from engine.translations import _

STOPPED = 130
"""Exit status of an installer that was interrupted."""

STEP_COLUMNS = 11
"""The columns for the name of a step, with a blank: as wide as it is in any language."""


class TextLines:
    """A line for each finished step, and on a terminal one for progress, which changes.

    Attributes
    ----------
    step : str
        The name of the step at work.
    """

    step = ""

    def begin(self, name: str, number: int, count: int) -> None:
        """Begin a step, the `number`-th of `count`."""
        self.step = name

    def show(self, text: str) -> None:
        """Show progress within the step, until the next text."""
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns - 1
            line = shortened(padded(_(self.step), STEP_COLUMNS) + text, width)
            sys.stdout.write("\r" + padded(line, width) + "\r")
            sys.stdout.flush()

    def finish(self, text: str) -> None:
        """End the step with a sentence on it."""
        self.show("")
        self.say(padded(_(self.step), STEP_COLUMNS) + text)

    def say(self, text: str) -> None:
        """Print a line."""
        sys.stdout.write(text + "\n")

    def fail(self, sentence: str) -> None:
        """Print why it did not work."""
        sys.stdout.flush()
        sys.stderr.write("install.py: " + sentence + "\n")


class JsonLines(TextLines):
    """The same as JSON, an object per line, each with `type`: step, progress, done, line, error."""

    def begin(self, name: str, number: int, count: int) -> None:
        """Print that a step begins."""
        self.step = name
        self._print("step", step=name, number=number, count=count)

    def show(self, text: str) -> None:
        """Print progress."""
        self._print("progress", step=self.step, text=text)

    def finish(self, text: str) -> None:
        """Print what a step has done."""
        self._print("done", step=self.step, text=text)

    def say(self, text: str) -> None:
        """Print a line that belongs to no step."""
        self._print("line", text=text)

    def fail(self, sentence: str) -> None:
        """Print why it did not work."""
        self._print("error", text=sentence)

    def _print(self, kind: str, **fields: Any) -> None:
        sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
        sys.stdout.flush()


def stop_at_end_of_input() -> None:
    """Make this process stop, as at Ctrl-C, when its standard input ends.

    The program that started it can stop it in this way, and stops it when it ends itself.
    """
    # A program in the background of a shell passes on that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while os.read(0, 1024):
        pass
    if os.name == "nt":
        os._exit(STOPPED)  # no signal ends a read there; commands end with this process
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
