"""The engine's set-up, from the filter without an engine to its dialog; run beside GIMP.

The installer is the made-up Scumble's. Its packages are away at first, so that it fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from screen import DIALOG, SETUP, TMP, Desktop, wait

PACKAGES, AWAY = TMP / "made-up" / "packages", TMP / "made-up" / "away"
PAINTER = TMP / "painter"
HOME = PAINTER / ".local" / "share" / "scumble"


def main(version: str) -> dict[str, Any]:
    PAINTER.mkdir()
    PACKAGES.rename(AWAY)
    os.environ.update(
        GIMP3_DIRECTORY=str(TMP / "profile"),
        HOME=str(PAINTER),
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=PACKAGES.as_uri(),
    )
    desktop = Desktop(version, str(TMP / "for-setup.xcf"))
    try:
        ask(desktop)
        desktop.shot("setup-asked", desktop.find(SETUP))
        assert not HOME.exists()  # nothing before the click
        desktop.click(text="Set it up")
        wait(lambda: desktop.widgets(text="The engine could not be set up"), "the failure")
        desktop.shot("setup-failed", desktop.find(SETUP))
        failure = " ".join(each["text"] for each in desktop.widgets(type="Label"))
        AWAY.rename(PACKAGES)

        desktop.click(text="Try again")
        wait(installers, "the installer")
        desktop.click(text="Cancel")
        desktop.gone(SETUP)
        assert not installers()
        assert not desktop.find(DIALOG)

        ask(desktop)
        desktop.click(text="Set it up")
        desktop.window(DIALOG)
        desktop.shot("setup-done")
        assert not desktop.find(SETUP)
        desktop.key("Escape")
        desktop.gone(DIALOG)
    finally:
        desktop.close()
    return {"failure": failure, "home": str(HOME)}


def ask(desktop: Desktop) -> None:
    """Open the filter, which has no engine."""
    desktop.focus(desktop.main)
    desktop.key("ctrl+alt+j")
    desktop.window(SETUP)


def installers() -> list[str]:
    """Return the numbers of the installers' processes."""
    command = ["pgrep", "-f", "install.py --json"]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:])))
