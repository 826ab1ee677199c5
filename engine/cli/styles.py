"""`scumble styles`: the paintings that come with Scumble."""

from __future__ import annotations

import dataclasses
import json

from engine.cli.terminal import to_standard_output
from engine.paintings.catalog import NAMES, PAINTINGS, style_file
from engine.translations import _, listed


def list_styles(*, as_json: bool = False) -> int:
    """Print the names of the paintings and what they are on standard output; return 0.

    Parameters
    ----------
    as_json : bool
        Whether to print a JSON list of objects, in English, in place of lines; they also name
        the file.
    """
    if as_json:
        rows = [{**dataclasses.asdict(each), "file": style_file(each.name)} for each in PAINTINGS]
        to_standard_output(json.dumps(rows, indent=1))
        return 0
    width = max(map(len, NAMES))
    for each in PAINTINGS:
        about = listed((_(each.artist), _(each.title), _(each.year)))
        to_standard_output(f"{each.name:<{width}}  {about} ({_(each.kind)})")
    return 0
