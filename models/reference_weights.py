"""Reference of the original weights: their shapes and sums, and the search for them in arrays.

The 13 convolutions are those of the Visual Geometry Group's VGG-16 (CREDITS.md). An array counts
as original only if its sum agrees; its name in the file does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from models.vgg16 import CONVOLUTIONS, LAYERS
from models.weights_errors import WeightsError, _


class Layer(NamedTuple):
    """The weights of one convolution, float32."""

    kernel: np.ndarray
    """Shape (outputs, inputs, 3, 3); the first layer's inputs are blue, green, red."""

    bias: np.ndarray
    """Shape (outputs,)."""


SHA256 = {
    "conv1_1": "49ff6ccab561ee255bddf9c6c300ad8181dddf5228b81a2abe7ac68e1fa73281",
    "conv1_2": "f2b0b833622886388a7acb910e97d19819bdd7cbca032b12cb814fd50c3a3a58",
    "conv2_1": "8265490d4f18025eefedcf2052104e0dd0d63c8fc8af44789f8fb2fb2dc348e2",
    "conv2_2": "668e3006b17c421a707b55195a7e2e1bb355a257957614ea123a9f47601864d7",
    "conv3_1": "de02d13c8b84a113969f178598b1174de7ab3af7c4a2981473d0630bb3ea184b",
    "conv3_2": "9193c6ae59e34b5ce7023141abf785ca5f110135589a09367336af76327bf166",
    "conv3_3": "b21337c4a12f311fb2e670261848442d8e9d62395ce3022fa788573de76c20b1",
    "conv4_1": "6b8c595b57ee082f9cd670082c1cc2f3ef299f8fc2e8faf575497b3000e5b761",
    "conv4_2": "057e570ad5f183c2b5c63d9d365f6c8024703d4634ce7ab40889ca58d8bc89f7",
    "conv4_3": "97cb8a003fb4c045406f0273253e6519442c746f3742621b21d8c66de6df6580",
    "conv5_1": "9e85bb3b41c915fd00defb04757b2ce8530619e3d52f0394af4ad2d511e924a2",
    "conv5_2": "9d88c6d7b7fafe38c4029b1754990fa523af00d54bdab00e5fda76d9ee2dc888",
    "conv5_3": "a6ee606c64da8d7da2f09c52276b245c7478036f5d26a32dd34678c204af072c",
}
"""Per layer, over the kernel's and then the bias's bytes: little-endian float32 in C order."""

_KERNELS = {(each.outputs, each.inputs, 3, 3) for each in CONVOLUTIONS}
_KERAS_KERNELS = {(3, 3, each.inputs, each.outputs) for each in CONVOLUTIONS}
_BIASES = {each.outputs for each in CONVOLUTIONS}


def digest(layer: Layer) -> str:
    """Return the SHA-256 sum of a layer, to be compared with `SHA256`."""
    return _with_bias(_hash(layer.kernel), layer.bias)


def is_candidate(shape: tuple[int, ...]) -> bool:
    """Return whether an array of this shape can be a kernel or a bias of the network.

    Readers ask before they read an array, so that nothing else of a file takes memory.
    """
    return shape in _KERNELS or shape in _KERAS_KERNELS or _bias_size(shape) in _BIASES


def match(arrays: Iterable[np.ndarray], source: str) -> dict[str, Layer]:
    """Find the 13 layers among arrays of any order and origin.

    Kernels are taken in ONNX's order (outputs, inputs, 3, 3) and in Keras' (3, 3, inputs,
    outputs); those of the first layer also with red, green, blue inputs, which are turned round.
    These changes move whole numbers only, so the sums still prove that every bit is the original.

    Parameters
    ----------
    arrays : iterable of ndarray
        Arrays of other shapes or types are passed over.
    source : str
        What the error calls the place they come from.

    Returns
    -------
    dict of str to Layer
        In the network's order.

    Raises
    ------
    WeightsError
        If a layer is missing or is not the original one.
    """
    kernels: list[np.ndarray] = []
    biases: dict[int, list[np.ndarray]] = {size: [] for size in _BIASES}
    for array in arrays:
        if array.dtype.kind != "f" or array.dtype.itemsize < 4:
            continue
        if array.shape in _KERNELS:
            kernels.append(_float32(array))
        elif array.shape in _KERAS_KERNELS:
            kernels.append(_float32(array.transpose(3, 2, 0, 1)))
        elif _bias_size(array.shape) in _BIASES:
            biases[array.size].append(_float32(array.reshape(-1)))
    if not kernels:
        message = _("{source} holds none of VGG-16's convolutions").format(source=source)
        raise WeightsError(message)
    names = {sum_: name for name, sum_ in SHA256.items()}
    found: dict[str, Layer] = {}
    for stored in kernels:
        turned = (np.ascontiguousarray(stored[:, ::-1]),) if stored.shape[1] == 3 else ()
        for kernel in (stored, *turned):
            begun = _hash(kernel)
            for bias in biases[len(kernel)]:
                name = names.get(_with_bias(begun, bias))
                if name:
                    found[name] = Layer(kernel, bias)
    if not found:
        message = _(
            "{source} holds other weights than the original ones of VGG-16: "
            "none of the 13 layers agrees with its recorded sum"
        ).format(source=source)
        raise WeightsError(message)
    missing = [name for name in LAYERS if name not in found]
    if missing:
        message = _("Missing from {source}, or not the original there: {names}")
        message = message.format(source=source, names=", ".join(missing))
        raise WeightsError(message)
    return {name: found[name] for name in LAYERS}


def _bias_size(shape: tuple[int, ...]) -> int:
    """Return the length of a vector that may carry axes of length one, or 0."""
    long = [size for size in shape if size != 1]
    return long[0] if len(long) == 1 else 0


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, "<f4")


def _hash(kernel: np.ndarray) -> hashlib._Hash:
    return hashlib.sha256(_float32(kernel).data)


def _with_bias(begun: hashlib._Hash, bias: np.ndarray) -> str:
    both = begun.copy()
    both.update(_float32(bias).data)
    return both.hexdigest()
