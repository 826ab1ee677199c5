"""Cases of the campaign: one try each, made from a seed, so that every one can be repeated."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.messages import MESSAGE_LENGTH

if TYPE_CHECKING:
    from engine.errors import Failure

OTHERS_WORDS = re.compile(
    r"Traceback|\[Errno|\bErrno\b|NoneType|object at 0x|<class |\bself\b|numpy|pickle|"
    r"not subscriptable|unexpected keyword|expected str|codec can't|argument of type"
)
"""Words of Python and of libraries, which no sentence for a user has."""


CURRENT = "current"
"""The folder of the inputs of the case at work, in the folder of the part."""


class FaultError(AssertionError):
    """Something that must not be; the message says what."""


@dataclass
class Case:
    """One try.

    Attributes
    ----------
    seed, part, number
        What it is made from.
    folder : Path
        The folder of the part, which all its cases share.
    files : dict of str to bytes
        The inputs that were kept.
    chance : random.Random
        The only source of chance.
    """

    seed: int
    part: str
    number: int
    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.seed}/{self.part}/{self.number}")

    def keep(self, name: str, data: bytes | str) -> None:
        """Keep an input for the folder of findings, even if the case ends this process."""
        data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        current = self.folder / CURRENT
        if not self.files:
            current.mkdir(exist_ok=True)
            for each in current.iterdir():
                each.unlink()
        self.files[name] = data
        (current / name).write_bytes(data)


def check(condition: object, message: str) -> None:
    """Fail the case unless the condition holds."""
    if not condition:
        raise FaultError(message)


def check_sentence(text: str, *, hostile: bool = False) -> None:
    """Check that a message is one plain sentence.

    Parameters
    ----------
    text : str
    hostile : bool
        Whether it quotes names that may hold anything, Python's words included.
    """
    check(text, "an empty message")
    check(text.isprintable(), f"not printable: {text!r}")
    check(len(text) <= 2 * MESSAGE_LENGTH, f"{len(text)} characters: {text[:300]!r}")
    check(text.rstrip().endswith((".", ")")), f"no end: {text!r}")
    if not hostile:
        found = OTHERS_WORDS.search(text)
        check(found is None, f"words of a library ({found and found[0]}): {text!r}")


def check_failure(error: BaseException, *, hostile: bool = False) -> str:
    """Check that an exception is a user's error, in one sentence; return its code."""
    from engine.errors import describe

    failure: Failure = describe(error)
    check(failure.code != "internal", f"{type(error).__name__}: {error}")
    check_sentence(failure.message, hostile=hostile)
    if failure.hint:
        check_sentence(failure.hint)
    return failure.code
