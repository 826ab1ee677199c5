"""The paintings that come with Scumble: their names, and what is known about each.

Standard library only: the plug-in carries a copy of this file and of its table, `catalog.csv`. The
pictures lie beside the engine's own copy, as `NAME.jpg`; `SOURCES.md` says where they come from.
"""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from engine.translations import _


@dataclass(frozen=True)
class Painting:
    """One painting.

    Attributes
    ----------
    name : str
        What a job calls it: lower-case letters, digits and hyphens.
    artist, title, year : str
    kind : str
        How it is made, in a few words.
    source : str
        Where its picture was taken from.
    """

    name: str
    artist: str
    title: str
    year: str
    kind: str
    source: str


def folder() -> Path:
    """Return the folder of the pictures."""
    return Path(__file__).resolve().parent


with (folder() / "catalog.csv").open(encoding="utf-8", newline="") as _table:
    PAINTINGS = tuple(Painting(**row) for row in csv.DictReader(_table))

NAMES = tuple(each.name for each in PAINTINGS)


def style_file(style: str) -> str:
    """Return the file of a region's style: that of a painting's name, or the path itself."""
    return str(folder() / f"{style}.jpg") if style in NAMES else style


def near_names(style: str) -> str:
    """Return a sentence for a style that is no file: which paintings have a name like it.

    Empty where a file was meant: it has an extension.
    """
    name = PureWindowsPath(style).name  # which knows both kinds of slashes
    if PureWindowsPath(name).suffix:
        return ""
    near = difflib.get_close_matches(name.lower().replace("_", "-"), NAMES, 3, 0.5)
    near += [each for each in NAMES if each.split("-")[0] == name.lower()]
    if not near:
        return _("Names of paintings: listed by scumble styles.")
    names = ", ".join(dict.fromkeys(near))
    return _("Paintings with a name like it: {names}.").format(names=names)
