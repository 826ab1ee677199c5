"""Hard per-pixel routing, a method that was tried and not taken: see docs/spatial-control.md."""

from __future__ import annotations

from dataclasses import replace

from engine.loss.make_terms import ScaleInputs
from engine.loss.objective import (
    OBJECTIVES,
    MakeEvaluator,
    Objective,
    masked_gradients,
    styles_by_region,
)
from engine.methods import METHODS


def _routed(inputs: ScaleInputs, make: MakeEvaluator) -> list[Objective]:
    """Return a field in which each style's masked loss moves its own region's pixels only."""
    return [masked_gradients(inputs, make, styles_by_region(inputs))]


OBJECTIVES["routed"] = _routed

ROUTED = replace(
    METHODS["cutout"],
    name="routed",
    objective="routed",
    optimizers=("adam",),
    has_best=False,
    composite="blend",
    suits=None,
)
"""In place of the method gradient, whose losses are unmasked. The field is no function's gradient
either, so Adam follows it."""
