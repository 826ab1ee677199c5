"""Locks, and file systems that have none, such as some network folders."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from engine.files import PART_PREFIX, PART_SUFFIX, write_file
from engine.job import RUN_FOLDER_PREFIX
from engine.leftovers import UNLOCKED_SECONDS, remove_parts, remove_run_folders
from engine.locks import hold_run_folder, try_lock
from engine.setup.datafolder import locked
from engine.states import store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows always has locks")


@pytest.fixture(params=[errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, kind: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr("engine.locks.fcntl.flock", refuse)


def test_a_lock_is_held_once_or_shared(tmp_path: Path) -> None:
    descriptors = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(3)]
    assert try_lock(descriptors[0], shared=True) is True
    assert try_lock(descriptors[1], shared=True) is True
    assert try_lock(descriptors[2]) is False
    os.close(descriptors[0])
    os.close(descriptors[1])
    assert try_lock(descriptors[2]) is True
    os.close(descriptors[2])


def test_install_py_says_that_there_are_no_locks(no_locks: None, tmp_path: Path) -> None:
    said: list[str] = []
    with locked(tmp_path / "home", said.append) as (_, created):
        assert created
    assert said == [
        f"The disk of {tmp_path / 'home'} has no locks; start no other install.py until this ends."
    ]


def test_files_are_written_and_only_old_leftovers_go(no_locks: None, tmp_path: Path) -> None:
    run_folders = [tmp_path / f"{RUN_FOLDER_PREFIX}{age}" for age in ("new", "old")]
    for folder in run_folders:
        folder.mkdir()
        held = hold_run_folder(folder)
        assert held is not None
        os.close(held)
    parts = [tmp_path / f"{PART_PREFIX}{number}{PART_SUFFIX}" for number in ("0a", "0b")]
    for part in parts:
        part.touch()
    long_ago = time.time() - UNLOCKED_SECONDS - 60
    for path in (parts[1], run_folders[1] / ".owner", run_folders[1]):
        os.utime(path, (long_ago, long_ago))
    write_file(tmp_path / "out.png", b"painted")
    remove_parts(tmp_path)
    remove_run_folders([tmp_path])
    assert (tmp_path / "out.png").read_bytes() == b"painted"
    assert {each.name for each in tmp_path.iterdir()} == {
        "out.png", parts[0].name, run_folders[0].name
    }  # fmt: skip


@pytest.fixture
def network_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which a file that is removed has another name until nobody has it open."""
    unlink, close = os.unlink, os.close

    def rename_away(path: Any, *, dir_fd: int | None = None) -> None:
        name = os.path.basename(path)
        if name == ".nfs1":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if name == ".owner":
            other = os.path.join(os.path.dirname(path), ".nfs1")
            os.rename(path, other, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        else:
            unlink(path, dir_fd=dir_fd)

    def close_and_remove(descriptor: int) -> None:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        close(descriptor)
        for each in tmp_path.rglob(".nfs1") if is_file else ():
            unlink(each)

    monkeypatch.setattr(os, "unlink", rename_away)
    monkeypatch.setattr(os, "close", close_and_remove)


def test_no_folder_stays_on_a_network_disk(
    network_disk: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCUMBLE_HOME", str(tmp_path / "home"))
    state = store.states_folder() / "photo-1"
    state.parent.mkdir(parents=True, exist_ok=True)
    descriptor = store.hold(state)
    assert descriptor is not None
    assert state.is_dir()
    store.remove(state, descriptor)
    assert not state.exists()
    run_folder = tmp_path / f"{RUN_FOLDER_PREFIX}1"
    run_folder.mkdir()
    held = hold_run_folder(run_folder)
    assert held is not None
    os.close(held)
    remove_run_folders([tmp_path])
    assert not run_folder.exists()
