"""Report page: one HTML file without scripts; its pictures are files beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from engine import html
from engine.durations import duration
from engine.html import Cell
from engine.job import REST, Job, Region, options
from engine.loss.terms import Part

TITLE = "Scumble: report on a run"

_GUIDANCE = (
    "Each region's mask at the working size and at the layers of the style loss: black is 0, white "
    "is 1, a square is a position."
)

_METRICS = (
    "As `scumble measure` gives them. Leak and the region style loss are best at 0; reach, fringe, "
    "seam and evenness at 1 or the content's own."
)

_STAGES = {
    "reading": "reading the pictures",
    "model": "reading the network",
    "styles": "analyzing the content and the styles",
    "painting": "painting",
    "finishing": "resizing to the content's size",
    "writing": "writing the picture",
}


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
        The contents of report.json.
    pictures : sequence of (str, str)
        File and caption of every picture's copy.
    curves : sequence of str
        Files of the loss curves.
    sheet : str
        File of the contact sheet.
    """
    names = [each["name"] for each in numbers["regions"] if each["region"]]
    return html.page(
        TITLE,
        [
            f"<h1>{TITLE}</h1>",
            _about(numbers),
            *(html.note(f"Note: {each}") for each in numbers["notices"]),
            "<h2>Pictures</h2>",
            *html.figures("row", (html.figure(*each) for each in pictures)),
            "<h2>Settings</h2>",
            _settings(numbers["job"]),
            "<h2>Loss</h2>",
            *html.figures("row", map(html.figure, curves)),
            _losses(numbers["loss_by_scale"], names),
            "<h2>Guidance</h2>",
            html.note(_GUIDANCE),
            *map(html.note, numbers["guidance_notes"]),
            *html.figures("row", [html.figure(sheet)]),
            "<h2>Coverage and metrics</h2>",
            *_metrics(numbers["regions"]),
            "<h2>Time and memory</h2>",
            _times(numbers),
            "<h2>Versions</h2>",
            html.table((), [*numbers["versions"].items(), ("system", numbers["system"])]),
        ],
    )


def _about(numbers: dict[str, Any]) -> str:
    rows, columns = numbers["working_size"]
    height, width = numbers["content_size"]
    threads = "1 thread" if numbers["threads"] == 1 else f"{numbers['threads']} threads"
    stopped = ", stopped early" if numbers["stopped"] else ""
    return (
        f"<p>{html.escape(numbers['made'])}. A picture of {width} x {height} pixels, painted at "
        f"{columns} x {rows} by the method {html.escape(numbers['method'])} on "
        f"{html.escape(numbers['device'])} with {threads}{stopped}. All numbers are in "
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
    return html.table((), asked) + html.folded("All settings", [html.table((), everything)])


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
    return html.table([*head, "at the start", "in the final picture"], rows)


def _metrics(regions: list[dict[str, Any]]) -> list[str]:
    labels = {name: label for each in regions for name, label in each["labels"].items()}
    head = ["region", "coverage", "mask", *labels.values()]
    rows = [
        [each["name"], f"{each['coverage']:.2%}", each["mask"]]
        + [each["metrics"].get(name, "") for name in labels]
        for each in regions
    ]
    notes = [html.note(f"{each['name']}: {remark}") for each in regions for remark in each["notes"]]
    return [html.table(head, rows), html.note(_METRICS), *notes]


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
    return html.table((), rows)


def _comparable(value: Any) -> Any:
    """Return a value in which lists and tuples are the same."""
    return [_comparable(each) for each in value] if isinstance(value, (list, tuple)) else value


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{layer} {weight:g}" for layer, weight in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
