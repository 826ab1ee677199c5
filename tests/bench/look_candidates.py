"""Candidates for the default look: settings, and what the engine lacks for them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Callable
from unittest.mock import patch

import numpy as np
from scipy import ndimage, optimize, sparse

import models.graphs as graphs
from engine import scales, schedule
from engine.looks import LOOKS
from engine.loss import make_terms, targets
from engine.loss.definition import gram_loss, sum_of_squares
from engine.loss.terms import LayerGuidance, MomentsTerm, SmoothingTerm, StyleMoments
from engine.optimizers import LbfgsB
from engine.scales import ScaleLoop
from models.forms import Forms
from models.vgg16 import LAYERS as VGG_LAYERS

LAYERS = tuple(f"conv{block}_1" for block in range(1, 6))
ALL_LAYERS = tuple(layer for layer in VGG_LAYERS if layer.startswith("conv"))


def weighted(*weights: float, layers: tuple[str, ...] = LAYERS) -> dict[str, Any]:
    """Return style layers with weights that add up to 1."""
    return {
        "style_layers": tuple((layer, w / sum(weights)) for layer, w in zip(layers, weights) if w)
    }


# -- which scale -------------------------------------------------------------------------------
_level = {"number": 0, "last": False}


@contextmanager
def knowing_the_scale() -> Iterator[None]:
    """Let the patches below know which scale is being made."""
    inputs = ScaleLoop._inputs

    def made(self: ScaleLoop, content: Any, masks: Any, number: int, resources: Any) -> Any:
        _level.update(number=number, last=number == len(self._scales))
        return inputs(self, content, masks, number, resources)

    with patch.object(ScaleLoop, "_inputs", made):
        yield


@contextmanager
def coarsest(
    area: int, content: float = 1.0, shares: tuple[float, ...] = schedule.STEP_SHARES
) -> Iterator[None]:
    """Begin automatic scales with so many pixels, and count the content more before the last."""
    with patch.multiple(schedule, COARSEST_AREA=area, COARSE_CONTENT=content, STEP_SHARES=shares):
        yield


# -- content weight by scale -------------------------------------------------------------------
@contextmanager
def content_falls(factor: float) -> Iterator[None]:
    """Multiply the content weight by a factor at each finer scale."""
    original = targets.compute_targets

    def computed(*args: Any, **kw: Any) -> Any:
        found = original(*args, **kw)
        by = factor ** (_level["number"] - 1)
        contents = {layer: (f, w * by) for layer, (f, w) in found.contents.items()}
        return replace(found, contents=contents)

    with patch.object(scales, "compute_targets", computed):
        yield


@contextmanager
def smoothing_at_the_end(weight: float) -> Iterator[None]:
    """Add a little total variation at the last scale only."""
    made = lambda inputs: [SmoothingTerm(weight)] if _level["last"] else []  # noqa: E731
    with patch.object(make_terms, "COMMON_TERMS", (*make_terms.COMMON_TERMS[:-1], made)):
        yield


# -- moments -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class MeansTerm(MomentsTerm):
    """The loss of Gram matrices as they are, with that of the means beside it."""

    share: float = 1.0

    def loss(self, sums: np.ndarray) -> tuple[float, np.ndarray]:
        found = sums / self.guidance.total
        G, m = found[:, :-1], found[:, -1]
        A, b = self.gram.astype(np.float64), self.mean.astype(np.float64)
        area, n = self.guidance.area, len(G)
        size = self.share * float(np.trace(A))
        value, D = gram_loss(G, A, area)
        value += area / (2 * n**2) * size * sum_of_squares(m - b)
        d = size * (m - b) / n**2
        slope = np.concatenate([D, d[:, None]], axis=1) * self.weight
        return self.weight * value, slope.astype(np.float32)


@contextmanager
def means(share: float = 1.0) -> Iterator[None]:
    """Hold means besides Gram matrices."""

    def term(
        layer: str, guidance: LayerGuidance, weight: float, region: int, style: StyleMoments
    ) -> MeansTerm:
        return MeansTerm(layer, guidance, weight, region, style.gram, style.mean, share)

    with patch.dict(make_terms.STATISTICS_TERMS, {"gram": term}):
        yield


# -- the picture's edge --------------------------------------------------------------------------
@contextmanager
def first_layer_replicates() -> Iterator[None]:
    """Continue the picture beyond its edge by its own pixels at the first convolution."""
    forward, back = graphs._convolution, graphs._through_convolution
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)

    def convolution(build: Any, value: str, conv: Any, size: Any, forms: Forms) -> str:
        if conv.name != "conv1_1":
            return forward(build, value, conv, size, forms)
        value = build.node("Pad", value, build.constant(pads), mode="edge")
        kernel = build.shared("conv1_1.forward", (conv.outputs, conv.inputs, 3, 3))
        bias = build.shared("conv1_1.bias", (conv.outputs,))
        return build.node("Conv", value, kernel, bias, kernel_shape=(3, 3), pads=(0, 0, 0, 0))

    def through(build: Any, above: str, conv: Any, size: Any, forms: Forms) -> str:
        if conv.name != "conv1_1":
            return back(build, above, conv, size, forms)
        kernel = build.shared("conv1_1.forward", (conv.outputs, conv.inputs, 3, 3))
        wide = build.node("ConvTranspose", above, kernel, kernel_shape=(3, 3), pads=(0, 0, 0, 0))

        def cut(value: str, axis: int, start: int, end: int) -> str:
            bounds = (build.constant(np.array([n], np.int64)) for n in (start, end, axis))
            return build.node("Slice", value, *bounds)

        for axis, n in ((2, size[0]), (3, size[1])):
            first = build.node("Add", cut(wide, axis, 0, 1), cut(wide, axis, 1, 2))
            last = build.node("Add", cut(wide, axis, n, n + 1), cut(wide, axis, n + 1, n + 2))
            wide = build.node("Concat", first, cut(wide, axis, 2, n), last, axis=axis)
        return wide

    with (
        patch.object(graphs, "_convolution", convolution),
        patch.object(graphs, "_through_convolution", through),
    ):
        yield


# -- the start -----------------------------------------------------------------------------------
@contextmanager
def blurred_start(sigma: float) -> Iterator[None]:
    """Take the finest bands of the content out of the start."""
    original = scales.start_picture

    def start(*args: Any, **kw: Any) -> np.ndarray:
        return ndimage.gaussian_filter(original(*args, **kw), (0, sigma, sigma))

    with patch.object(scales, "start_picture", start):
        yield


# -- what is optimized -----------------------------------------------------------------------------
def expansion(side: int, level: int) -> sparse.csr_matrix:
    """Return what enlarges a row of a pyramid's level to a side, by linear steps of two."""
    sides = [side]
    for _ in range(level):
        sides.append((sides[-1] + 1) // 2)
    whole = sparse.identity(sides[-1], format="csr")
    for finer, coarser in zip(sides[-2::-1], sides[:0:-1]):
        at = (np.arange(finer) + 0.5) / 2 - 0.5
        low = np.floor(at).astype(int)
        share = at - low
        rows = np.tile(np.arange(finer), 2)
        columns = np.clip(np.concatenate([low, low + 1]), 0, coarser - 1)
        step = sparse.csr_matrix(
            (np.concatenate([1 - share, share]), (rows, columns)), shape=(finer, coarser)
        )
        whole = step @ whole
    return whole


class Pyramid:
    """A picture as the sum of enlarged coefficients, the finest level first."""

    def __init__(self, shape: tuple[int, ...], levels: int) -> None:
        _, height, width = shape
        self._across = [expansion(width, level) for level in range(levels)]
        self._down = [expansion(height, level) for level in range(levels)]
        self._shapes = [(3, d.shape[1], a.shape[1]) for d, a in zip(self._down, self._across)]

    def picture(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the picture that all coefficients make."""
        ends = np.cumsum([np.prod(shape) for shape in self._shapes])[:-1]
        levels = np.split(coefficients, ends)
        expanded = (
            np.stack([down @ (across @ plane.T).T for plane in level.reshape(shape)])
            for level, shape, down, across in zip(levels, self._shapes, self._down, self._across)
        )
        return functools.reduce(np.add, expanded)

    def gradient(self, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient by the coefficients from that by the pixels: the adjoint."""
        return np.concatenate(
            [
                np.stack([down.T @ (across.T @ plane.T).T for plane in gradient]).ravel()
                for down, across in zip(self._down, self._across)
            ]
        )

    def start(self, picture: np.ndarray) -> np.ndarray:
        """Return the coefficients of a Laplacian pyramid: what each level adds to the coarser."""
        rest, found = picture.astype(np.float64), []
        for level in range(len(self._shapes) - 1):
            coarse = ndimage.gaussian_filter(rest, (0, 1, 1))[:, ::2, ::2]
            side = self._shapes[level]
            down, across = expansion(side[1], 1), expansion(side[2], 1)
            found.append(rest - np.stack([down @ (across @ plane.T).T for plane in coarse]))
            rest = coarse
        return np.concatenate([each.ravel() for each in (*found, rest)])


@contextmanager
def laplacian_coefficients(levels: int) -> Iterator[None]:
    """Optimize the coefficients of a Laplacian pyramid (Kolkin et al. 2022, NNST)."""

    def search(self: LbfgsB, run: Any) -> None:
        pyramid = Pyramid(run.start.shape, levels)
        trace = run.begin(self.used, np.clip(run.start, *run.bounds), lambda: ({}, {}))

        def function(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
            free = pyramid.picture(coefficients)
            picture = np.clip(free, *run.bounds)
            evaluation = run.evaluate(picture.astype(np.float32))
            run.announce()
            return evaluation.loss, pyramid.gradient(evaluation.gradient * (free == picture))

        def callback(intermediate_result: optimize.OptimizeResult) -> None:
            trace.steps += 1

        options = {"maxiter": run.steps, "maxcor": self.memory, "ftol": 1e-12, "gtol": 0.0}
        start = pyramid.start(trace.picture)
        optimize.minimize(
            function, start, method="L-BFGS-B", jac=True, callback=callback, options=options
        )

    with patch.object(LbfgsB, "_search", search):
        yield


REFLECTED = {"reflected": 32}
"""Candidates that are painted with so many pixels more on each side."""

Patch = Callable[[], Any]
BEFORE: dict[str, Any] = {"init": "content", "statistics": "gram", "grain": 0.0}
"""The default of before; every candidate says what it changes."""

COLORS, MOMENTS = {"init": "colors"}, {"statistics": "moments"}
NOW: dict[str, Any] = {**COLORS, **MOMENTS, "grain": 1.0}
SCIPY = {"optimizer": "lbfgs"}

CHANGES: dict[str, tuple[dict[str, Any], tuple[Patch, ...]]] = {
    "before": ({}, (lambda: coarsest(190_000),)),
    "colors": (COLORS, ()),
    "moments": (MOMENTS, ()),
    "means": ({}, (means,)),
    "3 grain": ({"grain": 3.0}, ()),
    "content falls": ({}, (lambda: content_falls(0.5),)),
    "16:8:4:2:1": (weighted(16, 8, 4, 2, 1), ()),
    "256:64:16:4:1": (weighted(256, 64, 16, 4, 1), ()),
    "without conv5_1": (weighted(1, 1, 1, 1, 0), ()),
    "conv4_2": ({"content_layers": (("conv4_2", 1.0),)}, ()),
    "max": ({"pooling": "max"}, ()),
    "smoothing at the end": ({}, (lambda: smoothing_at_the_end(30.0),)),
    "first layer replicates": ({}, (first_layer_replicates,)),
    "reflected": ({}, ()),
    "blurred start": ({}, (lambda: blurred_start(3.0),)),
    "colors, means": (COLORS, (means,)),
    "colors, 3 means": (COLORS, (lambda: means(3.0),)),
    "colors, moments": ({**COLORS, **MOMENTS}, ()),
    "colors, means, max": ({**COLORS, "pooling": "max"}, (means,)),
    "colors, means, 16:8:4:2:1": ({**COLORS, **weighted(16, 8, 4, 2, 1)}, (means,)),
    "colors, means, 3 grain": ({**COLORS, "grain": 3.0}, (means,)),
    "now": (NOW, ()),
    "now, 12,500 first": (NOW, (lambda: coarsest(12_500),)),
    "now, 50,000 first": (NOW, (lambda: coarsest(50_000),)),
    "now, 50,000 first, fewer steps": (
        NOW,
        (lambda: coarsest(50_000, shares=(1, 0.3, 0.27, 0.1)),),
    ),
    "now, 75,000 first": (NOW, (lambda: coarsest(75_000),)),
    "now, 190,000 first": (NOW, (lambda: coarsest(190_000),)),
    "now, 50,000 first, strength 0.3": ({**NOW, "strength": 0.3}, (lambda: coarsest(50_000),)),
    "now, 3 grain": ({**NOW, "grain": 3.0}, ()),
    "now, 16:8:4:2:1": ({**NOW, **weighted(16, 8, 4, 2, 1)}, ()),
    "now, 256:64:16:4:1": ({**NOW, **weighted(256, 64, 16, 4, 1)}, ()),
    "now, 1:2:4:4:2": ({**NOW, **weighted(1, 2, 4, 4, 2)}, ()),
    "now, without conv5_1": ({**NOW, **weighted(1, 1, 1, 1, 0)}, ()),
    "now, all convolutions": ({**NOW, **weighted(*[1] * len(ALL_LAYERS), layers=ALL_LAYERS)}, ()),
    "now, content falls": (NOW, (lambda: content_falls(0.5),)),
    "now, smoothing at the end": (NOW, (lambda: smoothing_at_the_end(30.0),)),
    "now, L-BFGS-B": ({**NOW, **SCIPY}, ()),
    "now, 3 levels of a pyramid": ({**NOW, **SCIPY}, (lambda: laplacian_coefficients(3),)),
    "now, 6 levels of a pyramid": ({**NOW, **SCIPY}, (lambda: laplacian_coefficients(6),)),
    "paper": (LOOKS["paper"], ()),
}
CANDIDATES = {name: ({**BEFORE, **given}, patches) for name, (given, patches) in CHANGES.items()}


@contextmanager
def trying(name: str) -> Iterator[dict[str, Any]]:
    """Make the engine paint by a candidate; yields the job's settings."""
    settings, patches = CANDIDATES[name]
    with ExitStack() as stack:
        stack.enter_context(knowing_the_scale())
        for each in patches:
            stack.enter_context(each())
        yield settings
