"""The adviser's process, which the open dialog asks for estimates and a preview.

No function here waits for the engine. Standard library only.
"""

from __future__ import annotations

import base64
import json
import queue
import subprocess
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

import engine_process

from engine.engine_location import EngineLocation
from engine.translations import N_

GONE = N_("The engine gives no estimate. Paint says why.")
NO_PREVIEW = N_("There is no preview, because the engine does not run. Paint says why.")


class Adviser:
    """The engine in a process of its own, which answers questions.

    It starts at once, and loads its libraries while the dialog is being built.

    Parameters
    ----------
    location : EngineLocation

    Attributes
    ----------
    folder : Path or None
        For the files that a preview needs; None if no folder can be made.
    """

    def __init__(self, location: EngineLocation) -> None:
        self._questions: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._asked = 0
        self._folder: engine_process.RunFolder | None = None
        with suppress(engine_process.EngineError):  # which Paint reports
            self._folder = engine_process.RunFolder()
        self.folder = None if self._folder is None else self._folder.path
        python = [location.python, "-I", "-u", "-X", "utf8", "-m", "engine", "adviser"]
        try:
            self._process: Any = subprocess.Popen(
                [*python, *([] if self.folder is None else [str(self.folder)])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=engine_process.clean_environment(location),
                cwd=location.home,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # only Windows has it
            )
        except OSError:
            self._process = None
        self._threads: list[threading.Thread] = []

    def listen(self, on_answer: Callable[[dict[str, Any]], None]) -> None:
        """Begin to send questions, and to take answers.

        Parameters
        ----------
        on_answer : callable
            Called with each answer, from another thread: of type 'advice', 'preview' or, when the
            engine has ended, 'gone'.
        """
        if self._process is None:
            on_answer({"type": "gone"})
            return
        self._threads = [
            threading.Thread(target=self._write, daemon=True),
            threading.Thread(target=self._read, args=(on_answer,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, question: dict[str, Any]) -> int:
        """Ask a question and return its number, which the answer has."""
        self._asked += 1
        self._questions.put({**question, "number": self._asked})
        return self._asked

    def forget(self) -> None:
        """Take no more answers to the questions so far."""
        self._asked += 1

    def is_latest(self, answer: dict[str, Any]) -> bool:
        """Return whether an answer is one to the last question, or none at all."""
        return answer.get("number", self._asked) == self._asked

    def close(self) -> None:
        """End the process, and remove the folder; a second time this does nothing."""
        self._questions.put(None)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for thread in self._threads:
                thread.join()
            with suppress(OSError):
                self._process.stdin.close()
        if self._folder is not None:
            self._folder.remove()

    def _write(self) -> None:
        """Write the questions, the latest one only where several have come."""
        while (question := self._questions.get()) is not None:
            while not self._questions.empty():
                later = self._questions.get()
                if later is None:
                    return
                question = later
            try:
                self._process.stdin.write(json.dumps(question).encode("ascii") + b"\n")
                self._process.stdin.flush()
            except OSError:
                return  # it has ended, which the other thread notices

    def _read(self, on_answer: Callable[[dict[str, Any]], None]) -> None:
        with self._process.stdout as lines:
            for line in lines:
                answer = json.loads(line)
                if answer.get("type") in ("advice", "preview"):
                    on_answer(answer)
        on_answer({"type": "gone"})


def start(folder: Path) -> Adviser | None:
    """Start the engine of the plug-in in a folder; return None where none is set up."""
    try:
        return Adviser(engine_process.read_location(folder))
    except engine_process.NotSetUpError:
        return None


def packed(mask: bytes, width: int, height: int) -> dict[str, Any]:
    """Return a mask, one byte per pixel, as the engine takes it."""
    data = base64.b64encode(zlib.compress(mask, 1))
    return {"size": [height, width], "data": data.decode("ascii")}
