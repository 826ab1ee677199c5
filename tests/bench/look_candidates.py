"""Candidates for the default look: settings, and what the engine lacks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Callable
from unittest.mock import patch

import numpy as np

import models.graphs as graphs
from engine import scales
from engine.loss import make_terms, targets
from engine.loss.definition import gram_loss, sum_of_squares
from engine.loss.terms import SMOOTHING, StyleTerm
from engine.scales import ScaleLoop
from engine.sizes import resized, resized_mask, style_size

LAYERS = tuple(f"conv{block}_1" for block in range(1, 6))


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
    from engine.loss.terms import SmoothingTerm

    made = lambda inputs: [SmoothingTerm(weight)] if _level["last"] else []  # noqa: E731
    with patch.object(make_terms, "TERMS", (*make_terms.TERMS[:-1], made)):
        yield


# -- moments -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class MomentTerm(StyleTerm):
    """The Gram loss, of features as they are or centered, with the loss of their means.

    target has a column more: the means.
    """

    centered: bool = False
    share: float = 1.0

    def sums(self, F: np.ndarray, where: slice) -> np.ndarray | None:
        values = self.guidance.values[where]
        if not values.any():
            return None
        FT = F * values
        return np.concatenate([FT @ F.T, FT.sum(axis=1, keepdims=True)], axis=1)

    def loss(self, sums: np.ndarray) -> tuple[float, np.ndarray]:
        mean = sums / self.guidance.total
        G, m = mean[:, :-1], mean[:, -1]
        A, b = self.target[:, :-1].astype(np.float64), self.target[:, -1].astype(np.float64)
        size = self.share * float(np.trace(A))
        if self.centered:
            G, A = G - np.outer(m, m), A - np.outer(b, b)
        area = self.guidance.area
        value, D = gram_loss(G, A, area)
        n = len(G)
        value += area / (4 * n**2) * 2 * size * sum_of_squares(m - b)
        d = size * (m - b) / n**2
        if self.centered:
            d = d - D @ m
        slope = np.concatenate([D, d[:, None]], axis=1) * self.weight
        return self.weight * value, slope.astype(np.float32)

    def add_gradient(
        self, F: np.ndarray, where: slice, slope: Any, out: np.ndarray, written: bool
    ) -> bool:
        values = self.guidance.values[where]
        if not values.any():
            return written
        product = slope[:, :-1] @ F + slope[:, -1:]
        product *= values / np.float32(self.guidance.positions)
        if written:
            out += product
        else:
            out[...] = product
        return True


@contextmanager
def moments(centered: bool, share: float = 1.0) -> Iterator[None]:
    """Use MomentTerm in place of StyleTerm."""

    def style_moments(network: Any, tiling: Any, style: Any, guidance: Any) -> Any:
        features = network.features(style, tuple(guidance))
        found = {}
        for layer, T in guidance.items():
            F = features[layer]
            m = (F @ T) / T.sum(dtype=np.float64)
            G = (F * T) @ F.T / float(T.sum(dtype=np.float64))
            found[layer] = np.concatenate([G, m[:, None]], axis=1).astype(np.float32)
        return found

    def term(*args: Any) -> MomentTerm:
        return MomentTerm(*args, centered=centered, share=share)

    with (
        patch.object(targets, "style_grams", style_moments),
        patch.object(make_terms, "StyleTerm", term),
    ):
        yield


# -- differences at small distances --------------------------------------------------------------
LAGS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (2, 2), (2, -2), (0, 4), (4, 0))


def _slices(lag: tuple[int, int]) -> tuple[tuple, tuple]:
    down, right = lag
    rows = (slice(None, -down or None), slice(down, None))
    if right >= 0:
        columns = (slice(None, -right or None), slice(right, None))
    else:
        columns = (slice(-right, None), slice(None, right))
    return (rows[0], columns[0]), (rows[1], columns[1])


def variogram(X: np.ndarray, T: np.ndarray, lag: tuple[int, int]) -> np.ndarray:
    """Return the mean product of the differences at a distance, shape (3, 3)."""
    a, b = _slices(lag)
    d = X[(slice(None), *a)] - X[(slice(None), *b)]
    W = T[a] * T[b]
    d = d.reshape(3, -1)
    return (d * W.ravel()) @ d.T / float(W.sum(dtype=np.float64))


@dataclass(frozen=True)
class LagTerm:
    """The relative error of the variograms of a region's colors, summed over LAGS."""

    mask: np.ndarray
    targets: tuple
    weight: float
    part: Any = SMOOTHING

    def add_gradient(self, picture: np.ndarray, gradient: np.ndarray) -> float:
        value = 0.0
        area = float(self.mask.mean())
        for lag, target in zip(LAGS, self.targets):
            a, b = _slices(lag)
            d = picture[(slice(None), *a)] - picture[(slice(None), *b)]
            W = self.mask[a] * self.mask[b]
            total = float(W.sum(dtype=np.float64))
            flat = d.reshape(3, -1)
            S = (flat * W.ravel()) @ flat.T / total
            size = float(np.trace(target)) ** 2 + 1.0
            error = S - target
            k = self.weight * area / len(LAGS)
            value += k * float((error**2).sum()) / size
            slope = (4 * k / size / total) * error
            g = np.tensordot(slope.astype(np.float32), d, 1) * W
            gradient[(slice(None), *a)] += g
            gradient[(slice(None), *b)] -= g
        return value


@contextmanager
def lags(weight: float) -> Iterator[None]:
    """Hold the finest differences to the style's."""

    def made(inputs: Any) -> list:
        terms = []
        for region, mask in zip(inputs.regions, inputs.masks):
            size = style_size(region.style, inputs.size[0] * inputs.size[1], region.style_size)
            style = resized(region.style, size)
            T = resized_mask(region.style_mask, size)
            terms.append(LagTerm(mask, tuple(variogram(style, T, lag) for lag in LAGS), weight))
        return terms

    with patch.object(make_terms, "TERMS", (*make_terms.TERMS, made)):
        yield


# -- the picture's edge --------------------------------------------------------------------------
@contextmanager
def first_layer_replicates() -> Iterator[None]:
    """Continue the picture beyond its edge by its own pixels at the first convolution."""
    forward, back = graphs._convolution, graphs._through_convolution
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)

    def convolution(build: Any, value: str, conv: Any, size: Any, fast: bool) -> str:
        if conv.name != "conv1_1":
            return forward(build, value, conv, size, fast)
        value = build.node("Pad", value, build.constant(pads), mode="edge")
        kernel = build.shared("conv1_1.forward", (conv.outputs, conv.inputs, 3, 3))
        bias = build.shared("conv1_1.bias", (conv.outputs,))
        return build.node("Conv", value, kernel, bias, kernel_shape=(3, 3), pads=(0, 0, 0, 0))

    def through(build: Any, above: str, conv: Any, size: Any, fast: bool) -> str:
        if conv.name != "conv1_1":
            return back(build, above, conv, size, fast)
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
    from scipy import ndimage

    original = scales.start_picture

    def start(*args: Any) -> np.ndarray:
        return ndimage.gaussian_filter(original(*args), (0, sigma, sigma))

    with patch.object(scales, "start_picture", start):
        yield


Patch = Callable[[], Any]
C: dict[str, Any] = {"init": "colors"}

CANDIDATES: dict[str, tuple[dict[str, Any], tuple[Patch, ...]]] = {
    "before": ({}, ()),
    "colors": (C, ()),
    "content falls": ({}, (lambda: content_falls(0.5),)),
    "16:8:4:2:1": (weighted(16, 8, 4, 2, 1), ()),
    "256:64:16:4:1": (weighted(256, 64, 16, 4, 1), ()),
    "without conv5_1": (weighted(1, 1, 1, 1, 0), ()),
    "conv4_2": ({"content_layers": (("conv4_2", 1.0),)}, ()),
    "max": ({"pooling": "max"}, ()),
    "means": ({}, (lambda: moments(False),)),
    "centered": ({}, (lambda: moments(True),)),
    "smoothing at the end": ({}, (lambda: smoothing_at_the_end(30.0),)),
    "lags": ({}, (lambda: lags(3e5),)),
    "first layer replicates": ({}, (first_layer_replicates,)),
    "blurred start": ({}, (lambda: blurred_start(3.0),)),
}


@contextmanager
def trying(name: str) -> Iterator[dict[str, Any]]:
    """Make the engine paint by a candidate; yields the job's settings."""
    settings, patches = CANDIDATES[name]
    with ExitStack() as stack:
        stack.enter_context(knowing_the_scale())
        for each in patches:
            stack.enter_context(each())
        yield settings
