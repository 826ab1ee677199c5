"""Translations of sentences: the catalogs of GNU gettext, and the choice of a language.

Sentences are written in English and translated where they are shown: `_("The layer is gone.")`. A
constant is marked by `N_` where it stands and translated by `_` where it is used. Values come in
through named placeholders, `_("The layer “{name}” is gone.").format(name=name)`, so that a language
may put them in its own order. Names of options, JSON and logs stay English. Standard library only:
the plug-in carries a copy of this file and of the catalogs.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

DOMAIN = "scumble"
FOLDER = Path(__file__).resolve().parent / "locale"
"""Holds LANGUAGE.po, and LANGUAGE/LC_MESSAGES/scumble.mo, compiled from it. The .mo files are kept
with the code, so that a checkout, the installer and an extension need no compiler."""

LANGUAGES = tuple(
    sorted(path.parent.parent.name for path in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
)
ENGLISH = "en"

VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""The variables that name the language of messages; the first one that is set counts."""

MARKS = {"de": (".", ","), "es": (".", ","), "fr": ("\u202f", ",")}
"""The marks of thousands and of decimals where they are not those of English."""


def N_(text: str) -> str:
    """Mark a text for the catalogs and return it as it is."""
    return text


def _(text: str) -> str:
    """Return a text in the language in use."""
    return _State.catalog.gettext(text) if text else ""


def ngettext(one: str, many: str, number: int) -> str:
    """Return the form of a sentence for a number, in the language in use."""
    return _State.catalog.ngettext(one, many, number)


def listed(items: Iterable[str]) -> str:
    """Return texts with the language's commas between them; empty ones are left out."""
    text = ""
    for item in filter(None, items):
        text = _("{text}, {item}").format(text=text, item=item) if text else item
    return text


def number_text(value: float, form: str = "") -> str:
    """Return a number as the language in use writes it.

    Parameters
    ----------
    value : float
    form : str
        A format of Python's, such as ',' or '.1f'.
    """
    thousands, decimals = MARKS.get(_State.language, (",", "."))
    marks = {",": thousands, ".": decimals}
    return "".join(marks.get(letter, letter) for letter in format(value, form))


def language() -> str:
    """Return the language in use: one of `LANGUAGES`, or 'en'."""
    return _State.language


def use(names: Iterable[str]) -> None:
    """Use the first language that there is a catalog for.

    Parameters
    ----------
    names : iterable of str
        Names of locales, such as 'de_AT.UTF-8', the preferred one first. English and the locales C
        and POSIX end the search.
    """
    _State.language = next(filter(None, map(_known, names)), ENGLISH)
    if _State.language == ENGLISH:
        _State.catalog = gettext.NullTranslations()
    else:
        _State.catalog = gettext.translation(DOMAIN, FOLDER, [_State.language])


@contextmanager
def in_language(name: str) -> Iterator[None]:
    """Use a language, as `use` names it, within a block or a function.

    English is for what programs read.
    """
    before = _State.language, _State.catalog
    use([name])
    try:
        yield
    finally:
        _State.language, _State.catalog = before


def of_environment(variables: Mapping[str, str]) -> list[str]:
    """Return the locales that environment variables name, the preferred one first."""
    value = next(filter(None, (variables.get(name) for name in VARIABLES)), "")
    return value.split(":")


def _known(name: str) -> str:
    """Return the language of a locale; empty if there is no catalog for it."""
    name = name.partition(".")[0].partition("@")[0].replace("-", "_")
    base, _line, place = name.partition("_")
    if base in (ENGLISH, "C", "POSIX"):
        return ENGLISH
    if base == "zh":  # written in simplified characters, unless the place has the others
        name = "" if place.partition("_")[0] in ("Hant", "TW", "HK", "MO") else "zh_CN"
    return next((each for each in (name, base) if each in LANGUAGES), "")


class _State:
    """The language in use, and its catalog."""

    language = ENGLISH
    catalog = gettext.NullTranslations()


use(of_environment(os.environ))
