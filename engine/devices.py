"""Devices: one entry for each kind, the choice of one that works, and its sessions.

No other file compares a device's name. A new device is one more entry in `ENTRIES` and one more
name in `job.DEVICES`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any, Callable

import numpy as np
import onnxruntime

from engine.errors import DeviceMemoryError, is_out_of_memory
from engine.job import DEVICES
from engine.memory import memory
from engine.threads import usable_processors
from engine.translations import _, number_text
from models.forms import USUAL_FORMS, Forms
from models.graphs import speed_graph, trial_graph


@dataclass(frozen=True)
class DeviceEntry:
    """One kind of device.

    Attributes
    ----------
    name : str
        The name in `job.DEVICES`.
    provider : str
        onnxruntime's name of the execution provider.
    memory : str
        onnxruntime's name of the device's memory.
    host_memory : bool
        Whether that memory is the processor's, so that numpy reads it without a copy.
    forms : Forms
        How to compute each kind of convolution where the machine has not been measured; empty where
        the device chooses for itself.
    options : mapping of str to str
        The provider's options.
    rounded : mapping of str to str
        The options that differ where products may be rounded to ten bits (TF32); empty where the
        device cannot do that.
    free_memory : callable
        Returns the bytes that are free on the device.
    plugin : str
        The package with the provider's library; empty where onnxruntime itself has the provider.
    imitated : bool
        Whether a driver may imitate the device in software, slower than the processor.
    channels_last : bool
        Whether onnxruntime turns values there so that their channels come last, which it cannot do
        with bool.
    shortages : tuple of str
        The words of its libraries that say that its memory is too small, besides those that
        `errors.is_out_of_memory` has for all.
    silent : bool
        Whether a lack of memory may raise no exception, and leave values uncomputed.
    """

    name: str
    provider: str
    memory: str
    host_memory: bool
    forms: Forms
    options: Mapping[str, str]
    rounded: Mapping[str, str]
    free_memory: Callable[[], int]
    plugin: str = ""
    imitated: bool = False
    channels_last: bool = False
    shortages: tuple[str, ...] = ()
    silent: bool = False


def _shared_memory() -> int:
    """Return what a card of unknown memory is trusted with: half of what the processor has free.

    Built-in graphics share the processor's memory, and may take about half of it.
    """
    return memory().free // 2


def _free_nvidia_memory() -> int:
    """Ask NVIDIA's own tool about the first card that CUDA may use."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    if first:
        command.append(f"--id={first}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return int(done.stdout.split()[0]) << 20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0


ENTRIES = {
    entry.name: entry
    for entry in (
        DeviceEntry(
            name="cpu",
            provider="CPUExecutionProvider",
            memory="cpu",
            host_memory=True,
            forms=USUAL_FORMS,
            options={},
            rounded={},
            free_memory=lambda: memory().free,
        ),
        DeviceEntry(
            name="cuda",
            provider="CUDAExecutionProvider",
            memory="cuda",
            host_memory=False,
            forms={},
            # EXHAUSTIVE would stall at every new size.
            options={"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"},
            rounded={"use_tf32": "1"},
            free_memory=_free_nvidia_memory,
            # cuDNN and cuBLAS give names of states; "out of memory" is what CUDA itself says.
            shortages=("_ALLOC_FAILED", "_ALLOCATION_FAILED"),
        ),
        DeviceEntry(
            name="directml",
            provider="DmlExecutionProvider",
            memory="dml",
            host_memory=False,
            forms={},
            options={},
            rounded={},
            free_memory=_shared_memory,
            # E_OUTOFMEMORY; the sentence after it is in the language of Windows.
            shortages=("8007000E",),
        ),
        DeviceEntry(
            name="webgpu",
            provider="WebGpuExecutionProvider",
            memory="webgpu",
            host_memory=False,
            forms={},
            options={},
            rounded={},
            free_memory=_shared_memory,
            plugin="onnxruntime_ep_webgpu",
            imitated=True,
            channels_last=True,
            # WebGPU also limits the size of one buffer, and of the part that a program sees. Errors
            # in making buffers are only logged, and what uses these buffers is left out: seen with
            # version 0.4.0. Reading such a buffer is what raises an exception.
            shortages=(
                "VK_ERROR_OUT_OF_",
                "Failed to create GPU buffer",
                "exceeds the max buffer size limit",
                "larger than the maximum storage buffer binding size",
                "is invalid due to a previous error",
            ),
            silent=True,
        ),
    )
}


def choose_device(asked: str) -> tuple[str, str]:
    """Return the device that works and, where it is not the one asked for, why.

    Parameters
    ----------
    asked : str
        One of `job.DEVICES`. For 'auto' each device that this onnxruntime has is tried in turn,
        the processor last.

    Returns
    -------
    device : str
        A name in `ENTRIES`.
    notice : str
        Empty, or one sentence.
    """
    others = [name for name in DEVICES if name in ENTRIES and not ENTRIES[name].host_memory]
    wanted = others if asked == "auto" else [name for name in others if name == asked]
    failures: list[str] = []
    for name in wanted:
        if not is_available(ENTRIES[name]):
            if asked == name:
                text = _("This onnxruntime cannot use {device}, so the processor is used.")
                return "cpu", text.format(device=name)
            continue
        reason = try_device(name)
        if not reason and asked == "auto" and ENTRIES[name].imitated:
            reason = _slower_than_processor(name)
        if not reason:
            text = _("{failures}, so {device} is used.")
            return name, text.format(failures="; ".join(failures), device=name) if failures else ""
        failure = _("{device} does not work here ({reason})")
        failures.append(failure.format(device=name, reason=reason))
    text = _("{failures}, so the processor is used.")
    return "cpu", text.format(failures="; ".join(failures)) if failures else ""


def is_available(entry: DeviceEntry) -> bool:
    """Return whether this onnxruntime, with its plug-ins, has a device's provider."""
    if not entry.plugin:
        return entry.provider in onnxruntime.get_available_providers()
    if not hasattr(onnxruntime, "register_execution_provider_library"):  # before 1.24
        return False
    if importlib.util.find_spec(entry.plugin) is None:
        return False
    return _plugin_device(entry) is not None


def _plugin_device(entry: DeviceEntry) -> Any:
    """Return onnxruntime's description of a plug-in's device; None where there is no such device.

    Raises
    ------
    RuntimeError
        If the library does not fit this onnxruntime.
    """
    package = importlib.import_module(entry.plugin)
    with _plugins_lock:
        if entry.name not in _registered_plugins:
            library = package.get_library_path()
            onnxruntime.register_execution_provider_library(entry.name, library)
            # Its errors, too, come as exceptions, or show in what it has not computed.
            onnxruntime.set_default_logger_severity(4)
            _registered_plugins.add(entry.name)
    devices = onnxruntime.get_ep_devices()
    return next((device for device in devices if device.ep_name == entry.provider), None)


_plugins_lock = threading.Lock()
_registered_plugins: set[str] = set()


def _slower_than_processor(name: str) -> str:
    """Compare a device with the processor; return what is wrong, or an empty text.

    A driver in software passes every other test, and is a hundred times slower.
    """
    seconds = []
    for device in ("cpu", name):
        session = open_session(speed_graph().model, session_options(usable_processors()), device)
        value = np.ones((1, 64, 128, 128), np.float32)
        session.run(None, {"value": value})  # programs are compiled, memory is made
        began = time.perf_counter()
        session.run(None, {"value": value})
        seconds.append(time.perf_counter() - began)
    if seconds[1] < seconds[0]:
        return ""
    text = _("it is {times} times slower than the processor")
    return text.format(times=round(seconds[1] / seconds[0]))


def try_device(name: str) -> str:
    """Run a tiny graph on a device; return what is wrong, or an empty text."""
    try:
        missing = _load_libraries() if not ENTRIES[name].host_memory else ""
        session = open_session(trial_graph().model, session_options(1), name)
        value = np.ones((1, 3, 16, 16), np.float32)
        found = session.run(None, {"picture": value})[0]
    except Exception as error:  # every provider raises its own kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        return f"{missing}; {reason}" if missing else reason
    return "" if found[0, 0, 8, 8] == 27 else _("its results are wrong")


def _load_libraries() -> str:
    """Load the libraries that a card's provider needs; return the first failure, or ''."""
    if not hasattr(onnxruntime, "preload_dlls"):
        return ""
    # It prints failures, and the engine's standard output belongs to the protocol.
    with redirect_stdout(StringIO()) as printed:
        onnxruntime.preload_dlls()
    return next((line for line in printed.getvalue().splitlines() if "Failed" in line), "")


def session_options(threads: int, spin: int = 0) -> onnxruntime.SessionOptions:
    """Return the options of every session of the engine.

    Parameters
    ----------
    threads : int
    spin : int
        Microseconds for which a thread without work waits busily before it sleeps.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Errors come as exceptions; onnxruntime would print them in color besides.
    options.log_severity_level = 4
    # A pool that spins for long takes the cores from the losses, and from GIMP.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
    if spin:
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(spin))
    # Every size needs another pattern, and a pattern is one more block of memory.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    _share_arena()
    return options


def open_session(
    model: bytes,
    options: onnxruntime.SessionOptions,
    device: str,
    *,
    rounded: bool = False,
) -> onnxruntime.InferenceSession:
    """Make a session on a device and prove that it is there.

    Parameters
    ----------
    model : bytes
        In ONNX's format.
    options : onnxruntime.SessionOptions
    device : str
        A name in `ENTRIES`.
    rounded : bool
        Whether products may be rounded to ten bits (TF32) where the device can.

    Raises
    ------
    RuntimeError
        If onnxruntime put the session elsewhere; it does so without a word.
    DeviceMemoryError
        If the device has not enough memory.
    """
    entry = ENTRIES[device]
    chosen = {**entry.options, **(entry.rounded if rounded else {})}
    providers: list = [(entry.provider, chosen)]
    if entry.plugin:
        options.add_provider_for_devices([_plugin_device(entry)], chosen)
        providers = []
    elif entry.provider != ENTRIES["cpu"].provider:
        providers.append(ENTRIES["cpu"].provider)
    with memory_errors(device):
        session = onnxruntime.InferenceSession(model, options, providers=providers)
    if session.get_providers()[0] != entry.provider:
        message = (
            f"onnxruntime put the session on {session.get_providers()[0]}, not on {entry.provider}"
        )
        raise RuntimeError(message)
    return session


def nodes_elsewhere(session: onnxruntime.InferenceSession) -> dict[str, int] | None:
    """Return how many nodes of each operator run on another provider than the session's first.

    None where this onnxruntime, of 1.23 or older, does not tell.
    """
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    first = session.get_providers()[0]
    found: dict[str, int] = {}
    for part in session.get_provider_graph_assignment_info():
        if part.ep_name != first:
            for node in part.get_nodes():
                found[node.op_type] = found.get(node.op_type, 0) + 1
    return found


@contextmanager
def memory_errors(device: str) -> Iterator[None]:
    """Turn a card's own words for "out of memory" into one sentence.

    Parameters
    ----------
    device : str
        A name in `ENTRIES`.

    Raises
    ------
    DeviceMemoryError
        In place of an exception that says so, where the memory is not the processor's.
    """
    entry = ENTRIES[device]
    try:
        yield
    except Exception as error:  # every provider raises its own kinds
        words = str(error)
        if entry.host_memory or isinstance(error, DeviceMemoryError):
            raise
        if not (is_out_of_memory(words) or any(each in words for each in entry.shortages)):
            raise
        raise DeviceMemoryError(full_card(entry)) from error


def full_card(entry: DeviceEntry) -> str:
    """Return the sentence that says that a device's memory is too small."""
    free = entry.free_memory()
    if not free:
        return _("The graphics card has not enough memory for a picture of this size.")
    text = _(
        "The graphics card has not enough memory for a picture of this size: {gigabytes} GB are "
        "free."
    )
    return text.format(gigabytes=number_text(free / 1e9, ".1f"))


_arena_lock = threading.Lock()
_arena_made = False


def _share_arena() -> None:
    """Give all sessions of the process one pool of memory, once.

    A pool serves one request at a time under its own lock, so sessions that run at the same time
    in several threads get different blocks of it, and to shrink it frees only blocks that nobody
    uses. What has to be avoided is to register a second one: it takes the first one's place, and
    sessions made before and after share nothing. At 512x512 a network takes 0.92 GB in all this
    way and 1.16 GB with a pool per session; two at a time in two threads 1.74 and 2.21 GB.
    """
    global _arena_made
    with _arena_lock:
        if _arena_made:
            return
        info = onnxruntime.OrtMemoryInfo(
            "Cpu",
            onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
            0,
            onnxruntime.OrtMemType.DEFAULT,
        )
        # Blocks of doubling size can be cut for either direction; blocks of the size that was
        # asked for are of no use to the other one, which cost 130 MB at 512x512.
        doubling = {"arena_extend_strategy": 0}
        onnxruntime.create_and_register_allocator(info, onnxruntime.OrtArenaCfg(doubling))
        _arena_made = True
