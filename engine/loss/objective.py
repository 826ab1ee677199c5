"""Objectives: from a picture to its loss and gradient, for an optimizer.

An evaluator computes losses and gradients of groups of terms, an objective says which groups there
are and how they are joined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Callable, NamedTuple, Protocol, cast

import numpy as np

from engine.loss.make_terms import (
    ScaleInputs,
    all_terms,
    common_terms,
    style_terms,
)
from engine.loss.terms import LayerTerm, Part, PictureTerm, Term

if TYPE_CHECKING:
    from engine.loss.blocks import BlockedLosses
    from engine.network import DifferentiableNetwork


class Evaluation(NamedTuple):
    """One loss and gradient.

    Attributes
    ----------
    loss : float
    gradient : ndarray, shape (3, height, width)
        float32; valid until the next evaluation.
    parts : dict of Part to float
        The weighted loss, part by part.
    """

    loss: float
    gradient: np.ndarray
    parts: dict[Part, float]


Objective = Callable[[np.ndarray], Evaluation]
"""Function from a picture, shape (3, height, width), R, G, B from 0 to 255, to its evaluation."""

Groups = Sequence[Sequence[Term]]


class Evaluator(Protocol):
    """The losses and gradients of groups of terms."""

    def __call__(self, picture: np.ndarray) -> Iterator[Evaluation]:
        """Evaluate each group; a gradient is valid until the next one is taken."""


MakeEvaluator = Callable[[Groups], Evaluator]
"""Makes an evaluator of one scale for the groups of an objective."""


class BlockEvaluator:
    """The evaluator in numpy, of a whole picture at once, block by block.

    Parameters
    ----------
    network : DifferentiableNetwork
        For the picture's size, with the layers of all terms.
    groups : sequence of sequence of Term
    losses : BlockedLosses
    """

    def __init__(
        self, network: DifferentiableNetwork, groups: Groups, losses: BlockedLosses
    ) -> None:
        self._network = network
        self._groups = [split_terms(group) for group in groups]
        self._losses = losses
        self._out = network.gradient_arrays()

    def __call__(self, picture: np.ndarray) -> Iterator[Evaluation]:
        """Evaluate each group."""
        features = self._network.forward(picture)
        for layer_terms, picture_terms in self._groups:
            parts: dict[Part, float] = defaultdict(float)
            slopes = []
            for term, sums in zip(layer_terms, self._losses.sums(features, layer_terms)):
                value, slope = term.loss(sums)
                parts[term.part] += value
                slopes.append(slope)
            self._losses.gradients(features, layer_terms, slopes, self._out)
            gradient = self._network.backward(self._out)
            yield with_picture_terms(picture, parts, gradient, picture_terms)


def split_terms(group: Sequence[Term]) -> tuple[list[LayerTerm], list[PictureTerm]]:
    """Split terms into those of layers and those of the picture."""
    of_layers = [term for term in group if hasattr(term, "layer")]
    of_picture = [term for term in group if not hasattr(term, "layer")]
    return cast("list[LayerTerm]", of_layers), of_picture


def with_picture_terms(
    picture: np.ndarray,
    parts: dict[Part, float],
    gradient: np.ndarray,
    terms: Sequence[PictureTerm],
) -> Evaluation:
    """Return the evaluation of layer terms with the terms of the picture itself added.

    Parts and gradient are changed in place.
    """
    for term in terms:
        parts[term.part] += term.add_gradient(picture, gradient)
    return Evaluation(sum(parts.values()), gradient, dict(parts))


def _joint(inputs: ScaleInputs, make: MakeEvaluator) -> list[Objective]:
    """Return the total loss of all terms."""
    return [_single(make([all_terms(inputs)]))]


def _each_region(inputs: ScaleInputs, make: MakeEvaluator) -> list[Objective]:
    """Return one objective for each region: its style, and the terms of no style."""
    common = common_terms(inputs)
    return [_single(make([[*styles, *common]])) for styles in styles_by_region(inputs)]


def _masked_gradients(inputs: ScaleInputs, make: MakeEvaluator) -> list[Objective]:
    """Return gradient masking (section 4.1): each style's own picture gradient, times its mask."""
    return [masked_gradients(inputs, make, styles_by_region(inputs))]


def masked_gradients(
    inputs: ScaleInputs, make: MakeEvaluator, styles: Sequence[Sequence[Term]]
) -> Objective:
    """Return the sum of picture gradients, each multiplied by its region's mask.

    The gradient of the terms without a style is not masked. The result is not the gradient of any
    function, so it suits Adam but no line search.

    Parameters
    ----------
    inputs : ScaleInputs
    make : callable
    styles : sequence of sequence of Term
        Each region's terms.
    """
    evaluator = make([common_terms(inputs), *styles])

    def evaluate(picture: np.ndarray) -> Evaluation:
        evaluations = evaluator(picture)
        loss, gradient, parts = next(evaluations)
        gradient = gradient.copy()
        for evaluation, mask in zip(evaluations, inputs.masks):
            loss += evaluation.loss
            gradient += mask * evaluation.gradient
            parts.update(evaluation.parts)
        return Evaluation(loss, gradient, parts)

    return evaluate


def styles_by_region(inputs: ScaleInputs) -> list[list[Term]]:
    """Return the style terms, region by region."""
    terms = style_terms(inputs)
    return [
        [term for term in terms if term.part.region == region]
        for region in range(len(inputs.regions))
    ]


def _single(evaluator: Evaluator) -> Objective:
    return lambda picture: next(iter(evaluator(picture)))


OBJECTIVES: dict[str, Callable[[ScaleInputs, MakeEvaluator], list[Objective]]] = {
    "joint": _joint,
    "each region": _each_region,
    "masked gradients": _masked_gradients,
}
"""Everything that can be minimized or followed; the names are those of `methods.Method.objective`.
Each makes one objective for every picture that the method paints."""
