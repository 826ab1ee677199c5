"""Contents of a batch: files, folders, globs, and lists in CSV files, to one entry per picture."""

from __future__ import annotations

import csv
import dataclasses
import glob
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from engine.files import why_not_readable
from engine.job import MAX_REGIONS, OLD_NAMES, PATH_KINDS, Job, JobError, Region
from engine.messages import shown, shown_name
from engine.output_files import PICTURE_EXTENSIONS
from engine.translations import _, ngettext

LIST = ".csv"
MAX_LIST_BYTES = 64_000_000

OF_PICTURE = tuple(
    each.name
    for each in dataclasses.fields(Job)
    if each.metadata["kind"] in PATH_KINDS and each.metadata["kind"] != "folder"
)
"""Columns of a list that are fields of a job: its files."""

OF_REGION = tuple(
    each.name for each in dataclasses.fields(Region) if each.metadata["kind"] in PATH_KINDS
)
"""Columns of a list that are fields of a region, alone for the first one or with a number."""


@dataclass(frozen=True)
class ContentEntry:
    """One picture to paint, and what is its own.

    Attributes
    ----------
    content : str
        An absolute path.
    fields : dict of str to str
        Fields of the job that a list gives; paths are absolute, but for the output.
    regions : dict of int to dict of str to str
        The same for regions, by their index.
    origin : str
        Where the entry stands in a list; empty elsewhere.
    """

    content: str
    fields: dict[str, str] = field(default_factory=dict)
    regions: dict[int, dict[str, str]] = field(default_factory=dict)
    origin: str = ""


def read_entries(arguments: Sequence[str], on_notice: Callable[[str], None]) -> list[ContentEntry]:
    """Return the pictures that the arguments of `scumble batch` name, each once.

    Parameters
    ----------
    arguments : sequence of str
        Picture files, folders (the pictures in them, without those in folders below), globs
        (``**`` stands for folders at any depth), and lists: CSV files with the column 'content'.
    on_notice : callable
        Is called with a sentence for the user.

    Raises
    ------
    JobError
        If an argument names nothing, or a list has a fault.
    """
    found: list[ContentEntry] = []
    for argument in arguments:
        if not argument:
            raise JobError(_("CONTENT is empty; name a picture, a folder, a glob or a list."))
        found += _expanded(argument, on_notice)
    unique = {(each.content, str(each.fields), str(each.regions)): each for each in found}
    return list(unique.values())


def _expanded(argument: str, on_notice: Callable[[str], None]) -> list[ContentEntry]:
    if os.path.isdir(argument):
        files = _pictures(sorted(os.listdir(argument)), argument, on_notice)
        if not files:
            kinds = ", ".join(PICTURE_EXTENSIONS)
            message = _("The folder {folder} holds no pictures ({kinds}).")
            raise JobError(message.format(folder=shown_name(argument), kinds=kinds))
        return [ContentEntry(os.path.abspath(os.path.join(argument, name))) for name in files]
    if glob.has_magic(argument) and not os.path.lexists(argument):
        matches = [each for each in glob.glob(argument, recursive=True) if not os.path.isdir(each)]
        files = _pictures(sorted(matches), argument, on_notice)
        if not files:
            message = _("No picture matches {name}.")
            raise JobError(message.format(name=shown_name(argument)))
        return [ContentEntry(os.path.abspath(file)) for file in files]
    refused = why_not_readable(argument)
    if refused:
        raise JobError(refused)
    if argument.lower().endswith(LIST):
        return _read_list(argument)
    return [ContentEntry(os.path.abspath(argument))]


def _pictures(names: Iterable[str], where: str, on_notice: Callable[[str], None]) -> list[str]:
    """Leave out what has no picture's extension, and say how many files that are."""
    visible = [each for each in names if not os.path.basename(each).startswith(".")]
    pictures = [each for each in visible if Path(each).suffix.lower() in PICTURE_EXTENSIONS]
    folder = where if os.path.isdir(where) else ""
    left = [each for each in set(visible) - set(pictures)
            if not os.path.isdir(os.path.join(folder, each))]  # fmt: skip
    if left and pictures:
        text = ngettext(
            "{place}: {count} file is left out, with no picture's extension ({example}).",
            "{place}: {count} files are left out, with no picture's extension ({example}).",
            len(left),
        )
        example = shown_name(min(left))
        on_notice(text.format(place=shown_name(where), count=len(left), example=example))
    return pictures


def _read_list(path: str) -> list[ContentEntry]:
    """Read a list; its relative paths start at its own folder."""
    name = shown_name(path)
    try:
        if os.path.getsize(path) > MAX_LIST_BYTES:
            message = _("{name} has more than {most} bytes, which no list needs.")
            raise JobError(message.format(name=name, most=MAX_LIST_BYTES))
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        message = _("{name} cannot be read: {reason}.")
        message = message.format(name=name, reason=error.strerror or error)
        raise JobError(message) from error
    except UnicodeDecodeError as error:
        message = _("{name} is not UTF-8 text; save the list as CSV in UTF-8.")
        raise JobError(message.format(name=name)) from error
    head = text.partition("\n")[0]
    delimiter = next((each for each in ";\t" if each in head and "," not in head), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    entries = []
    try:
        columns = _columns(name, next(rows, []))
        for row in rows:
            if any(cell.strip() for cell in row):
                entries.append(_entry(path, _line(name, rows.line_num), columns, row))
    except csv.Error as error:
        message = _("{place}: {reason}.")
        message = message.format(place=_line(name, rows.line_num), reason=error)
        raise JobError(message) from error
    if not entries:
        raise JobError(_("The list {name} names no pictures.").format(name=name))
    return entries


def _line(name: str, number: int) -> str:
    return _("{name}, line {number}").format(name=name, number=number)


def _columns(name: str, head: list[str]) -> list[tuple[int | None, str]]:
    """Return for each column the index of its region, or None, and the field."""
    columns: list[tuple[int | None, str]] = []
    for title in head:
        label = title.strip().lower().replace(" ", "_").replace("-", "_")
        label = OLD_NAMES["Job"].get(label, label)
        match = re.fullmatch(r"([a-z_]+?)(?:_?([1-9][0-9]*))?", label)
        if label in OF_PICTURE:
            columns.append((None, label))
        elif match and match[1] in OF_REGION and int(match[2] or 1) <= MAX_REGIONS:
            columns.append((int(match[2] or 1) - 1, match[1]))
        else:
            allowed = ", ".join((*OF_PICTURE, *OF_REGION, *(f"{each}_2" for each in OF_REGION)))
            message = _(
                "{name} has a column {title}, which is none of those that a list may have: "
                "{allowed} and so on."
            )
            raise JobError(message.format(name=name, title=shown(title), allowed=allowed))
    if (None, "content") not in columns:
        titles = ", ".join(shown(each) for each in head) or _("no columns")
        message = _("{name} has no column 'content', which names the pictures; it has {titles}.")
        raise JobError(message.format(name=name, titles=titles))
    if len(set(columns)) < len(columns):
        raise JobError(_("{name} has two columns for the same thing.").format(name=name))
    return columns


def _entry(
    path: str, origin: str, columns: list[tuple[int | None, str]], row: list[str]
) -> ContentEntry:
    if len(row) > len(columns):
        message = _("{place} has {cells} cells, but the list has {columns} columns.")
        message = message.format(place=origin, cells=len(row), columns=len(columns))
        raise JobError(message)
    folder = os.path.dirname(os.path.abspath(path))
    fields: dict[str, str] = {}
    regions: dict[int, dict[str, str]] = {}
    for (region, name), cell in zip(columns, row):
        value = cell.strip()
        if not value:
            continue
        words = () if region is None else Region.__dataclass_fields__[name].metadata["words"]
        if name != "output" and value not in words:
            value = os.path.abspath(os.path.join(folder, value))
        if region is None:
            fields[name] = value
        else:
            regions.setdefault(region, {})[name] = value
    content = fields.pop("content", "")
    if not content:
        raise JobError(_("{place} names no content.").format(place=origin))
    return ContentEntry(content, fields, regions, origin)
