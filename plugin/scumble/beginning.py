"""What the dialog begins with: a result's settings, what was not finished, or last time's.

GIMP keeps a filter's settings after a success only. Who cancels a painting to change one of them,
or whose engine has failed, would have to choose every style and region again. So they lie in GIMP
from *Paint* until a painting is done, or GIMP quits.
"""

from __future__ import annotations

import json

import arguments
import canvas
import job
import regions
from gi.repository import Gimp

UNFINISHED = "scumble-unfinished"


def keep(layer: Gimp.Layer, settings: str) -> None:
    """Keep what is to be painted on a layer."""
    data = json.dumps([layer.get_id(), settings]).encode("utf-8")
    Gimp.attach_parasite(Gimp.Parasite.new(UNFINISHED, 0, list(data)))


def forget() -> None:
    """Forget it: it has been painted."""
    Gimp.detach_parasite(UNFINISHED)


def settings_for(layer: Gimp.Layer) -> tuple[str, bool]:
    """Return the settings to begin with on a layer, and whether they are unfinished ones.

    What was last wanted for this very layer goes before what the layer carries, and that before
    what was wanted for another one.
    """
    carried = canvas.settings_of(layer)
    parasite = Gimp.get_parasite(UNFINISHED)
    if parasite is None:
        return carried, False
    wanted_for, settings = json.loads(bytes(parasite.get_data()).decode("utf-8"))
    if carried and wanted_for != layer.get_id():
        return carried, False
    return settings, True


def start_from(config: Gimp.ProcedureConfig, scene: regions.Scene, layer: Gimp.Layer) -> None:
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
    # These may be of another image, and are fitted to this one.
    kept = regions.still_kept(config.get_property("protect") or "", scene)
    config.set_property("protect", kept)
    try:
        last = regions.from_json(chosen)
    except regions.RegionError:
        last = ()
    if style and not last:
        last = (job.Region(style=style),)
    config.set_property("regions", regions.to_json(regions.adapt(last, scene)))
