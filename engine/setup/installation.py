"""Steps of the installation: packages, engine, launcher, and the record of them.

Each step is a function that takes an `Installation`, can be repeated after any interruption, does
only what is missing, and returns a sentence on what it did. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import engine
from engine.checksums import checksum
from engine.paths import OWN_MARK, cache_folder, is_own_folder
from engine.setup import relocatable_python
from engine.setup.datafolder import (
    CHANGING,
    CREATED_HOME,
    LOGS,
    MADE,
    STAMP,
    check_claimable,
    claim_file,
    claim_folder,
    read_record,
    remove,
    remove_leftovers,
    remove_own_folder,
    replace_file,
    upgrade_record,
    work_folder,
    write_record,
)
from engine.setup.environment import (
    Python,
    clean_variables,
    environment_python,
    examine,
    installed_packages,
)
from engine.setup.launcher import is_own_launcher, launcher_path, write_launcher
from engine.setup.machine import (
    DISTRIBUTIONS,
    Distribution,
    Machine,
    choose_onnxruntime,
)
from engine.setup.pip_errors import explain_pip, is_disk_full
from engine.setup.program import read_program, write_program
from engine.setup.requirements import (
    CLUSTER,
    ENGINE,
    PLOTS,
    TESTS,
    distribution_name,
    read_requirements,
)
from engine.setup.setup_errors import DiskFullError, SetupError
from engine.setup.subprocesses import supervised
from engine.translations import _

ASKED = "asked for"
"""The reason for an environment on its own that is not given up when it cannot be had."""


def _silent(_text: str) -> None:
    """Show nothing."""


@dataclass
class Installation:
    """One run of the installer: the user's wishes, and the findings of the steps so far.

    Attributes
    ----------
    home : Path
        The data folder.
    checkout : Path
        The folder with install.py, engine/ and models/.
    weights : Path or None
        A file that has the network's weights.
    weights_urls : tuple of str
        Addresses of such files, which are tried before the known ones.
    onnxruntime : str
        The wanted build: one of `engine.job.DEVICES`.
    for_tests : bool
        Whether the engine is run from the checkout, with the tests' packages beside its own.
    plots : bool
        Whether matplotlib is asked for; an installation that has it keeps it without being asked.
    cluster : bool
        The same for Dask.
    self_contained : str
        Why the environment must need no file outside of the data folder; empty where it may. An
        installation that needs none keeps to that without being asked.
    gimp_folders : tuple of str
        Folders of GIMPs that the user names.
    show : callable
        Is called with a line of progress within a step.
    created_home : bool
        Whether this run made the data folder.
    new_environment : bool
        Whether this run made the environment.
    damaged : dict of str to str
        The packages with damaged files, and their versions.
    """

    home: Path
    checkout: Path
    weights: Path | None = None
    weights_urls: tuple[str, ...] = ()
    onnxruntime: str = "auto"
    for_tests: bool = False
    plots: bool = False
    cluster: bool = False
    self_contained: str = ""
    gimp_folders: tuple[str, ...] = ()
    show: Callable[[str], None] = _silent
    record: dict[str, Any] = field(default_factory=dict)
    machine: Machine | None = None
    lock: int | None = None
    created_home: bool = False
    new_environment: bool = False
    damaged: dict[str, str] = field(default_factory=dict)

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

    @property
    def work(self) -> Path:
        """The folder for temporary files."""
        return work_folder(self.home)

    def run(self, command: list[str]) -> tuple[int, str]:
        """Run a command, show its lines, keep them in the log; return its status and output.

        The command ends with this process, however this process ends.
        """
        lines = []
        variables = clean_variables(self.home)
        with self.log.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write("$ " + " ".join(command) + "\n")
            log.flush()
            with supervised(command, variables, self.home, self.lock) as process:
                for line in process.stdout or ():
                    lines.append(line)
                    log.write(line)
                    log.flush()
                    if not line.startswith(("{", " ", "WARNING")):
                        self.show(line.strip())
                process.wait()
        return process.returncode, "".join(lines)


def note(installation: Installation, **entries: Any) -> None:
    """Add entries to the data folder's record."""
    installation.record.update(entries)
    write_record(installation.home, installation.record)


def begin(installation: Installation) -> str:
    """Mark the installation incomplete, and make the folders that its steps need."""
    home = installation.home
    before = read_record(home)
    record = installation.record = {MADE: {}, **(before or {})}
    # Of two runs at once, one makes the folder and the other one may write the first record.
    record[CREATED_HOME] = installation.created_home or record.get(CREATED_HOME, False)
    if before is None:
        if is_own_launcher(installation.launcher):  # its record was lost
            record[MADE][installation.launcher.relative_to(home).as_posix()] = ""
    elif MADE not in before:
        del record[MADE]
        upgrade_record(home, record)
    check_claimable(home, record, installation.launcher.relative_to(home).as_posix())
    remove_leftovers(home)
    note(
        installation,
        program="scumble",
        complete=False,
        version=engine.__version__,
        for_tests=installation.for_tests,
    )
    claim_folder(home, record, "tmp/scumble")
    claim_folder(home, record, "cache/scumble")
    for name in CHANGING:
        if name in record[MADE] or not os.path.lexists(home / name):
            claim_file(home, record, name)
    installation.log.parent.mkdir(exist_ok=True)
    if LOGS[0] in record[MADE]:
        installation.log.write_text("", encoding="utf-8")
    if before is None:
        return _("Scumble {version} goes into {folder}.").format(
            version=engine.__version__, folder=home
        )
    if before.get("complete"):
        version = before.get("version")
        return _("Scumble {version} is in {home}; missing and outdated parts are replaced.").format(
            version=version, home=home
        )
    return _("An earlier run in {home} was not finished; this one continues it.").format(home=home)


def install_packages(installation: Installation) -> str:
    """Install the packages, with exactly one onnxruntime, and the libraries of a copied Python."""
    done = _install_packages(installation)
    home, environment = installation.home, installation.environment
    if not relocatable_python.in_use(home, environment):
        return done
    installation.show(_("looking for the libraries that they need"))
    try:
        outside = relocatable_python.complete(home, environment, installation.python)
    except SetupError as error:
        remove_own_folder(environment)
        message = _(
            "The packages cannot be loaded: {reason}. Run this again to reinstall them."
        ).format(reason=error)
        raise SetupError(message) from error
    if outside:
        return _("{done} They load from outside of the data folder: {names}.").format(
            done=done, names=", ".join(outside)
        )
    return _("{done} They need no file outside of {home}.").format(done=done, home=home)


def _install_packages(installation: Installation) -> str:
    python = examine(str(installation.python))
    if python is None or installation.machine is None:
        message = _("{python} does not run; remove {folder}.")
        message = message.format(python=installation.python, folder=installation.environment)
        raise SetupError(message)
    chosen = choose_onnxruntime(installation.machine, python.version[:2], installation.onnxruntime)
    wanted = _requirements(installation, chosen)
    stamp = installation.environment / STAMP
    complete = json.loads(stamp.read_text(encoding="utf-8")) if stamp.is_file() else {}
    present = installed_packages(installation.python) or {}
    damaged = installation.damaged
    kept = complete.get("packages", {})
    if complete.get("requirements") == wanted and kept.items() <= present.items() and not damaged:
        _note_packages(installation, python, chosen, present)
        return _("{names} are there already.").format(names=_names(present, chosen))
    stamp.unlink(missing_ok=True)
    removed = [name for name in DISTRIBUTIONS if name in present and name != chosen.name]
    if removed:
        run_pip(installation, ["uninstall", "--yes", *removed], ", ".join(removed))
    kept_names = sorted(damaged.keys() - set(removed))
    if kept_names:
        installation.show(_("mending {names}").format(names=", ".join(kept_names)))
        again = [f"{name}=={damaged[name]}" for name in kept_names]
        options = [*INSTALL, "--force-reinstall", "--no-deps"]
        run_pip(installation, [*options, *again], ", ".join(kept_names))
    installation.show(_("fetching {names}").format(names=", ".join(wanted)))
    run_pip(
        installation,
        [*INSTALL, *wanted],
        _("The packages for {python}").format(python=python.name),
        "" if chosen.name == "onnxruntime" else " " + _("--onnxruntime cpu asks for less."),
    )
    present = installed_packages(installation.python) or {}
    names = {distribution_name(requirement) for requirement in wanted}
    text = json.dumps(
        {"requirements": wanted, "packages": {name: present.get(name) for name in sorted(names)}}
    )
    replace_file(stamp, text)
    _note_packages(installation, python, chosen, present)
    instead = mended = ""
    if removed:
        instead = " " + _("in place of {names}").format(names=", ".join(removed))
    if kept_names:
        mended = " " + _("Mended {names}.").format(names=", ".join(kept_names))
    return _("Installed {names}{instead} ({reason}).{mended}").format(
        names=_names(present, chosen), instead=instead, reason=chosen.reason, mended=mended
    )


def install_engine(installation: Installation) -> str:
    """Copy Scumble, and let the environment find it; the copy can install itself again."""
    home = installation.home
    if installation.for_tests:
        _point_at(installation, str(installation.checkout))
        return _("The engine is run from {folder}.").format(folder=installation.checkout)
    app, fresh, old = home / "app", installation.work / "app", installation.work / "app-before"
    program = read_program(installation.checkout)
    if program == read_program(app):
        # Relative to the environment's packages, so that no letter of the path can go wrong.
        _point_at(installation, None)
        return _("The engine in {app} is there already.").format(app=app)
    for left in (fresh, old):
        remove(left)
    write_program(program, fresh)
    replaced = is_own_folder(app)
    if replaced:
        os.replace(app, old)
    else:
        remove_own_folder(app)  # refused unless it is empty
    (fresh / OWN_MARK).touch()
    os.replace(fresh, app)
    remove(old)
    _point_at(installation, None)
    done = (
        _("Replaced the engine in {folder}.") if replaced else _("Copied the engine to {folder}.")
    )
    return done.format(folder=app)


def install_launcher(installation: Installation) -> str:
    """Write the command that starts the engine."""
    path = installation.launcher
    claim_file(
        installation.home,
        installation.record,
        path.relative_to(installation.home).as_posix(),
    )
    if write_launcher(installation.home):
        return _("The command is {path}.").format(path=path)
    return _("The command {path} is there already.").format(path=path)


_DEMO = "demo/result.png"


def claim_demo(installation: Installation) -> Path:
    """Return the file for the demonstration's picture; refuse one that a user put there."""
    path = installation.home / _DEMO
    sum_ = installation.record[MADE].get(_DEMO)
    if sum_ is not None and path.is_file() and sum_ not in ("", checksum(path)):
        message = _(
            "{path} is not the picture that Scumble painted; name another file with --out."
        ).format(path=path)
        raise SetupError(message)
    return claim_file(installation.home, installation.record, _DEMO)


def note_demo(installation: Installation) -> None:
    """Note the sum of the demonstration's picture, since its name is one that users choose too."""
    installation.record[MADE][_DEMO] = checksum(installation.home / _DEMO)
    write_record(installation.home, installation.record)


def finish(installation: Installation) -> str:
    """Remove the temporary files, and mark the installation complete."""
    if not installation.for_tests:
        remove_own_folder(cache_folder(installation.home))
    remove_own_folder(installation.work)
    for name in ("cache", "tmp"):
        if f"{name}/" in installation.record[MADE]:
            with contextlib.suppress(OSError):  # not empty
                (installation.home / name).rmdir()
    note(installation, complete=True)
    example = f"{installation.launcher} stylize PHOTO RESULT --style PAINTING"
    return _("Scumble {version} is ready; try: {example}").format(
        version=engine.__version__, example=example
    )


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
    for name, extra in (("plots", PLOTS), ("cluster", CLUSTER)):
        if installation.for_tests or _has_extra(installation, name):
            lists.append(extra)
    if installation.for_tests:
        lists.append(TESTS)
    pyproject = installation.checkout / "pyproject.toml"
    wanted = [each for place in lists for each in read_requirements(pyproject, *place)]
    return [*wanted, *chosen.requirements]


def _names(present: dict[str, str], chosen: Distribution) -> str:
    optional = [name for name in ("matplotlib", "distributed") if name in present]
    names = ["numpy", "scipy", "pillow", *optional]
    return ", ".join(f"{name} {present.get(name, '?')}" for name in [*names, chosen.name])


def _note_packages(
    installation: Installation, python: Python, chosen: Distribution, present: dict[str, str]
) -> None:
    onnxruntime = {"distribution": chosen.name, "version": present.get(chosen.name)}
    extras = {name: _has_extra(installation, name) for name in ("plots", "cluster")}
    note(installation, python=python.name.split()[-1], onnxruntime=onnxruntime, **extras)


def _has_extra(installation: Installation, name: str) -> bool:
    """Return whether an optional part is asked for, or was asked for before."""
    return bool(getattr(installation, name) or installation.record.get(name))


INSTALL = ("install", "--only-binary=:all:", "--progress-bar=off")


def run_pip(
    installation: Installation, arguments: Iterable[str], what: str, hint: str = ""
) -> None:
    """Run pip; if it fails, raise a SetupError with the reason, DiskFullError for a full disk."""
    log = installation.work / "pip.log"
    log.unlink(missing_ok=True)
    pip = [str(installation.python), "-I", "-X", "utf8", "-m", "pip", "--log", str(log)]
    status, output = installation.run([*pip, *arguments])
    if status:
        details = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        words = output + details
        message = _(
            "{what} could not be installed: {reason}{hint} pip's own words are in {log}."
        ).format(what=what, reason=explain_pip(words), hint=hint, log=installation.log)
        raise DiskFullError(message) if is_disk_full(words) else SetupError(message)


def _point_at(installation: Installation, checkout: str | None) -> None:
    """Let the environment import engine and models from HOME/app, or from the checkout."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    status, output = installation.run([str(installation.python), "-I", "-c", code])
    if status:
        message = _("{path} does not run; the log is {log}.").format(
            path=installation.python, log=installation.log
        )
        raise SetupError(message)
    packages = Path(output.strip())
    # Relative where possible: it is plain ASCII then, whatever letters the data folder's path has.
    line = checkout or os.path.relpath(installation.home / "app", packages)
    pointer = packages / "scumble.pth"
    if not pointer.is_file() or pointer.read_bytes() != f"{line}\n".encode():
        replace_file(pointer, line + "\n")
