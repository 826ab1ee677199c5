"""Choices: the lists of styles, of masks and of protected parts in the dialog.

Nothing of GIMP is needed here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import sources

from engine.paintings import catalog
from engine.translations import _

CHOOSE_FILE = "?file"
"""The entry that asks for a file."""

NAME_WIDTH = 34

Choice = tuple[str, str]
"""The text for the settings, and the entry in a list."""


def styles(available: sources.Sources, files: Sequence[str], now: str) -> list[Choice]:
    """Return the choices for a style.

    Parameters
    ----------
    available : sources.Sources
        Everything that can be chosen in GIMP.
    files : sequence of str
        Picture files that were chosen before.
    now : str
        The present choice.
    """
    offered = [] if now else [("", _("Choose a style"))]
    offered.append((CHOOSE_FILE, _("Choose a picture file…")))
    offered += [(path, short(os.path.basename(path))) for path in files]
    for layer in available.layers:
        if layer.number != available.content.number:
            spec = sources.reference(sources.LAYER, layer)
            offered.append((spec, short(_("Layer: {layer}").format(layer=layer.name))))
    for layer in available.elsewhere:
        spec = sources.reference(sources.LAYER, layer)
        offered.append(
            (spec, short(_("{image}: {layer}").format(image=layer.image, layer=layer.name)))
        )
    for each in catalog.PAINTINGS:
        offered.append(
            (each.name, _("{title}, {artist}").format(title=_(each.title), artist=_(each.artist)))
        )
    return _with_current(offered, now)


def masks(available: sources.Sources, now: str) -> list[Choice]:
    """Return the choices for a region's mask."""
    rest = [(sources.REST, _("the rest"))]
    own = [(sources.OWN, _("each layer's own mask"))] if available.others else []
    whole = [(sources.ALL, _("the whole layer")), *own]
    offered = [*whole, *_kept(available), *_selection(available), *rest, *_items(available)]
    return _with_current(offered, now)


def protected(available: sources.Sources, now: str) -> list[Choice]:
    """Return the choices for the protected part of the content."""
    nothing = [(sources.NOTHING, _("nothing more"))]
    offered = [*nothing, *_kept(available), *_selection(available), *_items(available)]
    return _with_current(offered, now)


def short(text: str) -> str:
    """Cut a long name in its middle."""
    if len(text) <= NAME_WIDTH:
        return text
    half = NAME_WIDTH // 2
    return text[:half] + "…" + text[-half + 1 :]


def _kept(available: sources.Sources) -> list[Choice]:
    """Return the masks that the earlier result carries."""
    if len(available.kept) == 1:
        return [(sources.kept(available.kept[0].name), _("the mask of the earlier result"))]
    form = _("mask {mask} of the earlier result")
    names = {"protect": _("the part protected earlier")}
    return [
        (sources.kept(item.name), names.get(item.name, form.format(mask=item.name)))
        for item in available.kept
    ]


def _selection(available: sources.Sources) -> list[Choice]:
    if not available.has_selection:
        return []
    return [
        (sources.SELECTION, _("the selection")),
        (sources.OUTSIDE, _("everything outside the selection")),
    ]


def _items(available: sources.Sources) -> list[Choice]:
    """Return the channels, the layer masks, the layers' opacities, and the entry for a file."""
    forms = {
        sources.CHANNEL: (available.channels, _("the channel “{name}”")),
        sources.MASK: (
            [each for each in available.layers if each.has_mask],
            _("the mask of “{name}”"),
        ),
        sources.ALPHA: (
            [each for each in available.layers if each.has_alpha],
            _("the opacity of “{name}”"),
        ),
    }
    found = [
        (sources.reference(kind, item), short(form.format(name=item.name)))
        for kind, (items, form) in forms.items()
        for item in items
    ]
    return [*found, (CHOOSE_FILE, _("Choose a gray picture…"))]


def _with_current(offered: list[Choice], now: str) -> list[Choice]:
    """Add the present choice to the list if it is missing."""
    if now in dict(offered):
        return offered
    name = os.path.basename(now) or now
    return [(now, short(name)), *offered]
