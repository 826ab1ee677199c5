"""Gallery page, made from the gallery's file of numbers alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine import html
from engine.files import write_file
from engine.gallery.inputs import FOLDER as INPUTS

OF_CONTENT = "_of_content"
"""End of the names of numbers that belong to the content itself."""

TITLE = "Spatial control in neural style transfer"


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
    links = ", ".join(f'<a href="#figure-{each}">Figure {each}</a>' for each in numbers)
    body = [
        f"<h1>{TITLE}</h1>",
        (
            "<p>The figures of Henighan, <cite>Spatial Control in Neural Style Transfer</cite>, "
            f"painted again by Scumble with other pictures. {links}. All numbers are in "
            '<a href="metrics.json">metrics.json</a>.</p>'
        ),
    ]
    if not with_curves:
        body.append(
            "<p>Where loss curves are missing, <code>python3 install.py --plots</code> in "
            "Scumble's folder adds matplotlib, and the same command then draws them.</p>"
        )
    for number in numbers:
        body += _figure(number, figures[number])
    write_file(path, html.page(TITLE, body).encode("utf-8", "backslashreplace"))
    return path


def _figure(number: str, figure: dict[str, Any]) -> list[str]:
    parts = [
        f'<section id="figure-{number}">',
        f"<h2>Figure {number}: {html.escape(figure['title'])}</h2>",
        f"<p><b>The paper:</b> {html.escape(figure['paper'])}</p>",
        f"<p><b>Here:</b> {html.escape(figure['here'])}</p>",
    ]
    for panel in figure["panels"]:
        parts += _panel(panel)
    return [*parts, "</section>"]


def _panel(panel: dict[str, Any]) -> list[str]:
    pictures = panel["pictures"]
    done = [each for each in pictures if "numbers" in each]
    inputs = [html.figure(each["file"], each["what"].capitalize()) for each in panel["inputs"]]
    parts = html.figures("inputs", inputs) + html.figures("pictures", map(_picture, pictures))
    if done:
        parts.append(_table(done))
    parts += map(html.note, dict.fromkeys(note for each in done for note in each["notes"]))
    curves = [
        html.figure(each["curve"], f"Loss: {each['caption']}") for each in done if "curve" in each
    ]
    if curves:
        parts += html.figures("curves", curves)
    return [*parts, *map(_settings, done)]


def _picture(picture: dict[str, Any]) -> str:
    if "numbers" not in picture:
        return html.missing_figure("not painted yet", picture["caption"])
    width, height = picture["size"]
    return html.figure(picture["file"], f"{picture['caption']} ({width} x {height} pixels)")


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
        rows.append(["The content itself", *(own.get(name, "") for name in names), "", ""])
    for each in done:
        cells = [each["numbers"].get(name, "") for name in names]
        rows.append([each["caption"], *cells, each["evaluations"], f"{each['seconds']:.1f}"])
    return html.table(["", *(labels[name] for name in names), "evaluations", "seconds"], rows)


def _settings(picture: dict[str, Any]) -> str:
    file = picture["file"]
    job = html.escape(json.dumps(picture["job"], indent=1))
    how = (
        "<p>In the gallery's folder, this paints it again: "
        f"<code>scumble job {html.escape(file)} --inputs {INPUTS} --output again.png</code>. It "
        "was painted on "
        f"{html.escape(picture['device'])} with {picture['threads']} threads in "
        f"{picture['steps']} steps; its loss is {html.number(picture['loss'])}.</p>"
    )
    return html.folded(f"Settings of {file}", [how, f"<pre>{job}</pre>"])
