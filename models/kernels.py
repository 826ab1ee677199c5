"""The arrays that the graphs ask for by name, each made once from the weights."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np

from models.forms import winograd_tile
from models.winograd import transform_kernel


class Kernels:
    """The kernels of `graphs.py`, made once; the weights that they come from are not kept.

    Networks in several threads may share it.

    Parameters
    ----------
    weights : mapping of str to tuple of ndarray
        For each layer its kernel, shape (outputs, inputs, 3, 3), for B, G, R input, and its bias,
        shape (outputs,).
    """

    def __init__(self, weights: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        self._weights = weights
        self._biases: dict[str, np.ndarray] = {}
        self._waiting: dict[str, np.ndarray] = {}
        self._made: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the float32 array of this name.

        The names are `LAYER.forward` (the kernel), `LAYER.backward` (the adjoint's kernel),
        `LAYER.winograd4` and `LAYER.winograd2` (the transformed kernels, for both directions),
        `LAYER.bias`, and `LAYER.bias.column` (shape (outputs, 1, 1)).
        """
        # Sessions borrow the arrays' memory, so no array may take another one's place.
        with self._lock:
            if name not in self._made:
                self._made[name] = np.ascontiguousarray(self._make(name), np.float32)
            return self._made[name]

    def _make(self, name: str) -> np.ndarray:
        layer, kind, *form = name.split(".")
        if kind == "bias":
            if layer not in self._biases:
                # A layer is read and checked whole, and its kernel will be asked for at once after.
                self._waiting[layer] = self._read(layer)
            bias = self._biases[layer]
            return bias[:, None, None] if form else bias
        kernel = self._forward_kernel(layer)
        if kind == "backward":
            # The adjoint of a 'same' convolution is the convolution with the kernel turned by half
            # a turn and its two channel axes exchanged.
            kernel = kernel[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        tile = winograd_tile(kind)
        return transform_kernel(kernel, tile) if tile else kernel

    def _forward_kernel(self, layer: str) -> np.ndarray:
        made = self._made.get(f"{layer}.forward")
        if made is not None:
            return made
        waiting = self._waiting.pop(layer, None)
        kernel = self._read(layer) if waiting is None else waiting
        return kernel[:, ::-1] if layer == "conv1_1" else kernel  # pictures are R, G, B

    def _read(self, layer: str) -> np.ndarray:
        kernel, self._biases[layer] = self._weights[layer]
        return kernel
