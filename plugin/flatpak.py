"""GIMP from Flatpak: finding it, and trying the engine inside of its sandbox.

Standard library only: install.py runs this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from engine.setup import relocatable_python
from engine.setup.environment import environment_base
from engine.setup.installation import Installation
from engine.setup.smoke_test import paint
from engine.translations import N_, _, number_text
from plugin.gimp_profiles import FLATPAK, Account

NAME = N_("GIMP from Flatpak")


def applications(account: Account) -> list[str]:
    """Return the GIMPs that are installed from Flatpak, for the user or for all."""
    if account.system != "linux":
        return []
    given = account.variables
    data = Path(given.get("XDG_DATA_HOME") or account.home / ".local" / "share")
    installations = (
        Path(given.get("FLATPAK_USER_DIR") or data / "flatpak"),
        Path(given.get("FLATPAK_SYSTEM_DIR") or account.root / "var" / "lib" / "flatpak"),
    )
    found = (path for folder in installations for path in folder.glob(f"app/{FLATPAK}*"))
    return sorted({path.name for path in found if (path / "current").exists()})


def try_engine(installation: Installation, application: str, user: Path) -> str:
    """Let the engine paint inside the sandbox; return the result, with a remedy if it failed.

    Parameters
    ----------
    installation : Installation
        The engine's.
    application : str
        Which of the GIMPs.
    user : Path
        The user's home folder, which the sandbox shows.
    """
    home, name = installation.home, f"{_(NAME)} ({application})"
    base = environment_base(installation.environment) or Path(os.sep)
    own = _(
        "Put a Python into your home folder (for instance with: uv python install 3.12) and start "
        "install.py with it."
    )
    if not any(relocatable_python.inside(base, folder) for folder in (home, user)):
        text = _("{gimp} does not see {folder}, which the engine runs on. {remedy}")
        return text.format(gimp=name, folder=base, remedy=own)
    flatpak = shutil.which("flatpak")
    if flatpak is None:
        return _(
            "{gimp} was not tried, since there is no command flatpak; it sees your home folder "
            "and the engine in it, unless its permissions were changed."
        ).format(gimp=name)
    problem = _problem([flatpak, "run", "--command=true", application])
    if problem:
        return _(
            "{gimp} was not tried, since its sandbox cannot be started from here ({problem}); "
            "if the filter fails there, run install.py again from a terminal on your desktop."
        ).format(gimp=name, problem=problem)
    sh = [flatpak, "run", "--command=sh", application, "-c", 'exec "$0" "$@"']
    trial = paint(installation, sh)
    if trial.problem:
        see = _("Let it see the data folder with: {command}; then run install.py again.")
        command = f"flatpak override --user --filesystem='{home}' {application}"
        see = see.format(command=command)
        return _("{gimp} cannot start the engine ({problem}). {remedy} The log is {log}.").format(
            gimp=name,
            problem=trial.problem.rstrip(".。"),
            remedy=see if relocatable_python.in_use(home, installation.environment) else own,
            log=installation.log,
        )
    text = _("{gimp}: the engine painted inside its sandbox, in {seconds} s.")
    return text.format(gimp=name, seconds=number_text(trial.seconds, ".1f"))


def _problem(command: list[str]) -> str:
    """Return why a command fails, in its own words; nothing if it does not."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=120,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    status = _("status {status}").format(status=done.returncode)
    words = done.stdout.strip().splitlines() or [status]
    return words[-1].rstrip(".") if done.returncode else ""
