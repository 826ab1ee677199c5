"""Stored sentences: English in files that programs read, in the language in use on pages.

The files hold whole sentences. For a page, the template that a sentence was made from is found
again, and its translation is filled with the values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from string import Formatter

from engine.translations import _


def shown(sentence: str, templates: Sequence[str]) -> str:
    """Return a sentence in the language in use.

    Parameters
    ----------
    sentence : str
        In English. If the catalog does not have it, and no template fits, it stays English.
    templates : sequence of str
        Texts with named placeholders, marked for the catalogs. The first one that fits counts.
        A value in a placeholder is treated as a sentence, too.
    """
    for template in templates:
        found = _pattern(template).fullmatch(sentence)
        if found:
            values = {name: shown(text, templates) for name, text in found.groupdict().items()}
            return _(template).format(**values)
    return _(sentence)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """Return what the sentences of a template look like."""
    parts = Formatter().parse(template)
    return re.compile(
        "".join(re.escape(text) + (f"(?P<{name}>.+?)" if name else "") for text, name, *_ in parts),
        re.DOTALL,
    )
