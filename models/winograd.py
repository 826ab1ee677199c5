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
"""Pixels of the output per tile, in each direction."""

WINDOW = TILE + 2
"""Pixels of the input per tile, in each direction."""

# Interpolation points. Turning a kernel by half a turn reverses its polynomial, and a reversed
# polynomial has at p the value of the original at 1/p, times p^2. This set is closed under 1/p
# (infinity stands last, opposite to 0), and the scales make up for p^2: so the adjoint convolution
# uses the same transformed kernels, with the points in the order of `_RECIPROCAL`.
_POINTS = (0.0, 1.0, -1.0, 2.0, 0.5)
_SCALES = (1.0, 1.0, 1.0, 0.25, 1.0)
_RECIPROCAL = [5, 1, 2, 4, 3, 0]


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A' (4, 6), G (6, 3) and B' (6, 6) of ``A' [(G w G') (B' d B)] A``."""
    powers = np.array(_POINTS)[:, None] ** np.arange(TILE)
    output = np.vstack([powers, np.eye(TILE)[-1]]).T
    kernel = np.vstack([np.array(_SCALES)[:, None] * powers[:, :3], np.eye(3)[-1]])
    window = np.zeros((WINDOW, WINDOW))
    for index, (point, scale) in enumerate(zip(_POINTS, _SCALES)):
        others = [other for other in _POINTS if other != point]
        lagrange = np.poly(others)[::-1] / np.prod([point - other for other in others])
        window[index, :-1] = lagrange / scale
    window[-1] = np.poly(_POINTS)[::-1]
    return output, kernel, window


_A, _G, _B = _matrices()


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
    both = np.kron(_G, _G).astype(np.float32)
    flat = both @ kernel.reshape(outputs * inputs, 9).T
    return flat.reshape(WINDOW**2, outputs, inputs)


def convolve(
    graph: GraphBuilder,
    value: str,
    kernel: str,
    shape: tuple[int, int, int, int],
    *,
    adjoint: bool = False,
) -> str:
    """Add the nodes of a 3x3 'same' convolution without bias, or of its adjoint.

    Parameters
    ----------
    graph : GraphBuilder
    value : str
        The input, shape (1, inputs, height, width).
    kernel : str
        What `transform_kernel` makes, shape (36, outputs, inputs); for the adjoint, that of the
        convolution that it belongs to, shape (36, inputs, outputs).
    shape : tuple of int
        (inputs, outputs, height, width).
    adjoint : bool
        Whether to convolve with the kernel turned by half a turn and its channels exchanged: the
        gradient of the convolution with respect to its input.

    Returns
    -------
    str
        The output, shape (1, outputs, height, width).
    """
    inputs, outputs, height, width = shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    A, B = (_A[:, _RECIPROCAL], _B[_RECIPROCAL]) if adjoint else (_A, _B)
    if adjoint:
        kernel = graph.node("Transpose", kernel, perm=(0, 2, 1))

    def reshaped(name: str, *sizes: int) -> str:
        return graph.node("Reshape", name, graph.constant(np.array(sizes, np.int64)))

    # Input channels stand where the batch was, so that each is transformed alone.
    filters = np.einsum("ai,bj->abij", B, B).reshape(WINDOW**2, 1, WINDOW, WINDOW)
    tiles = graph.node(
        "Conv",
        reshaped(value, inputs, 1, height, width),
        graph.constant(filters.astype(np.float32)),
        kernel_shape=(WINDOW, WINDOW),
        strides=(TILE, TILE),
        pads=(1, 1, TILE * rows - height + 1, TILE * columns - width + 1),
    )
    tiles = reshaped(tiles, inputs, WINDOW**2, rows * columns)
    tiles = graph.node("Transpose", tiles, perm=(1, 0, 2))
    products = graph.node("MatMul", kernel, tiles)
    # The output transform is a matrix product too; its 16 rows are the pixels of a tile.
    transform = np.einsum("ia,jb->ijab", A, A).reshape(TILE**2, WINDOW**2).astype(np.float32)
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
