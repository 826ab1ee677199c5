"""Run folders, in which the plug-in and the engine exchange files while a process lives."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from engine.job import RUN_FOLDER_PREFIX
from engine.messages import shown_name

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
        return f"{name} is not a run folder: its name does not begin with '{RUN_FOLDER_PREFIX}'."
    if os.path.islink(folder) or not os.path.isdir(folder):
        return f"{name} is not a run folder: there is no folder of that name."
    if needed and not (folder / needed).is_file():
        return f"{name} is not a run folder: there is no {needed} in it."
    return ""


def remove(folder: Path) -> None:
    """Delete a run folder; try again if a thread has just written a file into it."""
    last = time.monotonic() + REMOVAL_SECONDS
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        if time.monotonic() > last:
            sys.stderr.write(
                f"scumble worker: {shown_name(folder)} cannot be deleted completely.\n"
            )
            return
        time.sleep(0.02)
