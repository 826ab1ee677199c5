"""The sessions: what they compute, whose memory they use, and the device they are on."""

from __future__ import annotations

import gc

import numpy as np
import onnxruntime
import pytest

from engine import network as module
from engine.network import Network, choose_device, open_session, session_options
from models.graphs import trial_graph
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


def test_threads_and_device_are_what_was_asked_for(kernels: Kernels) -> None:
    network = Network(kernels, device="cpu", threads=3)
    assert network.threads == 3
    assert (network.device, network.provider, network.notice) == ("cpu", CPU, "")
    options = session_options(3, "cpu")
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of what onnxruntime says it can use, for a test to add to."""
    available = [CPU]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    return available


class Session:
    """A session that is on `device` and says that its sums are `value`."""

    def __init__(self, provider: str, value: float) -> None:
        self.provider = provider
        self.value = value

    def get_providers(self) -> list[str]:
        return [self.provider, CPU]

    def run(self, outputs: object, inputs: object) -> list[np.ndarray]:
        return [np.full((1, 1, 16, 16), self.value, np.float32)]


@pytest.mark.usefixtures("providers")
def test_without_another_device_the_processor_is_used() -> None:
    assert choose_device("auto") == ("cpu", "")
    assert choose_device("cpu") == ("cpu", "")
    for asked in ("cuda", "directml"):
        device, notice = choose_device(asked)
        assert device == "cpu"
        assert notice == f"This onnxruntime cannot use {asked}, so the processor is used."


def test_a_device_is_taken_once_it_has_proved_itself(
    providers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    providers.append("CUDAExecutionProvider")
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *given, **more: Session("CUDAExecutionProvider", 27)
    )
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    assert choose_device("auto") == ("cuda", "")
    assert choose_device("cuda") == ("cuda", "")
    assert choose_device("cpu") == ("cpu", "")


@pytest.mark.parametrize("asked", ["auto", "cuda"])
@pytest.mark.parametrize(
    ("provider", "value", "why"),
    [
        (CPU, 27, "onnxruntime put the session on CPUExecutionProvider, not on CUDA"),
        ("CUDAExecutionProvider", 26, "its results are wrong"),
    ],
)
def test_a_device_that_is_not_used_or_wrong_is_named_in_a_notice(
    providers: list[str],
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    provider: str,
    value: float,
    why: str,
) -> None:
    providers.append("CUDAExecutionProvider")
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *given, **more: Session(provider, value)
    )
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    device, notice = choose_device(asked)
    assert device == "cpu"
    assert notice.startswith(f"cuda does not work here ({why}")
    assert notice.endswith("so the processor is used.")


def test_the_trial_is_right_where_a_device_works() -> None:
    session = open_session(trial_graph().model, session_options(1, "cpu"), "cpu")
    random = np.random.default_rng(0).integers(0, 9, (1, 3, 16, 16)).astype(np.float32)
    sums = session.run(None, {"picture": random})[0]
    assert sums[0, 0, 5, 7] == random[0, :, 4:7, 6:9].sum()
    assert sums[0, 0, 0, 0] == random[0, :, :2, :2].sum()
    assert module._trial("cpu") == ""
