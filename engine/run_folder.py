"""Run folders, in which the plug-in and the engine exchange files while a process lives."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from engine.job import RUN_FOLDER_PREFIX
from engine.messages import shown_name
from engine.translations import _

REMOVAL_SECONDS = 0.7


def refusal(folder: Path, *, needed: str = "") -> str:
    """Return why a folder is not a run folder; empty if it is one.

    Parameters
    ----------
    folder : Path
    needed : str
        The name of a file that must be in it.
    """
    name = shown_name(folder)
    if not folder.name.startswith(RUN_FOLDER_PREFIX):
        text = _("{name} is not a run folder: its name does not begin with '{prefix}'.")
        return text.format(name=name, prefix=RUN_FOLDER_PREFIX)
    if os.path.islink(folder) or not os.path.isdir(folder):
        text = _("{name} is not a run folder: there is no folder of that name.")
        return text.format(name=name)
    if needed and not (folder / needed).is_file():
        text = _("{name} is not a run folder: there is no {file} in it.")
        return text.format(name=name, file=needed)
    return ""


def remove(folder: Path) -> None:
    """Delete a run folder; try again if a thread has just written a file into it."""
    last = time.monotonic() + REMOVAL_SECONDS
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        if time.monotonic() > last:
            text = _("{name} cannot be deleted completely.").format(name=shown_name(folder))
            sys.stderr.write(f"scumble worker: {text}\n")
            return
        time.sleep(0.02)
