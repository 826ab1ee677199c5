"""Initial settings of the dialog: those of a result, of an unfinished run, or of the last run.

GIMP keeps the settings of a filter only after a success. After a cancelled or failed painting every
style and region would have to be chosen again. A parasite of GIMP itself therefore keeps them from
*Paint* until the painting is finished or GIMP quits.
"""

from __future__ import annotations

import json

import arguments
import canvas
import job
import sources
from gi.repository import Gimp

UNFINISHED = "scumble-unfinished"


def keep(layer: Gimp.Layer, settings: str) -> None:
    """Keep the settings of a run that starts on a layer."""
    Gimp.attach_parasite(canvas.text_parasite(UNFINISHED, json.dumps([layer.get_id(), settings])))


def forget() -> None:
    """Forget the kept settings, because their run is finished."""
    Gimp.detach_parasite(UNFINISHED)


def settings_for(layer: Gimp.Layer) -> tuple[str, bool]:
    """Return the settings to start with on a layer, and whether they are of an unfinished run.

    An unfinished run on this layer comes first, then the settings that the layer carries, then an
    unfinished run on another layer.
    """
    carried = canvas.settings_of(layer)
    parasite = Gimp.get_parasite(UNFINISHED)
    if parasite is None:
        return carried, False
    number, settings = json.loads(canvas.parasite_text(parasite))
    if carried and number != layer.get_id():
        return carried, False
    return settings, True


def start_from(config: Gimp.ProcedureConfig, available: sources.Sources, layer: Gimp.Layer) -> None:
    """Fill the arguments."""
    style, _ = arguments.simple_style(config)
    chosen = config.get_property("regions")
    config.set_property("style", None)
    config.set_property("mask", None)
    settings, unfinished = settings_for(layer)
    if settings:
        try:
            values, its_regions = arguments.from_text(settings)
        except (ValueError, job.JobError):
            Gimp.message("The settings that this layer carries cannot be read.")
        else:
            arguments.write(config, values)
            style, chosen = "", its_regions
            if not unfinished:
                config.set_property("regions", chosen)
                return
    # These settings may be of another image.
    protected = sources.still_protected(config.get_property("protect") or "", available)
    config.set_property("protect", protected)
    try:
        last = sources.regions_from_json(chosen)
    except sources.RegionError:
        last = ()
    if style and not last:
        last = (job.Region(style=style),)
    config.set_property("regions", sources.regions_to_json(sources.adapt(last, available)))
