"""The two ONNX graphs: `features` (picture to activations) and `gradient` (the way back).

Both are built for one picture size. Convolution kernels do not stand in the graphs: sessions are
given them by name (see `kernels.py`). Those of direct convolutions are initializers, since
onnxruntime rearranges them when a session is made; the large ones of Winograd convolutions are
inputs, so that the sessions of every size share one copy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models import winograd
from models.forms import (
    ADJOINT,
    DIRECT,
    FORWARD,
    TRANSPOSED,
    USUAL_FORMS,
    WINOGRAD,
    Forms,
    winograd_tile,
)
from models.onnx_format import GraphBuilder
from models.vgg16 import (
    CHANNELS,
    MEAN_BGR,
    OPERATIONS,
    Conv,
    Pool,
    deepest,
    layer_size,
    operations_through,
)

WINOGRAD_TILES = 9
"""Fewest tiles; below, reading the larger kernels costs more than Winograd convolution saves."""

Shapes = dict[str, tuple[int, ...]]


class Graph(NamedTuple):
    """An ONNX model and what a session needs to know of it.

    Attributes
    ----------
    model : bytes
        The model in ONNX's format.
    inputs, outputs : dict of str to tuple of int
        Names and shapes, without the kernels.
    initializers : tuple of str
        Kernels that a session is given when it is made; `Kernels` makes each from its name.
    kernel_inputs : tuple of str
        Kernels that a session is given as inputs.
    """

    model: bytes
    inputs: Shapes
    outputs: Shapes
    initializers: tuple[str, ...]
    kernel_inputs: tuple[str, ...]


def features_graph(
    height: int,
    width: int,
    layers: tuple[str, ...],
    *,
    pooling: str = "average",
    forms: Forms = USUAL_FORMS,
    for_gradient: bool = False,
    channels_last: bool = False,
) -> Graph:
    """Build the graph from a picture to activations.

    Parameters
    ----------
    height, width : int
        Size of the picture, at least 16 each.
    layers : tuple of str
        Layers whose activations (after the ReLU) are the outputs.
    pooling : {'average', 'max'}
    forms : Forms
        How to compute each kind of convolution.
    for_gradient : bool
        Whether to put out everything that `gradient_graph` needs for the same layers.
    channels_last : bool
        Whether onnxruntime turns the values on this device so that their channels come last, and
        cannot turn bool there.

    Returns
    -------
    Graph
        Input `picture`: shape (1, 3, height, width), R, G, B from 0 to 255. Outputs: shape
        (1, channels, rows, columns), under the layers' names or those of `state_for`.
    """
    build = GraphBuilder("features")
    wanted = state_for(layers, pooling) if for_gradient else tuple(layers)
    inputs: Shapes = {"picture": (1, 3, height, width)}
    mean = np.array(MEAN_BGR[::-1], np.float32).reshape(1, 3, 1, 1)
    value = build.node("Sub", build.input("picture", inputs["picture"]), build.constant(mean))
    for operation in operations_through(deepest(layers)):
        name = operation.name
        if isinstance(operation, Conv):
            size = layer_size(name, height, width)
            value = _convolution(build, value, operation, size, forms)
            value = build.node("Relu", value, output=name)
        else:
            op = "AveragePool" if pooling == "average" else "MaxPool"
            value = build.node(op, value, output=name, kernel_shape=(2, 2), strides=(2, 2))
    outputs: Shapes = {name: _shape(name, height, width) for name in wanted}
    for name, shape in outputs.items():
        build.output(name, shape, value_type(name))
    # onnxruntime works from the last of the final nodes to the first: in this order each layer is
    # compared while it is at hand, and not kept until the end.
    for name in reversed(wanted):
        if name.endswith(".open"):
            zero = build.constant(np.zeros((), np.float32))
            value = name[: -len(".open")]
            if channels_last:
                # What is flat is not turned, so the float32 before it is.
                flat = build.node("Reshape", value, build.constant(np.array([1, -1], np.int64)))
                is_open = build.node("Greater", flat, zero)
                whole = build.constant(np.array(outputs[name], np.int64))
                build.node("Reshape", is_open, whole, output=name)
            else:
                build.node("Greater", value, zero, output=name)
    return finished_graph(build, inputs, outputs)


def gradient_graph(
    height: int,
    width: int,
    layers: tuple[str, ...],
    *,
    pooling: str = "average",
    forms: Forms = USUAL_FORMS,
) -> Graph:
    """Build the graph from activations and feature gradients to the picture's gradient.

    It is the chain rule written out. Nothing of the forward pass is computed again; the activations
    say where each ReLU was open and which element each maximum was.

    Parameters
    ----------
    height, width, layers, pooling, forms
        As in `features_graph`.

    Returns
    -------
    Graph
        Inputs: the outputs of `features_graph(..., for_gradient=True)` under their names (see
        `state_for`), and `d_LAYER`, the gradient of the loss with respect to each of `layers`.
        Output: `d_picture`, shape (1, 3, height, width), per 1/255 of R, G and B.
    """
    build = GraphBuilder("gradient")
    needed = state_for(layers, pooling)
    inputs: Shapes = {name: _shape(name, height, width) for name in needed}
    for layer in layers:
        inputs[f"d_{layer}"] = _shape(layer, height, width)
    for name, shape in inputs.items():
        build.input(name, shape, value_type(name))

    operations = operations_through(deepest(layers))
    above = ""
    for index, operation in reversed(list(enumerate(operations))):
        name = operation.name
        if isinstance(operation, Conv):
            # The gate comes before the sum: onnxruntime runs nodes that wait for nothing early and
            # would keep the gates of the largest layers from the start to the end.
            gate = _relu_gate(build, name, needed)
            if name in layers:
                above = build.node("Add", above, f"d_{name}") if above else f"d_{name}"
            above = build.node("Mul", above, gate)
            size = layer_size(name, height, width)
            above = _through_convolution(build, above, operation, size, forms)
        else:
            below = operations[index - 1].name
            size = layer_size(below, height, width)
            above = _through_pool(build, above, below, name, size, pooling)
    outputs: Shapes = {"d_picture": (1, 3, height, width)}
    build.output("d_picture", outputs["d_picture"])
    build.node("Identity", above, output="d_picture")
    return finished_graph(build, inputs, outputs)


def state_for(layers: tuple[str, ...], pooling: str) -> tuple[str, ...]:
    """Return the names of what the gradient graph for `layers` reads of the forward pass, in order.

    Those are the activations of `layers` themselves; of the other layers through the deepest one
    only where their ReLUs were open, as `LAYER.open`, a quarter of the memory; with max pooling
    also what went into each pool and what came out of it.
    """
    names = []
    operations = operations_through(deepest(layers))
    for operation, after in zip(operations, (*operations[1:], None)):
        into_max = pooling == "max" and isinstance(after, Pool)
        if isinstance(operation, Pool):
            names += [operation.name] if pooling == "max" else []
        elif operation.name in layers or into_max:
            names.append(operation.name)
        else:
            names.append(f"{operation.name}.open")
    return tuple(names)


def value_type(name: str) -> np.dtype:
    """Return the type of a graph's input or output: bool for `LAYER.open`, else float32."""
    return np.dtype(np.bool_ if name.endswith(".open") else np.float32)


def _convolution(
    build: GraphBuilder, value: str, conv: Conv, size: tuple[int, int], forms: Forms
) -> str:
    """Add a layer's convolution with its bias, at the layer's size."""
    tile = winograd_tile(_form(conv, FORWARD, size, forms))
    if tile:
        shape = (conv.inputs, conv.outputs, *size)
        kernel = build.input(*_winograd_kernel(conv, tile))
        value = winograd.convolve(build, value, kernel, shape, tile)
        bias = build.shared(f"{conv.name}.bias.column", (conv.outputs, 1, 1))
        return build.node("Add", value, bias)
    kernel = build.shared(f"{conv.name}.forward", (conv.outputs, conv.inputs, 3, 3))
    bias = build.shared(f"{conv.name}.bias", (conv.outputs,))
    return build.node("Conv", value, kernel, bias, kernel_shape=(3, 3), pads=(1, 1, 1, 1))


def _through_convolution(
    build: GraphBuilder, above: str, conv: Conv, size: tuple[int, int], forms: Forms
) -> str:
    """Take a gradient from a convolution's output to its input: the adjoint."""
    form = _form(conv, ADJOINT, size, forms)
    tile = winograd_tile(form)
    if tile:
        shape = (conv.outputs, conv.inputs, *size)
        kernel = build.input(*_winograd_kernel(conv, tile))
        return winograd.convolve(build, above, kernel, shape, tile, adjoint=True)
    if form == TRANSPOSED or conv.inputs == 3:
        # A direct convolution to 3 channels would be padded to a whole block of them.
        kernel = build.shared(f"{conv.name}.forward", (conv.outputs, conv.inputs, 3, 3))
        return build.node("ConvTranspose", above, kernel, kernel_shape=(3, 3), pads=(1, 1, 1, 1))
    kernel = build.shared(f"{conv.name}.backward", (conv.inputs, conv.outputs, 3, 3))
    return build.node("Conv", above, kernel, kernel_shape=(3, 3), pads=(1, 1, 1, 1))


def _form(conv: Conv, direction: str, size: tuple[int, int], forms: Forms) -> str:
    """Return how to compute a convolution at its layer's size."""
    form = forms.get((conv.inputs, conv.outputs, direction), DIRECT)
    tile = winograd_tile(form)
    if tile and -(-size[0] // tile) * -(-size[1] // tile) < WINOGRAD_TILES:
        return DIRECT
    return form


def _winograd_kernel(conv: Conv, tile: int) -> tuple[str, tuple[int, int, int]]:
    """Return the name and shape of a layer's transformed kernel, for both directions."""
    return f"{conv.name}.{WINOGRAD[tile]}", ((tile + 2) ** 2, conv.outputs, conv.inputs)


def _relu_gate(build: GraphBuilder, layer: str, state: tuple[str, ...]) -> str:
    """Return 1 where the ReLU was open, else 0."""
    if layer not in state:
        return build.node("Cast", f"{layer}.open", to=1)
    # One pass where comparing and converting would be two: what is not 0 is far above 1e-30.
    return build.node("HardSigmoid", layer, alpha=1e30, beta=0.0)


def _through_pool(
    build: GraphBuilder, above: str, below: str, pool: str, size: tuple[int, int], pooling: str
) -> str:
    """Give each pooled position's gradient back to the positions that it came from."""
    rows, columns = size[0] // 2 * 2, size[1] // 2 * 2

    def enlarged(value: str) -> str:
        scales = build.constant(np.array([1, 1, 2, 2], np.float32))
        return build.node(
            "Resize",
            value,
            "",
            scales,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    if pooling == "average":
        quarter = build.constant(np.full((), 0.25, np.float32))
        value = enlarged(build.node("Mul", above, quarter))
    else:
        # Elements that share the maximum share its gradient: any other choice among equals would
        # make the gradient of a flat picture depend on an order.
        inside = below
        if (rows, columns) != size:
            ends = build.constant(np.array([rows, columns], np.int64))
            axes = build.constant(np.array([2, 3], np.int64))
            starts = build.constant(np.zeros(2, np.int64))
            inside = build.node("Slice", below, starts, ends, axes)
        largest = build.node("Cast", build.node("Equal", inside, enlarged(pool)), to=1)
        share = build.node("AveragePool", largest, kernel_shape=(2, 2), strides=(2, 2))
        four = build.constant(np.full((), 4.0, np.float32))
        each = build.node("Div", above, build.node("Mul", share, four))
        value = build.node("Mul", enlarged(each), largest)
    if (rows, columns) != size:
        surplus = [0, 0, 0, 0, 0, 0, size[0] - rows, size[1] - columns]
        value = build.node("Pad", value, build.constant(np.array(surplus, np.int64)))
    return value


def _shape(name: str, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the shape of a layer's or a pool's output, or of where a ReLU was open."""
    name = name.split(".")[0]
    if name in CHANNELS:
        return (1, CHANNELS[name], *layer_size(name, height, width))
    names = [each.name for each in OPERATIONS]
    below = names[names.index(name) - 1]
    rows, columns = layer_size(below, height, width)
    return 1, CHANNELS[below], rows // 2, columns // 2


def finished_graph(build: GraphBuilder, inputs: Shapes, outputs: Shapes) -> Graph:
    """Return a builder's model; its inputs that are not among `inputs` are kernels."""
    kernel_inputs = tuple(name for name in build.inputs if name not in inputs)
    return Graph(build.to_bytes(), inputs, outputs, tuple(build.shared_names), kernel_inputs)


def convolution_graph(conv: Conv, direction: str, size: tuple[int, int], forms: Forms) -> Graph:
    """Build one convolution alone, to measure it.

    Parameters
    ----------
    conv : Conv
    direction : {'forward', 'adjoint'}
    size : (int, int)
        Rows and columns.
    forms : Forms

    Returns
    -------
    Graph
        Input `value`, output `result`; each of shape (1, channels, rows, columns).
    """
    build = GraphBuilder("convolution")
    ends = (conv.inputs, conv.outputs)
    if direction == ADJOINT:
        ends = ends[::-1]
    inputs: Shapes = {"value": (1, ends[0], *size)}
    outputs: Shapes = {"result": (1, ends[1], *size)}
    value = build.input("value", inputs["value"])
    add = _through_convolution if direction == ADJOINT else _convolution
    value = add(build, value, conv, size, forms)
    build.output("result", outputs["result"])
    # As in the whole graphs, where something follows that joins the layout of blocked channels.
    build.node("Relu", value, output="result")
    return finished_graph(build, inputs, outputs)


def speed_graph() -> Graph:
    """Build one convolution of 64 channels, its kernel inside, to compare devices with.

    Input `value` and output `result`: shape (1, 64, 128, 128).
    """
    build = GraphBuilder("speed")
    shape = (1, 64, 128, 128)
    kernel = build.constant(np.full((64, 64, 3, 3), 1 / 576, np.float32))
    value = build.input("value", shape)
    build.output("result", shape)
    build.node("Conv", value, kernel, output="result", kernel_shape=(3, 3), pads=(1, 1, 1, 1))
    return finished_graph(build, {"value": shape}, {"result": shape})


def trial_graph() -> Graph:
    """Build a tiny convolution without shared kernels, to try a device with.

    Input `picture`: shape (1, 3, 16, 16); output `sums`: shape (1, 1, 16, 16), the sums over the
    three channels of each 3x3 window.
    """
    build = GraphBuilder("trial")
    inputs: Shapes = {"picture": (1, 3, 16, 16)}
    outputs: Shapes = {"sums": (1, 1, 16, 16)}
    kernel = build.constant(np.ones((1, 3, 3, 3), np.float32))
    picture = build.input("picture", inputs["picture"])
    build.output("sums", outputs["sums"])
    build.node("Conv", picture, kernel, output="sums", kernel_shape=(3, 3), pads=(1, 1, 1, 1))
    return finished_graph(build, inputs, outputs)
