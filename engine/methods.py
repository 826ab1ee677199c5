"""Methods: one entry for each way to paint several regions, and the rule of `auto`.

An entry names its ingredients. Each ingredient is a function in a table of the room that it belongs
to: `engine.loss.objective.OBJECTIVES`, `engine.loss.make_terms.STYLE_TERMS`,
`engine.masks.propagation.STEEPENINGS` and `engine.pictures.compositing.COMPOSITES`. No other file
compares a method's name. Standard library only: the plug-in carries a copy of this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from engine.job import Job
    from engine.masks.softness import MaskSurvey

SOFT_RAMP = 12.0
"""Pixels at the working size. Where masks change more slowly than this, strokes have room to change
from one style to another; docs/spatial-control.md shows both sides of it."""


@dataclass(frozen=True)
class Method:
    """A way to paint several regions.

    Attributes
    ----------
    name : str
    objective : str
        What is minimized or followed: a key of `OBJECTIVES`.
    style_terms : str
        How masks and styles make terms of the loss: a key of `STYLE_TERMS`.
    composite : str
        How the result is put together at the content's size: a key of `COMPOSITES`.
    steepening : str
        How the guidance is steepened: a key of `STEEPENINGS`; empty for not at all.
    propagation : str
        How masks are carried to the layers unless the job says otherwise.
    optimizers : tuple of str
        The optimizers that it can use; the first one is its default, but 'lbfgs' takes the place
        of 'lbfgs32' where `keeps_content` is true.
    picture_per_region : bool
        Whether each region has a picture of its own, to be put together at the end.
    pins_outside : bool
        Whether pixels outside of all regions are held at the content by equal bounds.
    has_best : bool
        Whether losses of two pictures can be compared, so that the best one is kept.
    paints_past_masks : bool
        Whether there is paint past the masks' edges, which the option `uncut` keeps.
    suits : callable, optional
        Whether `auto` takes this method for such masks; the first entry that suits is taken.
    """

    name: str
    objective: str
    style_terms: str
    composite: str
    steepening: str = ""
    propagation: str = "receptive"
    optimizers: tuple[str, ...] = ("lbfgs32", "lbfgs", "adam")
    picture_per_region: bool = False
    pins_outside: bool = False
    has_best: bool = True
    paints_past_masks: bool = False
    suits: Callable[[MaskSurvey], bool] | None = None

    @property
    def masks_layers(self) -> bool:
        """Return whether masks are carried to the layers; else only the picture has them."""
        return self.style_terms != "whole"

    def propagation_for(self, job: Job) -> str:
        """Return how the masks of a job are carried to the layers."""
        return self.propagation if job.propagation == "auto" else job.propagation

    def optimizer_for(self, job: Job) -> str:
        """Return the optimizer of a job: 'lbfgs', 'lbfgs32' or 'adam'."""
        if job.optimizer != "auto":
            return job.optimizer
        default = self.optimizers[0]
        return "lbfgs" if self.keeps_content(job) and default == "lbfgs32" else default

    def keeps_content(self, job: Job) -> bool:
        """Return whether a part of what is painted is to stay close to the content.

        That is a protected part, or one without a style that the result shows as it was painted.
        """
        return bool(job.protect) or (self.composite == "blend" and not job.covers_everything)

    def pictures(self, regions: int) -> int:
        """Return how many pictures are painted for so many regions."""
        return regions if self.picture_per_region else 1


METHODS = {
    each.name: each
    for each in (
        Method(
            "joint",
            objective="joint",
            style_terms="masked",
            composite="blend",
            suits=lambda masks: masks.everywhere,
        ),
        Method(
            "banded",
            objective="joint",
            style_terms="banded",
            composite="blend",
            # Where a part has no style it would paint beyond the ramp's end; cutout does not.
            suits=lambda masks: masks.covered and masks.widest_ramp > SOFT_RAMP,
        ),
        Method(
            "cutout",
            objective="joint",
            style_terms="masked",
            composite="cut out",
            steepening="relative",
            propagation="resize",
            paints_past_masks=True,
            suits=lambda masks: True,
        ),
        Method(
            "pinned",
            objective="joint",
            style_terms="masked",
            composite="pinned",
            steepening="absolute",
            pins_outside=True,
        ),
        Method(
            "gradient",
            objective="masked gradients",
            style_terms="whole",
            composite="blend",
            # The masked field is no function's gradient, so a line search does not apply.
            optimizers=("adam",),
            has_best=False,
        ),
        Method(
            "stitch",
            objective="each region",
            style_terms="whole",
            composite="stitch",
            picture_per_region=True,
            paints_past_masks=True,
        ),
    )
}
"""Every method by its name, in the order in which `auto` tries them."""


def choose_method(masks: MaskSurvey) -> Method:
    """Return the method that `auto` stands for.

    Parameters
    ----------
    masks : MaskSurvey
        Of the regions' masks at the working size.

    Returns
    -------
    Method
        'joint' where every mask is the whole picture, 'banded' where the masks cover all of it and
        one has a soft ramp, else 'cutout'.
    """
    return next(each for each in METHODS.values() if each.suits and each.suits(masks))
