"""Errors of the weights, their exit statuses, and the language of their sentences.

Standard library only.
"""

from __future__ import annotations

from typing import Callable

NOT_THERE = 3
"""Exit status of `python -m models`: no good weights are in the cache, and no file was named."""

NEEDS_H5PY = 4
"""Exit status of `python -m models`: the file is Keras', and h5py is not installed."""

DISK_FULL = 5
"""Exit status of `python -m models`: the disk has no room for the weights."""


class WeightsError(ValueError):
    """Weights that are missing or wrong; the message is one sentence for the user."""


class WeightsDiskFullError(WeightsError):
    """A disk without room for the weights; the message is one sentence for the user."""


def _(text: str) -> str:
    """Return a sentence in the language of the program that uses this package."""
    return _Language.translate(text)


def speak(translate: Callable[[str], str]) -> None:
    """Let a function translate the sentences of this package, which are English otherwise."""
    _Language.translate = staticmethod(translate)


class _Language:
    """The function that translates sentences."""

    translate: Callable[[str], str] = staticmethod(str)
