"""Smoke test of an installation: a tiny picture, painted by the command that users start.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.setup.datafolder import remove, remove_own_folder
from engine.setup.installation import Installation, install_engine, install_packages, note
from engine.setup.interpreter import make_python
from engine.setup.setup_errors import SetupError
from engine.translations import _, number_text

_TWO_PICTURES = """
import sys
from PIL import Image
parts = Image.linear_gradient("L"), Image.radial_gradient("L"), Image.effect_noise((256, 256), 90)
Image.merge("RGB", parts).resize((64, 64)).save(sys.argv[1])
Image.merge("RGB", parts[::-1]).resize((64, 64)).save(sys.argv[2])
"""

MEASURED = """
import sys
from engine.tuning import recorded
sys.exit(recorded() is None)
"""
"""Code for the engine's Python; its exit status is 0 if measurements of this processor hold."""


@dataclass(frozen=True)
class TrialPainting:
    """Result of painting: a sentence if it failed, the seconds it took, the network's device."""

    problem: str
    seconds: float
    device: str


def check(installation: Installation) -> str:
    """Paint a tiny picture through the launcher, and return where the network ran."""
    trial = paint(installation)
    if trial.problem and not installation.new_environment:
        installation.show(_("making the environment anew, since the engine does not paint"))
        remove_own_folder(installation.environment)
        for step in (make_python, install_packages, install_engine):
            step(installation)
        trial = paint(installation)
    if trial.problem:
        message = _(
            "The engine could not paint a small picture: {problem} The details are in {log}."
        ).format(problem=trial.problem, log=installation.log)
        raise SetupError(message)
    note(installation, device=trial.device)
    done = _("Painted a picture of 64x64 pixels in {seconds} s; the network ran on: {device}")
    done = done.format(seconds=number_text(trial.seconds, ".1f"), device=trial.device)
    wanted = installation.record["onnxruntime"]["distribution"]
    if trial.device == "cpu" and wanted != "onnxruntime":
        return _("{done}, although {wanted} is installed; '{command} doctor' may say why.").format(
            done=done, wanted=wanted, command=installation.launcher
        )
    return f"{done}."


def measure(installation: Installation) -> str:
    """Let the engine measure what is quickest on this processor, and return what was done.

    Measurements that hold are kept, as are all other parts of an installation.
    """
    python = [str(installation.python), "-I", "-X", "utf8"]
    if installation.run([*python, "-c", MEASURED])[0] == 0:
        return _("The measurements of this processor are there already.")
    installation.show(_("measuring what is quickest on this processor"))
    status, output = installation.run([str(installation.launcher), "doctor", "--measure"])
    if status:
        lines = [line for line in output.splitlines() if line.strip()]
        reason = lines[-1] if lines else _("status {status}").format(status=status)
        return _("Could not measure this processor ({reason}); the usual choices are used.").format(
            reason=reason
        )
    return _("Measured what is quickest on this processor.")


def paint(installation: Installation, before: Iterable[str] = ()) -> TrialPainting:
    """Paint a tiny picture through the launcher.

    Parameters
    ----------
    installation : Installation
        Whose launcher.
    before : iterable of str
        A command that starts the launcher, such as a sandbox's.
    """
    folder = installation.work / "check"
    remove(folder)
    folder.mkdir()
    content, style, painted = (str(folder / f"{name}.png") for name in ("content", "style", "out"))
    status, output = installation.run(
        [str(installation.python), "-I", "-X", "utf8", "-c", _TWO_PICTURES, content, style]
    )
    began = time.monotonic()
    installation.show(_("painting a small picture"))
    if not status:
        command = [str(installation.launcher), "stylize", content, painted, "--style", style]
        status, output = installation.run([*before, *command, "--iterations", "2", "--json"])
    problem = ""
    if status or not Path(painted).is_file():
        lines = [line for line in output.splitlines() if line.strip() and line[0] != "{"]
        problem = (
            lines[-1]
            if lines
            else _("it ended with status {status} and printed nothing.").format(status=status)
        )
    remove(folder)
    return TrialPainting(problem, time.monotonic() - began, _device(output))


def _device(output: str) -> str:
    """Return where the network ran, from the engine's JSON lines."""
    device = "unknown"
    for line in output.splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                device = event.get("device") or device
    return str(device)
