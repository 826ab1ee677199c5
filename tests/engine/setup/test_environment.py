from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engine.setup.environment import (
    Python,
    choose_python,
    clean_variables,
    damaged_packages,
    environment_python,
    examine,
    launcher_paths,
)
from engine.setup.setup_errors import SetupError
from tests.made_up import write_wheel

NEWEST = (3, 14)


def python(*version: int, suitable: bool = True, venv: bool = True) -> Python:
    return Python(f"/python{version[1]}", version, suitable=suitable, venv=venv)


def choose(starting: Python, *others: Python) -> tuple[Python, str]:
    return choose_python(starting, NEWEST, lambda: list(others))


def test_a_good_starting_python_is_kept_without_looking_further() -> None:
    def nobody_asks() -> list[Python]:
        raise AssertionError

    starting = python(3, 12, 1)
    assert choose_python(starting, NEWEST, nobody_asks) == (starting, "")


@pytest.mark.parametrize(
    "starting, reason",
    [
        (python(3, 9, 2), "is older than 3.11"),
        (python(3, 15, 0), "is newer than 3.14"),
        (python(3, 12, 0, suitable=False), "is not a 64-bit CPython"),
        (python(3, 12, 0, venv=False), "cannot make environments"),
    ],
)
def test_a_better_python_is_taken_and_that_is_said(starting: Python, reason: str) -> None:
    unusable = python(3, 14, 0, venv=False)
    chosen, said = choose(starting, unusable, python(3, 13, 1), python(3, 11, 0))
    assert chosen == python(3, 13, 1)
    assert reason in said


@pytest.mark.parametrize("starting", [python(3, 9, 2), python(3, 15, 0)])
def test_without_a_better_python_it_goes_on_and_says_so(starting: Python) -> None:
    chosen, said = choose(starting)
    assert chosen == starting
    assert said


def test_without_any_usable_python_it_says_what_to_do() -> None:
    with pytest.raises(SetupError, match="64-bit CPython"):
        choose(python(3, 12, 0, suitable=False))
    with pytest.raises(SetupError, match=r"ensurepip is missing; .*install .*venv"):
        choose(python(3, 12, 0, venv=False))


def test_the_python_that_runs_this_is_examined() -> None:
    found = examine(sys.executable)
    assert found
    assert found.version == sys.version_info[:3]
    assert found.suitable


def test_what_does_not_run_is_no_python(tmp_path: Path) -> None:
    assert examine(str(tmp_path / "none")) is None
    broken = tmp_path / "python3.13"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert examine(str(broken)) is None


def test_the_listing_of_windows_launcher() -> None:
    listing = (
        " -V:3.15          C:\\Python315\\python.exe\n"
        " -V:3.12 *        C:\\Users\\A B\\Python312\\python.exe\n"
        " -V:3.13-32       C:\\Python313-32\\python.exe\n"
        " -3.14-64         C:\\Python314\\python.exe\n"
        " -V:3.10          C:\\Python310\\python.exe\n"
        " -V:Astral/CPython3.13.1 C:\\uv\\python.exe\n"
    )
    assert launcher_paths(listing, NEWEST) == [
        "C:\\Python314\\python.exe",
        "C:\\Users\\A B\\Python312\\python.exe",
    ]


def test_nothing_leads_pip_or_python_astray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    astray = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_LOG")
    for name in astray:
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.delenv("PIP_CACHE_DIR", raising=False)
    variables = clean_variables(tmp_path)
    assert not variables.keys() & set(astray)
    inside = ("SCUMBLE_HOME", "TMPDIR", "TEMP", "TMP", "PIP_CACHE_DIR")
    assert all(Path(variables[name]).is_relative_to(tmp_path) for name in inside)
    assert variables["PATH"] == os.environ["PATH"]
    assert variables["PIP_USER"] == "0"
    for name in ("PIP_INDEX_URL", "PIP_PROXY", "PIP_CERT", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "the user's own")
        assert clean_variables(tmp_path)[name] == "the user's own"
    monkeypatch.setenv("PIP_CACHE_DIR", "/the/users/own")
    assert clean_variables(tmp_path)["PIP_CACHE_DIR"] == "/the/users/own"


def test_a_missing_changed_or_emptied_file_of_a_package_is_found(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    packages = next((tmp_path / "env").rglob("site-packages"))
    wheel = write_wheel(tmp_path, "any_thing", "1.0", {"thing/a.py": "x = 1", "thing/b.py": "y"})
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    python = environment_python(tmp_path / "env")
    assert damaged_packages(python) == {}
    for text in ("x = 2", "\0" * 5, ""):
        (packages / "thing" / "a.py").write_text(text)
        assert damaged_packages(python) == {"any-thing": "1.0"}
    (packages / "thing" / "a.py").unlink()
    assert damaged_packages(python) == {"any-thing": "1.0"}
    (packages / "thing" / "a.py").write_text("x = 1")
    assert damaged_packages(python) == {}
    (packages / "any_thing-1.0.dist-info" / "METADATA").unlink()
    assert damaged_packages(python) == {"any-thing": "1.0"}
    with pytest.raises(SetupError, match="cannot be run"):
        damaged_packages(tmp_path / "none")
