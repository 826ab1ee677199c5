"""The catalogs of translations: complete, with the same placeholders, and compiled."""

from __future__ import annotations

import argparse
import ast
import gettext
import importlib
import json
import os
import re
import string
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from engine import argument_parser, translations
from engine.cli.parser import build_parser
from engine.text_width import columns
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
"""Form that stands with a number, as grammars have it."""


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
    found = [(name, form, how) for _text, name, form, how in parts if name is not None]
    found += [(each, "", "") for each in re.findall(r"%(?:\(\w+\))?[a-z]", text)]  # argparse's own
    return sorted(found)


def _keys(text: str) -> int:
    """Return the number of access keys; a line in the middle of a word marks none in a sentence."""
    # Variables of the environment and layers have lines, too.
    text = re.sub(r"[A-Z]+(_[A-Z]+)+|conv\d_\d", "", text)
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


def test_lists_have_the_commas_of_the_language(english: None) -> None:
    shown = {}
    for language in ("en", "ja", "zh_CN"):
        translations.use([language])
        shown[language] = translations.listed(["a", "", "{b}", "c"])
    assert shown == {"en": "a, {b}, c", "ja": "a、{b}、c", "zh_CN": "a，{b}，c"}


def test_a_batch_has_a_page_in_the_language_and_a_table_for_programs(
    tmp_path: Path, english: None
) -> None:
    from engine.batch import closing_table

    translations.use(["zh_CN"])
    rows = [
        closing_table.Row("a.png", "a.png", closing_table.PAINTED, loss=2.5),
        closing_table.Row("b", "b", closing_table.LEFT),
    ]
    page = closing_table.write_table(str(tmp_path), rows).read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in page
    assert "2 张图片：1 已绘制，1 剩余。" in page
    csv = (tmp_path / closing_table.TABLE).read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[2] for line in csv] == ["status", "painted", "left"]


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


def test_no_function_that_translates_uses_the_name_for_something_else() -> None:
    """An assignment to `_` makes it a local name, and the call of `_` fails when it is reached."""
    wrong = []
    for path in catalogs.SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.Lambda)):
                inside = list(ast.walk(node))
                names = [each for each in inside if isinstance(each, ast.Name) and each.id == "_"]
                stored = any(isinstance(each.ctx, ast.Store) for each in names)
                if stored and any(isinstance(each.ctx, ast.Load) for each in names):
                    wrong.append((path.name, node.lineno))
    assert wrong == []


SENTENCE = re.compile(r"[A-Z“][\w'’]* [\w“{][^|\\]*")
WORDS = re.compile(r"[^|\\]*[a-z]{2,} [a-z]{2,} [a-z]{2,}[^|\\]*")
OF_COMMANDS = ("engine/cli/", "engine/batch/", "engine/setup/", "plugin/", "install.py")
"""Files in which parts of sentences are marked, too; elsewhere they are for programmers."""

BABL = re.compile(r"[RGBYA']+ (u8|float)")
NAMES = ("The Scumble authors",)

OF_PROGRAMS = {
    "engine/cli/doctor.py": ("Build Dependencies",),
    "engine/cli/parser.py": ("  scumble stylize photo.jpg", "CONTENT OUT --style"),
    "engine/devices.py": (
        "onnxruntime put the session on ",
        "Failed to create GPU buffer",
        "exceeds the max buffer size limit",
        "larger than the maximum storage buffer binding size",
        "is invalid due to a previous error",
    ),
    "engine/errors.py": (
        "Failed to allocate memory",
        "is smaller than requested bytes of",
        "out of memory",
        "can't start new thread",
        "failed to map segment",
        "cannot allocate memory",
    ),
    "engine/job.py": ("Part of the style", "Style size", "Adam's step"),  # the dialog has others
    "engine/paths.py": (
        "Scumble made this folder. ",
        "Application Support",
        "it was not made by Scumble",
    ),
    "engine/loss_plot.py": (
        "DejaVu Sans",
        "Picture in the style ",
    ),  # in drawings, which are English
    "engine/report/folder.py": ("Picture in the style ",),
    "engine/optimizers.py": ("Adam with steps of ",),  # for reports
    "engine/pictures/metadata.py": ("Raw profile type",),
    "engine/setup/download.py": ("Connection reset",),
    "engine/setup/launcher.py": ("#!/bin/sh", "@echo off"),
    "engine/setup/subprocesses.py": ("\nimport os",),
    "engine/setup/environment.py": ("\nimport ", "import importlib"),
    "engine/setup/pip_errors.py": (
        "DO NOT MATCH THE HASHES",
        "not a trusted or secure host",
        "No module named pip",
        "cannot be started",
    ),
    "engine/setup/relocatable_python.py": ("\nimport ", "#!/bin/sh"),
    "engine/setup/smoke_test.py": ("\nimport ",),
    "models/onnx_format.py": ("given with the session",),
    "plugin/extension.py": ("#!/usr/bin/env python3", "</id>"),
    "plugin/scumble/python_finder.py": ("import importlib.util",),
    "plugin/gimp_profiles.py": ("Application Support",),
    "install.py": ("Scumble needs Python", "; start install.py with"),  # Python is too old
}
"""Beginnings of texts that programs read or print, by file."""


@pytest.mark.parametrize(
    "path", catalogs.SOURCES, ids=lambda path: path.relative_to(catalogs.CHECKOUT).as_posix()
)
def test_no_sentence_is_left_unmarked(path: Path) -> None:
    """Sentences are marked, unless only programs or developers see them."""
    name = path.relative_to(catalogs.CHECKOUT).as_posix()
    patterns = (SENTENCE, WORDS) if name.startswith(OF_COMMANDS) else (SENTENCE,)
    code, of_programs = path.read_text(encoding="utf-8"), OF_PROGRAMS.get(name, ())
    assert _unmarked(code, patterns, of_programs) == []


def _unmarked(
    code: str, patterns: tuple[re.Pattern[str], ...], of_programs: tuple[str, ...] = ()
) -> list[tuple[int, str]]:
    tree = ast.parse(code)
    passed = {id(each) for node in ast.walk(tree) for each in _not_shown(node)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in passed
        and any(pattern.fullmatch(node.value) for pattern in patterns)
        and not BABL.fullmatch(node.value)
        and not node.value.startswith((*NAMES, *of_programs))
    ]


def _not_shown(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the constants below a node that are marked, or are no sentences for users."""
    if isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called in (*catalogs.KEYWORDS, "print"):
            yield from ast.walk(node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value  # a docstring


def test_the_check_finds_an_unmarked_sentence() -> None:
    code = 'say("The layer is gone."); say(_("The layer is here.")); say(f"{x} was left out")'
    assert _unmarked(code, (SENTENCE, WORDS)) == [(1, "The layer is gone."), (1, " was left out")]


def test_the_weights_job_files_encoders_and_installer_speak_the_language(tmp_path: Path) -> None:
    import numpy as np

    import engine.errors  # noqa: F401 - which gives the language to the sentences of the weights
    from engine.jobfile import JobError, load_job
    from engine.pictures.encoders import encoder
    from engine.pictures.stored import StoredPicture
    from engine.setup.pip_errors import explain_pip
    from models.weights import Weights
    from models.weights_errors import WeightsError

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


class _Marked(gettext.NullTranslations):
    """A language that puts every translated text into brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, one: str, many: str, number: int) -> str:
        return f"⟦{one if number == 1 else many}⟧"


def _parsers(monkeypatch: pytest.MonkeyPatch) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of every command line, made in the language in use."""
    made = {"scumble": build_parser()}
    for action in made["scumble"]._actions:
        if isinstance(action, argparse._SubParsersAction):
            made.update(action.choices)
    # Theirs are kept as they parse.
    kept: list[argparse.ArgumentParser] = []

    def keep(parser: argparse.ArgumentParser, *_: object) -> None:
        kept.append(parser)
        raise SystemExit

    monkeypatch.setattr(argument_parser.Parser, "parse_args", keep)
    monkeypatch.setattr(argument_parser.Parser, "parse_known_args", keep)
    for name, arguments in (("install", ([], "demo")), ("models.__main__", ())):
        module = importlib.import_module(name)
        with pytest.raises(SystemExit):
            getattr(module, "read_options" if arguments else "main")(*arguments)
        made[name] = kept.pop()
    monkeypatch.undo()
    return made


def test_no_help_of_a_command_line_is_left_unmarked(
    monkeypatch: pytest.MonkeyPatch, english: None
) -> None:
    """Whatever a person adds to a parser: what has no brackets here has no entry."""
    translations._State.catalog = _Marked()
    unmarked: list[tuple[str, str | None]] = []
    parsers = _parsers(monkeypatch)
    assert len(parsers) > 12
    for name, parser in parsers.items():
        texts = [parser.description]
        texts += [line for line in (parser.epilog or "").splitlines() if line[:1] != " "]
        for group in parser._action_groups:
            texts.append(group.title)
        for action in parser._actions:
            texts += [action.help] if action.help else []
            texts += [each.help for each in getattr(action, "_choices_actions", ())]
            if action.help is None and not isinstance(action, argparse._SubParsersAction):
                unmarked.append((name, action.dest))
        unmarked += [(name, text) for text in texts if _has_words(text or "")]
    assert unmarked == []


def _has_words(text: str) -> bool:
    """Return whether there are words outside of all brackets."""
    before = None
    while text != before:
        before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", "", text)
    return re.search(r"[a-z]{2}", text) is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ["paint"],
        ["stylize", "content.png"],
        ["stylize", "content.png", "out.png", "--no-such-option"],
        ["stylize", "content.png", "out.png", "--style"],
        ["stylize", "content.png", "out.png", "--style", "a", "b", "c"],
        ["stylize", "content.png", "out.png", "--weight", "2", "--style", "a"],
        ["stylize", "content.png", "out.png", "--init", "nothing"],
        ["doctor", "--json=yes"],
        ["gallery", "folder", "--figure", "77"],
        ["resume", "--quiet", "--json"],
        ["batch", "job.json", "content.png", "--out"],
        ["batch", "job.json", "content.png", "--out", "folder", "--workers", "x"],
    ],
)
def test_no_error_of_a_command_line_is_left_unmarked(
    arguments: list[str], english: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Argparse's own words are in the catalogs, too."""
    translations._State.catalog = _Marked()
    with pytest.raises(SystemExit):
        build_parser().parse_args(arguments)
    said = capsys.readouterr().err.partition(": ")[2]
    assert said.startswith("⟦⟦")
    assert not _has_words(said)


@pytest.mark.parametrize("language", ["en", *WANTED])
def test_help_fits_a_terminal_of_80_columns(
    language: str, monkeypatch: pytest.MonkeyPatch, english: None
) -> None:
    translations.use([language])
    parsers = _parsers(monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    for name, parser in parsers.items():
        for line in parser.format_help().splitlines():
            assert columns(line) <= 80, (name, line)


def test_the_program_of_the_weights_speaks_the_language_of_its_environment(tmp_path: Path) -> None:
    said = {}
    for language in ("de", "zh_CN"):
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-m", "models",
             "--cache", tmp_path / "none.npz", "--work", tmp_path],
            cwd=catalogs.CHECKOUT,
            env={"PATH": os.environ["PATH"], "LANGUAGE": language},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )  # fmt: skip
        said[language] = done.stderr.strip()
    assert "fehlt; führen Sie install.py noch einmal aus." in said["de"]
    assert said["zh_CN"].endswith("请再次运行 install.py。")


def test_a_table_of_the_doctor_holds_in_every_script(
    monkeypatch: pytest.MonkeyPatch, english: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Programs read English; people read columns of one width."""
    from engine.cli import doctor

    names = (*doctor.LABELS, "numpy")
    checks = {name: lambda name=name: doctor.Finding(name, "〇") for name in names}
    monkeypatch.setattr(doctor, "_CHECKS", checks)
    monkeypatch.setattr(doctor, "_painting", lambda: doctor.Finding("painting", "〇"))
    monkeypatch.setattr(doctor, "_tuning_table", list)
    for language in WANTED:
        translations.use([language])
        assert doctor.examine() == 0
        lines = capsys.readouterr().out.splitlines()[:-2]
        assert len({columns(line.partition("〇")[0]) for line in lines}) == 1
        assert lines[-2].startswith("numpy ")
        assert not lines[0].startswith("system ")
        assert doctor.examine(as_json=True) == 0
        report = json.loads(capsys.readouterr().out)
        assert list(report)[:3] == ["system", "providers", "device"]
        assert translations.language() == language
