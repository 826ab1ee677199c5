"""Launches of checks inside GIMP, whose results they bring back."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from tests.gimp.gimp_root import Gimp

INSIDE = Path(__file__).resolve().parent / "inside"

RECORDER = """\
#!/bin/sh
# Keeps a copy of what the engine receives, then becomes the engine.
for last; do :; done
rm -rf "$TMPDIR/recorded"
cp -r "$last" "$TMPDIR/recorded"
exec {python} "$@"
"""


def check_names(module: str) -> list[str]:
    """Return the names of the checks in a module, which only GIMP can import."""
    tree = ast.parse((INSIDE / f"{module}.py").read_text(encoding="utf-8"))
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name[6:].replace("_", " ") for name in found if name.startswith("check_")]


def record(gimp: Gimp) -> None:
    """Let the plug-in start the engine through the recorder."""
    place = gimp.plugin / "engine.json"
    data = json.loads(place.read_text(encoding="utf-8"))
    recorder = gimp.home / "recorder"
    if Path(data["python"]).name != recorder.name:
        recorder.write_text(RECORDER.format(python=data["python"]), encoding="utf-8")
        recorder.chmod(0o755)
        data["python"] = f"{gimp.home_inside}/{recorder.name}"
        place.write_text(json.dumps(data), encoding="utf-8")


def run_checks(gimp: Gimp, module: str) -> dict[str, str]:
    """Run a module of checks in one launch; return each check's failure, empty if it did well."""
    record(gimp)
    report = gimp.tmp / f"{module}.json"
    script = (
        f"import sys; sys.path.insert(0, '{gimp.checkout_inside}/tests/gimp/inside')\n"
        f"import kit, {module}\n"
        f"kit.run_all({module}.CHECKS, kit.TMP / '{module}.json')\n"
    )
    printed = gimp.batch(script)
    assert report.is_file(), printed[-4000:]
    results = json.loads(report.read_text(encoding="utf-8"))
    assert results, printed[-4000:]
    return results


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
