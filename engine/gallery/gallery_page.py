"""Gallery page, made from the gallery's file of numbers alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine import html
from engine.files import write_file
from engine.gallery.figures import CAPTIONS
from engine.gallery.inputs import FOLDER as INPUTS
from engine.gallery.metric_rows import TEXTS
from engine.stored_sentences import shown
from engine.translations import _, language, listed, ngettext

OF_CONTENT = "_of_content"
"""End of the names of numbers that belong to the content itself."""


def write_page(path: Path, figures: dict[str, Any], *, with_curves: bool) -> Path:
    """Write the page of a gallery and return its path.

    Parameters
    ----------
    path : Path
    figures : dict
        Each figure of the file of numbers, by its number.
    with_curves : bool
        Whether loss curves can be drawn here; else the page says how.

    Raises
    ------
    PictureError
        If it cannot be written.
    """
    numbers = sorted(figures, key=int)
    links = []
    for number in numbers:
        name = html.escape(_("Figure {number}").format(number=number))
        links.append(f'<a href="#figure-{number}">{name}</a>')
    text = _(
        "The figures of Henighan, {title}, painted again by Scumble with other pictures. "
        "{figures}. All numbers are in {file}."
    )
    about = html.escape(text).format(
        title="<cite>Spatial Control in Neural Style Transfer</cite>",
        figures=listed(links),
        file='<a href="metrics.json">metrics.json</a>',
    )
    title = _("Spatial control in neural style transfer")
    body = [html.heading(1, title), f"<p>{about}</p>"]
    if not with_curves:
        text = _(
            "Where loss curves are missing, {command} in Scumble's folder adds matplotlib, and the "
            "same command then draws them."
        )
        command = "<code>python3 install.py --plots</code>"
        body.append(f"<p>{html.escape(text).format(command=command)}</p>")
    for number in numbers:
        body += _figure(number, figures[number])
    page = html.page(title, body, language())
    write_file(path, page.encode("utf-8", "backslashreplace"))
    return path


def _figure(number: str, figure: dict[str, Any]) -> list[str]:
    title = _("Figure {number}: {title}")
    parts = [
        f'<section id="figure-{number}">',
        html.heading(2, title.format(number=number, title=_(figure["title"]))),
        _with_label(_("The paper:"), _(figure["paper"])),
        _with_label(_("Here:"), _(figure["here"])),
    ]
    for panel in figure["panels"]:
        parts += _panel(panel)
    return [*parts, "</section>"]


def _with_label(label: str, text: str) -> str:
    return f"<p><b>{html.escape(label)}</b> {html.escape(text)}</p>"


def _panel(panel: dict[str, Any]) -> list[str]:
    pictures = panel["pictures"]
    done = [each for each in pictures if "numbers" in each]
    inputs = [html.figure(each["file"], _capital(_(each["what"]))) for each in panel["inputs"]]
    parts = html.figures("inputs", inputs) + html.figures("pictures", map(_picture, pictures))
    if done:
        parts.append(_table(done))
    notes = dict.fromkeys(note for each in done for note in each["notes"])
    parts += [html.note(shown(note, TEXTS)) for note in notes]
    loss = _("Loss: {caption}")
    curves = [
        html.figure(each["curve"], loss.format(caption=_caption(each)))
        for each in done
        if "curve" in each
    ]
    if curves:
        parts += html.figures("curves", curves)
    return [*parts, *map(_settings, done)]


def _picture(picture: dict[str, Any]) -> str:
    if "numbers" not in picture:
        return html.missing_figure(_("not painted yet"), _caption(picture))
    width, height = picture["size"]
    caption = _("{caption} ({width} x {height} pixels)")
    caption = caption.format(caption=_caption(picture), width=width, height=height)
    return html.figure(picture["file"], caption)


def _caption(picture: dict[str, Any]) -> str:
    return shown(picture["caption"], CAPTIONS)


def _capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def _table(done: list[dict[str, Any]]) -> str:
    """Return the table of the pictures' numbers; the content's own are in the first row."""
    labels = {name: label for each in done for name, label in each["labels"].items()}
    names = [name for name in labels if not name.endswith(OF_CONTENT)]
    own = {
        name[: -len(OF_CONTENT)]: each["numbers"][name]
        for each in done
        for name in each["numbers"]
        if name.endswith(OF_CONTENT)
    }
    rows: list[list[html.Cell]] = []
    if own:
        rows.append([_("The content itself"), *(own.get(name, "") for name in names), "", ""])
    for each in done:
        cells = [each["numbers"].get(name, "") for name in names]
        rows.append([_caption(each), *cells, each["evaluations"], f"{each['seconds']:.1f}"])
    head = ["", *(shown(labels[name], TEXTS) for name in names), _("evaluations"), _("seconds")]
    return html.table(head, rows)


def _settings(picture: dict[str, Any]) -> str:
    file = picture["file"]
    job = html.escape(json.dumps(picture["job"], indent=1))
    again = html.escape(f"scumble job {file} --inputs {INPUTS} --output again.png")
    threads = ngettext("{count} thread", "{count} threads", picture["threads"])
    steps = ngettext("{count} step", "{count} steps", picture["steps"])
    text = _(
        "In the gallery's folder, this paints it again: {command}. It was painted on {device} with "
        "{threads} in {steps}; its loss is {loss}."
    )
    how = html.escape(text).format(
        command=f"<code>{again}</code>",
        device=html.escape(picture["device"]),
        threads=html.escape(threads.format(count=picture["threads"])),
        steps=html.escape(steps.format(count=picture["steps"])),
        loss=html.number(picture["loss"]),
    )
    title = _("Settings of {file}").format(file=file)
    return html.folded(title, [f"<p>{how}</p>", f"<pre>{job}</pre>"])
