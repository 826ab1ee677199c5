from __future__ import annotations

import dataclasses
import importlib.util
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from engine.cli.options import option_name
from engine.cli.parser import build_parser
from engine.job import PROPAGATIONS, Job, Region
from engine.methods import METHODS

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = [
    *CHECKOUT.glob("*.md"),
    *(CHECKOUT / "docs").rglob("*.md"),
    CHECKOUT / "models" / "CREDITS.md",
    CHECKOUT / "engine" / "gallery" / "pictures" / "SOURCES.md",
    CHECKOUT / "engine" / "paintings" / "SOURCES.md",
    CHECKOUT / "tests" / "bench" / "pictures" / "SOURCES.md",
]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
COMMAND = re.compile(r"^    ((?:scumble|python3 install\.py)\b.*)$", re.MULTILINE)
COMMANDS = sorted({each for text in TEXTS.values() for each in COMMAND.findall(text)})


def installer() -> Any:
    spec = importlib.util.spec_from_file_location("install", CHECKOUT / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings have on GitHub and GitLab."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_to_files_and_headings_of_this_checkout(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)[^)]*\)", TEXTS[page]):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert file.is_relative_to(CHECKOUT), target
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_options_that_exist(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "oil.png").touch()  # a picture to start from
    words = shlex.split(command)
    if words[0] == "scumble":
        build_parser().parse_args(words[1:])
        return
    given = words[2:]
    name = given.pop(0) if given[:1] in (["demo"], ["test"]) else ""
    _, rest = installer().read_options(given, name)
    assert name == "test" or rest == []


def test_python_files_and_modules_named_in_commands_exist() -> None:
    found = 0
    for text in TEXTS.values():
        for module in re.findall(r"\bpython3? -m (tests[\w.]*)", text):
            found += 1
            path = CHECKOUT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
        for file in re.findall(r"\bpython3? ([\w/.-]+\.py)\b", text):
            found += 1
            assert (CHECKOUT / file).is_file(), file
    assert found > 5


def test_the_page_on_the_command_line_lists_every_option_with_its_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = TEXTS[CHECKOUT / "docs" / "command-line.md"]
    rows = re.findall(r"^\| `(--[\w-]+)[^`]*` \|.*\| (.*?) ?\|$", page, re.MULTILINE)
    listed = dict(rows)
    assert len(listed) == len(rows)
    with pytest.raises(SystemExit):
        build_parser().parse_args(["stylize", "--help"])
    help_text = capsys.readouterr().out
    assert set(listed) == set(re.findall(r"^  (--[\w-]+)", help_text, re.MULTILINE))
    for described in (*dataclasses.fields(Region), *dataclasses.fields(Job)):
        default = described.default
        if described.metadata["kind"] in ("number", "choice"):
            named = {value: word for word, value in described.metadata["named"].items()}
            number = described.metadata["kind"] == "number"
            shown = named.get(default, f"{default:.10g}") if number else default
            assert listed[option_name(described)] == shown


def test_the_page_on_installing_lists_every_option_of_the_installer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = TEXTS[CHECKOUT / "docs" / "install.md"]
    listed = set(re.findall(r"^\| `(--[\w-]+)", page, re.MULTILINE))
    options: set[str] = set()
    for command in ("", "demo"):
        with pytest.raises(SystemExit):
            installer().read_options(["--help"], command)
        options |= set(re.findall(r"^  (--[\w-]+)", capsys.readouterr().out, re.MULTILINE))
    assert listed == options


@pytest.mark.parametrize("title, names", [("method", METHODS), ("propagation", PROPAGATIONS)])
def test_the_page_on_the_method_describes_every_choice(title: str, names: Iterable[str]) -> None:
    page = TEXTS[CHECKOUT / "docs" / "method.md"]
    rows = page[page.index(f"| {title} |") :].partition("\n\n")[0].splitlines()[2:]
    assert {row.split("`")[1] for row in rows} == {"auto", *names}


def test_contributing_lists_every_module_and_nothing_else() -> None:
    page = TEXTS[CHECKOUT / "CONTRIBUTING.md"]
    listed = re.findall(r"^\| `([\w/]+\.py)` \| \S", page, re.MULTILINE)
    modules = [
        path.relative_to(CHECKOUT).as_posix()
        for room in ("engine", "models", "plugin")
        for path in (CHECKOUT / room).rglob("*.py")
        if path.name != "__init__.py"
    ]
    assert sorted(listed) == sorted(modules)
