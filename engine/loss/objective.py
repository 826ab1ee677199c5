"""From a picture to its loss and gradient: joins the network, the losses and the regions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.loss.blocks import BlockedLosses, LayerGuidance
from engine.loss.definition import gram_loss, total_variation

if TYPE_CHECKING:
    from engine.network import DifferentiableNetwork


@dataclass(frozen=True)
class StyleTerm:
    """One masked Gram loss at one layer.

    Attributes
    ----------
    layer : str
    mask : LayerGuidance
        The guidance, M positions; it is not 0 everywhere.
    target : ndarray, shape (N, N)
        The Gram matrix to reach.
    weight : float
        The region's weight times the layer's weight.
    region : int
        Whose term it is.
    """

    layer: str
    mask: LayerGuidance
    target: np.ndarray
    weight: float
    region: int


@dataclass(frozen=True)
class ContentTerm:
    """The content loss at one layer.

    Attributes
    ----------
    layer : str
    target : ndarray, shape (N, M)
        The content's features.
    weight : float
    keep : ndarray, shape (M,), or None
        How many times each position counts, float32; None for once.
    """

    layer: str
    target: np.ndarray
    weight: float
    keep: np.ndarray | None = None


class Evaluation(NamedTuple):
    """One loss and gradient.

    Attributes
    ----------
    loss : float
    gradient : ndarray, shape (3, height, width)
        float32.
    parts : dict of str to float
        The loss term by term, weighted: 'content', 'tv', and 'style 0', 'style 1', ... by region.
    """

    loss: float
    gradient: np.ndarray
    parts: dict[str, float]


class Objective:
    """The total loss of equation 6, ``alpha content + beta style + gamma tv``.

    Parameters
    ----------
    network : DifferentiableNetwork
        For the picture's size, with the layers of all terms.
    contents : sequence of ContentTerm
    styles : sequence of StyleTerm
    tv : float
        Weight of the total variation.
    sums : BlockedLosses
    """

    def __init__(
        self,
        network: DifferentiableNetwork,
        contents: Sequence[ContentTerm],
        styles: Sequence[StyleTerm],
        tv: float,
        sums: BlockedLosses,
    ) -> None:
        self._network = network
        self._contents = {term.layer: (term.target, term.weight, term.keep) for term in contents}
        self._styles: dict[str, list[StyleTerm]] = defaultdict(list)
        for term in styles:
            self._styles[term.layer].append(term)
        self._tv = tv
        self._sums = sums
        self._out = network.gradient_arrays()

    def __call__(self, picture: np.ndarray) -> Evaluation:
        """Evaluate a picture, shape (3, height, width), R, G, B from 0 to 255."""
        return self.from_features(self._network.forward(picture), picture)

    def from_features(self, features: dict[str, np.ndarray], picture: np.ndarray) -> Evaluation:
        """Evaluate a picture whose features the network has just computed."""
        parts, pairs = self._style_losses(features)
        squares = self._sums.feature_gradients(features, pairs, self._contents, self._out)
        for layer, value in squares.items():
            parts["content"] += self._contents[layer][1] * value
        gradient = self._network.backward(self._out)
        if self._tv:
            value, slope = total_variation(picture)
            parts["tv"] = self._tv * value
            gradient = gradient + np.float32(self._tv) * slope
        return Evaluation(sum(parts.values()), gradient, dict(parts))

    def _style_losses(
        self, features: dict[str, np.ndarray]
    ) -> tuple[dict[str, float], dict[str, list[tuple[np.ndarray, LayerGuidance]]]]:
        """Return the losses by part, and each layer's weighted matrices D with their masks."""
        masks = {layer: [term.mask for term in terms] for layer, terms in self._styles.items()}
        grams = self._sums.masked_grams(features, masks)
        parts: dict[str, float] = defaultdict(float)
        pairs: dict[str, list[tuple[np.ndarray, LayerGuidance]]] = {}
        for layer, terms in self._styles.items():
            pairs[layer] = []
            for term, gram in zip(terms, grams[layer]):
                value, D = gram_loss(gram, term.target, term.mask.area)
                parts[f"style {term.region}"] += term.weight * value
                D *= np.float32(term.weight)
                pairs[layer].append((D, term.mask))
        return parts, pairs


class MaskedGradient:
    """Gradient masking (section 4.1): each style's own picture gradient, times its mask.

    The styles' losses are unmasked; the content's gradient is not masked. The field that comes out
    is no function's gradient, so it suits Adam and no line search.

    Parameters
    ----------
    network : DifferentiableNetwork
        The network of all the objectives.
    plain : Objective
        Content and total variation alone.
    styles : sequence of (Objective, ndarray)
        Each style's loss alone, and its mask at picture size, shape (height, width).
    """

    def __init__(
        self,
        network: DifferentiableNetwork,
        plain: Objective,
        styles: Sequence[tuple[Objective, np.ndarray]],
    ) -> None:
        self._network = network
        self._plain = plain
        self._styles = styles

    def __call__(self, picture: np.ndarray) -> Evaluation:
        """Return the unmasked losses' sum, and the masked gradients' sum."""
        features = self._network.forward(picture)
        loss, gradient, parts = self._plain.from_features(features, picture)
        gradient = gradient.copy()
        for objective, mask in self._styles:
            evaluation = objective.from_features(features, picture)
            loss += evaluation.loss
            gradient += mask * evaluation.gradient
            parts.update(evaluation.parts)
        return Evaluation(loss, gradient, parts)
