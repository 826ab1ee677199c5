"""Vector operations of a projected L-BFGS as ONNX graphs, for vectors in a card's memory.

The method and its symbols are those of `engine/projected_lbfgs.py`. Vectors have the shape (1, n).
"""

from __future__ import annotations

import numpy as np

from models.graphs import Graph, Shapes, finished_graph
from models.onnx_format import GraphBuilder


def pair_graph(size: int) -> Graph:
    """Build the graph that makes a pair.

    Returns
    -------
    Graph
        Inputs: `picture`, `trial`, `gradient`, and `told`, the trial's gradient. Outputs: `s` and
        `y`, and `dots`, shape (2, 2), the inner products of the two.
    """
    shape = (1, size)
    build = GraphBuilder("pair")
    inputs: Shapes = dict.fromkeys(("picture", "trial", "gradient", "told"), shape)
    outputs: Shapes = {"s": shape, "y": shape, "dots": (2, 2)}
    _declare(build, inputs, outputs)
    build.node("Sub", "trial", "picture", output="s")
    build.node("Sub", "told", "gradient", output="y")
    both = build.node("Concat", "s", "y", axis=0)
    build.node("Gemm", both, both, output="dots", transB=1)
    return finished_graph(build, inputs, outputs)


def basis_graph(size: int, memory: int, low: tuple[int, ...], high: tuple[int, ...]) -> Graph:
    """Build the graph that restricts all vectors to the free values.

    Parameters
    ----------
    size : int
        n.
    memory : int
        m, the number of pairs.
    low, high : tuple of int
        The bounds' shapes: (1, n) or (1, 1).

    Returns
    -------
    Graph
        Inputs: `s.0` to `s.m-1`, `y.0` to `y.m-1`, `gradient`, `picture`, `low` and `high`.
        Outputs: `basis`, shape (2 m + 1, n), these vectors in this order up to the gradient, 0 at
        the active values; and `products`, shape (2 m + 1, 2 m + 1), their inner products.
    """
    build = GraphBuilder("basis")
    pairs = [f"{kind}.{index}" for kind in ("s", "y") for index in range(memory)]
    count = 2 * memory + 1
    inputs: Shapes = dict.fromkeys((*pairs, "gradient", "picture"), (1, size))
    inputs.update(low=low, high=high)
    outputs: Shapes = {"basis": (count, size), "products": (count, count)}
    _declare(build, inputs, outputs)
    zero = build.constant(np.zeros((), np.float32))
    above = build.node("Greater", "picture", "low")
    below = build.node("Less", "picture", "high")
    falling = build.node("Less", "gradient", zero)
    rising = build.node("Greater", "gradient", zero)
    free = build.node("And", build.node("Or", above, falling), build.node("Or", below, rising))
    mask = build.node("Cast", free, to=1)
    vectors = build.node("Concat", *pairs, "gradient", axis=0)
    build.node("Mul", vectors, mask, output="basis")
    build.node("Gemm", "basis", "basis", output="products", transB=1)
    return finished_graph(build, inputs, outputs)


def direction_graph(size: int, memory: int) -> Graph:
    """Build the graph of ``weights @ basis``: inputs of these names, output `direction`."""
    build = GraphBuilder("direction")
    count = 2 * memory + 1
    inputs: Shapes = {"weights": (1, count), "basis": (count, size)}
    outputs: Shapes = {"direction": (1, size)}
    _declare(build, inputs, outputs)
    build.node("MatMul", "weights", "basis", output="direction")
    return finished_graph(build, inputs, outputs)


def trial_graph(size: int, low: tuple[int, ...], high: tuple[int, ...]) -> Graph:
    """Build the graph of a point of the projected path.

    Returns
    -------
    Graph
        Inputs: `picture`, `direction`, `gradient`, `low`, `high` and `length`, t, shape (1, 1).
        Outputs: `trial`, ``P(x + t d)``; `copy`, the same for the processor; and `slope`, shape
        (1, 1), ``g . (P(x + t d) - x)``.
    """
    build = GraphBuilder("trial")
    inputs: Shapes = dict.fromkeys(("picture", "direction", "gradient"), (1, size))
    inputs.update(low=low, high=high, length=(1, 1))
    outputs: Shapes = {"trial": (1, size), "copy": (1, size), "slope": (1, 1)}
    _declare(build, inputs, outputs)
    moved = build.node("Add", "picture", build.node("Mul", "direction", "length"))
    raised = build.node("Max", moved, "low")
    build.node("Min", raised, "high", output="trial")
    build.node("Identity", "trial", output="copy")
    step = build.node("Sub", "trial", "picture")
    build.node("Gemm", step, "gradient", output="slope", transB=1)
    return finished_graph(build, inputs, outputs)


def _declare(build: GraphBuilder, inputs: Shapes, outputs: Shapes) -> None:
    for name, shape in inputs.items():
        build.input(name, shape)
    for name, shape in outputs.items():
        build.output(name, shape)
