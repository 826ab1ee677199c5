"""The two graphs: against the float64 reference, and each operation against its adjoint."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Callable

import numpy as np
import onnx
import onnxruntime
import pytest

from engine.network import Network
from models import graphs
from models.forms import (
    ADJOINT,
    DIRECT,
    FORWARD,
    TRANSPOSED,
    USUAL_FORMS,
    possible_forms,
    winograd_tile,
)
from models.graphs import Graph, features_graph, gradient_graph, value_type
from models.kernels import Kernels
from models.onnx_format import GraphBuilder, read_model
from models.vgg16 import LAYERS, Conv, layer_size
from tests.reference import vgg
from tests.reference.receptive_field import shares
from tests.reference.vgg import ReferenceNetwork

STYLE_AND_CONTENT = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1", "conv3_2")
EXTERNAL = 1
RECEPTIVE_FIELDS = {"conv2_2": (14, 2), "conv5_1": (132, 16)}
"""Side and stride in pixels, as the literature has them."""
Shape = tuple[int, ...]


def run(build: GraphBuilder, output: str, shape: Shape, given: dict[str, np.ndarray]) -> np.ndarray:
    """Run a graph that was put together by hand; what is not declared as an input is a kernel."""
    build.output("result", shape)
    build.node("Identity", output, output="result")
    options = onnxruntime.SessionOptions()
    held = {name: np.ascontiguousarray(given[name], np.float32) for name in build.shared_names}
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in held.values()]
    options.add_external_initializers(list(held), values)
    session = onnxruntime.InferenceSession(
        build.to_bytes(), options, providers=["CPUExecutionProvider"]
    )
    inputs = {name: given[name].astype(value_type(name)) for name in build.inputs}
    return session.run(None, inputs)[0].astype(np.float64)


def assert_adjoint(v: np.ndarray, forward: np.ndarray, u: np.ndarray, backward: np.ndarray) -> None:
    """Check <J v, u> = <v, J' u>, both sums in float64."""
    left, right = float((forward * u).sum()), float((v * backward).sum())
    scale = float(np.linalg.norm(forward) * np.linalg.norm(u))
    assert abs(left - right) <= 1e-6 * scale


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    """Check that the difference is a hundred-thousandth of the whole: one wrong value is more."""
    assert np.linalg.norm(found - expected) <= 1e-5 * np.linalg.norm(expected)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Make a picture with smooth parts, edges and grain, 0..255."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 70 * np.sin(y / 5.0 + random.uniform(0, 6, (3, 1, 1))) * np.cos(x / 7.0)
    steps = 50.0 * ((x // 9 + y // 11) % 2)
    grain = random.normal(0, 10, (3, height, width))
    return np.clip(110 + waves + steps + grain, 0, 255).astype(np.float32)


@pytest.mark.parametrize("size", [(16, 20), (13, 17), (12, 15)], ids=str)
@pytest.mark.parametrize(
    ("inputs", "outputs", "form"),
    [(3, 24, DIRECT), *((24, 20, form) for form in possible_forms((256, 256, ADJOINT)))],
    ids=str,
)
def test_convolution_backward_is_the_adjoint_of_forward(
    size: tuple[int, int], inputs: int, outputs: int, form: str
) -> None:
    random = np.random.default_rng(1)
    forms = {(inputs, outputs, direction): form for direction in (FORWARD, ADJOINT)}
    if form == TRANSPOSED:
        del forms[inputs, outputs, FORWARD]
    conv = Conv("conv", inputs, outputs)
    weights = random.normal(size=(outputs, inputs, 3, 3)).astype(np.float32)
    kernels = Kernels({"conv": (weights, np.zeros(outputs, np.float32))})
    v = random.normal(size=(1, inputs, *size)).astype(np.float32)
    u = random.normal(size=(1, outputs, *size)).astype(np.float32)
    results = []
    for value, other, add in (
        (v, u, graphs._convolution),
        (u, v, graphs._through_convolution),
    ):
        build = GraphBuilder("one convolution")
        name = add(build, build.input("value", value.shape), conv, size, forms)
        used = [*build.inputs[1:], *build.shared_names]
        # Too few tiles for Winograd's larger kernels: then it is direct.
        tile = winograd_tile(form)
        tiles = math.prod(-(-length // tile) for length in size) if tile else 0
        assert any(each.endswith(f".{form}") for each in used) == (tiles >= graphs.WINOGRAD_TILES)
        given = {"value": value, **{each: kernels[each] for each in used}}
        results.append(run(build, name, other.shape, given))
    forward, backward = results
    assert_adjoint(v, forward, u, backward)
    assert_close(forward[0], vgg.convolution(v[0], weights, np.zeros(outputs)))
    assert_close(backward[0], vgg.convolution_backward(u[0].astype(np.float64), weights))


@pytest.mark.parametrize("size", [(16, 20), (13, 17), (12, 15), (2, 3)], ids=str)
@pytest.mark.parametrize("pooling", ["average", "max"])
def test_pooling_backward_is_the_adjoint_of_its_derivative(
    size: tuple[int, int], pooling: str
) -> None:
    random = np.random.default_rng(2)
    smaller = size[0] // 2, size[1] // 2
    x, v = random.normal(size=(2, 1, 5, *size)).astype(np.float32)
    u = random.normal(size=(1, 5, *smaller)).astype(np.float32)
    build = GraphBuilder("one pooling")
    above = build.input("above", u.shape)
    below = build.input("below", x.shape)
    pooled = build.input("pooled", u.shape)
    name = graphs._through_pool(build, above, below, pooled, size, pooling)
    given = {"above": u, "below": x, "pooled": vgg.pool(x[0], pooling)[None]}
    backward = run(build, name, x.shape, given)
    # The derivative along v: exact for a step that no maximum changes hands in.
    step = 1e-6
    there = vgg.pool(x[0].astype(np.float64) + step * v[0], pooling)
    back = vgg.pool(x[0].astype(np.float64) - step * v[0], pooling)
    assert_adjoint(v, (there - back)[None] / (2 * step), u, backward)
    assert not backward[:, :, 2 * smaller[0] :].any()
    assert not backward[:, :, :, 2 * smaller[1] :].any()


@pytest.mark.parametrize("known", ["activation", "open"])
def test_relu_backward_passes_where_the_activation_is_positive(known: str) -> None:
    activation = np.array([0, 1e-6, 3, 0], np.float32)
    build = GraphBuilder("one ReLU")
    above = build.input("above", (4,))
    d = np.array([5, 6, -7, -8], np.float32)
    given: dict[str, np.ndarray] = {"above": d}
    if known == "activation":
        given["conv"] = activation
        build.input("conv", (4,))
        state: tuple[str, ...] = ("conv",)
    else:
        given["conv.open"] = activation > 0
        build.input("conv.open", (4,), np.dtype(np.bool_))
        state = ("conv.open",)
    product = build.node("Mul", above, graphs._relu_gate(build, "conv", state))
    passed = run(build, product, (4,), given)
    np.testing.assert_array_equal(passed, [0, 6, -7, 0])


def test_equal_maxima_share_the_gradient() -> None:
    x = np.array([[3, 3, 0, 0, 9], [1, 3, 0, 0, 9], [9, 9, 9, 9, 9]], np.float32)
    build = GraphBuilder("one pooling")
    above = build.input("above", (1, 1, 1, 2))
    below = build.input("below", (1, 1, 3, 5))
    pooled = build.input("pooled", (1, 1, 1, 2))
    name = graphs._through_pool(build, above, below, pooled, (3, 5), "max")
    given = {
        "above": np.array([6.0, 8.0]).reshape(1, 1, 1, 2),
        "below": x[None, None],
        "pooled": np.array([3.0, 0.0]).reshape(1, 1, 1, 2),
    }
    shared = run(build, name, (1, 1, 3, 5), given)[0, 0]
    np.testing.assert_array_equal(shared, [[2, 2, 2, 2, 0], [0, 2, 2, 2, 0], [0, 0, 0, 0, 0]])


def sessions_run(graph: Graph, kernels: Kernels, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = Network(kernels, device="cpu", threads=2).session(graph)
    handed = {name: kernels[name] for name in graph.kernel_inputs}
    return session.run(list(graph.outputs), {**given, **handed})


@pytest.mark.parametrize(
    ("size", "fast", "pooling"),
    [
        *itertools.product([(16, 16), (17, 130)], [True], ["average", "max"]),
        *itertools.product([(67, 97)], [False, True], ["average", "max"]),
        ((99, 101), True, "average"),  # Winograd convolution of 512 channels, too
    ],
    ids=str,
)
def test_both_graphs_agree_with_the_reference(
    kernels: Kernels,
    weights: vgg.Weights,
    size: tuple[int, int],
    fast: bool,
    pooling: str,
) -> None:
    forms = USUAL_FORMS if fast else {}
    reference = ReferenceNetwork(weights, pooling)
    x = picture(*size)
    expected = reference.activations(x, ["conv5_3"])
    graph = features_graph(*size, LAYERS, pooling=pooling, forms=forms)
    blocks = {name[:5] for name in graph.kernel_inputs}
    by_size = {(67, 97): {"conv3"}, (99, 101): {"conv3", "conv4"}}
    assert blocks == (by_size.get(size, set()) if fast else set())
    found = sessions_run(graph, kernels, {"picture": x[None]})
    for layer, value in zip(LAYERS, found):
        assert_close(value[0], expected[layer])

    # The gradient graph is given the reference's activations: rounding cannot open another ReLU.
    random = np.random.default_rng(3)
    graph = gradient_graph(*size, STYLE_AND_CONTENT, pooling=pooling, forms=forms)
    given: dict[str, np.ndarray] = {}
    gradients = {}
    state = dict(expected)
    for name, shape in graph.inputs.items():
        if name.startswith("d_"):
            given[name] = random.normal(size=shape).astype(np.float32)
            gradients[name[2:]] = given[name][0].astype(np.float64)
        elif name.endswith(".open"):
            given[name] = expected[name[: -len(".open")]][None] > 0
        else:
            state[name] = expected[name].astype(np.float32)
            given[name] = state[name][None]
    back = reference.picture_gradient(state, gradients)
    found_back = sessions_run(graph, kernels, given)[0][0]
    assert_close(found_back, back)


@pytest.mark.parametrize("layer", ["conv2_2", "conv5_1"])
def test_a_position_depends_on_exactly_its_receptive_field(layer: str) -> None:
    # With positive weights every ReLU is open, so the gradient is 0 only where nothing is seen.
    height, width = 37, 50
    thin = {}
    for each in vgg.steps_through([layer]):
        if each.startswith("conv"):
            block, number = int(each[4]), int(each[6])
            before = (3, *(channels[-1] for channels in vgg.BLOCKS))[block - 1]
            inputs = before if number == 1 else vgg.BLOCKS[block - 1][0]
            outputs = vgg.BLOCKS[block - 1][0]
            kernel = np.full((outputs, inputs, 3, 3), 1 / (9 * inputs), np.float32)
            thin[each] = (kernel, np.full(outputs, 200, np.float32))
    network = Network(Kernels(thin), device="cpu", threads=2).differentiable(
        height, width, (layer,)
    )
    network.forward(np.zeros((3, height, width), np.float32))
    rows, columns = layer_size(layer, height, width)
    for row, column in ((0, 0), (rows // 2, columns - 1), (rows - 1, columns // 2)):
        d = network.gradient_arrays()
        d[layer][...] = 0
        d[layer][:, row * columns + column] = 1
        seen = network.backward(d)[0] > 0
        expected = np.zeros((height, width), bool)
        down, across = shares(layer, row, height), shares(layer, column, width)
        expected[min(down) : max(down) + 1, min(across) : max(across) + 1] = True
        np.testing.assert_array_equal(seen, expected)
    # Far from the edges the field has the size that the literature gives.
    side, stride = RECEPTIVE_FIELDS[layer]
    inner = [shares(layer, position, 40 * stride) for position in (20, 21)]
    assert [max(each) - min(each) + 1 for each in inner] == [side, side]
    assert min(inner[1]) - min(inner[0]) == stride


@pytest.mark.parametrize("size", [(16, 16), (67, 97)], ids=str)
@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("direction", ["features", "channels last", "gradient"])
def test_models_are_valid_onnx_with_the_declared_shapes(
    size: tuple[int, int], pooling: str, direction: str
) -> None:
    if direction != "gradient":
        last = direction == "channels last"
        graph = features_graph(
            *size, STYLE_AND_CONTENT, pooling=pooling, for_gradient=True, channels_last=last
        )
    else:
        graph = gradient_graph(*size, STYLE_AND_CONTENT, pooling=pooling)
    model = onnx.load_from_string(graph.model)
    # The checker looks for the files of external data; as inputs the kernels are checked as well.
    outside = [each for each in model.graph.initializer if each.data_location == EXTERNAL]
    assert {each.name for each in outside} == set(graph.initializers)
    for tensor in outside:
        model.graph.initializer.remove(tensor)
        info = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        model.graph.input.append(info)
    onnx.checker.check_model(model, full_check=True)

    read = read_model(graph.model).graph
    for values, declared in ((read.input, graph.inputs), (read.output, graph.outputs)):
        shapes = {
            value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
            for value in values
            if value.name not in graph.kernel_inputs
        }
        assert shapes == declared


def test_where_channels_come_last_no_bool_is_turned_and_nothing_else_changes(
    kernels: Kernels,
) -> None:
    """Seen on WebGPU: onnxruntime moves a transpose of 4 axes past `Greater`, to the processor."""
    layers = ("conv2_1", "conv3_1")
    graph = features_graph(20, 24, layers, for_gradient=True, channels_last=True)
    nodes = read_model(graph.model).graph.node
    made = {output: node.op_type for node in nodes for output in node.output}
    compared = [made[node.input[0]] for node in nodes if node.op_type == "Greater"]
    assert compared == ["Reshape"] * 3  # conv1_1, conv1_2, conv2_2
    network = Network(kernels, device="cpu", threads=1)
    found = []
    for last in (False, True):
        network.entry = replace(network.entry, channels_last=last)
        sized = network.differentiable(20, 24, layers)
        features = sized.forward(picture(20, 24))
        found.append(sized.backward({name: features[name].copy() for name in layers}).copy())
    np.testing.assert_array_equal(found[1], found[0])


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def nothing(data: bytes) -> bytes:
    return b""


def noise(data: bytes) -> bytes:
    return b"\xff" * 40


@pytest.mark.parametrize("damage", [cut, nothing, noise])
def test_what_is_not_a_model_is_refused(damage: Callable[[bytes], bytes]) -> None:
    graph = features_graph(16, 16, ("conv1_1",))
    with pytest.raises(ValueError, match=r"not an ONNX model|no ONNX graph"):
        read_model(damage(graph.model))
