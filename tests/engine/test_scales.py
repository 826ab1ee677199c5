"""The loop over scales with tiles: a stop waits for one tile, and the tile at work is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine import scale_progress
from engine.cli.terminal import progress_text
from engine.events import Event, Progress
from engine.job import Job, Region
from engine.loss.tiling import Plan, Tiling, choose_feature_tiling
from engine.masks.mask import Everywhere
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.network import DifferentiableNetwork, Network
from engine.optimizers import Lbfgs32
from engine.pictures.strips import ArrayPlanes
from engine.scale_resources import ScaleResources
from engine.scales import ScaleLoop
from engine.schedule import ScalePlan
from engine.sizes import next_start
from engine.strokes.enlarging import StrokeSource, enlarge_with_strokes
from engine.time_left import ScaleTime, TimeLeft
from models.kernels import Kernels

SMALL, LARGE = (48, 40), (96, 80)
STYLE_MEMORY = 4e6
LAYERS = ("conv2_1", "conv1_1", "conv3_1")
JOB = Job(
    content="photo.png",
    regions=(Region("oil.png"),),
    content_layers=(("conv2_1", 1.0),),
    style_layers=(("conv1_1", 0.5), ("conv3_1", 0.5)),
)


class Tiles:
    """A counter of the network's passes, one per tile, that stops the run at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.stop_at = 0
        self.stop = threading.Event()
        forward, extractor = DifferentiableNetwork.forward, Network.extractor

        def counted_forward(own: DifferentiableNetwork, picture: np.ndarray) -> Any:
            self.one_more()
            return forward(own, picture)

        def counted_extractor(*given: Any, **named: Any) -> Callable[[np.ndarray], Any]:
            extract = extractor(*given, **named)

            def counted(picture: np.ndarray) -> Any:
                self.one_more()
                return extract(picture)

            return counted

        monkeypatch.setattr(DifferentiableNetwork, "forward", counted_forward)
        monkeypatch.setattr(Network, "extractor", counted_extractor)

    def one_more(self) -> None:
        self.count += 1
        if self.count == self.stop_at:
            self.stop.set()


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> Tiles:
    return Tiles(monkeypatch)


@pytest.fixture(scope="module")
def network(kernels: Kernels) -> Network:
    return Network(kernels, device="cpu", threads=1)


def resources(
    size: tuple[int, int], counts: tuple[int, int], steps: int, *, with_strokes: bool = False
) -> ScaleResources:
    plan = Plan(Tiling.of(size, LAYERS, counts), 0, 0)
    scale = ScalePlan(size, steps, with_strokes=with_strokes)
    return ScaleResources(scale, plan, Lbfgs32(3), keeps_content=True)


def loop(
    network: Network,
    tiles: Tiles,
    events: list[Event],
    count: int = 2,
    *,
    with_strokes: bool = False,
) -> ScaleLoop:
    """Return a loop of a scale in one piece and one in four tiles, with a style in tiles, too."""
    random = np.random.default_rng(4)
    content = random.uniform(0, 255, (3, *LARGE)).astype(np.float32)
    style = random.uniform(0, 255, (3, 64, 64)).astype(np.float32)
    everywhere = np.ones((64, 64), np.float32)
    region = LoadedRegion("a", style, everywhere, Everywhere(LARGE), 1.0, 1.0)
    return ScaleLoop(
        JOB,
        METHODS["joint"],
        network,
        ArrayPlanes(content),
        [region],
        [
            resources(SMALL, (1, 1), 2),
            resources(LARGE, (2, 2), 3, with_strokes=with_strokes),
        ][:count],
        events.append,
        tiles.stop,
        TimeLeft([ScaleTime(0.0, 0.1, 0.1, 2, 1), ScaleTime(0.0, 0.4, 0.4, 3, 1)][:count], 0.0),
        style_memory=STYLE_MEMORY,
        previews=False,
    )


def test_a_stop_waits_for_one_tile_and_returns_the_best_picture_at_the_last_size(
    network: Network, tiles: Tiles
) -> None:
    (coarse,) = loop(network, tiles, [], count=1).paint()
    before = tiles.count  # passes of the first scale
    assert coarse.shape[1:] == SMALL
    coarse = next_start(coarse, LARGE)
    tiles.count = 0
    events: list[Event] = []
    (fine,) = loop(network, tiles, events).paint()
    whole = tiles.count
    assert not np.array_equal(fine, coarse)
    evaluation = 8 - 1  # two passes over four tiles, of which the last one is kept
    of_style = len(choose_feature_tiling((64, 64), LAYERS[1:], STYLE_MEMORY).tiles)
    assert of_style > 1
    content, style = before + 1, before + 4 + 2
    first = before + 4 + of_style  # passes before the first evaluation of the second scale
    assert whole >= first + 4 * evaluation
    points = (content, style, first + 2, first + 6, first + evaluation + 2)
    for stop_at in points:
        tiles.count, tiles.stop_at = 0, stop_at
        tiles.stop.clear()
        stopped = loop(network, tiles, [])
        (picture,) = stopped.paint()
        assert stopped.stopped
        assert tiles.count == stop_at  # the tile at work was the last one
        assert picture.shape[1:] == LARGE
        # Until its first evaluation ends, the best picture of a scale is the one before.
        assert np.isfinite(stopped.loss)
        np.testing.assert_array_equal(picture, coarse)
        assert stopped.evaluations == sum(len(curve.history) for curve in stopped.curves)


def test_a_finer_scale_starts_from_the_one_before_with_the_strokes_of_the_style(
    network: Network, tiles: Tiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (coarse,) = loop(network, tiles, [], count=1).paint()
    starts, minimize = [], Lbfgs32.minimize

    def noted(own: Lbfgs32, evaluate: Any, start: np.ndarray, *given: Any, **named: Any) -> Any:
        starts.append((start.copy(), named["first_change"]))
        return minimize(own, evaluate, start, *given, **named)

    monkeypatch.setattr(Lbfgs32, "minimize", noted)
    events: list[Event] = []
    painted = loop(network, tiles, events, with_strokes=True)
    painted.paint()
    (_, first), (start, change) = starts
    assert change < first
    assert painted.enlarging > 0
    style = painted._regions[0].style
    source = StrokeSource(style, np.ones(style.shape[1:]), 1.0, np.ones(SMALL, np.float32))
    expected = enlarge_with_strokes(coarse, LARGE, [source])
    assert expected is not None
    np.testing.assert_allclose(start.transpose(1, 2, 0), expected / 65535 * 255, atol=1e-4)
    assert np.abs(start - next_start(coarse, LARGE)).mean() > 1
    told = [each for each in events if isinstance(each, Progress) and each.stage == "enlarge"]
    assert [(each.scale, each.scales, each.step, each.steps) for each in told] == [(2, 2, 1, 1)]


def test_a_stop_before_a_finer_scale_leaves_the_painting_smooth(
    network: Network, tiles: Tiles
) -> None:
    (coarse,) = loop(network, tiles, [], count=1).paint()

    class Stopping(list[Event]):
        def append(self, event: Event) -> None:
            if isinstance(event, Progress) and event.stage == "enlarge":
                tiles.stop.set()

    stopped = loop(network, tiles, Stopping(), with_strokes=True)
    (picture,) = stopped.paint()
    assert stopped.stopped
    np.testing.assert_array_equal(picture, next_start(coarse, LARGE))


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_the_tile_at_work_is_shown_in_long_evaluations_only(
    network: Network, tiles: Tiles, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(scale_progress, "TILE_SECONDS", seconds)
    events: list[Event] = []
    loop(network, tiles, events).paint()
    shown = [each for each in events if isinstance(each, Progress) and each.tiles]
    if seconds:
        assert not shown
        return
    painted = [(each.tile, each.tiles) for each in shown if each.stage == "paint"]
    assert painted[:8] == [(tile, 8) for tile in range(1, 9)]
    assert {each.stage for each in shown} == {"content", "style", "paint"}
    text = progress_text(Progress("paint", 3, 15, 2, 2, 5.0, 61.0, 7, 24), None)
    assert text == "painting  size 2 of 2  3/15  tile 7/24  loss 5  1 min 1 s left"


def test_the_content_stays_as_it_is_where_the_painting_starts_from_it(
    network: Network, tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    content = random.integers(0, 256, (3, *LARGE)).astype(np.float32)
    start = tmp_path / "start.png"
    Image.fromarray(content.transpose(1, 2, 0).astype(np.uint8)).save(start)
    style = random.uniform(0, 255, (3, 64, 64)).astype(np.float32)
    region = LoadedRegion("a", style, np.ones((64, 64), np.float32), Everywhere(LARGE), 1.0, 1.0)
    pictures = []
    of_content = replace(JOB, init="content")
    for job in (of_content, replace(JOB, init="picture", init_picture=str(start))):
        scale = ScaleLoop(
            job,
            METHODS["joint"],
            network,
            ArrayPlanes(content),
            [region],
            # The tiles take the content's features again and again.
            [replace(resources(LARGE, (2, 2), 3), keeps_content=False)],
            lambda event: None,
            threading.Event(),
            TimeLeft([ScaleTime(0.0, 0.4, 0.4, 3, 1)], 0.0),
            previews=False,
        )
        pictures += scale.paint()
    from_content, from_picture = pictures
    np.testing.assert_array_equal(from_content, from_picture)
    assert np.abs(from_content - content).mean() > 2
