"""VGG-16 at work: pictures to features, and feature gradients to picture gradients."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Callable

import numpy as np
import onnxruntime

from engine.job import DEVICES
from engine.threads import thread_count
from models.graphs import Graph, features_graph, gradient_graph, trial_graph, value_type

if TYPE_CHECKING:
    from models.kernels import Kernels

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
}
_CUDA_OPTIONS = {
    # EXHAUSTIVE would stall at every new size; TF32 rounds gradients to three digits.
    "cudnn_conv_algo_search": "HEURISTIC",
    "use_tf32": "0",
}


class Network:
    """The network's sessions on one device.

    Parameters
    ----------
    kernels : Kernels
        Gives the weights by name.
    pooling : {'average', 'max'}
    device : {'auto', 'cpu', 'cuda', 'directml'}
        Where to run; when this device does not work, the CPU is used and `notice` says so.
    threads : int
        Processor threads; 0 takes one per core.

    Attributes
    ----------
    device : str
        The device that a session was really made on.
    provider : str
        onnxruntime's name of it.
    threads : int
        The number of threads in use.
    notice : str
        Why another device is used than was asked for, or an empty text.
    """

    def __init__(
        self,
        kernels: Kernels,
        *,
        pooling: str = "average",
        device: str = "auto",
        threads: int = 0,
    ) -> None:
        self._kernels = kernels
        self.pooling = pooling
        self.threads = thread_count(threads)
        self.device, self.notice = choose_device(device)
        self.provider = PROVIDERS[self.device]
        # On the CPU an OrtValue borrows its array's memory, which `kernels` keeps.
        self._values: dict[str, onnxruntime.OrtValue] = {}

    def features(self, picture: np.ndarray, layers: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Return the activations of a picture.

        Parameters
        ----------
        picture : ndarray, shape (3, height, width)
            R, G, B from 0 to 255.
        layers : tuple of str

        Returns
        -------
        dict of str to ndarray, shape (channels, rows * columns)
            float32.
        """
        _, height, width = picture.shape
        return self.extractor(height, width, layers)(picture)

    def extractor(
        self, height: int, width: int, layers: tuple[str, ...]
    ) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Return `features` for many pictures of one size, with one session."""
        graph = features_graph(height, width, layers, pooling=self.pooling, fast=self._on_cpu)
        session = self.session(graph)
        # What this size needed is given back: the next picture has another.
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

        def extract(picture: np.ndarray) -> dict[str, np.ndarray]:
            binding = session.io_binding()
            for name in graph.kernel_inputs:
                binding.bind_ortvalue_input(name, self.kernel(name))
            given = np.ascontiguousarray(picture[None], np.float32)
            binding.bind_ortvalue_input("picture", onnxruntime.OrtValue.ortvalue_from_numpy(given))
            # The results go straight into arrays that can be given back to the system one by one.
            features = {name: np.empty(graph.outputs[name], np.float32) for name in layers}
            for name, array in features.items():
                value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
                binding.bind_ortvalue_output(name, value)
            session.run_with_iobinding(binding, options)
            return {name: array.reshape(array.shape[1], -1) for name, array in features.items()}

        return extract

    def differentiable(
        self, height: int, width: int, layers: tuple[str, ...]
    ) -> DifferentiableNetwork:
        """Return the network for pictures of one size, with its gradient."""
        return DifferentiableNetwork(self, height, width, layers)

    @property
    def _on_cpu(self) -> bool:
        return self.device == "cpu"

    def kernel(self, name: str) -> onnxruntime.OrtValue:
        """Return a kernel in the device's memory."""
        if name not in self._values:
            device = ort_device(self.device)
            value = onnxruntime.OrtValue.ortvalue_from_numpy(self._kernels[name], device, 0)
            self._values[name] = value
        return self._values[name]

    def session(self, graph: Graph) -> onnxruntime.InferenceSession:
        """Make a session for a graph and give it its initializers."""
        options = session_options(self.threads, self.device)
        names = list(graph.initializers)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(self._kernels[name]) for name in names]
        options.add_external_initializers(names, values)
        return open_session(graph.model, options, self.device)


class DifferentiableNetwork:
    """Features of pictures of one size, and the gradient back to the picture.

    The activations stay where the features session wrote them, and the gradient session reads them
    there: on the CPU nothing is copied between the two.

    Parameters
    ----------
    network : Network
    height, width : int
        The size of the pictures.
    layers : tuple of str
        The layers that losses look at.
    """

    def __init__(self, network: Network, height: int, width: int, layers: tuple[str, ...]) -> None:
        self.layers = layers
        self._on_cpu = network.device == "cpu"
        pooling, fast = network.pooling, self._on_cpu
        forward = features_graph(
            height, width, layers, pooling=pooling, fast=fast, for_gradient=True
        )
        backward = gradient_graph(height, width, layers, pooling=pooling, fast=fast)
        self._forward = network.session(forward)
        self._backward = network.session(backward)
        self._device = ort_device(network.device)
        self._values = {
            name: network.kernel(name) for name in forward.kernel_inputs + backward.kernel_inputs
        }
        self._arrays: dict[str, np.ndarray] = {}
        self._graphs = forward, backward
        self._make_room({**forward.inputs, **backward.inputs, **backward.outputs})

    def twin(self) -> DifferentiableNetwork:
        """Return a network with activations of its own, which shares everything else with this.

        It can run `backward` for its last picture after this one has seen another.
        """
        twin = copy.copy(self)
        twin._values, twin._arrays = dict(self._values), dict(self._arrays)
        twin._make_room(self._graphs[0].outputs)
        return twin

    def _make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make arrays for inputs and outputs, and bind the sessions to them."""
        for name, shape in shapes.items():
            if self._on_cpu:
                self._arrays[name] = np.empty(shape, value_type(name))
                value = onnxruntime.OrtValue.ortvalue_from_numpy(self._arrays[name])
            else:
                value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                    shape, value_type(name).type, self._device, 0
                )
            self._values[name] = value
        forward, backward = self._graphs
        self._bound_forward = self._bind(self._forward, forward)
        self._bound_backward = self._bind(self._backward, backward)

    def forward(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features of a picture, shape (3, height, width), 0..255.

        Returns
        -------
        dict of str to ndarray, shape (channels, rows * columns)
            float32; valid until the next call.
        """
        self._write("picture", picture[None])
        self._forward.run_with_iobinding(self._bound_forward)
        features = {}
        for name in self.layers:
            value = self._arrays[name] if self._on_cpu else self._values[name].numpy()
            features[name] = value.reshape(value.shape[1], -1)
        return features

    def gradient_arrays(self) -> dict[str, np.ndarray]:
        """Return one array per layer to write feature gradients into, for `backward`.

        Shape (channels, rows * columns), float32; what they hold at first is undefined.
        """
        arrays = {}
        for name in self.layers:
            key = f"d_{name}"
            if key not in self._arrays:
                self._arrays[key] = np.empty(self._values[key].shape(), np.float32)
            arrays[name] = self._arrays[key].reshape(self._arrays[key].shape[1], -1)
        return arrays

    def backward(self, gradients: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the picture's gradient for the last picture given to `forward`.

        Parameters
        ----------
        gradients : mapping of str to ndarray, shape (channels, rows * columns)
            The loss's gradient with respect to each layer's features; arrays of
            `gradient_arrays` are not copied on the CPU.

        Returns
        -------
        ndarray, shape (3, height, width)
            float32; valid until the next call.
        """
        for name in self.layers:
            self._write(f"d_{name}", gradients[name])
        self._backward.run_with_iobinding(self._bound_backward)
        if self._on_cpu:
            return self._arrays["d_picture"][0]
        return self._values["d_picture"].numpy()[0]

    def _bind(self, session: onnxruntime.InferenceSession, graph: Graph) -> onnxruntime.IOBinding:
        binding = session.io_binding()
        for name in (*graph.inputs, *graph.kernel_inputs):
            binding.bind_ortvalue_input(name, self._values[name])
        for name in graph.outputs:
            binding.bind_ortvalue_output(name, self._values[name])
        return binding

    def _write(self, name: str, array: np.ndarray) -> None:
        """Make `array` the value of an input."""
        if not self._on_cpu:
            shape = tuple(self._values[name].shape())
            self._values[name].update_inplace(
                np.ascontiguousarray(array.reshape(shape), np.float32)
            )
            return
        target = self._arrays[name]
        if not np.shares_memory(target, array):
            target[...] = array.reshape(target.shape)


def choose_device(asked: str) -> tuple[str, str]:
    """Return the device that works and, where it is not the one asked for, why.

    Parameters
    ----------
    asked : {'auto', 'cpu', 'cuda', 'directml'}

    Returns
    -------
    device : {'cpu', 'cuda', 'directml'}
    notice : str
        Empty, or one sentence.
    """
    available = onnxruntime.get_available_providers()
    wanted = [name for name in DEVICES if name in PROVIDERS and name != "cpu"]
    if asked != "auto":
        wanted = [] if asked == "cpu" else [asked]
    for name in wanted:
        if PROVIDERS[name] not in available:
            if asked == name:
                return "cpu", f"This onnxruntime cannot use {name}, so the processor is used."
            continue
        reason = _trial(name)
        if not reason:
            return name, ""
        return "cpu", f"{name} does not work here ({reason}), so the processor is used."
    return "cpu", ""


def session_options(threads: int, device: str) -> onnxruntime.SessionOptions:
    """Return the options of every session of the engine."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Errors come as exceptions; onnxruntime would print them in colours besides.
    options.log_severity_level = 4
    # A spinning pool takes the cores from the losses, and from GIMP.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Every size needs another pattern, and a pattern is one more block of memory.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")
    _share_arena()
    return options


@functools.lru_cache
def _share_arena() -> None:
    """Give all sessions one pool of memory: they never run at the same time."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    # Blocks of doubling size can be cut for either direction; blocks of the size that was asked
    # for are of no use to the other one, which cost 130 MB at 512x512.
    doubling = {"arena_extend_strategy": 0}
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(doubling))


def ort_device(device: str) -> str:
    """Return onnxruntime's name of a device's memory."""
    return {"directml": "dml"}.get(device, device)


def open_session(
    model: bytes, options: onnxruntime.SessionOptions, device: str
) -> onnxruntime.InferenceSession:
    """Make a session on a device and prove that it is there.

    Raises
    ------
    RuntimeError
        If onnxruntime put the session elsewhere; it does so without a word.
    """
    provider = PROVIDERS[device]
    providers: list = [(provider, _CUDA_OPTIONS if device == "cuda" else {})]
    if device != "cpu":
        providers.append(PROVIDERS["cpu"])
    session = onnxruntime.InferenceSession(model, options, providers=providers)
    if session.get_providers()[0] != provider:
        message = f"onnxruntime put the session on {session.get_providers()[0]}, not on {provider}"
        raise RuntimeError(message)
    return session


def _trial(device: str) -> str:
    """Run a tiny graph on a device; return what is wrong, or an empty text."""
    if device == "cuda" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    graph = trial_graph()
    try:
        session = open_session(graph.model, session_options(1, device), device)
        value = np.ones((1, 3, 16, 16), np.float32)
        found = session.run(None, {"picture": value})[0]
    except Exception as error:  # every provider raises its own kinds
        return str(error).strip().splitlines()[0][:200]
    return "" if found[0, 0, 8, 8] == 27 else "its results are wrong"
