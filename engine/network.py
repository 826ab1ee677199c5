"""Network sessions: pictures to features, and feature gradients to picture gradients."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, TypeVar

import numpy as np
import onnxruntime

from engine import memory
from engine.devices import (
    ENTRIES,
    choose_device,
    full_card,
    memory_errors,
    nodes_elsewhere,
    open_session,
    session_options,
)
from engine.errors import DeviceMemoryError
from engine.job import MIN_SIDE
from engine.paths import model_file
from engine.threads import thread_count
from engine.translations import _
from engine.tuning import recorded
from models.graphs import Graph, features_graph, gradient_graph, value_type
from models.kernels import Kernels
from models.vgg16 import LAYERS
from models.weights import Weights

if TYPE_CHECKING:
    from engine.job import Job
    from engine.tuning import Tuning

Done = TypeVar("Done")


def open_network(job: Job, tuning: Tuning | None = None) -> Network:
    """Open the installed weights as a job asks for: its pooling, device and threads.

    Parameters
    ----------
    job : Job
    tuning : Tuning, optional
        By default what was measured on this processor.

    Raises
    ------
    WeightsError
        If the weights are missing or broken.
    """
    kernels = Kernels(Weights(model_file()))
    return Network(
        kernels,
        pooling=job.pooling,
        device=job.device,
        threads=job.threads,
        tuning=tuning or recorded(),
    )


class Network:
    """The network's sessions on one device.

    Parameters
    ----------
    kernels : Kernels
        Gives the weights by name.
    pooling : {'average', 'max'}
    device : str
        One of `job.DEVICES`: where to run; when this device does not work, another one is used and
        `notice` says so.
    threads : int
        Processor threads; 0 takes one per core.
    tuning : Tuning, optional
        What was measured to be quickest on this processor; without it, what is quickest on most.

    Attributes
    ----------
    device : str
        The device that a session was really made on.
    provider : str
        onnxruntime's name of it.
    threads : int
        The number of threads in use.
    forms : Forms
        How each kind of convolution is computed.
    losses : {'processor', 'card'}
        Where the losses belong: on a card whose memory numpy cannot read, they run in the graph.
    notice : str
        Why another device is used than was asked for, or an empty text.
    """

    _make_room: Callable[[str], None] | None = None

    def __init__(
        self,
        kernels: Kernels,
        *,
        pooling: str = "average",
        device: str = "auto",
        threads: int = 0,
        tuning: Tuning | None = None,
    ) -> None:
        self._kernels = kernels
        self.pooling = pooling
        self.threads = thread_count(threads or (tuning.threads if tuning else 0))
        self.device, self.notice = choose_device(device)
        self.entry = ENTRIES[self.device]
        self.provider = self.entry.provider
        self.forms = tuning.forms if tuning and self.entry.host_memory else self.entry.forms
        self._spin = tuning.spin if tuning else 0
        self.losses = "processor" if self.entry.host_memory else "card"
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

        Raises
        ------
        DeviceMemoryError
            If the device has not enough memory.
        """
        _, height, width = picture.shape
        return self.extractor(height, width, layers)(picture)

    def extractor(
        self, height: int, width: int, layers: tuple[str, ...], *, holds_memory: bool = False
    ) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Return `features` for many pictures of one size, with one session.

        Parameters
        ----------
        height, width : int
        layers : tuple of str
        holds_memory : bool
            Whether a run leaves its working memory to the next one, of whatever session; else it
            is given back to the system.
        """
        graph = features_graph(height, width, layers, pooling=self.pooling, forms=self.forms)
        session = self.session(graph)
        options = onnxruntime.RunOptions()
        if not holds_memory:
            # The memory of this size is given back: the next picture may have another. The
            # processor's pool is shared and stays; a card's belongs to the session and goes with
            # it.
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

        def extract(picture: np.ndarray) -> dict[str, np.ndarray]:
            with memory_errors(self.device):
                binding = session.io_binding()
                for name in graph.kernel_inputs:
                    binding.bind_ortvalue_input(name, self.kernel(name))
                given = onnxruntime.OrtValue.ortvalue_from_numpy(
                    np.ascontiguousarray(picture[None], np.float32)
                )
                binding.bind_ortvalue_input("picture", given)
                # The results go into arrays that can be given back to the system one by one.
                features = {name: np.empty(graph.outputs[name], np.float32) for name in layers}
                for name, array in features.items():
                    value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
                    binding.bind_ortvalue_output(name, value)
                session.run_with_iobinding(binding, options)
            if self.entry.silent and not all(array.any() for array in features.values()):
                raise DeviceMemoryError(full_card(self.entry))
            return {name: array.reshape(array.shape[1], -1) for name, array in features.items()}

        return extract

    def give_memory_back(self) -> None:
        """Give the working memory of runs back to the system; a card's goes with its sessions."""
        if self.entry.host_memory:
            picture = np.zeros((3, MIN_SIDE, MIN_SIDE), np.float32)
            self.features(picture, LAYERS[:1])  # at its end the pool shrinks
        memory.give_back()

    def differentiable(
        self, height: int, width: int, layers: tuple[str, ...], *, rounded: bool = False
    ) -> DifferentiableNetwork:
        """Return the network for pictures of one size, with its gradient.

        Parameters
        ----------
        height, width : int
            Size of the pictures.
        layers : tuple of str
            The layers that the losses take.
        rounded : bool
            Whether the convolutions' products may be rounded to ten bits (TF32) where the device
            can do that.
        """
        return DifferentiableNetwork(self, height, width, layers, rounded=rounded)

    def kernel(self, name: str) -> onnxruntime.OrtValue:
        """Return a kernel in the device's memory."""
        if name not in self._values:
            self._values[name] = self.upload(self._kernels[name])
        return self._values[name]

    def upload(self, array: np.ndarray) -> onnxruntime.OrtValue:
        """Return a contiguous array as a value in the device's memory; see `empty`."""
        with memory_errors(self.device):
            value = onnxruntime.OrtValue.ortvalue_from_numpy(array, self.entry.memory, 0)
            return self._proven(value)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> onnxruntime.OrtValue:
        """Return a value of undefined content in the device's memory.

        On the processor it shares the memory of an array, which the value keeps.
        """
        if self.entry.host_memory:
            return onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(shape, dtype))
        with memory_errors(self.device):
            value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                list(shape), dtype.type, self.entry.memory, 0
            )
            return self._proven(value)

    def _proven(self, value: onnxruntime.OrtValue) -> onnxruntime.OrtValue:
        """Return a value; read it once first where a lack of memory would raise nothing."""
        if self.entry.silent:
            value.numpy()
        return value

    @contextmanager
    def relieved_by(self, make_room: Callable[[str], None]) -> Iterator[None]:
        """Free memory of the device in this context when an action of `with_room` runs out of it.

        Parameters
        ----------
        make_room : callable
            Frees some memory, or raises a `DeviceMemoryError` with the sentence that it is given.
        """
        self._make_room = make_room
        try:
            yield
        finally:
            self._make_room = None

    def with_room(self, action: Callable[[], Done]) -> Done:
        """Run an action that takes memory of the device, again each time some was freed for it.

        Parameters
        ----------
        action : callable
            May be called again after a `DeviceMemoryError`.

        Raises
        ------
        DeviceMemoryError
            If no memory can be freed.
        """
        while True:
            try:
                return action()
            except DeviceMemoryError as error:
                if self._make_room is None:
                    raise
                sentence = str(error)
            self._make_room(sentence)

    def session(self, graph: Graph, *, rounded: bool = False) -> onnxruntime.InferenceSession:
        """Make a session for a graph and give it its initializers."""
        options = session_options(self.threads, self._spin)
        names = list(graph.initializers)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(self._kernels[name]) for name in names]
        options.add_external_initializers(names, values)
        return open_session(graph.model, options, self.device, rounded=rounded)


class DifferentiableNetwork:
    """Features of pictures of one size, and the gradient back to the picture.

    The activations stay where the features session wrote them, and the gradient session reads them
    there: in the device's memory. Arrays in the processor's memory are what `forward` and
    `backward` exchange; `load` and `propagate` leave the features and their gradients in the
    device's memory, for sessions that are bound to `values`.

    Parameters
    ----------
    network : Network
    height, width : int
        The size of the pictures.
    layers : tuple of str
        The layers that the losses take.
    rounded : bool
        As in `Network.differentiable`.

    Attributes
    ----------
    network : Network
    size : (int, int)
        Height and width.
    layers : tuple of str
    values : dict of str to OrtValue
        In the device's memory: 'picture', shape (1, 3, height, width), each layer's features under
        its name, shape (1, channels, rows, columns), their gradients under 'd_LAYER', and
        'd_picture'.
    state : tuple of str
        The values that `backward` reads of the last forward pass (`models.graphs.state_for`).
    """

    def __init__(
        self,
        network: Network,
        height: int,
        width: int,
        layers: tuple[str, ...],
        *,
        rounded: bool = False,
    ) -> None:
        self.network = network
        self.size: tuple[int, int] = (height, width)
        self.layers = layers
        pooling, forms = network.pooling, network.forms
        forward = features_graph(
            height,
            width,
            layers,
            pooling=pooling,
            forms=forms,
            for_gradient=True,
            channels_last=network.entry.channels_last,
        )
        backward = gradient_graph(height, width, layers, pooling=pooling, forms=forms)
        self._forward = network.session(forward, rounded=rounded)
        self._backward = network.session(backward, rounded=rounded)
        self.values = {
            name: network.kernel(name) for name in forward.kernel_inputs + backward.kernel_inputs
        }
        self._arrays: dict[str, np.ndarray] = {}
        self.state = tuple(forward.outputs)
        shapes = {**forward.inputs, **backward.inputs, **backward.outputs}
        for name, shape in shapes.items():
            self.values[name] = network.empty(shape, value_type(name))
        self._bound_forward = self._bind(self._forward, forward)
        self._bound_backward = self._bind(self._backward, backward)
        # The picture's gradient goes into one array again and again: memory fresh from the system
        # costs as much time as the transfer.
        self._bound_to_host = self._bind(self._backward, backward)
        value = onnxruntime.OrtValue.ortvalue_from_numpy(self._array("d_picture"))
        self._bound_to_host.bind_ortvalue_output("d_picture", value)

    @property
    def nodes_elsewhere(self) -> dict[str, int] | None:
        """Number of nodes of each operator that run elsewhere; None if that is not known."""
        found = [nodes_elsewhere(session) for session in (self._forward, self._backward)]
        if found[0] is None or found[1] is None:
            return None
        return dict(Counter(found[0]) + Counter(found[1]))

    @property
    def notice(self) -> str:
        """A sentence on the nodes that do not run on the device; empty if there are none."""
        nodes = self.nodes_elsewhere
        if not nodes:
            return ""
        listed = ", ".join(f"{count} {operator}" for operator, count in sorted(nodes.items()))
        return _(
            "A part of the network runs on the processor, since {device} cannot compute it "
            "({listed}); that makes it slower."
        ).format(device=self.network.device, listed=listed)

    def load(self, picture: np.ndarray) -> None:
        """Compute the features of a picture, shape (3, height, width), 0..255."""
        self.write("picture", picture)
        self._run(self._forward, self._bound_forward)

    def load_first(self, picture: np.ndarray) -> None:
        """Compute the features of the first layer alone, which must be one of `layers`."""
        self.write("picture", picture)
        self._run(*self._first)

    @functools.cached_property
    def _first(self) -> tuple[onnxruntime.InferenceSession, onnxruntime.IOBinding]:
        graph = features_graph(*self.size, LAYERS[:1], forms=self.network.forms)
        session = self.network.session(graph)
        return session, self._bind(session, graph)

    def features(self) -> dict[str, np.ndarray]:
        """Return the features of the picture given to `load`.

        Returns
        -------
        dict of str to ndarray, shape (channels, rows * columns)
            float32; valid until the next picture.
        """
        arrays = {name: self.read(name) for name in self.layers}
        return {name: array.reshape(array.shape[1], -1) for name, array in arrays.items()}

    def forward(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features of a picture; see `load` and `features`."""
        self.load(picture)
        return self.features()

    def gradient_arrays(self) -> dict[str, np.ndarray]:
        """Return one array per layer to write feature gradients into, for `backward`.

        Shape (channels, rows * columns), float32; the content at first is undefined.
        """
        arrays = {name: self._array(f"d_{name}") for name in self.layers}
        return {name: array.reshape(array.shape[1], -1) for name, array in arrays.items()}

    def backward(self, gradients: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the picture's gradient for the picture given last.

        Parameters
        ----------
        gradients : mapping of str to ndarray, shape (channels, rows * columns)
            The loss's gradient with respect to each layer's features; arrays of
            `gradient_arrays` are not copied on the processor.

        Returns
        -------
        ndarray, shape (3, height, width)
            float32; valid until the next call.
        """
        for name in self.layers:
            self.write(f"d_{name}", gradients[name])
        return self.picture_gradient()

    def propagate(self) -> None:
        """Compute 'd_picture' of `values` from the feature gradients in `values`."""
        self._run(self._backward, self._bound_backward)

    def picture_gradient(self) -> np.ndarray:
        """Return the picture's gradient, as `backward`, from the feature gradients in `values`."""
        self._run(self._backward, self._bound_to_host)
        return self._array("d_picture")[0]

    def write(self, name: str, array: np.ndarray) -> None:
        """Make an array, of any shape with as many elements, the content of a value."""
        if self.network.entry.host_memory:
            target = self._array(name)
            if not np.shares_memory(target, array):
                target[...] = array.reshape(target.shape)
            return
        shape = tuple(self.values[name].shape())
        with memory_errors(self.network.device):
            self.values[name].update_inplace(np.ascontiguousarray(array.reshape(shape), np.float32))

    def read(self, name: str) -> np.ndarray:
        """Return the content of a value; on the processor it is the value's own memory."""
        return self.values[name].numpy()

    def _array(self, name: str) -> np.ndarray:
        """Return an array of a value's shape: on the processor, the value's own memory."""
        if name not in self._arrays:
            if self.network.entry.host_memory:
                self._arrays[name] = self.values[name].numpy()
            else:
                self._arrays[name] = np.empty(self.values[name].shape(), np.float32)
        return self._arrays[name]

    def _run(self, session: onnxruntime.InferenceSession, binding: onnxruntime.IOBinding) -> None:
        with memory_errors(self.network.device):
            session.run_with_iobinding(binding)

    def _bind(self, session: onnxruntime.InferenceSession, graph: Graph) -> onnxruntime.IOBinding:
        binding = session.io_binding()
        for name in (*graph.inputs, *graph.kernel_inputs):
            binding.bind_ortvalue_input(name, self.values[name])
        for name in graph.outputs:
            binding.bind_ortvalue_output(name, self.values[name])
        return binding
