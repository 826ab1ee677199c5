"""Labels: the names of the options in the dialog, their help and their access keys.

An access key is the letter that leads to a control together with Alt. The controls are served in
the order of reading: each gets the first letter of one of its words if that is free, else any free
letter of its label, else none. Nothing of GIMP is needed here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import job

GIMPS = ("_Load Saved Settings", "_Save Settings", "_Reset", "_Cancel")
"""The buttons that GIMP puts into every such dialog."""

PAINT, HELP = "_Paint", "_Help"

IN_FRONT = (
    "protect",
    "protect_strength",
    "strength",
    "method",
    "uncut",
    "colors",
    "iterations",
    "size",
)
"""The options that the dialog shows first."""

REGION = {
    "style": "Style",
    "mask": "goes on",
    "weight": "Weight",
    "style_size": "Style size",
}
"""The labels in each region's row."""

ADD, MORE = "Add a style", "More options"

LABELS = {
    "protect_strength": "how firmly",
    "strength": "Strength (photo – style)",
    "method": "Blend",
    "uncut": "Layers with masks",
    "learning_rate": "Step size of Adam",
    "report": "Report folder",
}
"""Labels that differ from the contract's."""

TEXTS = {
    "strength": "More photo or more style: 1 is the default look, 10 asks for ten times as much "
    "style, 0.1 for a tenth.",
    "protect": "A part that must stay like the photo, such as a face: selection, outside, "
    "channel:NAME, mask:NAME, alpha:NAME, gray:NAME, or the path of a gray picture, white where "
    "the photo must stay; empty for none.",
    "uncut": "Keeps the paint on both sides of each border: one layer per style, with its region "
    "as a layer mask. Paint on the mask to move the border. With stitch every border can be moved "
    "anywhere; with cutout and auto the outer borders can be moved a little.",
}
"""Help that differs from the contract's, where GIMP offers something else."""

CHOICES = {
    "method": {
        "auto": "Automatic: suits the borders of the regions",
        "joint": "Flowing: one picture, styles mix at the borders",
        "banded": "Smooth: one picture, full style along soft borders",
        "cutout": "Cut out: painted past the borders, then trimmed",
        "pinned": "Fixed outside: painted only inside the regions",
        "gradient": "Gradients: each style changes only its region",
        "stitch": "Each by itself: one painting per style, then combined",
    },
}
"""Names of choices that differ from the contract's."""

SHORT_METHODS = {
    "joint": "flowing",
    "banded": "smooth",
    "cutout": "cut out",
    "pinned": "fixed outside",
    "gradient": "gradients",
    "stitch": "each by itself",
}
"""The blends in a layer's name and in the window that shows the painting grow."""


def label(described: dataclasses.Field) -> str:
    """Return the label of an option."""
    return str(LABELS.get(described.name) or described.metadata["label"])


def marked(described: dataclasses.Field) -> str:
    """Return the label of an option with its access key."""
    return MARKED[label(described)]


def help_of(described: dataclasses.Field) -> str:
    """Return the sentences that explain an option."""
    return TEXTS.get(described.name) or str(described.metadata["text"])


def choice_label(described: dataclasses.Field, choice: str) -> str:
    """Return the label of a choice, with the explanation that the option's help has for it."""
    own = CHOICES.get(described.name, {}).get(choice)
    if own:
        return own
    for part in described.metadata["text"].rstrip(".").split(";"):
        name, colon, explanation = part.strip().partition(": ")
        if colon and name == choice:
            return f"{choice.capitalize()}: {explanation}"
    return choice.capitalize()


def blend(asked: str, used: str) -> str:
    """Return the blend that was used, and whether it was chosen automatically."""
    name = SHORT_METHODS.get(used, used)
    return f"automatic: {name}" if asked != used else name


def gives_masked_layers(method: str) -> bool:
    """Whether a method, or the one that auto may choose, can give layers with masks."""
    known = job.METHODS.get(method)
    return method == "auto" or (known is not None and known.paints_past_masks)


def movable_borders(method: str) -> str:
    """Return which borders of layers with masks can be moved; empty without such layers."""
    if not gives_masked_layers(method):
        return ""
    known = job.METHODS.get(method)
    if known is not None and known.picture_per_region:
        return "every border can be moved"
    return "outer borders can be moved a little"


def options() -> list[dataclasses.Field]:
    """Return the fields of a job that are options in GIMP."""
    return job.options()


def with_access_keys(texts: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Return labels with a line before their access key, by the plain label.

    Parameters
    ----------
    texts : iterable of str
        Plain labels in the order of reading.
    taken : iterable of str
        Letters that lead elsewhere.
    """
    used = set(taken)
    marked = {}
    for text in texts:
        lower = text.lower()
        starts = [place for place in range(len(text)) if place == 0 or text[place - 1] == " "]
        places = [*starts, *range(len(text))]
        free = [p for p in places if lower[p].isalpha() and lower[p] not in used]
        if free:
            used.add(lower[free[0]])
            marked[text] = f"{text[: free[0]]}_{text[free[0] :]}"
        else:
            marked[text] = text
    return marked


def access_key(marked: str) -> str:
    """Return the letter that is marked in a label, in lower case; empty if there is none."""
    _, line, after = marked.partition("_")
    return after[0].lower() if line else ""


def _all_labels() -> list[str]:
    fields = {each.name: each for each in options()}
    front = [label(fields[name]) for name in IN_FRONT]
    folded = [label(each) for each in options() if each.name not in IN_FRONT]
    return [*REGION.values(), ADD, *front, MORE, *folded]


MARKED = with_access_keys(_all_labels(), map(access_key, (*GIMPS, PAINT, HELP)))
"""Every label of the dialog with its access key, by the plain label."""
