"""The engine's line protocol: one JSON object per line, each with a `type`."""

from __future__ import annotations

import json
import math
import os
import threading
from typing import TYPE_CHECKING, Any

from engine import __version__
from engine.events import Device, Estimated, Event, MethodChosen, Notice, Progress, Saved
from engine.threads import thread_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.errors import Failure
    from engine.run import Result


class Lines:
    """A writer of protocol lines to a file descriptor: whole lines only, from any thread.

    Lines are ASCII, which JSON's escapes keep to, so that the other side needs no encoding.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, kind: str, **fields: Any) -> None:
        """Write one line.

        Raises
        ------
        OSError
            If nobody reads any more.
        """
        text = json.dumps({"type": kind, **plain(fields)}, ensure_ascii=True, allow_nan=False)
        data = text.encode("ascii") + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]

    def hello(self) -> None:
        """Say who is there, before anything that takes time."""
        self.send("hello", version=__version__, threads=thread_count(0), pid=os.getpid())

    def event(self, event: Event) -> None:
        """Write what the engine says; previews are no lines, since their pixels go elsewhere."""
        if isinstance(event, Progress):
            self.send("progress", **vars(event))
        elif isinstance(event, Estimated):
            self.send("estimate", **vars(event))
        elif isinstance(event, Notice):
            self.send("notice", text=event.text)
        elif isinstance(event, Device):
            self.send(
                "device",
                device=event.name,
                provider=event.provider,
                threads=event.threads,
                losses=event.losses,
            )
        elif isinstance(event, MethodChosen):
            self.send("method", method=event.name)
        elif isinstance(event, Saved):
            self.send("saved", **vars(event))

    def resumable(self, about: dict[str, Any]) -> None:
        """Say that there is a state of this painting, from which the run does not continue."""
        self.send("resumable", **about)

    def resumed(self, about: dict[str, Any]) -> None:
        """Say from which state the run continues."""
        self.send("resumed", **about)

    def preview(self, file: str, width: int, height: int) -> None:
        """Say that there is a preview, by its name in the run folder."""
        self.send("preview", file=file, width=width, height=height)

    def done(
        self,
        files: Sequence[str],
        result: Result,
        settings: dict[str, Any],
        masks: Sequence[str | None] = (),
        areas: str | None = None,
    ) -> None:
        """Write the names of the result's files and of the regions' masks, and what it took.

        A mask is None for a region that is the whole picture. `areas` names the file of the
        rectangles that the regions cover; None if they cover the whole picture.
        """
        self.send(
            "done",
            files=list(files),
            masks=list(masks),
            areas=areas,
            loss=result.loss,
            seconds=result.seconds,
            steps=result.steps,
            stopped=result.stopped,
            warnings=list(result.notices),
            device=result.device,
            settings=settings,
        )

    def error(self, failure: Failure) -> None:
        """Say why there is no result."""
        self.send("error", **vars(failure))


def plain(value: Any) -> Any:
    """Return a value without what JSON has no word for: NaN and the infinities become null."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        value = float(value)  # numpy's float64 is a float, too
        return value if math.isfinite(value) else None
    return value
