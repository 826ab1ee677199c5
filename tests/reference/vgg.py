"""VGG-16's convolutional part in float64, written straight from its definition.

Simonyan and Zisserman 2015, configuration D: nothing here is shared with the package `models`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
MEAN_RED_GREEN_BLUE = (123.68, 116.779, 103.939)

Weights = Mapping[str, tuple[np.ndarray, np.ndarray]]
Arrays = dict[str, np.ndarray]


def steps() -> Iterator[str]:
    """Name the convolutions and poolings in order."""
    for block, channels in enumerate(BLOCKS, 1):
        for number in range(1, len(channels) + 1):
            yield f"conv{block}_{number}"
        yield f"pool{block}"


def steps_through(layers: Iterable[str]) -> list[str]:
    """Name the steps from the picture to the deepest of the layers."""
    names = list(steps())
    return names[: 1 + max(names.index(layer) for layer in layers)]


def convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the sums over each 3x3 window; what lies outside of the picture is 0."""
    _, height, width = x.shape
    around = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    y = np.zeros((len(bias), height, width)) + bias[:, None, None]
    for i in range(3):
        for j in range(3):
            shifted = around[:, i : i + height, j : j + width]
            y += np.tensordot(kernel[:, :, i, j].astype(np.float64, copy=False), shifted, 1)
    return y


def convolution_backward(d: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Give each output's gradient to the inputs that it was a sum of."""
    _, height, width = d.shape
    around = np.zeros((kernel.shape[1], height + 2, width + 2))
    for i in range(3):
        for j in range(3):
            given = np.tensordot(kernel[:, :, i, j].T.astype(np.float64, copy=False), d, 1)
            around[:, i : i + height, j : j + width] += given
    return around[:, 1:-1, 1:-1]


def quarters(x: np.ndarray) -> list[tuple[slice, slice]]:
    """Return where the four elements of every 2x2 window are; odd ends belong to none."""
    rows, columns = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    return [(slice(i, rows, 2), slice(j, columns, 2)) for i in (0, 1) for j in (0, 1)]


def pool(x: np.ndarray, pooling: str) -> np.ndarray:
    four = np.stack([x[:, rows, columns] for rows, columns in quarters(x)])
    return four.mean(axis=0) if pooling == "average" else four.max(axis=0)


def pool_backward(d: np.ndarray, x: np.ndarray, pooling: str) -> np.ndarray:
    """Share the gradient among the four elements, or among those that are the maximum."""
    back = np.zeros(x.shape)
    four = np.stack([x[:, rows, columns] for rows, columns in quarters(x)])
    shares = np.ones(four.shape) if pooling == "average" else (four == four.max(axis=0)) * 1.0
    shares /= shares.sum(axis=0)
    for share, (rows, columns) in zip(shares, quarters(x)):
        back[:, rows, columns] = share * d
    return back


MOST_KEPT = 24
"""Pictures whose activations a network keeps."""


def at_hand(kernel: np.ndarray) -> np.ndarray:
    """Return the kernel in float64, with each of its nine taps in one piece of memory."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 0, 1), np.float64).transpose(2, 3, 0, 1)


class ReferenceNetwork:
    """Stands in for `engine.network.Network`; all numbers are float64."""

    def __init__(self, weights: Weights, pooling: str = "average", threads: int = 1) -> None:
        self.weights = {name: (at_hand(kernel), bias) for name, (kernel, bias) in weights.items()}
        self.pooling = pooling
        self.threads = threads
        self.losses = "processor"
        self.gradients = True
        self._found: dict[tuple, Arrays] = {}

    @contextmanager
    def losses_alone(self) -> Iterator[None]:
        """Leave gradients out, which take longer than losses; they are 0 meanwhile."""
        self.gradients = False
        try:
            yield
        finally:
            self.gradients = True

    def activations(self, picture: np.ndarray, layers: Iterable[str]) -> Arrays:
        """Return every step's output, shape (channels, rows, columns), after the ReLU.

        Those of the last pictures are kept, since tests take the same ones again and again.
        """
        picture, names = picture.astype(np.float64), steps_through(layers)
        key = picture.shape, picture.tobytes()
        found = self._found.pop(key, {})
        if names[-1] not in found:
            found = self._activations(picture, names)
            for each in found.values():
                each.flags.writeable = False
        self._found[key] = found  # as the one that was asked for last
        if len(self._found) > MOST_KEPT:
            del self._found[next(iter(self._found))]
        return {name: found[name] for name in names}

    def _activations(self, picture: np.ndarray, names: list[str]) -> Arrays:
        value = picture - np.reshape(MEAN_RED_GREEN_BLUE, (3, 1, 1))
        value = value[::-1]  # blue first
        found = {}
        for name in names:
            if name.startswith("conv"):
                kernel, bias = self.weights[name]
                value = np.maximum(convolution(value, kernel, bias), 0)
            else:
                value = pool(value, self.pooling)
            found[name] = value
        return found

    def picture_gradient(self, activations: Arrays, gradients: Arrays) -> np.ndarray:
        """Go back from gradients at layers to the picture's, shape (3, height, width)."""
        names = steps_through(gradients)
        d = np.zeros(activations[names[-1]].shape)
        for below, name in zip([None, *names][::-1][1:], names[::-1]):
            if name.startswith("conv"):
                if name in gradients:
                    d = d + gradients[name].reshape(d.shape)
                d = convolution_backward(d * (activations[name] > 0), self.weights[name][0])
            else:
                assert below is not None
                d = pool_backward(d, activations[below], self.pooling)
        return d[::-1]

    def features(self, picture: np.ndarray, layers: tuple[str, ...]) -> Arrays:
        if not layers:
            return {}
        found = self.activations(picture, layers)
        return {layer: found[layer].reshape(len(found[layer]), -1) for layer in layers}

    def differentiable(
        self, height: int, width: int, layers: tuple[str, ...], *, rounded: bool = False
    ) -> ReferenceDifferentiable:
        return ReferenceDifferentiable(self, (3, height, width), layers)


class ReferenceDifferentiable:
    """Stands in for `engine.network.DifferentiableNetwork`."""

    notice = ""

    def __init__(
        self, network: ReferenceNetwork, shape: tuple[int, int, int], layers: tuple[str, ...]
    ) -> None:
        self.network = network
        self.shape = shape
        self.layers = layers
        self.found = network.activations(np.zeros(shape), layers)

    def forward(self, picture: np.ndarray) -> Arrays:
        self.found = self.network.activations(picture, self.layers)
        return {
            layer: self.found[layer].reshape(len(self.found[layer]), -1) for layer in self.layers
        }

    def gradient_arrays(self) -> Arrays:
        shapes = {layer: self.found[layer].shape for layer in self.layers}
        return {layer: np.empty((shape[0], shape[1] * shape[2])) for layer, shape in shapes.items()}

    def backward(self, gradients: Arrays) -> np.ndarray:
        if not self.network.gradients:
            return np.zeros(self.shape)
        return self.network.picture_gradient(self.found, gradients)
