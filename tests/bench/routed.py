"""Hard per-pixel routing, a way that was weighed and not taken: see docs/spatial-control.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.loss.objective import MaskedGradient, Objective
from engine.loss.targets import region_terms
from engine.scales import ScaleLoop


class Routed(ScaleLoop):
    """Each style's masked loss, as in cutout, moves the pixels of its own region only.

    In place of the method gradient, whose losses are unmasked. The field is no function's gradient
    here either, so Adam follows it.
    """

    def _objective(self, scale: Any, run: int) -> MaskedGradient:
        job, network, targets = self._job, scale.network, scale.targets
        guided = replace(job, method="cutout", optimizer="auto")
        terms = region_terms(guided, targets, self._regions, scale.masks, self._notice)
        plain = Objective(network, targets.contents, [], job.tv, self._sums)
        styles = [
            (
                Objective(network, [], [e for e in terms if e.region == region], 0.0, self._sums),
                mask,
            )
            for region, mask in enumerate(scale.masks)
        ]
        return MaskedGradient(network, plain, styles)
