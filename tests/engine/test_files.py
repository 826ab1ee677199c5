"""Files: written whole or not at all, with their mode and links; only regular ones are read."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import PictureError
from engine.files import why_not_writable, write_file
from engine.job import RUN_FOLDER_PREFIX, Job, Region
from engine.leftovers import UNLOCKED_SECONDS, remove_parts, remove_run_folders
from engine.locks import OWNER, hold_run_folder
from engine.output_files import check_files
from engine.pictures.picture import Picture, read_picture, write_picture
from tests.engine.programs import CHECKOUT, check_sentence, make_pictures, scumble

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes, links and pipes as on Unix")
PICTURE = Picture(np.full((20, 20, 3), 100, np.float32))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [0o600, 0o640, 0o664, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path, before):
    file = tmp_path / "out.png"
    file.write_bytes(b"old")
    file.chmod(before)
    assert write_picture(file, PICTURE) == ()
    assert mode(file) == before
    assert read_picture(file).rgb[0, 0, 0] == 100


def test_a_new_file_has_the_mode_that_umask_gives(tmp_path):
    code = "import os, sys; os.umask(0o027)\nfrom engine.files import write_file\n"
    code += "write_file(sys.argv[1], b'new')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], cwd=CHECKOUT, check=True)
    assert mode(tmp_path / "a") == 0o640


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="takes root")
def test_a_replaced_file_keeps_its_owner(tmp_path):
    file = tmp_path / "out.png"
    file.write_bytes(b"old")
    os.chown(file, 1234, 2345)
    assert write_file(file, b"new") == ()
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 2345)


def test_a_file_that_only_its_owner_may_replace_is_refused_before_a_run(tmp_path, monkeypatch):
    file = tmp_path / "out.png"
    file.write_bytes(b"old")
    file.chmod(0o666)
    own = tmp_path.stat().st_uid
    for mode, user, refused in (
        (0o1777, own + 1, True),  # as in /tmp
        (0o1777, own, False),
        (0o777, own + 1, False),
    ):
        tmp_path.chmod(mode)
        monkeypatch.setattr("engine.files.os.geteuid", lambda user=user: user, raising=False)
        assert ("belongs to another user" in why_not_writable(file)) is refused
        assert why_not_writable(tmp_path / "new.png") == ""


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "out.png"
    target.write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to("real/out.png")
    write_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_other_names_of_a_file_keep_the_old_one_and_it_is_said(tmp_path):
    file, other = tmp_path / "out.png", tmp_path / "other.png"
    file.write_bytes(b"old")
    os.link(file, other)
    assert write_file(file, b"new") == (
        f"{file} had other names (hard links); they keep the old file.",
    )
    assert (file.read_bytes(), other.read_bytes()) == (b"new", b"old")


def test_a_link_to_itself_is_refused_before_the_run(tmp_path):
    make_pictures(tmp_path)
    loop = tmp_path / "loop.png"
    loop.symlink_to("loop.png")
    job = Job(str(tmp_path / "content.png"), str(loop), (Region(str(tmp_path / "waves.png")),))
    with pytest.raises(PictureError, match=r"loop\.png is a link to itself; name another file\.$"):
        check_files(job)
    with pytest.raises(PictureError, match="is a link to itself"):
        write_file(loop, b"new")
    assert loop.is_symlink()


def test_temporary_names_are_random_and_not_prepared_links(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    names = iter(["0" * 16, "1" * 16])
    monkeypatch.setattr("engine.files.secrets.token_hex", lambda size: next(names))
    (tmp_path / f".scumble-{'0' * 16}.part").symlink_to(victim)
    with pytest.raises(PictureError, match="cannot be written"):
        write_file(tmp_path / "out", b"new")
    assert victim.read_bytes() == b"precious"
    monkeypatch.undo()
    seen = set()
    replace = os.replace

    def watched(part, target):
        seen.add(Path(part).name)
        replace(part, target)

    monkeypatch.setattr("engine.files.os.replace", watched)
    for _ in range(5):
        write_file(tmp_path / "out", b"new")
    assert len(seen) == 5


def test_a_write_that_fails_leaves_nothing_new(tmp_path, monkeypatch):
    file = tmp_path / "out"
    file.write_bytes(b"old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.files.os.fsync", refuse)
    with pytest.raises(PictureError, match=r"out cannot be written: No space left on device\.$"):
        write_file(file, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    assert file.read_bytes() == b"old"


HOLD = """
import os, sys, time
from engine import files
descriptor, part = files._new_part(files.Path(sys.argv[1]))
os.write(descriptor, b"half")
print(part, flush=True)
time.sleep(100)
"""


def test_parts_of_killed_writers_are_removed_and_those_of_living_ones_stay(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        part = Path(writer.stdout.readline().strip())
        remove_parts(tmp_path)
        assert part.read_bytes() == b"half"
        writer.kill()
        writer.wait()
    other = tmp_path / ".scumble-letter.part"
    other.write_bytes(b"mine")
    (tmp_path / ".scumble-0123.part").write_bytes(b"of version 0.1.0")
    remove_parts(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [other.name]


def test_the_next_run_removes_the_parts_beside_its_output(tmp_path):
    make_pictures(tmp_path)
    (tmp_path / ".scumble-0123456789abcdef.part").write_bytes(b"half")
    check_files(Job(str(tmp_path / "content.png"), str(tmp_path / "out.png"),
                    (Region(str(tmp_path / "waves.png")),)))  # fmt: skip
    assert not list(tmp_path.glob(".scumble*"))


OWN = """
import sys, time
from engine.locks import hold_run_folder
from pathlib import Path
held = hold_run_folder(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(100)
"""


def test_run_folders_are_removed_once_their_owner_is_gone(tmp_path):
    folder = tmp_path / f"{RUN_FOLDER_PREFIX}a"
    folder.mkdir()
    (folder / "content.npy").write_bytes(b"pixels")
    command = [sys.executable, "-c", OWN, str(folder)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        remove_run_folders([tmp_path])
        assert (folder / "content.npy").read_bytes() == b"pixels"
        owner.kill()
        owner.wait()
    linked = tmp_path / f"{RUN_FOLDER_PREFIX}link"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / OWNER).touch()
    linked.symlink_to(elsewhere)
    remove_run_folders([tmp_path])
    assert not folder.exists()
    assert elsewhere.exists()


def test_a_run_folder_without_an_owner_is_removed_when_it_is_old(tmp_path):
    folder = tmp_path / f"{RUN_FOLDER_PREFIX}a"
    folder.mkdir()
    file = folder / "content.npy"
    file.touch()
    remove_run_folders([tmp_path])
    assert folder.exists()
    old = time.time() - UNLOCKED_SECONDS - 100
    for path in (file, folder):
        os.utime(path, (old, old))
    remove_run_folders([tmp_path])
    assert not folder.exists()


def test_several_processes_may_hold_a_run_folder(tmp_path):
    assert hold_run_folder(tmp_path) is not None
    assert hold_run_folder(tmp_path) is not None


@pytest.fixture(params=["pipe", "socket", "device", "link to a device", "folder"])
def strange(request, tmp_path):
    """Return the path of something that is no regular file."""
    path = tmp_path / "strange.png"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        folder = os.getcwd()
        os.chdir(tmp_path)  # the paths of sockets are short
        try:
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(path.name)
        finally:
            os.chdir(folder)
    elif request.param == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    return path


PLACES = {
    "content": ("stylize", "strange.png", "out.png", "--style", "waves.png"),
    "style": ("stylize", "content.png", "out.png", "--style", "strange.png"),
    "mask": ("stylize", "content.png", "out.png", "--style", "waves.png", "strange.png"),
    "output": ("stylize", "content.png", "strange.png", "--style", "waves.png"),
    "job": ("job", "strange.png"),
    "json": ("job", "strange"),
}


@pytest.mark.parametrize("place", PLACES)
def test_only_regular_files_are_read_and_written(strange, place):
    folder = strange.parent
    make_pictures(folder)
    (folder / "strange").symlink_to("strange.png")
    done = scumble(*PLACES[place], home=folder / "home", folder=folder)
    assert done.returncode in (1, 2)
    words = "folder" if strange.is_dir() else "a pipe, a socket or a device"
    check_sentence(done.stderr, "strange", words)
