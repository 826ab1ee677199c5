"""Looks: sets of values that are chosen by one word.

A look names fields of `Job` and their values. What a job gives besides overrides them. Standard
library only: the plug-in carries a copy of this file.
"""

from __future__ import annotations

from typing import Any

LOOKS: dict[str, dict[str, Any]] = {
    # The fields' own defaults.
    "scumble": {},
    # Henighan, Spatial Control in Neural Style Transfer, sections 2.5 to 3.2; docs/method.md says
    # where the losses depart from it.
    "paper": {
        "method": "joint",
        "propagation": "auto",  # receptive averaging with joint
        "strength": 1.0,
        "detail": 1.0,
        "size": 250_000,
        "enlargement": "smooth",
        "iterations": 150,
        "scales": 1,
        "brush_size": 1.0,
        "init": "content",
        "colors": "style",
        "optimizer": "auto",  # L-BFGS within bounds; Adam for the method gradient
        "pooling": "average",
        "content_layers": (("conv3_2", 1.0),),
        "style_layers": tuple((f"conv{block}_1", 0.2) for block in range(1, 6)),
        "statistics": "gram",
        "grain": 0.0,
        "smoothing": 0.0,
    },
}
"""Each look's values by field; the first one is that of a job that names none."""


EARLIER: dict[str, Any] = {"statistics": "gram", "grain": 0.0, "enlargement": "smooth"}
"""Values of options that version 0.1.0 did not have, as its results were painted: today's defaults
paint something else. The settings inside those results hold the values of all other options."""


def filled(given: dict[str, Any]) -> dict[str, Any]:
    """Return a job's fields with the values of its look for those that are not given.

    Parameters
    ----------
    given : dict of str to any
        Fields of a job by name, `look` among them or not. A look that is none of `LOOKS` adds
        nothing.
    """
    look = given.get("look", next(iter(LOOKS)))
    values = LOOKS.get(look, {}) if isinstance(look, str) else {}
    return {**values, **given}
