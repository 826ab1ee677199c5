"""The plug-in's steps of install.py. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Callable

import engine
from engine.setup.datafolder import read_record
from engine.setup.environment import SetupError
from engine.setup.installation import Installation, note
from plugin import flatpak
from plugin.gimp_profiles import (
    Machine,
    Place,
    PluginError,
    put_everywhere,
    remove_everywhere,
    survey,
)

GAP = "\n" + 10 * " "
"""Between sentences of one step."""

RECORDED = "gimp_folders"

LOOKS = {"gimp": "plugin.install_steps:gimps"}
"""What the doctor is to look at as well, and the function for it."""


def sandboxed() -> str:
    """Return which GIMP runs in a sandbox, where the system's Python is not; '' where none does."""
    return flatpak.NAME if flatpak.applications(Machine()) else ""


def put(installation: Installation) -> str:
    """Put the plug-in into every GIMP, and remember the folders that were named."""
    if installation.for_tests:
        return "The plug-in is left alone while testing."
    named = _folders(installation.gimp_folders)
    for folder in named:
        if not folder.is_dir():
            message = f"--gimp-dir: there is no folder {folder}; start that GIMP once, or make it."
            raise SetupError(message)
    known = installation.record.get(RECORDED, [])
    folders = [Path(each) for each in dict.fromkeys([*known, *map(str, named)])]
    folders = [folder for folder in folders if folder.is_dir()]
    note(installation, looks=LOOKS, **{RECORDED: [str(folder) for folder in folders]})
    place = Place(installation.python, installation.home, engine.__version__)
    try:
        said = put_everywhere(place, installation.checkout, Machine(), folders)
    except PluginError as error:
        raise SetupError(str(error)) from error
    machine = Machine()
    for name in flatpak.applications(machine):
        said.append(flatpak.try_engine(installation, name, machine.home))
    return GAP.join(said)


def take_out(home: Path, named: list[str], show: Callable[[str], None]) -> None:
    """Take the plug-in of a data folder out of every GIMP; say each."""
    record = read_record(home) or {}
    folders = [*map(Path, record.get(RECORDED, [])), *_folders(named)]
    try:
        for sentence in remove_everywhere(home, Machine(), folders):
            show(sentence)
    except PluginError as error:
        raise SetupError(str(error)) from error


def gimps(home: Path) -> list[tuple[str, bool]]:
    """Return a line for every GIMP, and whether its plug-in goes with this engine."""
    record = read_record(home) or {}
    folders = map(Path, record.get(RECORDED, []))
    return survey(home, engine.__version__, Machine(), folders) or [("no GIMP 3 found", True)]


def _folders(named: Iterable[str]) -> list[Path]:
    return [Path(each).expanduser().absolute() for each in named]
