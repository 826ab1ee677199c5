"""The lists of requirements in pyproject.toml, for Pythons without a TOML reader.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import re
from pathlib import Path

from engine.setup.setup_errors import SetupError
from engine.translations import _

ENGINE = ("project", "dependencies")
PLOTS = ("project.optional-dependencies", "plots")
CLUSTER = ("project.optional-dependencies", "cluster")
TESTS = ("dependency-groups", "test")


def read_requirements(file: Path, table: str, key: str) -> list[str]:
    """Return one list of requirements.

    Parameters
    ----------
    file : Path
        pyproject.toml.
    table, key : str
        One of `ENGINE`, `PLOTS`, `CLUSTER` and `TESTS`. The list has one quoted requirement per
        line.

    Raises
    ------
    SetupError
        If the file cannot be read, or has no such list in this form.
    """
    try:
        lines = iter(file.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        message = _("{file} cannot be read ({reason}); get a complete copy of Scumble.").format(
            file=file, reason=error.strerror
        )
        raise SetupError(message) from error
    found: list[str] = []
    if f"[{table}]" in lines:  # the search leaves the iterator behind what it found
        for line in lines:
            if line.startswith("["):
                break
            if line != f"{key} = [":
                continue
            for entry in lines:
                if entry == "]":
                    return found
                match = re.fullmatch(r'\s*"([^"\\]+)",', entry)
                if not match:
                    message = _(
                        "{file} has a line in '{key}' that is no requirement: {entry}."
                    ).format(file=file, key=key, entry=repr(entry))
                    raise SetupError(message)
                found.append(match[1])
    message = _("{file} has no list '{key}' in [{table}]; get a complete copy of Scumble.").format(
        file=file, key=key, table=table
    )
    raise SetupError(message)


def distribution_name(requirement: str) -> str:
    """Return the name of the package that a requirement asks for, in small letters."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower()
