"""Requests: the layers to paint, with their options and regions, from the filter's arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import arguments
import canvas_error
import earlier_results
import image_items
import interrupted_runs
import parasites
import sources
from gi.repository import Gimp

from engine import job, job_checks
from engine.translations import _

MISTAKES = (canvas_error.CanvasError, sources.RegionError, job.JobError)
"""Errors in the request, as opposed to failures of the engine."""


@dataclass(frozen=True)
class Request:
    """The layer to paint, the options of the job, and the regions.

    Attributes
    ----------
    image : Gimp.Image
    content : Gimp.Layer
    options : dict
    regions : tuple of Region
    result : Gimp.Layer or None
        An earlier result of the content; the regions may name the masks that it carries.
    goes_on : bool
        Whether the painting starts from that result, with the steps of one scale.
    replaces : bool
        Whether the new result takes the place of that one.
    """

    image: Gimp.Image
    content: Gimp.Layer
    options: dict[str, Any]
    regions: tuple[job.Region, ...]
    result: Gimp.Layer | None = None
    goes_on: bool = False
    replaces: bool = False


def targets(
    image: Gimp.Image | None, drawables: list[Gimp.Drawable], *, again: bool
) -> list[earlier_results.Target]:
    """Return the layers to paint.

    Parameters
    ----------
    image : Gimp.Image or None
    drawables : list of Gimp.Drawable
        What is selected.
    again : bool
        Whether a result of Scumble stands for the layer from which it was painted.

    Raises
    ------
    canvas_error.CanvasError
        If something else than layers is selected.
    """
    layers = image_items.layers_to_paint(image, drawables)
    if not again:
        return [earlier_results.Target(layer) for layer in layers]
    found = [earlier_results.target_of(image, layer) for layer in layers]
    # Several results of one layer are painted once.
    return list({target.content: target for target in found}.values())


def quiet_requests(
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    targets: list[earlier_results.Target],
    *,
    script: bool = False,
) -> list[Request]:
    """Return the requests of a script or of Repeat Last.

    Parameters
    ----------
    config : Gimp.ProcedureConfig
    image : Gimp.Image
    targets : list of Target
    script : bool
        Whether a script asks, for which a look fills in the options that have their defaults.

    Raises
    ------
    sources.RegionError, job.JobError
        If the arguments cannot be read.
    """
    made = []
    for target in targets:
        options = arguments.read(config)
        if script:
            options = arguments.with_look(options)
        regions = chosen_regions(config, image, target)
        if target.result is not None:
            available = target.sources(image)
            regions, options["protect"] = sources.taken_up(
                regions, options["protect"], available, selected=True
            )
        made.append(Request(image, target.content, options, regions, target.result))
    return made


def for_more(requests: list[Request], layers: list[Gimp.Layer]) -> list[Request]:
    """Return the requests to continue from the new layers with the same masks and settings."""
    made = []
    image = requests[0].image
    if not image.is_valid():
        return []
    for layer in layers:
        target = earlier_results.target_of(image, layer) if layer.is_valid() else None
        if target is None or target.result != layer:
            continue  # undone, or a layer of a group
        options = next(each.options for each in requests if each.content == target.content)
        _options, text = arguments.from_text(parasites.settings_of(layer))
        known = sources.regions_from_json(text)
        protect = str(options["protect"])
        regions, protect = sources.taken_up(known, protect, target.sources(image), selected=False)
        made.append(
            Request(
                image, target.content, {**options, "protect": protect}, regions, layer, True, True
            )
        )
    return made


def of_interrupted(
    image: Gimp.Image,
    target: earlier_results.Target,
    interrupted: interrupted_runs.Interrupted,
) -> Request:
    """Return the request that an interrupted run has carried out."""
    origin = interrupted.origin
    regions = sources.regions_from_json(origin["regions"])
    options = {
        each.name: job_checks.check_value(each, origin["options"][each.name])
        for each in job.options()
        if each.name in origin["options"]
    }
    return Request(image, target.content, options, regions)


def chosen_regions(
    config: Gimp.ProcedureConfig, image: Gimp.Image, target: earlier_results.Target
) -> tuple[job.Region, ...]:
    """Return the regions of a script: the list, one style, or the layers with layer masks.

    Raises
    ------
    sources.RegionError
        If they cannot be read.
    """
    style, mask = arguments.simple_style(config)
    given = sources.regions_from_json(config.get_property("regions"))
    if style and given:
        message = _("Both style and regions are given. Give one of them.")
        raise sources.RegionError(message)
    if given:
        return given
    available = target.sources(image)
    if not style:
        return sources.default_regions(available) if available.prepared else ()
    return (job.Region(style=style, mask=image_items.mask_spec(image, mask)),)
