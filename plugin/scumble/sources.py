"""Sources: the layers, channels, masks and files that regions take their style and place from.

A region is one JSON object, in a script as in the settings that a result carries:

* ``style``: the path of a picture, ``layer:WHICH``, or the name of a painting that comes with
  Scumble.
* ``mask``: empty for the whole layer, ``selection``, ``outside`` (the inverted selection), ``rest``
  (what the other masks leave), ``channel:WHICH``, ``mask:WHICH`` (a layer mask), ``alpha:WHICH``
  (the opacity of a layer), ``gray:WHICH`` (the brightness of a layer), ``own`` (the layer mask of
  the painted layer itself), ``kept:KEY`` (a mask that the earlier result carries which is painted
  again), or the path of a gray picture.
* ``style_mask``, ``weight``, ``style_size`` and ``name``, as in a job.

The protected part of the content is named like a mask, without ``rest``; empty protects nothing.

WHICH is a name in the image, ``#12`` for the item of that number, or ``#12:NAME``: the item of that
number if it still has that name, else the item of that name. Nothing of GIMP is needed here.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engine import job, job_checks
from engine.paintings import catalog
from engine.translations import N_, _, number_text

ALL = ""
NOTHING = ""
SELECTION = "selection"
OUTSIDE = "outside"
REST = job.REST
LAYER = "layer"
CHANNEL = "channel"
MASK = "mask"
ALPHA = "alpha"
GRAY = "gray"
FILE = "file"
OWN = "own"
KEPT = "kept"
PAINTING = "painting"

ITEM_KINDS = (CHANNEL, MASK, ALPHA, GRAY)
OLD_KINDS = {"grey": GRAY}
"""Spellings of version 0.1.0, which settings may still use."""


class RegionError(ValueError):
    """Regions that cannot be painted; the message is one sentence for the user."""


@dataclass(frozen=True)
class Item:
    """A layer or a channel that can be chosen.

    Attributes
    ----------
    number : int
        GIMP's number for it, valid while GIMP runs.
    name : str
        Its name in GIMP.
    has_mask, has_alpha : bool
        Whether a layer has a layer mask and an alpha channel.
    ours : bool
        Whether it is a result of Scumble, whose mask is no request for a region.
    image : str
        The name of its image, if that is not the one being painted.
    """

    number: int
    name: str
    has_mask: bool = False
    has_alpha: bool = False
    ours: bool = False
    image: str = ""


@dataclass(frozen=True)
class Sources:
    """Everything that can be chosen for the layer to paint."""

    content: Item
    layers: tuple[Item, ...] = ()
    channels: tuple[Item, ...] = ()
    elsewhere: tuple[Item, ...] = ()
    has_selection: bool = False
    kept: tuple[Item, ...] = ()
    """The masks that an earlier result carries; the number is the result's, the name the mask's."""

    others: tuple[int, ...] = ()
    """The numbers of other layers that are painted after this one."""

    @property
    def prepared(self) -> tuple[Item, ...]:
        """The layers with a layer mask; each is a style with its region."""
        return tuple(
            layer
            for layer in self.layers
            if layer.has_mask
            and not layer.ours
            and layer.number not in (self.content.number, *self.others)
        )


@dataclass(frozen=True)
class Source:
    """The origin of the pixels of a style or a mask.

    `kind` is one of the kinds above. Kinds that name an item come with `item`, a file with `path`,
    and so does a painting that comes with Scumble, whose path is its name.
    """

    kind: str
    item: Item | None = None
    path: str = ""

    @property
    def description(self) -> str:
        """Its name in messages."""
        plain = {
            ALL: _("the whole layer"),
            SELECTION: _("the selection"),
            OUTSIDE: _("everything outside the selection"),
            REST: _("the rest"),
        }
        if self.kind in plain:
            return plain[self.kind]
        if self.item is None:
            return os.path.basename(self.path)
        forms = {
            LAYER: _("the layer “{name}”"),
            CHANNEL: _("the channel “{name}”"),
            MASK: _("the mask of the layer “{name}”"),
            ALPHA: _("the opacity of the layer “{name}”"),
            GRAY: _("the brightness of “{name}”"),
            KEPT: _("the mask of the earlier result"),
        }
        return forms[self.kind].format(name=self.item.name)

    @property
    def reference(self) -> str:
        """The text that stands for it in a region."""
        if self.kind == KEPT and self.item is not None:
            return kept(self.item.name)
        if self.item is not None:
            return reference(self.kind, self.item)
        return self.path if self.kind in (FILE, PAINTING) else self.kind


@dataclass(frozen=True)
class ResolvedRegion:
    """One region with the sources that it names."""

    region: job.Region
    style: Source
    mask: Source

    @property
    def name(self) -> str:
        """The name of the region in messages and of its layer."""
        name = self.region.name
        if not name and self.style.item is not None:
            name = self.style.item.name
        if not name and self.style.kind == PAINTING:
            name = _(painting(self.style.path).title)
        return one_line(name or os.path.splitext(os.path.basename(self.style.path))[0])


def painting(name: str) -> catalog.Painting:
    """Return a painting that comes with Scumble."""
    return next(each for each in catalog.PAINTINGS if each.name == name)


def reference(kind: str, item: Item) -> str:
    """Return the text that stands for `item`, by number and by name."""
    return f"{kind}:#{item.number}:{item.name}"


def kept(key: int | str) -> str:
    """Return the text that stands for a mask that an earlier result carries."""
    return f"{KEPT}:{key}"


def taken_up(
    regions: tuple[job.Region, ...], protect: str, available: Sources, *, selected: bool
) -> tuple[tuple[job.Region, ...], str]:
    """Return the regions and the protected part of an earlier result, to paint them again.

    A mask that is no longer in the image is taken from those that the result carries.

    Parameters
    ----------
    regions : tuple of Region
        As the result carries them.
    protect : str
    available : Sources
        With the masks that the result carries.
    selected : bool
        Whether the present selection takes the place of the earlier one, if there is one.
    """
    keys = {item.name for item in available.kept}

    def mask(spec: str, key: str) -> str:
        kind = spec.partition(":")[0]
        live = kind not in (SELECTION, OUTSIDE) or (selected and available.has_selection)
        if kind == KEPT or key not in keys:
            return spec
        try:
            found = _mask("", spec, available)
        except RegionError:
            return kept(key)
        return found.reference if live else kept(key)

    made = tuple(
        dataclasses.replace(region, mask=mask(region.mask, str(number)))
        for number, region in enumerate(regions, 1)
    )
    return made, mask(protect, "protect") if protect else protect


def default_regions(available: Sources) -> tuple[job.Region, ...]:
    """Return the regions that the dialog starts with.

    Each layer with a layer mask is a style with its region. Without such layers there is one
    region, whose style is still to be chosen, on the selection or else on the whole layer.
    """
    prepared = available.prepared[: job.MAX_REGIONS]
    if prepared:
        return tuple(
            job.Region(style=reference(LAYER, layer), mask=reference(MASK, layer))
            for layer in prepared
        )
    return (job.Region(mask=SELECTION if available.has_selection else ALL),)


def adapt(regions: tuple[job.Region, ...], available: Sources) -> tuple[job.Region, ...]:
    """Return the last regions, adapted to this image.

    Layers with layer masks come first. A single style follows the selection. If a source is not in
    this image, the default regions are used.
    """
    if available.prepared or not regions:
        return default_regions(available)
    if not available.kept:  # these regions are of another image's result
        now = SELECTION if available.has_selection else ALL
        regions = tuple(
            dataclasses.replace(each, mask=now) if each.mask.startswith(KEPT + ":") else each
            for each in regions
        )
    if len(regions) == 1 and regions[0].mask in (ALL, SELECTION):
        mask = SELECTION if available.has_selection else ALL
        regions = (dataclasses.replace(regions[0], mask=mask),)
    try:
        resolved = resolve(regions, available)
    except RegionError:
        return default_regions(available)
    return tuple(
        dataclasses.replace(each.region, style=each.style.reference, mask=each.mask.reference)
        for each in resolved
    )


def regions_from_json(text: str | None) -> tuple[job.Region, ...]:
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
        message = _("regions: this is not JSON: {error}.").format(error=error)
        raise RegionError(message) from error
    if not isinstance(data, list):
        message = _("regions: a list of objects is needed, not {text}.")
        message = message.format(text=text.strip()[:40])
        raise RegionError(message)
    return tuple(_region(number, entry) for number, entry in enumerate(data, 1))


def regions_to_json(regions: tuple[job.Region, ...]) -> str:
    """Return the regions as `regions_from_json` reads them, in ASCII and without defaults."""
    data = []
    for region in regions:
        given = dataclasses.asdict(region)
        defaults = {each.name: each.default for each in dataclasses.fields(job.Region)}
        data.append({name: value for name, value in given.items() if value != defaults[name]})
    return json.dumps(data)


def resolve(regions: tuple[job.Region, ...], available: Sources) -> tuple[ResolvedRegion, ...]:
    """Return the regions with the sources that they name.

    Raises
    ------
    RegionError
        If there are no regions or too many, or if a source does not exist.
    """
    if not regions:
        message = _(
            "No style was given. Give a picture as 'style', or 'regions', or add a layer mask to a "
            "layer of this image."
        )
        raise RegionError(message)
    if len(regions) > job.MAX_REGIONS:
        message = _("{count} regions are given; up to {most} are possible.")
        message = message.format(count=len(regions), most=job.MAX_REGIONS)
        raise RegionError(message)
    made = tuple(_resolve(number, region, available) for number, region in enumerate(regions, 1))
    rests = [number for number, each in enumerate(made, 1) if each.mask.kind == REST]
    if len(rests) == len(made) > 1:
        message = _("Every region goes on the rest. Give one of them a mask.")
        raise RegionError(message)
    return made


def resolve_protected(spec: str, available: Sources) -> Source | None:
    """Return the mask of the protected part of the content; None if nothing is protected.

    Raises
    ------
    RegionError
        If it does not exist.
    """
    if spec == NOTHING:
        return None
    if spec == REST:
        message = _(
            "Protect: “rest” is not possible. Choose the selection, a channel, a layer mask or a "
            "gray picture."
        )
        raise RegionError(message)
    return _mask(_("Protect"), spec, available)


def still_protected(spec: str, available: Sources) -> str:
    """Return the last protected part if it exists in this image, else nothing."""
    try:
        found = resolve_protected(spec, available)
    except RegionError:
        return NOTHING
    return found.reference if found else NOTHING


def valid_unicode(text: str) -> str:
    """Return a text that GIMP takes: file names on Linux may hold bytes that are no letters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """Return a text in one line of valid Unicode."""
    return " ".join("".join(c if c.isprintable() else " " for c in valid_unicode(text)).split())


def local_path(text: str) -> str:
    """Return the path that a path or a file's URI stands for."""
    if text.startswith("file:"):
        from urllib.request import url2pathname  # which loads much, and is seldom needed

        return url2pathname(urlsplit(text).path)
    return os.path.abspath(os.path.expanduser(text))


def covers_nothing(name: str, mask: Source, pixels: int, layer: str) -> RegionError:
    """Return the error for a region whose mask is zero everywhere on the layer."""
    message = _(
        "The region “{region}” covers 0 of the {pixels} pixels of the layer “{layer}”, because "
        "{mask} is empty there. Choose another mask, or remove the region."
    )
    return RegionError(
        message.format(
            region=name, pixels=number_text(pixels, ","), layer=layer, mask=mask.description
        )
    )


def protects_nothing(mask: Source, pixels: int, layer: str) -> RegionError:
    """Return the error for a protecting mask that is zero everywhere on the layer."""
    message = _(
        "Protect covers 0 of the {pixels} pixels of the layer “{layer}”, because {mask} is empty "
        "there. Choose another mask, or protect nothing."
    )
    return RegionError(
        message.format(pixels=number_text(pixels, ","), layer=layer, mask=mask.description)
    )


def _region(number: int, entry: Any) -> job.Region:
    where = f"regions[{number}]"
    described = {each.name: each for each in dataclasses.fields(job.Region)}
    if not isinstance(entry, dict):
        message = _("{where}: an object with fields such as 'style' is needed, not {entry}.")
        message = message.format(where=where, entry=repr(entry))
        raise RegionError(message)
    for name in entry:
        if name not in described and name not in job.OLD_NAMES["Region"]:
            message = _("{where}: {name} is unknown; a region has {fields}.").format(
                where=where, name=repr(name), fields=", ".join(described)
            )
            raise RegionError(message)
    try:
        given = {
            name: job_checks.check_value(described[name], value, where + ".")
            for name, value in job.with_new_names(job.Region, entry).items()
        }
    except job.JobError as error:
        raise RegionError(str(error)) from error
    return job.Region(**given)


def _resolve(number: int, region: job.Region, available: Sources) -> ResolvedRegion:
    where = _("Region {number}").format(number=number)
    if not region.style:
        message = _("{where} has no style yet. Choose a picture file or a layer.")
        message = message.format(where=where)
        raise RegionError(message)
    kind, _colon, which = region.style.partition(":")
    if region.style in catalog.NAMES:
        style = Source(PAINTING, None, region.style)
    elif kind == LAYER:
        style = Source(LAYER, _find(where, LAYER, which, (*available.layers, *available.elsewhere)))
    else:
        style = _file(where, NO_STYLE, region.style)
    return ResolvedRegion(region, style, _mask(where, region.mask, available))


def _mask(where: str, text: str, available: Sources) -> Source:
    if text in (ALL, REST):
        return Source(text)
    if text in (SELECTION, OUTSIDE):
        if not available.has_selection:
            message = _("{where} uses the selection, but nothing is selected in this image.")
            raise RegionError(message.format(where=where))
        return Source(text)
    if text == OWN:
        if not available.content.has_mask:
            message = _("{where}: the layer “{layer}” has no layer mask of its own.")
            raise RegionError(message.format(where=where, layer=available.content.name))
        return Source(MASK, available.content)
    kind, _colon, which = text.partition(":")
    if kind == KEPT:
        found = [item for item in available.kept if item.name == which]
        if not found:
            message = _("{where} uses a mask that this layer does not carry. Choose another mask.")
            raise RegionError(message.format(where=where))
        return Source(KEPT, found[0])
    kind = OLD_KINDS.get(kind, kind)
    if kind == CHANNEL:
        return Source(CHANNEL, _find(where, CHANNEL, which, available.channels))
    if kind not in ITEM_KINDS:
        return _file(where, NO_MASK, text)
    layer = _find(where, LAYER, which, available.layers)
    if kind == MASK and not layer.has_mask:
        message = _("{where}: the layer “{layer}” has no layer mask.")
        raise RegionError(message.format(where=where, layer=layer.name))
    if kind == ALPHA and not layer.has_alpha:
        message = _("{where}: the layer “{layer}” has no alpha channel.")
        raise RegionError(message.format(where=where, layer=layer.name))
    return Source(kind, layer)


NO_STYLE = N_("{where}: the style {path} does not exist. Choose another picture.")
NO_MASK = N_("{where}: the mask {path} does not exist. Choose another picture.")


def _file(where: str, missing: str, text: str) -> Source:
    path = local_path(text)
    if not os.path.isfile(path):
        raise RegionError(_(missing).format(where=where, path=path))
    return Source(FILE, None, path)


MISSING = {
    LAYER: (
        N_("{where}: there is no layer number {number} here."),
        N_("{where}: there is no layer called “{name}” here."),
        N_("{where}: {count} layers are called “{name}”. Rename one of them."),
    ),
    CHANNEL: (
        N_("{where}: there is no channel number {number} here."),
        N_("{where}: there is no channel called “{name}” here."),
        N_("{where}: {count} channels are called “{name}”. Rename one of them."),
    ),
}
"""Messages for a number that is missing, a name that is missing, and a name that is there twice."""


def _find(where: str, kind: str, which: str, items: tuple[Item, ...]) -> Item:
    """Return the layer or the channel that `#12`, `NAME` or `#12:NAME` stands for."""
    no_number, no_name, several = MISSING[kind]
    name = which
    if which.startswith("#"):
        number, colon, name = which[1:].partition(":")
        same = [item for item in items if str(item.number) == number]
        if same and (not colon or same[0].name == name):
            return same[0]
        if not colon:
            raise RegionError(_(no_number).format(where=where, number=number))
    named = [item for item in items if item.name == name and not item.image]
    named = named or [item for item in items if item.name == name]
    if not named:
        raise RegionError(_(no_name).format(where=where, name=name))
    if len(named) > 1:
        raise RegionError(_(several).format(where=where, count=len(named), name=name))
    return named[0]
