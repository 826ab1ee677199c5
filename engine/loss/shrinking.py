"""Evaluators on a graphics card whose tiles shrink each time its memory runs out.

The memory of an evaluation is known only roughly before a run, and other programs use the card,
too. So work that runs out of memory frees what it has, and is repeated with tiles of half as many
pixels.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, TypeVar

import numpy as np

from engine.errors import DeviceMemoryError
from engine.loss.objective import Evaluation, Evaluator, Groups, MakeEvaluator
from engine.loss.tiling import Plan, Tiling, tile_bytes
from engine.translations import _

if TYPE_CHECKING:
    from engine.network import Network

Done = TypeVar("Done")

PROOF_CHANGE = 0.25
"""Root mean square, in units of 0..255, of the change of the picture that tests a gradient."""

PROOF_SHARE = 0.05
"""The most, as a share, by which the losses may then differ from the gradient's prediction."""


def shrunk(tiling: Tiling, layers: tuple[str, ...], on_notice: Callable[[str], None]) -> Tiling:
    """Return tiles of at most half as many pixels, and say so.

    Parameters
    ----------
    tiling : Tiling
        The tiles for which the card's memory is too small.
    layers : tuple of str
        The layers that are used.
    on_notice : callable
        Is called with a sentence.

    Raises
    ------
    DeviceMemoryError
        If half as large tiles would be nearly all margin.
    """
    smaller = Tiling.within(tiling.size, layers, math.prod(tiling.tile) / 2)
    height, width = tiling.tile if smaller is None else smaller.tile
    if smaller is None:
        message = _(
            "The graphics card has not enough memory even for tiles of {width} x {height} pixels."
        )
        raise DeviceMemoryError(message.format(width=width, height=height))
    text = _(
        "The graphics card ran out of memory, so it now works in tiles of {width} x {height} "
        "pixels."
    )
    on_notice(text.format(width=width, height=height))
    return smaller


def by_shrinking_tiles(
    tiling: Tiling,
    layers: tuple[str, ...],
    compute: Callable[[Tiling], Done],
    on_notice: Callable[[str], None],
) -> Done:
    """Compute something by tiles, and again by smaller ones while the card's memory runs out.

    Parameters
    ----------
    tiling : Tiling
        The tiles to begin with.
    layers, on_notice
        As for `shrunk`.
    compute : callable
        Takes tiles, and returns the result.

    Raises
    ------
    DeviceMemoryError
        If the smallest tiles do not fit.
    """
    while True:
        try:
            return compute(tiling)
        except DeviceMemoryError:
            pass  # at its end the error is gone, and with it all that its traceback holds
        gc.collect()
        tiling = shrunk(tiling, layers, on_notice)


@dataclass
class TileLimit:
    """The largest tile for which a card's memory is known to be enough.

    Attributes
    ----------
    pixels : float
        Infinity until the memory has run out.
    """

    pixels: float = math.inf


@contextmanager
def shrinking_evaluators(
    network: Network,
    make: Callable[[Plan], MakeEvaluator],
    plan: Plan,
    layers: tuple[str, ...],
    limit: TileLimit,
    on_notice: Callable[[str], None],
) -> Iterator[MakeEvaluator]:
    """Provide the evaluators of one picture size; on a card their tiles shrink where they have to.

    Parameters
    ----------
    network : Network
        On a card, what `Network.with_room` does in this context makes tiles shrink, too.
    make, plan, layers, on_notice
        As for `ShrinkingEvaluators`.
    limit : TileLimit
        The limit found at earlier picture sizes; it falls when the tiles shrink.
    """
    if network.losses != "card":
        yield make(plan)
        return
    if math.prod(plan.tiling.tile) > limit.pixels:
        smaller = Tiling.within(plan.tiling.size, layers, limit.pixels)
        plan = plan if smaller is None else _plan(smaller, layers, network)
    found = ShrinkingEvaluators(network, make, plan, layers, on_notice)
    with network.relieved_by(found.give_way):
        yield found
    if found.plan is not plan:
        limit.pixels = math.prod(found.plan.tiling.tile)


def _plan(tiling: Tiling, layers: tuple[str, ...], network: Network) -> Plan:
    """Return the plan that keeps no tile's activations."""
    taken = math.prod(tiling.tile) * tile_bytes(layers, network.pooling, network.forms)
    return Plan(tiling, 0, math.ceil(taken))


class ShrinkingEvaluators:
    """The evaluators of one picture size on a card.

    They share the card's sessions, and give them up together for those of smaller tiles.

    Parameters
    ----------
    network : Network
    make : callable
        From a plan to what makes evaluators, as `tiles.evaluator_maker` returns it.
    plan : Plan
        The first one.
    layers : tuple of str
        The layers of all terms.
    on_notice : callable
        Is called with a sentence each time the tiles shrink.

    Attributes
    ----------
    plan : Plan
        The one in use.
    """

    def __init__(
        self,
        network: Network,
        make: Callable[[Plan], MakeEvaluator],
        plan: Plan,
        layers: tuple[str, ...],
        on_notice: Callable[[str], None],
    ) -> None:
        self._network = network
        self._make = make
        self.plan = plan
        self._layers = layers
        self._on_notice = on_notice
        self._made: MakeEvaluator | None = None
        self._evaluators: list[_ShrinkingEvaluator] = []

    def __call__(self, groups: Groups) -> Evaluator:
        """Return the evaluator of some groups, which takes the card's memory when it is called."""
        self._evaluators.append(_ShrinkingEvaluator(self, groups))
        return self._evaluators[-1]

    def evaluator(self, groups: Groups) -> Evaluator:
        """Return the evaluator of some groups with the plan in use.

        Raises
        ------
        DeviceMemoryError
            If the card has not enough memory for it.
        """
        if self._made is None:
            self._made = self._make(self.plan)
        return self._made(groups)

    @property
    def silent(self) -> bool:
        """Return whether a lack of memory may raise nothing."""
        return self._network.entry.silent

    def shrink(self) -> None:
        """Free the card's memory, and plan the next evaluation with smaller tiles.

        Raises
        ------
        DeviceMemoryError
            If the tiles are the smallest ones.
        """
        self._made = None
        for each in self._evaluators:
            each.free()
        gc.collect()
        tiling = shrunk(self.plan.tiling, self._layers, self._on_notice)
        self.plan = _plan(tiling, self._layers, self._network)

    def give_way(self, sentence: str) -> None:
        """Free memory for something on the card that cannot be made smaller, as `shrink` does.

        Parameters
        ----------
        sentence : str
            What is said if nothing can be freed.

        Raises
        ------
        DeviceMemoryError
            If the evaluators have no memory, or only that of the smallest tiles.
        """
        if self._made is None:
            raise DeviceMemoryError(sentence)
        self.shrink()


class _ShrinkingEvaluator:
    """The evaluator of some groups; an evaluation that runs out of memory starts again.

    Parameters
    ----------
    shared : ShrinkingEvaluators
    groups : sequence of sequence of Term
    """

    def __init__(self, shared: ShrinkingEvaluators, groups: Groups) -> None:
        self._shared = shared
        self._groups = groups
        self._evaluator: Evaluator | None = None

    def free(self) -> None:
        """Free the card's memory until the next evaluation."""
        self._evaluator = None

    def __call__(self, picture: np.ndarray) -> Iterator[Evaluation]:
        """Evaluate each group."""
        given = 0
        while True:
            try:
                for index, evaluation in enumerate(self._ready(picture)(picture)):
                    if index >= given:
                        given += 1
                        yield evaluation
                return
            except DeviceMemoryError:
                pass  # at its end the error is gone, and with it all that its traceback holds
            self._shared.shrink()

    def _ready(self, picture: np.ndarray) -> Evaluator:
        """Return the evaluator in use; a new one is tested first."""
        if self._evaluator is None:
            evaluator = self._shared.evaluator(self._groups)
            if self._shared.silent and not is_consistent(evaluator, picture):
                raise DeviceMemoryError
            self._evaluator = evaluator
        return self._evaluator


def is_consistent(evaluator: Evaluator, picture: np.ndarray) -> bool:
    """Return whether the losses of all groups change with the picture as their gradients predict.

    They do not if a part of the network was not computed. The test takes three evaluations.

    Parameters
    ----------
    evaluator : Evaluator
    picture : ndarray, shape (3, height, width)
    """
    found = [(each.loss, each.gradient.astype(np.float64)) for each in evaluator(picture)]
    way = np.zeros(picture.shape)
    for _loss, gradient in found:
        way += gradient / (np.linalg.norm(gradient) or 1)
    way *= PROOF_CHANGE * np.sqrt(picture.size) / (np.linalg.norm(way) or 1)
    ahead, back = (
        [each.loss for each in evaluator((picture + sign * way).astype(np.float32))]
        for sign in (1, -1)
    )
    for (loss, gradient), after, before in zip(found, ahead, back):
        if not gradient.any():
            if loss:
                return False
            continue
        error = abs((after - before) / 2 - float(np.vdot(gradient, way)))
        most = PROOF_SHARE * np.linalg.norm(gradient) * np.linalg.norm(way)
        if not bool(error <= most):  # also where one of them is not a number
            return False
    return True
