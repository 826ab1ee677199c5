"""The engine's own Python environment: a Python to make it with, the environment, pip in it.

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

OLDEST = (3, 9)
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


class SetupError(ValueError):
    """The environment cannot be made; the message is a sentence for the user."""


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
        """What messages call it."""
        return "Python " + ".".join(map(str, self.version))


def examine(executable: str) -> Python | None:
    """Ask a Python what it is; None where it does not run."""
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
    r"""Return the paths in what Windows' `py -0p` prints, newest wanted Python first.

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
    """Choose the Python that makes the environment, and say why if it is not the starting one.

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
            return other, f"taken since {starting.name}, which runs this, {_lack(starting, newest)}"
    if not starting.suitable:
        message = (
            f"{starting.name} at {starting.executable} is not a 64-bit CPython, and onnxruntime "
            "is built for nothing else; install one from python.org or your system's packages."
        )
        raise SetupError(message)
    if not (starting.venv or starting.virtualenv):
        raise SetupError(_how_to_get_venv(starting))
    if starting.version[:2] > newest:
        return starting, f"newer than {_dotted(newest)}, the newest that was tried"
    return starting, (
        "older than 3.11, so onnxruntime and the other packages will be older releases too; "
        "with a newer Python installed, run this again"
    )


def _lack(python: Python, newest: tuple[int, int]) -> str:
    if not python.suitable:
        return "is not a 64-bit CPython"
    if python.version[:2] < WANTED:
        return f"is older than {_dotted(WANTED)}"
    if python.version[:2] > newest:
        return f"is newer than {_dotted(newest)}"
    return "cannot make environments"


def _how_to_get_venv(python: Python) -> str:
    reason = f"{python.name} cannot make environments, since its module ensurepip is missing"
    if Path("/etc/debian_version").exists():
        package = f"python{_dotted(python.version[:2])}-venv"
        return f"{reason}; run 'sudo apt install {package}' and then this command again."
    return f"{reason}; install your system's package with Python's venv and run this again."


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def environment_python(environment: Path) -> Path:
    """Return the path of an environment's Python, whether or not it exists."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def environment_base(environment: Path) -> Path | None:
    """Return the folder of the Python that an environment stands on; None where it says none."""
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
        # Apart, since venv keeps what ensurepip says to itself.
        commands = [
            [python.executable, "-m", "venv", "--without-pip", str(environment)],
            [str(environment_python(environment)), "-I", "-m", "ensurepip"],
        ]
    else:
        commands = [[python.executable, "-m", "virtualenv", str(environment)]]
    for command in commands:
        status, output = run(command)
        if status:
            message = f"{python.name} could not make the environment: {explain_pip(output)}"
            raise SetupError(message)


_UNREACHABLE = (
    *("NewConnectionError", "ConnectTimeoutError", "Failed to establish a new connection"),
    *("name resolution", "getaddrinfo failed", "Name or service not known", "ProxyError"),
    *("ReadTimeoutError", "Read timed out", "Network is unreachable", "Connection refused"),
    *("Connection reset", "Connection aborted", "Connection broken", "IncompleteRead"),
    *("incomplete-download", "RemoteDisconnected"),
)

# What pip and the system print, from the most to the least telling, and what it means.
_EXPLANATIONS = {
    r"No space left on device|Errno 28\b|Errno 122\b|WinError 112|Disk quota exceeded": (
        "the disk is full; free some space (2 GB, with CUDA 8 GB) and run this again."
    ),
    r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError": (
        "the package index's certificate could not be verified; check this machine's clock and "
        "certificates, and a proxy's settings."
    ),
    "|".join(_UNREACHABLE): (
        "the package index cannot be reached, or the connection broke; check the network (and "
        "a proxy's settings) and run this again."
    ),
    r"DO NOT MATCH THE HASHES": "a package arrived damaged; run this again.",
    r"PermissionError|Permission denied|Errno 13\b|WinError 5\b|Errno 30\b|Read-only file": (
        "a file cannot be written; check the folder's permissions, and close whatever still "
        "uses Scumble."
    ),
    r"MemoryError|Cannot allocate memory": "there is not enough memory.",
}


def explain_pip(output: str) -> str:
    """Turn a failed pip's output into a sentence that says what to do."""
    for pattern, explanation in _EXPLANATIONS.items():
        if re.search(pattern, output, re.IGNORECASE):
            return explanation
    missing = re.search(
        r"No matching distribution found for ([^\s;(]+)"
        r"|Could not find a version that satisfies the requirement ([^\s;(]+)",
        output,
    )
    if missing:
        wanted = missing[1] or missing[2]
        return (
            f"there is no {wanted} for this Python on this machine; try with another Python "
            f"({_dotted(WANTED)} to 3.14)."
        )
    if "ResolutionImpossible" in output:
        return "the packages' versions exclude each other."
    errors = [line.strip() for line in output.splitlines() if "error" in line.lower()]
    return f"{errors[-1].rstrip('.')}." if errors else "no reason was given."


def installed_packages(python: Path) -> dict[str, str] | None:
    """Return the packages in an environment by name, with versions; None if it does not run."""
    code = (
        "import importlib.metadata as m, json; print(json.dumps({"
        "d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions() "
        "if d.metadata['Name']}))"
    )
    try:
        done = subprocess.run(
            [str(python), "-I", "-X", "utf8", "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=True,
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def clean_variables(home: Path) -> dict[str, str]:
    """Return this process's environment variables, made safe for the installation's commands.

    Whatever would lead Python or pip to another place is taken out, and temporary files and pip's
    cache are kept inside `home`, so that nothing is written outside it. A cache folder that the
    user has set for pip stays.
    """
    astray = {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"}
    astray |= {"PIP_USER", "PIP_DRY_RUN", "PIP_NO_DEPS", "PIP_NO_BINARY", "__PYVENV_LAUNCHER__"}
    variables = {name: value for name, value in os.environ.items() if name not in astray}
    temporary = str(home / "tmp")
    variables.update(
        SCUMBLE_HOME=str(home),
        TMPDIR=temporary,
        TEMP=temporary,
        TMP=temporary,
        PYTHONUTF8="1",
        PYTHONUNBUFFERED="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_NO_INPUT="1",
        VIRTUALENV_OVERRIDE_APP_DATA=str(home / "tmp" / "virtualenv"),
    )
    variables.setdefault("PIP_CACHE_DIR", str(home / "cache"))
    return variables
