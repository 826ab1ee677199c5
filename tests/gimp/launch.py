"""Launches of checks inside GIMP, whose results they bring back."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gimp.gimp_root import Gimp

INSIDE = Path(__file__).resolve().parent / "inside"

FORKED = """\
#!/bin/sh
exec python3 -ISB {checkout}/tests/gimp/inside/forked_engine.py "$@"
"""
"""Stand-in for the engine's Python."""


def check_names(module: str) -> list[str]:
    """Return the names of the checks in a module, which only GIMP can import."""
    tree = ast.parse((INSIDE / f"{module}.py").read_text(encoding="utf-8"))
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name[6:].replace("_", " ") for name in found if name.startswith("check_")]


@contextmanager
def forking(gimp: Gimp) -> Iterator[None]:
    """Keep a process for `forked_engines`."""
    script = f"{gimp.checkout_inside}/tests/gimp/inside/forked_engine.py"
    command = gimp.command(_engine(gimp)["python"], "-I", "-X", "utf8", script, "serve")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as forks:
        assert forks.stdout is not None
        assert forks.stdout.readline() == b"listening\n"
        try:
            yield
        finally:
            forks.terminate()


@contextmanager
def forked_engines(gimp: Gimp) -> Iterator[None]:
    """Let the plug-in fork its engines; a copy of what the last worker received is kept."""
    forked = gimp.home / "forked-engine"
    forked.write_text(FORKED.format(checkout=gimp.checkout_inside), encoding="utf-8")
    forked.chmod(0o755)
    place = gimp.plugin / "engine.json"
    text = place.read_text(encoding="utf-8")
    changed = {**_engine(gimp), "python": f"{gimp.home_inside}/{forked.name}"}
    place.write_text(json.dumps(changed), encoding="utf-8")
    try:
        yield
    finally:
        place.write_text(text, encoding="utf-8")


def _engine(gimp: Gimp) -> dict[str, str]:
    """Return where the plug-in finds its engine."""
    return json.loads((gimp.plugin / "engine.json").read_text(encoding="utf-8"))


def asked_modules(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Return each `module` that tests of this file, as far as they run, have as a parameter."""
    items = (item for item in request.session.items if item.path == request.path)
    calls = (getattr(item, "callspec", None) for item in items)
    asked = [call.params["module"] for call in calls if call and "module" in call.params]
    return tuple(dict.fromkeys(asked))


def run_checks(
    gimp: Gimp, modules: tuple[str, ...], *, screen: bool = False
) -> tuple[dict[str, dict[str, str]], str]:
    """Run modules of checks in one GIMP, one after the other.

    Parameters
    ----------
    gimp : Gimp
    modules : tuple of str
    screen : bool
        Whether the plug-in has a screen for its windows.

    Returns
    -------
    failures : dict of str to dict of str to str
        For each module, the failure of each of its checks; empty if it did well. A module is
        missing if GIMP ended before its end.
    printed : str
        What GIMP printed.
    """
    inside = f"{gimp.checkout_inside}/tests/gimp/inside"
    lines = [f"import sys; sys.path.insert(0, {inside!r})"]
    lines += [f"import {module}" for module in ("kit", *modules)]
    lines += [f"kit.run_all({name}.CHECKS, kit.TMP / '{name}.json')" for name in modules]
    script = "\n".join(lines) + "\n"
    with forked_engines(gimp):
        if screen:
            bus = ("dbus-run-session", "--") if "spoken" in modules else ()
            command = ("python3", f"{inside}/with_screen.py", *bus, *gimp.batch_command)
            printed = gimp.run(*command, text=script)
        else:
            printed = gimp.batch(script, seconds=600)
    reports = {module: gimp.tmp / f"{module}.json" for module in modules}
    failures = {
        module: json.loads(report.read_text(encoding="utf-8"))
        for module, report in reports.items()
        if report.is_file()
    }
    return failures, printed


def make_scenes(gimp: Gimp, call: str) -> None:
    """Call a function of the module scenes inside GIMP; it must do well."""
    run_in_gimp(gimp, "scenes", call)


def run_in_gimp(gimp: Gimp, module: str, call: str) -> None:
    """Call a function of a module inside GIMP; it must do well."""
    called = gimp.tmp / "called"
    called.unlink(missing_ok=True)
    printed = gimp.batch(
        f"import sys; sys.path.insert(0, '{gimp.checkout_inside}/tests/gimp/inside')\n"
        f"import kit, {module}\n"
        f"{module}.{call}\n"
        f"(kit.TMP / 'called').touch()\n"
    )
    assert called.is_file(), printed[-4000:]
