"""Pages: what is text stays text, whatever is in it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from engine import html

HOSTILE = '<script>alert("&amp;")</script> \' \udce9 空'


class Parsed(HTMLParser):
    """The tags, the texts and the addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.values: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize(
    "made",
    [
        html.escape(HOSTILE),
        html.note(HOSTILE),
        html.figure("a.png", HOSTILE),
        html.missing_figure(HOSTILE, HOSTILE),
        html.table([HOSTILE], [[HOSTILE]]),
        html.folded(HOSTILE, []),
        html.page(HOSTILE, []),
    ],
)
def test_text_is_shown_and_never_run(made: str) -> None:
    parsed = Parsed(made)
    assert "script" not in parsed.tags
    assert HOSTILE.replace("\udce9", "\\udce9") in "".join(parsed.texts)
    made.encode("utf-8")


def test_a_file_s_address_leads_to_it() -> None:
    parsed = Parsed(html.figure('pictures/a "b"#?%.png'))
    assert parsed.values.count("pictures/a%20%22b%22%23%3F%25.png") == 2


def test_numbers_have_four_digits_and_stand_right() -> None:
    text = html.table(["a", "b"], [["x", 1234567.0, 0.123456, 7, None, float("nan")]])
    cells = Parsed(text).texts
    assert [each for each in cells if each.strip()] == [
        "a", "b", "x", "1.235e6", "0.1235", "7", "none", "nan",
    ]  # fmt: skip
    assert text.count('class="number"') == 5


def test_a_page_is_whole_and_takes_nothing_from_elsewhere() -> None:
    text = html.page("A & B", ["<p>hello</p>"])
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    parsed = Parsed(text)
    assert not {"link", "script", "iframe"} & set(parsed.tags)
    assert "http" not in text
