"""Python environment of the engine: the Python that makes it, the environment, its packages.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from engine.paths import cache_folder
from engine.setup.datafolder import work_folder
from engine.setup.pip_errors import explain_pip
from engine.setup.setup_errors import SetupError
from engine.setup.subprocesses import output_of
from engine.translations import _

WANTED = (3, 11)
"""The oldest Python that current onnxruntime is built for; older ones get older packages."""

_PROBE = """
import importlib.util, json, platform, sys
has = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({
    "executable": sys.executable,
    "version": list(sys.version_info[:3]),
    "suitable": platform.python_implementation() == "CPython" and sys.maxsize > 2**32,
    "venv": has("venv") and has("ensurepip"),
    "virtualenv": has("virtualenv"),
}))
"""


@dataclass(frozen=True)
class Python:
    """A Python that may make the environment.

    Attributes
    ----------
    executable : str
        Its path.
    version : (int, int, int)
        Its version.
    suitable : bool
        Whether it is a 64-bit CPython, the only kind that onnxruntime is built for.
    venv, virtualenv : bool
        Whether it can make environments with its own `venv`, or with `virtualenv`.
    """

    executable: str
    version: tuple[int, ...]
    suitable: bool = True
    venv: bool = True
    virtualenv: bool = False

    @property
    def name(self) -> str:
        """The name for messages."""
        return "Python " + ".".join(map(str, self.version))


def examine(executable: str) -> Python | None:
    """Return a Python's properties; None if it does not run."""
    try:
        done = subprocess.run(
            [executable, "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=True,
        )
        found = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Python(
        found["executable"] or executable,
        tuple(found["version"]),
        found["suitable"],
        found["venv"],
        found["virtualenv"],
    )


def other_pythons(newest: tuple[int, int]) -> list[str]:
    """Return the paths of the Pythons on this machine from `newest` down to `WANTED`."""
    minors = range(newest[1], WANTED[1] - 1, -1)
    if sys.platform != "win32":
        paths = (shutil.which(f"python3.{minor}") for minor in minors)
        return [path for path in paths if path]
    try:
        done = subprocess.run(
            ["py", "-0p"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=True,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return launcher_paths(done.stdout, newest)


def launcher_paths(listing: str, newest: tuple[int, int]) -> list[str]:
    r"""Return the paths in the output of Windows' `py -0p`, the newest wanted Python first.

    Examples
    --------
    >>> launcher_paths(" -V:3.12 *  C:\\Python312\\python.exe\n -V:3.8  C:\\p\\python.exe", (3, 14))
    ['C:\\Python312\\python.exe']
    """
    found = []
    for line in listing.splitlines():
        match = re.match(r"\s*-(?:V:)?3\.(\d+)(?:-64)?\s+(?:\*\s+)?(\S.*\.exe)\s*$", line)
        if match and WANTED <= (3, int(match[1])) <= newest:
            found.append((int(match[1]), match[2]))
    return [path for _, path in sorted(found, key=lambda entry: -entry[0])]


def choose_python(
    starting: Python, newest: tuple[int, int], others: Callable[[], list[Python]]
) -> tuple[Python, str]:
    """Choose the Python that makes the environment, and the reason if it is not the starting one.

    Parameters
    ----------
    starting : Python
        The one that runs this.
    newest : (int, int)
        The newest version that onnxruntime is built for.
    others : callable
        Gives the other Pythons of the machine, best first; called only when they are needed.

    Raises
    ------
    SetupError
        If none can be used.
    """

    def good(python: Python) -> bool:
        able = python.venv or python.virtualenv
        return python.suitable and able and WANTED <= python.version[:2] <= newest

    if good(starting):
        return starting, ""
    for other in others():
        if good(other):
            return (
                other,
                _("taken since {name}, which runs this, {reason}").format(
                    name=starting.name, reason=_shortcoming(starting, newest)
                ),
            )
    if not starting.suitable:
        message = _(
            "{name} at {path} is not a 64-bit CPython, and onnxruntime is built for nothing "
            "else; install one from python.org or your system's packages."
        ).format(name=starting.name, path=starting.executable)
        raise SetupError(message)
    if not (starting.venv or starting.virtualenv):
        raise SetupError(_how_to_get_venv(starting))
    if starting.version[:2] > newest:
        return starting, _("newer than {version}, the newest that was tried").format(
            version=_dotted(newest)
        )
    return starting, (
        _(
            "older than 3.11, so onnxruntime and the other packages will be older releases too; "
            "with a newer Python installed, run this again"
        )
    )


def _shortcoming(python: Python, newest: tuple[int, int]) -> str:
    if not python.suitable:
        return _("is not a 64-bit CPython")
    if python.version[:2] < WANTED:
        return _("is older than {version}").format(version=_dotted(WANTED))
    if python.version[:2] > newest:
        return _("is newer than {version}").format(version=_dotted(newest))
    return _("cannot make environments")


def _how_to_get_venv(python: Python) -> str:
    reason = _("{name} cannot make environments, since its module ensurepip is missing").format(
        name=python.name
    )
    if Path("/etc/debian_version").exists():
        package = f"python{_dotted(python.version[:2])}-venv"
        return _("{reason}; run 'sudo apt install {package}' and then this command again.").format(
            reason=reason, package=package
        )
    return _(
        "{reason}; install your system's package with Python's venv and run this again."
    ).format(reason=reason)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def environment_python(environment: Path) -> Path:
    """Return the path of an environment's Python, whether or not it exists."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def environment_base(environment: Path) -> Path | None:
    """Return the folder of the Python that an environment is based on; None if there is none."""
    try:
        lines = (environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    named = (line.partition("=") for line in lines)
    return next((Path(value.strip()) for name, _, value in named if name.strip() == "home"), None)


def make_environment(
    python: Python, environment: Path, run: Callable[[list[str]], tuple[int, str]]
) -> None:
    """Make a new environment with pip in it, in a folder that does not exist.

    Parameters
    ----------
    python : Python
        What makes it.
    environment : Path
        The folder.
    run : callable
        Runs a command and returns its exit status and its output.

    Raises
    ------
    SetupError
        If that fails.
    """
    if python.venv:
        # Two commands, since venv hides the output of ensurepip.
        commands = [
            [python.executable, "-m", "venv", "--without-pip", str(environment)],
            [str(environment_python(environment)), "-I", "-m", "ensurepip"],
        ]
    else:
        commands = [[python.executable, "-m", "virtualenv", str(environment)]]
    for command in commands:
        status, output = run(command)
        if status:
            message = _("{name} could not make the environment: {reason}").format(
                name=python.name, reason=explain_pip(output)
            )
            raise SetupError(message)


def installed_packages(python: Path) -> dict[str, str] | None:
    """Return the packages in an environment by name, with versions; None if it does not run."""
    code = (
        "import importlib.metadata as m, json; print(json.dumps({"
        "d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions() "
        "if d.metadata['Name']}))"
    )
    try:
        return json.loads(output_of(python, code))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def damaged_packages(python: Path) -> dict[str, str]:
    """Return the packages with a missing or changed file, by name, with their versions.

    Every file is compared with the sum that its package has recorded, so that a file of zeros
    after a crash is found too. Files over 64 MB, such as CUDA's, are compared by size.

    Raises
    ------
    SetupError
        If the environment's Python cannot be run.
    """
    try:
        return json.loads(output_of(python, _COMPARE))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        message = _("{python} cannot be run ({reason}).")
        raise SetupError(message.format(python=python, reason=error)) from error


_COMPARE = """
import base64, csv, hashlib, json, pathlib, sysconfig
base = pathlib.Path(sysconfig.get_path("purelib"))
bases = {base, pathlib.Path(sysconfig.get_path("platlib"))}
damaged = {}
# pip renames what it replaces so that it begins with '~'; a killed pip leaves it.
for about in (each for base in bases for each in base.glob("[!~]*.dist-info")):
    name, _, version = about.name[:-len(".dist-info")].rpartition("-")
    try:
        rows = list(csv.reader((about / "RECORD").read_text(encoding="utf-8").splitlines()))
        whole = (about / "METADATA").is_file()
        for path, sum_, size in rows:
            if not sum_ or not whole:
                continue
            file = about.parent / path
            whole = file.stat().st_size == int(size or file.stat().st_size)
            if whole and file.stat().st_size <= 1 << 26:
                kind, _, wanted = sum_.partition("=")
                found = hashlib.new(kind, file.read_bytes()).digest()
                whole = base64.urlsafe_b64encode(found).rstrip(b"=").decode() == wanted
    except (OSError, ValueError):
        whole = False
    if not whole:
        damaged[name.lower().replace("_", "-")] = version
print(json.dumps(damaged))
"""


def clean_variables(home: Path) -> dict[str, str]:
    """Return the environment variables for the installation's commands.

    They are this process's, without those that lead Python or pip to another place. Temporary
    files and pip's cache stay inside of `home`, unless the user has set a cache folder for pip.
    """
    astray = {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"}
    astray |= {"PIP_DRY_RUN", "PIP_NO_DEPS", "PIP_NO_BINARY", "PIP_LOG", "__PYVENV_LAUNCHER__"}
    variables = {name: value for name, value in os.environ.items() if name not in astray}
    temporary = str(work_folder(home))
    variables.update(
        SCUMBLE_HOME=str(home),
        TMPDIR=temporary,
        TEMP=temporary,
        TMP=temporary,
        PYTHONUTF8="1",
        PYTHONUNBUFFERED="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_NO_INPUT="1",
        PIP_USER="0",  # which a file pip.conf may ask for
        VIRTUALENV_OVERRIDE_APP_DATA=str(work_folder(home) / "virtualenv"),
    )
    variables.setdefault("PIP_CACHE_DIR", str(cache_folder(home) / "pip"))
    return variables
