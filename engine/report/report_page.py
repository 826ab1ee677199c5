"""The page of a report: one HTML file without scripts, whose pictures lie beside it."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Sequence
from typing import Any

from engine.durations import duration
from engine.job import REST, Job, Region, options
from engine.loss.terms import Part

_STYLE = """
body { font: 15px/1.45 sans-serif; color: #111; background: #fff; margin: 2em auto;
       max-width: 1100px; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin: 2em 0 0.4em; }
table { border-collapse: collapse; margin: 0.6em 0; }
th, td { text-align: left; vertical-align: top; padding: 0.15em 1em 0.15em 0;
         border-bottom: 1px solid #ddd; }
th { font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; height: auto; outline: 1px solid #ddd; }
figure { display: inline-block; margin: 0 1em 1em 0; vertical-align: top; }
figcaption { color: #444; font-size: 0.9em; }
.note { color: #444; }
"""

_GUIDANCE = (
    '<p class="note">Each region\'s mask at the working size and at the layers of the style loss: '
    "black is 0, white is 1, a square is a position.</p>"
)

_STAGES = {
    "reading": "reading the pictures",
    "model": "reading the network",
    "styles": "looking at the content and the styles",
    "painting": "painting",
    "finishing": "bringing it to the content's size",
    "writing": "writing the picture",
}

Cell = Any
"""A text, a number, or None where there is no number."""


def page(
    numbers: dict[str, Any],
    pictures: Sequence[tuple[str, str]],
    curves: Sequence[str],
    sheet: str,
) -> str:
    """Return a report's page.

    Parameters
    ----------
    numbers : dict
        What report.json has.
    pictures : sequence of (str, str)
        File and caption of every picture's copy.
    curves : sequence of str
        Files of the loss curves.
    sheet : str
        File of the contact sheet.
    """
    names = [each["name"] for each in numbers["regions"] if each["region"]]
    body = [
        "<h1>Scumble: report on a run</h1>",
        _about(numbers),
        *(f'<p class="note">Note: {_text(each)}</p>' for each in numbers["notices"]),
        "<h2>Pictures</h2>",
        *(_figure(file, caption) for file, caption in pictures),
        "<h2>What was asked for</h2>",
        _settings(numbers["job"]),
        "<h2>Loss</h2>",
        *(_figure(file, "") for file in curves),
        _losses(numbers["losses"], names),
        "<h2>Guidance</h2>",
        _GUIDANCE,
        *(f'<p class="note">{_text(each)}</p>' for each in numbers["guidance_notes"]),
        _figure(sheet, ""),
        "<h2>Coverage and metrics</h2>",
        _metrics(numbers["regions"]),
        "<h2>Time and memory</h2>",
        _times(numbers),
        "<h2>Versions</h2>",
        _table((), [*numbers["versions"].items(), ("system", numbers["system"])]),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Scumble: report on a run</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _about(numbers: dict[str, Any]) -> str:
    rows, columns = numbers["working_size"]
    height, width = numbers["content_size"]
    threads = "1 thread" if numbers["threads"] == 1 else f"{numbers['threads']} threads"
    stopped = ", stopped early" if numbers["stopped"] else ""
    return (
        f"<p>{_text(numbers['made'])}. A picture of {width} x {height} pixels, painted at "
        f"{columns} x {rows} by the method {_text(numbers['method'])} on "
        f"{_text(numbers['device'])} with {threads}{stopped}. All numbers are in "
        '<a href="report.json">report.json</a> as well.</p>'
    )


def _settings(job: dict[str, Any]) -> str:
    """Return the job's fields: those that differ from the defaults, and all of them folded away."""
    fields = {each.name: each.default for each in dataclasses.fields(Job)}
    asked: list[tuple[str, Cell]] = []
    for name, default in fields.items():
        if name == "regions":
            for number, region in enumerate(job["regions"], 1):
                asked += _region(number, region)
        elif _comparable(job[name]) != _comparable(default):
            asked.append((name, _shown(job[name])))
    everything = [(name, _shown(job[name])) for name in fields if name != "regions"]
    return (
        _table((), asked)
        + "<details><summary>All settings</summary>"
        + _table((), everything)
        + "</details>"
    )


def _region(number: int, region: dict[str, Any]) -> list[tuple[str, Cell]]:
    where = {"": "the whole picture", REST: "the rest"}.get(region["mask"], region["mask"])
    more = [
        f"{each.name} {region[each.name]}"
        for each in options(Region)
        if region[each.name] != each.default
    ]
    return [(f"region {number}", ", ".join([f"{region['style']} on {where}", *more]))]


def _losses(losses: list[dict[str, Any]], names: list[str]) -> str:
    several = any(each["picture_of_region"] for each in losses)
    head = ["size", *(["picture"] if several else []), "evaluations", "s per evaluation", "term"]
    rows: list[list[Cell]] = []
    for each in losses:
        height, width = each["size"]
        about: list[Cell] = [f"{width} x {height}"]
        if several:
            about.append(names[each["picture_of_region"] - 1])
        about += [each["evaluations"], each["seconds_per_evaluation"]]
        for part in each["start"]:
            name = Part.parse(part).label(names)
            rows.append([*about, name, each["start"][part], each["end"][part]])
            about = [""] * len(about)
        sums = [sum(each[when].values()) for when in ("start", "end")]
        rows.append([*[""] * len(about), "sum", *sums])
    return _table([*head, "at the start", "in the kept picture"], rows)


def _metrics(regions: list[dict[str, Any]]) -> str:
    labels = {name: label for each in regions for name, label in each["labels"].items()}
    head = ["region", "coverage", "mask", *labels.values()]
    rows = [
        [each["name"], f"{each['coverage']:.2%}", each["mask"]]
        + [each["metrics"].get(name, "") for name in labels]
        for each in regions
    ]
    notes = [
        f'<p class="note">{_text(each["name"])}: {_text(note)}</p>'
        for each in regions
        for note in each["notes"]
    ]
    meaning = (
        '<p class="note">As <code>scumble measure</code> gives them: leak is best at 0; reach, '
        "seam, fringe and evenness at 1 (or the content's own); a region's style loss at 0.</p>"
    )
    return _table(head, rows) + meaning + "".join(notes)


def _times(numbers: dict[str, Any]) -> str:
    seconds = numbers["seconds"]
    rows: list[Sequence[Cell]] = [(_STAGES[each], f"{seconds[each]:.2f} s") for each in _STAGES]
    rows += [
        ("all of it", duration(seconds["all"])),
        ("evaluations", f"{numbers['evaluations']} in {numbers['steps']} steps"),
        ("per evaluation", f"{numbers['seconds_per_evaluation']:.3f} s"),
    ]
    peak, machine = numbers["memory"]["peak_bytes"], numbers["memory"]["machine_bytes"]
    if peak:
        of = f" of the machine's {machine / 1e9:.1f} GB" if machine else ""
        rows.append(("most memory", f"{peak / 1e9:.2f} GB{of}"))
    return _table((), rows)


def _figure(file: str, caption: str) -> str:
    below = f"<figcaption>{_text(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="{_text(file)}" alt="{_text(caption or file)}">{below}</figure>'


def _table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{_text(each)}</th>" for each in head) + "</tr>"] if head else []
    for row in rows:
        lines.append("<tr>" + "".join(_cell(each) for each in row) + "</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _cell(value: Cell) -> str:
    if value is None:
        return '<td class="number">none</td>'
    if isinstance(value, float):
        return f'<td class="number">{value:.4g}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value}</td>'
    return f"<td>{_text(value)}</td>"


def _comparable(value: Any) -> Any:
    """Return a value in which lists and tuples are the same."""
    return [_comparable(each) for each in value] if isinstance(value, (list, tuple)) else value


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{layer} {weight:g}" for layer, weight in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(value: Any) -> str:
    """Return a text for HTML; what UTF-8 has no bytes for, as in odd file names, is escaped."""
    safe = str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    return html.escape(safe)
