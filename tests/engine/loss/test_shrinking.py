"""Tiles on a card that shrink when its memory runs out; the processor's provider is the card."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from engine.card_lbfgs import CardLbfgs
from engine.devices import ENTRIES
from engine.errors import DeviceMemoryError
from engine.events import Event, Notice
from engine.job import REST, Job, Region
from engine.loss.objective import Evaluation
from engine.loss.shrinking import is_consistent
from engine.loss.targets import Targets, compute_targets
from engine.loss.tiling import Plan, Tiling
from engine.masks.mask import Mask
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.network import DifferentiableNetwork, Network
from engine.optimizers import Lbfgs32
from engine.pictures.strips import ArrayPlanes
from engine.scale_resources import ScaleResources
from engine.scales import ScaleLoop
from engine.schedule import ScalePlan
from engine.time_left import ScaleTime, TimeLeft
from models.kernels import Kernels

ROOT = Path(__file__).resolve().parents[3]
SIZE = (96, 80)
LAYERS = ("conv2_1", "conv1_1", "conv3_1")
JOB = Job(
    content="photo.png",
    regions=(Region("oil.png"), Region("oil.png", REST)),
    content_layers=(("conv2_1", 1.0),),
    style_layers=(("conv1_1", 0.5), ("conv3_1", 0.5)),
)
WHOLE = Tiling.of(SIZE, LAYERS, (1, 1))
HALF = Tiling.of(SIZE, LAYERS, (3, 1))
QUARTER = Tiling.of(SIZE, LAYERS, (4, 3))
"""The tiles after shrinking: three of 48x80, twelve of 36x52; smaller ones would be all margin."""

SENTENCE = "The graphics card ran out of memory, so it now works in tiles of {} x {} pixels."


@pytest.fixture
def network(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> Network:
    card = replace(ENTRIES["cpu"], host_memory=False, forms={})
    monkeypatch.setitem(ENTRIES, "cpu", card)
    return Network(kernels, device="cpu", threads=1)


class Memory:
    """A card's memory: sessions of more pixels than it has room for fail as onnxruntime's do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pixels = math.inf
        self.silent = False
        self.passes = 0
        self.before_pass: Callable[[int], None] = lambda count: None
        run = DifferentiableNetwork._run

        def limited(own: DifferentiableNetwork, session: Any, binding: Any) -> None:
            self.passes += 1
            self.before_pass(self.passes)
            if math.prod(own.size) > self.pixels:
                if self.silent:
                    return
                message = (
                    "Non-zero status code returned while running Conv node. Status Message: "
                    "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer "
                    "of size 939524096"
                )
                raise DeviceMemoryError(message)
            run(own, session, binding)

        monkeypatch.setattr(DifferentiableNetwork, "_run", limited)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    return Memory(monkeypatch)


def loop(
    network: Network, events: list[Event], tilings: list[Tiling], method: str = "joint"
) -> ScaleLoop:
    random = np.random.default_rng(4)
    content = random.uniform(0, 255, (3, *SIZE)).astype(np.float32)
    style = random.uniform(0, 255, (3, 64, 64)).astype(np.float32)
    left = np.zeros(SIZE, np.float32)
    left[:, :30] = 1
    optimizer = Lbfgs32(3, partial(CardLbfgs, network))
    return ScaleLoop(
        JOB,
        METHODS[method],
        network,
        ArrayPlanes(content),
        [
            LoadedRegion(str(index), style, np.ones((64, 64), np.float32), Mask(mask), 1.0, 1.0)
            for index, mask in enumerate((left, 1 - left))
        ],
        [
            ScaleResources(ScalePlan(each.size, 3), Plan(each, 0, 0), optimizer, keeps_content=True)
            for each in tilings
        ],
        events.append,
        threading.Event(),
        TimeLeft([ScaleTime(0.0, 0.1, 0.1, 3, 1)] * len(tilings), 0.0),
        previews=False,
    )


def notices(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


@pytest.mark.parametrize(
    ("method", "pixels", "fitting", "sizes"),
    [
        ("stitch", 96 * 80 - 1, HALF, [(80, 48)]),
        ("joint", 48 * 80 - 1, QUARTER, [(80, 48), (52, 36)]),
    ],
)
def test_a_scale_that_does_not_fit_is_painted_in_the_tiles_that_do(
    network: Network,
    memory: Memory,
    method: str,
    pixels: int,
    fitting: Tiling,
    sizes: list[tuple[int, int]],
) -> None:
    expected = loop(network, [], [fitting], method).paint()
    memory.pixels = pixels
    events: list[Event] = []
    found = loop(network, events, [WHOLE], method)
    for picture, other in zip(found.paint(), expected):
        np.testing.assert_allclose(picture, other, atol=2e-3)  # the targets were seen whole
    assert notices(events) == [SENTENCE.format(*each) for each in sizes]
    assert found.shrunk


@pytest.mark.parametrize("of_backward", [False, True])
def test_where_a_lack_of_memory_raises_nothing_the_gradient_has_to_prove_itself(
    network: Network, memory: Memory, of_backward: bool
) -> None:
    """WebGPU leaves out what uses a buffer that it could not make, and reports success."""
    expected = loop(network, [], [HALF]).paint()
    network.entry = replace(network.entry, silent=True)
    memory.silent = True
    memory.pixels = 96 * 80 - 1

    def only_backward(count: int) -> None:
        memory.pixels = math.inf if (count - before) % 2 else 96 * 80 - 1

    if of_backward:
        before = memory.passes
        memory.before_pass = only_backward
    events: list[Event] = []
    for picture, other in zip(loop(network, events, [WHOLE]).paint(), expected):
        np.testing.assert_allclose(picture, other, atol=2e-3)
    assert notices(events) == [SENTENCE.format(80, 48)]


def test_memory_that_runs_out_in_the_middle_changes_no_step(
    network: Network, memory: Memory
) -> None:
    undisturbed = loop(network, [], [WHOLE])
    (expected,) = undisturbed.paint()
    assert not undisturbed.shrunk

    def take_memory(count: int) -> None:
        if count == before + 6:  # in the third evaluation, between its two passes
            memory.pixels = 96 * 80 - 1

    before = memory.passes
    memory.before_pass = take_memory
    events: list[Event] = []
    disturbed = loop(network, events, [WHOLE])
    (found,) = disturbed.paint()
    assert notices(events) == [SENTENCE.format(80, 48)]
    assert (disturbed.steps, disturbed.evaluations) == (undisturbed.steps, undisturbed.evaluations)
    losses, others = (
        [sum(parts.values()) for parts in each.curves[0].history]
        for each in (disturbed, undisturbed)
    )
    assert losses[:2] == others[:2]
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_the_next_scale_begins_with_the_tiles_that_fitted(network: Network, memory: Memory) -> None:
    memory.pixels = 96 * 80 - 1
    events: list[Event] = []
    loop(network, events, [WHOLE, WHOLE]).paint()
    assert notices(events) == [SENTENCE.format(80, 48)]


def test_features_that_do_not_fit_are_taken_by_tiles(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    content = random.uniform(0, 255, (3, *SIZE)).astype(np.float32)
    style = random.uniform(0, 255, (3, 104, 72)).astype(np.float32)
    half = np.tile(np.linspace(0, 1, 72, dtype=np.float32), (104, 1))
    regions = [LoadedRegion("a", style, half, Mask(np.ones(SIZE, np.float32)), 1.0, 1.0)]

    def targets(said: list[str]) -> Targets:
        return compute_targets(JOB, network, content, regions, lambda index: None, said.append)

    expected = targets([])
    extractor = Network.extractor

    def limited(own: Network, height: int, width: int, *given: Any, **named: Any) -> Any:
        if height * width > 4000:
            raise DeviceMemoryError("full")
        return extractor(own, height, width, *given, **named)

    monkeypatch.setattr(Network, "extractor", limited)
    said: list[str] = []
    found = targets(said)
    assert len(said) == 2
    features, others = (each.contents["conv2_1"][0] for each in (found, expected))
    assert features is not None
    assert others is not None
    np.testing.assert_allclose(features, others, rtol=1e-4, atol=1e-2)
    for layer, moments in expected.styles[0].items():
        np.testing.assert_allclose(found.styles[0][layer].gram, moments.gram, rtol=1e-4, atol=1)


def test_at_the_smallest_tiles_one_sentence_ends_the_run(network: Network, memory: Memory) -> None:
    memory.pixels = 100
    events: list[Event] = []
    with pytest.raises(DeviceMemoryError) as caught:
        loop(network, events, [WHOLE]).paint()
    assert str(caught.value) == (
        "The graphics card has not enough memory even for tiles of 52 x 36 pixels."
    )
    assert len(notices(events)) == 2


def test_the_optimizer_takes_the_memory_that_smaller_tiles_leave(
    network: Network, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its vectors cannot be made smaller; each of them is asked for again."""
    (expected,) = loop(network, [], [WHOLE]).paint()
    empty = Network.empty
    failed: list[tuple[int, ...]] = []

    def limited(own: Network, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        # The first vectors of a pair, after the first evaluation.
        if memory.passes > before and shape == (1, 3 * math.prod(SIZE)) and not failed:
            failed.append(shape)
            raise DeviceMemoryError("full")
        return empty(own, shape, dtype)

    before = memory.passes
    monkeypatch.setattr(Network, "empty", limited)
    events: list[Event] = []
    (found,) = loop(network, events, [WHOLE]).paint()
    assert failed
    assert notices(events) == [SENTENCE.format(80, 48)]
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_without_anything_to_free_the_card_is_said_to_be_full(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(own: Network, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        raise DeviceMemoryError("full")

    monkeypatch.setattr(Network, "empty", full)
    events: list[Event] = []
    with pytest.raises(DeviceMemoryError, match=r"^full$"):
        loop(network, events, [WHOLE]).paint()
    assert not notices(events)


LIMITED = """
import sys, threading
from collections.abc import Iterator
from dataclasses import replace
import numpy as np, onnxruntime
from engine import devices
from engine.events import Notice
from engine.job import Job, Region
from engine.run import stylize

kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
info = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
limits = {"max_mem": int(sys.argv[2]), "arena_extend_strategy": 1}
onnxruntime.create_and_register_allocator(info, onnxruntime.OrtArenaCfg(limits))
devices._arena_made = True
devices.ENTRIES["cpu"] = replace(devices.ENTRIES["cpu"], host_memory=False, forms={})
folder = sys.argv[1]
job = Job(
    content=folder + "/content.npy", output="-", regions=(Region(folder + "/style.npy"),), size=0,
    iterations=3, device="cpu", threads=1, content_layers=(("conv2_1", 1.0),),
    style_layers=(("conv1_1", 0.5), ("conv3_1", 0.5)),
)
def say(event):
    if isinstance(event, Notice):
        print(event.text)
print(stylize(job, say, threading.Event()).loss)
"""


def test_onnxruntimes_own_lack_of_memory_makes_tiles_shrink(tmp_path: Path) -> None:
    """A whole painting in a process whose sessions may take so many bytes between them."""
    random = np.random.default_rng(2)
    for name, size in (("content", (96, 80)), ("style", (40, 40))):
        rough = random.uniform(0, 1, (size[0] // 8, size[1] // 8, 3))
        smooth = rough.repeat(8, axis=0).repeat(8, axis=1)
        np.save(tmp_path / f"{name}.npy", smooth.astype(np.float32))
    said = []
    for limit in (1 << 30, 7_000_000):
        command = [sys.executable, "-c", LIMITED, str(tmp_path), str(limit)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.splitlines())
    assert len(said[0]) == 1
    assert said[1][:-1] == [SENTENCE.format(80, 48)]
    np.testing.assert_allclose(float(said[1][-1]), float(said[0][-1]), rtol=1e-4)


@pytest.mark.parametrize(
    ("factor", "proven"), [(1.0, True), (0.9, False), (0.0, False), (math.nan, False)]
)
def test_a_gradient_proves_itself_by_the_losses_around_the_picture(
    factor: float, proven: bool
) -> None:
    center = np.random.default_rng(1).uniform(0, 255, (3, 6, 8)).astype(np.float32)

    def evaluator(picture: np.ndarray) -> Iterator[Evaluation]:
        away = picture - center
        yield Evaluation(float((away.astype(np.float64) ** 2).sum() / 2), factor * away, {})

    assert is_consistent(evaluator, np.full((3, 6, 8), 100, np.float32)) is proven
