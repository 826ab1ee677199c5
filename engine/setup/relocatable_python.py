"""Copy of a Python in the data folder that needs no file outside of it, for the environment.

Programs from Flatpak see the home folder, but another system in place of /usr, where an
environment of the system's Python does not start. The copy has the standard library, every shared
library that Python and the packages load, the C library included, and that library's loader. A
small script starts it with this loader, so that it depends neither on the sandbox's libraries nor
on upgrades of the system. Only the graphics card's driver comes from outside.

Linux only; standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.paths import OWN_MARK
from engine.setup.datafolder import remove, remove_own_folder, replace_file, work_folder
from engine.setup.environment import Python, environment_base, examine
from engine.setup.setup_errors import SetupError
from engine.translations import _

FOLDER = "python"
LIBRARIES = "libraries"

_LIST = "files.json"  # in the copy: what it consists of; written last

_ABOUT = """
import json, os, sys
library = os.path.dirname(os.__file__)
modules = [os.path.dirname(path) for path in sys.path if os.path.basename(path) == "lib-dynload"]
print(json.dumps({
    "program": os.path.realpath("/proc/self/exe"),
    "library": os.path.relpath(library, sys.base_prefix),
    "modules": os.path.relpath((modules or [library])[0], sys.base_exec_prefix),
    "prefixes": [sys.base_prefix, sys.base_exec_prefix],
    "name": "python%d.%d" % sys.version_info[:2],
}))
"""

# Prints the files that a process with the packages in it has mapped as program code.
_MAPPED = """
import numpy, scipy, PIL.Image, google.protobuf, psutil, onnxruntime
with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
    rows = [line.rstrip("\\n").split(None, 5) for line in maps]
print(*sorted({row[5] for row in rows if len(row) > 5 and "x" in row[1]}), sep="\\n")
"""

# Of the standard library: tests, windows, and what compiles C.
_LEFT_OUT = re.compile(
    r"(__pycache__|tests?|idlelib|tkinter|turtledemo|lib2to3|(site|dist)-packages|config-.*"
    r"|_tkinter\..*|_test.*\.so|_ctypes_test.*|xxlimited.*)"
)
_LOADER = re.compile(r"ld(64|-[\w-]+)?\.so\.\d+")
_DRIVER = re.compile(r"lib(cuda|nvidia-[\w-]+)\.so")
"""The graphics driver's: they belong to the running kernel and are found by the loader."""


def python_path(home: Path) -> Path:
    """Return the path of the copy's Python, whether or not it exists."""
    return home / FOLDER / "bin" / "python3"


def in_use(home: Path, environment: Path) -> bool:
    """Return whether an environment stands on the copy in a data folder."""
    return environment_base(environment) == python_path(home).parent


def find(home: Path) -> Python | None:
    """Return the copy in a data folder; None where there is none that is whole and runs."""
    folder = home / FOLDER
    try:
        sizes = _read_list(folder)["files"]
        whole = all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return examine(str(python_path(home))) if whole else None


def make(source: Python, home: Path) -> Python:
    """Copy a Python into the data folder.

    Raises
    ------
    SetupError
        If it cannot be copied, or the copy does not run; the reason, without what to do.
    """
    folder, fresh = home / FOLDER, work_folder(home) / FOLDER
    if sys.platform != "linux":
        message = _("that is possible on Linux only")
        raise SetupError(message)
    if re.search(r"[:;\n]", str(folder)):
        message = _("its loader cannot be told of a path with ':' or ';' ({folder})").format(
            folder=folder
        )
        raise SetupError(message)
    about = json.loads(_output([source.executable, "-I", "-c", _ABOUT]))
    library, modules = about["library"], about["modules"]
    if library.startswith("..") or modules.startswith(".."):
        message = _("the standard library of {path} lies outside of its own folder").format(
            path=source.executable
        )
        raise SetupError(message)
    if inside(Path(about["prefixes"][0]), folder):
        message = _("{path} is the copy itself; start install.py with the system's").format(
            path=source.executable
        )
        raise SetupError(message)
    remove(fresh)
    for name in (LIBRARIES, "bin"):
        (fresh / name).mkdir(parents=True)
    binaries = [Path(about["program"])]
    for part, prefix in {library: about["prefixes"][0], modules: about["prefixes"][1]}.items():
        binaries += _copy_library(Path(prefix, part), fresh / part)
    shutil.copy(about["program"], fresh / LIBRARIES / about["name"])
    loaded = _loaded_libraries(binaries)
    loader = next((name for name in loaded if _LOADER.fullmatch(name)), None)
    if loader is None:
        message = _("{path} is not started by a loader").format(path=about["program"])
        raise SetupError(message)
    _copy_libraries(loaded, fresh)
    _write_script(fresh, folder / LIBRARIES, loader, about["name"])
    _write_list(fresh, f"{source.name} {source.executable}")
    (fresh / OWN_MARK).touch()
    remove_own_folder(folder)
    fresh.rename(folder)
    made = examine(str(python_path(home)))
    if made is None:
        remove_own_folder(folder)
        message = _(
            "the copy of {path} does not run with its loader {loader}, which has to be of "
            "glibc 2.33 or newer"
        ).format(path=source.executable, loader=loaded[loader])
        raise SetupError(message)
    return made


def complete(home: Path, environment: Path, python: Path) -> list[str]:
    """Add to the copy the libraries that an environment's packages load.

    Parameters
    ----------
    home : Path
        The data folder.
    environment : Path
        The environment, with all its packages.
    python : Path
        The environment's Python.

    Returns
    -------
    list of str
        The files outside of the data folder that the packages load all the same; none when all
        is well.

    Raises
    ------
    SetupError
        If the packages cannot be loaded.
    """
    folder = home / FOLDER
    source = str(_read_list(folder).get("from"))
    modules = [path for path in environment.rglob("*.so*") if path.is_file()]
    if modules:
        _copy_libraries(_loaded_libraries(modules), folder, home)
    outside = files_outside(home, python)
    if outside:  # loaded by name while running
        named = {name: place for place in outside for name in _names_of(place)}
        _copy_libraries(named, folder, home)
        outside = files_outside(home, python)
    _write_list(folder, source)
    return outside


def files_outside(home: Path, python: Path) -> list[str]:
    """Return the program code that an environment loads from outside of the data folder.

    The graphics driver's does not count.

    Raises
    ------
    SetupError
        If the packages cannot be loaded.
    """
    mapped = _output([str(python), "-I", "-X", "utf8", "-c", _MAPPED]).splitlines()
    paths = (line for line in mapped if line.startswith("/"))
    return [path for path in paths if not inside(Path(path), home) and not _DRIVER.search(path)]


def _copy_library(source: Path, target: Path) -> list[Path]:
    """Copy a folder of the standard library, without its tests and windows, following links.

    Return the compiled modules in it, where they were: they may find their libraries from there.
    """
    modules = []
    for folder, names, files in os.walk(source, followlinks=True):
        names[:] = [name for name in names if not _LEFT_OUT.fullmatch(name)]
        into = target / Path(folder).relative_to(source)
        into.mkdir(parents=True, exist_ok=True)
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not _LEFT_OUT.fullmatch(name):  # no link into the void
                shutil.copyfile(path, into / name)
                if path.suffix == ".so":
                    modules.append(path)
    return modules


def _loaded_libraries(files: list[Path]) -> dict[str, str]:
    """Return the shared libraries that files load, from the names asked for to their places."""
    text = _output(["ldd", *map(str, files)], strict=False)
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.match(r"\s+(?:(\S+) => )?(/.+) \(0x[0-9a-f]+\)$", line)
        if match:
            found.setdefault(Path(match[1] or match[2]).name, match[2])
    return found


def _names_of(place: str) -> list[str]:
    """Return the names by which a library is asked for: those of the links to it beside it."""
    beside = (path for path in Path(place).parent.iterdir() if path.is_symlink())
    links = [path.name for path in beside if os.path.realpath(path) == place]
    return links or [Path(place).name]


def _copy_libraries(places: dict[str, str], folder: Path, home: Path | None = None) -> None:
    """Copy libraries that the copy does not have, but none that lies in the data folder."""
    for name, place in places.items():
        target = folder / LIBRARIES / name
        there = home is not None and inside(Path(place), home)
        if not there and not target.exists() and not _DRIVER.match(name):
            shutil.copy(place, target)


def _write_script(folder: Path, libraries: Path, loader: str, program: str) -> None:
    """Write what starts the copy: a script, to which environments link.

    Through --argv0 Python learns the link's path, and so its environment.
    """
    start = [str(libraries / loader), "--library-path", str(libraries), "--argv0"]
    replace_file(
        folder / "bin" / program,
        "#!/bin/sh\n# Starts this copy of Python with its own loader. Made by install.py.\n"
        f'exec {shlex.join(start)} "$0" {shlex.quote(str(libraries / program))} "$@"\n',
        mode=0o755,
    )
    for name in ("python3", "python"):
        (folder / "bin" / name).symlink_to(program)


def _write_list(folder: Path, source: str) -> None:
    """Write the list of the copy's files with their sizes, without what running it adds."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [path for path in paths if path.suffix != ".pyc" and path.name != _LIST]
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(kept)}
    replace_file(folder / _LIST, json.dumps({"from": source, "files": sizes}, indent=0) + "\n")


def _read_list(folder: Path) -> dict[str, Any]:
    return json.loads((folder / _LIST).read_text(encoding="utf-8"))


def _output(command: list[str], *, strict: bool = True) -> str:
    """Return a command's output; if it fails, the error has its last line."""
    unset = ("PYTHONHOME", "PYTHONPATH", "LD_PRELOAD")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={**kept, "LC_ALL": "C.UTF-8"},
            timeout=300,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        message = _("{program} cannot be run: {reason}")
        raise SetupError(message.format(program=command[0], reason=error)) from error
    if strict and done.returncode:
        status = _("status {status}").format(status=done.returncode)
        words = done.stderr.strip().splitlines() or [status]
        message = _("{name} failed: {reason}")
        raise SetupError(message.format(name=command[0], reason=words[-1]))
    return done.stdout


def inside(path: Path, folder: Path) -> bool:
    """Return whether a path is a folder or lies in it, all links followed."""
    real = Path(os.path.realpath(folder))
    return real in (Path(os.path.realpath(path)), *Path(os.path.realpath(path)).parents)
