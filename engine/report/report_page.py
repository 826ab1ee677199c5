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
from engine.metrics import metric_table
from engine.report import guidance_maps
from engine.stored_sentences import shown
from engine.translations import N_, _, language, listed, ngettext

_GUIDANCE = N_(
    "Each region's mask at the working size and at the layers of the style loss: black is 0, white "
    "is 1, a square is a position."
)

_METRICS = N_(
    "As `scumble measure` gives them. Leak and the region style loss are best at 0; reach, fringe, "
    "seam and evenness at 1 or the content's own."
)

_STAGES = {
    "reading": N_("reading the pictures"),
    "model": N_("reading the network"),
    "styles": N_("analyzing the content and the styles"),
    "painting": N_("painting"),
    "strokes": N_("adding fine strokes"),
    "finishing": N_("resizing to the content's size"),
    "writing": N_("writing the picture"),
}

_MASKS = {"soft": N_("soft"), "hard": N_("hard")}

_PARTS = {"content": N_("content"), "smoothing": N_("smoothing")}
"""The parts of the loss that belong to no region."""

_NOTES = (*metric_table.NOTES.values(), *metric_table.LABELS.values())


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
    title = _("Scumble: report on a run")
    versions = [*numbers["versions"].items(), (_("system"), numbers["system"])]
    return html.page(
        title,
        [
            html.heading(1, title),
            _about(numbers),
            *(html.note(_("Note: {text}").format(text=each)) for each in numbers["notices"]),
            html.heading(2, _("Pictures")),
            *html.figures("row", (html.figure(*each) for each in pictures)),
            html.heading(2, _("Settings")),
            _settings(numbers["job"]),
            html.heading(2, _("Loss")),
            *html.figures("row", map(html.figure, curves)),
            _losses(numbers["loss_by_scale"], names),
            html.heading(2, _("Guidance")),
            html.note(_(_GUIDANCE)),
            *(html.note(shown(each, guidance_maps.NOTES)) for each in numbers["guidance_notes"]),
            *html.figures("row", [html.figure(sheet)]),
            html.heading(2, _("Coverage and metrics")),
            *_metrics(numbers["regions"]),
            html.heading(2, _("Time and memory")),
            _times(numbers),
            html.heading(2, _("Versions")),
            html.table((), versions),
        ],
        language(),
    )


def _about(numbers: dict[str, Any]) -> str:
    rows, columns = numbers["working_size"]
    height, width = numbers["content_size"]
    threads = ngettext("{count} thread", "{count} threads", numbers["threads"])
    text = _(
        "{time}. A picture of {width} x {height} pixels, painted at {columns} x {rows} by the "
        "method {method} on {device} with {threads}."
    )
    if numbers["stopped"]:
        text = _(
            "{time}. A picture of {width} x {height} pixels, painted at {columns} x {rows} by the "
            "method {method} on {device} with {threads}, stopped early."
        )
    text = text.format(
        time=numbers["made"],
        width=width,
        height=height,
        columns=columns,
        rows=rows,
        method=numbers["method"],
        device=numbers["device"],
        threads=threads.format(count=numbers["threads"]),
    )
    all_numbers = html.escape(_("All numbers are in {file} as well."))
    all_numbers = all_numbers.format(file='<a href="report.json">report.json</a>')
    return f"<p>{html.escape(text)} {all_numbers}</p>"


def _settings(job: dict[str, Any]) -> str:
    """Return the job's fields: those that differ from the defaults, and all of them folded away."""
    fields = {each.name: each.default for each in dataclasses.fields(Job)}
    asked: list[tuple[str, Cell]] = []
    for name, default in fields.items():
        if name == "regions":
            for number, region in enumerate(job["regions"], 1):
                asked += _region(number, region)
        elif _comparable(job[name]) != _comparable(default):
            asked.append((name, _setting(job[name])))
    everything = [(name, _setting(job[name])) for name in fields if name != "regions"]
    return html.table((), asked) + html.folded(_("All settings"), [html.table((), everything)])


def _region(number: int, region: dict[str, Any]) -> list[tuple[str, Cell]]:
    places = {"": _("the whole picture"), REST: _("the rest")}
    more = [
        f"{each.name} {region[each.name]}"
        for each in options(Region)
        if region[each.name] != each.default
    ]
    where = _("{style} on {mask}").format(
        style=region["style"], mask=places.get(region["mask"], region["mask"])
    )
    return [(_("region {number}").format(number=number), listed([where, *more]))]


def _losses(losses: list[dict[str, Any]], names: list[str]) -> str:
    several = any(each["picture_of_region"] for each in losses)
    head = [
        _("size"),
        *([_("picture")] if several else []),
        _("evaluations"),
        _("s per evaluation"),
        _("term"),
    ]
    rows: list[list[Cell]] = []
    for each in losses:
        height, width = each["size"]
        about: list[Cell] = [f"{width} x {height}"]
        if several:
            about.append(names[each["picture_of_region"] - 1])
        about += [each["evaluations"], each["seconds_per_evaluation"]]
        for part in each["start"]:
            rows.append([*about, _part(part, names), each["start"][part], each["end"][part]])
            about = [""] * len(about)
        sums = [sum(each[when].values()) for when in ("start", "end")]
        rows.append([*[""] * len(about), _("sum"), *sums])
    return html.table([*head, _("at the start"), _("in the final picture")], rows)


def _part(name: str, names: Sequence[str]) -> str:
    """Return what a part of the loss is called on the page."""
    part = Part.parse(name)
    if part.region is None:
        return _(_PARTS[part.kind])
    return _("style {name}").format(name=names[part.region])


def _metrics(regions: list[dict[str, Any]]) -> list[str]:
    labels = {name: shown(label, _NOTES) for each in regions
              for name, label in each["labels"].items()}  # fmt: skip
    head = [_("region"), _("coverage"), _("mask"), *labels.values()]
    names = [each["name"] if each["region"] else _("all regions") for each in regions]
    rows = [
        [name, f"{each['coverage']:.2%}", _(_MASKS[each["mask"]])]
        + [each["metrics"].get(metric, "") for metric in labels]
        for name, each in zip(names, regions)
    ]
    notes = [
        html.note(_("{name}: {text}").format(name=name, text=shown(note, _NOTES)))
        for name, each in zip(names, regions)
        for note in each["notes"]
    ]
    return [html.table(head, rows), html.note(_(_METRICS)), *notes]


def _times(numbers: dict[str, Any]) -> str:
    seconds = numbers["seconds"]
    rows: list[Sequence[Cell]] = [
        (_(stage), f"{seconds[name]:.2f} s") for name, stage in _STAGES.items()
    ]
    evaluations = ngettext(
        "{evaluations} in {count} step", "{evaluations} in {count} steps", numbers["steps"]
    ).format(evaluations=numbers["evaluations"], count=numbers["steps"])
    rows += [
        (_("all of it"), duration(seconds["all"])),
        (_("evaluations"), evaluations),
        (_("per evaluation"), f"{numbers['seconds_per_evaluation']:.3f} s"),
    ]
    peak, machine = numbers["memory"]["peak_bytes"], numbers["memory"]["machine_bytes"]
    if peak:
        text = _("{peak} GB of the machine's {memory} GB") if machine else "{peak} GB"
        text = text.format(peak=f"{peak / 1e9:.2f}", memory=f"{machine / 1e9:.1f}")
        rows.append((_("most memory"), text))
    return html.table((), rows)


def _comparable(value: Any) -> Any:
    """Return a value in which lists and tuples are the same."""
    return [_comparable(each) for each in value] if isinstance(value, (list, tuple)) else value


def _setting(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{layer} {weight:g}" for layer, weight in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return f"{value:g}" if isinstance(value, float) else str(value)
