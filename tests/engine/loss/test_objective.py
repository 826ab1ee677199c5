"""The whole loss and its gradient, for every method, as an optimizer gets it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Callable

import numpy as np
import pytest

from engine.job import POOLINGS, PROPAGATIONS, Job
from engine.loss import make_terms
from engine.loss.blocks import BlockedLosses
from engine.loss.make_terms import ScaleInputs, layers_of
from engine.loss.objective import OBJECTIVES, BlockEvaluator, Evaluation
from engine.loss.targets import compute_targets
from engine.loss.terms import CONTENT as CONTENT_PART
from engine.loss.terms import SMOOTHING, SmoothingTerm
from engine.loss.terms import Part as LossPart
from engine.masks.mask import Mask
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.network import Network
from models.kernels import Kernels
from tests.reference.paper_objective import Part, ReferenceLoss
from tests.reference.vgg import ReferenceNetwork, Weights

SIZE = (32, 40)
BASE = Job(content="content", method="joint", strength=2.0, smoothing=0.5, device="cpu", threads=2)
Evaluate = Callable[[np.ndarray], Evaluation]

pytestmark = pytest.mark.usefixtures("sessions_kept")


def painted(seed: int) -> np.ndarray:
    """Make a picture with stripes of its own direction and colors."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    angle, length = random.uniform(0, np.pi), random.uniform(4, 12)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / length)
    colors = random.uniform(-60, 60, (3, 1, 1))
    grain = random.normal(0, 12, (3, *SIZE))
    return np.clip(125 + colors * wave + grain, 2, 253).astype(np.float32)


def slope(low: float, high: float) -> np.ndarray:
    """Make a mask that rises from left to right."""
    return np.tile(np.clip(np.linspace(low, high, SIZE[1]), 0, 1), (SIZE[0], 1)).astype(np.float32)


def loaded(parts: list[Part]) -> list[LoadedRegion]:
    return [
        LoadedRegion(
            f"region {index}", each.style, each.style_mask, Mask(each.mask), each.weight, 1.0
        )
        for index, each in enumerate(parts)
    ]


CONTENT = painted(1)
PICTURE = painted(2)
CORNER = np.ones(SIZE, np.float32)
CORNER[:12, :18] = 0.25
COMPLEMENTARY = [
    Part(painted(3), np.ones(SIZE, np.float32), slope(-0.5, 1.5), 1.0),
    Part(painted(4), CORNER, 1 - slope(-0.5, 1.5), 2.5),
]
# Three masks that overlap and leave gaps.
BLOCK = np.zeros(SIZE, np.float32)
BLOCK[4:24, 6:34] = 0.9
LOOSE = [
    *(replace(part, mask=part.mask * np.float32(0.8)) for part in COMPLEMENTARY),
    Part(painted(5), np.ones(SIZE, np.float32), BLOCK, 0.5),
]


@pytest.fixture(scope="module")
def references(weights: Weights) -> dict[str, ReferenceNetwork]:
    return {pooling: ReferenceNetwork(weights, pooling) for pooling in POOLINGS}


@pytest.fixture
def objectives() -> Iterator[Callable[..., list[Evaluate]]]:
    """Return a function that makes what a job minimizes, as a painting makes it."""
    with BlockedLosses(2) as losses:

        def make(
            job: Job,
            network,
            parts: list[Part],
            content: np.ndarray = CONTENT,
            protect: np.ndarray | None = None,
        ) -> list[Evaluate]:
            regions, size = loaded(parts), content.shape[1:]
            method = METHODS[job.method]
            targets = compute_targets(
                job, network, content, regions, lambda index: None, lambda text: None, protect
            )
            masks = [region.mask.whole() for region in regions]
            inputs = ScaleInputs(job, method, size, regions, masks, targets, lambda text: None)
            layers = tuple(dict.fromkeys(sum(layers_of(job), ())))
            differentiable = network.differentiable(*size, layers)
            made = OBJECTIVES[method.objective](
                inputs, lambda groups: BlockEvaluator(differentiable, groups, losses)
            )
            assert len(made) == method.pictures(len(parts))
            return made

        yield make


def difference(loss: Callable[[np.ndarray], float], x: np.ndarray, v: np.ndarray) -> float:
    """Return the derivative of `loss` at `x` along `v`, by central differences."""
    step = 1e-4
    return (loss(x + step * v) - loss(x - step * v)) / (2 * step)


def direction(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, *SIZE))


@pytest.mark.parametrize(
    ("method", "guidance", "pooling"),
    [
        *itertools.product(["joint", "banded", "pinned"], PROPAGATIONS, ["average"]),
        ("cutout", "receptive", "average"),
        *itertools.product(["joint", "banded", "pinned"], ["receptive"], ["max"]),
        *itertools.product(["stitch"], ["receptive"], POOLINGS),  # it needs no guidance
    ],
)
def test_the_gradient_is_the_slope_of_the_loss(
    objectives, references, method: str, guidance: str, pooling: str
) -> None:
    job = replace(BASE, method=method, propagation=guidance, pooling=pooling, bands=3)
    x, v = PICTURE.astype(np.float64), direction(6)
    evaluate = objectives(job, references[pooling], LOOSE)[0]
    gradient = evaluate(x).gradient
    with references[pooling].losses_alone():
        expected = difference(lambda picture: evaluate(picture).loss, x, v)
    np.testing.assert_allclose((gradient * v).sum(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("method", "guidance"),
    [
        *itertools.product(["joint", "cutout", "pinned", "banded"], ["receptive", "resize"]),
        ("joint", "inside"),
        ("joint", "all"),
        ("joint", "squared"),
        ("stitch", "receptive"),
    ],
)
def test_the_loss_is_that_of_the_equations(
    objectives, references, method: str, guidance: str
) -> None:
    parts = COMPLEMENTARY if method == "banded" else LOOSE
    if guidance == "inside":  # of which the deep layers keep nothing of a narrow mask
        parts = [replace(part, mask=np.maximum(part.mask, np.float32(0.2))) for part in parts]
    job = replace(BASE, method=method, propagation=guidance, bands=4)
    reference = ReferenceLoss(job, references["average"], CONTENT, parts)
    evaluations = [
        each(PICTURE.astype(np.float64)) for each in objectives(job, references["average"], parts)
    ]
    for region, found in enumerate(evaluations):
        expected = reference.smooth_content(PICTURE)
        if method == "stitch":
            expected += reference.whole_style(PICTURE, region)
        else:
            expected += reference.regional_style(PICTURE)
        np.testing.assert_allclose(found.loss, expected, rtol=1e-6)
        np.testing.assert_allclose(sum(found.parts.values()), found.loss, rtol=1e-12)


FACE = np.zeros(SIZE, np.float32)
FACE[6:22, 10:26] = 1
FACE[22:27, 10:26] = 0.4


@pytest.mark.parametrize("method", ["joint", "cutout", "pinned", "banded", "stitch", "gradient"])
def test_what_is_kept_counts_more_as_content_and_less_as_style(
    objectives, references, method: str
) -> None:
    parts = COMPLEMENTARY if method == "banded" else LOOSE
    job = replace(BASE, method=method, propagation="inside" if method == "joint" else "receptive")
    if method == "joint":  # whose guidance the kept part does not share
        parts = [replace(part, mask=np.maximum(part.mask, np.float32(0.2))) for part in parts]
    reference = ReferenceLoss(job, references["average"], CONTENT, parts, FACE)
    x, v = PICTURE.astype(np.float64), direction(9)
    evaluate = objectives(job, references["average"], parts, protect=FACE)
    for region, each in enumerate(evaluate):
        found, expected = each(x), reference.smooth_content(x)
        if method == "gradient":
            expected += sum(reference.whole_style(x, index) for index in range(len(parts)))
        elif method == "stitch":
            expected += reference.whole_style(x, region)
        else:
            expected += reference.regional_style(x)
        np.testing.assert_allclose(found.loss, expected, rtol=1e-6)
        if method != "gradient":  # whose field is no function's

            def loss(picture: np.ndarray, each: Evaluate = each) -> float:
                return each(picture).loss

            with references["average"].losses_alone():
                along = difference(loss, x, v)
            np.testing.assert_allclose((found.gradient * v).sum(), along, rtol=1e-5)


@pytest.mark.parametrize("method", ["joint", "gradient", "stitch"])
def test_keeping_everything_is_a_smaller_strength(objectives, references, method: str) -> None:
    job = replace(BASE, method=method, smoothing=0.0, protect_strength=9.0)
    x, everything = PICTURE.astype(np.float64), np.ones(SIZE, np.float32)
    kept = objectives(job, references["average"], LOOSE, protect=everything)
    weak = objectives(replace(job, strength=job.strength / 9), references["average"], LOOSE)
    for one, other in zip(kept, weak):
        found, expected = one(x), other(x)
        np.testing.assert_allclose(3 * found.loss, expected.loss, rtol=1e-6)
        away = np.linalg.norm(3 * found.gradient - expected.gradient)
        assert away <= 1e-5 * np.linalg.norm(expected.gradient)


@pytest.mark.parametrize(("guidance", "pooling"), [("receptive", "average"), ("all", "max")])
def test_gradient_masking_masks_the_styles_gradients_and_not_the_contents(
    objectives, references, guidance: str, pooling: str
) -> None:
    job = replace(BASE, method="gradient", propagation=guidance, pooling=pooling)
    x, v = PICTURE.astype(np.float64), direction(7)
    found = objectives(job, references[pooling], LOOSE)[0](x)
    reference = ReferenceLoss(job, references[pooling], CONTENT, LOOSE)
    loss = reference.smooth_content(x)
    along = difference(reference.smooth_content, x, v)
    for region, part in enumerate(LOOSE):

        def style(picture: np.ndarray, region: int = region) -> float:
            return reference.whole_style(picture, region)

        loss += style(x)
        # <T g, v> = <g, T v>: the style's slope along the masked direction.
        along += difference(style, x, part.mask * v)
    np.testing.assert_allclose(found.loss, loss, rtol=1e-6)
    np.testing.assert_allclose((found.gradient * v).sum(), along, rtol=1e-4)


@pytest.mark.parametrize(
    "only", ["content", "style", "smoothing", "two content layers", "one style layer"]
)
def test_each_loss_alone_has_its_own_gradient(objectives, references, only: str) -> None:
    job = {
        "content": replace(BASE, style_layers=(), smoothing=0.0),
        "style": replace(BASE, content_layers=(("conv3_2", 0.0),), smoothing=0.0),
        "smoothing": replace(BASE, style_layers=(("conv1_1", 1e-30),), content_layers=()),
        "two content layers": replace(
            BASE, style_layers=(), content_layers=(("conv2_2", 0.3), ("conv4_2", 2.0))
        ),
        "one style layer": replace(BASE, style_layers=(("conv3_1", 1.0),), content_layers=()),
    }[only]
    x, v = PICTURE.astype(np.float64), direction(8)
    evaluate = objectives(job, references["average"], LOOSE)[0]
    found = evaluate(x)
    reference = ReferenceLoss(job, references["average"], CONTENT, LOOSE)

    def loss(picture: np.ndarray) -> float:
        value = reference.smooth_content(picture) if only != "style" else 0.0
        return value + (reference.regional_style(picture) if reference.styles else 0.0)

    np.testing.assert_allclose(found.loss, loss(x), rtol=1e-6)
    np.testing.assert_allclose((found.gradient * v).sum(), difference(loss, x, v), rtol=1e-4)
    wanted = {"content": {"content"}, "smoothing": {"smoothing", "style 0", "style 1", "style 2"}}
    if only in wanted:
        assert {str(part) for part in found.parts} == wanted[only]


@pytest.mark.parametrize("method", METHODS)
def test_onnxruntime_computes_what_the_reference_does(
    objectives, references, kernels: Kernels, method: str
) -> None:
    pooling = "max" if method == "joint" else "average"
    network = Network(kernels, pooling=pooling, device="cpu", threads=2)
    job = replace(
        BASE, method=method, pooling=pooling, smoothing=0.0 if method == "gradient" else 0.5
    )
    pairs = zip(
        objectives(job, network, LOOSE), objectives(job, references[pooling], LOOSE), strict=True
    )
    for fast, slow in pairs:
        found, expected = fast(PICTURE), slow(PICTURE.astype(np.float64))
        np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-5)
        assert found.gradient.dtype == np.float32
        away = np.linalg.norm(found.gradient - expected.gradient)
        # Rounding opens or closes a few ReLUs that stand at 0.
        assert away <= 1e-3 * np.linalg.norm(expected.gradient)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_regions_changes_nothing(
    objectives, kernels: Kernels, method: str
) -> None:
    network = Network(kernels, device="cpu", threads=2)
    styles = tuple((layer, 1 / 3) for layer in ("conv1_1", "conv2_1", "conv3_1"))
    job = replace(BASE, method=method, style_layers=styles, content_layers=(("conv2_2", 1.0),))
    # Two regions as large as each other, which no size can put into an order.
    parts = [*COMPLEMENTARY, replace(COMPLEMENTARY[0], mask=COMPLEMENTARY[1].mask[:, ::-1])]
    found = []
    for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2)):
        loss, gradient = 0.0, np.zeros(PICTURE.shape)
        for each in objectives(job, network, [parts[i] for i in order]):
            evaluation = each(PICTURE)
            loss += evaluation.loss
            gradient += evaluation.gradient
        found.append((loss, gradient))
    for loss, gradient in found[1:]:
        np.testing.assert_allclose(loss, found[0][0], rtol=1e-6)
        away = np.linalg.norm(gradient - found[0][1])
        assert away <= 1e-5 * np.linalg.norm(found[0][1])


@pytest.mark.parametrize("method", METHODS)
def test_a_new_term_of_no_style_reaches_every_method(
    objectives, references, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = (("conv1_1", 1.0),)
    job = replace(BASE, method=method, smoothing=0.0, style_layers=shallow, content_layers=shallow)

    def losses() -> list[Evaluation]:
        return [each(PICTURE) for each in objectives(job, references["average"], LOOSE)]

    without = losses()
    assert not any(SMOOTHING in each.parts for each in without)
    more = (*make_terms.COMMON_TERMS, lambda inputs: [SmoothingTerm(3.0)])
    monkeypatch.setattr(make_terms, "COMMON_TERMS", more)
    expected = (
        3 * sum((np.diff(PICTURE, axis=axis) ** 2).sum() for axis in (1, 2)) / PICTURE[0].size
    )
    for found, before in zip(losses(), without):
        np.testing.assert_allclose(found.parts[SMOOTHING], expected, rtol=1e-5)
        np.testing.assert_allclose(found.loss - before.loss, expected, rtol=1e-3)


def test_strength_divides_the_content_and_weights_multiply_the_styles(
    objectives, references
) -> None:
    network = references["average"]
    x = PICTURE.astype(np.float64)
    before = objectives(BASE, network, LOOSE)[0](x).parts
    doubled = [replace(part, weight=2 * part.weight) for part in LOOSE]
    after = objectives(replace(BASE, strength=10 * BASE.strength), network, doubled)[0](x).parts
    np.testing.assert_allclose(after[CONTENT_PART], before[CONTENT_PART] / 10, rtol=1e-9)
    np.testing.assert_allclose(after[SMOOTHING], before[SMOOTHING], rtol=1e-9)
    for region in range(len(LOOSE)):
        part = LossPart("style", region)
        np.testing.assert_allclose(after[part], 2 * before[part], rtol=1e-6)


def test_a_region_of_weight_2_is_the_same_region_twice(objectives, references) -> None:
    x = PICTURE.astype(np.float64)
    first, second, third = LOOSE
    twice = [first, second, third, third]
    doubled = [first, second, replace(third, weight=2 * third.weight)]
    for method in ("joint", "pinned", "gradient"):
        job = replace(BASE, method=method)
        one, other = (
            objectives(job, references["average"], parts)[0](x) for parts in (twice, doubled)
        )
        np.testing.assert_allclose(one.loss, other.loss, rtol=1e-6)
        scale = np.abs(other.gradient).max()
        np.testing.assert_allclose(one.gradient, other.gradient, rtol=0, atol=1e-6 * scale)


def test_the_same_settings_weigh_content_and_style_alike_at_every_size(
    objectives, kernels: Kernels
) -> None:
    """The same scene on four times as many pixels: each picture mirrored to the right and down.

    Nothing of the scene changes with the size then, where sums over positions would be four times
    as large. What is left to differ is the border of zeros around the picture.
    """
    random = np.random.default_rng(9)
    y, x = np.mgrid[:128, :128]
    waves = np.array([np.sin(x / a + 1) * np.cos(y / b) for a, b in ((9, 5), (3, 17), (6, 6))])
    scenes = [
        125 + 35 * np.roll(waves, shift, axis=0) + random.normal(0, 14, waves.shape)
        for shift in range(3)
    ]
    network = Network(kernels, device="cpu", threads=2)
    found = []
    for _ in range(2):
        content, style, picture = (scene.astype(np.float32) for scene in scenes)
        ones = np.ones(content.shape[1:], np.float32)
        (evaluate,) = objectives(BASE, network, [Part(style, ones, ones, 1.0)], content)
        found.append(evaluate(picture).parts)
        scenes = [np.concatenate([scene, scene[:, :, ::-1]], axis=2) for scene in scenes]
        scenes = [np.concatenate([scene, scene[:, ::-1]], axis=1) for scene in scenes]
    assert found[0].keys() == {CONTENT_PART, LossPart("style", 0), SMOOTHING}
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, rtol=0.1)
    balance = [each[CONTENT_PART] / each[LossPart("style", 0)] for each in found]
    np.testing.assert_allclose(balance[1], balance[0], rtol=0.1)
