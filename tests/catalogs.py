"""The catalogs of translations: texts out of the code, into the .po files, and to .mo files.

    PYTHON -m tests.catalogs [NEW_LANGUAGE]

brings every catalog up to date and says what is still to be translated. Babel does the work; run
time needs only Python's gettext.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages import Catalog, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from engine.paintings.catalog import PAINTINGS
from engine.translations import DOMAIN, FOLDER, LANGUAGES

CHECKOUT = Path(__file__).resolve().parents[1]
ROOMS = ("engine", "models", "plugin")
SOURCES = (
    *sorted(path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py")),
    CHECKOUT / "install.py",
)
"""The files with sentences that users see."""
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
COMMENT = "Translators:"
"""Comments that begin with this word come along into the catalogs."""


class PlainCatalog(Catalog):
    """A catalog whose head has only what gettext needs, so that it changes with the texts alone.

    The plural forms are those of its file: for French and Spanish, Babel would ask for a form of
    millions.
    """

    def __init__(self, known: Catalog) -> None:
        super().__init__(locale=known.locale, charset="utf-8", fuzzy=False)
        self.header_comment = ""
        self._known = known

    @property
    def num_plurals(self) -> int:
        """The number of plural forms."""
        return self._known.num_plurals

    @property
    def plural_forms(self) -> str:
        """The number of plural forms, and which number takes which."""
        return self._known.plural_forms

    @property  # type: ignore[misc]
    def mime_headers(self) -> list[tuple[str, str]]:
        """The lines of the head."""
        return [
            ("Language", str(self.locale)),
            ("Plural-Forms", self.plural_forms),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


def extracted() -> Catalog:
    """Return every text that is marked in the code, and what is said about the paintings."""
    catalog = Catalog()
    for painting in PAINTINGS:
        for text in (painting.title, painting.artist, painting.year, painting.kind):
            if not text.isdecimal():
                catalog.add(text, locations=[("engine/paintings/catalog.csv", 0)])
    for path in SOURCES:
        place = path.relative_to(CHECKOUT).as_posix()
        with path.open("rb") as file:
            for _line, marked, comments, _context in extract.extract(
                "python", file, KEYWORDS, [COMMENT]
            ):
                catalog.add(marked, locations=[(place, 0)], auto_comments=comments)
    return catalog


def source(language: str) -> Path:
    """Return the path of a language's .po file."""
    return FOLDER / f"{language}.po"


def compiled(language: str) -> Path:
    """Return the path of a language's .mo file."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.mo"


def read(language: str) -> Catalog:
    """Return a language's catalog; an empty one if it has no file yet."""
    if not source(language).exists():
        return Catalog(locale=language)
    with source(language).open("rb") as file:
        return read_po(file, locale=language)


def update(language: str, found: Catalog) -> list[str]:
    """Bring the files of a language up to date; return the texts without a translation."""
    known = read(language)
    catalog = PlainCatalog(known)
    for message in found:
        if message.id:
            old = known.get(message.id)
            catalog.add(
                message.id,
                old.string if old else None,
                locations=message.locations,
                auto_comments=message.auto_comments,
            )
    with source(language).open("wb") as file:
        write_po(file, catalog, width=100, omit_header=False, include_lineno=False)
    compiled(language).parent.mkdir(parents=True, exist_ok=True)
    with compiled(language).open("wb") as file:
        write_mo(file, catalog)
    return [str(each.id) for each in catalog if each.id and not _is_complete(each.string)]


def _is_complete(string: str | tuple[str, ...] | list[str] | None) -> bool:
    return bool(string) and (isinstance(string, str) or all(string or ()))


def main() -> int:
    """Update every catalog; return 1 if a text has no translation yet."""
    found = extracted()
    languages = sorted({*LANGUAGES, *sys.argv[1:]})
    missing = {language: update(language, found) for language in languages}
    for language, texts in missing.items():
        sys.stdout.write(f"{language}: {len(found)} texts, {len(texts)} without a translation\n")
        for text in texts:
            sys.stdout.write(f"  {text}\n")
    return int(any(missing.values()))


if __name__ == "__main__":
    sys.exit(main())
