"""From a job to a result, on real files and with the real network, in a few steps."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.events import Device, Event, Notice, Preview, Progress
from engine.job import METHODS, REST, Job, JobError, Region
from engine.metrics.detail import detail
from engine.optimizers import Lbfgs32
from engine.pictures.picture import read_picture
from engine.run import Result, stylize
from engine.sizes import planar
from engine.trace import Trace
from tests.engine.kept_sessions import forget_sessions

SIZE = (45, 62)
STEPS = 3
LAYERS = (("conv1_1", 0.4), ("conv2_1", 0.3), ("conv3_1", 0.3))


pytestmark = pytest.mark.usefixtures("kernels_made_once", "sessions_kept")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(11)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    content = 120 + 60 * np.sin([x / 9, y / 7, (x + y) / 11]) + random.normal(0, 8, (3, *SIZE))
    opacity = np.where(y < 30, 255, 4 * x)
    rgba = np.concatenate([content, opacity[None]]).clip(0, 255).astype(np.uint8)
    Image.fromarray(rgba.transpose(1, 2, 0)).save(folder / "content.png")
    for name, wave in (("one", np.sin(x / 1.5)), ("other", np.sign(np.sin(y / 2.0)))):
        colors = random.uniform(40, 215, (2, 3, 1, 1))
        style = np.where(wave > 0, colors[0], colors[1]) + random.normal(0, 6, (3, *SIZE))
        style = style.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(style).save(folder / f"{name}.png")
    middle = np.zeros(SIZE, np.uint8)
    middle[12:33, 17:45] = 255
    Image.fromarray(middle).save(folder / "middle.png")
    ramp = np.tile(np.linspace(0, 255, SIZE[1]), (SIZE[0], 1)).astype(np.uint8)
    Image.fromarray(ramp).save(folder / "ramp.png")
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(folder / "black.png")
    return folder


def job(folder: Path, *regions: Region, content: str = "content.png", **more: Any) -> Job:
    settings: dict[str, Any] = {
        "size": 0,
        "iterations": STEPS,
        "style_layers": LAYERS,
        "content_layers": (("conv2_2", 1.0),),
        "device": "cpu",
        "threads": 2,
        **more,
    }
    if "init_picture" in settings:
        settings["init_picture"] = str(folder / str(settings["init_picture"]))
    there = [
        replace(
            each,
            style=str(folder / each.style),
            mask=str(folder / each.mask) if each.mask not in ("", REST) else each.mask,
            style_mask=str(folder / each.style_mask) if each.style_mask else "",
        )
        for each in regions or (Region("one.png", "ramp.png"), Region("other.png", REST))
    ]
    return Job(content=str(folder / content), regions=tuple(there), **settings)


@dataclass
class Painter:
    """A painter that keeps the reports of its jobs; it stops after `stop_at` evaluations."""

    stop_at: int = 0
    events: list[Event] = field(default_factory=list)

    def paint(self, asked: Job) -> Result:
        stop = threading.Event()

        def report(event: Event) -> None:
            self.events.append(event)
            evaluated = [each for each in self.progress() if each.loss is not None]
            if self.stop_at and len(evaluated) >= self.stop_at:
                stop.set()

        return stylize(asked, report, stop, preview_seconds=0.0)

    def progress(self) -> list[Progress]:
        return [event for event in self.events if isinstance(event, Progress)]


def paint(asked: Job) -> Result:
    return Painter().paint(asked)


def original(folder: Path) -> np.ndarray:
    return read_picture(folder / "content.png").rgb


def mean_color(file: Path) -> np.ndarray:
    return read_picture(file).rgb.mean(axis=(0, 1))


@pytest.mark.parametrize("size", [0, 1000])
@pytest.mark.parametrize("method", METHODS)
def test_the_result_has_the_contents_size_and_alpha(folder: Path, method: str, size: int) -> None:
    result = paint(job(folder, method=method, size=size))
    rgb, alpha = result.picture.rgb, result.picture.alpha
    assert rgb.shape == (*SIZE, 3)
    assert rgb.dtype == np.float32
    assert rgb.min() >= 0
    assert rgb.max() <= 255
    np.testing.assert_array_equal(alpha, read_picture(folder / "content.png").alpha)
    assert np.abs(rgb - original(folder)).mean() > 3  # it was painted
    assert np.isfinite(result.loss)
    assert result.steps == STEPS * (2 if method == "stitch" else 1)
    assert result.evaluations > result.steps
    assert (result.stopped, result.device, result.threads) == (False, "cpu", 2)
    np.testing.assert_allclose(result.coverage, (0.5, 0.5), atol=0.01)
    if size:
        assert result.working_size == (27, 37)
        assert result.notices == (
            "The picture of 62 x 45 pixels is painted at 37 x 27 and then enlarged.",
        )
    else:
        assert result.working_size == SIZE
        assert result.notices == ()


@pytest.mark.parametrize("size", [0, 1000])
@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("auto", {}),
        ("cutout", {"init": "noise"}),
        ("pinned", {}),
        ("pinned", {"init": "noise"}),
        ("pinned", {"optimizer": "adam"}),
        ("stitch", {"init": "noise"}),
    ],
)
def test_what_no_mask_covers_keeps_every_bit(
    folder: Path, method: str, more: dict[str, Any], size: int
) -> None:
    result = paint(job(folder, Region("one.png", "middle.png"), method=method, size=size, **more))
    there = np.zeros(SIZE, bool)
    there[12:33, 17:45] = True
    before, after = original(folder), result.picture.rgb
    np.testing.assert_array_equal(after[~there], before[~there])
    assert np.abs(after - before)[there].mean() > 3


@pytest.mark.parametrize(
    ("mask", "used"),
    [
        ("", "float32 L-BFGS with a memory of 1 steps and a diagonal first matrix"),
        ("middle.png", "L-BFGS-B with a memory of 10 steps"),
    ],
)
def test_a_run_that_protects_something_has_no_diagonal(folder: Path, mask: str, used: str) -> None:
    protect = str(folder / mask) if mask else ""
    assert paint(job(folder, protect=protect, iterations=1)).optimizer == used


def test_a_region_that_covers_nothing_is_refused_before_anything_is_painted(folder: Path) -> None:
    painter = Painter()
    asked = job(folder, Region("one.png", "ramp.png"), Region("other.png", "black.png", name="sky"))
    with pytest.raises(JobError, match=r"^Region sky covers 0 of 2790 pixels"):
        painter.paint(asked)
    assert {each.stage for each in painter.progress()} == {"model"}


def test_a_job_that_contradicts_itself_is_refused(folder: Path) -> None:
    with pytest.raises(JobError, match=r"^optimizer: 'lbfgs' cannot be used"):
        paint(job(folder, method="gradient", optimizer="lbfgs"))


def test_a_region_that_vanishes_at_a_deep_layer_is_said_once(folder: Path) -> None:
    painter = Painter()
    layers = (("conv1_1", 0.5), ("conv4_1", 0.5))
    region = Region("one.png", "middle.png", name="middle")
    result = painter.paint(
        job(folder, region, propagation="inside", style_layers=layers, scales=2, iterations=1)
    )
    assert result.notices == tuple(
        event.text for event in painter.events if isinstance(event, Notice)
    )
    assert sorted(result.notices) == [
        "Region middle covers 0 of 35 positions at conv4_1, which is skipped for it.",
        "Region middle covers 0 of 6 positions at conv4_1, which is skipped for it.",
    ]
    assert np.abs(result.picture.rgb - original(folder)).max() > 3


def test_the_same_job_gives_the_same_bits_and_another_seed_others(folder: Path) -> None:
    asked = job(folder, init="noise", seed=5)
    first = paint(asked)
    forget_sessions()
    again = paint(asked)
    np.testing.assert_array_equal(first.picture.rgb, again.picture.rgb)
    assert (first.loss, first.evaluations) == (again.loss, again.evaluations)
    other = paint(replace(asked, seed=6))
    assert np.abs(other.picture.rgb - first.picture.rgb).mean() > 3


@pytest.mark.parametrize("method", ["joint", "gradient", "stitch"])
def test_stopping_ends_early_with_the_best_picture_so_far(folder: Path, method: str) -> None:
    painter = Painter(stop_at=3)
    asked = job(folder, method=method, iterations=50, scales=2)
    result = painter.paint(asked)
    assert result.stopped
    assert result.evaluations == 3
    assert result.picture.rgb.shape == (*SIZE, 3)
    assert np.abs(result.picture.rgb - original(folder)).mean() > 0.5
    assert painter.progress()[-1].stage == "write"


def test_a_smaller_painting_is_enlarged_with_strokes(folder: Path) -> None:
    painter = Painter()
    found = painter.paint(job(folder, Region("one.png"), size=400))
    smooth = paint(job(folder, Region("one.png"), size=400, enlargement="smooth"))
    style = planar(read_picture(folder / "one.png").rgb)
    sharpness = [detail(planar(each.picture.rgb), style)[0] for each in (found, smooth)]
    assert sharpness[0] > 2 * sharpness[1]
    assert found.loss == smooth.loss
    assert (found.stages["strokes"] > 0, smooth.stages["strokes"] < 0.01) == (True, True)
    told = [each for each in painter.progress() if each.stage == "strokes"]
    assert [(each.step, each.steps) for each in told] == [(1, 1)]
    left = [each.seconds_left for each in painter.progress() if each.stage in ("strokes", "write")]
    assert None not in left


def test_stopping_while_strokes_are_added_leaves_the_painting_smooth(folder: Path) -> None:
    asked, stop = job(folder, Region("one.png"), size=400), threading.Event()

    def report(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "strokes":
            stop.set()

    found = stylize(asked, report, stop)
    assert found.stopped
    smooth = paint(replace(asked, enlargement="smooth"))
    np.testing.assert_array_equal(found.picture.numbers, smooth.picture.numbers)


def test_strokes_have_the_contents_colors_with_luminance(folder: Path) -> None:
    result = paint(job(folder, Region("one.png"), size=400, colors="luminance"))
    before, after = planar(original(folder)), planar(result.picture.rgb)
    unclipped = (after.min(axis=0) > 1) & (after.max(axis=0) < 254)
    chroma = [each - each.mean(axis=0) for each in (before, after)]
    assert unclipped.mean() > 0.5
    assert np.abs(chroma[0] - chroma[1])[:, unclipped].mean() < 8


def test_a_picture_that_is_not_cut_out_has_strokes_past_the_masks(folder: Path) -> None:
    asked = job(folder, Region("one.png", "middle.png"), size=400, method="stitch", uncut=True)
    found, smooth = (paint(replace(asked, enlargement=each)) for each in ("strokes", "smooth"))
    changed = np.abs(found.uncut[0].rgb - smooth.uncut[0].rgb)
    assert changed[:8].mean() > 3
    assert changed[-8:].mean() > 3


def test_a_result_that_was_asked_for_waits_for_no_preview(folder: Path) -> None:
    painter = Painter(stop_at=1)
    painter.paint(job(folder, iterations=50))
    stopped = next(number for number, event in enumerate(painter.events)
                   if isinstance(event, Progress) and event.loss is not None)  # fmt: skip
    assert not any(isinstance(event, Preview) for event in painter.events[stopped:])


def test_the_loss_goes_down_and_is_that_of_the_best_step(folder: Path) -> None:
    painter = Painter()
    result = painter.paint(job(folder, iterations=8))
    losses = [each.loss for each in painter.progress() if each.loss is not None]
    assert all(later <= earlier for earlier, later in pairwise(losses))
    assert result.loss == losses[-1] < 0.5 * losses[0]


def test_events_tell_the_whole_course(folder: Path) -> None:
    painter = Painter()
    painter.paint(job(folder, scales=2))
    stages = [each.stage for each in painter.progress()]
    order = list(dict.fromkeys(stages))
    assert order == ["model", "content", "style", "paint", "write"]
    devices = [event for event in painter.events if isinstance(event, Device)]
    assert devices == [Device("cpu", "CPUExecutionProvider", 2, "processor")]
    painting = [each for each in painter.progress() if each.stage == "paint"]
    for scale in (1, 2):
        steps = [each.step for each in painting if each.scale == scale]
        assert steps == sorted(steps)
        assert steps[0] == 0
    assert {(each.scales, each.steps) for each in painting} == {(2, STEPS)}
    left = [each.seconds_left for each in painting if each.seconds_left is not None]
    assert left
    assert min(left) >= 0
    previews = [event.picture for event in painter.events if isinstance(event, Preview)]
    assert previews
    for preview in previews:
        assert preview.dtype == np.uint8
        assert preview.shape[2] == 3


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Return a list that every picture that L-BFGS starts from is added to."""
    caught: list[np.ndarray] = []
    real = Lbfgs32.minimize

    def spy(self: Lbfgs32, evaluate: Any, start: np.ndarray, bounds: Any, **options: Any) -> Trace:
        caught.append(start.transpose(1, 2, 0).copy())
        return real(self, evaluate, start, bounds, **options)

    monkeypatch.setattr(Lbfgs32, "minimize", spy)
    return caught


def test_each_start_is_what_it_is_called(folder: Path, starts: list[np.ndarray]) -> None:
    for init in ("content", "noise", "picture", "colors"):
        paint(job(folder, init=init, init_picture="other.png", iterations=1, seed=3))
    content, noise, picture, colors = starts
    np.testing.assert_array_equal(content, original(folder))
    np.testing.assert_array_equal(picture, read_picture(folder / "other.png").rgb)
    assert abs(noise.mean() - 127.5) < 3
    assert abs(noise.std() - 50) < 3
    assert noise.min() >= 0
    assert noise.max() <= 255
    # Where one mask is 1 the colors are that style's; in between they change over.
    one, other = (
        read_picture(folder / f"{name}.png").rgb.mean(axis=(0, 1)) for name in ("one", "other")
    )
    right, left = colors[:, -12:].mean(axis=(0, 1)), colors[:, :12].mean(axis=(0, 1))
    assert np.linalg.norm(right - one) < 0.5 * np.linalg.norm(right - other)
    assert np.linalg.norm(left - other) < 0.5 * np.linalg.norm(left - one)


def test_colors_of_a_style_leave_the_uncovered_as_it_is(
    folder: Path, starts: list[np.ndarray]
) -> None:
    paint(job(folder, Region("one.png", "middle.png"), init="colors", iterations=1))
    outside = np.ones(SIZE, bool)
    outside[12:33, 17:45] = False
    np.testing.assert_array_equal(starts[0][outside], original(folder)[outside])
    moved = starts[0][~outside].mean(axis=0)
    np.testing.assert_allclose(moved, mean_color(folder / "one.png"), atol=5)


def test_a_scale_starts_from_the_one_before(folder: Path, starts: list[np.ndarray]) -> None:
    result = paint(job(folder, scales=2, size=2400))
    assert [start.shape[:2] for start in starts] == [(21, 29), (42, 58)]
    assert result.working_size == (42, 58)
    assert result.steps == 2 * STEPS
    small = np.asarray(Image.fromarray(starts[0].astype(np.uint8)).resize((58, 42)), np.float32)
    assert np.abs(starts[1] - small).mean() > 3  # something was painted at the first scale


def test_several_styles_in_the_same_region_all_count(folder: Path) -> None:
    both = [Region("one.png", "middle.png"), Region("other.png", "middle.png")]
    result = paint(job(folder, *both))
    assert result.coverage[0] == result.coverage[1]
    for alone in both:
        away = np.abs(paint(job(folder, alone)).picture.rgb - result.picture.rgb)
        assert away[12:33, 17:45].mean() > 1


@pytest.mark.parametrize("method", ["joint", "banded", "stitch"])
def test_only_what_the_style_mask_shows_of_a_style_counts(folder: Path, method: str) -> None:
    style = read_picture(folder / "one.png").rgb.astype(np.uint8)
    for name, value in (("gray", 128), ("loud", 255)):
        spoilt = style.copy()
        spoilt[:, 40:] = value
        Image.fromarray(spoilt).save(folder / f"{name}.png")
    half = np.zeros(SIZE, np.uint8)
    half[:, :40] = 255
    Image.fromarray(half).save(folder / "half.png")
    results = [
        paint(
            job(folder, Region(f"{name}.png", style_mask=mask), method=method, propagation="inside")
        ).picture.rgb
        for name, mask in (("gray", "half.png"), ("loud", "half.png"), ("loud", ""))
    ]
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[2] - results[1]).mean() > 1


def test_a_styles_scale_changes_the_result(folder: Path) -> None:
    once, larger = (
        paint(job(folder, Region("one.png", style_size=scale))).picture.rgb for scale in (1.0, 2.0)
    )
    assert np.abs(once - larger).mean() > 1


@pytest.mark.parametrize("size", [(16, 16), (16, 300), (131, 17)], ids=str)
@pytest.mark.parametrize("method", ["joint", "banded", "pinned"])
def test_the_smallest_and_the_longest_pictures_are_painted_with_all_layers(
    folder: Path, size: tuple[int, int], method: str
) -> None:
    random = np.random.default_rng(2)
    pixels = random.integers(60, 190, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "odd.png")
    usual = {"style_layers": Job().style_layers, "content_layers": Job().content_layers}
    result = paint(job(folder, content="odd.png", method=method, iterations=2, **usual))
    assert result.picture.rgb.shape == (*size, 3)
    assert result.picture.alpha is None
    assert np.abs(result.picture.rgb - pixels).mean() > 1


def test_stitching_is_the_masked_sum_of_whole_pictures(folder: Path) -> None:
    regions = Region("one.png", "middle.png"), Region("other.png", "ramp.png")
    result = paint(job(folder, *regions, method="stitch", uncut=True))
    assert len(result.uncut) == 2
    content = original(folder).astype(np.float64)
    one, other = (np.asarray(Image.open(folder / each.mask), float) / 255 for each in regions)
    over = np.maximum(one + other, 1)  # where they overlap, shares of the sum
    first, second = (each.rgb.astype(np.float64) for each in result.uncut)
    left = 1 - np.minimum(one + other, 1)
    shares = [(share / over)[..., None] for share in (one, other)]
    expected = shares[0] * first + shares[1] * second + left[..., None] * content
    np.testing.assert_allclose(result.picture.rgb, expected, rtol=0, atol=0.01)
    np.testing.assert_array_equal(result.uncut[0].alpha, result.picture.alpha)
    alone = paint(job(folder, regions[0], method="stitch", uncut=True))
    np.testing.assert_array_equal(alone.uncut[0].rgb, result.uncut[0].rgb)


@pytest.mark.parametrize("method", ["auto", "cutout"])
def test_cutout_is_one_picture_under_the_masks(folder: Path, method: str) -> None:
    regions = Region("one.png", "middle.png"), Region("other.png", "ramp.png")
    result = paint(job(folder, *regions, method=method, uncut=True))
    assert result.method == "cutout"
    (free,) = result.uncut
    content = original(folder).astype(np.float64)
    masks = (np.asarray(Image.open(folder / each.mask), float) / 255 for each in regions)
    covered = np.minimum(sum(masks), 1)[..., None]
    expected = covered * free.rgb + (1 - covered) * content
    np.testing.assert_allclose(result.picture.rgb, expected, rtol=0, atol=0.01)
    faint = (covered < 0.5)[..., 0]
    assert np.abs(free.rgb - result.picture.rgb)[faint].mean() > 1


def test_where_masks_cover_everything_nothing_is_cut_out(folder: Path) -> None:
    regions = Region("one.png", "ramp.png"), Region("other.png", "rest")
    result = paint(job(folder, *regions, uncut=True))
    assert result.method == "banded"
    (free,) = result.uncut
    np.testing.assert_allclose(free.rgb, result.picture.rgb, rtol=0, atol=0.01)
