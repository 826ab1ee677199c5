from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.setup.environment import (
    Python,
    SetupError,
    choose_python,
    clean_variables,
    examine,
    explain_pip,
    launcher_paths,
)

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


RETRYING = (
    "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after "
    "connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection "
    "object>: Failed to establish a new connection: [Errno -3] Temporary failure in name "
    "resolution')': /simple/numpy/\n"
)
NONE_FOUND = (
    "ERROR: Could not find a version that satisfies the requirement onnxruntime<2,>=1.19 "
    "(from versions: none)\nERROR: No matching distribution found for onnxruntime<2,>=1.19\n"
)
OS_ERROR = "ERROR: Could not install packages due to an OSError: "


@pytest.mark.parametrize(
    "output, sentence",
    [
        (RETRYING + NONE_FOUND, "the package index cannot be reached"),
        (NONE_FOUND, "there is no onnxruntime<2,>=1.19 for this Python"),
        (OS_ERROR + "[Errno 28] No space left on device\n", "the disk is full"),
        (OS_ERROR + "[WinError 5] Access is denied: 'C:\\\\x.pyd'\n", "close whatever still uses"),
        ("There was a problem: SSLError(SSLCertVerificationError(1, '[SSL: ", "certificate"),
        ("ERROR: ResolutionImpossible: for help visit\n", "exclude each other"),
        (
            "Collecting numpy\nERROR: Something quite new happened\nnext line\n",
            "ERROR: Something quite new happened.",
        ),
        ("", "no reason was given."),
    ],
)
def test_pips_words_become_a_sentence(output: str, sentence: str) -> None:
    said = explain_pip(output)
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said


def test_nothing_leads_pip_or_python_astray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    astray = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_USER", "PIP_PREFIX")
    for name in astray:
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.delenv("PIP_CACHE_DIR", raising=False)
    variables = clean_variables(tmp_path)
    assert not variables.keys() & set(astray)
    inside = ("SCUMBLE_HOME", "TMPDIR", "TEMP", "TMP", "PIP_CACHE_DIR")
    assert all(Path(variables[name]).is_relative_to(tmp_path) for name in inside)
    assert variables["PATH"] == os.environ["PATH"]
    monkeypatch.setenv("PIP_CACHE_DIR", "/the/users/own")
    assert clean_variables(tmp_path)["PIP_CACHE_DIR"] == "/the/users/own"
