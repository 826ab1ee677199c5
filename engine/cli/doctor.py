"""`scumble doctor`: checks the installation and names a remedy for each fault."""

from __future__ import annotations

import json
import os
import pkgutil
import platform
import re
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Callable

import engine
from engine.cli.terminal import to_standard_output
from engine.errors import describe, log_file, record
from engine.job import JobError
from engine.loss_plot import check_plotting
from engine.paths import MARKER, home, model_file
from engine.setup import relocatable_python
from engine.setup.datafolder import read_record
from engine.setup.environment import damaged_packages
from engine.setup.errors import SetupError
from engine.setup.machine import DISTRIBUTIONS
from engine.threads import single_threaded_blas, thread_count

PACKAGES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "pillow": "PIL",
    "protobuf": "google.protobuf",
    "psutil": "psutil",
    "threadpoolctl": "threadpoolctl",
    "tifffile": "tifffile",
}
"""The distributions the engine needs besides onnxruntime, and what they are imported as."""

EXTRA_PACKAGES = ("distributed", "matplotlib")
"""Packages that only the extras of install.py bring; painting does not need them."""

REPAIR = "run install.py again"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    name : str
        The subject.
    value : str
        The finding, in a few words.
    problem : str
        The fault and its remedy, in one sentence; empty without a fault.
    """

    name: str
    value: str
    problem: str = ""


def examine(*, as_json: bool = False) -> int:
    """Print a report on standard output; return 1 if something is broken, else 0."""
    findings = [_guarded(name, check) for name, check in _CHECKS.items()]
    if any(each.problem for each in findings):
        findings.append(Finding("painting", "not tried, because something else is broken"))
    else:
        findings.append(_guarded("painting", _painting))
    problems = [each.problem for each in findings if each.problem]
    if as_json:
        report: dict[str, Any] = {each.name: each.value for each in findings}
        to_standard_output(json.dumps({**report, "problems": problems}, indent=1))
        return 1 if problems else 0
    width = max(len(each.name) for each in findings) + 2
    for each in findings:
        to_standard_output(f"{each.name:<{width}}{each.value}")
    for line in () if problems else _tuning_table():
        to_standard_output(line)
    to_standard_output("")
    for problem in problems:
        to_standard_output(f"Broken: {problem}")
    if not problems:
        to_standard_output("Everything works.")
    return 1 if problems else 0


def measure() -> int:
    """Measure what is quickest on this processor, record it, and print the table."""
    from engine.network import Network
    from engine.rate_trials import measure_rates
    from engine.speed import seconds_per_pixel
    from engine.tuning_trials import measure as measure_choices
    from models.kernels import Kernels
    from models.weights import Weights

    kernels = Kernels(Weights(model_file()))
    tuning, _ = measure_choices(kernels)
    seconds_per_pixel(Network(kernels, tuning=tuning))
    for line in _tuning_table():
        to_standard_output(line)
    to_standard_output("\nOther work on this machine, milliseconds for a megapixel:")
    for kind, rate in measure_rates().items():
        to_standard_output(f"  {kind:<30}{1e9 * rate:.0f}")
    return 0


def _tuning() -> Finding:
    """Return the choices that were measured for this processor."""
    from engine.tuning import recorded

    found = recorded()
    if found is None:
        return Finding("tuning", "the usual choices (scumble doctor --measure finds the quickest)")
    waiting = f"busy waiting for {found.spin} microseconds" if found.spin else "no busy waiting"
    return Finding("tuning", f"measured on this processor: {found.threads} threads, {waiting}")


def _tuning_table() -> list[str]:
    """Return a line for each choice that was measured: what was taken, and all times."""
    from engine.tuning import recorded_trials

    lines = []
    for trial in recorded_trials():
        times = ", ".join(f"{name} {1e3 * value:.1f}" for name, value in trial.seconds.items())
        lines.append(f"  {trial.subject:<30}{trial.chosen:<11}{times and f'({times} ms)'}".rstrip())
    return ["", "Quickest on this processor:", *lines] if lines else []


def _scumble() -> Finding:
    return Finding("scumble", f"{engine.__version__} in {Path(engine.__file__).resolve().parent}")


def _python() -> Finding:
    value = f"{platform.python_version()} in {sys.executable}"
    if not relocatable_python.in_use(home(), Path(sys.prefix)):
        return Finding("python", value)
    value += ", a copy that needs no file outside of the data folder"
    if relocatable_python.find(home()) is None:
        return Finding("python", value, f"The copy of Python is not whole; {REPAIR}.")
    return Finding("python", value)


def _system() -> Finding:
    return Finding("system", platform.platform())


def _package(distribution: str) -> Callable[[], Finding]:
    def look() -> Finding:
        try:
            version = metadata.version(distribution)
            import_module(PACKAGES[distribution])
        except metadata.PackageNotFoundError:
            return Finding(distribution, "missing", f"{distribution} is not installed; {REPAIR}.")
        except ImportError as error:
            problem = f"{distribution} cannot be imported ({error}); {REPAIR}."
            return Finding(distribution, version, problem)
        return Finding(distribution, version)

    return look


def _matplotlib() -> Finding:
    """Look for what draws the curves of reports; it need not be there."""
    try:
        version = metadata.version("matplotlib")
    except metadata.PackageNotFoundError:
        return Finding("matplotlib", "not installed (install.py --plots adds it, for reports)")
    if home().is_dir():  # else its list of fonts would make the folder
        try:
            check_plotting()
        except JobError as error:
            return Finding("matplotlib", version, str(error))
    return Finding("matplotlib", version)


def _distributed() -> Finding:
    """Look for Dask, with which a batch has several workers; it need not be there."""
    try:
        return Finding("distributed", metadata.version("distributed"))
    except metadata.PackageNotFoundError:
        text = "not installed (install.py --cluster adds it, for several workers)"
        return Finding("distributed", text)


def _onnxruntime() -> Finding:
    found = []
    for name in DISTRIBUTIONS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    value = ", ".join(found) or "missing"
    if len(found) > 1:
        problem = f"{value} overwrite each other's files; uninstall them all and {REPAIR}."
        return Finding("onnxruntime", value, problem)
    try:
        import_module("numpy")
    except ImportError:
        return Finding("onnxruntime", value)  # without numpy it prints tracebacks of its own
    try:
        import_module("onnxruntime")
    except ImportError as error:
        problem = f"onnxruntime cannot be imported ({error}); {REPAIR}."
        return Finding("onnxruntime", value, problem)
    return Finding("onnxruntime", value)


def _providers() -> Finding:
    try:
        import numpy  # noqa: F401 - as above
        import onnxruntime

        from engine.devices import ENTRIES, is_available
    except ImportError:
        return Finding("providers", "unknown")  # its own line says what to do
    plugins = [each.provider for each in ENTRIES.values() if each.plugin and is_available(each)]
    return Finding("providers", ", ".join([*plugins, *onnxruntime.get_available_providers()]))


def _device() -> Finding:
    """Run a tiny network where a painting would run."""
    try:
        import numpy as np

        from engine.devices import choose_device, open_session, session_options
        from models.graphs import trial_graph
    except ImportError:
        return Finding("device", "unknown")
    device, notice = choose_device("auto")
    session = open_session(trial_graph().model, session_options(1), device)
    picture = np.ones((1, 3, 16, 16), np.float32)
    sums = session.run(None, {"picture": picture})[0]
    value = f"{device}, {session.get_providers()[0]}, verified with a tiny network"
    if sums[0, 0, 8, 8] != 27:  # three channels of a full 3x3 window of ones
        return Finding("device", value, f"The network computes wrongly on {device}; {REPAIR}.")
    return Finding("device", value, f"{notice} Check the driver, or {REPAIR}." if notice else "")


def _model() -> Finding:
    path = model_file()
    if not path.is_file():
        problem = f"The network's weights are not in {path}; {REPAIR}."
        return Finding("model", f"missing ({path})", problem)
    try:
        from models.weights import check_cache
    except ImportError:
        return Finding("model", f"{path}, not checked")
    problem = check_cache(path)
    if problem:
        return Finding("model", f"{path}, damaged", problem.rstrip(".") + ".")
    return Finding("model", f"{path}, {path.stat().st_size >> 20} MiB, SHA-256 sums as published")


def _blas() -> Finding:
    try:
        import numpy as np
        from threadpoolctl import threadpool_info
    except ImportError:
        return Finding("blas", "unknown")
    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    value = f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
    with single_threaded_blas():
        found = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    # Accelerate is none of the libraries that threadpoolctl can limit.
    threads = str(max(found)) if found else "not limited"
    return Finding("blas", f"{value}, threads while it computes: {threads}")


def _cores() -> Finding:
    return Finding("cores", f"{thread_count(0)} usable of {os.cpu_count()}")


def _memory() -> Finding:
    from engine.memory import memory  # psutil may be what is missing

    total, free = memory()
    if not total:
        return Finding("memory", "unknown")
    return Finding("memory", f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB free")


def _data_folder() -> Finding:
    folder = home()
    if not folder.is_dir():
        problem = f"The data folder {folder} is missing; {REPAIR}."
        return Finding("data folder", f"{folder}, missing", problem)
    if not _is_open(folder):
        problem = (
            f"The data folder {folder} is closed to you; let its owner open it to others, or name "
            "another folder by SCUMBLE_HOME."
        )
        return Finding("data folder", f"{folder}, closed to you", problem)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if not _is_own(folder):  # of an installation for all users
            return Finding("data folder", f"{folder}, of another user and not writable")
        reason = error.strerror or error
        problem = f"The data folder {folder} cannot be written to ({reason}); free it or {REPAIR}."
        return Finding("data folder", f"{folder}, not writable", problem)
    made = "installed" if (folder / MARKER).is_file() else f"without {MARKER}"
    try:
        read_record(folder)
    except SetupError as error:
        return Finding("data folder", f"{folder}, {MARKER} damaged", str(error))
    room = shutil.disk_usage(folder).free / 2**30
    return Finding("data folder", f"{folder}, {made}, {room:.1f} GiB free")


def _is_open(folder: Path) -> bool:
    """Return whether this user may read what is in a folder."""
    return os.access(folder, os.R_OK | os.X_OK)


def _is_own(folder: Path) -> bool:
    """Return whether a folder belongs to this user."""
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def _log() -> Finding:
    path = log_file()
    return Finding("log", str(path) if path.is_file() else "none")


def _gimp() -> Finding:
    """Return the plug-ins in the user's GIMPs."""
    try:
        from plugin.install_steps import gimps
    except ImportError:  # a checkout without the plug-in
        return Finding("gimp", "the plug-in is not part of this copy of Scumble")
    lines = gimps(home())
    problem = "".join(f"{line}; {REPAIR}." for line, right in lines if not right)
    return Finding("gimp", "; ".join(line for line, _ in lines), problem)


def _files() -> Finding:
    """Compare every file of the packages with the sum that its package has recorded."""
    damaged = damaged_packages(Path(sys.executable))
    if not damaged:
        return Finding("files", "all files of the packages are as they were installed")
    names = ", ".join(sorted(damaged))
    return Finding("files", f"damaged: {names}", f"Files of {names} are damaged; {REPAIR}.")


def _painting() -> Finding:
    """Import everything that painting imports, and paint 16x16 pixels."""
    try:
        for module in pkgutil.walk_packages(engine.__path__, "engine."):
            if not module.name.endswith("__main__"):
                _import_unless_extra(module.name)
        seconds = _paint_little()
    except Exception as error:
        failure = describe(error)
        problem = f"16x16 pixels cannot be painted: {failure.message} {REPAIR.capitalize()}."
        return Finding("painting", "failed", problem)
    return Finding("painting", f"16x16 pixels in {seconds:.1f} s")


def _import_unless_extra(module: str) -> None:
    """Import a module; one that needs a package of an extra that is not installed may fail."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in EXTRA_PACKAGES:
            raise


def _paint_little() -> float:
    import numpy as np

    from engine.job import Job, Region
    from engine.output_files import write
    from engine.pictures.picture import Picture, write_picture
    from engine.run import stylize

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        picture, output = Path(folder, "picture.png"), Path(folder, "output.png")
        pixels = np.random.default_rng(0).uniform(0, 255, (16, 16, 3)).astype(np.float32)
        write_picture(picture, Picture(pixels))
        regions = (Region(style=str(picture)),)
        job = Job(content=str(picture), output=str(output), regions=regions, iterations=1)
        write(job, stylize(job, lambda _event: None, threading.Event()))
        if not output.is_file():
            message = "no picture was written"
            raise OSError(message)
    return time.monotonic() - began


_CHECKS: dict[str, Callable[[], Finding]] = {
    "scumble": _scumble,
    "python": _python,
    "system": _system,
    **{name: _package(name) for name in PACKAGES},
    "matplotlib": _matplotlib,
    "distributed": _distributed,
    "onnxruntime": _onnxruntime,
    "providers": _providers,
    "device": _device,
    "model": _model,
    "files": _files,
    "blas": _blas,
    "cores": _cores,
    "memory": _memory,
    "tuning": _tuning,
    "data folder": _data_folder,
    "log": _log,
    "gimp": _gimp,
}


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    """Return what a check finds; its own failure is a finding, too."""
    try:
        return check()
    except Exception as error:
        if isinstance(error, PermissionError) and not _is_open(home()):
            return Finding(name, "in the data folder, which is closed to you")
        log = record(error)
        reason = re.sub(r"\s+", " ", str(error)).strip()[:200] or type(error).__name__
        details = f" Details are in {log}." if log else ""
        return Finding(name, "failed", f"{name} cannot be examined ({reason}); {REPAIR}.{details}")
