"""Imports: no room imports from one that is built on it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

FORBIDDEN = {
    "models": ("engine", "plugin"),
    "engine/pictures": ("loss", "metrics", "report", "gallery", "cli", "run", "scales"),
    "engine/masks": ("loss", "metrics", "report", "gallery", "cli", "run", "scales"),
    "engine/loss": ("metrics", "report", "gallery", "cli", "run", "scales"),
    "engine/metrics": ("report", "gallery", "cli", "run", "scales"),
    "engine/states": ("metrics", "report", "gallery", "cli", "run", "scales"),
    "engine/report": ("gallery", "cli"),
    "engine/gallery": ("report", "cli", "batch"),
    "engine/batch": ("metrics", "report", "gallery", "cli"),
    "engine": ("metrics", "gallery", "cli", "batch"),
}
"""Folders (without those below them), each with the rooms of the engine that it may not import."""

ALLOWED = {
    ("engine/__main__.py", "cli"),
    ("models/__main__.py", "argument_parser"),
    ("models/__main__.py", "translations"),
}
"""The programs' entries."""


def imported(file: Path) -> set[str]:
    """Return the modules that a file imports, other than for type checking alone."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_nothing_is_imported_upwards(folder: str) -> None:
    files = list((CHECKOUT / folder).glob("*.py"))
    assert files
    wrong = []
    for file in files:
        path = file.relative_to(CHECKOUT).as_posix()
        for name in imported(file):
            package, *rest = name.split(".")
            room = rest[0] if package == "engine" and rest else ""
            if {package, room} & set(FORBIDDEN[folder]) and (path, room) not in ALLOWED:
                wrong.append((path, name))
    assert wrong == []


def test_the_command_line_needs_no_gallery_until_it_is_asked_for_one() -> None:
    code = (
        "import sys; from engine.cli.parser import build_parser; build_parser();"
        "print([name for name in sys.modules if name.startswith('engine.gallery.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['engine.gallery.request']"
