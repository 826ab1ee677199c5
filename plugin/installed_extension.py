"""The extension in a GIMP's profile: the engine's place in it, new versions, the engine's removal.

GIMP unpacks the extension into its folder `extensions`, and GIMP or the user switches it on; or the
user moves it to the folder `plug-ins`. Opening a newer file does not replace an older one, so the
installer does. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.engine_location import LOCATION_FILE, EngineLocation
from engine.setup.program import write_program
from engine.translations import _
from plugin.extension import ENTRY, ID, PROGRAMS, extension_files
from plugin.gimp_profiles import (
    Account,
    InstalledPlugin,
    PluginError,
    Profile,
    find_profiles,
    read_place,
    replacement,
    uninstall,
)

PLUGINS, EXTENSIONS = "plug-ins", "extensions"
"""The folders in a profile that the extension may be in."""

ACTIVE = re.compile(rf'\(GimpExtension\s+"{re.escape(ID)}"\s+\(active\s+yes\)')
"""The line that GIMP writes into its file extensionrc when it ends."""


@dataclass(frozen=True)
class InstalledExtension:
    """The extension's folder in a GIMP, whether or not it exists."""

    profile: Profile
    folder: Path

    @property
    def is_there(self) -> bool:
        """Return whether it is installed."""
        return (self.folder / ENTRY).is_file()

    @property
    def in_use(self) -> bool:
        """Return whether GIMP loads the filter from it."""
        plugin = self.folder.parent.name == PLUGINS
        return self.is_there and (plugin or _is_active(self.profile))

    def copy(self) -> InstalledPlugin:
        """Return its version and its engine; without an engine, both are empty."""
        return read_place(self.profile, self.folder)


def find_extensions(account: Account, more: Iterable[Path] = ()) -> list[InstalledExtension]:
    """Return the extensions in the GIMPs of a user.

    Parameters
    ----------
    account : Account
        Whose GIMPs.
    more : iterable of Path
        Folders that the user names.
    """
    found = [
        InstalledExtension(profile, profile.folder / parent / ID)
        for profile in find_profiles(account, more)
        for parent in (PLUGINS, EXTENSIONS)
    ]
    return [extension for extension in found if extension.is_there]


def is_extension(checkout: Path) -> bool:
    """Return whether a folder with install.py is an installed extension."""
    return (checkout / ENTRY).is_file()


def update(extension: InstalledExtension, location: EngineLocation, checkout: Path) -> str:
    """Bring an extension to the installer's version, and write the engine's place into it.

    A copy of the plug-in that the installer has put into the same GIMP is removed, since GIMP
    would have the filter twice.

    Returns
    -------
    str
        A sentence on it.

    Raises
    ------
    PluginError
        If its folder cannot be written.
    """
    profile, folder = extension.profile, extension.folder
    before = extension.copy()
    try:
        uninstall(profile)
        if folder.resolve() != checkout.resolve():
            with replacement(folder, profile) as new:
                write_program(extension_files(checkout), new)
                for name in PROGRAMS:
                    (new / name).chmod(0o755)
        tell(folder, location)
    except OSError as error:
        message = _(
            "The extension in {folder} cannot be changed: {reason}. Close GIMP, make sure that the "
            "folder can be written to, then run install.py again."
        ).format(folder=folder, reason=error.strerror or error)
        raise PluginError(message) from error
    text = _("{gimp}: the extension in {folder} replaces version {version}")
    if before.version in ("", location.version):
        text = _("{gimp}: the extension in {folder} has the engine")
    return text.format(gimp=profile.name, folder=folder, version=before.version)


def tell(folder: Path, location: EngineLocation) -> None:
    """Write the engine's place into an extension."""
    (folder / LOCATION_FILE).write_text(location.text(), encoding="utf-8")


def forget(extension: InstalledExtension, home: Path) -> str:
    """Remove the place of a removed engine from an extension; return a sentence on it.

    Parameters
    ----------
    extension : InstalledExtension
    home : Path
        The engine's data folder. An extension that has another one stays as it is.
    """
    known = extension.copy().home
    if not known or Path(known) != home:
        return ""
    (extension.folder / LOCATION_FILE).unlink()
    text = _("{gimp}: the extension stays; to remove it, delete {folder}")
    return text.format(gimp=extension.profile.name, folder=extension.folder)


def survey_extensions(
    home: Path, version: str, account: Account, more: Iterable[Path] = ()
) -> list[tuple[str, bool]]:
    """Return a line for every extension in a GIMP, and whether it fits this engine."""
    lines = []
    for extension in find_extensions(account, more):
        copy = extension.copy()
        state = copy.state(version, home) if copy.version else _("without an engine")
        text = _("{gimp}: extension, {state}, in {folder}")
        if not extension.in_use:
            text = _("{gimp}: extension, {state}, not switched on, in {folder}")
        line = text.format(gimp=extension.profile.name, state=state, folder=extension.folder)
        lines.append((line, not copy.version or copy.fits(version, home)))
    return lines


def _is_active(profile: Profile) -> bool:
    try:
        text = (profile.folder / "extensionrc").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return bool(ACTIVE.search(text))
