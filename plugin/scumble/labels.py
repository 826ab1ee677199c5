"""Labels: the names of the options in the dialog, their help and their access keys.

An access key is the letter that leads to a control together with Alt. The controls are served in
the order of reading: each gets the first letter of one of its words, else another letter of its
label, else none. Those in sight come first. Nothing of GIMP is needed here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from engine import job
from engine.translations import N_, _, language, ngettext, number_text

GIMPS = (N_("_Load Saved Settings"), N_("_Save Settings"), N_("_Reset"), N_("_Cancel"))
"""The buttons that GIMP puts into every such dialog, in the catalogs as GIMP has them."""

PAINT, HELP = N_("_Paint"), N_("_Help")

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
    "style": N_("Style"),
    "mask": N_("goes on"),
    "weight": N_("Weight"),
    "style_size": N_("Style size"),
}
"""The labels in each region's row."""

ADD, MORE, ADVANCED = N_("Add a style"), N_("More options"), N_("Advanced")
OUTLINES = N_("Outline the regions")

LABELS = {
    "protect_strength": N_("how firmly"),
    "method": N_("Blend"),
    "uncut": N_("Layers with masks"),
    "learning_rate": N_("Step size of Adam"),
    "report": N_("Report folder"),
}
"""Labels that differ from the contract's."""

ENDS = {
    "strength": (N_("more photo"), N_("more style")),
    "detail": (N_("calm"), N_("rich in detail")),
    "brush_size": (N_("fine strokes"), N_("broad strokes")),
}
"""Words at the two ends of a slider."""

TEXTS = {
    "method": N_(
        "How the styles meet at the borders of their regions. Automatic takes “Smooth” for soft "
        "masks over the whole picture, else “Cut out”."
    ),
    "strength": N_(
        "More photo or more style: 1 is the default look, 10 asks for ten times as much "
        "style, 0.1 for a tenth."
    ),
    "protect": N_(
        "A part that must stay like the photo, such as a face: selection, outside, "
        "channel:NAME, mask:NAME, alpha:NAME, gray:NAME, or the path of a gray picture, white "
        "where the photo must stay; empty for none."
    ),
    "protect_strength": N_(
        "How many times as much the photo counts there, compared with elsewhere."
    ),
    "uncut": N_(
        "Keeps the paint on both sides of each border: one layer per style, with its region "
        "as a layer mask. Paint on the mask to move the border. With “Each by itself” every border "
        "can be moved anywhere; with “Cut out” and “Automatic” the outer borders can be moved a "
        "little."
    ),
}
"""Help that differs from the contract's, where GIMP offers something else."""

CHOICES = {
    "look": {
        "scumble": N_("Scumble's own"),
        "paper": N_("The paper's: as published in 2017"),
    },
    "method": {
        "auto": N_("Automatic: suits the borders of the regions"),
        "joint": N_("Flowing: one picture, styles mix at the borders"),
        "banded": N_("Smooth: one picture, full style along soft borders"),
        "cutout": N_("Cut out: painted past the borders, then trimmed"),
        "pinned": N_("Fixed outside: painted only inside the regions"),
        "gradient": N_("Gradients: each style changes only its region"),
        "stitch": N_("Each by itself: one painting per style, then combined"),
    },
    "colors": {
        "style": N_("The styles' colors"),
        "luminance": N_("The photo's colors: only lightness is painted"),
        "match": N_("Mixed: each style first gets the photo's colors"),
    },
    "enlargement": {
        "strokes": N_("Strokes: with fine strokes taken from the styles"),
        "smooth": N_("Smooth: without, which is soft at 1:1"),
    },
    "init": {
        "auto": N_("Automatic"),
        "content": N_("The photo"),
        "colors": N_("The photo in the colors of the styles"),
        "noise": N_("Noise"),
        "picture": N_("A picture"),
    },
    "optimizer": {
        "auto": N_("Automatic"),
        "lbfgs": "L-BFGS",
        "lbfgs32": N_("L-BFGS in float32"),
        "adam": "Adam",
    },
    "device": {
        "auto": N_("Automatic: a graphics card if one works"),
        "cpu": N_("Processor"),
        "cuda": N_("NVIDIA graphics card"),
        "directml": N_("Graphics card through DirectML"),
        "webgpu": N_("Graphics card through WebGPU"),
    },
    "pooling": {
        "average": N_("Average"),
        "max": N_("Maximum"),
    },
    "statistics": {
        "moments": N_("Moments: means and covariances"),
        "gram": N_("Gram matrices, as in the paper"),
    },
    "propagation": {
        "auto": N_("Automatic: suits the blend"),
        "receptive": N_("Receptive: average over the receptive field"),
        "inside": N_("Inside: receptive field inside the region"),
        "all": N_("All: receptive field touches the region"),
        "resize": N_("Resize: the mask, reduced"),
        "squared": N_("Squared: receptive, squared"),
    },
}
"""Names of the choices, some with an explanation after a colon."""

COLON = re.compile("[:：]")
"""The colon after the name of a choice, as one of the languages writes it."""

SHORT_METHODS = {
    "joint": N_("flowing"),
    "banded": N_("smooth"),
    "cutout": N_("cut out"),
    "pinned": N_("fixed outside"),
    "gradient": N_("gradients"),
    "stitch": N_("each by itself"),
}
"""The blends in a layer's name and in the window that shows the painting grow."""


def label(described: dataclasses.Field) -> str:
    """Return the label of an option."""
    return _(_english(described))


def _english(described: dataclasses.Field) -> str:
    return str(LABELS.get(described.name) or described.metadata["label"])


def marked(described: dataclasses.Field) -> str:
    """Return the label of an option with its access key."""
    return with_key(_english(described))


def without_key(marked: str) -> str:
    """Return a label without its access key, for a screen reader."""
    return re.sub(r"\(_\w\)", "", marked).replace("_", "")


def with_key(text: str) -> str:
    """Return a label of the dialog, given in English, with its access key."""
    return all_marked()[text]


def help_of(described: dataclasses.Field) -> str:
    """Return the sentences that explain an option."""
    return _(TEXTS.get(described.name) or str(described.metadata["text"]))


def choice_label(described: dataclasses.Field, choice: str) -> str:
    """Return the label of a choice."""
    return _(CHOICES[described.name][choice])


def blend(asked: str, used: str) -> str:
    """Return the blend that was used, and whether it was chosen automatically."""
    name = _(SHORT_METHODS[used]) if used in SHORT_METHODS else used
    return _("automatic: {blend}").format(blend=name) if asked != used else name


def gives_masked_layers(method: str) -> bool:
    """Return whether a method, or the one that auto may choose, can give layers with masks."""
    known = job.METHODS.get(method)
    return method == "auto" or (known is not None and known.paints_past_masks)


def movable_borders(method: str) -> str:
    """Return which borders of layers with masks can be moved; empty without such layers."""
    if not gives_masked_layers(method):
        return ""
    known = job.METHODS.get(method)
    if known is not None and known.picture_per_region:
        return _("every border can be moved")
    return _("outer borders can be moved a little")


def chosen(field: str, value: str) -> str:
    """Return the name of what 'auto' stands for, without the explanation after the colon."""
    name = _(CHOICES.get(field, {}).get(value, value))
    return COLON.split(name)[0].strip()


def about_time(seconds: float) -> str:
    """Return a time that is only known roughly."""
    if seconds < 10:
        return _("a few seconds")
    if seconds < 55:
        return _("about {count} seconds").format(count=round(seconds / 10) * 10)
    minutes = max(round(seconds / 60), 1)
    if minutes < 100:
        text = ngettext("about {count} minute", "about {count} minutes", minutes)
        return text.format(count=minutes)
    return _("about {count} hours").format(count=number_text(seconds / 3600, ".2g"))


def gigabytes(size: float) -> str:
    """Return a number of bytes in gigabytes."""
    return _("{number} GB").format(number=number_text(max(size / 1e9, 0.1), ".1f"))


def more() -> list[dataclasses.Field]:
    """Return the options that are folded away."""
    return [each for each in options() if each.name not in (*IN_FRONT, *TECHNICAL)]


def advanced() -> list[dataclasses.Field]:
    """Return the options with technical words, which are folded away by themselves."""
    return [each for each in options() if each.name in TECHNICAL]


def options() -> list[dataclasses.Field]:
    """Return the fields of a job that are options in GIMP."""
    return job.options()


def with_access_keys(texts: Mapping[str, str], taken: Iterable[str]) -> dict[str, str]:
    """Return labels with a line before their access key.

    A label in East Asian characters gets the letter of the English one behind it: 追加(_A).

    Parameters
    ----------
    texts : dict of str to str
        The labels, by what they are called in English, in the order of reading.
    taken : iterable of str
        Letters that lead elsewhere.

    Returns
    -------
    dict of str to str
        By the same keys.
    """
    taken = set(taken)
    owners: dict[str, str] = {}

    def give(text: str, tried: set[str]) -> bool:
        """Give a label a letter; if need be, that of another label, which then gets a new one."""
        latin = _in_latin(text)
        for place in _places(latin):
            letter = latin[place].lower()
            if letter in taken or letter in tried:
                continue
            tried.add(letter)
            if letter not in owners or give(owners[letter], tried):
                owners[letter] = text
                return True
        return False

    def _in_latin(text: str) -> str:
        return text if _east_asian(texts[text]) else texts[text]

    for text in texts:
        give(text, set())
    letters = {text: letter for letter, text in owners.items()}
    return {text: _with_line(shown, letters.get(text, "")) for text, shown in texts.items()}


def _east_asian(text: str) -> bool:
    return any("\u2e80" <= letter <= "\u9fff" for letter in text)


def _places(text: str) -> list[int]:
    """Return the places of the letters that every keyboard has, those that start a word first."""
    starts = [place for place in range(len(text)) if place == 0 or text[place - 1] == " "]
    return [
        place
        for place in (*starts, *range(len(text)))
        if text[place].isascii() and text[place].isalpha()
    ]


def _with_line(text: str, letter: str) -> str:
    if not letter:
        return text
    if _east_asian(text):
        return f"{text}(_{letter.upper()})"
    place = next(place for place in _places(text) if text[place].lower() == letter)
    return f"{text[:place]}_{text[place:]}"


def access_key(marked: str) -> str:
    """Return the letter that is marked in a label, in lower case; empty if there is none."""
    _before, line, after = marked.partition("_")
    return after[0].lower() if line else ""


def all_marked() -> dict[str, str]:
    """Return every label of the dialog with its access key, by the label in English."""
    if language() not in _marked:
        _marked[language()] = _all_marked()
    return _marked[language()]


_marked: dict[str, dict[str, str]] = {}


def _all_marked() -> dict[str, str]:
    def shown(texts: Iterable[str]) -> dict[str, str]:
        return {text: _(text) for text in texts}

    fields = {each.name: each for each in options()}
    front = [_english(fields[name]) for name in IN_FRONT]
    taken = {access_key(_(each)) for each in (*GIMPS, PAINT, HELP)}
    texts = [*REGION.values(), ADD, *front, MORE, ADVANCED, OUTLINES]
    in_sight = with_access_keys(shown(texts), taken)
    taken |= set(map(access_key, in_sight.values()))
    folded = [*map(_english, more()), *map(_english, advanced())]
    return {**in_sight, **with_access_keys(shown(folded), taken)}
