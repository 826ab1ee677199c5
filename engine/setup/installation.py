"""The steps that make, check and remove an installation of the engine in its data folder.

Each step is a function that takes an `Installation`, can be repeated after any interruption, does
only what is not there yet, and returns a sentence saying what it did. Standard library only.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import engine
from engine.paths import model_file
from engine.setup import relocatable_python
from engine.setup.datafolder import (
    program_files,
    read_record,
    remove,
    replace_file,
    write_record,
)
from engine.setup.environment import (
    Python,
    SetupError,
    clean_variables,
    environment_python,
    examine,
    explain_pip,
    installed_packages,
)
from engine.setup.launcher import launcher_path, write_launcher
from engine.setup.machine import (
    DISTRIBUTIONS,
    Distribution,
    Machine,
    choose_onnxruntime,
)
from engine.setup.requirements import ENGINE, PLOTS, TESTS, distribution_name, read_requirements

PROGRAM = ("engine", "models", "plugin")
"""The packages that are copied into the data folder."""

STAMP = "installed.json"
"""In the environment: its packages are complete."""

ASKED = "asked for"
"""The reason for an environment on its own that is not given up when it cannot be had."""


def _silent(_text: str) -> None:
    """Show nothing."""


@dataclass
class Installation:
    """One run of the installer: what was asked for, and what the steps found so far.

    Attributes
    ----------
    home : Path
        The data folder.
    checkout : Path
        The folder with install.py, engine/ and models/.
    weights : Path or None
        A file that has the network's weights.
    onnxruntime : str
        What was asked for: one of `engine.job.DEVICES`.
    for_tests : bool
        Whether the engine is run from the checkout, with the tests' packages beside its own.
    plots : bool
        Whether matplotlib is asked for; an installation that has it keeps it without being asked.
    self_contained : str
        Why the environment must need no file outside of the data folder; empty where it may. An
        installation that needs none keeps to that without being asked.
    show : callable
        Told what is going on within a step.
    """

    home: Path
    checkout: Path
    weights: Path | None = None
    onnxruntime: str = "auto"
    for_tests: bool = False
    plots: bool = False
    self_contained: str = ""
    gimp_folders: tuple[str, ...] = ()
    show: Callable[[str], None] = _silent
    record: dict[str, Any] = field(default_factory=dict)
    machine: Machine | None = None
    lock: int | None = None

    @property
    def environment(self) -> Path:
        """The folder of the engine's environment."""
        return self.home / "env"

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return environment_python(self.environment)

    @property
    def launcher(self) -> Path:
        """The command that users start."""
        return launcher_path(self.home)

    @property
    def log(self) -> Path:
        """The file that keeps what the commands printed."""
        return self.home / "logs" / "install.log"

    def run(self, command: list[str]) -> tuple[int, str]:
        """Run a command, show its lines, keep them in the log; return its status and output."""
        lines = []
        with self.log.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write("$ " + " ".join(command) + "\n")
            log.flush()
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=clean_variables(self.home),
                cwd=str(self.home),
                # The lock lives in the command too: should only this process be killed, the
                # next run waits until the command has ended as well.
                pass_fds=() if self.lock is None or os.name == "nt" else (self.lock,),
                encoding="utf-8",
                errors="replace",
            )
            try:
                for line in process.stdout or ():
                    lines.append(line)
                    log.write(line)
                    log.flush()
                    if not line.startswith(("{", " ", "WARNING")):
                        self.show(line.strip())
            except BaseException:
                process.kill()
                raise
            finally:
                process.wait()
        return process.returncode, "".join(lines)


def note(installation: Installation, **entries: Any) -> None:
    """Add entries to the data folder's record."""
    installation.record.update(entries)
    write_record(installation.home, installation.record)


def begin(installation: Installation) -> str:
    """Mark the installation incomplete."""
    home = installation.home
    before = read_record(home)
    installation.record = dict(before or {})
    note(
        installation,
        program="scumble",
        complete=False,
        version=engine.__version__,
        for_tests=installation.for_tests,
    )
    for folder in ("logs", "tmp"):
        (home / folder).mkdir(exist_ok=True)
    installation.log.write_text("", encoding="utf-8")
    if before is None:
        return f"Scumble {engine.__version__} goes into {home}."
    if before.get("complete"):
        return f"Scumble {before.get('version')} is in {home}; what is missing or old is made new."
    return f"An earlier run in {home} was not finished; this one goes on from there."


def put_packages(installation: Installation) -> str:
    """Install the packages, with exactly one onnxruntime, and what a copied Python needs for it."""
    did = _install_packages(installation)
    home, environment = installation.home, installation.environment
    if not relocatable_python.in_use(home, environment):
        return did
    installation.show("looking for the libraries that they need")
    try:
        outside = relocatable_python.complete(home, environment, installation.python)
    except SetupError as error:
        (environment / STAMP).unlink(missing_ok=True)
        message = f"The packages cannot be loaded: {error}. Run this again to make them anew."
        raise SetupError(message) from error
    if outside:
        return f"{did} They load from outside of the data folder: {', '.join(outside)}."
    return f"{did} They need no file outside of {home}."


def _install_packages(installation: Installation) -> str:
    python = examine(str(installation.python))
    if python is None or installation.machine is None:
        message = f"{installation.python} does not run; remove {installation.environment}."
        raise SetupError(message)
    chosen = choose_onnxruntime(installation.machine, python.version[:2], installation.onnxruntime)
    wanted = _requirements(installation, chosen)
    stamp = installation.environment / STAMP
    done = json.loads(stamp.read_text(encoding="utf-8")) if stamp.is_file() else {}
    present = installed_packages(installation.python) or {}
    kept = done.get("packages", {})
    if done.get("requirements") == wanted and kept.items() <= present.items():
        _note_packages(installation, python, chosen, present)
        return f"{_names(present, chosen)} are there already."
    stamp.unlink(missing_ok=True)
    pip = [str(installation.python), "-I", "-X", "utf8", "-m", "pip"]
    removed = [name for name in DISTRIBUTIONS if name in present and name != chosen.name]
    if removed:
        _checked(installation, [*pip, "uninstall", "--yes", *removed], ", ".join(removed))
    installation.show(f"fetching {', '.join(wanted)}")
    _checked(
        installation,
        [*pip, "install", "--only-binary=:all:", "--progress-bar=off", *wanted],
        f"The packages for {python.name}",
        "" if chosen.name == "onnxruntime" else " --onnxruntime cpu asks for less.",
    )
    present = installed_packages(installation.python) or {}
    names = {distribution_name(requirement) for requirement in wanted}
    text = json.dumps(
        {"requirements": wanted, "packages": {name: present.get(name) for name in sorted(names)}}
    )
    replace_file(stamp, text)
    _note_packages(installation, python, chosen, present)
    instead = f" in place of {', '.join(removed)}" if removed else ""
    return f"Installed {_names(present, chosen)}{instead} ({chosen.reason})."


def put_engine(installation: Installation) -> str:
    """Copy the engine and the network's description, and let the environment find them."""
    app, fresh, old = (installation.home / name for name in ("app", "app.new", "app.old"))
    sources = {name: installation.checkout / name for name in PROGRAM}
    for left in (fresh, old):
        remove(left)
    if installation.for_tests:
        _point_at(installation, str(installation.checkout))
        return f"The engine is run from {installation.checkout}."
    if all(program_files(source) == program_files(app / name) for name, source in sources.items()):
        # Relative to the environment's packages, so that no letter of the path can go wrong.
        _point_at(installation, None)
        return f"The engine in {app} is there already."
    for name, source in sources.items():
        for path, content in program_files(source).items():
            target = fresh / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    replaced = app.exists()
    if replaced:
        os.replace(app, old)
    os.replace(fresh, app)
    if replaced:
        remove(old)
    _point_at(installation, None)
    return f"{'Replaced' if replaced else 'Copied'} the engine in {app}."


def put_model(installation: Installation) -> str:
    """Have the network's weights checked, fetched if need be."""
    cache = model_file(installation.home)
    command = [str(installation.python), "-I", "-X", "utf8", "-m", "models", "--cache", str(cache)]
    if installation.weights:
        command += ["--weights", str(installation.weights)]
    status, output = installation.run(command)
    said = [line for line in output.splitlines() if line.strip()] or ["The model gave no reason."]
    if status:
        raise SetupError(said[-1])
    return said[-1]


def put_launcher(installation: Installation) -> str:
    """Write the command that starts the engine."""
    if write_launcher(installation.home):
        return f"The command is {installation.launcher}."
    return f"The command {installation.launcher} is there already."


def finish(installation: Installation) -> str:
    """Remove what was only needed on the way, and mark the installation complete."""
    leftovers = ["tmp"] if installation.for_tests else ["tmp", "cache"]
    for name in leftovers:
        remove(installation.home / name)
    note(installation, complete=True)
    example = f"{installation.launcher} stylize PHOTO RESULT --style PAINTING"
    return f"Scumble {engine.__version__} is ready; try: {example}"


def variables(installation: Installation) -> dict[str, str]:
    """Return the environment variables for the finished installation's own commands."""
    kept = clean_variables(installation.home)
    for name in ("TMPDIR", "TEMP", "TMP"):
        kept.pop(name)
        if name in os.environ:
            kept[name] = os.environ[name]
    return kept


def _requirements(installation: Installation, chosen: Distribution) -> list[str]:
    lists = [ENGINE]
    if installation.plots or installation.for_tests or installation.record.get("plots"):
        lists.append(PLOTS)
    if installation.for_tests:
        lists.append(TESTS)
    pyproject = installation.checkout / "pyproject.toml"
    wanted = [each for place in lists for each in read_requirements(pyproject, *place)]
    return [*wanted, chosen.requirement]


def _names(present: dict[str, str], chosen: Distribution) -> str:
    names = ["numpy", "scipy", "pillow", *(["matplotlib"] if "matplotlib" in present else [])]
    return ", ".join(f"{name} {present.get(name, '?')}" for name in [*names, chosen.name])


def _note_packages(
    installation: Installation, python: Python, chosen: Distribution, present: dict[str, str]
) -> None:
    onnxruntime = {"distribution": chosen.name, "version": present.get(chosen.name)}
    plots = installation.plots or installation.record.get("plots", False)
    note(installation, python=python.name.split()[-1], onnxruntime=onnxruntime, plots=plots)


def _checked(installation: Installation, command: list[str], what: str, hint: str = "") -> None:
    """Run pip; where it fails, say why in a sentence."""
    status, output = installation.run(command)
    if status:
        message = (
            f"{what} could not be installed: {explain_pip(output)}{hint} "
            f"pip's own words are in {installation.log}."
        )
        raise SetupError(message)


def _point_at(installation: Installation, checkout: str | None) -> None:
    """Let the environment import engine and models from HOME/app, or from the checkout."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    status, output = installation.run([str(installation.python), "-I", "-c", code])
    if status:
        message = f"{installation.python} does not run; the log is {installation.log}."
        raise SetupError(message)
    packages = Path(output.strip())
    # Relative where possible: it is plain ASCII then, whatever letters the data folder's path has.
    line = checkout or os.path.relpath(installation.home / "app", packages)
    pointer = packages / "scumble.pth"
    if not pointer.is_file() or pointer.read_bytes() != f"{line}\n".encode():
        replace_file(pointer, line + "\n")
