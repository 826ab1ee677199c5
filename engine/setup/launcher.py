"""Launcher of the engine: the command that users start, in the data folder's bin.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from engine.setup.datafolder import replace_file

_SH_LAUNCHER = """\
#!/bin/sh
# Starts Scumble's engine. Made by install.py.
self=$0
while [ -L "$self" ]; do
    target=$(readlink -- "$self")
    case $target in
    /*) self=$target ;;
    *) self=$(dirname -- "$self")/$target ;;
    esac
done
home=$(CDPATH= cd -- "$(dirname -- "$self")/.." && pwd) || exit 1
exec "$home/env/bin/python" -I -X utf8 -m engine "$@"
"""
_CMD_LAUNCHER = """\
@echo off
rem Starts Scumble's engine. Made by install.py.
"%~dp0..\\env\\Scripts\\python.exe" -I -X utf8 -m engine %*
"""


_SH_START = _SH_LAUNCHER[: _SH_LAUNCHER.index("self=")].encode()
_CMD_START = _CMD_LAUNCHER[: _CMD_LAUNCHER.index('"%')].replace("\n", "\r\n").encode()


def launcher_path(home: Path) -> Path:
    """Return the path of the command, whether or not it exists."""
    return home / "bin" / ("scumble.cmd" if sys.platform == "win32" else "scumble")


def is_own_launcher(path: Path) -> bool:
    """Return whether a file is a launcher that install.py made."""
    try:
        return path.read_bytes().startswith((_SH_START, _CMD_START))
    except OSError:
        return False


def write_launcher(home: Path) -> bool:
    """Write the command; return False if it is there as it should be."""
    path = launcher_path(home)
    path.parent.mkdir(exist_ok=True)
    text = _CMD_LAUNCHER.replace("\n", "\r\n") if sys.platform == "win32" else _SH_LAUNCHER
    if path.is_file() and path.read_bytes() == text.encode() and os.access(path, os.X_OK):
        return False
    replace_file(path, text, mode=0o755)
    return True
