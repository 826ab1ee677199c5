"""Loss graphs: features to loss terms and feature gradients, and a picture's squared variation.

The equations of `engine/loss/definition.py` as ONNX nodes. Guidance, targets and weights are inputs
of the graphs, so that a session serves every picture of its size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.graphs import Graph, Shapes, finished_graph
from models.onnx_format import GraphBuilder
from models.vgg16 import CHANNELS, layer_size


class LayerTerms(NamedTuple):
    """The loss terms at one layer.

    Attributes
    ----------
    layer : str
    guided : tuple of bool
        One entry per style term: whether it has a guidance; without one, all positions count once.
    protected : tuple of bool
        One entry per content term: whether it has a factor for each position.
    """

    layer: str
    guided: tuple[bool, ...] = ()
    protected: tuple[bool, ...] = ()


def loss_graph(height: int, width: int, terms: tuple[LayerTerms, ...]) -> Graph:
    """Build the graph from features to squares and feature gradients.

    Parameters
    ----------
    height, width : int
        Size of the picture.
    terms : tuple of LayerTerms
        One entry per layer.

    Returns
    -------
    Graph
        Inputs: for each layer its features, shape (1, N, rows, columns), under its name; for its
        style term `i`, with ``G = mean * F diag(T) F'``,

        * `LAYER.style.i.guidance`, T, shape (1, M), if the term has a guidance;
        * `LAYER.style.i.target`, A, shape (N, N);
        * `LAYER.style.i.mean`, shape (), 1 over the sum of T;
        * `LAYER.style.i.slope`, shape (): the term adds ``slope * (G - A) F diag(T)`` to the
          gradient;

        and for its content term `i`

        * `LAYER.content.i.target`, P, shape (1, N, rows, columns);
        * `LAYER.content.i.factors`, K, shape (1, 1, rows, columns), if it has factors;
        * `LAYER.content.i.slope`, shape (): the term adds ``slope * K (F - P)``.

        Outputs: `d_LAYER`, each layer's gradient, shaped as its features, 0 where it has no term,
        and `squares`: for each term in this order, the style terms of a layer first, N numbers
        whose sum is ``||G - A||^2`` or ``sum K (F - P)^2``. Absent if there are no terms at all.
    """
    build = GraphBuilder("loss")
    inputs: Shapes = {}
    outputs: Shapes = {}

    def given(name: str, *shape: int) -> str:
        inputs[name] = shape
        return build.input(name, shape)

    squares: list[str] = []
    numbers = 0
    for each in terms:
        channels = CHANNELS[each.layer]
        rows, columns = layer_size(each.layer, height, width)
        shape = (1, channels, rows, columns)
        features = given(each.layer, *shape)
        flat = _reshaped(build, features, channels, rows * columns)
        gradients = []
        for index, guided in enumerate(each.guided):
            name = f"{each.layer}.style.{index}"
            guidance = given(f"{name}.guidance", 1, rows * columns) if guided else ""
            target = given(f"{name}.target", channels, channels)
            mean, slope = given(f"{name}.mean"), given(f"{name}.slope")
            weighted = build.node("Mul", flat, guidance) if guided else flat
            gram = build.node("Mul", build.node("Gemm", weighted, flat, transB=1), mean)
            difference = build.node("Sub", gram, target)
            squares.append(_sum_of_squares(build, difference, "", (1,)))
            # The slope is on the small matrix, and T on the product: F diag(T) is not kept.
            product = build.node("MatMul", build.node("Mul", difference, slope), flat)
            gradients.append(build.node("Mul", product, guidance) if guided else product)
        gradient = _added(build, gradients)
        if gradient:
            gradient = _reshaped(build, gradient, *shape)
        for index, protected in enumerate(each.protected):
            name = f"{each.layer}.content.{index}"
            difference = build.node("Sub", features, given(f"{name}.target", *shape))
            factors = given(f"{name}.factors", 1, 1, rows, columns) if protected else ""
            # First along the rows: long sums in single precision lose digits.
            squares.append(_sum_of_squares(build, difference, factors, (3, 2)))
            if factors:
                difference = build.node("Mul", difference, factors)
            part = build.node("Mul", difference, given(f"{name}.slope"))
            gradient = build.node("Add", gradient, part) if gradient else part
        numbers += channels * (len(each.guided) + len(each.protected))
        outputs[f"d_{each.layer}"] = shape
        build.output(f"d_{each.layer}", shape)
        if gradient:
            build.node("Identity", gradient, output=f"d_{each.layer}")
        else:
            build.node("Sub", features, features, output=f"d_{each.layer}")
    if squares:
        outputs["squares"] = (numbers,)
        build.output("squares", (numbers,))
        flat_parts = [_reshaped(build, each, -1) for each in squares]
        build.node("Concat", *flat_parts, output="squares", axis=0)
    return finished_graph(build, inputs, outputs)


def variation_graph(height: int, width: int) -> Graph:
    """Build the graph that adds the squared variation's gradient to a picture's gradient.

    Returns
    -------
    Graph
        Inputs: `picture` and `d_picture`, shape (1, 3, height, width), and `slope`, shape (): the
        graph adds ``slope`` times the gradient of half the sum of all squared differences of
        neighboring pixels. Outputs: `gradient`, shape (1, 3, height, width), and `squares`,
        shape (6,): numbers whose sum is the sum of the squared differences.
    """
    build = GraphBuilder("variation")
    shape = (1, 3, height, width)
    inputs: Shapes = {"picture": shape, "d_picture": shape, "slope": ()}
    outputs: Shapes = {"gradient": shape, "squares": (6,)}
    for name, each in inputs.items():
        build.input(name, each)
    for name, each in outputs.items():
        build.output(name, each)
    gradient, squares = "d_picture", []
    for axis, size in ((2, height), (3, width)):
        after = _slice(build, "picture", axis, 1, size)
        before = _slice(build, "picture", axis, 0, size - 1)
        difference = build.node("Sub", after, before)
        squares.append(_reshaped(build, _sum_of_squares(build, difference, "", (3, 2)), -1))
        scaled = build.node("Mul", difference, "slope")
        gradient = build.node("Add", gradient, _padded(build, scaled, axis, 1, 0))
        last = axis == 3
        subtracted = _padded(build, scaled, axis, 0, 1)
        gradient = build.node("Sub", gradient, subtracted, output="gradient" if last else "")
    build.node("Concat", *squares, output="squares", axis=0)
    return finished_graph(build, inputs, outputs)


def _added(build: GraphBuilder, values: list[str]) -> str:
    """Return the sum of values of one shape; '' if there are none."""
    if not values:
        return ""
    total = values[0]
    for value in values[1:]:
        total = build.node("Add", total, value)
    return total


def _sum_of_squares(build: GraphBuilder, value: str, factors: str, axes: tuple[int, ...]) -> str:
    """Return the sums of the squares, times factors if there are any, along axes one by one."""
    total = build.node("Mul", value, value)
    if factors:
        total = build.node("Mul", total, factors)
    for axis in axes:
        total = build.node("ReduceSum", total, build.constant(np.array([axis])), keepdims=0)
    return total


def _reshaped(build: GraphBuilder, value: str, *sizes: int) -> str:
    return build.node("Reshape", value, build.constant(np.array(sizes, np.int64)))


def _slice(build: GraphBuilder, value: str, axis: int, start: int, end: int) -> str:
    bounds = (build.constant(np.array([each], np.int64)) for each in (start, end, axis))
    return build.node("Slice", value, *bounds)


def _padded(build: GraphBuilder, value: str, axis: int, before: int, after: int) -> str:
    """Return a value with zeros before and after along an axis of four."""
    pads = np.zeros(8, np.int64)
    pads[axis], pads[4 + axis] = before, after
    return build.node("Pad", value, build.constant(pads))
