"""Patterns: paths in a batch's job that hold something of each content's name."""

from __future__ import annotations

import re
from pathlib import Path

from engine.job import JobError
from engine.messages import shown_name
from engine.translations import N_, _

PLACEHOLDERS = {
    "name": N_("the name of the content without its extension"),
    "number": N_("the last digits in that name"),
    "folder": N_("the name of the content's folder"),
    "extension": N_("the content's extension"),
}

_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


def is_pattern(path: str) -> bool:
    """Return whether a path holds a placeholder. Other braces are part of a name."""
    return _PLACEHOLDER.search(path) is not None


def filled(pattern: str, content: str) -> str:
    """Put a content's name into a pattern.

    Examples
    --------
    >>> filled("masks/{name}.png", "walk/0007.jpg")
    'masks/0007.png'
    >>> filled("mask_{number}.png", "frame_0012.png")
    'mask_0012.png'

    Raises
    ------
    JobError
        If the pattern asks for digits and the name has none.
    """

    def value(match: re.Match[str]) -> str:
        file = Path(content)
        if match[1] == "name":
            return file.stem
        if match[1] == "folder":
            return file.parent.name
        if match[1] == "extension":
            return file.suffix.removeprefix(".")
        digits = re.findall(r"[0-9]+", file.stem)
        if not digits:
            message = _("{pattern}: the name of {content} has no digits.")
            message = message.format(pattern=shown_name(pattern), content=shown_name(content))
            raise JobError(message)
        return digits[-1]

    return _PLACEHOLDER.sub(value, pattern)
