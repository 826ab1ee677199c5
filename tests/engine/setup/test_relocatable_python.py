"""A copy of the Python that runs the tests, in a data folder, needs nothing of the machine's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.setup import relocatable_python
from engine.setup.environment import (
    Python,
    environment_base,
    environment_python,
    examine,
    make_environment,
)
from engine.setup.setup_errors import SetupError
from tests.bare_root import run_in_bare_root
from tests.made_up import copy_pip

ABOUT = """
import bz2, ctypes, hashlib, json, lzma, math, os, socket, sqlite3, ssl, sys, zlib
places = [sys.executable, sys.prefix, sys.base_prefix]
print(json.dumps([places, os.listdir("/"), sys.version_info[:3], ssl.OPENSSL_VERSION]))
"""


def starting() -> Python:
    python = examine(sys.executable)
    assert python is not None
    return python


def quietly(command: list[str]) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def with_pip_copied(command: list[str]) -> tuple[int, str]:
    """Run a command of `make_environment`; ensurepip, which takes seconds, copies the tests' pip.

    The real one works on a copy of Python where Scumble itself is installed, in test_install.py.
    """
    if "ensurepip" not in command:
        return quietly(command)
    copy_pip(next(Path(command[0]).parents[1].rglob("site-packages")))
    return 0, ""


def bare_environment(python: Python, folder: Path) -> None:
    command = [python.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True)


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with a copy and an environment on it; tests leave it as it is."""
    home = tmp_path_factory.mktemp("copied") / "Müller's data ♥"
    home.mkdir()
    copy = relocatable_python.make(starting(), home)
    make_environment(copy, home / "env", with_pip_copied)
    return home


def test_it_starts_where_nothing_else_is(copied: Path, tmp_path: Path) -> None:
    python = environment_python(copied / "env")
    done = run_in_bare_root(tmp_path, copied, python, "-I", "-X", "utf8", "-c", ABOUT)
    assert (done.returncode, done.stderr) == (0, "")
    (executable, prefix, base), root, version, _ = json.loads(done.stdout)
    assert executable == str(python)
    assert prefix == str(copied / "env")
    assert base == str(copied / "python")
    assert set(root) <= {"bin", "dev", "proc", "lib", "lib64", copied.parts[1]}
    assert tuple(version) == sys.version_info[:3]


def test_the_environment_of_the_machines_own_python_does_not(copied: Path, tmp_path: Path) -> None:
    """Else the root would not be bare enough to show anything."""
    bare_environment(starting(), copied / "other")
    done = run_in_bare_root(tmp_path, copied, environment_python(copied / "other"), "-c", "")
    shutil.rmtree(copied / "other")
    assert done.returncode != 0


def test_the_copy_is_known_and_is_like_its_source(copied: Path) -> None:
    copy = relocatable_python.find(copied)
    assert copy is not None
    assert copy.version == sys.version_info[:3]
    assert copy.venv == starting().venv
    assert relocatable_python.in_use(copied, copied / "env")
    assert environment_base(copied / "env") == copied / "python" / "bin"
    assert not relocatable_python.in_use(copied.parent, copied / "env")
    assert environment_base(copied / "nothing") is None


def test_pip_works_on_it(copied: Path) -> None:
    python = environment_python(copied / "env")
    done = subprocess.run(
        [python, "-I", "-m", "pip", "debug", "--verbose"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"sys.executable: {python}" in done.stdout
    assert "-manylinux_2_17_" in done.stdout


def test_a_damaged_copy_is_not_taken_for_one(copied: Path, tmp_path: Path) -> None:
    home = shutil.copytree(copied, tmp_path / "home", symlinks=True)
    assert relocatable_python.find(home) is not None
    library = next((home / "python" / "libraries").glob("libz.so*"))
    content = library.read_bytes()
    library.write_bytes(content[:-1])
    assert relocatable_python.find(home) is None
    library.write_bytes(content)
    assert relocatable_python.find(home) is not None
    for damage in ("{", "[]", '{"files": 3}'):
        (home / "python" / "files.json").write_text(damage)
        assert relocatable_python.find(home) is None
    assert relocatable_python.find(tmp_path) is None


def test_a_copy_of_the_copy_is_refused_and_leaves_it(copied: Path) -> None:
    copy = relocatable_python.find(copied)
    assert copy is not None
    with pytest.raises(SetupError, match="is the copy itself"):
        relocatable_python.make(copy, copied)
    assert relocatable_python.find(copied) == copy


def test_a_path_that_loaders_cannot_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="':' or ';'"):
        relocatable_python.make(starting(), tmp_path / "a:b")
    assert not list(tmp_path.rglob("*"))


def test_without_ldd_there_is_no_half_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="ldd cannot be run"):
        relocatable_python.make(starting(), tmp_path)
    assert not relocatable_python.python_path(tmp_path).exists()


def test_what_packages_load_is_added(copied: Path, tmp_path: Path) -> None:
    """One package is a library of the machine's, which Python itself does not load."""
    home = tmp_path / "home"
    home.mkdir()
    copy = relocatable_python.make(starting(), home)
    bare_environment(copy, home / "env")
    packages = next((home / "env").rglob("site-packages"))
    for name in ("scipy", "PIL", "google/protobuf", "psutil", "onnxruntime"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text("")
    (packages / "PIL" / "Image.py").write_text("")
    (packages / "numpy.py").write_text("import ctypes; ctypes.CDLL('libstdc++.so.6')\n")
    python = environment_python(home / "env")
    assert not (home / "python" / "libraries" / "libstdc++.so.6").exists()
    outside = [os.path.basename(path) for path in relocatable_python.files_outside(home, python)]
    assert any(name.startswith("libstdc++") for name in outside)
    assert not any(name.startswith(("libc.", "libc-", "ld-")) for name in outside)
    assert relocatable_python.complete(home, home / "env", python) == []
    assert relocatable_python.find(home) is not None
    (packages / "numpy.py").write_text("raise ImportError('this one is broken')\n")
    with pytest.raises(SetupError, match="this one is broken"):
        relocatable_python.complete(home, home / "env", python)
