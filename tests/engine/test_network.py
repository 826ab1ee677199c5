"""The network's sessions: what they compute and whose memory they use."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from engine.devices import ENTRIES, session_options
from engine.errors import DeviceMemoryError
from engine.job import Job
from engine.memory import resident
from engine.network import Network, open_network
from models.kernels import Kernels
from tests.reference.vgg import ReferenceNetwork, Weights

LAYERS = ("conv2_1", "conv4_1", "conv1_1")
CPU = "CPUExecutionProvider"


@pytest.fixture(scope="module")
def network(kernels: Kernels) -> Network:
    return Network(kernels, device="cpu", threads=2)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (3, height, width)).astype(np.float32)


def ones(features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {layer: np.ones_like(value) for layer, value in features.items()}


def test_features_come_as_channels_by_positions_in_the_order_asked_for(
    network: Network, weights: Weights
) -> None:
    x = picture(35, 50)
    found = network.features(x, LAYERS)
    assert tuple(found) == LAYERS
    expected = ReferenceNetwork(weights).features(x, LAYERS)
    for layer, value in found.items():
        assert value.dtype == np.float32
        assert value.shape == expected[layer].shape
        away = np.linalg.norm(value - expected[layer])
        assert away <= 1e-5 * np.linalg.norm(expected[layer])


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_forward_and_backward_are_the_reference(
    kernels: Kernels, weights: Weights, pooling: str
) -> None:
    network = Network(kernels, pooling=pooling, device="cpu", threads=2)
    reference = ReferenceNetwork(weights, pooling)
    sized = network.differentiable(50, 35, LAYERS)
    other = reference.differentiable(50, 35, LAYERS)
    for seed in (1, 2):  # the second picture finds nothing of the first one
        x = picture(50, 35, seed)
        features, expected = sized.forward(x), other.forward(x)
        for layer in LAYERS:
            away = np.linalg.norm(features[layer] - expected[layer])
            assert away <= 1e-5 * np.linalg.norm(expected[layer])
        found = sized.backward(ones(features))
        assert found.shape == x.shape
        back = other.backward(ones(expected))
        # Rounding opens or closes a few ReLUs that stand at 0.
        assert np.linalg.norm(found - back) <= 1e-3 * np.linalg.norm(back)


def test_gradients_may_be_written_in_place_or_handed_over(network: Network) -> None:
    sized = network.differentiable(32, 32, LAYERS)
    features = sized.forward(picture(32, 32))
    given = {layer: value * np.float32(0.1) for layer, value in features.items()}
    handed = sized.backward(given).copy()
    arrays = sized.gradient_arrays()
    for layer in LAYERS:
        arrays[layer][...] = given[layer]
    np.testing.assert_array_equal(sized.backward(arrays), handed)
    assert handed.any()


def test_networks_of_several_sizes_do_not_disturb_each_other(network: Network) -> None:
    sizes = ((32, 48), (80, 72), (16, 16))
    alone = []
    for size in sizes:
        sized = network.differentiable(*size, LAYERS)
        features = sized.forward(picture(*size))
        kept = {layer: value.copy() for layer, value in features.items()}
        alone.append((kept, sized.backward(ones(features)).copy()))
    together = [network.differentiable(*size, LAYERS) for size in sizes]
    all_features = [sized.forward(picture(*size)) for sized, size in zip(together, sizes)]
    gradients = [sized.backward(ones(each)) for sized, each in zip(together, all_features)]
    for (kept, back), found, gradient in zip(alone, all_features, gradients):
        np.testing.assert_array_equal(gradient, back)
        for layer in LAYERS:
            np.testing.assert_array_equal(found[layer], kept[layer])


def test_a_sized_network_outlives_all_that_it_was_made_from(
    network: Network, weights: Weights
) -> None:
    sized = Network(Kernels(weights), device="cpu", threads=2).differentiable(72, 80, LAYERS)
    gc.collect()
    # Whatever was freed is written over.
    spoilt = [np.full(n, np.nan, np.float32) for n in (64, 128, 256, 512) for _ in range(200)]
    spoilt += [np.full((512, 512, 9), np.nan, np.float32) for _ in range(4)]
    x = picture(72, 80)
    expected = network.features(x, LAYERS)
    features = sized.forward(x)
    for layer in LAYERS:
        np.testing.assert_allclose(features[layer], expected[layer], rtol=0, atol=1e-3)
    assert np.isfinite(sized.backward(ones(features))).all()


def test_working_memory_is_given_back(kernels: Kernels) -> None:
    network = Network(kernels, device="cpu", threads=1)
    picture = np.ones((3, 200, 200), np.float32)
    network.extractor(200, 200, ("conv1_2",), holds_memory=True)(picture)
    before = resident()
    network.give_memory_back()
    assert before - resident() > 200 * 200 * 64 * 4  # one of the values between layers


def test_threads_and_device_are_what_was_asked_for(kernels: Kernels) -> None:
    network = Network(kernels, device="cpu", threads=3)
    assert network.threads == 3
    assert (network.device, network.provider, network.notice) == ("cpu", CPU, "")
    options = session_options(3)
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert network.losses == "processor"


def test_a_job_opens_the_network_that_it_asks_for(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCUMBLE_HOME", str(home))
    network = open_network(Job(pooling="max", device="cpu", threads=3))
    assert (network.pooling, network.device, network.threads) == ("max", "cpu", 3)


def test_two_networks_in_two_threads_compute_what_each_computes_alone(kernels: Kernels) -> None:
    """They share one pool of memory and, if they are not careful, each other's values."""

    def work(seed: int, times: int) -> list[np.ndarray]:
        size = (72 + 16 * seed, 80)
        sized = Network(kernels, device="cpu", threads=1).differentiable(*size, LAYERS)
        found = []
        for _ in range(times):
            features = sized.forward(picture(*size, seed))
            found += [sized.backward(ones(features)).copy(), features["conv4_1"].copy()]
        return found

    alone = [work(seed, 1) for seed in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(work, (0, 1), (6, 6)))
    for expected, found in zip(alone, together):
        for number, array in enumerate(found):
            np.testing.assert_array_equal(array, expected[number % 2])


def test_nodes_that_the_device_cannot_compute_are_told(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    sized = network.differentiable(32, 32, LAYERS)
    assert sized.notice == ""
    monkeypatch.setattr("engine.network.nodes_elsewhere", lambda session: {"Resize": 2, "Pad": 1})
    assert "(2 Pad, 4 Resize)" in sized.notice
    monkeypatch.setattr("engine.network.nodes_elsewhere", lambda session: None)
    assert sized.notice == ""


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processor be a card whose lack of memory raises nothing, as WebGPU's."""
    entry = replace(
        ENTRIES["webgpu"],
        name="cpu",
        provider=CPU,
        memory="cpu",
        free_memory=lambda: 0,
        plugin="",
    )
    monkeypatch.setitem(ENTRIES, "cpu", entry)


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(
    ("maker", "make"),
    [
        ("ortvalue_from_shape_and_type", lambda network: network.empty((3,), np.dtype(np.float32))),
        ("ortvalue_from_numpy", lambda network: network.upload(np.ones(3, np.float32))),
    ],
)
def test_memory_that_was_not_made_is_noticed_by_reading_it(
    kernels: Kernels,
    monkeypatch: pytest.MonkeyPatch,
    maker: str,
    make: Callable[[Network], object],
) -> None:
    class Missing:
        def numpy(self) -> np.ndarray:
            message = (
                "Failed to download data from buffer. wgpu::MapAsyncStatus value: 3, message: "
                "[Invalid Buffer (unlabeled)] is invalid due to a previous error."
            )
            raise RuntimeError(message)

    network = Network(kernels, device="cpu", threads=1)
    monkeypatch.setattr(onnxruntime.OrtValue, maker, staticmethod(lambda *given: Missing()))
    with pytest.raises(DeviceMemoryError):
        make(network)


@pytest.mark.usefixtures("silent")
def test_features_of_a_part_that_was_left_out_are_noticed() -> None:
    nothing = {"conv1_1": (np.zeros((64, 3, 3, 3), np.float32), np.zeros(64, np.float32))}
    network = Network(Kernels(nothing), device="cpu", threads=1)
    with pytest.raises(DeviceMemoryError):
        network.features(picture(16, 18), ("conv1_1",))
