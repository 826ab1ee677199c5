"""The extension for GIMP: what is in the file, and what install.py does with one in a GIMP."""

from __future__ import annotations

import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine import __version__
from engine.translations import LANGUAGES
from plugin.extension import ID
from plugin.install_steps import gimps
from tests.made_up import MadeUp, make, run

CHECKOUT = Path(__file__).resolve().parents[2]


def write(checkout: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """Write the extension of a checkout as users do."""
    return run([sys.executable, str(checkout / "install.py"), "--gex", str(file)], {**os.environ})


@pytest.fixture(scope="module")
def gex(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("gex") / "scumble.gex"
    done = write(CHECKOUT, file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"The extension is in {file}; open it with GIMP 3.\n"
    return file


def unpack(file: Path, folder: Path) -> Path:
    """Unpack an extension into a folder as GIMP does, with modes, and return its own folder."""
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, folder))
            path.chmod(entry.external_attr >> 16 & 0o777)
    return folder / ID


def local_modes(data: bytes) -> dict[str, int]:
    """Return the files' modes as a reader sees them that does not get to the end of the zip."""
    modes = {}
    at = data.index(b"PK\3\4")
    while data[at : at + 4] == b"PK\3\4":
        size, _, name_length, extra_length = struct.unpack_from("<IIHH", data, at + 18)
        name = data[at + 30 : at + 30 + name_length].decode()
        extra = data[at + 30 + name_length :][:extra_length]
        kind, length, fields = struct.unpack_from("<HHB", extra)
        assert (kind, length, fields) == (0x6C78, 9, 7)
        modes[name] = struct.unpack_from("<I", extra, 9)[0] >> 16
        at += 30 + name_length + extra_length + size
    return modes


def test_gimp_finds_what_it_asks_of_an_extension(gex: Path) -> None:
    with zipfile.ZipFile(gex) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        about = ElementTree.fromstring(archive.read(f"{ID}/{ID}.metainfo.xml"))
    assert {name.split("/")[0] for name in names} == {ID}
    assert about.attrib["type"] == "addon"
    assert about.findtext("id") == ID
    assert about.findtext("extends") == "org.gimp.GIMP"
    required = about.find("requires/id")
    assert required is not None
    assert (required.text, required.attrib) == (
        "org.gimp.GIMP",
        {"version": "3.0", "compare": "ge"},
    )
    release = about.find("releases/release")
    assert release is not None
    assert release.attrib["version"] == __version__
    for texts in (about.findall("summary"), about.findall("description/p")):
        shown = {
            each.get("{http://www.w3.org/XML/1998/namespace}lang"): each.text for each in texts
        }
        assert set(shown) == {None, *LANGUAGES}
        assert len(set(shown.values())) == len(shown)
    entry = about.findtext("custom/value[@key='GIMP::plug-in-path']")
    assert f"{ID}/{entry}" in names


def test_programs_can_be_run_although_gimp_reads_zips_as_a_stream(gex: Path) -> None:
    modes = local_modes(gex.read_bytes())
    with zipfile.ZipFile(gex) as archive:
        assert modes == {each.filename: each.external_attr >> 16 for each in archive.infolist()}
    programs = {name for name, mode in modes.items() if mode & stat.S_IXUSR}
    assert programs == {f"{ID}/{ID}.py", f"{ID}/install.py"}
    assert all(stat.S_ISREG(mode) for mode in modes.values())


def test_gimp_3_2_does_not_take_it_for_a_compressed_picture(gex: Path) -> None:
    start = gex.read_bytes()[:8]
    assert start == b"PK00PK\3\4"  # a zip in one piece by its own standard


def test_it_has_all_of_scumble_and_nothing_else(gex: Path, tmp_path: Path) -> None:
    folder = unpack(gex, tmp_path)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "engine", "models", "plugin", "install.py", "LICENSE"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    known = {name.decode() for name in listed.stdout.split(b"\0") if name} | {"pyproject.toml"}
    known = {name for name in known if not name.endswith(".po")}
    packed = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert packed == known | {f"{ID}.metainfo.xml", f"{ID}.py"}
    for name in known:
        assert (folder / name).read_bytes() == (CHECKOUT / name).read_bytes()


def test_the_same_checkout_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    made_up = make(tmp_path / "made up")
    other = tmp_path / "copy"
    shutil.copytree(made_up.checkout, other, copy_function=shutil.copyfile)
    for path in other.rglob("*"):
        os.utime(path, (1e9, 1e9))
    (other / "engine" / "__pycache__").mkdir()
    (other / "engine" / "__pycache__" / "left.pyc").touch()
    first, second, third = (tmp_path / f"{number}.gex" for number in range(3))
    write(made_up.checkout, first)
    write(other, second)
    assert first.read_bytes() == second.read_bytes()
    # GIMP looks at a plug-in again only if its time has changed.
    (other / "plugin" / "scumble" / "labels.py").write_text("")
    write(other, third)
    times = [zipfile.ZipFile(file).infolist()[0].date_time for file in (first, third)]
    assert times[0] != times[1]


def test_other_names_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.gex").mkdir()
    for name, words in (("scumble.zip", "only files that end in .gex"), ("folder.gex", "a folder")):
        refused = write(CHECKOUT, tmp_path / name)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert words in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["folder.gex"]


def engine_of(folder: Path) -> str:
    """Return the data folder that the plug-in in a folder knows."""
    return json.loads((folder / "engine.json").read_text(encoding="utf-8"))["home"]


def test_it_installs_itself_where_it_lies(
    made_up: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a GIMP that has it switched on, in its plug-ins, or only unpacked."""
    file = tmp_path / "scumble.gex"
    write(made_up.checkout, file)
    painter, home = tmp_path / "painter", tmp_path / "data"
    profiles = {name: painter / ".config" / "GIMP" / name for name in ("3.0", "3.2", "3.4")}
    switched_on = unpack(file, profiles["3.0"] / "extensions")
    active = f'(GimpExtension "{ID}"\n    (active yes))\n'
    (profiles["3.0"] / "extensionrc").write_text(active)
    moved = unpack(file, profiles["3.2"] / "plug-ins")
    unpacked = unpack(file, profiles["3.4"] / "extensions")
    (profiles["3.4"] / "extensionrc").write_text(active.replace("yes", "no"))
    older = moved / "plugin" / "scumble" / "labels.py"
    older.write_text("older")
    user = made_up.variables(HOME=str(painter), USERPROFILE=str(painter))

    done = run([sys.executable, str(unpacked / "install.py"), "--home", str(home)], user)
    assert (done.returncode, done.stderr) == (0, "")
    for folder in (switched_on, moved, unpacked):
        assert engine_of(folder) == str(home)
    assert older.read_bytes() == (CHECKOUT / "plugin" / "scumble" / "labels.py").read_bytes()
    assert os.access(moved / f"{ID}.py", os.X_OK)
    copies = {name for name in profiles if (profiles[name] / "plug-ins" / "scumble").exists()}
    assert copies == {"3.4"}  # where GIMP has no filter yet
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(painter))
    for name in ("XDG_CONFIG_HOME", "GIMP3_DIRECTORY", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert gimps(home) == [
        (f"GIMP 3.4: version {__version__}, in {profiles['3.4'] / 'plug-ins' / 'scumble'}", True),
        (f"GIMP 3.0: extension, version {__version__}, in {switched_on}", True),
        (f"GIMP 3.2: extension, version {__version__}, in {moved}", True),
        (f"GIMP 3.4: extension, version {__version__}, not switched on, in {unpacked}", True),
    ]

    # Switched on later, it takes the copy's place.
    (profiles["3.4"] / "extensionrc").write_text(active)
    again = made_up.install("--home", home, **user)
    assert again.returncode == 0, again.stderr
    assert f"GIMP 3.4: the extension in {unpacked} has the engine" in again.stdout
    assert not (profiles["3.4"] / "plug-ins" / "scumble").exists()

    removed = made_up.install("--home", home, "--uninstall", **user)
    assert removed.returncode == 0, removed.stderr
    for folder in (switched_on, moved, unpacked):
        assert not (folder / "engine.json").exists()
        assert (folder / f"{ID}.py").is_file()
        assert f"the extension stays; to remove it, delete {folder}" in removed.stdout
