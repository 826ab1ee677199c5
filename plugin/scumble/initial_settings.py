"""Initial settings of the dialog: those of a result, of an unfinished run, or of the last run.

GIMP keeps the settings of a filter only after a success. After a cancelled or failed painting every
style and region would have to be chosen again. A parasite of GIMP itself therefore keeps them from
*Paint* until the painting is finished or GIMP quits.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import arguments
import earlier_results
import parasites
import sources
from gi.repository import Gimp

from engine import job
from engine.translations import _

UNFINISHED = "scumble-unfinished"


def keep(layer: Gimp.Layer, settings: str) -> None:
    """Keep the settings of a run that starts on a layer."""
    Gimp.attach_parasite(
        parasites.text_parasite(UNFINISHED, json.dumps([layer.get_id(), settings]))
    )


def forget() -> None:
    """Forget the kept settings, because their run is finished."""
    Gimp.detach_parasite(UNFINISHED)


def unfinished(layer: Gimp.Layer) -> tuple[str, bool]:
    """Return the settings of an unfinished run, and whether it was on this layer."""
    parasite = Gimp.get_parasite(UNFINISHED)
    if parasite is None:
        return "", False
    number, settings = json.loads(parasites.parasite_text(parasite))
    return settings, number == layer.get_id()


def latest_target(image: Gimp.Image, target: earlier_results.Target) -> earlier_results.Target:
    """Return the target with the latest result of its layer, whose masks can be chosen, too."""
    results = earlier_results.results_of(image, target.content)
    if target.result is None and results:
        return earlier_results.Target(target.content, results[0])
    return target


def start_from(
    config: Gimp.ProcedureConfig,
    available: sources.Sources,
    target: earlier_results.Target,
    *,
    again: bool = True,
) -> None:
    """Fill the arguments.

    An unfinished run on the chosen layer comes first, then what the result carries, then an
    unfinished run on another layer, then the last run.

    Parameters
    ----------
    config : Gimp.ProcedureConfig
    available : Sources
    target : Target
        With the latest result, where the user has chosen a layer that has results.
    again : bool
        Whether the user has chosen the result itself, so that its own masks are used, and not the
        present selection.
    """
    style, _mask = arguments.simple_style(config)
    regions = config.get_property("regions")
    config.set_property("style", None)
    config.set_property("mask", None)
    chosen = target.chosen if again else target.content
    left, on_this_layer = unfinished(chosen)
    settings = left if on_this_layer else parasites.settings_of(target.chosen)
    carried = bool(settings) and not on_this_layer
    settings = settings or left
    if settings:
        try:
            values, regions = arguments.from_text(settings)
        except (ValueError, job.JobError):
            Gimp.message(_("The settings that this layer carries cannot be read."))
            carried = False
        else:
            arguments.write(config, values)
            style = ""
    if carried:
        _take_up(config, regions, available, target, selected=not again)
        return
    # These settings may be of another image.
    protected = sources.still_protected(config.get_property("protect") or "", available)
    config.set_property("protect", protected)
    try:
        last = sources.regions_from_json(regions)
    except sources.RegionError:
        last = ()
    if style and not last:
        last = (job.Region(style=style),)
    config.set_property("regions", sources.regions_to_json(sources.adapt(last, available)))


def _take_up(
    config: Gimp.ProcedureConfig,
    regions: str,
    available: sources.Sources,
    target: earlier_results.Target,
    *,
    selected: bool,
) -> None:
    """Fill in the regions and the protected part that a result carries."""
    try:
        known = sources.regions_from_json(regions)
    except sources.RegionError:
        Gimp.message(_("The regions that this layer carries cannot be read."))
        return
    protect = config.get_property("protect") or ""
    known, protect = sources.taken_up(known, protect, available, selected=selected)
    if not selected:
        known = _with_layer_masks(known, target.result)
    config.set_property("regions", sources.regions_to_json(known))
    config.set_property("protect", protect)


def _with_layer_masks(regions: tuple[job.Region, ...], result: Any) -> tuple[job.Region, ...]:
    """Return the regions with the masks of a group's layers, which the user may have painted on."""
    layers = result.get_children() if result is not None and result.is_group() else []
    made = list(regions)
    for number, (region, layer) in enumerate(zip(regions, layers)):
        if region.mask.startswith(sources.kept("")) and layer.get_mask() is not None:
            item = sources.Item(layer.get_id(), layer.get_name())
            mask = sources.reference(sources.MASK, item)
            made[number] = dataclasses.replace(region, mask=mask)
    return tuple(made)
