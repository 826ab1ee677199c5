from __future__ import annotations

from pathlib import Path

import pytest

from engine.job import DEVICES
from engine.setup import machine
from engine.setup.machine import (
    DISTRIBUTIONS,
    Machine,
    MachineError,
    choose_onnxruntime,
    driver_in_kernel_text,
    linux_graphics,
    newest_python,
    real_graphics,
)

CPU = "onnxruntime>=1.19,<2"
CUDA_12 = "onnxruntime-gpu[cuda,cudnn]>=1.21,<1.27"
CUDA_13 = "onnxruntime-gpu[cuda,cudnn]>=1.27,<2"
DIRECTML = "onnxruntime-directml>=1.24,<2"
INTEL_MAC = "onnxruntime>=1.19,<=1.23.2"

LINUX = Machine("linux", "x86_64")
WINDOWS = Machine("win32", "x86_64")
RADEON = Machine("win32", "x86_64", graphics="AMD Radeon RX 7800 XT")
INTEL = Machine("linux", "x86_64", graphics="Intel's graphics")
APPLE = Machine("darwin", "arm64", graphics="Apple's graphics")
WEBGPU = ["onnxruntime>=1.24.4,<2", "onnxruntime-ep-webgpu>=0.4,<1"]


def nvidia(system: str, driver: str, architecture: str = "x86_64") -> Machine:
    return Machine(system, architecture, nvidia_driver=driver)


@pytest.mark.parametrize(
    "machine, python, requirement",
    [
        (LINUX, (3, 13), CPU),
        (LINUX, (3, 9), CPU),
        (Machine("linux", "arm64"), (3, 12), CPU),
        (Machine("darwin", "arm64"), (3, 12), CPU),
        (Machine("darwin", "x86_64"), (3, 12), INTEL_MAC),
        (WINDOWS, (3, 12), CPU),
        (RADEON, (3, 10), CPU),
        (INTEL, (3, 10), CPU),
        (Machine("linux", "riscv64", graphics="an AMD card"), (3, 12), CPU),
        (nvidia("linux", "580.95.05"), (3, 11), CUDA_13),
        (nvidia("win32", "591.44"), (3, 14), CUDA_13),
        (nvidia("linux", "580.95.05"), (3, 10), CUDA_12),
        (nvidia("linux", "580.95.05"), (3, 9), CPU),
        (nvidia("linux", "579.99"), (3, 11), CUDA_12),
        (nvidia("win32", "525.60.13"), (3, 11), CUDA_12),
        (nvidia("linux", "524.99"), (3, 11), CPU),
        (nvidia("linux", "580.95.05", "arm64"), (3, 11), CPU),
    ],
)
def test_the_build_of_onnxruntime_fits_the_machine(
    machine: Machine, python: tuple[int, int], requirement: str
) -> None:
    chosen = choose_onnxruntime(machine, python)
    assert chosen.requirement == requirement
    assert chosen.requirement.startswith(chosen.name)
    assert chosen.name in DISTRIBUTIONS


@pytest.mark.parametrize("card", [RADEON, INTEL, APPLE])
def test_another_makers_card_gets_webgpu_beside_onnxruntime(card: Machine) -> None:
    chosen = choose_onnxruntime(card, (3, 12))
    assert chosen.requirements == WEBGPU
    assert chosen.name in DISTRIBUTIONS
    assert card.graphics in chosen.reason
    assert choose_onnxruntime(card, (3, 12), "cpu").requirements == [CPU]


@pytest.mark.parametrize(
    ("vendors", "maker"),
    [
        ({}, ""),
        ({"card0": "0x1002\n"}, "an AMD card"),
        ({"card0": "0x1af4\n", "card1": "0x8086\n"}, "Intel's graphics"),  # the first is virtual
        ({"card0": "0x15ad\n"}, ""),
        ({"renderD128": "0x1002\n"}, ""),
    ],
    ids=str,
)
def test_linux_names_the_maker_of_a_real_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendors: dict[str, str], maker: str
) -> None:
    for card, vendor in vendors.items():
        (tmp_path / card / "device").mkdir(parents=True)
        (tmp_path / card / "device" / "vendor").write_text(vendor)
    monkeypatch.setattr(machine, "_CARDS", tmp_path)
    assert linux_graphics() == maker


def test_what_was_asked_for_comes_before_the_machine() -> None:
    assert choose_onnxruntime(nvidia("linux", "580.1"), (3, 12), "cpu").requirement == CPU
    assert choose_onnxruntime(nvidia("linux", "580.1"), (3, 12), "cuda").requirement == CUDA_13
    assert choose_onnxruntime(nvidia("win32", "580.1"), (3, 12), "directml").name == (
        "onnxruntime-directml"
    )
    assert choose_onnxruntime(RADEON, (3, 12), "directml").requirement == DIRECTML
    assert choose_onnxruntime(LINUX, (3, 12), "webgpu").requirements == WEBGPU


@pytest.mark.parametrize(
    "machine, python, asked, why",
    [
        (LINUX, (3, 12), "cuda", "no NVIDIA driver"),
        (nvidia("linux", "470.82.01"), (3, 12), "cuda", "470.82.01 is older than 525"),
        (nvidia("linux", "580.1"), (3, 9), "cuda", "Python 3.10"),
        (Machine("darwin", "arm64"), (3, 12), "cuda", "Linux and Windows"),
        (LINUX, (3, 12), "directml", "Windows only"),
        (RADEON, (3, 10), "directml", "Python 3.11"),
        (INTEL, (3, 10), "webgpu", "Python 3.11"),
        (Machine("darwin", "x86_64"), (3, 12), "webgpu", "not built for this system"),
        (LINUX, (3, 12), "rocm", ", ".join(DEVICES)),
    ],
)
def test_what_cannot_be_is_refused(
    machine: Machine, python: tuple[int, int], asked: str, why: str
) -> None:
    with pytest.raises(MachineError, match=why):
        choose_onnxruntime(machine, python, asked)


def test_a_card_that_is_not_used_is_spoken_of() -> None:
    assert "470.82.01" in choose_onnxruntime(nvidia("linux", "470.82.01"), (3, 12)).reason


def test_intel_macs_have_no_onnxruntime_for_the_newest_python() -> None:
    assert newest_python(Machine("darwin", "x86_64")) < newest_python(Machine("darwin", "arm64"))


@pytest.mark.parametrize(
    "text, driver",
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12\nGCC version:",
            "535.183.01",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n",
            "580.95.05",
        ),
        ("nothing of the kind\n", ""),
    ],
)
def test_the_driver_in_the_kernels_words(text: str, driver: str) -> None:
    assert driver_in_kernel_text(text) == driver


def test_virtual_adapters_are_no_graphics_cards() -> None:
    names = ["Microsoft Basic Display Adapter", "", "Parsec Virtual Display Adapter"]
    assert real_graphics(names) == ""
    assert real_graphics([*names, "Intel(R) Arc(TM) A770 Graphics "]) == (
        "Intel(R) Arc(TM) A770 Graphics"
    )
