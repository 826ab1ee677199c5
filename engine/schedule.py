"""Schedules: the sizes of the scales, coarse to fine, and the steps at each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.job import MIN_SIDE
from engine.sizes import working_size

if TYPE_CHECKING:
    from engine.job import Job

COARSEST_AREA = 75_000
"""Pixels of the coarsest scale at a brush size of 1. It makes the largest strokes, so a painting of
any size has the strokes of its first scale. A smaller one brings the painting nearer to the style
and costs less, but loses faces: docs/look.md has the figures."""

STEP_SHARES = (1.0, 0.5, 0.24, 0.07)
"""The share of the job's iterations at the first scale, the second, ...; the last one is for all
further scales. Finer scales only sharpen what is there."""

PLATEAUS = {"coarse": (10, 0.03), "last": (10, 0.02)}
"""With automatic scales, one ends when the loss fell by less than 3 % in 10 evaluations, the last
one by less than 2 %. Measured at 16,000 pixels: 5 % ends after 60 of 150 steps with 7 % to gain."""

COARSE_CONTENT = 6.0
"""How many times as much the content counts at the automatic scales before the last one. Shapes are
lost at the coarse scales: finer ones do not bring them back."""

EVALUATIONS_PER_STEP = 1.06
"""A line search sometimes tries twice; measured."""

LEAST_WORK = 4000
"""The pixels as whose time everything counts that an evaluation takes at any size, such as matrices
of the channels; measured from 4,096 to 65,536 pixels."""


@dataclass(frozen=True)
class ScalePlan:
    """One scale, before it is painted.

    Attributes
    ----------
    size : (int, int)
        Height and width.
    steps : int
        The most steps of the optimizer.
    plateau : (int, float), optional
        It ends when the loss fell by less than this share in so many evaluations.
    content_factor : float
        How many times as much the content counts as the job has it.
    with_strokes : bool
        Whether it starts from the painting of the scale before with strokes added
        (`engine.strokes`), rather than enlarged smoothly.
    """

    size: tuple[int, int]
    steps: int
    plateau: tuple[int, float] | None = None
    content_factor: float = 1.0
    with_strokes: bool = False

    @property
    def pixels(self) -> int:
        """The area."""
        return self.size[0] * self.size[1]


def plan_scales(job: Job, height: int, width: int, area: float) -> list[ScalePlan]:
    """Return the scales of a painting, the coarsest first.

    With automatic scales the sides grow by about 2 from the coarsest size to the last one, and the
    steps fall. The coarsest has `COARSEST_AREA` pixels, divided by the brush size. Before the last
    scale the content counts more, as in Kolkin et al. 2019, *Style Transfer by Relaxed Optimal
    Transport and Self-Similarity*, where its weight falls from scale to scale. Where the job's
    paintings are enlarged with strokes, each further scale starts from such an enlargement: its
    first ten steps would otherwise make the strokes that a smooth one lacks.

    A fixed number of scales halves the sides each time, down to the smallest that the network can
    see, and takes all steps at each.

    Parameters
    ----------
    job : Job
    height, width : int
        Of the content, in pixels.
    area : float
        Pixels of the last scale; 0 for all that the content has.
    """
    last = working_size(height, width, area)
    pixels = last[0] * last[1]
    if job.scales:
        areas = [pixels / 4**halvings for halvings in range(job.scales - 1, 0, -1)]
    else:
        coarsest = COARSEST_AREA / job.brush_size
        doublings = round(math.log2(max(pixels / coarsest, 1)) / 2)
        areas = [coarsest * (pixels / coarsest) ** (n / doublings) for n in range(doublings)]
    sizes = [working_size(height, width, each) for each in areas]
    sizes = [*(size for size in sizes if min(size) > MIN_SIDE), last]
    if job.scales:
        return [ScalePlan(size, job.iterations) for size in sizes]
    shares = [STEP_SHARES[min(n, len(STEP_SHARES) - 1)] for n in range(len(sizes))]
    steps = [max(round(job.iterations * share), 1) for share in shares]
    plateaus = [PLATEAUS["coarse"]] * (len(sizes) - 1) + [PLATEAUS["last"]]
    factors = [COARSE_CONTENT] * (len(sizes) - 1) + [1.0]
    strokes = [False] + [job.enlargement == "strokes"] * (len(sizes) - 1)
    return [ScalePlan(*each) for each in zip(sizes, steps, plateaus, factors, strokes)]
