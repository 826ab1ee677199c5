"""Earlier results: the layer that each one painted, and their place.

A result carries the tattoo of the layer that was painted, which GIMP keeps in XCF files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import image_items
import kept_masks
import parasites
import sources
from gi.repository import Gimp

from engine import job


@dataclass(frozen=True)
class Target:
    """A layer to paint.

    Attributes
    ----------
    content : Gimp.Layer
        The layer whose pixels are painted.
    result : Gimp.Layer or None
        The earlier result through which the content was found.
    """

    content: Gimp.Layer
    result: Gimp.Layer | None = None

    @property
    def chosen(self) -> Gimp.Layer:
        """The layer that the user has chosen."""
        return self.result or self.content

    def sources(self, image: Gimp.Image, others: tuple[int, ...] = ()) -> sources.Sources:
        """Return what the user can choose from; `others` are painted after this layer."""
        kept = kept_masks.carried(self.chosen)
        return image_items.available_sources(image, self.content, kept, others)


def target_of(image: Gimp.Image, layer: Gimp.Layer) -> Target:
    """Return the layer to paint: of a result of Scumble's the layer that it painted.

    A result whose layer is gone is painted itself.
    """
    top = layer
    content = content_of(image, top)
    if content is None or content == layer:
        return Target(layer)
    while top.get_parent() is not None and content_of(image, top.get_parent()) == content:
        top = top.get_parent()
    return Target(content, top)


def content_of(image: Gimp.Image, result: Gimp.Layer) -> Gimp.Layer | None:
    """Return the layer that a result has painted, if it is in the image and is no result."""
    tattoo = _about(result).get("tattoo")
    content = image.get_layer_by_tattoo(tattoo) if isinstance(tattoo, int) and tattoo else None
    if content is None or content == result:
        return None
    return content


def about_content(content: Gimp.Layer) -> dict[str, Any]:
    """Return how a result remembers the layer that it has painted."""
    return {"tattoo": content.get_tattoo(), "name": content.get_name()}


def _about(result: Gimp.Layer) -> dict[str, Any]:
    about = _settings(result).get("content")
    return about if isinstance(about, dict) else {}


def _settings(result: Gimp.Layer) -> dict[str, Any]:
    try:
        found = json.loads(parasites.settings_of(result) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def results_of(image: Gimp.Image, content: Gimp.Layer) -> list[Gimp.Layer]:
    """Return the earlier results beside and above a layer, from the top."""
    parent = content.get_parent()
    beside = parent.get_children() if parent is not None else image.get_layers()
    above = beside[: image.get_item_position(content)]
    return [layer for layer in above if content_of(image, layer) == content]


def continuation(result: Gimp.Layer, size: int) -> dict[str, Any]:
    """Return the options for further steps from a result, without the picture itself.

    Parameters
    ----------
    result : Gimp.Layer
    size : int
        The working size that is asked for, as in a job; an automatic one becomes the result's.
    """
    known = painted(result)
    options: dict[str, Any] = {"init": "picture", "scales": 1}
    if known.get("steps"):
        options["iterations"] = known["steps"]
    if size == job.AUTO_SIZE and known.get("size"):
        options["size"] = known["size"]
    return options


def painted(result: Gimp.Layer) -> dict[str, int]:
    """Return the working size ('size', pixels) and the steps ('steps') of a result's last scale."""
    found = _settings(result).get("painted")
    return found if isinstance(found, dict) else {}
