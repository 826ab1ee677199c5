"""The machine, and the distribution of onnxruntime that fits it.

Used by install.py and `scumble doctor`. Standard library only; nothing here changes the machine.
"""

from __future__ import annotations

import contextlib
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.job import DEVICES
from engine.translations import N_, _

DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
"""They hold the same package in different builds, so an environment must have only one."""

CUDA_13_DRIVER = 580
CUDA_12_DRIVER = 525

_WEBGPU_SYSTEMS = (
    ("linux", "x86_64"),
    ("linux", "arm64"),
    ("darwin", "arm64"),
    ("win32", "x86_64"),
    ("win32", "arm64"),
)

# The makers of cards that WebGPU is worth trying on, by the numbers that PCI gives them.
_MAKERS = {
    "0x1002": N_("an AMD card"),
    "0x8086": N_("Intel's graphics"),
    "0x10de": N_("an NVIDIA card"),
}

_CARDS = Path("/sys/class/drm")

# Names under which Windows lists adapters that are no graphics card of this machine.
_NO_GRAPHICS_CARD = re.compile(
    r"basic (display|render)|remote|virtual|vmware|virtualbox|hyper-v|parsec|citrix|spacedesk",
    re.IGNORECASE,
)


class MachineError(ValueError):
    """The machine cannot run this onnxruntime; the message is one sentence for the user."""


@dataclass(frozen=True)
class Machine:
    """Properties that the choice of packages depends on.

    Attributes
    ----------
    system : str
        'linux', 'darwin' or 'win32', as `sys.platform` has it.
    architecture : str
        'x86_64', 'arm64' or the system's name for another one.
    nvidia_driver : str
        The NVIDIA driver's version such as '580.95.05'; empty if there is none.
    graphics : str
        The name of another maker's graphics card; empty if there is none.
    """

    system: str
    architecture: str
    nvidia_driver: str = ""
    graphics: str = ""


@dataclass(frozen=True)
class Distribution:
    """One build of onnxruntime, and the reason for this one.

    Attributes
    ----------
    name : str
        One of `DISTRIBUTIONS`.
    requirement : str
        For pip.
    reason : str
    plugin : str
        The requirement of a provider that is a package beside it; empty if there is none.
    """

    name: str
    requirement: str
    reason: str
    plugin: str = ""

    @property
    def requirements(self) -> list[str]:
        """All that pip is asked for."""
        return [self.requirement, *([self.plugin] if self.plugin else [])]


def examine_machine() -> Machine:
    """Return the properties of this machine."""
    architecture = platform.machine().lower()
    architecture = {"amd64": "x86_64", "aarch64": "arm64"}.get(architecture, architecture)
    driver = _nvidia_driver()
    graphics = "" if driver else _GRAPHICS.get(sys.platform, lambda: "")()
    if (sys.platform, architecture) == ("darwin", "arm64"):
        graphics = _("Apple's graphics")
    return Machine(sys.platform, architecture, driver, graphics)


def newest_python(machine: Machine) -> tuple[int, int]:
    """Return the newest Python, as (major, minor), that onnxruntime is built for there."""
    return (3, 13) if _is_intel_mac(machine) else (3, 14)


def choose_onnxruntime(
    machine: Machine, python: tuple[int, ...], asked: str = "auto"
) -> Distribution:
    """Choose the one onnxruntime distribution for a machine.

    Parameters
    ----------
    machine : Machine
        The machine.
    python : (int, int)
        The version of the Python that will import it.
    asked : str
        One of `DEVICES`; 'auto' leaves the choice to this function.

    Raises
    ------
    MachineError
        If the machine cannot run it.
    """
    if asked not in DEVICES:
        message = _("onnxruntime: {name} is not one of {names}.")
        message = message.format(name=repr(asked), names=", ".join(DEVICES))
        raise MachineError(message)
    if asked == "directml":
        if machine.system != "win32" or machine.architecture != "x86_64":
            message = _(
                "DirectML exists on 64-bit Intel and AMD Windows only; ask for cpu or auto."
            )
            raise MachineError(message)
        return _directml(python, _("as requested"))
    cuda, obstacle = _cuda(machine, python)
    if asked == "cuda" or (asked == "auto" and cuda):
        if not cuda:
            message = _("CUDA cannot be used here: {obstacle}.").format(obstacle=obstacle)
            raise MachineError(message)
        return cuda
    webgpu, obstacle_to_webgpu = _webgpu(machine, python)
    if asked == "webgpu" or (asked == "auto" and webgpu and machine.graphics):
        if not webgpu:
            message = _("WebGPU cannot be used here: {obstacle}.").format(
                obstacle=obstacle_to_webgpu
            )
            raise MachineError(message)
        return webgpu
    reason = _("as requested") if asked == "cpu" else _("for the processor")
    if asked == "auto" and machine.nvidia_driver:
        reason += _(", since CUDA cannot be used here: {obstacle}").format(obstacle=obstacle)
    if _is_intel_mac(machine):
        return Distribution("onnxruntime", "onnxruntime>=1.19,<=1.23.2", reason)
    return Distribution("onnxruntime", "onnxruntime>=1.19,<2", reason)


def _cuda(machine: Machine, python: tuple[int, ...]) -> tuple[Distribution | None, str]:
    """Return the CUDA build for a machine, or None and the obstacle."""
    if machine.system not in ("linux", "win32") or machine.architecture != "x86_64":
        return None, _("onnxruntime's CUDA builds are for 64-bit Intel and AMD Linux and Windows")
    if not machine.nvidia_driver:
        return None, _("no NVIDIA driver was found")
    driver = int(machine.nvidia_driver.split(".")[0])
    if driver < CUDA_12_DRIVER:
        return None, (
            _("the NVIDIA driver {driver} is older than {needed}, which CUDA 12 needs").format(
                driver=machine.nvidia_driver, needed=CUDA_12_DRIVER
            )
        )
    if python < (3, 10):
        return None, _("onnxruntime's CUDA builds need Python 3.10 or newer")
    name = "onnxruntime-gpu"
    if driver >= CUDA_13_DRIVER and python >= (3, 11):
        reason = _("CUDA {version}, for the NVIDIA driver {driver}")
        reason = reason.format(version=13, driver=machine.nvidia_driver)
        return Distribution(name, f"{name}[cuda,cudnn]>=1.27,<2", reason), ""
    reason = _("CUDA {version}, for the NVIDIA driver {driver}")
    reason = reason.format(version=12, driver=machine.nvidia_driver)
    return Distribution(name, f"{name}[cuda,cudnn]>=1.21,<1.27", reason), ""


def _webgpu(machine: Machine, python: tuple[int, ...]) -> tuple[Distribution | None, str]:
    """Return onnxruntime with the WebGPU provider beside it, or None and the obstacle."""
    if (machine.system, machine.architecture) not in _WEBGPU_SYSTEMS:
        return None, _("it is not built for this system and processor")
    if python < (3, 11):
        return None, _("it needs Python 3.11 or newer")
    reason = _("WebGPU, as requested")
    if machine.graphics:
        reason = _("WebGPU, for {graphics}").format(graphics=machine.graphics)
    plugin = "onnxruntime-ep-webgpu>=0.4,<1"
    return Distribution("onnxruntime", "onnxruntime>=1.24.4,<2", reason, plugin), ""


def _directml(python: tuple[int, ...], reason: str) -> Distribution:
    if python < (3, 11):
        message = _("onnxruntime's DirectML builds need Python 3.11 or newer; ask for cpu.")
        raise MachineError(message)
    name = "onnxruntime-directml"
    return Distribution(name, f"{name}>=1.24,<2", f"DirectML, {reason}")


def _is_intel_mac(machine: Machine) -> bool:
    return machine.system == "darwin" and machine.architecture == "x86_64"


def _nvidia_driver() -> str:
    """Return the NVIDIA driver's version, or '' where there is none that answers."""
    found = shutil.which("nvidia-smi")
    if found:
        asked = [found, "--query-gpu=driver_version", "--format=csv,noheader"]
        version = re.match(r"\d+\.[\d.]+", _output_of(asked))
        if version:
            return version[0]
    kernel = Path("/proc/driver/nvidia/version")
    try:
        text = kernel.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return driver_in_kernel_text(text)


def driver_in_kernel_text(text: str) -> str:
    """Return the version in the text of /proc/driver/nvidia/version, or ''.

    Examples
    --------
    >>> driver_in_kernel_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun")
    '535.183.01'
    """
    version = re.search(r"\s(\d{3}\.[\d.]*\d)\s", text)
    return version[1] if version else ""


def _windows_graphics() -> str:
    """Return the name of Windows' first real graphics card, or ''."""
    query = "(Get-CimInstance Win32_VideoController).Name"
    names = _output_of(["powershell", "-NoProfile", "-NonInteractive", "-Command", query])
    return real_graphics(names.splitlines())


def linux_graphics() -> str:
    """Return the maker of the first real graphics card under Linux, or ''."""
    for file in sorted(_CARDS.glob("card[0-9]*/device/vendor")):
        with contextlib.suppress(OSError):
            maker = _MAKERS.get(file.read_text(encoding="ascii", errors="replace").strip())
            if maker:
                return _(maker)
    return ""


def real_graphics(names: list[str]) -> str:
    """Return the first name that is a graphics card and no virtual adapter, or ''."""
    cards = (name.strip() for name in names)
    return next((name for name in cards if name and not _NO_GRAPHICS_CARD.search(name)), "")


_GRAPHICS = {"win32": _windows_graphics, "linux": linux_graphics}


def _output_of(command: list[str]) -> str:
    """Return a command's output; '' if it cannot run, fails or hangs."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
