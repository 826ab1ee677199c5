"""What a painter has in GIMP becomes regions: a style, a mask and two numbers each.

A region is written as one JSON object, in a script as in the settings that a result carries:

* ``style``: the path of a picture, or ``layer:WHICH``.
* ``mask``: empty for the whole layer, ``selection``, ``outside`` (what is not selected), ``rest``
  (what the other masks leave), ``channel:WHICH``, ``mask:WHICH`` (a layer's mask), ``alpha:WHICH``
  (a layer's transparency), ``grey:WHICH`` (a layer's grey value), or the path of a grey picture.
* ``style_mask``, ``weight``, ``style_size`` and ``name``, as in a job.

What is kept of the content is told by the same words as a mask, but for ``rest``; empty for
nothing.

WHICH is a name in the image, ``#12`` for the item of that number, or ``#12:NAME``: the number where
it still goes by that name, else the name. Nothing of GIMP is needed here.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import job

ALL = ""
NOTHING = ""
SELECTION = "selection"
OUTSIDE = "outside"
REST = job.REST
LAYER = "layer"
CHANNEL = "channel"
MASK = "mask"
ALPHA = "alpha"
GREY = "grey"
FILE = "file"

ITEM_KINDS = (CHANNEL, MASK, ALPHA, GREY)


class RegionError(ValueError):
    """Regions that cannot be painted; the message is one sentence for the user."""


@dataclass(frozen=True)
class Item:
    """A layer, a channel or a layer mask, as far as choosing it goes.

    Attributes
    ----------
    number : int
        GIMP's number for it, which holds for as long as GIMP runs.
    name : str
        What the painter calls it.
    has_mask, has_alpha : bool
        What a layer has.
    ours : bool
        Whether Scumble made it: its masks are results, not wishes.
    image : str
        The name of its image, where that is not the one being painted.
    """

    number: int
    name: str
    has_mask: bool = False
    has_alpha: bool = False
    ours: bool = False
    image: str = ""


@dataclass(frozen=True)
class Scene:
    """What there is to choose from, around the layer to paint."""

    content: Item
    layers: tuple[Item, ...] = ()
    channels: tuple[Item, ...] = ()
    elsewhere: tuple[Item, ...] = ()
    has_selection: bool = False

    @property
    def prepared(self) -> tuple[Item, ...]:
        """The layers that carry a mask, so that each is a style with its region."""
        return tuple(
            layer
            for layer in self.layers
            if layer.has_mask and not layer.ours and layer.number != self.content.number
        )


@dataclass(frozen=True)
class Source:
    """Where the pixels of a style or a mask come from.

    `kind` is one of the words above; `item` goes with those that name one, `path` with a file.
    """

    kind: str
    item: Item | None = None
    path: str = ""

    @property
    def words(self) -> str:
        """What a message calls it."""
        plain = {
            ALL: "the whole layer",
            SELECTION: "the selection",
            OUTSIDE: "what is not selected",
            REST: "the rest",
        }
        if self.kind in plain:
            return plain[self.kind]
        if self.item is None:
            return os.path.basename(self.path)
        forms = {
            LAYER: "the layer “{}”",
            CHANNEL: "the channel “{}”",
            MASK: "the mask of the layer “{}”",
            ALPHA: "the transparency of the layer “{}”",
            GREY: "the grey values of “{}”",
        }
        return forms[self.kind].format(self.item.name)

    @property
    def reference(self) -> str:
        """The words that stand for it in a region."""
        if self.item is not None:
            return reference(self.kind, self.item)
        return self.path if self.kind == FILE else self.kind


@dataclass(frozen=True)
class Plan:
    """One region with its sources found."""

    region: job.Region
    style: Source
    mask: Source

    @property
    def name(self) -> str:
        """What messages and layers call it."""
        if self.region.name:
            return self.region.name
        if self.style.item is not None:
            return self.style.item.name
        return os.path.splitext(os.path.basename(self.style.path))[0]


def reference(kind: str, item: Item) -> str:
    """Return the words that stand for `item`, by number and by name."""
    return f"{kind}:#{item.number}:{item.name}"


def default_regions(scene: Scene) -> tuple[job.Region, ...]:
    """Return what is offered before anything is chosen.

    Every layer with a mask is a style in its region. Without one it is one style, still to be
    chosen, on the selection, or on the whole layer where nothing is selected.
    """
    prepared = scene.prepared[: job.MAX_REGIONS]
    if prepared:
        return tuple(
            job.Region(style=reference(LAYER, layer), mask=reference(MASK, layer))
            for layer in prepared
        )
    return (job.Region(mask=SELECTION if scene.has_selection else ALL),)


def adapt(regions: tuple[job.Region, ...], scene: Scene) -> tuple[job.Region, ...]:
    """Return last time's regions as far as they make sense in this image.

    Layers prepared with masks come first; a single style follows the selection; and what is not
    to be found here gives way to the default.
    """
    if scene.prepared or not regions:
        return default_regions(scene)
    if len(regions) == 1 and regions[0].mask in (ALL, SELECTION):
        mask = SELECTION if scene.has_selection else ALL
        regions = (dataclasses.replace(regions[0], mask=mask),)
    try:
        plans = plan(regions, scene)
    except RegionError:
        return default_regions(scene)
    return tuple(
        dataclasses.replace(each.region, style=each.style.reference, mask=each.mask.reference)
        for each in plans
    )


def from_json(text: str | None) -> tuple[job.Region, ...]:
    """Read regions from JSON: a list of objects, or nothing.

    Raises
    ------
    RegionError
        If the text is not such a list.
    """
    if text is None or not text.strip():  # GIMP turns an empty text into None on its way
        return ()
    try:
        data = json.loads(text)
    except ValueError as error:
        message = f"regions: this is not JSON: {error}."
        raise RegionError(message) from error
    if not isinstance(data, list):
        message = f"regions: a list of objects is needed, not {text.strip()[:40]}."
        raise RegionError(message)
    return tuple(_region(number, entry) for number, entry in enumerate(data, 1))


def to_json(regions: tuple[job.Region, ...]) -> str:
    """Return the regions as `from_json` reads them, without what is at its default."""
    data = []
    for region in regions:
        given = dataclasses.asdict(region)
        defaults = {each.name: each.default for each in dataclasses.fields(job.Region)}
        data.append({name: value for name, value in given.items() if value != defaults[name]})
    return json.dumps(data, ensure_ascii=False)


def plan(regions: tuple[job.Region, ...], scene: Scene) -> tuple[Plan, ...]:
    """Find what every region names.

    Raises
    ------
    RegionError
        If there are none or too many of them, or one names what is not there.
    """
    if not regions:
        message = (
            "No style was given; name a picture with 'style', or regions with 'regions', or give "
            "a layer of this image a layer mask."
        )
        raise RegionError(message)
    if len(regions) > job.MAX_REGIONS:
        message = f"{len(regions)} regions are given; up to {job.MAX_REGIONS} can be painted."
        raise RegionError(message)
    made = tuple(_plan(number, region, scene) for number, region in enumerate(regions, 1))
    rests = [number for number, each in enumerate(made, 1) if each.mask.kind == REST]
    if len(rests) == len(made) > 1:
        message = "Every region takes the rest; give one of them a mask that leaves a rest."
        raise RegionError(message)
    return made


def kept(words: str, scene: Scene) -> Source | None:
    """Find the mask of what is to be kept; None where nothing is.

    Raises
    ------
    RegionError
        If it is not there.
    """
    if words == NOTHING:
        return None
    if words == REST:
        message = (
            "Protect: “rest” is what the regions' masks leave, where the content stays anyhow; "
            "name the selection, a channel, a layer's mask or a grey picture."
        )
        raise RegionError(message)
    return _mask("Protect", words, scene)


def still_kept(words: str, scene: Scene) -> str:
    """Return last time's words for what is kept if they make sense in this image, else nothing."""
    try:
        found = kept(words, scene)
    except RegionError:
        return NOTHING
    return found.reference if found else NOTHING


def local_path(text: str) -> str:
    """Return the path that a path or a file's URI stands for."""
    if text.startswith("file:"):
        return url2pathname(urlsplit(text).path)
    return os.path.abspath(os.path.expanduser(text))


def covers_nothing(name: str, mask: Source, pixels: int, layer: str) -> RegionError:
    """Return the error for a region whose mask is zero everywhere on the layer."""
    message = (
        f"The region “{name}” covers 0 of the {pixels:,} pixels of the layer “{layer}”: its mask, "
        f"{mask.words}, is empty there. Choose another mask for it, or leave the region out."
    )
    return RegionError(message)


def keeps_nothing(mask: Source, pixels: int, layer: str) -> RegionError:
    """Return the error for a mask of what is kept that is zero everywhere on the layer."""
    message = (
        f"Protect covers 0 of the {pixels:,} pixels of the layer “{layer}”: its mask, "
        f"{mask.words}, is empty there. Choose another mask for it, or protect nothing."
    )
    return RegionError(message)


def _region(number: int, entry: Any) -> job.Region:
    where = f"regions[{number}]"
    described = {each.name: each for each in dataclasses.fields(job.Region)}
    if not isinstance(entry, dict):
        message = f"{where}: an object with fields such as 'style' is needed, not {entry!r}."
        raise RegionError(message)
    for name in entry:
        if name not in described and name not in job.OLD_NAMES["Region"]:
            message = f"{where}: {name!r} is unknown; a region has {', '.join(described)}."
            raise RegionError(message)
    try:
        given = {
            name: job.check_value(described[name], value, where + ".")
            for name, value in job.with_new_names(job.Region, entry).items()
        }
    except job.JobError as error:
        raise RegionError(str(error)) from error
    return job.Region(**given)


def _plan(number: int, region: job.Region, scene: Scene) -> Plan:
    where = f"Region {number}"
    if not region.style:
        message = f"{where} has no style yet; choose a picture file or a layer for it."
        raise RegionError(message)
    kind, _, which = region.style.partition(":")
    if kind == LAYER:
        style = Source(LAYER, _find(where, "layer", which, (*scene.layers, *scene.elsewhere)))
    else:
        style = _file(where, "style", region.style)
    return Plan(region, style, _mask(where, region.mask, scene))


def _mask(where: str, text: str, scene: Scene) -> Source:
    if text in (ALL, REST):
        return Source(text)
    if text in (SELECTION, OUTSIDE):
        if not scene.has_selection:
            message = f"{where} goes by the selection, but nothing is selected in this image."
            raise RegionError(message)
        return Source(text)
    kind, _, which = text.partition(":")
    if kind == CHANNEL:
        return Source(CHANNEL, _find(where, "channel", which, scene.channels))
    if kind not in ITEM_KINDS:
        return _file(where, "mask", text)
    layer = _find(where, "layer", which, scene.layers)
    if kind == MASK and not layer.has_mask:
        message = f"{where}: the layer “{layer.name}” has no layer mask."
        raise RegionError(message)
    if kind == ALPHA and not layer.has_alpha:
        message = f"{where}: the layer “{layer.name}” has no transparency."
        raise RegionError(message)
    return Source(kind, layer)


def _file(where: str, what: str, text: str) -> Source:
    path = local_path(text)
    if not os.path.isfile(path):
        message = f"{where}: the {what} {path} is not there; choose a picture that is."
        raise RegionError(message)
    return Source(FILE, None, path)


def _find(where: str, what: str, which: str, items: tuple[Item, ...]) -> Item:
    """Find the item that `#12`, `NAME` or `#12:NAME` stands for."""
    name = which
    if which.startswith("#"):
        number, colon, name = which[1:].partition(":")
        same = [item for item in items if str(item.number) == number]
        if same and (not colon or same[0].name == name):
            return same[0]
        if not colon:
            message = f"{where}: there is no {what} number {number} here."
            raise RegionError(message)
    named = [item for item in items if item.name == name and not item.image]
    named = named or [item for item in items if item.name == name]
    if not named:
        message = f"{where}: there is no {what} called “{name}” here."
        raise RegionError(message)
    if len(named) > 1:
        message = f"{where}: {len(named)} {what}s are called “{name}”; give them different names."
        raise RegionError(message)
    return named[0]
