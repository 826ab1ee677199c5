"""Width of text on a terminal: East Asian characters take two columns, combining accents none.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator

NOT_FIRST = frozenset(
    ")]}.,:;!?%'\"”’»…·、。，．：；！？）］｝〉》」』】〕％ーぁぃぅぇぉっゃゅょァィゥェォッャュョ"
)
"""Characters that begin no line where there are no blanks to break at (JIS X 4051)."""

NOT_LAST = frozenset("([{'\"“‘«（［｛〈《「『【〔")
"""Characters that end no such line."""


def columns(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return a text with blanks up to a width.

    Parameters
    ----------
    text : str
    width : int
        Columns; a wider text stays as it is.
    right : bool
        Whether the text goes to the right.
    """
    blanks = " " * max(width - columns(text), 0)
    return blanks + text if right else text + blanks


def shortened(text: str, width: int) -> str:
    """Return as much of the start of a text as `width` columns hold."""
    taken = 0
    for place, letter in enumerate(text):
        taken += _columns_of(letter)
        if taken > width:
            return text[:place]
    return text


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, broken at blanks and between East Asian characters.

    Parameters
    ----------
    text : str
        Without line breaks.
    width : int
        The most columns of a line, at least 2.
    """
    if columns(text) == len(text):
        return textwrap.wrap(text, width)
    lines = [""]
    for piece in _pieces(text):
        if columns((lines[-1] + piece).rstrip(" ")) > width and lines[-1]:
            lines[-1] = lines[-1].rstrip(" ")
            lines.append("")
        lines[-1] += piece
        while columns(lines[-1].rstrip(" ")) > width:
            start = shortened(lines[-1], width)
            lines[-1:] = [start, lines[-1][len(start) :]]
    return [line.rstrip(" ") for line in lines]


def _pieces(text: str) -> Iterator[str]:
    """Yield what may not be broken, with the blanks behind it."""
    start = 0
    for place in range(1, len(text)):
        if _can_break(text[place - 1], text[place]):
            yield text[start:place]
            start = place
    yield text[start:]


def _can_break(before: str, after: str) -> bool:
    if after == " ":
        return False
    if before == " ":
        return True
    is_east_asian = 2 in (_columns_of(before), _columns_of(after))
    return is_east_asian and after not in NOT_FIRST and before not in NOT_LAST


def _columns_of(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
