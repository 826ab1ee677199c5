"""Locks, and file systems that have none, such as some network folders."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from engine.files import PART_PREFIX, PART_SUFFIX, write_file
from engine.job import RUN_FOLDER_PREFIX
from engine.leftovers import UNLOCKED_SECONDS, remove_parts, remove_run_folders
from engine.locks import hold_run_folder, try_lock
from engine.setup.datafolder import locked

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
