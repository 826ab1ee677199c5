"""Loss graph: features to loss terms and feature gradients.

The equations of `engine/loss/definition.py` as ONNX nodes. Guidance, targets and weights are inputs
of the graphs, so that a session serves every picture of its size.
"""

from __future__ import annotations

from typing import NamedTuple

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
    moments : tuple of bool
        One entry per moments term: whether it has a guidance.
    """

    layer: str
    guided: tuple[bool, ...] = ()
    protected: tuple[bool, ...] = ()
    moments: tuple[bool, ...] = ()


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

        for its moments term `i`, with ``m = mean * F T`` and ``C = G - m m'``,

        * `LAYER.moments.i.guidance` and `LAYER.moments.i.mean`, as for a style term;
        * `LAYER.moments.i.target`, B, shape (N, N), and `LAYER.moments.i.means`, b, shape (N, 1);
        * `LAYER.moments.i.slope` and `LAYER.moments.i.slope_of_means`, p, shape (): with
          ``D = slope * (C - B)`` the term adds ``(D F + p (m - b) - D m) diag(T)``;

        and for its content term `i`

        * `LAYER.content.i.target`, P, shape (1, N, rows, columns);
        * `LAYER.content.i.factors`, K, shape (1, 1, rows, columns), if it has factors;
        * `LAYER.content.i.slope`, shape (): the term adds ``slope * K (F - P)``.

        Outputs: `d_LAYER`, each layer's gradient, shaped as its features, 0 where it has no term,
        and `squares`: for each term in this order, the style terms of a layer first, then the
        moments terms, N numbers whose sum is ``||G - A||^2`` or ``sum K (F - P)^2``, or 2 N
        numbers: those of ``||C - B||^2``, then those of ``||m - b||^2``. Absent if there are no
        terms at all.
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
        flat = build.reshaped(features, channels, rows * columns)
        gradients = []
        for index, guided in enumerate(each.guided):
            name = f"{each.layer}.style.{index}"
            guidance = given(f"{name}.guidance", 1, rows * columns) if guided else ""
            target = given(f"{name}.target", channels, channels)
            mean, slope = given(f"{name}.mean"), given(f"{name}.slope")
            gram = _gram(build, flat, guidance, mean)
            difference = build.node("Sub", gram, target)
            squares.append(_sum_of_squares(build, difference, "", (1,)))
            # The slope is on the small matrix, and T on the product: F diag(T) is not kept.
            product = build.node("MatMul", build.node("Mul", difference, slope), flat)
            gradients.append(build.node("Mul", product, guidance) if guided else product)
        for index, guided in enumerate(each.moments):
            name = f"{each.layer}.moments.{index}"
            guidance = given(f"{name}.guidance", 1, rows * columns) if guided else ""
            target, b = (
                given(f"{name}.target", channels, channels),
                given(f"{name}.means", channels, 1),
            )
            mean, slope = given(f"{name}.mean"), given(f"{name}.slope")
            gram = _gram(build, flat, guidance, mean)
            if guided:
                total = build.node("Gemm", flat, guidance, transB=1)
            else:
                total = build.reshaped(build.summed(features, 3, 2), channels, 1)
            m = build.node("Mul", total, mean)
            covariance = build.node("Sub", gram, build.node("Gemm", m, m, transB=1))
            difference, away = build.node("Sub", covariance, target), build.node("Sub", m, b)
            squares += [_sum_of_squares(build, part, "", (1,)) for part in (difference, away)]
            D = build.node("Mul", difference, slope)
            d = build.node("Mul", away, given(f"{name}.slope_of_means"))
            d = build.node("Sub", d, build.node("MatMul", D, m))
            product = build.node("Add", build.node("MatMul", D, flat), d)
            gradients.append(build.node("Mul", product, guidance) if guided else product)
        gradient = _added(build, gradients)
        if gradient:
            gradient = build.reshaped(gradient, *shape)
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
        numbers += channels * (len(each.guided) + 2 * len(each.moments) + len(each.protected))
        outputs[f"d_{each.layer}"] = shape
        build.output(f"d_{each.layer}", shape)
        if gradient:
            build.node("Identity", gradient, output=f"d_{each.layer}")
        else:
            build.node("Sub", features, features, output=f"d_{each.layer}")
    if squares:
        outputs["squares"] = (numbers,)
        build.output("squares", (numbers,))
        flat_parts = [build.reshaped(each, -1) for each in squares]
        build.node("Concat", *flat_parts, output="squares", axis=0)
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
    return build.summed(total, *axes)


def _gram(build: GraphBuilder, flat: str, guidance: str, mean: str) -> str:
    """Return the Gram matrix of features, shape (N, M), in mean form."""
    weighted = build.node("Mul", flat, guidance) if guidance else flat
    return build.node("Mul", build.node("Gemm", weighted, flat, transB=1), mean)
