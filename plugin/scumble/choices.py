"""What can be chosen for a style, a region's mask and what is kept: its words, and its name.

Nothing of GIMP is needed here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import regions

CHOOSE_FILE = "?file"
"""Stands for a file that is still to be chosen."""

NAME_WIDTH = 34

Choice = tuple[str, str]
"""The words that go into the settings, and what a list calls them."""


def styles(scene: regions.Scene, files: Sequence[str], now: str) -> list[Choice]:
    """Return what can be a style.

    Parameters
    ----------
    scene : regions.Scene
        What there is in GIMP.
    files : sequence of str
        Picture files that have been chosen before.
    now : str
        What is chosen.
    """
    offered = [] if now else [("", "Choose a style")]
    offered += [(path, short(os.path.basename(path))) for path in files]
    for layer in scene.layers:
        if layer.number != scene.content.number:
            words = regions.reference(regions.LAYER, layer)
            offered.append((words, short(f"Layer: {layer.name}")))
    for layer in scene.elsewhere:
        words = regions.reference(regions.LAYER, layer)
        offered.append((words, short(f"{layer.image}: {layer.name}")))
    offered.append((CHOOSE_FILE, "Choose a picture file…"))
    return _with_current(offered, now)


def masks(scene: regions.Scene, now: str) -> list[Choice]:
    """Return what can be a region's mask."""
    rest = [(regions.REST, "the rest")]
    offered = [(regions.ALL, "the whole layer"), *_selection(scene), *rest, *_items(scene)]
    return _with_current(offered, now)


def kept(scene: regions.Scene, now: str) -> list[Choice]:
    """Return what can be kept of the content."""
    offered = [(regions.NOTHING, "nothing"), *_selection(scene), *_items(scene)]
    return _with_current(offered, now)


def short(text: str) -> str:
    """Cut a long name in its middle."""
    if len(text) <= NAME_WIDTH:
        return text
    half = NAME_WIDTH // 2
    return text[:half] + "…" + text[-half + 1 :]


def _selection(scene: regions.Scene) -> list[Choice]:
    if not scene.has_selection:
        return []
    return [
        (regions.SELECTION, "the selection"),
        (regions.OUTSIDE, "what is not selected"),
    ]


def _items(scene: regions.Scene) -> list[Choice]:
    """Return the channels, the layers' masks, their opacities, and the way to a file."""
    forms = {
        regions.CHANNEL: (scene.channels, "the channel “{}”"),
        regions.MASK: ([each for each in scene.layers if each.has_mask], "the mask of “{}”"),
        regions.ALPHA: ([each for each in scene.layers if each.has_alpha], "the opacity of “{}”"),
    }
    found = [
        (regions.reference(kind, item), short(form.format(item.name)))
        for kind, (items, form) in forms.items()
        for item in items
    ]
    return [*found, (CHOOSE_FILE, "Choose a grey picture…")]


def _with_current(offered: list[Choice], now: str) -> list[Choice]:
    """Put what is chosen into the list, if it is not there."""
    if now in dict(offered):
        return offered
    name = os.path.basename(now) or now
    return [(now, short(name)), *offered]
