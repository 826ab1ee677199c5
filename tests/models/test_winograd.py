"""Winograd convolution: exact in integers, and used only where it pays."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import graphs, winograd
from models.graphs import features_graph, gradient_graph
from models.onnx_format import GraphBuilder
from tests.reference import vgg


def convolved(x: np.ndarray, kernel: np.ndarray, tile: int, adjoint: bool) -> np.ndarray:
    inputs, height, width = x.shape
    transformed = winograd.transform_kernel(kernel, tile)
    outputs = transformed.shape[2 if adjoint else 1]
    build = GraphBuilder("one convolution")
    value = build.input("value", (1, *x.shape))
    name = build.input("kernel", transformed.shape)
    shape = (inputs, outputs, height, width)
    name = winograd.convolve(build, value, name, shape, tile, adjoint=adjoint)
    build.output("result", (1, outputs, height, width))
    build.node("Identity", name, output="result")
    session = onnxruntime.InferenceSession(build.to_bytes(), providers=["CPUExecutionProvider"])
    return session.run(None, {"value": x[None], "kernel": transformed})[0][0]


@settings(max_examples=30)
@given(
    tile=st.sampled_from(winograd.TILES),
    height=st.integers(1, 19),
    width=st.integers(1, 19),
    inputs=st.integers(1, 5),
    outputs=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_it_is_the_convolution_and_its_adjoint_at_every_size(
    tile: int, height: int, width: int, inputs: int, outputs: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(outputs, inputs, 3, 3)).astype(np.float32)
    x = random.normal(size=(inputs, height, width)).astype(np.float32)
    d = random.normal(size=(outputs, height, width)).astype(np.float32)
    none = np.zeros(outputs)
    # Rounding grows with the terms that are added, not with what they add up to.
    size = vgg.convolution(np.abs(x), np.abs(kernel), none).max()
    expected = vgg.convolution(x, kernel, none)
    np.testing.assert_allclose(
        convolved(x, kernel, tile, False), expected, rtol=0, atol=1e-5 * size
    )
    size = vgg.convolution_backward(np.abs(d), np.abs(kernel)).max()
    expected = vgg.convolution_backward(d, kernel)
    np.testing.assert_allclose(convolved(d, kernel, tile, True), expected, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("tile", winograd.TILES)
def test_one_pixel_spreads_the_kernel_around_it_at_every_place_in_a_tile(tile: int) -> None:
    kernel = np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)
    for row in range(1, 7):
        for column in range(1, 7):
            x = np.zeros((1, 8, 8), np.float32)
            x[0, row, column] = 1
            around = (slice(row - 1, row + 2), slice(column - 1, column + 2))
            for adjoint, expected in ((False, kernel[0, 0, ::-1, ::-1]), (True, kernel[0, 0])):
                found = convolved(x, kernel, tile, adjoint)[0]
                np.testing.assert_allclose(found[around], expected, rtol=0, atol=1e-4)
                found[around] = 0
                np.testing.assert_allclose(found, 0, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("rows", "columns"), [(8, 12), (9, 9)])
def test_it_begins_where_there_are_enough_channels_and_tiles(rows: int, columns: int) -> None:
    tiles = -(-rows // 4) * -(-columns // 4)
    height, width = 4 * rows, 4 * columns  # of which conv3_2 has a quarter in each direction
    for make in (features_graph, gradient_graph):
        used = make(height, width, ("conv3_2",)).kernel_inputs
        assert any(name.startswith("conv3_2.") for name in used) == (tiles >= graphs.WINOGRAD_TILES)
        assert not any(name.startswith(("conv1", "conv2", "conv3_1")) for name in used)
        assert not make(height, width, ("conv3_2",), forms={}).kernel_inputs
