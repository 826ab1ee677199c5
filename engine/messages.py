"""Messages: errors that are one sentence for the user, and text of others inside of sentences.

Names of files, values in job files and the words of libraries may hold anything: newlines, escape
sequences that clear a terminal, 70,000 letters. `shown_name` and `shown` put them into a sentence,
and every message passes through `one_line` before it is shown. Standard library only: the plug-in
carries a copy of this file.
"""

from __future__ import annotations

import os
from typing import Any

from engine.translations import _

NAME_LENGTH = 120
VALUE_LENGTH = 60
MESSAGE_LENGTH = 1200


class UserError(ValueError):
    """An error of which the message is one sentence for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def printable(text: str, keep: str = "") -> str:
    """Return a text with its unprintable characters as escapes.

    Control characters, line and paragraph separators, marks that change the direction of writing
    and halves of surrogate pairs are not printable.

    Parameters
    ----------
    text : str
    keep : str
        Characters to leave as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode()
        for each in text
    )


def shown_name(name: str | os.PathLike[str], length: int = NAME_LENGTH) -> str:
    """Return the name of a file, a layer or a region as messages show it, on one line.

    Parameters
    ----------
    name : str or path
    length : int
        The most characters; of a longer name the middle is left out.
    """
    return _cut(printable(os.fspath(name)), length)


def shown(value: Any) -> str:
    """Return a value as messages quote it, as Python would write it; a long one is cut off."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; a list in a list in ...
        text = _("a value of the type {type} that is too long to show")
        return text.format(type=type(value).__name__)
    return printable(text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 3] + "...")


def one_line(text: str, length: int = MESSAGE_LENGTH) -> str:
    """Return a text on one line, printable, without its middle if it is too long.

    Parameters
    ----------
    text : str
    length : int
        The most characters.
    """
    return _cut(printable(" ".join(text.split())), length)


def _cut(text: str, length: int) -> str:
    """Leave out the middle of a text that is too long; both ends of a path tell something."""
    if len(text) <= length:
        return text
    end = (length - 3) // 2
    return text[: length - 3 - end] + "..." + text[-end:]
