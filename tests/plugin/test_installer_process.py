"""The installer's process as the plug-in starts it, with the made-up Scumble."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.made_up import MadeUp


def start(made_up: MadeUp, home: Path, **variables: str) -> Any:
    import installer_process

    installer = made_up.checkout / "install.py"
    given = made_up.variables(**variables)
    return installer_process.InstallerProcess(sys.executable, installer, given, home)


def events(process: Any, until: str) -> list[dict[str, Any]]:
    """Return what it says until a kind of message comes."""
    found: list[dict[str, Any]] = []
    last = time.monotonic() + 120
    while not found or found[-1]["type"] != until:
        assert time.monotonic() < last, found
        if event := process.next_event():
            found.append(event)
        else:
            time.sleep(0.01)
    return found


def test_stopped_failed_and_finished(made_up: MadeUp, tmp_path: Path) -> None:
    """Each run continues where the one before ended."""
    home = tmp_path / "data"
    process = start(made_up, home)
    events(process, "done")
    process.stop()
    assert not (home / "env" / "installed.json").exists()

    process = start(made_up, home, PIP_FIND_LINKS=str(tmp_path))
    said = events(process, "end")
    process.stop()
    assert said[-1]["status"] == 1
    assert [each["step"] for each in said if each["type"] == "step"][-1] == "Packages"
    (sentence,) = [each["text"] for each in said if each["type"] == "error"]
    assert "could not be installed" in sentence

    process = start(made_up, home)
    said = events(process, "end")
    process.stop()
    assert said[-1]["status"] == 0, said[-3:]
    steps = [each for each in said if each["type"] == "step"]
    assert [each["number"] for each in steps] == list(range(1, steps[0]["count"] + 1))
    assert [each["step"] for each in said if each["type"] == "done"] == [e["step"] for e in steps]
    assert "An earlier run" in next(each["text"] for each in said if each["type"] == "done")
    # The copy beside the engine can install it again, for a plug-in that has no installer.
    assert (home / "app" / "install.py").is_file()


@pytest.mark.skipif(os.name == "nt", reason="ends at once there")
def test_it_ends_with_the_program_that_started_it(made_up: MadeUp, tmp_path: Path) -> None:
    process = start(made_up, tmp_path / "data")
    events(process, "progress")
    began = time.monotonic()
    process._process.stdin.close()
    assert process._process.wait(60) == 130
    assert time.monotonic() - began < 5
    process.stop()


def test_the_installer_at_hand(tmp_path: Path) -> None:
    import installer_process

    plugin = tmp_path / "extension" / "plugin" / "scumble"
    home = tmp_path / "data"
    for folder in (plugin, home / "app"):
        folder.mkdir(parents=True)
    assert installer_process.find_installer(plugin, home) is None
    (home / "app" / "install.py").touch()
    assert installer_process.find_installer(plugin, home) == home / "app" / "install.py"
    (tmp_path / "extension" / "install.py").touch()
    assert installer_process.find_installer(plugin, home) == tmp_path / "extension" / "install.py"
    assert installer_process.find_installer(plugin, None) == tmp_path / "extension" / "install.py"
