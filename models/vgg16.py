"""Table of VGG-16: its layers, their sizes and their receptive fields.

Simonyan and Zisserman 2015, *Very deep convolutional networks for large-scale image recognition*,
configuration D, the convolutional part. All convolutions are 3x3 with stride 1 and a border of
zeros, all poolings are 2x2 with stride 2 and drop an odd last row or column.
"""

from __future__ import annotations

from typing import NamedTuple

MEAN_BGR = (103.939, 116.779, 123.68)
"""Means that the network expects to be subtracted from blue, green and red (0..255)."""

_CHANNELS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Conv(NamedTuple):
    """A 3x3 convolution followed by a ReLU."""

    name: str
    inputs: int
    outputs: int


class Pool(NamedTuple):
    """A 2x2 pooling with stride 2."""

    name: str


def _operations() -> tuple[Conv | Pool, ...]:
    operations: list[Conv | Pool] = []
    inputs = 3
    for block, channels in enumerate(_CHANNELS, 1):
        for number, outputs in enumerate(channels, 1):
            operations.append(Conv(f"conv{block}_{number}", inputs, outputs))
            inputs = outputs
        if block < len(_CHANNELS):
            operations.append(Pool(f"pool{block}"))
    return tuple(operations)


OPERATIONS = _operations()
CONVOLUTIONS = tuple(each for each in OPERATIONS if isinstance(each, Conv))
LAYERS = tuple(each.name for each in CONVOLUTIONS)
"""The layers whose activations (after the ReLU) can be asked for."""

CHANNELS = {each.name: each.outputs for each in CONVOLUTIONS}


def operations_through(layer: str) -> tuple[Conv | Pool, ...]:
    """Return the operations from the picture to `layer`, in order."""
    names = [each.name for each in OPERATIONS]
    return OPERATIONS[: names.index(layer) + 1]


def deepest(layers: tuple[str, ...]) -> str:
    """Return the layer of `layers` that is farthest from the picture."""
    return max(layers, key=LAYERS.index)


def layer_size(layer: str, height: int, width: int) -> tuple[int, int]:
    """Return the height and width of `layer` for a picture of `height` x `width` pixels."""
    pools = sum(isinstance(each, Pool) for each in operations_through(layer))
    return height >> pools, width >> pools


def receptive_field(layer: str) -> tuple[int, int]:
    """Return the side of the layer's receptive field and its stride, in pixels."""
    side, stride = 1, 1
    for operation in operations_through(layer):
        if isinstance(operation, Conv):
            side += 2 * stride
        else:
            side += stride
            stride *= 2
    return side, stride
