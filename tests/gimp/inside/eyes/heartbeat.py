"""Pauses of the plug-in's windows, measured by a timer that notices when it comes late.

sitecustomize.py begins it where the variable `HEARTBEAT` is set. Each step of the interface that
took long is a line of JSON in the file `heartbeat`: its seconds, the processor's seconds in it, and
where the plug-in was in the middle of it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

BEAT = 0.01
LONG = 0.05
"""Seconds of the shortest step that is written down."""

FRAMES = 6


class Heartbeat:
    """A timer of GLib in the main thread, and a thread that looks where that one is."""

    def __init__(self, glib: Any, file: Path) -> None:
        self._file, self._main = file, threading.main_thread().ident
        self._last, self._cpu = time.monotonic(), 0.0
        self._where = ""
        # Before everything else that waits, so that it is late only by the step at work.
        glib.timeout_add(round(1000 * BEAT), self._beat, priority=glib.PRIORITY_HIGH)
        threading.Thread(target=self._watch, daemon=True).start()

    def _beat(self) -> bool:
        now, cpu = time.monotonic(), time.thread_time()
        took = now - self._last - BEAT
        if took > LONG and self._cpu:
            seen = {"seconds": took, "cpu": cpu - self._cpu, "where": self._where}
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(seen) + "\n")
        self._where = ""
        self._last, self._cpu = now, cpu
        return True

    def _watch(self) -> None:
        while True:
            time.sleep(LONG)
            if time.monotonic() - self._last > LONG and not self._where:
                frame = sys._current_frames().get(self._main or 0)
                calls = traceback.extract_stack(frame)[-FRAMES:] if frame else []
                names = [f"{Path(each.filename).stem}.{each.name}:{each.lineno}" for each in calls]
                self._where = " > ".join(names)
