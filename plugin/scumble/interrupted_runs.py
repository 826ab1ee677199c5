"""Interrupted runs: what the engine has kept of paintings that a crash or a shutdown ended."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import engine_process

from engine.engine_location import EngineLocation
from engine.translations import _

ORIGIN = "origin.json"
"""The file beside job.json whose contents the engine keeps with the state of a run."""

STATES = "states"
"""The folder of the states, in the data folder; each is a folder with a file `STATE`."""

STATE = "state.json"

LIST_SECONDS = 10.0


@dataclass(frozen=True)
class Interrupted:
    """The state of an interrupted run.

    Attributes
    ----------
    name : str
        Its name for the engine.
    when : float
        Unix time of its last save.
    seconds : float
        The painting time so far.
    share : float
        The finished share of the work, from 0 to 1.
    job : dict
        The job, whose paths point to the kept pictures.
    origin : dict
        What the plug-in has written for this purpose.
    """

    name: str
    when: float
    seconds: float
    share: float
    job: dict[str, Any]
    origin: dict[str, Any]

    @property
    def age(self) -> str:
        """Time when it was saved, in plain words."""
        passed = max(time.time() - self.when, 0.0)
        if passed < 3600:
            return _("{minutes} min ago").format(minutes=max(round(passed / 60), 1))
        when = time.localtime(self.when)
        date, clock = time.strftime("%Y-%m-%d", when), time.strftime("%H:%M", when)
        return _("on {date} at {time}").format(date=date, time=clock)


def find(location: EngineLocation, fingerprint: Callable[[], str]) -> Interrupted | None:
    """Return the latest interrupted run on a layer, if there is one.

    Parameters
    ----------
    location : EngineLocation
    fingerprint : callable
        Returns the digest of the layer's fingerprint; called only where there are states.

    Raises
    ------
    engine_process.EngineError
        If the engine cannot list the states.
    """
    # The engine, which takes a moment to start, is only asked where a state may be the layer's.
    states = list((Path(location.home) / STATES).glob(f"*/{STATE}"))
    if not states:
        return None
    wanted = fingerprint()
    if not any(_mentions(state, wanted) for state in states):
        return None
    for line in _run(location, "--json").splitlines():
        state = json.loads(line)
        if state["origin"].get("look") == wanted and not state["painting"]:
            fields = Interrupted.__dataclass_fields__
            return Interrupted(**{name: state[name] for name in fields})
    return None


def _mentions(path: Path, text: str) -> bool:
    try:
        return text in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False  # it has just been removed


def forget(location: EngineLocation, name: str) -> None:
    """Remove the state of an interrupted run, or of a run whose painting is in the image.

    Raises
    ------
    engine_process.EngineError
        If the engine cannot.
    """
    _run(location, name, "--forget")


def _run(location: EngineLocation, *arguments: str) -> str:
    command = [location.python, "-I", "-X", "utf8", "-m", "engine", "resume", *arguments]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=engine_process.clean_environment(location),
            cwd=location.home,
            encoding="utf-8",
            errors="replace",
            timeout=LIST_SECONDS,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unlisted(str(error)) from error
    if done.returncode:
        raise _unlisted(done.stderr.strip())
    return done.stdout


def _unlisted(reason: str) -> engine_process.EngineError:
    message = _("The engine cannot list interrupted paintings: {reason}")
    return engine_process.EngineError(message.format(reason=reason))
