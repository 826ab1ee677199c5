"""Text of others in messages: no escape sequences, one line, a bounded length."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PictureError, describe, record
from engine.events import Notice
from engine.job import JobError
from engine.messages import MESSAGE_LENGTH, NAME_LENGTH, UserError, one_line, shown, shown_name
from models.weights_errors import WeightsError
from tests.engine.programs import check_sentence, make_pictures, scumble

HOSTILE = "a\x1b[2J\x1b]0;title\x07b\nc\r\x85\u2028\u202egnp.exe\udcff"


@given(st.text(max_size=300))
def test_what_is_shown_has_no_control_characters(text):
    for found in (shown_name(text), one_line(text), shown(text)):
        kinds = {unicodedata.category(each) for each in found}
        assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        assert "\n" not in found


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=NAME_LENGTH))
def test_plain_names_are_shown_as_they_are(name):
    assert shown_name(name) == name


def test_escapes_stand_for_what_is_not_printable():
    assert shown_name("a\x1b[2J\nb\udcff") == "a\\x1b[2J\\nb\\udcff"


def test_long_names_lose_their_middle():
    name = shown_name("/start/" + "x" * 70_000 + "/end.png")
    assert len(name) == NAME_LENGTH
    assert name.startswith("/start/x")
    assert name.endswith("x/end.png")
    assert "x...x" in name
    assert len(str(UserError("y" * 70_000))) == MESSAGE_LENGTH


@pytest.mark.parametrize(
    "value",
    [10**400, 10**10_000, "x" * 10_000, [[]] * 10_000],
    ids=["digits", "more", "x", "lists"],
)
def test_any_value_can_be_shown(value):
    assert 0 < len(shown(value)) <= 60


@pytest.mark.parametrize("kind", [JobError, PictureError, WeightsError])
def test_every_error_for_users_is_one_printable_line(kind):
    failure = describe(kind(f"There is no file {HOSTILE}."))
    assert failure.message.isprintable()
    assert failure.code == {JobError: "job", PictureError: "picture"}.get(kind, "weights")


def test_notices_are_printable():
    assert Notice(HOSTILE).text.isprintable()


def test_the_log_holds_no_escape_sequences(tmp_path, monkeypatch):
    monkeypatch.setenv("SCUMBLE_HOME", str(tmp_path))
    log = record(RuntimeError(HOSTILE))
    assert log is not None
    text = log.read_text(encoding="utf-8")
    assert all(each.isprintable() or each == "\n" for each in text)
    assert "\\x1b[2J" in text


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_the_command_line_shows_hostile_names_harmlessly(tmp_path):
    make_pictures(tmp_path)
    name = "out\x1b]0;title\x07\n.png"
    done = scumble("stylize", "content.png", name, "--style", "waves.png", "--iterations", "1",
                   home=tmp_path / "home", folder=tmp_path)  # fmt: skip
    assert done.returncode == 1  # there is no model in this data folder
    for options in ((name, "out.png"), ("content.png", "out.png")):
        style = name if options[0] == "content.png" else "waves.png"
        done = scumble("stylize", *options, "--style", style,
                       home=tmp_path / "home", folder=tmp_path)  # fmt: skip
        check_sentence(done.stderr, "out\\x1b]0;title\\x07\\n.png")
    done = scumble("stylize", "content.png", "out.png", "--style", "waves.png", "--\x1b[2J",
                   home=tmp_path, folder=tmp_path)  # fmt: skip
    check_sentence(done.stderr, "unrecognized arguments: --\\x1b[2J")
