"""Steps of install.py for the plug-in. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Callable

import engine
from engine.engine_location import EngineLocation
from engine.setup.datafolder import read_record
from engine.setup.install_progress import STEP_COLUMNS
from engine.setup.installation import Installation, note
from engine.setup.setup_errors import SetupError
from engine.translations import _
from plugin import flatpak
from plugin.gimp_profiles import (
    Account,
    PluginError,
    install_everywhere,
    remove_everywhere,
    survey,
)
from plugin.installed_extension import (
    find_extensions,
    forget,
    is_extension,
    survey_extensions,
    tell,
    update,
)

SEPARATOR = "\n" + STEP_COLUMNS * " "
"""Between sentences of one step."""

RECORDED = "gimp_folders"


def sandboxed() -> str:
    """Return which GIMP runs in a sandbox, where the system's Python is not; '' where none does."""
    return _(flatpak.NAME) if flatpak.applications(Account()) else ""


def install(installation: Installation) -> str:
    """Install the plug-in into every GIMP, and record the folders that the user named."""
    if installation.for_tests:
        return _("The tests install the plug-in themselves.")
    named = _folders(installation.gimp_folders)
    for folder in named:
        if not folder.is_dir():
            message = _(
                "--gimp-dir: there is no folder {folder}; start that GIMP once, or make it."
            )
            raise SetupError(message.format(folder=folder))
    known = installation.record.get(RECORDED, [])
    folders = [Path(each) for each in dict.fromkeys([*known, *map(str, named)])]
    folders = [folder for folder in folders if folder.is_dir()]
    note(installation, **{RECORDED: [str(folder) for folder in folders]})
    location = EngineLocation(str(installation.python), str(installation.home), engine.__version__)
    account, checkout = Account(), installation.checkout
    extensions = [each for each in find_extensions(account, folders) if each.in_use]
    extended = [each.profile for each in extensions]
    try:
        done = [update(extension, location, checkout) for extension in extensions]
        done += install_everywhere(location, checkout, account, folders, extended)
        if is_extension(checkout):
            tell(checkout, location)  # wherever it lies
    except PluginError as error:
        raise SetupError(str(error)) from error
    for name in flatpak.applications(account):
        done.append(flatpak.try_engine(installation, name, account.home))
    return SEPARATOR.join(done)


def uninstall(home: Path, named: list[str], log: Callable[[str], None]) -> None:
    """Remove the plug-in of a data folder from every GIMP; log a sentence on each."""
    record = read_record(home) or {}
    folders = [*map(Path, record.get(RECORDED, [])), *_folders(named)]
    account = Account()
    try:
        for sentence in remove_everywhere(home, account, folders):
            log(sentence)
        for extension in find_extensions(account, folders):
            if sentence := forget(extension, home):
                log(sentence)
    except PluginError as error:
        raise SetupError(str(error)) from error


def gimps(home: Path) -> list[tuple[str, bool]]:
    """Return a line for every GIMP, and whether its plug-in goes with this engine."""
    record = read_record(home) or {}
    folders = [Path(each) for each in record.get(RECORDED, [])]
    account = Account()
    extensions = survey_extensions(home, engine.__version__, account, folders)
    extended = [each.profile for each in find_extensions(account, folders)]
    lines = survey(home, engine.__version__, account, folders, extended) + extensions
    return lines or [(_("no GIMP 3 found"), True)]


def _folders(named: Iterable[str]) -> list[Path]:
    return [Path(each).expanduser().absolute() for each in named]
