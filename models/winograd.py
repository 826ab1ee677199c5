"""Winograd convolution F(4x4, 3x3) and F(2x2, 3x3) from stock ONNX operators.

Lavin and Gray 2015, *Fast algorithms for convolutional neural networks*. onnxruntime's own CPU
convolution is direct and runs at the processor's peak, so only fewer multiplications help: each
6x6 tile of the input gives 4x4 pixels of the output with 36 multiplications per pair of channels
instead of 144, and each 4x4 tile gives 2x2 pixels with 16 instead of 36. The transforms are
convolutions with fixed filters over single channels, and the sum over channels is one batched
matrix product.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from models.onnx_format import GraphBuilder


class Form(NamedTuple):
    """The matrices of F(tile x tile, 3x3).

    Attributes
    ----------
    output, kernel, window : ndarray
        A' of shape (tile, tile + 2), G of shape (tile + 2, 3), and B' of shape
        (tile + 2, tile + 2), in ``A' [(G w G') (B' d B)] A``.
    reciprocal : list of int
        For each interpolation point the place of its reciprocal.
    """

    output: np.ndarray
    kernel: np.ndarray
    window: np.ndarray
    reciprocal: list[int]


# Interpolation points. Turning a kernel by half a turn reverses its polynomial, and a reversed
# polynomial has at p the value of the original at 1/p, times p^2. These sets are closed under 1/p
# (infinity stands last, opposite to 0), and the scales make up for p^2: so the adjoint convolution
# uses the same transformed kernels, with the points in the order of their reciprocals.
_POINTS = {2: (0.0, 1.0, -1.0), 4: (0.0, 1.0, -1.0, 2.0, 0.5)}

TILES = tuple(_POINTS)
"""Sides of tiles, in pixels of the output. Larger ones would round more and gain nothing here."""


@functools.lru_cache
def form(tile: int) -> Form:
    """Return the matrices for tiles of this side, one of `TILES`."""
    points = _POINTS[tile]
    scales = [min(1.0, point**-2) if point else 1.0 for point in points]
    powers = np.array(points)[:, None] ** np.arange(max(tile, 3))
    output = np.vstack([powers[:, :tile], np.eye(tile)[-1]]).T
    kernel = np.vstack([np.array(scales)[:, None] * powers[:, :3], np.eye(3)[-1]])
    window = np.zeros((tile + 2, tile + 2))
    for index, (point, scale) in enumerate(zip(points, scales)):
        others = [other for other in points if other != point]
        lagrange = np.poly(others)[::-1] / np.prod([point - other for other in others])
        window[index, :-1] = lagrange / scale
    window[-1] = np.poly(points)[::-1]
    places = [points.index(1 / point) if point else len(points) for point in points]
    return Form(output, kernel, window, [*places, 0])


def transform_kernel(kernel: np.ndarray, tile: int) -> np.ndarray:
    """Return ``G w G'`` for every pair of channels.

    Parameters
    ----------
    kernel : ndarray, shape (outputs, inputs, 3, 3)
    tile : int
        One of `TILES`.

    Returns
    -------
    ndarray, shape ((tile + 2)^2, outputs, inputs)
        Contiguous float32.
    """
    outputs, inputs = kernel.shape[:2]
    matrix = form(tile).kernel
    # One matrix product with the products of G's rows.
    both = np.kron(matrix, matrix).astype(np.float32)
    flat = both @ kernel.reshape(outputs * inputs, 9).T
    return flat.reshape(len(both), outputs, inputs)


def convolve(
    graph: GraphBuilder,
    value: str,
    kernel: str,
    shape: tuple[int, int, int, int],
    tile: int,
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
        What `transform_kernel` makes, shape (positions, outputs, inputs); for the adjoint, that of
        the convolution that it belongs to, shape (positions, inputs, outputs).
    shape : tuple of int
        (inputs, outputs, height, width).
    tile : int
        One of `TILES`; that of the kernel.
    adjoint : bool
        Whether to convolve with the kernel turned by half a turn and its channels exchanged: the
        gradient of the convolution with respect to its input.

    Returns
    -------
    str
        The output, shape (1, outputs, height, width).
    """
    inputs, outputs, height, width = shape
    rows, columns = -(-height // tile), -(-width // tile)
    side, positions = tile + 2, (tile + 2) ** 2
    A, _, B, reciprocal = form(tile)
    if adjoint:
        A, B = A[:, reciprocal], B[reciprocal]
        kernel = graph.node("Transpose", kernel, perm=(0, 2, 1))

    # Input channels stand where the batch was, so that each is transformed alone.
    filters = np.einsum("ai,bj->abij", B, B).reshape(positions, 1, side, side)
    tiles = graph.node(
        "Conv",
        graph.reshaped(value, inputs, 1, height, width),
        graph.constant(filters.astype(np.float32)),
        kernel_shape=(side, side),
        strides=(tile, tile),
        pads=(1, 1, tile * rows - height + 1, tile * columns - width + 1),
    )
    tiles = graph.reshaped(tiles, inputs, positions, rows * columns)
    tiles = graph.node("Transpose", tiles, perm=(1, 0, 2))
    products = graph.node("MatMul", kernel, tiles)
    # The output transform is a matrix product too; its rows are the pixels of a tile.
    transform = np.einsum("ia,jb->ijab", A, A).reshape(tile**2, positions).astype(np.float32)
    flat = graph.reshaped(products, positions, outputs * rows * columns)
    pixels = graph.node("MatMul", graph.constant(transform), flat)
    pixels = graph.reshaped(pixels, tile**2, outputs, rows * columns)
    pixels = graph.node("Transpose", pixels, perm=(1, 0, 2))
    pixels = graph.reshaped(pixels, 1, outputs * tile**2, rows, columns)
    result = graph.node("DepthToSpace", pixels, blocksize=tile, mode="CRD")
    if (tile * rows, tile * columns) == (height, width):
        return result
    # The last row and column of tiles have too much.
    starts, ends, axes = ([0, 0], [height, width], [2, 3])
    return graph.node(
        "Slice",
        result,
        *(graph.constant(np.array(each, np.int64)) for each in (starts, ends, axes)),
    )
