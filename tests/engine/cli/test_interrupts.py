"""Ctrl-C at the moments when it is easily mishandled: at the start and while files are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.pictures.picture import read_picture
from tests.engine.programs import (
    PATIENCE,
    QUICK,
    check_sentence,
    environment,
    scumble,
)

BASE = ("stylize", "content.png", "out.png", "--style", "waves.png")

INTERRUPT = """
import os, signal
def interrupt(times):
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)
"""


AT_AN_IMPORT = """
import importlib.abc, os, runpy, signal, sys
class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, found, path, target=None):
        if found == {module!r}:
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Interrupting())
sys.argv[0] = "engine"
runpy.run_module("engine", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("name", "module"),
    [
        *(("SIGINT", each) for each in ("engine.threads", "argparse", "engine.run", "numpy")),
        ("SIGTERM", "engine.cli.commands"),
        ("SIGTERM", "engine.run"),
    ],
)
def test_a_signal_during_the_imports_ends_it_quietly(
    pictures: Path, name: str, module: str
) -> None:
    code = AT_AN_IMPORT.format(name=name, module=module)
    done = subprocess.run(
        [sys.executable, "-c", code, *BASE],
        cwd=pictures,
        env=environment(pictures / "home"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert not (pictures / "out.png").exists()
    if done.returncode != 130:
        # The painting itself has begun, and the first Ctrl-C asks it for its best picture.
        assert "best picture so far" in done.stderr


TWICE_IN_THE_WRITE = (
    INTERRUPT
    + """
from engine.pictures import picture
write_picture = picture.write_picture
def write_and_interrupt(*arguments):
    interrupt(WHEN[0])
    notes = write_picture(*arguments)
    interrupt(WHEN[1])
    return notes
picture.write_picture = write_and_interrupt
"""
)


@pytest.mark.parametrize("when", [(2, 0), (0, 2), (1, 1)])
def test_ctrl_c_twice_during_the_write_lets_it_finish(
    pictures: Path, model_home: Path, when: tuple[int, int]
) -> None:
    """The picture and what the mask cuts it out of: Ctrl-C falls before, between and after."""
    before = f"WHEN = {when}\n" + TWICE_IN_THE_WRITE
    done = scumble(*BASE, "ramp.png", "--uncut", *QUICK, home=model_home, folder=pictures,
                   before=before)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Wrote out.png, out-1.png")
    for name in ("out.png", "out-1.png"):
        read_picture(pictures / name)


def test_ctrl_c_after_the_write_does_not_change_the_status(
    pictures: Path, model_home: Path
) -> None:
    before = (
        INTERRUPT
        + """
from engine.cli import commands
result_text = commands.result_text
def text_and_interrupt(*arguments):
    interrupt(3)
    return result_text(*arguments)
commands.result_text = text_and_interrupt
"""
    )
    done = scumble(*BASE, *QUICK, home=model_home, folder=pictures, before=before)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Wrote out.png")


def test_ctrl_c_twice_during_the_report_says_that_the_picture_is_there(
    pictures: Path, model_home: Path
) -> None:
    before = (
        INTERRUPT
        + """
from engine.cli import commands
commands.try_report = lambda *arguments: interrupt(2)
"""
    )
    done = scumble(*BASE, *QUICK, "--report", "report", "--quiet", home=model_home,
                   folder=pictures, before=before)  # fmt: skip
    assert done.returncode == 130
    check_sentence(done.stderr, "out.png is written, without its report.")
    read_picture(pictures / "out.png")
    assert not (pictures / "report").exists()
