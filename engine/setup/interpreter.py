"""Step of the installation that makes the environment, with the system's Python or a copy of it.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import sys

from engine.setup import relocatable_python
from engine.setup.datafolder import claim_folder, remove_own_folder
from engine.setup.environment import (
    WANTED,
    Python,
    choose_python,
    damaged_packages,
    examine,
    installed_packages,
    make_environment,
    other_pythons,
)
from engine.setup.installation import ASKED, Installation, note
from engine.setup.machine import examine_machine, newest_python
from engine.setup.setup_errors import SetupError
from engine.translations import _


def make_python(installation: Installation) -> str:
    """Make the environment, or keep the one that is there."""
    installation.machine = examine_machine()
    newest = newest_python(installation.machine)
    environment = installation.environment
    present = examine(str(installation.python)) if installation.python.exists() else None
    if present:
        # Also of an interrupted run: with pip whole, the rest is mended or added.
        installation.damaged = damaged_packages(installation.python)
        packages = installed_packages(installation.python) or {}
        if "pip" not in packages or installation.damaged.keys() & {"pip", "setuptools"}:
            present, installation.damaged = None, {}
    apart = bool(installation.self_contained or installation.record.get("self_contained"))
    copy = relocatable_python.find(installation.home) if apart else None
    settled = not apart or (copy is not None and _stands_alone(installation))
    if present and settled and WANTED <= present.version[:2] <= newest:
        return _already(installation, present)
    chosen, reason = _choose(newest)
    if present and settled and present.version[:2] >= chosen.version[:2]:
        return _already(installation, present)
    notes = [reason] if reason else []
    base, where = chosen, chosen.executable
    if apart:
        try:
            if copy is None or copy.version[:2] < chosen.version[:2]:
                installation.show(_("copying {name}").format(name=chosen.name))
                copy = relocatable_python.make(chosen, installation.home)
                where += _(", copied into {folder}").format(
                    folder=installation.home / relocatable_python.FOLDER
                )
            else:
                where = _("the copy in {folder}").format(
                    folder=installation.home / relocatable_python.FOLDER
                )
            if not copy.venv:
                message = _("its module ensurepip is missing (Debian's package is python3-venv)")
                raise SetupError(message)
            base = copy
        except SetupError as error:
            if installation.self_contained == ASKED:
                message = _("--self-contained: {name} cannot be copied: {reason}.").format(
                    name=chosen.name, reason=error
                )
                raise SetupError(message) from error
            notes.append(
                _("it could not be copied into the data folder: {reason}").format(reason=error)
            )
            present = examine(str(installation.python)) if present else None
            if present:
                return f"{_already(installation, present)} ({'; '.join(notes)})"
    installation.show(_("making an environment with {name}").format(name=base.name))
    if present and base is copy and present.version[:2] == base.version[:2]:
        _exchange(installation, base)
    else:
        remove_own_folder(environment)
        claim_folder(installation.home, installation.record, environment.name)
        make_environment(base, environment, installation.run)
        installation.new_environment, installation.damaged = True, {}
    note(installation, self_contained=_stands_alone(installation))
    aside = f" ({'; '.join(notes)})" if notes else ""
    return _("{name} from {where}{aside}, now in {folder}.").format(
        name=base.name, where=where, aside=aside, folder=environment
    )


def _already(installation: Installation, present: Python) -> str:
    return _("{name} in {folder} is there already.").format(
        name=present.name, folder=installation.environment
    )


def _choose(newest: tuple[int, int]) -> tuple[Python, str]:
    starting = examine(sys.executable)
    if starting is None:
        message = _("The Python that runs this, {path}, cannot be started once more.").format(
            path=repr(sys.executable)
        )
        raise SetupError(message)

    def others() -> list[Python]:
        return [python for python in map(examine, other_pythons(newest)) if python]

    return choose_python(starting, newest, others)


def _stands_alone(installation: Installation) -> bool:
    return relocatable_python.in_use(installation.home, installation.environment)


def _exchange(installation: Installation, base: Python) -> None:
    """Put an environment on another Python of the same version; its packages stay."""
    for path in (installation.environment / "bin").glob("python*"):
        path.unlink()
    command = [base.executable, "-m", "venv", "--without-pip", str(installation.environment)]
    status, output = installation.run(command)
    if status:
        remove_own_folder(installation.environment)
        words = output.strip().splitlines() or [f"exit status {status}"]
        message = _(
            "The environment cannot be changed: {reason}. Run this again to rebuild it."
        ).format(reason=words[-1])
        raise SetupError(message)
