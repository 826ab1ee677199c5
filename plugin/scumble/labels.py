"""Labels: the names of the options in the dialog, their help and their access keys.

An access key is the letter that leads to a control together with Alt. The controls are served in
the order of reading: each gets the first letter of one of its words, else another letter of its
label, else none. Those in sight come first. Nothing of GIMP is needed here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from engine import job

GIMPS = ("_Load Saved Settings", "_Save Settings", "_Reset", "_Cancel")
"""The buttons that GIMP puts into every such dialog."""

PAINT, HELP = "_Paint", "_Help"

IN_FRONT = (
    "protect",
    "protect_strength",
    "look",
    "strength",
    "detail",
    "brush_size",
    "smoothing",
    "colors",
    "method",
    "uncut",
    "iterations",
    "size",
)
"""The options that the dialog shows first."""

TECHNICAL = (
    "propagation",
    "grow",
    "bands",
    "memory",
    "optimizer",
    "learning_rate",
    "lbfgs_memory",
    "pooling",
    "content_layers",
    "style_layers",
    "statistics",
    "threads",
    "device",
)
"""The options that the dialog shows last, because their words are those of engineers."""

REGION = {
    "style": "Style",
    "mask": "goes on",
    "weight": "Weight",
    "style_size": "Style size",
}
"""The labels in each region's row."""

ADD, MORE, ADVANCED = "Add a style", "More options", "Advanced"

LABELS = {
    "protect_strength": "how firmly",
    "method": "Blend",
    "uncut": "Layers with masks",
    "learning_rate": "Step size of Adam",
    "report": "Report folder",
}
"""Labels that differ from the contract's."""

ENDS = {
    "strength": ("more photo", "more style"),
    "detail": ("calm", "rich in detail"),
    "brush_size": ("fine strokes", "broad strokes"),
}
"""Words at the two ends of a slider."""

TEXTS = {
    "strength": "More photo or more style: 1 is the default look, 10 asks for ten times as much "
    "style, 0.1 for a tenth.",
    "protect": "A part that must stay like the photo, such as a face: selection, outside, "
    "channel:NAME, mask:NAME, alpha:NAME, gray:NAME, or the path of a gray picture, white where "
    "the photo must stay; empty for none.",
    "protect_strength": "How many times as much the photo counts there, compared with elsewhere.",
    "uncut": "Keeps the paint on both sides of each border: one layer per style, with its region "
    "as a layer mask. Paint on the mask to move the border. With stitch every border can be moved "
    "anywhere; with cutout and auto the outer borders can be moved a little.",
}
"""Help that differs from the contract's, where GIMP offers something else."""

CHOICES = {
    "look": {
        "scumble": "Scumble's own",
        "paper": "The paper's: as published in 2017",
    },
    "method": {
        "auto": "Automatic: suits the borders of the regions",
        "joint": "Flowing: one picture, styles mix at the borders",
        "banded": "Smooth: one picture, full style along soft borders",
        "cutout": "Cut out: painted past the borders, then trimmed",
        "pinned": "Fixed outside: painted only inside the regions",
        "gradient": "Gradients: each style changes only its region",
        "stitch": "Each by itself: one painting per style, then combined",
    },
    "colors": {
        "style": "The styles' colors",
        "luminance": "The photo's colors: only lightness is painted",
        "match": "Mixed: each style first gets the photo's colors",
    },
    "init": {
        "auto": "Automatic",
        "content": "The photo",
        "colors": "The photo in the colors of the styles",
        "noise": "Noise",
        "picture": "A picture",
    },
    "optimizer": {
        "auto": "Automatic",
        "lbfgs": "L-BFGS",
        "lbfgs32": "L-BFGS in float32",
        "adam": "Adam",
    },
    "device": {
        "auto": "Automatic: a graphics card if one works",
        "cpu": "Processor",
        "cuda": "NVIDIA graphics card",
        "directml": "Graphics card through DirectML",
        "webgpu": "Graphics card through WebGPU",
    },
    "propagation": {
        "auto": "Automatic: suits the blend",
        "receptive": "Receptive: average over the receptive field",
        "inside": "Inside: receptive field inside the region",
        "all": "All: receptive field touches the region",
        "resize": "Resize: the mask, reduced",
        "squared": "Squared: receptive, squared",
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


def chosen(field: str, value: str) -> str:
    """Return the name of what 'auto' stands for, without the explanation after the colon."""
    name = CHOICES.get(field, {}).get(value, value)
    return name.partition(":")[0]


def about_time(seconds: float) -> str:
    """Return a time that is only known roughly."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"about {round(seconds / 10) * 10} seconds"
    minutes = round(seconds / 60)
    if minutes < 2:
        return "about 1 minute"
    if minutes < 100:
        return f"about {minutes} minutes"
    return f"about {seconds / 3600:.2g} hours"


def gigabytes(size: float) -> str:
    """Return a number of bytes in gigabytes."""
    return f"{max(size / 1e9, 0.1):.1f} GB"


def more() -> list[dataclasses.Field]:
    """Return the options that are folded away."""
    return [each for each in options() if each.name not in (*IN_FRONT, *TECHNICAL)]


def advanced() -> list[dataclasses.Field]:
    """Return the options with technical words, which are folded away by themselves."""
    return [each for each in options() if each.name in TECHNICAL]


def options() -> list[dataclasses.Field]:
    """Return the fields of a job that are options in GIMP."""
    return job.options()


def with_access_keys(texts: Sequence[str], taken: Iterable[str]) -> dict[str, str]:
    """Return labels with a line before their access key, by the plain label.

    Parameters
    ----------
    texts : sequence of str
        Plain labels in the order of reading.
    taken : iterable of str
        Letters that lead elsewhere.
    """
    taken = set(taken)
    owners: dict[str, str] = {}

    def give(text: str, tried: set[str]) -> bool:
        """Give a label a letter, if need be that of another label which then gets another one."""
        for place in _places(text):
            letter = text[place].lower()
            if letter in taken or letter in tried:
                continue
            tried.add(letter)
            if letter not in owners or give(owners[letter], tried):
                owners[letter] = text
                return True
        return False

    for text in texts:
        give(text, set())
    letters = {text: letter for letter, text in owners.items()}
    return {text: _with_line(text, letters.get(text, "")) for text in texts}


def _places(text: str) -> list[int]:
    """Return the places of a label's letters, those at the start of a word first."""
    starts = [place for place in range(len(text)) if place == 0 or text[place - 1] == " "]
    return [place for place in (*starts, *range(len(text))) if text[place].isalpha()]


def _with_line(text: str, letter: str) -> str:
    places = [place for place in _places(text) if text[place].lower() == letter]
    return f"{text[: places[0]]}_{text[places[0] :]}" if places else text


def access_key(marked: str) -> str:
    """Return the letter that is marked in a label, in lower case; empty if there is none."""
    _, line, after = marked.partition("_")
    return after[0].lower() if line else ""


def _all_marked() -> dict[str, str]:
    fields = {each.name: each for each in options()}
    front = [label(fields[name]) for name in IN_FRONT]
    taken = set(map(access_key, (*GIMPS, PAINT, HELP)))
    in_sight = with_access_keys([*REGION.values(), ADD, *front, MORE, ADVANCED], taken)
    taken |= set(map(access_key, in_sight.values()))
    folded = [*map(label, more()), *map(label, advanced())]
    return {**in_sight, **with_access_keys(folded, taken)}


MARKED = _all_marked()
"""Every label of the dialog with its access key, by the plain label."""
