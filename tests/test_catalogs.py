"""The catalogs of translations: complete, with the same placeholders, and compiled."""

from __future__ import annotations

import ast
import gettext
import os
import re
import string
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from engine import translations
from tests import catalogs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from babel.messages import Message

WANTED = ("de", "es", "fr", "ja", "zh_CN")
AGAIN = "run PYTHON -m tests.catalogs, then translate what it lists in engine/locale/*.po"

PLURALS = {
    "de": lambda n: int(n != 1),
    "es": lambda n: int(n != 1),
    "fr": lambda n: int(n > 1),
    "ja": lambda n: 0,
    "zh_CN": lambda n: 0,
}
"""Which form stands with a number, as grammars have it."""


@pytest.fixture(scope="module")
def found() -> dict[str | tuple[str, ...], Message]:
    """Return what is marked in the code."""
    return {_key(message.id): message for message in catalogs.extracted() if message.id}


@pytest.fixture
def english() -> Iterator[None]:
    """Give the tests their language back."""
    yield
    translations.use(["en"])


def _key(text: str | list[str] | tuple[str, ...]) -> str | tuple[str, ...]:
    return text if isinstance(text, str) else tuple(text)


def _forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (text or "",) if text is None or isinstance(text, str) else tuple(text)


def test_the_languages_are_those_that_are_wanted() -> None:
    assert translations.LANGUAGES == WANTED


@pytest.mark.parametrize("language", WANTED)
def test_no_text_lacks_its_entry(language: str, found: dict) -> None:
    entries = {_key(each.id): each for each in catalogs.read(language) if each.id}
    assert set(entries) == set(found), AGAIN
    missing = [key for key, each in entries.items() if not all(_forms(each.string))]
    assert missing == [], AGAIN
    assert not [key for key, each in entries.items() if each.fuzzy]


@pytest.mark.parametrize("language", WANTED)
def test_placeholders_lines_and_access_keys_agree(language: str) -> None:
    wrong = []
    for message in catalogs.read(language):
        for english, translated in zip(_forms(message.id) * 2, _forms(message.string)):
            same = (
                _placeholders(english) == _placeholders(translated)
                and english.count("\n") == translated.count("\n")
                and _keys(english) == _keys(translated)
                and english.strip() == english
                and translated.strip() == translated
            )
            if message.id and not same:
                wrong.append((english, translated))
    assert wrong == []


def _placeholders(text: str) -> list[tuple[str, str | None, str | None]]:
    parts = string.Formatter().parse(text)
    return sorted((name, form, how) for _text, name, form, how in parts if name is not None)


def _keys(text: str) -> int:
    """Return the number of access keys; a line in the middle of a word marks none in a sentence."""
    text = re.sub(r"[A-Z]+(_[A-Z]+)+", "", text)  # variables of the environment
    return len(re.findall(r"_\w", text)) if re.search(r"(^|[\s(])\w?\w*_\w", text) else 0


@pytest.mark.parametrize("language", WANTED)
def test_compiled_catalogs_are_those_of_the_sources(language: str) -> None:
    with catalogs.compiled(language).open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in catalogs.read(language):
        if not message.id:
            continue
        if isinstance(message.id, str):
            assert compiled.gettext(message.id) == message.string, AGAIN
        else:
            one, many = message.id
            shown = {compiled.ngettext(one, many, number) for number in range(200)}
            assert shown == set(_forms(message.string)), AGAIN


@pytest.mark.parametrize("language", WANTED)
def test_numbers_take_their_plural_form(language: str) -> None:
    with catalogs.compiled(language).open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    plurals = [each for each in catalogs.read(language) if not isinstance(each.id, str)]
    assert len(plurals) >= 3
    for message in plurals:
        one, many = _forms(message.id)
        forms = _forms(message.string)
        assert len(forms) == 1 + max(map(PLURALS[language], range(200)))
        for number in (0, 1, 2, 3, 5, 11, 21, 100, 101, 1000):
            assert compiled.ngettext(one, many, number) == forms[PLURALS[language](number)]


def test_french_marks_stand_behind_a_space_that_does_not_break() -> None:
    wrong = [
        text
        for message in catalogs.read("fr")
        for text in _forms(message.string)
        if message.id and re.search(r" [:;?!»%]|« |\w[;?!]|'\w", re.sub(r"'\w+'", "", text))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "names, language",
    [
        (["de_AT.UTF-8", "de_AT", "de", "C"], "de"),
        (["sr@latin", "fr_CA", "C"], "fr"),
        (["en_GB", "de"], "en"),
        (["C", "de"], "en"),
        (["POSIX"], "en"),
        (["zh_CN.GB18030"], "zh_CN"),
        (["zh_Hans_SG"], "zh_CN"),
        (["zh-Hant-TW", "ja-JP"], "ja"),
        (["zh_TW.UTF-8"], "en"),
        (["", "pt_BR"], "en"),
        ([], "en"),
    ],
)
def test_the_first_known_language_is_used(english: None, names: list[str], language: str) -> None:
    translations.use(names)
    assert translations.language() == language
    shown = translations._("Working size")
    assert (shown == "Working size") == (language == "en")


@pytest.mark.parametrize(
    "variables, names",
    [
        ({"LANGUAGE": "de:fr", "LC_ALL": "ja_JP.UTF-8"}, ["de", "fr"]),
        ({"LANGUAGE": "", "LC_ALL": "ja_JP.UTF-8", "LANG": "de_DE"}, ["ja_JP.UTF-8"]),
        ({"LC_MESSAGES": "es_MX", "LANG": "de_DE"}, ["es_MX"]),
        ({"LANG": "de_DE"}, ["de_DE"]),
        ({}, [""]),
    ],
)
def test_variables_count_as_gettext_has_them(variables: dict[str, str], names: list[str]) -> None:
    assert translations.of_environment(variables) == names


def test_numbers_are_written_as_the_language_has_them(english: None) -> None:
    shown = {}
    for language in ("en", *WANTED):
        translations.use([language])
        shown[language] = translations.number_text(1234567.5, ",.1f")
    assert shown == {
        "en": "1,234,567.5",
        "de": "1.234.567,5",
        "es": "1.234.567,5",
        "fr": "1\u202f234\u202f567,5",
        "ja": "1,234,567.5",
        "zh_CN": "1,234,567.5",
    }


@pytest.mark.parametrize(
    "variables, said",
    [
        ({"LANG": "de_DE.UTF-8"}, "picture: Die Datei gone.png gibt es nicht."),
        ({"LANGUAGE": "ja:de", "LANG": "de_DE.UTF-8"}, "picture: ファイル gone.png がありません。"),
        ({"LANG": "it_IT.UTF-8"}, "picture: There is no file gone.png."),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, "picture: There is no file gone.png."),
    ],
)
def test_an_engine_speaks_the_language_of_its_environment(
    variables: dict[str, str], said: str
) -> None:
    """The sentence follows the environment; the code, which programs match, does not."""
    code = (
        "from engine.errors import PictureError, describe\n"
        "from engine.files import why_not_readable\n"
        "failure = describe(PictureError(why_not_readable('gone.png')))\n"
        "print(failure.code, failure.message, sep=': ')"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        cwd=catalogs.CHECKOUT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.strip() == said


SOURCES = [path for room in catalogs.ROOMS for path in (catalogs.CHECKOUT / room).rglob("*.py")]


def test_no_function_that_translates_uses_the_name_for_something_else() -> None:
    """An assignment to `_` makes it a local name, and the call of `_` fails when it is reached."""
    wrong = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.Lambda)):
                inside = list(ast.walk(node))
                names = [each for each in inside if isinstance(each, ast.Name) and each.id == "_"]
                stored = any(isinstance(each.ctx, ast.Store) for each in names)
                if stored and any(isinstance(each.ctx, ast.Load) for each in names):
                    wrong.append((path.name, node.lineno))
    assert wrong == []


SENTENCE = re.compile(r"[A-Z“][\w'’]* [\w“{].*")
BABL = re.compile(r"[RGBYA']+ (u8|float)")
NAMES = ("The Scumble authors",)


def test_no_sentence_of_the_plug_in_is_left_unmarked() -> None:
    """Every text that looks like a sentence is marked, unless only programs or developers see
    it."""
    unmarked = []
    for path in (catalogs.CHECKOUT / "plugin" / "scumble").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        passed = {id(each) for node in ast.walk(tree) for each in _not_shown(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or id(node) in passed:
                continue
            text = node.value
            if not isinstance(text, str) or text in NAMES or BABL.fullmatch(text):
                continue
            if SENTENCE.fullmatch(text):
                unmarked.append((path.name, node.lineno, text))
    assert unmarked == []


def _not_shown(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the constants below a node that are marked, or are no sentences for users."""
    if isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called in (*catalogs.KEYWORDS, "print"):
            yield from ast.walk(node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value  # a docstring


def test_the_check_finds_an_unmarked_sentence() -> None:
    tree = ast.parse('say("The layer is gone."); say(_("The layer is here."))')
    passed = {id(each) for node in ast.walk(tree) for each in _not_shown(node)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in passed
    ]
    found = [text for text in texts if isinstance(text, str) and SENTENCE.fullmatch(text)]
    assert found == ["The layer is gone."]


def test_the_weights_job_files_encoders_and_installer_speak_the_language(tmp_path: Path) -> None:
    import numpy as np

    import engine.errors  # noqa: F401 - which gives the language to the sentences of the weights
    from engine.jobfile import JobError, load_job
    from engine.pictures.encoders import encoder
    from engine.pictures.stored import StoredPicture
    from engine.setup.pip_errors import explain_pip
    from models.errors import WeightsError
    from models.weights import Weights

    picture = StoredPicture(np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.float32))
    (tmp_path / "job.json").write_text("[")
    translations.use(["de"])
    try:
        assert "brach ab" in explain_pip("Connection reset by peer")
        assert encoder(".jpg", picture, "")[1] == [
            "JPEG kennt keine Transparenz; das Bild wird auf Weiß gelegt."
        ]
        with pytest.raises(WeightsError, match=r"Die Datei der Gewichte, .* fehlt; führen Sie"):
            Weights(tmp_path / "none.npz")
        with pytest.raises(JobError, match="ist keine Auftragsdatei, denn sie ist kein JSON"):
            load_job(tmp_path / "job.json")
    finally:
        translations.use([])
