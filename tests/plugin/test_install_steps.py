"""install.py, run as users run it, puts the plug-in into a GIMP and takes it out again."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.made_up import MadeUp


def test_install_and_uninstall(made_up: MadeUp, tmp_path: Path) -> None:
    home, named, painter = tmp_path / "data", tmp_path / "my gimp", tmp_path / "painter"
    found = painter / ".config" / "GIMP" / "3.2"
    for folder in (named, found):
        folder.mkdir(parents=True)
    user = {"HOME": str(painter), "USERPROFILE": str(painter)}

    refused = made_up.install("--home", home, "--gimp-dir", tmp_path / "gone", **user)
    assert refused.returncode == 1
    assert f"--gimp-dir: there is no folder {tmp_path / 'gone'}" in refused.stderr

    done = made_up.install("--home", home, "--gimp-dir", named, **user)
    assert (done.returncode, done.stderr) == (0, "")
    for folder in (named, found):
        plugin = folder / "plug-ins" / "scumble"
        assert f"the plug-in is in {plugin}" in done.stdout
        place = json.loads((plugin / "engine.json").read_text(encoding="utf-8"))
        assert place["home"] == str(home)
        assert os.path.samefile(place["python"], home / "env" / "bin" / "python")

    # The named folder is remembered.
    again = made_up.install("--home", home, **user)
    assert f"the plug-in in {named / 'plug-ins' / 'scumble'} was installed again" in again.stdout

    removed = made_up.install("--home", home, "--uninstall", **user)
    assert removed.returncode == 0, removed.stderr
    for folder in (named, found):
        assert list((folder / "plug-ins").iterdir()) == []
        assert str(folder) in removed.stdout
