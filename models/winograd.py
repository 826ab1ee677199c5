"""Winograd convolution F(4x4, 3x3) from stock ONNX operators.

Lavin and Gray 2015, *Fast algorithms for convolutional neural networks*. onnxruntime's own CPU
convolution is direct and runs at the processor's peak, so only fewer multiplications help: each
6x6 tile of the input gives 4x4 pixels of the output with 36 multiplications per pair of channels
instead of 144. The transforms are convolutions with fixed filters over single channels, and the
sum over channels is one batched matrix product.
"""

from __future__ import annotations

import numpy as np

from models.onnx_format import GraphBuilder

TILE = 4
"""Pixels of the output that one tile gives, in each direction."""

WINDOW = TILE + 2
"""Pixels of the input that it looks at, in each direction."""

# The matrices of the interpolation points 0, 1, -1, 2, -2 and infinity.
_B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float32,
)
_G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    np.float32,
)
_A = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    np.float32,
)


def transform_kernel(kernel: np.ndarray) -> np.ndarray:
    """Return ``G w G'`` for every pair of channels.

    Parameters
    ----------
    kernel : ndarray, shape (outputs, inputs, 3, 3)

    Returns
    -------
    ndarray, shape (36, outputs, inputs)
        Contiguous float32.
    """
    outputs, inputs = kernel.shape[:2]
    # One matrix product with the 36 products of G's rows.
    both = np.kron(_G, _G)
    flat = both @ kernel.reshape(outputs * inputs, 9).T
    return flat.reshape(WINDOW**2, outputs, inputs)


def convolve(graph: GraphBuilder, value: str, kernel: str, shape: tuple[int, int, int, int]) -> str:
    """Add the nodes of a 3x3 'same' convolution without bias.

    Parameters
    ----------
    graph : GraphBuilder
    value : str
        The input, shape (1, inputs, height, width).
    kernel : str
        What `transform_kernel` makes, shape (36, outputs, inputs).
    shape : tuple of int
        (inputs, outputs, height, width).

    Returns
    -------
    str
        The output, shape (1, outputs, height, width).
    """
    inputs, outputs, height, width = shape
    rows, columns = -(-height // TILE), -(-width // TILE)

    def reshaped(name: str, *sizes: int) -> str:
        return graph.node("Reshape", name, graph.constant(np.array(sizes, np.int64)))

    # Input channels stand where the batch was, so that each is transformed alone.
    filters = np.einsum("ai,bj->abij", _B, _B).reshape(WINDOW**2, 1, WINDOW, WINDOW)
    tiles = graph.node(
        "Conv",
        reshaped(value, inputs, 1, height, width),
        graph.constant(filters),
        kernel_shape=(WINDOW, WINDOW),
        strides=(TILE, TILE),
        pads=(1, 1, TILE * rows - height + 1, TILE * columns - width + 1),
    )
    tiles = reshaped(tiles, inputs, WINDOW**2, rows * columns)
    tiles = graph.node("Transpose", tiles, perm=(1, 0, 2))
    products = graph.node("MatMul", kernel, tiles)
    # The output transform is a matrix product too; its 16 rows are the pixels of a tile.
    transform = np.einsum("ia,jb->ijab", _A, _A).reshape(TILE**2, WINDOW**2)
    flat = reshaped(products, WINDOW**2, outputs * rows * columns)
    pixels = graph.node("MatMul", graph.constant(transform), flat)
    pixels = reshaped(pixels, TILE**2, outputs, rows * columns)
    pixels = graph.node("Transpose", pixels, perm=(1, 0, 2))
    pixels = reshaped(pixels, 1, outputs * TILE**2, rows, columns)
    result = graph.node("DepthToSpace", pixels, blocksize=TILE, mode="CRD")
    if (TILE * rows, TILE * columns) == (height, width):
        return result
    # The last row and column of tiles have too much.
    starts, ends, axes = ([0, 0], [height, width], [2, 3])
    return graph.node(
        "Slice",
        result,
        *(graph.constant(np.array(each, np.int64)) for each in (starts, ends, axes)),
    )
