"""Devices: the choice of one, its sessions, and what is said when it does not work."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from engine import devices
from engine.devices import (
    ENTRIES,
    choose_device,
    memory_errors,
    nodes_elsewhere,
    open_session,
    session_options,
    try_device,
)
from engine.errors import DeviceMemoryError, describe
from engine.job import DEVICES
from models.graphs import trial_graph

CPU = "CPUExecutionProvider"


def test_every_device_that_a_job_can_name_has_an_entry() -> None:
    assert ("auto", *ENTRIES) == DEVICES
    for name, entry in ENTRIES.items():
        assert entry.name == name
    assert [name for name, entry in ENTRIES.items() if entry.host_memory] == ["cpu"]


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


@pytest.fixture
def webgpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let onnxruntime find WebGPU's library and one device of it; return what is registered."""
    package = SimpleNamespace(get_library_path=lambda: "/made up/webgpu.so")
    registered: list[str] = []
    monkeypatch.setattr(devices, "_registered_plugins", set())
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: package)
    monkeypatch.setattr(devices.importlib, "import_module", lambda name: package)
    monkeypatch.setattr(
        onnxruntime,
        "register_execution_provider_library",
        lambda name, path: registered.append(f"{name}: {path}"),
        raising=False,
    )
    device = SimpleNamespace(ep_name="WebGpuExecutionProvider")
    monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: [device], raising=False)
    return registered


class Options(SimpleNamespace):
    """Session options that note the plug-in's devices."""

    def add_provider_for_devices(self, found: list, chosen: dict) -> None:
        self.found = found


@pytest.mark.parametrize(("slowness", "taken"), [(0.5, "webgpu"), (300, "cpu")])
def test_auto_takes_webgpu_only_where_it_is_faster_than_the_processor(
    webgpu: list[str], monkeypatch: pytest.MonkeyPatch, slowness: float, taken: str
) -> None:
    clock = [0.0]

    def opened(model: bytes, options: Options, *, providers: list) -> Session:
        card = hasattr(options, "found")
        assert card == (not providers), "a plug-in's device is chosen by the options"
        session = Session("WebGpuExecutionProvider" if card else CPU, 27)

        def run(outputs: object, inputs: object) -> list[np.ndarray]:
            clock[0] += slowness if card else 1
            return [np.full((1, 1, 16, 16), 27, np.float32)]

        monkeypatch.setattr(session, "run", run)
        return session

    monkeypatch.setattr(onnxruntime, "InferenceSession", opened)
    monkeypatch.setattr(devices, "session_options", lambda threads: Options())
    monkeypatch.setattr(devices.time, "perf_counter", lambda: clock[0])
    device, notice = choose_device("auto")
    assert device == taken
    assert ("300 times slower than the processor" in notice) == (taken == "cpu")
    assert choose_device("webgpu") == ("webgpu", "")
    assert webgpu == ["webgpu: /made up/webgpu.so"], "the library is registered once"


@pytest.mark.usefixtures("webgpu")
def test_without_a_card_webgpu_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_ep_devices", list)
    assert choose_device("auto") == ("cpu", "")
    assert choose_device("webgpu")[1] == (
        "This onnxruntime cannot use webgpu, so the processor is used."
    )


def test_every_card_has_memory_to_plan_with() -> None:
    for entry in ENTRIES.values():
        if entry.name != "cuda":  # whose card is asked
            assert entry.free_memory() > 0


def test_the_trial_is_right_where_a_device_works() -> None:
    session = open_session(trial_graph().model, session_options(1), "cpu")
    random = np.random.default_rng(0).integers(0, 9, (1, 3, 16, 16)).astype(np.float32)
    sums = session.run(None, {"picture": random})[0]
    assert sums[0, 0, 5, 7] == random[0, :, 4:7, 6:9].sum()
    assert sums[0, 0, 0, 0] == random[0, :, :2, :2].sum()
    assert try_device("cpu") == ""


def test_a_library_that_is_missing_is_the_reason_and_is_not_printed(
    providers: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    providers.append("CUDAExecutionProvider")
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *given, **more: Session(CPU, 27))
    told = "Failed to load libcudnn.so.9: cannot open shared object file"
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print(told), raising=False)
    device, notice = choose_device("cuda")
    assert device == "cpu"
    assert notice.startswith(f"cuda does not work here ({told}; onnxruntime put the session on")
    assert capsys.readouterr().out == ""


def test_auto_tries_the_next_device_when_one_fails(
    providers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    providers += ["CUDAExecutionProvider", "DmlExecutionProvider"]
    works = {"cuda": "no driver", "directml": ""}
    monkeypatch.setattr(devices, "try_device", works.get)
    expected = "cuda does not work here (no driver), so directml is used."
    assert choose_device("auto") == ("directml", expected)
    works["directml"] = "no card"
    expected = (
        "cuda does not work here (no driver); directml does not work here (no card), so the "
        "processor is used."
    )
    assert choose_device("auto") == ("cpu", expected)
    assert choose_device("directml")[1] == (
        "directml does not work here (no card), so the processor is used."
    )


def test_products_are_rounded_only_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[dict[str, str]] = []

    def session(model: bytes, options: object, providers: list) -> Session:
        given.append(providers[0][1])
        return Session("CUDAExecutionProvider", 27)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    for rounded in (False, True):
        open_session(b"", session_options(1), "cuda", rounded=rounded)
    assert [each["use_tf32"] for each in given] == ["0", "1"]


def test_a_full_card_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(ENTRIES["cuda"], free_memory=lambda: 1_250_000_000)
    monkeypatch.setitem(ENTRIES, "cuda", entry)
    words = "Available memory of 1 is smaller than requested: Failed to allocate memory for Conv"
    with pytest.raises(DeviceMemoryError) as caught, memory_errors("cuda"):
        raise RuntimeError(words)
    failure = describe(caught.value)
    assert failure.code == "memory"
    assert failure.message == (
        "The graphics card has not enough memory for a picture of this size: 1.2 GB are free."
    )
    assert "--size" in failure.hint
    assert "--device cpu" in failure.hint
    for device, text in (("cuda", "another failure"), ("cpu", words)):
        with pytest.raises(RuntimeError, match=text), memory_errors(device):
            raise RuntimeError(text)


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("cuda", "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer"),
        ("cuda", "Available memory of 512 is smaller than requested bytes of 1048576"),
        ("cuda", "CUDA failure 2: out of memory ; GPU=0 ; hostname=a ; expr=cudaMalloc((void**)"),
        ("cuda", "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=a"),
        ("cuda", "CUDNN failure 5003: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        ("cuda", "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=a"),
        ("directml", "BucketizedBufferAllocator.cpp(122) Exception(1) tid(4790) 8007000E Nicht"),
        ("webgpu", "Buffer size (5368709120) exceeds the max buffer size limit (1073741824)."),
        ("webgpu", "Binding is larger than the maximum storage buffer binding size (134217728)."),
        ("webgpu", "Failed to create GPU buffer: size=1024"),
        ("webgpu", "vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY"),
    ],
)
def test_every_devices_own_words_for_a_lack_of_memory_are_known(
    monkeypatch: pytest.MonkeyPatch, device: str, words: str
) -> None:
    monkeypatch.setitem(ENTRIES, device, replace(ENTRIES[device], free_memory=lambda: 0))
    with pytest.raises(DeviceMemoryError), memory_errors(device):
        raise RuntimeError(words)


@pytest.mark.parametrize(
    ("visible", "answer", "asked", "free"),
    [
        ("", "1000\n3000\n", [], 1000 << 20),
        ("1,0", "3000\n", ["--id=1"], 3000 << 20),
        ("", "[N/A]\n", [], 0),
    ],
)
def test_a_cards_free_memory_is_that_of_the_card_in_use(
    monkeypatch: pytest.MonkeyPatch, visible: str, answer: str, asked: list[str], free: int
) -> None:
    commands = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, answer, "")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(subprocess, "run", run)
    assert ENTRIES["cuda"].free_memory() == free
    assert commands[0][3:] == asked


def test_without_the_cards_tool_its_free_memory_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    assert ENTRIES["cuda"].free_memory() == 0


def test_nodes_on_another_provider_are_counted() -> None:
    session = open_session(trial_graph().model, session_options(1), "cpu")
    assert nodes_elsewhere(session) == {}

    class Moved:
        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", CPU]

        def get_provider_graph_assignment_info(self) -> list:
            return session.get_provider_graph_assignment_info()

    assert nodes_elsewhere(Moved()) == {"Conv": 1}
