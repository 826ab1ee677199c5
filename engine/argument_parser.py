"""Parsers of command lines, with their help and their errors in the language in use.

Standard library only: install.py and `python -m models` have such a parser, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any, NoReturn

from engine.messages import one_line
from engine.text_width import columns, wrapped
from engine.translations import N_, _

WORDS = (
    N_("positional arguments"),
    N_("options"),
    N_("optional arguments"),  # of Python 3.9
    N_("show this help message and exit"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("expected one argument"),
    N_("expected at most one argument"),
    N_("expected at least one argument"),
    N_("ignored explicit argument %r"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("not allowed with argument %s"),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
)
"""Words of argparse's own that users can see, in Python 3.9 to 3.14."""

# argparse calls `gettext.gettext` by this name, which chooses a language by rules of its own.
argparse._ = _  # type: ignore[attr-defined]


class HelpFormatter(argparse.HelpFormatter):
    """A formatter of help in any language: wide characters count as two columns.

    A text with line breaks keeps them.
    """

    def start_section(self, heading: str | None) -> None:
        """Begin a section; some languages have a blank before the colon that argparse adds."""
        if heading is not None and heading != argparse.SUPPRESS:
            heading = _("{heading}:").format(heading=heading).removesuffix(":")
        super().start_section(heading)

    def _format_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None,
    ) -> str:
        if prefix is None:
            prefix = usage_word()
        # In place of the word argparse gets as many characters as the word has columns.
        place = "\0" * columns(prefix)
        return super()._format_usage(usage, actions, groups, place).replace(place, prefix, 1)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text.strip(), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines() if "\n" in text else wrapped(text, width - len(indent))
        return "\n".join(indent + line for line in lines)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, and whose options cannot be abbreviated.

    A new option would make an abbreviation ambiguous.

    Parameters
    ----------
    about : any
        As argparse.ArgumentParser takes it.
    """

    def __init__(self, **about: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=HelpFormatter, **about)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and exit with status 2."""
        said = _("{problem} (see {command} --help)")
        said = said.format(problem=one_line(message), command=self.prog)
        self.exit(2, f"{self.prog}: {said}\n")


def usage_word() -> str:
    """Return what stands before a usage, with the blank behind it."""
    return _("usage:") + " "


def usage_lines(lines: Iterable[str]) -> str:
    """Return lines of usage that begin below each other, after `usage_word`."""
    return ("\n" + " " * columns(usage_word())).join(lines)
