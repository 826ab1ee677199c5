"""Removal of a folder in which a command of a killed run is still at work."""

from __future__ import annotations

import errno
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from engine.setup import datafolder


def test_a_folder_is_removed_though_another_program_is_at_work_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "env"
    (folder / "lib").mkdir(parents=True)
    done = threading.Event()

    def unpack() -> None:
        number = 0
        while not done.is_set():
            number += 1
            with suppress(OSError):
                (folder / "lib" / f"file-{number}").write_text("x")
                if number > 20:
                    (folder / "lib" / f"file-{number - 20}").unlink()

    unpacking = threading.Thread(target=unpack)
    unpacking.start()
    try:
        threading.Timer(0.3, done.set).start()
        datafolder.remove(folder)
    finally:
        done.set()
        unpacking.join()
    assert not folder.exists()


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.ENOENT])
def test_a_removal_that_meets_another_program_is_repeated(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datafolder, "REMOVAL_PAUSE", 0)
    folder = tmp_path / "env"
    folder.mkdir()
    rmtree, failures = shutil.rmtree, [number, number]

    def disturbed(path: Path) -> None:
        if failures:
            raise OSError(failures.pop(), "disturbed")
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", disturbed)
    datafolder.remove(folder)
    assert not folder.exists()


def test_other_errors_are_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(errno.EACCES, "not allowed")

    monkeypatch.setattr(shutil, "rmtree", refused)
    with pytest.raises(PermissionError):
        datafolder.remove(tmp_path)
