"""Picture graph: the terms of the loss that are functions of the picture itself.

The squared variation, and the variograms of regions, as `engine/loss/definition.py` and
`engine/loss/grain.py` define them. Masks, targets and weights are inputs of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.graphs import Graph, Shapes, finished_graph
from models.onnx_format import GraphBuilder


def picture_graph(
    height: int,
    width: int,
    *,
    smoothing: bool,
    grains: tuple[bool, ...] = (),
    lags: Sequence[tuple[int, int]] = (),
) -> Graph:
    """Build the graph that adds the gradients of picture terms to a picture's gradient.

    Parameters
    ----------
    height, width : int
    smoothing : bool
        Whether there is a squared variation.
    grains : tuple of bool
        One entry for each term of variograms: whether it has a mask.
    lags : sequence of (int, int)
        Steps down, from 0 up, and to the right, at which colors are compared.

    Returns
    -------
    Graph
        Inputs: `picture` and `d_picture`, shape (1, 3, height, width); `slope`, shape (), if there
        is a variation: the graph adds ``slope`` times the gradient of half the sum of all squared
        differences of neighboring pixels; and for each term `i` of variograms, where S is the mean
        of the weighted products of differences at a lag,

        * `grain.i.roots`, shape (1, 1, height, width), if it has a mask: its square root;
        * `grain.i.means`, shape (lags,): 1 over the sum of the weights;
        * `grain.i.targets`, A, shape (lags, 3, 3);
        * `grain.i.slopes`, p, shape (lags,): the gradient with respect to a pixel is
          ``p (S - A) e w``, and its negative with respect to its partner.

        Outputs: `gradient`, shape (1, 3, height, width), and `squares`: six numbers whose sum is
        that of the squared differences of neighbors, if there is a variation; then for each term
        of variograms and each lag the nine squares of ``S - A``.
    """
    build = GraphBuilder("picture")
    shape = (1, 3, height, width)
    inputs: Shapes = {}

    def given(name: str, *size: int) -> str:
        inputs[name] = size
        return build.input(name, size)

    given("picture", *shape)
    gradient, squares = given("d_picture", *shape), []
    if smoothing:
        slope = given("slope")
        for axis, size in ((2, height), (3, width)):
            after = _slice(build, "picture", axis, 1, size)
            before = _slice(build, "picture", axis, 0, size - 1)
            difference = build.node("Sub", after, before)
            squares.append(build.summed(build.node("Mul", difference, difference), 3, 2))
            scaled = build.node("Mul", difference, slope)
            edges = [(0, 0), (0, 0), (0, 0), (0, 0)]
            edges[axis] = (1, 0)
            gradient = build.node("Add", gradient, _padded(build, scaled, edges))
            edges[axis] = (0, 1)
            gradient = build.node("Sub", gradient, _padded(build, scaled, edges))
    for index, masked in enumerate(grains):
        name = f"grain.{index}"
        roots = given(f"{name}.roots", 1, 1, height, width) if masked else ""
        means, slopes = given(f"{name}.means", len(lags)), given(f"{name}.slopes", len(lags))
        targets = given(f"{name}.targets", len(lags), 3, 3)
        for number, (down, right) in enumerate(lags):
            rows, columns = height - down, width - abs(right)
            left, partner = max(-right, 0), max(right, 0)

            def piece(
                value: str,
                top: int,
                start: int,
                rows: int = rows,
                columns: int = columns,
            ) -> str:
                value = _slice(build, value, 2, top, top + rows)
                return _slice(build, value, 3, start, start + columns)

            e = build.node("Sub", piece("picture", 0, left), piece("picture", down, partner))
            weighted = e
            if masked:
                weights = build.node("Mul", piece(roots, 0, left), piece(roots, down, partner))
                weighted = build.node("Mul", e, weights)
            flat = build.reshaped(weighted, 3, rows * columns)
            products = build.node("Gemm", flat, build.reshaped(e, 3, rows * columns), transB=1)
            of_lag = [_slice(build, each, 0, number, number + 1) for each in (means, slopes)]
            target = build.reshaped(_slice(build, targets, 0, number, number + 1), 3, 3)
            away = build.node("Sub", build.node("Mul", products, of_lag[0]), target)
            squares.append(build.node("Mul", away, away))
            part = build.node("MatMul", build.node("Mul", away, of_lag[1]), flat)
            part = build.reshaped(part, 1, 3, rows, columns)
            edges = [(0, 0), (0, 0), (0, down), (left, partner)]
            gradient = build.node("Add", gradient, _padded(build, part, edges))
            edges = [(0, 0), (0, 0), (down, 0), (partner, left)]
            gradient = build.node("Sub", gradient, _padded(build, part, edges))
    numbers = 6 * smoothing + 9 * len(lags) * len(grains)
    outputs: Shapes = {"gradient": shape, "squares": (numbers,)}
    for name, sizes in outputs.items():
        build.output(name, sizes)
    build.node("Identity", gradient, output="gradient")
    parts = [build.reshaped(each, -1) for each in squares]
    build.node("Concat", *parts, output="squares", axis=0)
    return finished_graph(build, inputs, outputs)


def _slice(build: GraphBuilder, value: str, axis: int, start: int, end: int) -> str:
    bounds = (build.constant(np.array([each], np.int64)) for each in (start, end, axis))
    return build.node("Slice", value, *bounds)


def _padded(build: GraphBuilder, value: str, edges: Sequence[tuple[int, int]]) -> str:
    """Return a value with zeros before and after along each of its axes."""
    before, after = zip(*edges)
    return build.node("Pad", value, build.constant(np.array([*before, *after], np.int64)))
