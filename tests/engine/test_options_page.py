"""The commands of docs/options.md can be given, and are those that paint its pictures."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from engine.cli.options import job_from_options
from engine.cli.parser import build_parser
from engine.output_files import inputs
from tests.engine.programs import CHECKOUT

DEMO = CHECKOUT / "docs" / "demo"
PAGE = (CHECKOUT / "docs" / "options.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    scumble (stylize .*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_given_with_the_demonstrations_pictures(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DEMO)
    # A painting that another command makes is looked for by none of the options but --init.
    options = build_parser().parse_args(shlex.split(command.replace("--init oil.png", "")))
    job = job_from_options(options)
    for file in inputs(job):
        assert (DEMO / file).is_file(), file


def test_the_page_gives_the_commands_of_its_pictures() -> None:
    script = DEMO / "paint_options.py"
    spec = importlib.util.spec_from_file_location("paint_options", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = dict(re.findall(r"stylize photo\.jpg (\S+)\.png (.*)$", "\n".join(COMMANDS), re.M))
    plain = {"oil", "woodcut"}  # what all the others are compared with
    painted = {name: text for name, text in module.PAINTINGS.items() if name not in plain}
    assert given == painted
    shown = {Path(file).stem for cells in module.SHOWN.values() for file, _ in cells}
    assert set(module.PAINTINGS) <= shown
    assert " ".join(module.SPEED[:4]) in PAGE
