"""A gallery's page: plain HTML with relative links, made from nothing but its file of numbers."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine.pictures.picture import PictureError

OF_CONTENT = "_of_content"
"""How the names of numbers end that are the content's own."""

STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1.5rem; }
.pictures, .inputs, .curves { display: grid; gap: 1rem; margin: 1rem 0; }
.pictures { grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
.inputs { grid-template-columns: repeat(auto-fill, minmax(9rem, 11rem)); }
.curves { grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); }
figure { margin: 0; }
figure img { width: 100%; height: auto; display: block; outline: 1px solid #ddd; }
figcaption { font-size: 0.875rem; color: #444; margin-top: 0.25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; margin: 1rem 0; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid #ddd; text-align: right; }
th { vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
pre { background: #f5f5f5; padding: 0.75rem; overflow-x: auto; font-size: 0.8rem; }
.missing { border: 1px dashed #aaa; padding: 2rem 1rem; text-align: center; color: #666; }
"""


def write_page(path: Path, figures: dict[str, Any], *, with_curves: bool) -> Path:
    """Write the page of a gallery and return its path.

    Parameters
    ----------
    path : Path
    figures : dict
        What the file of numbers holds of each figure, by its number.
    with_curves : bool
        Whether loss curves can be drawn here; else the page says how.

    Raises
    ------
    PictureError
        If it cannot be written.
    """
    numbers = sorted(figures, key=int)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><title>Spatial control in neural style transfer</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>\n{STYLE}</style></head>",
        "<body>",
        "<h1>Spatial control in neural style transfer</h1>",
        "<p>The figures of Henighan, <cite>Spatial Control in Neural Style Transfer</cite>, "
        "painted anew by Scumble with other pictures. "
        + ", ".join(f'<a href="#figure-{each}">Figure {each}</a>' for each in numbers)
        + '. All numbers are in <a href="metrics.json">metrics.json</a>.</p>',
    ]
    if not with_curves:
        parts.append(
            "<p>Where loss curves are missing, <code>python3 install.py --plots</code> in "
            "Scumble's folder adds matplotlib, and the same command then draws them.</p>"
        )
    for number in numbers:
        parts += _figure(number, figures[number])
    parts += ["</body>", "</html>"]
    part = path.with_suffix(".part")
    try:
        part.write_text("\n".join(parts) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}."
        raise PictureError(message) from error
    return path


def _figure(number: str, figure: dict[str, Any]) -> list[str]:
    parts = [
        f'<section id="figure-{number}">',
        f"<h2>Figure {number}: {escape(figure['title'])}</h2>",
        f"<p><b>The paper:</b> {escape(figure['paper'])}</p>",
        f"<p><b>Here:</b> {escape(figure['here'])}</p>",
    ]
    for panel in figure["panels"]:
        parts += _panel(panel)
    return [*parts, "</section>"]


def _panel(panel: dict[str, Any]) -> list[str]:
    pictures = panel["pictures"]
    done = [each for each in pictures if "numbers" in each]
    parts = ['<div class="inputs">']
    parts += [_image(each["file"], each["what"].capitalize()) for each in panel["inputs"]]
    parts += ["</div>", '<div class="pictures">']
    for each in pictures:
        if each in done:
            width, height = each["size"]
            text = f"{each['caption']} ({width} x {height} pixels)"
            parts.append(_image(each["file"], text))
        else:
            caption = escape(each["caption"])
            parts.append(
                f'<figure><div class="missing">not painted yet</div>'
                f"<figcaption>{caption}</figcaption></figure>"
            )
    parts += ["</div>", *_table(done)]
    for note in dict.fromkeys(note for each in done for note in each["notes"]):
        parts.append(f"<p>{escape(note)}</p>")
    curves = [each for each in done if "curve" in each]
    if curves:
        parts.append('<div class="curves">')
        parts += [_image(each["curve"], f"Loss: {each['caption']}") for each in curves]
        parts.append("</div>")
    for each in done:
        parts += _settings(each)
    return parts


def _table(done: list[dict[str, Any]]) -> list[str]:
    """Return the table of the pictures' numbers; what the content has itself gets the first row."""
    if not done:
        return []
    labels = {name: label for each in done for name, label in each["labels"].items()}
    names = [name for name in labels if not name.endswith(OF_CONTENT)]
    own = {
        name[: -len(OF_CONTENT)]: each["numbers"][name]
        for each in done
        for name in each["numbers"]
        if name.endswith(OF_CONTENT)
    }
    rows = []
    if own:
        cells = [shown(own[name]) if name in own else "" for name in names]
        rows.append(["The content itself", *cells, "", ""])
    for each in done:
        cells = [shown(each["numbers"][name]) if name in each["numbers"] else "" for name in names]
        rows.append([each["caption"], *cells, str(each["evaluations"]), f"{each['seconds']:.1f}"])
    heads = ["", *(labels[name] for name in names), "evaluations", "seconds"]
    parts = ['<div class="scroll"><table>', "<tr>" + "".join(map(_head, heads)) + "</tr>"]
    for row in rows:
        parts.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
    return [*parts, "</table></div>"]


def _head(text: str) -> str:
    return f"<th>{escape(text)}</th>"


def shown(value: float | None) -> str:
    """Return a number as the table shows it."""
    return "none" if value is None else f"{value:.4g}".replace("e+0", "e").replace("e+", "e")


def _settings(picture: dict[str, Any]) -> list[str]:
    file = picture["file"]
    job = escape(json.dumps(picture["job"], indent=1))
    how = (
        "<p>In the gallery's folder, this paints it again: "
        f"<code>scumble job {escape(file)} --output again.png</code>. It was painted on "
        f"{escape(picture['device'])} with {picture['threads']} threads in {picture['steps']} "
        f"steps; its loss is {shown(picture['loss'])}.</p>"
    )
    summary = f"<summary>Settings of {escape(file)}</summary>"
    return [f"<details>{summary}", how, f"<pre>{job}</pre></details>"]


def _image(file: str, caption: str) -> str:
    link = escape(quote(file))
    text = escape(caption)
    return (
        f'<figure><a href="{link}"><img src="{link}" alt="{text}"></a>'
        f"<figcaption>{text}</figcaption></figure>"
    )
