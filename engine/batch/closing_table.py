"""The closing table of a batch: what became of each picture, as CSV and as a page."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import html
from engine.durations import duration
from engine.errors import PictureError
from engine.files import write_file
from engine.job import JobError
from engine.messages import printable, shown_name
from engine.translations import N_, _, language, listed, ngettext, number_text

TABLE, PAGE, THUMBNAILS = "scumble-batch.csv", "scumble-batch.html", "scumble-thumbnails"

PAINTED, KEPT, FAILED, LEFT = "painted", "kept", "failed", "left"
STATUSES = {
    # Translators: of a picture in a batch: painted now.
    PAINTED: N_("painted"),
    # Translators: of a picture in a batch: it was there before, with the same settings.
    KEPT: N_("kept"),
    # Translators: of a picture in a batch: not painted, for the reason given.
    FAILED: N_("failed"),
    # Translators: of a picture in a batch: not painted, since the batch was stopped.
    LEFT: N_("left"),
}
"""Outcomes of a picture, and the words for people; the CSV table has the keys, in English."""


@dataclass(frozen=True)
class Row:
    """The outcome of one picture. Fields without a value are None.

    Attributes
    ----------
    content, output : str
        Paths from the batch's folder, with slashes.
    status : str
        One of `STATUSES`.
    width, height : int
        Of the result.
    working_width, working_height : int
        Of the last scale.
    method : str
    steps : int
    loss : float
    seconds : float
        That the painting took.
    device : str
    worker : str
        Where it was painted; empty for this process.
    message : str
        Why there is no result, or what the user should know of it.
    """

    content: str
    output: str
    status: str
    width: int | None = None
    height: int | None = None
    working_width: int | None = None
    working_height: int | None = None
    method: str = ""
    steps: int | None = None
    loss: float | None = None
    seconds: float | None = None
    device: str = ""
    worker: str = ""
    message: str = ""


HEAD = tuple(each.name for each in dataclasses.fields(Row))


def thumbnail_file(output: str) -> str:
    """Return where the thumbnail of an output is, from the batch's folder."""
    return f"{THUMBNAILS}/{output}.jpg"


def check_place(out: str) -> None:
    """Check that the table replaces nothing but the table of an earlier batch.

    Raises
    ------
    JobError
        If there is a file of its name that is something else.
    """
    path = Path(out, TABLE)
    if not os.path.lexists(path):
        return
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            if file.readline().strip() == ",".join(HEAD):
                return
    except OSError:
        pass
    message = _("{name} is not the table of a batch, and would be replaced by one; move it.")
    raise JobError(message.format(name=shown_name(path)))


def read_seconds(out: str) -> dict[str, float]:
    """Return the times of the pictures in the table of an earlier batch, by output."""
    try:
        text = Path(out, TABLE).read_text(encoding="utf-8-sig", errors="surrogateescape")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, csv.Error):
        return {}
    found = {}
    for row in rows:
        try:
            found[row["output"]] = float(row["seconds"])
        except (KeyError, TypeError, ValueError):
            continue
    return found


def write_table(out: str, rows: Sequence[Row]) -> Path:
    """Write the table and its page; return the page.

    Raises
    ------
    PictureError
        If one cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEAD)
    for row in rows:
        values = dataclasses.astuple(row)
        writer.writerow(["" if value is None else value for value in values])
    # With a mark, by which spreadsheets know the encoding.
    encoded = text.getvalue().encode("utf-8-sig", "surrogateescape")
    write_file(Path(out, TABLE), encoded)
    page = Path(out, PAGE)
    write_file(
        page,
        html.page(_("Batch"), _body(out, rows), language()).encode("utf-8", "backslashreplace"),
    )
    return page


def write_thumbnail(out: str, output: str, data: bytes) -> None:
    """Write the thumbnail of a result.

    Raises
    ------
    PictureError
        If it cannot be written.
    """
    file = Path(out, thumbnail_file(output))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = _("{name} cannot be made: {reason}.")
        message = message.format(name=shown_name(file.parent), reason=error.strerror or error)
        raise PictureError(message) from error
    write_file(file, data, durable=False)


def summary(rows: Sequence[Row]) -> str:
    """Return how many pictures were painted, kept, failed and left."""
    counts = {status: sum(row.status == status for row in rows) for status in STATUSES}
    parts = [f"{count} {_(STATUSES[each])}" for each, count in counts.items() if count]
    text = ngettext("{count} picture: {parts}", "{count} pictures: {parts}", len(rows))
    return text.format(count=len(rows), parts=listed(parts))


def _body(out: str, rows: Sequence[Row]) -> list[str]:
    times = [row.seconds for row in rows if row.seconds is not None]
    sentence = _("{sentence}.").format(sentence=summary(rows))
    parts = [_heading(1, _("Batch")), f"<p>{html.escape(sentence)}</p>"]
    if times:
        text = _("A picture took {time} on average.")
        text = text.format(time=duration(sum(times) / len(times)))
        parts.append(f"<p>{html.escape(text)}</p>")
    text = html.escape(_("All numbers are in {file}."))
    parts.append("<p>" + text.format(file=f'<a href="{TABLE}">{TABLE}</a>') + "</p>")
    failed = [row for row in rows if row.status in (FAILED, LEFT)]
    if failed:
        parts += [
            _heading(2, _("Not painted")),
            html.table(
                [_("content"), _("status"), _("reason")],
                [[row.content, _(STATUSES[row.status]), row.message] for row in failed],
            ),
        ]
    done = [row for row in rows if row.status in (PAINTED, KEPT)]
    if done:
        parts.append(_heading(2, _("Results")))
        parts += html.figures("inputs", [_figure(out, row) for row in done])
        head = [_("output"), _("status"), _("method"), _("steps"), _("loss"), _("seconds"),
                _("worker"), _("remarks")]  # fmt: skip
        table = [
            [row.output, _(STATUSES[row.status]), row.method, row.steps, row.loss, row.seconds,
             row.worker, row.message]
            for row in done
        ]  # fmt: skip
        parts += [_heading(2, _("Numbers")), html.table(head, table)]
    return parts


def _heading(level: int, text: str) -> str:
    return f"<h{level}>{html.escape(text)}</h{level}>"


def _figure(out: str, row: Row) -> str:
    small = thumbnail_file(row.output)
    file = small if os.path.isfile(Path(out, small)) else row.output
    facts = [_(STATUSES[row.status])]
    if row.loss is not None:
        facts.append(_("loss {number}").format(number=number_text(row.loss, ".4g")))
    if row.seconds is not None:
        facts.append(duration(row.seconds))
    return html.figure(row.output, f"{printable(row.output)} ({listed(facts)})", shown=file)
