"""What the dialog calls the options, and the letter that leads to each.

With so many options the alphabet does not do. Those in front and all buttons have a letter of
their own; those that are folded away have one of the letters that are left, and share it among
them: as everywhere in GTK, pressing it again goes on to the next. Where a label has none of those
letters, it has other words here than in the contract. Nothing of GIMP is needed here.
"""

from __future__ import annotations

import dataclasses

import job

GIMPS = ("_Load Saved Settings", "_Save Settings", "_Reset", "_Cancel")
"""The buttons that GIMP puts into every such dialog."""

PAINT, HELP = "_Paint", "_Help"
ADD, MORE = "_Add a style", "Mor_e options"

ROW = {"style": "S_tyle", "mask": "goes o_n", "weight": "_Weight", "style_size": "St_yle size"}
"""What stands in the row of each region; its letters go from row to row."""

OWN = {
    "protect": "d",
    "protect_strength": "f",
    "strength": "g",
    "method": "m",
    "uncut": "k",
    "colors": "o",
    "iterations": "i",
    "size": "z",
}
IN_FRONT = tuple(OWN)
"""The options that a dialog shows first."""

SHARED = {
    "u": "scales init_picture optimizer content_layers style_layers threads",
    "b": "propagation grow bands init lbfgs_memory pooling",
    "v": "learning_rate smoothing seed report device",
}
LETTERS = {**OWN, **{name: each for each, names in SHARED.items() for name in names.split()}}

LABELS = {
    "protect": "Protected",
    "protect_strength": "how firmly",
    "uncut": "Layers with masks",
    "propagation": "Masks carried by",
    "grow": "Grow by",
    "scales": "Number of scales",
    "init": "Begin from",
    "optimizer": "Optimizer used",
    "learning_rate": "Adam's step, in levels",
    "lbfgs_memory": "Steps remembered",
    "pooling": "Pooled by",
    "content_layers": "Content layers used",
    "style_layers": "Style layers used",
    "smoothing": "Smoothing value",
    "seed": "Seed value",
    "report": "Report saved in",
    "threads": "Threads used",
}

TEXTS = {
    "protect": "What must stay like the photo, such as a face: selection, outside, channel:NAME, "
    "mask:NAME, alpha:NAME, grey:NAME, or the path of a gray picture, white where the content must "
    "stay; empty for nothing.",
    "uncut": "Gives what was painted before the masks cut it out: a layer for each style, with "
    "its region as a layer mask that can be repainted. With stitch each is all in its style; with "
    "cutout and auto all show one painting, which goes on beyond the regions.",
}
"""Help where GIMP has or makes something else than the command line."""


def label(described: dataclasses.Field) -> str:
    """Return what a dialog calls an option, with a line before its letter."""
    text = plain_label(described)
    place = text.lower().index(LETTERS[described.name])
    return f"{text[:place]}_{text[place:]}"


def plain_label(described: dataclasses.Field) -> str:
    """Return what an option is called where no letters are marked."""
    return str(LABELS.get(described.name) or described.metadata["label"])


def help_of(described: dataclasses.Field) -> str:
    """Return the sentences that explain an option."""
    return TEXTS.get(described.name) or str(described.metadata["text"])


def choice_label(described: dataclasses.Field, nick: str) -> str:
    """Return a choice's name with the words that the field's help has for it."""
    for part in described.metadata["text"].rstrip(".").split(";"):
        name, colon, words = part.strip().partition(": ")
        if colon and name == nick:
            return f"{nick.capitalize()}: {words}"
    return nick.capitalize()


def makes_layers(method: str) -> bool:
    """Whether the contract lets this method give a picture for each style."""
    try:
        job.check(job.Job("-", "-", (job.Region("-"),), method=method, uncut=True))
    except job.JobError:
        return False
    return True


def letter(marked: str) -> str:
    """Return the letter that is marked in a label, in lower case."""
    return marked[marked.index("_") + 1].lower()


def options() -> list[dataclasses.Field]:
    """Return the fields of a job that are options in GIMP."""
    return job.options()
