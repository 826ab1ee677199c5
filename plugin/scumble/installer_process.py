"""The installer's process, started from inside GIMP. Standard library only.

The installer stops, as at Ctrl-C, when its standard input ends: by Cancel, and by the end of the
plug-in. What it has done by then stays, and the next run continues it.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import engine_process

STOP_SECONDS = 5.0


def find_installer(folder: Path, home: Path | None) -> Path | None:
    """Return the installer at hand: that of the extension, or that of the engine's own copy.

    Parameters
    ----------
    folder : Path
        The plug-in's folder.
    home : Path or None
        The engine's data folder, where it is known.
    """
    folders = [folder.parents[1], *([home / "app"] if home else [])]
    found = (each / engine_process.WHOLE for each in folders)
    return next((path for path in found if path.is_file()), None)


class InstallerProcess:
    """One run of the installer.

    Parameters
    ----------
    python : str
        The Python that runs it.
    installer : Path
    variables : mapping
        The environment's variables.
    home : Path or None
        The engine's data folder, where it is known.

    Raises
    ------
    OSError
        If it cannot be started.
    """

    def __init__(
        self, python: str, installer: Path, variables: Mapping[str, str], home: Path | None
    ) -> None:
        command = [python, "-I", "-X", "utf8", str(installer), "--json"]
        command += ["--home", str(home)] if home else []
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(variables),
            cwd=str(installer.parent),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # only Windows has it
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def next_event(self) -> dict[str, Any] | None:
        """Return the next message; None if there is none so far.

        The last one has the type 'end', with the exit `status`, and with `text`, what was printed
        last if it was no message.
        """
        try:
            return self._events.get_nowait()
        except queue.Empty:
            return None

    def stop(self) -> None:
        """Stop it, with all that it has started, and wait for its end."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        last = ""
        with self._process.stdout as lines:
            for line in lines:
                text = line.decode("utf-8", "replace").strip()
                try:
                    event = json.loads(text)
                except (ValueError, RecursionError):
                    event = None
                if isinstance(event, dict):
                    self._events.put(event)
                else:
                    last = text or last
        self._events.put({"type": "end", "status": self._process.wait(), "text": last})
