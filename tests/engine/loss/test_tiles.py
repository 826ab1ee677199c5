"""Evaluation by tiles against the whole picture's, for every method, and the tiles themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from engine.job import POOLINGS, PROPAGATIONS, Job
from engine.loss.blocks import BlockedLosses
from engine.loss.definition import masked_gram, masked_mean
from engine.loss.kept_passes import KeptPass
from engine.loss.make_terms import ScaleInputs, layers_of
from engine.loss.objective import OBJECTIVES, Objective
from engine.loss.targets import compute_targets
from engine.loss.tiles import content_features, evaluator_maker, style_moments
from engine.loss.tiling import (
    LARGEST_TILE,
    Plan,
    Tiling,
    choose_feature_tiling,
    choose_plan,
    kept_bytes,
    margin,
    spans,
    tile_bytes,
    tile_lengths,
    whole_bytes,
)
from engine.masks.mask import Mask
from engine.masks.propagation import propagate
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.network import Network
from engine.optimizers import LbfgsB
from models.forms import DIRECT, KINDS, USUAL_FORMS, WINOGRAD
from models.kernels import Kernels
from models.vgg16 import receptive_field

DEEP = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1", "conv3_2")
MIDDLE: dict[str, Any] = {
    "style_layers": (("conv1_1", 0.3), ("conv2_1", 0.3), ("conv3_1", 0.4)),
    "content_layers": (("conv2_2", 1.0),),
}
SHALLOW: dict[str, Any] = {
    "style_layers": (("conv1_1", 1.0),),
    "content_layers": (("conv2_1", 1.0),),
}


def painted(size: tuple[int, int], seed: int) -> np.ndarray:
    """Make a picture with shapes and grain."""
    random = np.random.default_rng(seed)
    soft = ndimage.gaussian_filter(random.normal(size=(3, *size)), (0, 3, 3))
    grain = random.normal(0, 9, (3, *size))
    return np.clip(125 + 50 * soft / soft.std() + grain, 0, 255).astype(np.float32)


def some_mask(size: tuple[int, int], seed: int) -> np.ndarray:
    """Make a mask with hard edges, soft ones and flat parts."""
    random = np.random.default_rng(seed)
    soft = ndimage.gaussian_filter(random.normal(size=size), 6)
    return np.clip(0.5 + soft / soft.std(), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def networks(kernels: Kernels) -> dict[str, Network]:
    return {each: Network(kernels, pooling=each, device="cpu", threads=2) for each in POOLINGS}


@pytest.fixture(scope="module")
def losses() -> Iterator[BlockedLosses]:
    with BlockedLosses(2) as pool:
        yield pool


def scale_inputs(job: Job, network: Network, size: tuple[int, int], seed: int) -> ScaleInputs:
    """Return a scale of two or three regions, with something to protect."""
    mask = some_mask(size, seed)
    masks = [mask, 1 - mask]
    if job.method in ("joint", "gradient"):  # masks that overlap and leave gaps
        masks = [mask, some_mask(size, seed + 1)]
    if job.propagation == "inside":  # of which the deep layers keep nothing of a narrow mask
        masks = [np.maximum(each, np.float32(0.2)) for each in masks]
    styles = [painted((70, 66), seed + 2 + index) for index in range(2)]
    regions = [
        LoadedRegion(
            f"region {i}",
            style,
            np.ones(style.shape[1:], np.float32),
            Mask(each),
            weight=1.0 + i,
            style_size=1.0,
        )
        for i, (style, each) in enumerate(zip(styles, masks))
    ]
    protect = some_mask(size, seed + 5) if seed % 2 else None
    targets = compute_targets(
        job, network, painted(size, seed + 6), regions, lambda i: None, lambda text: None, protect
    )
    method = METHODS[job.method]
    return ScaleInputs(job, method, size, regions, masks, targets, lambda text: None)


def without_targets(inputs: ScaleInputs) -> ScaleInputs:
    """Return a scale whose content features are not kept."""
    contents = {layer: (None, weight) for layer, (_, weight) in inputs.targets.contents.items()}
    return replace(inputs, targets=replace(inputs.targets, contents=contents))


def objectives(
    inputs: ScaleInputs, network: Network, plan: Plan, losses: BlockedLosses, content: np.ndarray
) -> list[Objective]:
    layers = tuple(dict.fromkeys(sum(layers_of(inputs.job), ())))
    make = evaluator_maker(network, plan, layers, losses, content)
    return OBJECTIVES[inputs.method.objective](inputs, make)


def assert_alike(found: Objective, expected: Objective, picture: np.ndarray) -> None:
    one, other = found(picture), expected(picture)
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-6)
    assert one.parts.keys() == other.parts.keys()
    for part, value in other.parts.items():
        np.testing.assert_allclose(one.parts[part], value, rtol=2e-5)
    assert one.gradient.dtype == np.float32
    away = np.linalg.norm(one.gradient.astype(np.float64) - other.gradient)
    assert away <= 2e-5 * np.linalg.norm(other.gradient.astype(np.float64))


@settings(max_examples=30)
@given(
    method=st.sampled_from(sorted(METHODS)),
    propagation=st.sampled_from(PROPAGATIONS),
    pooling=st.sampled_from(POOLINGS),
    layers=st.sampled_from([MIDDLE, SHALLOW]),
    longer=st.integers(81, 110),
    shorter=st.integers(50, 80),
    upright=st.booleans(),
    tile=st.integers(48, 80),
    kept=st.sampled_from([0, 1, 10**6]),
    lazy=st.booleans(),
    seed=st.integers(0, 2**32 - 10),
)
def test_tiles_give_the_loss_and_gradient_of_the_whole_picture(
    networks: dict[str, Network],
    losses: BlockedLosses,
    method: str,
    propagation: str,
    pooling: str,
    layers: dict[str, Any],
    longer: int,
    shorter: int,
    upright: bool,
    tile: int,
    kept: int,
    lazy: bool,
    seed: int,
) -> None:
    size = (longer, shorter) if upright else (shorter, longer)
    job = Job(
        content="content",
        method=method,
        propagation=propagation,
        pooling=pooling,
        bands=4,
        smoothing=0.5,
        **layers,
    )
    network, content = networks[pooling], painted(size, seed + 6)
    inputs = scale_inputs(job, network, size, seed)
    all_layers = tuple(dict.fromkeys(sum(layers_of(job), ())))
    tiling = Tiling.fitting(size, all_layers, (tile, tile))
    assert not tiling.whole
    plan = Plan(tiling, min(kept, len(tiling.tiles) - 1), 0)
    whole = Plan(Tiling.of(size, all_layers, (1, 1)), 0, 0)
    expected = objectives(inputs, network, whole, losses, content)
    if lazy:
        inputs = without_targets(inputs)
    found = objectives(inputs, network, plan, losses, content)
    for seed_of_picture in (seed + 7, seed + 8):  # the second finds nothing of the first
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other, painted(size, seed_of_picture))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("layer", ["conv1_1", "conv1_2"])
def test_a_kept_forward_pass_changes_no_bit(
    networks: dict[str, Network], losses: BlockedLosses, pooling: str, layer: str
) -> None:
    size, network, content = (83, 75), networks[pooling], painted((83, 75), 1)
    layers = {
        "style_layers": ((layer, 0.5), ("conv3_1", 0.5)),
        "content_layers": MIDDLE["content_layers"],
    }
    job = Job(content="content", method="joint", pooling=pooling, **layers)
    inputs = scale_inputs(job, network, size, 1)
    tiling = Tiling.fitting(size, (layer, "conv3_1", "conv2_2"), (64, 64))
    gradients = []
    for kept in (0, len(tiling.tiles) - 1):
        (evaluate,) = objectives(inputs, network, Plan(tiling, kept, 0), losses, content)
        gradients.append(evaluate(painted(size, 2)).gradient.copy())
    again, recalled = gradients
    np.testing.assert_array_equal(recalled, again)
    assert again.any()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_kept_forward_pass_takes_what_the_plan_counts(
    networks: dict[str, Network], pooling: str
) -> None:
    tiling = Tiling.of((331, 355), DEEP, (2, 2))
    network = networks[pooling].differentiable(*tiling.tile, DEEP)
    own, bits = kept_bytes(DEEP, pooling)
    assert own + bits < 330
    for tile in tiling.tiles:
        windows = tiling.windows(tile, DEEP)
        pixels = len(windows["conv1_1"].indices)
        counted = own * pixels + bits * math.prod(tiling.tile)
        assert 0.95 * counted < KeptPass(network, windows).nbytes < 1.05 * counted


@pytest.mark.parametrize(
    ("pooling", "size", "tile"),
    [("average", (203, 64), (180, 64)), ("max", (64, 203), (64, 180))],
)
def test_the_deepest_style_layer_has_margin_enough(
    networks: dict[str, Network],
    losses: BlockedLosses,
    pooling: str,
    size: tuple[int, int],
    tile: tuple[int, int],
) -> None:
    job = Job(content="content", method="joint", pooling=pooling)
    network, content = networks[pooling], painted(size, 9)
    inputs = scale_inputs(job, network, size, 3)
    tiling = Tiling.fitting(size, DEEP, tile)
    assert len(tiling.tiles) == 2
    whole = Plan(Tiling.of(size, DEEP, (1, 1)), 0, 0)
    (expected,) = objectives(inputs, network, whole, losses, content)
    (found,) = objectives(inputs, network, Plan(tiling, 1, 0), losses, content)
    assert_alike(found, expected, painted(size, 10))


def test_targets_by_tiles_are_those_of_the_whole_picture(
    networks: dict[str, Network], losses: BlockedLosses
) -> None:
    size, layers = (203, 150), ("conv4_1", "conv2_1")
    network, picture = networks["average"], painted(size, 1)
    tiling = Tiling.fitting(size, layers, (120, 120))
    assert len(tiling.tiles) > 2
    features = network.features(picture, layers)
    found = content_features(network, tiling, picture, layers)
    for layer in layers:
        away = np.linalg.norm(found[layer] - features[layer])
        assert away <= 1e-5 * np.linalg.norm(features[layer])
    guidance = {
        layer: values.ravel() for layer, values in propagate(some_mask(size, 2), layers).items()
    }
    moments = style_moments(network, tiling, picture, guidance)
    for layer in layers:
        exact = features[layer].astype(np.float64)
        gram, mean = moments[layer]
        for one, wanted in (
            (gram, masked_gram(exact, guidance[layer])),
            (mean, masked_mean(exact, guidance[layer])),
        ):
            assert one.dtype == np.float32
            assert np.linalg.norm(one - wanted) <= 3e-6 * np.linalg.norm(wanted)


def test_on_tile_is_called_before_each_tile_and_may_end_the_evaluation(
    networks: dict[str, Network], losses: BlockedLosses
) -> None:
    size, network = (60, 90), networks["average"]
    job = Job(content="content", method="joint", **SHALLOW)
    inputs = scale_inputs(job, network, size, 1)
    layers = tuple(dict.fromkeys(sum(layers_of(job), ())))
    tiling = Tiling.fitting(size, layers, (60, 40))
    told: list[tuple[int, int]] = []
    last: list[int] = []

    def on_tile(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) in last:
            raise KeyboardInterrupt

    make = evaluator_maker(network, Plan(tiling, 0, 0), layers, losses, painted(size, 1), on_tile)
    (evaluate,) = OBJECTIVES[inputs.method.objective](inputs, make)
    evaluate(painted(size, 2))
    total = 2 * len(tiling.tiles)
    assert told == [(done, total) for done in range(total)]
    last.append(total + 2)
    with pytest.raises(KeyboardInterrupt):
        evaluate(painted(size, 2))
    assert len(told) == total + 2


@given(
    length=st.integers(16, 2000),
    tile=st.integers(16, 700),
    layers=st.sampled_from([DEEP, ("conv5_3",), ("conv4_1",), ("conv3_1",), ("conv1_1",)]),
)
def test_tiles_part_the_picture_and_see_enough_around_their_own_part(
    length: int, tile: int, layers: tuple[str, ...]
) -> None:
    side, stride = receptive_field(max(layers))
    assert margin(layers) >= (side - stride) / 2
    fitting = [(n, pixels) for n, pixels in tile_lengths(length, layers) if pixels <= tile]
    if not fitting:
        return
    count, pixels = fitting[0]
    found = spans(length, count, layers)
    assert [found[0].own_start, found[-1].own_stop] == [0, length]
    for one, other in zip(found, found[1:]):
        assert one.own_stop == other.own_start
    for span in found:
        assert span.stop - span.start == pixels
        assert span.start % stride == 0
        assert span.own_start < span.own_stop
        assert span.start == 0 or span.own_start - span.start >= margin(layers)
        seen = span.stop // stride * stride  # what the poolings leave of the tile
        assert span.stop == length or seen - span.own_stop >= margin(layers)
    assert found[0].start == 0
    assert found[-1].stop == length


def test_a_plan_keeps_to_the_memory_and_uses_it() -> None:
    size = (3000, 4000)
    costs = []
    for memory in (60e9, 18e9, 10e9, 5e9, 2e9, 0.5e9):
        plan = choose_plan(size, DEEP, memory)
        assert plan.bytes <= memory
        assert math.prod(plan.tiling.tile) <= LARGEST_TILE
        costs.append(plan.cost)
    assert costs == sorted(costs)
    assert costs[1] < 1.25
    assert choose_plan(size, DEEP, 60e9, keeps=False, largest=math.inf).cost < 1.4
    with pytest.raises(MemoryError, match=r"one tile takes 0\.0\d GB, and 0\.01 GB are free"):
        choose_plan(size, DEEP, 1e7)
    assert choose_plan((500, 500), DEEP, 1e9).tiling.whole


def test_a_picture_is_in_one_piece_only_where_the_memory_of_that_was_measured() -> None:
    whole = choose_plan((2000, 2200), DEEP, 60e9)
    assert (whole.tiling.whole, whole.kept_tiles, whole.cost) == (True, 0, 1)
    # Per pixel it takes more than a tile.
    assert whole.bytes > 1.05 * 2000 * 2200 * tile_bytes(DEEP, "average")
    assert whole.bytes == math.ceil(whole_bytes((2000, 2200), DEEP, "average"))
    assert not choose_plan((2000, 2200), DEEP, whole.bytes - 1).tiling.whole
    assert not choose_plan((2000, 2300), DEEP, 60e9).tiling.whole


@pytest.mark.parametrize(
    ("side", "least", "measured"),
    [(4, 256, 0), (4, 128, 354), (2, 128, 715)],
)
def test_winograd_takes_as_much_as_whole_processes_did(
    side: int, least: int, measured: int
) -> None:
    """Bytes per pixel by which the peak rose, with one tile of 933x700 pixels."""
    forms = {kind: WINOGRAD[side] if min(kind[:2]) >= least else DIRECT for kind in KINDS}
    usual = tile_bytes(DEEP, "average", USUAL_FORMS)
    assert measured <= tile_bytes(DEEP, "average", forms) - usual <= 1.2 * measured


def test_features_of_a_large_style_are_taken_by_tiles_that_fit() -> None:
    size = (8000, 8000)
    overheads = []
    for memory in (50e9, 3e9, 1e9):
        tiling = choose_feature_tiling(size, DEEP, memory)
        assert not tiling.whole
        assert tiling.tile[0] * tiling.tile[1] * 1500 <= memory
        overheads.append(tiling.overhead)
    assert overheads == sorted(overheads)
    assert overheads[1] < 1.2
    assert choose_feature_tiling((1000, 1000), DEEP, 1.6e9).whole
    with pytest.raises(MemoryError, match=r"one tile takes 0\.\d\d GB, and 0\.00 GB are free"):
        choose_feature_tiling(size, DEEP, -5)


def test_a_painting_by_tiles_is_the_painting(
    networks: dict[str, Network], losses: BlockedLosses
) -> None:
    size, network = (90, 75), networks["average"]
    job = Job(content="content", method="cutout", smoothing=0.5, **MIDDLE)
    content = painted(size, 1)
    inputs = scale_inputs(job, network, size, 1)
    layers = tuple(dict.fromkeys(sum(layers_of(job), ())))
    tiling = Tiling.fitting(size, layers, (64, 64))
    assert len(tiling.tiles) > 3
    traces = []
    for plan in (Plan(Tiling.of(size, layers, (1, 1)), 0, 0), Plan(tiling, 1, 0)):
        (evaluate,) = objectives(inputs, network, plan, losses, content)
        trace = LbfgsB(memory=10).minimize(
            evaluate, content, (0.0, 255.0), steps=7, on_step=lambda step, trace: False
        )
        assert trace.steps == 7
        traces.append(trace)
    whole, tiled = traces
    # Each step makes the differences in rounding larger.
    np.testing.assert_allclose(tiled.losses, whole.losses, rtol=5e-4)
    assert whole.losses[-1] < 0.5 * whole.losses[0]
    assert np.abs(tiled.picture - whole.picture).mean() < 0.2
    assert np.abs(whole.picture - content).mean() > 2
