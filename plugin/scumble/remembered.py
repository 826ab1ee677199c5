"""Remembered for the next dialog, of any image: the window's size, the folder and the last styles.

One small JSON file beside the settings that GIMP keeps for the filter. A file that cannot be read
counts as empty, and one that cannot be written is left alone: nothing in it is needed.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from gi.repository import Gimp


def file() -> Path:
    """Return the path of the file, whether or not it exists."""
    return Path(Gimp.directory()) / "plug-in-settings" / "plug-in-scumble.json"


def read(name: str, default: Any) -> Any:
    """Return what is remembered under a name, if it has the type of `default`, else `default`."""
    value = _all().get(name, default)
    return value if isinstance(value, type(default)) else default


def write(name: str, value: Any) -> None:
    """Remember a value, in one step."""
    path = file()
    text = json.dumps({**_all(), name: value}, indent=1)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as written:
                written.write(text)
            os.replace(part, path)
        except OSError:
            os.unlink(part)
            raise


def _all() -> dict[str, Any]:
    try:
        found = json.loads(file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
