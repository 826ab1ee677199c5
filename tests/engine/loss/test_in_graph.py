"""The evaluator in the graph against the definition in numpy, both on the processor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from engine.loss.blocks import BlockedLosses
from engine.loss.compact import CompactValues
from engine.loss.definition import (
    content_loss,
    masked_gram,
    masked_mean,
    moments_loss,
    style_loss,
    total_variation,
)
from engine.loss.grain import GrainTerm, variograms
from engine.loss.in_graph import GraphEvaluator
from engine.loss.make_terms import ScaleInputs, layers_of
from engine.loss.objective import OBJECTIVES, BlockEvaluator
from engine.loss.targets import compute_targets
from engine.loss.terms import (
    ContentTerm,
    LayerGuidance,
    MomentsTerm,
    SmoothingTerm,
    StyleTerm,
    Term,
)
from engine.methods import METHODS
from engine.network import DifferentiableNetwork, Network
from models.kernels import Kernels
from models.vgg16 import layer_size
from tests.engine.loss import test_objective as scenes

SIZE = (37, 50)
"""Odd, so that the poolings drop a row."""

LAYERS = ("conv1_1", "conv2_2", "conv4_1", "conv3_2")

pytestmark = pytest.mark.usefixtures("sessions_kept")


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (3, *SIZE)).astype(np.float32)


def values(layer: str, seed: int) -> np.ndarray:
    """Make a guidance with a part that is 0 and a part that is 1."""
    rows, columns = layer_size(layer, *SIZE)
    found = np.random.default_rng(seed).uniform(-0.5, 1.5, rows * columns)
    return np.clip(found, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def network(kernels: Kernels) -> Network:
    return Network(kernels, device="cpu", threads=2)


@pytest.fixture(scope="module")
def sized(network: Network) -> DifferentiableNetwork:
    return network.differentiable(*SIZE, LAYERS)


@pytest.fixture(scope="module")
def features(network: Network) -> dict[str, np.ndarray]:
    return network.features(picture(1), LAYERS)


def style(features: dict[str, np.ndarray], layer: str, seed: int, weight: float) -> StyleTerm:
    own = values(layer, seed)
    target = masked_gram(features[layer], own)
    return StyleTerm(layer, LayerGuidance.of(values(layer, seed + 1)), weight, seed % 3, target)


def content(features: dict[str, np.ndarray], layer: str, *, protected: bool) -> ContentTerm:
    target = features[layer]
    factors = 1 + 3 * values(layer, 9) if protected else None
    return ContentTerm(layer, target, 0.02, target.shape[1], factors)


def close(found: np.ndarray, expected: np.ndarray, limit: float = 1e-5) -> bool:
    return bool(np.linalg.norm(found - expected) <= limit * np.linalg.norm(expected))


def test_every_kind_of_term_is_the_definition(
    sized: DifferentiableNetwork, features: dict[str, np.ndarray]
) -> None:
    whole = np.ones(features["conv4_1"].shape[1], np.float32)
    styles = [
        style(features, "conv1_1", 3, 0.5),
        style(features, "conv2_2", 4, 2.0),
        style(features, "conv2_2", 5, 1.0),
        style(features, "conv2_2", 7, 0.25),
        StyleTerm(
            "conv4_1", LayerGuidance.of(whole), 1.5, 0, masked_gram(features["conv4_1"], whole)
        ),
    ]
    # As the guidance of large pictures is kept.
    compact = CompactValues.of(values("conv2_2", 6))
    styles[2] = replace(styles[2], guidance=replace(styles[2].guidance, values=compact))
    contents = [
        content(features, "conv3_2", protected=True),
        content(features, "conv2_2", protected=False),
    ]
    random = np.random.default_rng(12)

    def moments(layer: str, guidance: LayerGuidance, region: int) -> MomentsTerm:
        F = features[layer] * random.uniform(0.5, 1.5, (len(features[layer]), 1))
        everywhere = np.ones(F.shape[1])
        gram, mean = masked_gram(F, everywhere), masked_mean(F, everywhere)
        single = gram.astype(np.float32), mean.astype(np.float32)
        return MomentsTerm(layer, guidance, 0.4, region, *single)

    of_moments = [moments(styles[n].layer, styles[n].guidance, n % 3) for n in (1, 2, 4)]
    # Alone at its layer, without a guidance.
    everywhere = LayerGuidance.of(np.ones(features["conv3_2"].shape[1]))
    of_moments.append(moments("conv3_2", everywhere, 0))
    texture = variograms(picture(13), np.ones(SIZE))
    assert texture is not None
    soft = random.uniform(0, 1, SIZE).astype(np.float32)
    grains = [
        GrainTerm.of(np.ones(SIZE, np.float32), texture, 2e10, 0),
        GrainTerm.of(soft, 2 * texture, 3e10, 2),
    ]
    evaluator = GraphEvaluator(
        sized, [[*styles, *of_moments, *contents, *grains, SmoothingTerm(7.0)]]
    )
    for seed in (10, 11):  # the second picture finds nothing of the first one
        x = picture(seed)
        found = next(evaluator(x))
        F = {layer: value.astype(np.float64) for layer, value in sized.features().items()}
        slopes = {layer: np.zeros_like(value) for layer, value in F.items()}
        parts: dict[str, float] = {}
        for term in styles:
            value, slope = style_loss(F[term.layer], np.asarray(term.guidance.values), term.target)
            slopes[term.layer] += term.weight * slope
            name = f"style {term.region}"
            parts[name] = parts.get(name, 0.0) + term.weight * value
        for made in of_moments:
            T, x_of = np.asarray(made.guidance.values, np.float64), F[made.layer]
            G, m = masked_gram(x_of, T), masked_mean(x_of, T)
            exact = made.gram.astype(np.float64), made.mean.astype(np.float64)
            value, D, d = moments_loss(G, m, *exact, made.guidance.area)
            slopes[made.layer] += made.weight * (D @ x_of + d[:, None]) * T / T.size
            name = f"style {made.region}"
            parts[name] = parts.get(name, 0.0) + made.weight * value
        for each in contents:
            assert each.target is not None
            value, slope = content_loss(F[each.layer], each.target, each.protect)
            slopes[each.layer] += each.weight * slope
            parts["content"] = parts.get("content", 0.0) + each.weight * value
        value, smoothing = total_variation(x.astype(np.float64))
        parts["smoothing"] = 7.0 * value
        for layer, slope in slopes.items():
            assert close(sized.read(f"d_{layer}").reshape(slope.shape), slope)
        of_grain = np.zeros(x.shape)
        for grain in grains:
            name = f"style {grain.region}"
            amount = grain.add_gradient(x.astype(np.float64), of_grain)
            parts[name] = parts.get(name, 0.0) + amount
        expected = sized.backward(slopes) + 7.0 * smoothing
        assert np.linalg.norm(of_grain) > 0.1 * np.linalg.norm(expected)
        expected = expected + of_grain
        assert close(found.gradient, expected)
        assert {str(part) for part in found.parts} == set(parts)
        for part, amount in found.parts.items():
            np.testing.assert_allclose(amount, parts[str(part)], rtol=1e-5)
        np.testing.assert_allclose(found.loss, sum(parts.values()), rtol=1e-5)


def test_groups_share_a_picture_and_nothing_else(
    sized: DifferentiableNetwork, features: dict[str, np.ndarray]
) -> None:
    groups: list[list[Term]] = [
        [content(features, "conv3_2", protected=False), SmoothingTerm(3.0)],
        [style(features, "conv1_1", 3, 0.5)],
        [style(features, "conv4_1", 4, 0.5), style(features, "conv1_1", 5, 1.0)],
        [SmoothingTerm(3.0)],
        [],
    ]
    x = picture(10)
    together = [
        (each.loss, each.gradient.copy(), each.parts) for each in GraphEvaluator(sized, groups)(x)
    ]
    assert len(together) == len(groups)
    for group, (loss, gradient, parts) in zip(groups, together):
        alone = next(GraphEvaluator(sized, [group])(x))
        assert (loss, parts) == (alone.loss, alone.parts)
        np.testing.assert_array_equal(gradient, alone.gradient)
    assert together[-1][0] == 0
    assert not together[-1][1].any()


@pytest.fixture(scope="module")
def losses() -> Iterator[BlockedLosses]:
    with BlockedLosses(2) as made:
        yield made


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("protected", [False, True])
def test_every_method_is_evaluated_as_in_numpy(
    network: Network, losses: BlockedLosses, method: str, protected: bool
) -> None:
    """Bands, masks, region weights and smoothing, as a painting makes its objectives."""
    job = replace(scenes.BASE, method=method)
    regions = scenes.loaded(scenes.LOOSE)
    masks = [region.mask.whole() for region in regions]
    protect = scenes.BLOCK if protected else None
    targets = compute_targets(
        job, network, scenes.CONTENT, regions, lambda index: None, lambda text: None, protect
    )
    inputs = ScaleInputs(
        job, METHODS[method], scenes.SIZE, regions, masks, targets, lambda text: None
    )
    layers = tuple(dict.fromkeys(sum(layers_of(job), ())))
    sized = network.differentiable(*scenes.SIZE, layers)
    make = OBJECTIVES[METHODS[method].objective]
    pairs = zip(
        make(inputs, lambda groups: BlockEvaluator(sized, groups, losses)),
        make(inputs, lambda groups: GraphEvaluator(sized, groups)),
    )
    for blocks, graph in pairs:
        expected = blocks(scenes.PICTURE)
        gradient = expected.gradient.copy()
        found = graph(scenes.PICTURE)
        np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-5)
        assert found.parts.keys() == expected.parts.keys()
        for part, amount in expected.parts.items():
            np.testing.assert_allclose(found.parts[part], amount, rtol=1e-5)
        assert close(found.gradient, gradient)


def test_a_kind_of_term_without_nodes_is_refused(sized: DifferentiableNetwork) -> None:
    class Unknown:
        part = None

    with pytest.raises(TypeError, match="no nodes for Unknown"):
        GraphEvaluator(sized, [[Unknown()]])  # type: ignore[list-item]
