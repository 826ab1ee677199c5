"""install.py on a made-up account with GIMP from Flatpak."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.setup import relocatable_python
from plugin.flatpak import applications
from plugin.gimp_profiles import Account
from tests.engine.programs import QUICK_DOCTOR, scumble
from tests.made_up import MadeUp, record

FLATPAK = """#!/bin/sh
# flatpak run --command=NAME APPLICATION ARGUMENTS, with what is asked of it in a file.
echo "$*" >> "$FLATPAKS_LOG"
case "$FLATPAKS_MOOD:$2" in
absent:*) echo "error: Unable to connect to the session bus." >&2; exit 1 ;;
blind:--command=sh) echo "sh: 1: exec: $6: not found" >&2; exit 127 ;;
esac
command=${2#--command=}
shift 3
exec "$command" "$@"
"""


class Painter:
    """A user of the made-up Scumble, with GIMP from Flatpak and one from the distribution."""

    def __init__(self, made_up: MadeUp, folder: Path) -> None:
        self.made_up = made_up
        self.user = folder / "user"
        self.home = folder / "data folder"
        self.log = folder / "flatpak.log"
        self.profile = self.user / ".config" / "GIMP" / "3.0"
        self.profile.mkdir(parents=True)
        (self.user / ".local/share/flatpak/app/org.gimp.GIMP/current").mkdir(parents=True)

    def install(self, *arguments: str, mood: str = "", tool: bool = True, **more: str):
        """Run install.py, with the made-up flatpak or without it."""
        flatpak = self.made_up.commands / "flatpak"
        flatpak.unlink(missing_ok=True)
        if tool:
            flatpak.write_text(FLATPAK)
            flatpak.chmod(0o755)
        places = {"HOME": str(self.user), "FLATPAKS_LOG": str(self.log), "FLATPAKS_MOOD": mood}
        return self.made_up.install("--home", self.home, *arguments, **places, **more)

    def line(self, output: str) -> str:
        """Return what was said of Flatpak's GIMP."""
        (line,) = [each for each in output.splitlines() if "GIMP from Flatpak" in each]
        return line.strip()


@pytest.fixture
def painter(made_up: MadeUp, tmp_path: Path) -> Iterator[Painter]:
    yield Painter(made_up, tmp_path)
    (made_up.commands / "flatpak").unlink(missing_ok=True)


def test_it_gets_an_engine_on_a_copy_of_python(painter: Painter) -> None:
    done = painter.install()
    assert (done.returncode, done.stderr) == (0, "")
    copy = painter.home / "python"
    assert f", copied into {copy}, now in {painter.home / 'env'}." in done.stdout
    assert f"They need no file outside of {painter.home}." in done.stdout
    said = painter.line(done.stdout)
    assert said.startswith("GIMP from Flatpak (org.gimp.GIMP): the engine painted inside its")
    asked = painter.log.read_text().splitlines()
    assert asked[0] == "run --command=true org.gimp.GIMP"
    assert asked[1].startswith(f'run --command=sh org.gimp.GIMP -c exec "$0" "$@" {painter.home}/b')
    place = json.loads((painter.profile / "plug-ins/scumble/engine.json").read_text())
    code = "import sys; print(sys.base_prefix)"
    done = subprocess.run([place["python"], "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == str(copy)

    # Again: all is there, and a copy that was damaged is mended with the packages kept.
    again = painter.install()
    assert f"in {painter.home / 'env'} is there already." in again.stdout
    packages = next((painter.home / "env").rglob("numpy-*.dist-info"))
    made = packages.stat().st_mtime_ns
    next((copy / "libraries").glob("libc.so*")).unlink()
    mended = painter.install(mood="blind")
    assert (mended.returncode, mended.stderr) == (0, "")
    assert f", copied into {copy}" in mended.stdout
    assert packages.stat().st_mtime_ns == made
    assert relocatable_python.find(painter.home) is not None

    # Where the sandbox sees nothing of it, that is said, with what to do.
    said = painter.line(mended.stdout)
    assert "cannot start the engine (sh: 1: exec: " in said
    assert f"flatpak override --user --filesystem='{painter.home}' org.gimp.GIMP" in said

    # Without GIMP from Flatpak, the copy stays; uninstalling removes it.
    shutil.rmtree(painter.user / ".local")
    kept = painter.install()
    assert "is there already." in kept.stdout
    assert relocatable_python.find(painter.home) is not None
    assert painter.install("--uninstall").returncode == 0
    assert not painter.home.exists()


def test_an_installation_on_the_systems_python_is_put_on_a_copy(painter: Painter) -> None:
    flatpaks = painter.user / ".local"
    flatpaks.rename(painter.user / "aside")
    assert painter.install().returncode == 0
    assert not (painter.home / "python").exists()
    packages = next((painter.home / "env").rglob("numpy-*.dist-info"))
    made = packages.stat().st_mtime_ns
    (painter.user / "aside").rename(flatpaks)
    done = painter.install(tool=False, PATH=f"{painter.made_up.commands}:/usr/bin:/bin")
    assert (done.returncode, done.stderr) == (0, "")
    assert relocatable_python.in_use(painter.home, painter.home / "env")
    assert packages.stat().st_mtime_ns == made
    assert "are there already" in done.stdout
    done = painter.install(mood="absent")
    assert "cannot be started from here (error: Unable to connect to" in painter.line(done.stdout)


def test_where_python_cannot_be_copied_the_rest_goes_on(painter: Painter) -> None:
    ldd = painter.made_up.commands / "ldd"
    ldd.write_text("#!/bin/sh\nexit 1\n")
    ldd.chmod(0o755)
    try:
        done = painter.install()
        assert (done.returncode, done.stderr) == (0, "")
        assert "could not be copied into the data folder: " in done.stdout
        said = painter.line(done.stdout)
        assert "does not see " in said
        assert "uv python install" in said
        assert not (painter.home / "python").exists()
        assert (painter.profile / "plug-ins" / "scumble" / "scumble.py").is_file()

        asked = painter.install("--self-contained")
        assert asked.returncode == 1
        assert asked.stderr.startswith("install.py: --self-contained: Python ")
        assert len(asked.stderr.splitlines()) == 1
    finally:
        ldd.unlink()


def test_it_can_be_asked_for_without_flatpak(made_up: MadeUp, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = made_up.install("--home", home, "--self-contained")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Flatpak" not in done.stdout
    assert relocatable_python.in_use(home, home / "env")
    assert record(home)["self_contained"] is True


def test_flatpaks_gimps_are_found_wherever_flatpak_keeps_them(tmp_path: Path) -> None:
    def put(folder: Path, name: str) -> None:
        (folder / "app" / name / "current").mkdir(parents=True)

    home, own, everybody = tmp_path / "home", tmp_path / "own", tmp_path / "everybody"
    account = Account("linux", home, {}, tmp_path)
    assert applications(account) == []
    put(home / ".local/share/flatpak", "org.gimp.GIMP")
    put(home / ".local/share/flatpak", "org.kde.krita")
    put(tmp_path / "var/lib/flatpak", "org.gimp.GIMP.Nightly")
    put(tmp_path / "var/lib/flatpak", "org.gimp.GIMP")
    (home / ".local/share/flatpak/app/org.gimp.GIMP.Removed").mkdir()
    assert applications(account) == ["org.gimp.GIMP", "org.gimp.GIMP.Nightly"]
    for system in ("darwin", "win32"):
        assert applications(Account(system, home, {}, tmp_path)) == []
    named = {"FLATPAK_USER_DIR": str(own), "FLATPAK_SYSTEM_DIR": str(everybody)}
    assert applications(Account("linux", home, named, tmp_path)) == []
    put(own, "org.gimp.GIMP")
    assert applications(Account("linux", home, named, tmp_path)) == ["org.gimp.GIMP"]
    put(own / "flatpak", "org.gimp.GIMP.Nightly")
    account = Account("linux", home, {"XDG_DATA_HOME": str(own)}, home)
    assert applications(account) == ["org.gimp.GIMP.Nightly"]


def test_the_doctor_has_a_line_for_the_gimps(
    painter: Painter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "scumble.json").write_text('{"program": "scumble"}')
    for name in ("XDG_CONFIG_HOME", "GIMP3_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def doctor() -> dict:
        done = scumble(
            "doctor", "--json", home=home, folder=tmp_path, before=QUICK_DOCTOR,
            HOME=str(painter.user),
        )  # fmt: skip
        return json.loads(done.stdout)

    assert doctor()["gimp"] == f"GIMP 3.0: no plug-in in {painter.profile}"
    plugin = painter.profile / "plug-ins" / "scumble"
    plugin.mkdir(parents=True)
    (plugin / "scumble.py").write_text("")
    (plugin / "job.py").write_text("")
    assert any("GIMP 3.0: damaged" in problem for problem in doctor()["problems"])
    (home / "scumble.json").write_text("{")
    problems = doctor()["problems"]
    assert any("is not the file that Scumble wrote" in problem for problem in problems)
