"""Evaluator in the ONNX graph: losses and feature gradients in the memory of a graphics card.

The features never leave the device. Up goes the picture; down come its gradient and a few thousand
numbers, whose sums are the terms of the loss.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from engine.devices import memory_errors
from engine.loss.definition import LAGS
from engine.loss.grain import GrainTerm
from engine.loss.objective import Evaluation
from engine.loss.terms import (
    ContentTerm,
    LayerGuidance,
    MomentsTerm,
    Part,
    SmoothingTerm,
    StyleTerm,
    Term,
)
from models.loss_graph import LayerTerms, loss_graph
from models.picture_graph import picture_graph
from models.vgg16 import layer_size

if TYPE_CHECKING:
    from engine.network import DifferentiableNetwork
    from models.graphs import Graph


class GraphEvaluator:
    """The losses and gradients of groups of terms, evaluated where the network runs.

    The products of the losses are never rounded (TF32), whatever those of the convolutions are.

    Parameters
    ----------
    network : DifferentiableNetwork
        For the picture's size, with the layers of all terms.
    groups : sequence of sequence of Term

    Raises
    ------
    DeviceMemoryError
        Here and when it is called, if the device has not enough memory.
    TypeError
        If it has no nodes for a kind of term.
    """

    def __init__(self, network: DifferentiableNetwork, groups: Sequence[Sequence[Term]]) -> None:
        self._network = network
        self._groups = [_Group(network, group) for group in groups]

    def __call__(self, picture: np.ndarray) -> Iterator[Evaluation]:
        """Evaluate each group for a picture, shape (3, height, width), from 0 to 255."""
        self._network.load(picture)
        for group in self._groups:
            yield group.evaluate()


class _Group:
    """One group of terms, bound to a network's features.

    Parameters
    ----------
    network : DifferentiableNetwork
    terms : sequence of Term
    """

    def __init__(self, network: DifferentiableNetwork, terms: Sequence[Term]) -> None:
        self._network = network
        self._values: dict[str, onnxruntime.OrtValue] = {}
        # For each term in the graph's order: its part of the loss, what the sum of its squares is
        # multiplied by, and how many numbers that sum has.
        self._parts: list[tuple[Part, float, int]] = []
        graph = loss_graph(*network.size, tuple(self._layers(terms)))
        self._squares = np.zeros(graph.outputs.get("squares", (0,)), np.float32)
        self._session = network.network.session(graph)
        self._binding = self._bind(self._session, graph, {"squares": self._squares})
        self._smoothing = [term for term in terms if isinstance(term, SmoothingTerm)]
        self._grains = [term for term in terms if isinstance(term, GrainTerm)]
        if self._smoothing or self._grains:
            self._prepare_picture_terms()

    def evaluate(self) -> Evaluation:
        """Return loss and gradient of the picture that the network has been given last."""
        self._run(self._session, self._binding)
        if self._smoothing or self._grains:
            self._network.propagate()
            self._run(self._of_picture, self._picture_binding)
            gradient = self._gradient[0]
        else:
            gradient = self._network.picture_gradient()
        parts: dict[Part, float] = defaultdict(float)
        start = 0
        for part, factor, count in self._parts:
            total = self._squares[start : start + count].sum(dtype=np.float64)
            parts[part] += factor * float(total)
            start += count
        if self._smoothing or self._grains:
            self._add_picture_terms(parts)
        return Evaluation(sum(parts.values()), gradient, dict(parts))

    def _layers(self, terms: Sequence[Term]) -> Iterator[LayerTerms]:
        """Bring the terms to the device; yield what the graph needs to have at each layer."""
        styles: dict[str, list[StyleTerm]] = defaultdict(list)
        moments: dict[str, list[MomentsTerm]] = defaultdict(list)
        contents: dict[str, list[ContentTerm]] = defaultdict(list)
        for term in terms:
            if isinstance(term, StyleTerm):
                styles[term.layer].append(term)
            elif isinstance(term, MomentsTerm):
                moments[term.layer].append(term)
            elif isinstance(term, ContentTerm):
                contents[term.layer].append(term)
            elif not isinstance(term, (SmoothingTerm, GrainTerm)):
                message = f"the graph has no nodes for {type(term).__name__}"
                raise TypeError(message)
        for layer in self._network.layers:
            guided = tuple(
                self._give_style(f"{layer}.style.{index}", term)
                for index, term in enumerate(styles[layer])
            )
            of_moments = tuple(
                self._give_moments(f"{layer}.moments.{index}", term)
                for index, term in enumerate(moments[layer])
            )
            protected = tuple(
                self._give_content(f"{layer}.content.{index}", term)
                for index, term in enumerate(contents[layer])
            )
            yield LayerTerms(layer, guided, protected, of_moments)

    def _give_style(self, name: str, term: StyleTerm) -> bool:
        """Bring a style term to the device; return whether it needs its guidance there."""
        guidance, channels = term.guidance, len(term.target)
        guided = self._give_guidance(name, guidance)
        self._give(f"{name}.target", term.target)
        # The gradient is D F diag(T) / M with D = weight (G - A) / N^2.
        self._give(f"{name}.slope", term.weight / (channels**2 * guidance.positions))
        factor = term.weight * guidance.area / (4 * channels**2)
        self._parts.append((term.part, factor, channels))
        return guided

    def _give_moments(self, name: str, term: MomentsTerm) -> bool:
        """Bring a moments term to the device; return whether it needs its guidance there."""
        guidance, channels = term.guidance, len(term.mean)
        guided = self._give_guidance(name, guidance)
        gram, mean = term.gram.astype(np.float64), term.mean.astype(np.float64)
        self._give(f"{name}.target", gram - np.outer(mean, mean))
        self._give(f"{name}.means", mean[:, None])
        # The gradient is (D F + d) diag(T) / M, as `definition.moments_loss` has D and d.
        share, power = term.weight / channels**2, float(np.trace(gram))
        self._give(f"{name}.slope", share / guidance.positions)
        self._give(f"{name}.slope_of_means", share * power / guidance.positions)
        self._parts.append((term.part, share * guidance.area / 4, channels))
        self._parts.append((term.part, share * power * guidance.area / 2, channels))
        return guided

    def _give_guidance(self, name: str, guidance: LayerGuidance) -> bool:
        """Bring a guidance to the device, unless it is 1 everywhere; return whether it is there."""
        values = np.asarray(guidance.values)
        guided = not bool((values == 1).all())
        if guided:
            self._give(f"{name}.guidance", values[None])
        self._give(f"{name}.mean", 1 / guidance.total)
        return guided

    def _give_content(self, name: str, term: ContentTerm) -> bool:
        """Bring a content term to the device; return whether it has factors."""
        # Only tiles compute their targets as they go, and the graph takes the whole picture.
        assert term.target is not None
        channels = len(term.target)
        size = layer_size(term.layer, *self._network.size)
        self._give(f"{name}.target", term.target.reshape(1, channels, *size))
        if term.protect is not None:
            self._give(f"{name}.factors", term.protect.reshape(1, 1, *size))
        self._give(f"{name}.slope", term.weight / term.positions)
        self._parts.append((term.part, term.weight / (2 * term.positions), channels))
        return term.protect is not None

    def _give(self, name: str, content: np.ndarray | float) -> None:
        array = np.ascontiguousarray(content, np.float32).reshape(np.shape(content))
        self._values[name] = self._network.network.upload(array)

    def _prepare_picture_terms(self) -> None:
        height, width = self._network.size
        graph = picture_graph(
            height,
            width,
            smoothing=bool(self._smoothing),
            grains=tuple(term.roots is not None for term in self._grains),
            lags=LAGS,
        )
        self._differences = np.zeros(graph.outputs["squares"], np.float32)
        self._gradient = np.zeros(graph.outputs["gradient"], np.float32)
        if self._smoothing:
            weight = sum(term.weight for term in self._smoothing)
            self._give("slope", 2 * weight / (height * width))
        for index, grain in enumerate(self._grains):
            name = f"grain.{index}"
            if grain.roots is not None:
                self._give(f"{name}.roots", grain.roots[None, None])
            self._give(f"{name}.means", np.array([1 / t if t else 0.0 for t in grain.totals]))
            self._give(f"{name}.targets", grain.targets)
            self._give(f"{name}.slopes", grain.slopes)
        self._of_picture = self._network.network.session(graph)
        arrays = {"squares": self._differences, "gradient": self._gradient}
        self._picture_binding = self._bind(self._of_picture, graph, arrays)

    def _add_picture_terms(self, parts: dict[Part, float]) -> None:
        """Add the losses of the terms of the picture itself, from the graph's squares."""
        numbers = self._differences.astype(np.float64)
        if self._smoothing:
            height, width = self._network.size
            for term in self._smoothing:
                parts[term.part] += term.weight / (height * width) * float(numbers[:6].sum())
            numbers = numbers[6:]
        for grain, squares in zip(self._grains, numbers.reshape(-1, len(LAGS), 9)):
            parts[grain.part] += float(grain.factors @ squares.sum(axis=1))

    def _run(self, session: onnxruntime.InferenceSession, binding: onnxruntime.IOBinding) -> None:
        with memory_errors(self._network.network.device):
            session.run_with_iobinding(binding)

    def _bind(
        self, session: onnxruntime.InferenceSession, graph: Graph, arrays: dict[str, np.ndarray]
    ) -> onnxruntime.IOBinding:
        """Bind values in the device's memory, and the outputs named in `arrays` to these."""
        values = {**self._network.values, **self._values}
        for name, array in arrays.items():
            values[name] = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        binding = session.io_binding()
        for name in graph.inputs:
            binding.bind_ortvalue_input(name, values[name])
        for name in graph.outputs:
            binding.bind_ortvalue_output(name, values[name])
        return binding
