"""Phrases of a page, to see that none of them is left in English."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Phrases(HTMLParser):
    """The texts of a page that hold a word, without code, quotations and file names.

    Attributes
    ----------
    language : str
        What the page says that it is.
    found : set of str
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.language = ""
        self.found: set[str] = set()
        self._skipped = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped += tag in ("style", "pre", "code", "cite")
        if tag == "html":
            self.language = dict(attrs)["lang"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in ("style", "pre", "code", "cite")

    def handle_data(self, data: str) -> None:
        text = re.sub(r"\S+\.\w+", "", data)
        if not self._skipped and re.search(r"[A-Za-z]{4}", text):
            self.found.add(text.strip())
