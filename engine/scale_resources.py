"""Resources of a scale: the tiles and the optimizer that fit into the memory that there is.

Memory is counted in bytes per pixel, measured on whole runs (tests/bench/peak_memory.py compares
the estimate with the peak).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from engine.job import Job, JobError
from engine.loss.compact import COMPACT_POSITIONS
from engine.loss.make_terms import layers_of
from engine.loss.terms import STRIP_PIXELS
from engine.loss.tiling import LARGEST_TILE, Plan, Tiling, choose_plan, tile_bytes, whole_bytes
from engine.optimizer_choice import choose_optimizer, record_bytes
from engine.optimizers import Lbfgs32, MakeSearch, Optimizer
from engine.schedule import EVALUATIONS_PER_STEP, LEAST_WORK, ScalePlan
from engine.translations import _, number_text
from models.forms import Forms
from models.vgg16 import CHANNELS, receptive_field

if TYPE_CHECKING:
    from engine.methods import Method
    from engine.run_shape import RunShape

MASK_BYTES = 4
"""Per pixel and mask, at the working size."""

PICTURE_BYTES = 28
"""Per pixel of the working size: the content and the gradient, and 4 for what the C library cannot
give back; with 24 the estimate of 12 megapixels in 3 GB was 1.4 % below the peak."""

SHARED_BYTES = 6
"""Per pixel of the working size that several guidances share; without it the estimate of 12
megapixels with two regions in 3 GB was 1.6 % below the peak on a processor with AVX2."""

START_BYTES = 12
"""Per pixel of the working size, for the picture that an optimizer begins with."""

GRAIN_BYTES = 4
"""Per pixel and region of the working size, for the finest texture."""

STRIP_BYTES = 52
"""Per pixel of a strip whose differences are taken, at most `STRIP_PIXELS`."""

LAYER_SHARES = tuple(1 / receptive_field(f"conv{block}_1")[1] ** 2 for block in range(1, 6))
"""Positions of a layer of each block per pixel."""

WHOLE_BYTES = 92
"""Per pixel of a picture in one piece with the float32 L-BFGS: what onnxruntime and the C library
keep between evaluations; measured. SciPy's L-BFGS-B counts more than it takes."""

CARD_BYTES = 5300
"""Per pixel, of a graphics card: 4,200 with full float32 products, 5,200 with rounded ones,
measured at sides of 512 to 4,096 pixels."""

SMALLEST_TILE = 384 * 384
"""Pixels of the smallest tile; more than half of it is margin."""

COMFORTABLE_TILE = 1024 * 1024
"""Pixels of a tile of which a quarter is margin. The optimizer takes less memory where tiles would
otherwise be smaller."""

CONTENT_TARGET = 0.3
"""Time of a scale's content targets, as a share of an evaluation."""


class DoesNotFitError(JobError):
    """A size that does not fit into the memory.

    Parameters
    ----------
    message : str
    missing : float
        The bytes of memory that are missing.
    """

    def __init__(self, message: str, missing: float) -> None:
        super().__init__(message)
        self.missing = missing

    @classmethod
    def of_size(cls, message: str, size: tuple[int, int], missing: float) -> DoesNotFitError:
        """Return the error for a height and width; the message has placeholders for the figures."""
        height, width = size
        gigabytes = number_text(max(missing / 1e9, 0.1), ".1f")
        return cls(message.format(width=width, height=height, gigabytes=gigabytes), missing)


@dataclass(frozen=True)
class Card:
    """A graphics card.

    Attributes
    ----------
    free : float
        Bytes of its memory; infinity where that is not known.
    search : callable
        Makes an L-BFGS that keeps its vectors there, as `optimizers.Lbfgs32` takes it.
    """

    free: float
    search: MakeSearch


@dataclass(frozen=True)
class ScaleResources:
    """The means with which one scale is painted.

    Attributes
    ----------
    plan : ScalePlan
    evaluation : Plan
        How its picture is evaluated: whole or by tiles.
    optimizer : Optimizer
    keeps_content : bool
        Whether the content's features are kept; else they are computed at every evaluation.
    """

    plan: ScalePlan
    evaluation: Plan
    optimizer: Optimizer
    keeps_content: bool

    @property
    def record_bytes(self) -> int:
        """The bytes of a record of the evaluations that are expected."""
        return int(record_bytes(self.plan.pixels, self.plan.steps * EVALUATIONS_PER_STEP))

    @property
    def work(self) -> float:
        """The time of one evaluation, in evaluations of a pixel in one piece."""
        cost = self.evaluation.cost if self.keeps_content else _cost_with_content(self.evaluation)
        return self.plan.pixels * cost + LEAST_WORK


def scale_resources(
    job: Job,
    method: Method,
    shape: RunShape,
    plan: ScalePlan,
    room: float,
    card: Card | None,
    forms: Forms,
) -> tuple[ScaleResources, float]:
    """Choose what a scale is painted with.

    Parameters
    ----------
    job : Job
    method : Method
    shape : RunShape
    plan : ScalePlan
    room : float
        Bytes that the scale may take.
    card : Card or None
    forms : Forms
        How each kind of convolution is computed.

    Returns
    -------
    ScaleResources
    float
        The bytes that it takes.

    Raises
    ------
    DoesNotFitError
        If not even the smallest tile fits.
    """
    layers = tuple(dict.fromkeys(sum(layers_of(job), ())))
    regions, pictures = len(shape.styles), method.pictures(len(shape.styles))
    working: float = plan.pixels * (
        PICTURE_BYTES
        + START_BYTES
        + 12 * (pictures - 1)
        + MASK_BYTES * (regions + shape.protect)
        + GRAIN_BYTES * regions * bool(job.grain)
    )
    working += STRIP_BYTES * min(plan.pixels, STRIP_PIXELS)
    guidances = count_guidances(job, method, regions)
    working += _guidance_bytes(plan.pixels, guidances, regions)
    working += plan.pixels * SHARED_BYTES * (guidances > 1)
    working += _guidance_bytes(plan.pixels, 2 * shape.protect, 2)
    features = plan.pixels * _content_bytes(job)
    keeps_content = working + features < room / 4
    if keeps_content:
        working += features
    per_pixel = tile_bytes(layers, job.pooling, forms)
    untiled = whole_bytes(plan.size, layers, job.pooling, forms)
    # Beside a picture in one piece: its features, and what stays between evaluations.
    beside = plan.pixels * WHOLE_BYTES + (0 if keeps_content else features)
    # Smaller pictures are not cut.
    least = SMALLEST_TILE * per_pixel if plan.pixels > SMALLEST_TILE else untiled + beside
    comfortable = min(plan.pixels, COMFORTABLE_TILE) * per_pixel
    optimizer = choose_optimizer(
        job,
        method,
        plan.pixels,
        max(int(room - working - least), 1),
        card.search if card else None,
        plan.steps,
        max(int(room - working - comfortable), 1),
        int(max(room - working - untiled - beside, 1)),
    )
    working += plan.pixels * optimizer.bytes_per_pixel
    if isinstance(optimizer, Lbfgs32):
        working -= plan.pixels * START_BYTES  # its best picture lies there
    if working + least > room:
        message = _(
            "Painting {width} x {height} pixels needs {gigabytes} GB more memory than is "
            "available; choose a smaller size."
        )
        if job.memory:
            message = _(
                "Painting {width} x {height} pixels needs {gigabytes} GB more memory than is "
                "available; choose a smaller size or raise --memory."
            )
        raise DoesNotFitError.of_size(message, plan.size, working + least - room)
    if card is not None and plan.pixels * CARD_BYTES <= card.free:
        whole = Plan(Tiling.of(plan.size, layers, (1, 1)), 0, 0)
        return ScaleResources(plan, whole, optimizer, True), working
    memory = room - working
    if card is not None:
        # Tiles on a card pass through the processor's memory.
        share = card.free / CARD_BYTES * per_pixel
        memory = max(min(memory, share), least)  # which shrinks where even that is too much
    # A card computes features sooner than they come to the processor's memory.
    keeps = card is None
    largest = LARGEST_TILE if card is None else math.inf
    choose = partial(
        choose_plan, plan.size, layers, pooling=job.pooling, forms=forms, largest=largest
    )
    if not isinstance(optimizer, Lbfgs32):
        beside -= plan.pixels * WHOLE_BYTES
    if untiled + beside <= memory:
        return ScaleResources(plan, choose(untiled), optimizer, True), working + beside + untiled
    in_tiles = min(memory, untiled - 1)
    evaluation = choose(in_tiles, keeps=keeps)
    if keeps and not keeps_content and memory - features > least:
        with_content = choose(min(in_tiles, memory - features))
        if with_content.cost < _cost_with_content(evaluation):
            evaluation, keeps_content = with_content, True
            working += features
    return ScaleResources(plan, evaluation, optimizer, keeps_content), working + evaluation.bytes


def _cost_with_content(evaluation: Plan) -> float:
    """Return the time of an evaluation and the content's features, in evaluations in one piece."""
    return evaluation.cost + CONTENT_TARGET * evaluation.tiling.overhead


def _guidance_bytes(pixels: int, guidances: int, regions: int) -> float:
    """Return the bytes of so many guidances at five layers."""
    total = 0.0
    for share in LAYER_SHARES:
        positions = pixels * share
        # Few bands overlap at a position, and `compact` leaves out those that are 0.
        dense = min(guidances, regions + 1) if positions >= COMPACT_POSITIONS else guidances
        total += 4 * positions * dense
    return total


def count_guidances(job: Job, method: Method, regions: int) -> int:
    """Return how many guidances a layer has at most, with so many regions."""
    if not method.masks_layers:
        return 1
    if method.style_terms != "banded":
        return regions
    return math.comb(job.bands - 1 + regions, regions)


def _content_bytes(job: Job) -> float:
    """Return the bytes per pixel of the content's features."""
    contents, _ = layers_of(job)
    return sum(4 * CHANNELS[layer] / receptive_field(layer)[1] ** 2 for layer in contents)
