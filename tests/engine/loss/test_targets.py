"""Sizes, the styles' Gram matrices, and what is said of regions that vanish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.job import Job
from engine.loss.definition import masked_gram
from engine.loss.make_terms import ScaleInputs, layers_of, style_terms
from engine.loss.targets import Targets, compute_targets
from engine.loss.terms import MomentsTerm, StyleMoments, StyleTerm, Term
from engine.masks.mask import Mask
from engine.masks.propagation import propagate
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.network import Network
from engine.sizes import resized, style_size, working_size
from models.kernels import Kernels
from models.vgg16 import layer_size

SIDES = st.integers(16, 3000)
SIZE = (48, 64)
JOB = Job(
    content="content",
    method="joint",
    content_layers=(("conv2_2", 0.5), ("conv3_1", 0.0)),
    style_layers=(("conv1_1", 0.25), ("conv2_1", 0.0), ("conv4_1", 0.75)),
)


@given(SIDES, SIDES, st.one_of(st.just(0), st.integers(256, 4_000_000)))
def test_the_working_size_keeps_the_aspect_and_never_enlarges(
    height: int, width: int, area: int
) -> None:
    rows, columns = working_size(height, width, area)
    assert 16 <= rows <= height
    assert 16 <= columns <= width
    if area == 0 or area >= height * width:
        assert (rows, columns) == (height, width)
        return
    factor = max((area / (height * width)) ** 0.5, 16 / min(height, width))
    assert abs(rows - height * factor) <= 0.5 + 1e-9
    assert abs(columns - width * factor) <= 0.5 + 1e-9


@given(SIDES, SIDES, st.integers(256, 1_000_000), st.floats(0.25, 4))
def test_a_style_gets_as_many_pixels_as_the_content_but_no_more_than_its_own(
    height: int, width: int, area: int, scale: float
) -> None:
    rows, columns = style_size(np.empty((3, height, width), np.uint8), area, scale)
    pixels = min(area, height * width)
    assert min(rows, columns) >= 16
    if min(rows, columns) > 16:  # not held by the smallest side
        assert abs(rows / columns * width / height - 1) <= 0.6 / rows + 0.6 / columns
        assert abs((rows * columns / pixels) ** 0.5 / scale - 1) <= 1 / min(rows, columns)


def region(name: str, mask: np.ndarray, **more: object) -> LoadedRegion:
    random = np.random.default_rng(len(name))
    style = random.uniform(0, 255, (3, 40, 60)).astype(np.float32)
    given = {"style_mask": np.ones((40, 60), np.float32), "weight": 1.0, "style_size": 1.0, **more}
    return LoadedRegion(name, style, mask=Mask(mask), **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def network(kernels: Kernels) -> Network:
    return Network(kernels, device="cpu", threads=2)


CONTENT = np.random.default_rng(1).uniform(0, 255, (3, *SIZE)).astype(np.float32)
EVERYWHERE = np.ones(SIZE, np.float32)


def test_layers_of_weight_0_are_not_looked_at(network: Network) -> None:
    assert layers_of(JOB) == (("conv2_2",), ("conv1_1", "conv4_1"))
    seen: list[int] = []
    regions = [region("one", EVERYWHERE), region("other", EVERYWHERE)]
    targets = compute_targets(JOB, network, CONTENT, regions, seen.append, pytest.fail)
    assert seen == [0, 1]
    ((layer, (features, weight)),) = targets.contents.items()
    assert layer == "conv2_2"
    assert weight == 0.05 * 0.5  # at strength 1
    expected = network.features(CONTENT, ("conv2_2",))["conv2_2"]
    np.testing.assert_array_equal(features, expected)
    assert [set(style) for style in targets.styles] == [{"conv1_1", "conv4_1"}] * 2


def test_the_content_counts_more_by_a_factor_and_the_styles_do_not(network: Network) -> None:
    def targets(factor: float) -> Targets:
        return compute_targets(
            JOB,
            network,
            CONTENT,
            [region("one", EVERYWHERE)],
            lambda index: None,
            pytest.fail,
            content_factor=factor,
        )

    once, thrice = targets(1.0), targets(3.0)
    assert thrice.contents["conv2_2"][1] == pytest.approx(3 * once.contents["conv2_2"][1])
    for layer, moments in once.styles[0].items():
        np.testing.assert_array_equal(thrice.styles[0][layer].gram, moments.gram)


def test_a_target_is_the_gram_matrix_of_the_style_at_its_size(network: Network) -> None:
    mask = np.zeros((40, 60), np.float32)
    mask[:, :30] = 1
    large = region("large", EVERYWHERE, style_mask=mask, style_size=1.5)
    targets = compute_targets(JOB, network, CONTENT, [large], lambda index: None, pytest.fail)
    size = (60, 90)  # 1.5 times its own sides, since it is smaller than the content
    layers = ("conv1_1", "conv4_1")
    features = network.features(resized(large.style, size), layers)
    half = np.zeros(size, np.float32)
    half[:, :45] = 1
    guidance = propagate(half, layers)
    for layer in layers:
        expected = masked_gram(features[layer], guidance[layer].ravel())
        away = np.linalg.norm(targets.styles[0][layer].gram - expected)
        assert away <= 0.02 * np.linalg.norm(expected)  # Lanczos leaves the mask's edge soft


def test_only_the_style_mask_is_seen_of_a_style(network: Network) -> None:
    job = replace(JOB, propagation="inside")
    mask = np.zeros((40, 60), np.float32)
    mask[:, :34] = 1
    one = region("region", EVERYWHERE, style_mask=mask)
    other = replace(one, style=one.style.copy())
    other.style[:, :, 40:] = 9
    first, second = (
        compute_targets(job, network, CONTENT, [each], lambda index: None, pytest.fail).styles[0]
        for each in (one, other)
    )
    for layer in first:
        for found, expected in zip(second[layer], first[layer]):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def made_targets(regions: int) -> Targets:
    styles = [
        {
            layer: StyleMoments(np.full((2, 2), float(index)), np.full(2, float(index)))
            for layer in ("conv1_1", "conv4_1")
        }
        for index in range(regions)
    ]
    return Targets({}, styles)


def terms_of(
    job: Job, targets: Targets, regions: list[LoadedRegion], on_notice: Callable[[str], None]
) -> list[StyleTerm]:
    masks = [each.mask.whole() for each in regions]
    job = replace(job, statistics="gram")
    inputs = ScaleInputs(job, METHODS[job.method], SIZE, regions, masks, targets, on_notice)
    terms: list[Term] = style_terms(inputs)
    return [each for each in terms if isinstance(each, StyleTerm)]


@pytest.mark.parametrize("method", METHODS)
def test_moments_and_gram_terms_have_the_same_masks_and_targets(method: str) -> None:
    ramp = np.tile(np.linspace(0, 1, SIZE[1], dtype=np.float32), (SIZE[0], 1))
    regions = [region("one", ramp), region("other", 1 - ramp)]
    masks = [each.mask.whole() for each in regions]
    random = np.random.default_rng(1)
    targets = made_targets(2)
    for style in targets.styles:
        for layer in style:
            F = random.normal(size=(4, 20))
            style[layer] = StyleMoments(masked_gram(F, np.ones(20)), F.mean(axis=1))

    def terms(statistics: str) -> list[Term]:
        job = replace(JOB, method=method, statistics=statistics)
        return style_terms(
            ScaleInputs(job, METHODS[method], SIZE, regions, masks, targets, pytest.fail)
        )

    ends = [style["conv1_1"] for style in targets.styles]
    grams = np.stack([end.gram.ravel() for end in ends], 1)
    found = list(zip(terms("moments"), terms("gram"), strict=True))
    assert len(found) > 3
    for one, other in found:
        assert isinstance(one, MomentsTerm)
        assert isinstance(other, StyleTerm)
        assert (one.layer, one.region, one.weight) == (other.layer, other.region, other.weight)
        np.testing.assert_array_equal(one.guidance.values, other.guidance.values)
        np.testing.assert_array_equal(one.gram, other.target)
        if one.layer == "conv1_1":
            # A band's means are those of the mixture that its Gram matrix is.
            share = np.linalg.lstsq(grams, one.gram.ravel(), rcond=None)[0]
            mixed = share[0] * ends[0].mean + share[1] * ends[1].mean
            np.testing.assert_allclose(one.mean, mixed, atol=1e-9)


def test_a_region_that_vanishes_at_a_deep_layer_is_skipped_there_with_a_word() -> None:
    small = np.zeros(SIZE, np.float32)
    small[20:26, 20:26] = 1
    regions = [region("dot", small), region("all", EVERYWHERE)]
    told: list[str] = []
    job = replace(JOB, propagation="inside")
    terms = terms_of(job, made_targets(2), regions, told.append)
    assert told == ["Region dot covers 0 of 48 positions at conv4_1, which is skipped for it."]
    assert [(each.layer, each.region) for each in terms] == [
        ("conv1_1", 0),
        ("conv1_1", 1),
        ("conv4_1", 1),
    ]


def test_a_style_mask_that_vanishes_at_a_deep_layer_is_skipped_there_with_a_word(
    network: Network,
) -> None:
    dot = np.zeros((40, 60), np.float32)
    dot[10:16, 10:16] = 1
    given = [region("dotted", EVERYWHERE, style_mask=dot)]
    told: list[str] = []
    job = replace(JOB, propagation="inside")
    targets = compute_targets(job, network, CONTENT, given, lambda index: None, told.append)
    assert told == [
        "Region dotted: nothing of the style mask is left at conv4_1, which is skipped."
    ]
    assert set(targets.styles[0]) == {"conv1_1"}
    for method in ("joint", "stitch"):
        terms = terms_of(replace(job, method=method), targets, given, pytest.fail)
        assert [each.layer for each in terms] == ["conv1_1"]


def test_whole_picture_terms_have_masks_of_ones() -> None:
    regions = [region("one", EVERYWHERE), region("other", EVERYWHERE, weight=2.0)]
    terms = terms_of(replace(JOB, method="stitch"), made_targets(2), regions, pytest.fail)
    assert [(each.layer, each.weight, each.region) for each in terms] == [
        ("conv1_1", 0.25, 0),
        ("conv4_1", 0.75, 0),
        ("conv1_1", 0.5, 1),
        ("conv4_1", 1.5, 1),
    ]
    for each in terms:
        rows, columns = layer_size(each.layer, *SIZE)
        np.testing.assert_array_equal(each.guidance.values, np.ones(rows * columns))


def test_banded_targets_are_the_mixture_of_the_styles_at_the_bands_center() -> None:
    ramp = np.tile(np.clip(np.linspace(-0.5, 1.5, SIZE[1], dtype=np.float32), 0, 1), (SIZE[0], 1))
    regions = [region("one", ramp, weight=3.0), region("other", 1 - ramp)]
    job = replace(JOB, method="banded", bands=5)
    terms = terms_of(job, made_targets(2), regions, pytest.fail)
    first = [each for each in terms if each.layer == "conv1_1"]
    centers = [0, 0.25, 0.5, 0.75, 1]
    assert len(first) == len(centers)
    guidance = propagate(ramp, ("conv1_1",))["conv1_1"].ravel()
    for center in centers:
        hat = np.clip(1 - np.abs(guidance - center) * 4, 0, 1)
        (term,) = [each for each in first if np.allclose(each.guidance.values, hat, atol=1e-5)]
        weight = 3 * center + (1 - center)
        np.testing.assert_allclose(term.weight, 0.25 * weight)
        # The styles' Gram matrices are full of 0 and of 1.
        np.testing.assert_allclose(term.target, (1 - center) / weight)
        assert term.region == (0 if 3 * center >= 1 - center else 1)
