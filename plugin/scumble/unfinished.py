"""What was asked for and not painted: cancelled, failed, or killed.

GIMP keeps a filter's settings after a success only. Who cancels a painting to change one of them
would have to choose every style and region again. So they lie in GIMP from *Paint* until a painting
is done, or GIMP quits.
"""

from __future__ import annotations

import json

from gi.repository import Gimp

NAME = "scumble-unfinished"


def keep(layer: Gimp.Layer, settings: str) -> None:
    """Keep what is to be painted on a layer."""
    data = json.dumps([layer.get_id(), settings]).encode("utf-8")
    Gimp.attach_parasite(Gimp.Parasite.new(NAME, 0, list(data)))


def forget() -> None:
    """Forget it: it has been painted."""
    Gimp.detach_parasite(NAME)


def settings_for(layer: Gimp.Layer, carried: str) -> tuple[str, bool]:
    """Return the settings to start from on a layer, and whether they are unfinished ones.

    What was last wanted for this very layer goes before what the layer carries, and that before
    what was wanted for another one.
    """
    parasite = Gimp.get_parasite(NAME)
    if parasite is None:
        return carried, False
    wanted_for, settings = json.loads(bytes(parasite.get_data()).decode("utf-8"))
    if carried and wanted_for != layer.get_id():
        return carried, False
    return settings, True
