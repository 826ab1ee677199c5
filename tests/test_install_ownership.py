"""Nothing of the user's is ever removed or overwritten by install.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.made_up import MadeUp, copy_installation, record, run

OWN = {
    "tmp/letter.txt": "mine",
    "tmp/scumble.txt": "mine",
    "cache/poem.txt": "mine",
    "check/list.txt": "mine",
    "app.old/code.py": "mine",
    "python.new/snake.txt": "mine",
    "logs/diary.log": "mine",
    "demo/result.psd": "mine",
    "models/.vgg16-mine": "mine",
    "bin/scumble.bak": "mine",
    "notes.txt": "mine",
}


def well(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def put(home: Path) -> None:
    for name, text in OWN.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


def own_files(home: Path) -> dict[str, str]:
    return {name: (home / name).read_text() for name in OWN if (home / name).is_file()}


def files(home: Path) -> set[str]:
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}


def test_a_folder_of_the_users_own_loses_nothing(made_up: MadeUp, tmp_path: Path) -> None:
    art = tmp_path / "art"
    put(art)
    subprocess.run(
        made_up.command("--home", "."), cwd=art, env=made_up.variables(), check=True, timeout=300
    )
    assert own_files(art) == OWN
    well(made_up.install("--home", art))
    assert own_files(art) == OWN
    said = well(made_up.install("--home", art, "--uninstall"))
    assert files(art) == set(OWN)
    last = said.splitlines()[-1]
    for name in ("env", "app", "bin/scumble", "models/vgg16.npz", "logs/install.log"):
        assert name in last
    assert "What Scumble did not make stays:" in last


def test_files_that_came_later_stay_too(made_up: MadeUp, home: Path) -> None:
    put(home)
    well(made_up.install("--home", home))
    assert own_files(home) == OWN
    well(made_up.install("--home", home, "--uninstall"))
    assert files(home) == set(OWN)
    well(made_up.install("--home", home))
    assert own_files(home) == OWN


def test_an_empty_folder_of_the_users_own_stays(made_up: MadeUp, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "cache").mkdir(parents=True)
    well(made_up.install("--home", empty))
    assert (empty / "cache").is_dir()
    well(made_up.install("--home", empty, "--uninstall"))
    assert [path.name for path in empty.iterdir()] == ["cache"]


@pytest.mark.parametrize("name", ["env", "app"])
def test_a_folder_in_place_of_ours_is_refused_and_stays(
    made_up: MadeUp, home: Path, name: str
) -> None:
    shutil.rmtree(home / name)
    (home / name).mkdir()
    (home / name / "mine.txt").write_text("mine")
    said = refused(made_up.install("--home", home))
    assert f"{home / name} was not made by Scumble" in said
    well(made_up.install("--home", home, "--uninstall"))
    assert files(home) == {f"{name}/mine.txt"}


def test_a_file_in_place_of_the_command_is_refused_and_stays(
    made_up: MadeUp, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "scumble").write_text("mine")
    said = refused(made_up.install("--home", home))
    assert f"{home / 'bin' / 'scumble'} was not made by Scumble" in said
    assert (home / "bin" / "scumble").read_text() == "mine"
    assert not (home / "env").exists()


def test_the_demonstrations_picture_goes_only_if_it_is_still_ours(
    made_up: MadeUp, home: Path
) -> None:
    result = home / "demo" / "result.png"
    well(made_up.install("demo", "--home", home))
    well(made_up.install("demo", "--home", home))
    result.write_text("painted over")
    assert "--out" in refused(made_up.install("demo", "--home", home))
    well(made_up.install("--home", home, "--uninstall"))
    assert files(home) == {"demo/result.png"}
    assert result.read_text() == "painted over"


def test_links_are_removed_and_not_what_they_point_at(
    made_up: MadeUp, home: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(home / "env", elsewhere)
    (home / "env").symlink_to(elsewhere)
    well(made_up.install("--home", home, "--uninstall"))
    assert (elsewhere / "pyvenv.cfg").is_file()
    assert not home.exists()


@pytest.mark.parametrize("made", ['["models/../../precious"]', '{"../precious": ""}', '{"/x": ""}'])
def test_a_record_that_points_outside_is_refused(made_up: MadeUp, home: Path, made: str) -> None:
    precious = home.parent / "precious"
    precious.write_text("mine")
    text = json.dumps({**record(home), "made": json.loads(made)})
    (home / "scumble.json").write_text(text)
    assert "is damaged" in refused(made_up.install("--home", home, "--uninstall"))
    assert precious.read_text() == "mine"


def test_an_empty_home_is_refused(made_up: MadeUp, installed: Path) -> None:
    default = made_up.commands.parent / "user"
    before = files(default)
    for arguments in ([], ["--uninstall"]):
        assert "--home is empty" in refused(made_up.install("--home", "", *arguments))
    assert files(default) == before


def test_an_installation_of_0_1_0_is_taken_over_and_removed(made_up: MadeUp, home: Path) -> None:
    old = {name: value for name, value in record(home).items() if name not in ("made",)}
    (home / "scumble.json").write_text(json.dumps(old))
    for mark in home.rglob(".made-by-scumble"):
        mark.unlink()
    put(home)
    updated = copy_installation(home, home.with_name("updated"))
    for folder in (home, updated):
        if folder is updated:
            assert "already" in well(made_up.install("--home", folder))
        well(made_up.install("--home", folder, "--uninstall"))
        assert files(folder) == set(OWN)


def test_a_removal_that_was_interrupted_is_finished_or_undone(
    made_up: MadeUp, home: Path, tmp_path: Path
) -> None:
    shutil.rmtree(home / "app")
    shutil.rmtree(next((home / "env").rglob("numpy")))
    (home / "env" / "installed.json").unlink()
    (home / "bin" / "scumble").unlink()
    again = copy_installation(home, tmp_path / "again")
    well(made_up.install("--home", home, "--uninstall"))
    assert not home.exists()
    well(made_up.install("--home", again))
    assert record(again)["complete"] is True


def test_a_folder_without_its_record_can_be_installed_into(made_up: MadeUp, home: Path) -> None:
    (home / "scumble.json").unlink()
    well(made_up.install("--home", home))
    assert record(home)["complete"] is True


def test_uninstalling_needs_no_free_disk(made_up: MadeUp, installed: Path, tmp_path: Path) -> None:
    own = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
    script = """
        disk=$1; installed=$2; shift 2
        mount -t tmpfs -o size=200m tmpfs "$disk" || exit 90
        cp -a "$installed" "$disk/home" || exit 91
        dd if=/dev/zero of="$disk/filler" bs=4k 2> /dev/null
        "$@" || exit 92
        test "$(ls -A "$disk")" = filler || exit 93
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [*own, "sh", "-c", script, "sh", str(disk), str(installed)]
    command += made_up.command("--home", disk / "home", "--uninstall")
    done = run(command, made_up.variables())
    assert (done.returncode, done.stderr) == (0, "")


def test_two_installers_and_an_uninstaller_at_once(made_up: MadeUp, tmp_path: Path) -> None:
    home = tmp_path / "home"
    results: list[subprocess.CompletedProcess[str]] = []

    def start(*arguments: str) -> threading.Thread:
        thread = threading.Thread(
            target=lambda: results.append(made_up.install("--home", home, *arguments))
        )
        thread.start()
        return thread

    threads = [start(), start()]
    while not (home / "scumble.json").is_file():
        time.sleep(0.01)
    threads.append(start("--uninstall"))
    for thread in threads:
        thread.join()
    assert [done.returncode for done in results] == [0, 0, 0], results
    # The last one of them decides: it is whole or gone.
    left = sorted(home.iterdir()) if home.exists() else []
    assert not home.exists() or (home / "scumble.json").exists(), (left, results)
    assert not home.exists() or record(home)["complete"] is True


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names and no umask")
def test_with_umask_077_in_a_folder_with_a_newline_and_an_emoji(
    made_up: MadeUp, tmp_path: Path
) -> None:
    home = tmp_path / "line\nbreak 🎨"
    command = ["sh", "-c", 'umask 077; exec "$@"', "sh", *made_up.command("--home", home)]
    well(run(command, made_up.variables()))
    own = [home, home / "scumble.json", home / "bin" / "scumble", home / "env"]
    assert [path.stat().st_mode & 0o077 for path in own] == [0] * 4
    well(made_up.install("--home", home))
    done = subprocess.run(
        [home / "bin" / "scumble", "🎨"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)[0] == ["🎨"]
    well(made_up.install("--home", home, "--uninstall"))
    assert not home.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by /proc")
def test_pip_ends_with_an_installer_that_is_killed(made_up: MadeUp, tmp_path: Path) -> None:
    """The index never answers, so pip would wait for it."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        offline = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": index}
        process = subprocess.Popen(
            made_up.command("--home", tmp_path / "home"),
            env=made_up.variables(**offline, NO_PROXY="*"),
            stdout=subprocess.DEVNULL,
        )
        silent.settimeout(120)
        connection, _ = silent.accept()
        running = [name for name in commands() if str(tmp_path / "home") in name]
        assert any("pip" in name for name in running), running
        process.kill()
        process.wait()
        end = time.monotonic() + 10
        while any(str(tmp_path / "home") in name for name in commands()):
            assert time.monotonic() < end
            time.sleep(0.05)
        connection.close()


def commands() -> list[str]:
    """Return the command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text(errors="replace").replace("\0", " "))
        except OSError:
            continue
    return found
