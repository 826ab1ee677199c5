"""HTML pages for reports and galleries: one look, and no text that is taken for markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Union
from urllib.parse import quote

from engine.messages import printable
from engine.translations import _

Cell = Union[str, int, float, None]
"""A text, a number, or None where there is no number."""

STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 2.5rem; border-top: 1px solid #ccc; padding-top: 1.25rem; }
.pictures, .inputs, .curves { display: grid; gap: 1rem; margin: 1rem 0; }
.pictures { grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
.inputs { grid-template-columns: repeat(auto-fill, minmax(9rem, 11rem)); }
.curves { grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); }
figure { margin: 0; }
.row figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }
img { max-width: 100%; height: auto; outline: 1px solid #ddd; }
.pictures img, .inputs img, .curves img { width: 100%; display: block; }
figcaption { font-size: 0.875rem; color: #444; margin-top: 0.25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; margin: 1rem 0; }
th, td { padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: top; }
th { vertical-align: bottom; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { background: #f5f5f5; padding: 0.75rem; overflow-x: auto; font-size: 0.8rem; }
.note { color: #444; }
.missing { border: 1px dashed #aaa; padding: 2rem 1rem; text-align: center; color: #666; }
"""


def page(title: str, body: Iterable[str], language: str = "en") -> str:
    """Return a whole page, without scripts and without anything from elsewhere.

    Parameters
    ----------
    title : str
        Plain text.
    body : iterable of str
        Its parts as HTML.
    language : str
        One of `translations.LANGUAGES`, or 'en'.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{language.replace("_", "-")}">',
            f'<head><meta charset="utf-8"><title>{escape(title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>\n{STYLE}</style></head>",
            "<body>",
            *body,
            "</body>",
            "</html>\n",
        ]
    )


def heading(level: int, text: str) -> str:
    """Return a heading of plain text; level 1 is the page's."""
    return f"<h{level}>{escape(text)}</h{level}>"


def escape(value: object) -> str:
    """Return plain text as HTML, with control characters and undecodable bytes as escapes."""
    return html.escape(printable(str(value), keep="\n"))


def figure(file: str, caption: str = "", *, shown: str = "") -> str:
    """Return a picture beside the page, with a link to itself.

    Parameters
    ----------
    file : str
        Its path from the page, with slashes.
    caption : str
        Plain text below it; may be empty.
    shown : str
        A smaller copy to show in its place; its path, too.
    """
    link = escape(quote(file, errors="surrogateescape"))
    source = escape(quote(shown or file, errors="surrogateescape"))
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><a href="{link}"><img src="{source}" loading="lazy" '
        f'alt="{escape(caption or file)}"></a>'
        f"{below}</figure>"
    )


def missing_figure(text: str, caption: str) -> str:
    """Return a box in place of a picture that is not there."""
    return (
        f'<figure><div class="missing">{escape(text)}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def figures(kind: str, parts: Iterable[str]) -> list[str]:
    """Return figures in one block: 'pictures', 'inputs' or 'curves' in a grid, or in a 'row'."""
    return [f'<div class="{kind}">', *parts, "</div>"]


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table of plain texts and numbers; `head` may be empty."""
    lines = (
        ["<tr>" + "".join(f"<th>{escape(each)}</th>" for each in head) + "</tr>"] if head else []
    )
    lines += ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows]
    return '<div class="scroll"><table>\n' + "\n".join(lines) + "\n</table></div>"


def note(text: str) -> str:
    """Return a remark in plain text."""
    return f'<p class="note">{escape(text)}</p>'


def folded(summary: str, parts: Iterable[str]) -> str:
    """Return parts that are hidden until the summary, a plain text, is clicked."""
    return f"<details><summary>{escape(summary)}</summary>" + "".join(parts) + "</details>"


def number(value: float | None) -> str:
    """Return a number with four digits, or the word for none."""
    return _("none") if value is None else f"{value:.4g}".replace("e+0", "e").replace("e+", "e")


def _cell(value: Any) -> str:
    if value is None or isinstance(value, float):
        return f'<td class="number">{number(value)}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value}</td>'
    return f"<td>{escape(value)}</td>"
