"""A worker of the engine's as the plug-in has it: orders in, lines out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.engine.programs import PATIENCE, started


class Worker:
    """A running worker and what it has said."""

    def __init__(self, folder, home, before="", more=(), **pipes):
        self.folder = folder
        given = {"stdin": subprocess.PIPE, "text": False, **pipes}
        self.process: Any = started(
            "worker", folder, *more, home=home, folder=Path.cwd(), before=before, **given
        )

    def order(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def lines(self):
        for line in self.process.stdout:
            event = json.loads(line)  # anything but JSON fails the test
            assert isinstance(event["type"], str)
            yield event

    def wait_for(self, kind, **fields):
        """Return the next line of this type; fail if an error or the end comes before it."""
        for event in self.lines():
            if event["type"] == kind and fields.items() <= event.items():
                return event
            # After these the worker would wait for the end of its input, and the test for it.
            assert event["type"] not in ("done", "error"), event
        raise AssertionError((kind, self.process.stderr.read()))

    def end(self):
        """Close the input and return the exit status; the folder must be gone then."""
        self.process.stdin.close()
        return self.ended()

    def ended(self):
        status = self.process.wait(timeout=PATIENCE)
        assert not self.folder.exists()
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what was still to be written has no reader
        self.process.wait(timeout=PATIENCE)
