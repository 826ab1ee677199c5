"""Widths of text on a terminal, and lines that fit."""

from __future__ import annotations

import pytest

from engine.text_width import NOT_FIRST, NOT_LAST, columns, padded, shortened, wrapped


@pytest.mark.parametrize(
    "text, width",
    [
        ("", 0),
        ("layer", 5),
        ("Größe", 5),
        ("Gro\u0308ße", 5),
        ("画像", 4),
        ("GIMP の層", 9),
        ("ｶﾞ", 2),
    ],
)
def test_wide_characters_take_two_columns_and_accents_none(text: str, width: int) -> None:
    assert columns(text) == width


def test_texts_are_padded_to_columns() -> None:
    assert padded("画像", 6) == "画像  "
    assert padded("画像", 6, right=True) == "  画像"
    assert padded("画像", 3) == "画像"


def test_a_text_is_shortened_before_the_character_that_does_not_fit() -> None:
    assert [shortened("a画像", width) for width in range(6)] == [
        "",
        "a",
        "a",
        "a画",
        "a画",
        "a画像",
    ]


@pytest.mark.parametrize("width", [2, 3, 7, 10, 40, 79])
def test_lines_of_japanese_fit_and_lose_nothing(width: int) -> None:
    text = (
        "スタイル画像 (png) と、その領域の「マスク」を指定します。scumble/docs/measures.md を参照。"
    )
    lines = wrapped(text, width)
    assert max(map(columns, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    if width > 30:  # longer than what may not be broken
        assert not any(line[0] in NOT_FIRST or line[-1] in NOT_LAST for line in lines)


def test_words_stay_whole_where_they_fit() -> None:
    assert wrapped("結果は report.html にあります。", 13) == [
        "結果は",
        "report.html",
        "にあります。",
    ]
    assert wrapped("Das Bild liegt\u00a0in", 10) == ["Das Bild", "liegt\u00a0in"]
