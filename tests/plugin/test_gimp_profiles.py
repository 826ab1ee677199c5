"""The plug-in goes into every GIMP of made-up users, on every system."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path

import pytest

from engine.engine_location import EngineLocation
from engine.translations import LANGUAGES
from plugin.gimp_profiles import (
    CARRIED,
    Account,
    PluginError,
    Profile,
    find_profiles,
    install,
    install_everywhere,
    read_copy,
    remove_everywhere,
    survey,
    uninstall,
)

CHECKOUT = Path(__file__).resolve().parents[2]
ENGINE = CHECKOUT / "engine"
FOLDERS = {
    "linux": ".config/GIMP",
    "win32": "AppData/Roaming/GIMP",
    "darwin": "Library/Application Support/GIMP",
}


def user(folder: Path, system: str = "linux", versions=("3.0",), **variables: str) -> Account:
    """Make a home with GIMPs that have been started once."""
    home = folder / "Müller's home"
    home.mkdir()
    for version in versions:
        (home / FOLDERS[system] / version).mkdir(parents=True)
    return Account(system, home, variables, folder / "root")


def place(account: Account, version: str = "1.0") -> EngineLocation:
    data = account.home / "data"
    data.mkdir(exist_ok=True)
    return EngineLocation(str(data / "env" / "bin" / "python"), str(data), version)


@pytest.fixture
def profile(tmp_path):
    (tmp_path / "3.0").mkdir()
    return Profile("GIMP 3.0", tmp_path / "3.0")


@pytest.mark.parametrize("system", FOLDERS)
def test_every_gimp_3_of_a_user_is_found(tmp_path, system):
    account = user(tmp_path, system, ["2.10", "2.99", "3.0", "3.10", "3.2", "3.2.old"])
    found = find_profiles(account)
    assert [each.name for each in found] == ["GIMP 3.0", "GIMP 3.2", "GIMP 3.10"]
    parent = account.home / FOLDERS[system]
    assert [each.folder for each in found] == [parent / each for each in ("3.0", "3.2", "3.10")]
    assert found[0].plugin == parent / "3.0" / "plug-ins" / "scumble"


def test_windows_asks_appdata(tmp_path):
    roaming = tmp_path / "elsewhere"
    (roaming / "GIMP" / "3.2").mkdir(parents=True)
    account = user(tmp_path, "win32", [], APPDATA=str(roaming))
    assert [each.folder for each in find_profiles(account)] == [roaming / "GIMP" / "3.2"]


def test_linux_asks_xdg_and_flatpak_keeps_its_own(tmp_path):
    own = tmp_path / "settings"
    (own / "GIMP" / "3.2").mkdir(parents=True)
    account = user(tmp_path, "linux", ["3.0"], XDG_CONFIG_HOME=str(own))
    folders = [each.folder for each in find_profiles(account)]
    assert folders == [own / "GIMP" / "3.2", account.home / ".config" / "GIMP" / "3.0"]


def test_flatpaks_own_folders_are_found_too(tmp_path):
    """Flatpak shows its GIMP ~/.config/GIMP, but only where that was there before."""
    account = user(tmp_path, "linux", ["3.0"])
    for name in ("org.gimp.GIMP", "org.gimp.GIMP.Nightly", "org.kde.krita"):
        (account.home / ".var" / "app" / name / "config" / "GIMP" / "3.2").mkdir(parents=True)
    (account.home / ".var/app/org.gimp.GIMP.Old/config").mkdir(parents=True)
    found = [each.name for each in find_profiles(account)]
    assert found == ["GIMP 3.0", "GIMP 3.2 of org.gimp.GIMP", "GIMP 3.2 of org.gimp.GIMP.Nightly"]


def test_named_folders_come_first_and_once(tmp_path):
    named = tmp_path / "appimage"
    named.mkdir()
    account = user(tmp_path, "linux", ["3.0"], GIMP3_DIRECTORY=str(named))
    known = account.home / ".config" / "GIMP" / "3.0"
    folders = [each.folder for each in find_profiles(account, [known])]
    assert folders == [known, named]
    relative = Account("linux", account.home, {"GIMP3_DIRECTORY": "gimp"}, tmp_path)
    assert find_profiles(relative)[0].folder == account.home / "gimp"
    empty = Account("linux", account.home, {"GIMP3_DIRECTORY": ""}, tmp_path)
    assert [each.folder for each in find_profiles(empty)] == [known]


def test_no_gimp_is_said(tmp_path):
    account = user(tmp_path, versions=[])
    (said,) = install_everywhere(place(account), CHECKOUT, account)
    assert said.startswith("No GIMP 3 was found.")
    assert "--gimp-dir" in said


def test_a_snap_is_refused_with_a_way_out(tmp_path):
    account = user(tmp_path)
    (account.home / "snap" / "gimp").mkdir(parents=True)
    said = install_everywhere(place(account), CHECKOUT, account)
    assert said[0].startswith("GIMP 3.0: the plug-in is in ")
    assert "Snap" in said[1]
    assert "install GIMP from your distribution or from Flatpak" in said[1]


def test_the_copy_is_whole_and_can_be_started(tmp_path, profile):
    account = user(tmp_path, versions=[])
    said = install(profile, place(account), ENGINE)
    assert said == f"GIMP 3.0: the plug-in is in {profile.plugin}"
    names = {path.name for path in profile.plugin.iterdir()}
    sources = {path.name for path in (CHECKOUT / "plugin" / "scumble").glob("*.py")}
    assert names == sources | {"engine", "engine.json", "help", "icons"}
    engine = profile.plugin / "engine"
    copied = {
        path.relative_to(engine).as_posix(): path.read_bytes()
        for path in engine.rglob("*")
        if path.is_file()
    }
    catalogs = [f"locale/{language}/LC_MESSAGES/scumble.mo" for language in LANGUAGES]
    assert copied == {name: (ENGINE / name).read_bytes() for name in (*CARRIED, *catalogs)}
    if os.name != "nt":
        assert os.access(profile.plugin / "scumble.py", os.X_OK)
    data = json.loads((profile.plugin / "engine.json").read_text(encoding="utf-8"))
    assert data["home"] == str(account.home / "data")
    assert data["version"] == "1.0"
    assert [path.name for path in profile.folder.iterdir()] == ["plug-ins"]
    assert [path.name for path in (profile.folder / "plug-ins").iterdir()] == ["scumble"]


def test_what_gimp_imports_is_there(tmp_path, profile):
    """Every module that one of ours imports is the standard library's, GIMP's or beside it."""
    install(profile, place(user(tmp_path, versions=[])), ENGINE)
    beside = {path.stem for path in profile.plugin.glob("*.py")} | {"engine"}
    for path in profile.plugin.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in beside | {"gi", "cairo"} | sys.stdlib_module_names, (path, name)


def test_windows_are_imported_only_when_they_are_shown():
    without = ("arguments", "canvas", "engine_process", "gimp_run", "placing", "sources")
    for name in ("scumble", *without):
        text = (CHECKOUT / "plugin" / "scumble" / f"{name}.py").read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name for alias in node.names}
                assert not names & {"Gtk", "Gdk", "GimpUi", "dialog", "progress_window"}, name


def test_a_new_version_replaces_the_old_one(tmp_path, profile):
    account = user(tmp_path, versions=[])
    install(profile, place(account, "1.0"), ENGINE)
    (profile.plugin / "old_module.py").write_text("")
    assert install(profile, place(account, "1.0"), ENGINE).endswith("was installed again")
    assert install(profile, place(account, "2.0"), ENGINE).endswith("replaces version 1.0")
    assert not (profile.plugin / "old_module.py").exists()
    copy = read_copy(profile)
    assert copy is not None
    assert copy.version == "2.0"


def test_what_an_interrupted_run_left_is_cleared(tmp_path, profile):
    for name in (".scumble-new", ".scumble-old"):
        (profile.folder / name).mkdir()
        (profile.folder / name / "half.py").write_text("")
    install(profile, place(user(tmp_path, versions=[])), ENGINE)
    assert [path.name for path in profile.folder.iterdir()] == ["plug-ins"]


def test_another_plugin_of_this_name_is_left(tmp_path, profile):
    profile.plugin.mkdir(parents=True)
    (profile.plugin / "mine.txt").write_text("mine")
    with pytest.raises(PluginError, match="is not Scumble's; move it away"):
        install(profile, place(user(tmp_path, versions=[])), ENGINE)
    assert uninstall(profile) == ""
    assert (profile.plugin / "mine.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "3.0"
    blocked.mkdir()
    (blocked / "plug-ins").write_text("a file")
    account = user(tmp_path, versions=["3.2"])
    with pytest.raises(PluginError, match="Close GIMP, make sure that the folder can be written"):
        install_everywhere(place(account), CHECKOUT, account, [blocked])
    served = Profile("", account.home / ".config" / "GIMP" / "3.2")
    assert read_copy(served) is not None


def test_uninstalling_removes_ours_only(tmp_path):
    account = user(tmp_path, versions=["3.0", "3.2"])
    ours = place(account)
    install_everywhere(ours, CHECKOUT, account)
    other = account.home / ".config/GIMP/3.0/plug-ins/other"
    other.mkdir()
    (second,) = [each for each in find_profiles(account) if each.name == "GIMP 3.2"]
    theirs = EngineLocation(ours.python, str(account.home / "their data"), "1.0")
    install(second, theirs, ENGINE)
    said = remove_everywhere(Path(ours.home), account)
    assert len(said) == 1
    assert said[0].startswith("GIMP 3.0: the plug-in was removed from ")
    assert other.is_dir()
    assert read_copy(second) is not None
    assert remove_everywhere(Path(ours.home), account) == []
    assert not list((account.home / ".config/GIMP/3.0").glob(".scumble*"))


def test_the_survey_says_what_does_not_match(tmp_path):
    account = user(tmp_path, versions=["3.0", "3.2", "3.4", "3.6", "3.8"])
    ours = place(account, "2.0")
    profiles = find_profiles(account)
    install(profiles[0], ours, ENGINE)
    install(profiles[1], place(account, "1.0"), ENGINE)
    install(profiles[2], ours, ENGINE)
    (profiles[2].plugin / "engine.json").write_text("{")
    install(profiles[3], EngineLocation(ours.python, str(tmp_path / "theirs"), "1.0"), ENGINE)
    lines = survey(Path(ours.home), "2.0", account)
    assert [fits for _, fits in lines] == [True, False, False, True, True]
    assert lines[0][0].startswith("GIMP 3.0: version 2.0, in ")
    assert "version 1.0, but the engine is 2.0" in lines[1][0]
    assert "damaged" in lines[2][0]
    assert str(tmp_path / "theirs") in lines[3][0] or "version 1.0" in lines[3][0]
    assert "no plug-in" in lines[4][0]
