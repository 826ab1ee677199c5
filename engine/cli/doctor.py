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
from engine.setup.machine import DISTRIBUTIONS
from engine.setup.setup_errors import SetupError
from engine.text_width import columns, padded
from engine.threads import single_threaded_blas, thread_count
from engine.translations import ENGLISH, N_, _, in_language, listed, ngettext, number_text

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

LABELS = {
    "system": N_("system"),
    "providers": N_("providers"),
    "device": N_("device"),
    "model": N_("model"),
    "files": N_("files"),
    "cores": N_("cores"),
    "memory": N_("memory"),
    "tuning": N_("tuning"),
    "data folder": N_("data folder"),
    "log": N_("log"),
    "painting": N_("painting"),
}
"""Findings that are words, as people read them; JSON and names of packages are English."""

WORK = {
    "read": N_("reading"),
    "write": N_("writing"),
    "resize": N_("resizing"),
    "finish": N_("putting together"),
    "strokes": N_("fine strokes"),
    "gray": N_("gray"),
    "16 bits": N_("16 bits"),
    "reduced": N_("reduced"),
    "converted": N_("converted"),
}
"""Kinds of work whose rates are measured, as people read them: the first word, and details."""

REPAIR = N_("Run install.py again.")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    name : str
        The subject, in English.
    value : str
        The finding, in a few words.
    problem : str
        The fault and its remedy; empty without a fault.
    """

    name: str
    value: str
    problem: str = ""


def examine(*, as_json: bool = False) -> int:
    """Print a report on standard output; return 1 if something is broken, else 0.

    Parameters
    ----------
    as_json : bool
        Whether to print one JSON object, in English.
    """
    if as_json:
        with in_language(ENGLISH):
            findings = _findings()
        problems = [each.problem for each in findings if each.problem]
        report: dict[str, Any] = {each.name: each.value for each in findings}
        to_standard_output(json.dumps({**report, "problems": problems}, indent=1))
        return 1 if problems else 0
    findings = _findings()
    problems = [each.problem for each in findings if each.problem]
    labels = [_(LABELS.get(each.name, each.name)) for each in findings]
    width = max(map(columns, labels)) + 2
    for label, each in zip(labels, findings):
        to_standard_output(f"{padded(label, width)}{each.value}")
    for line in () if problems else _tuning_table():
        to_standard_output(line)
    to_standard_output("")
    for problem in problems:
        to_standard_output(_("Broken: {problem}").format(problem=problem))
    if not problems:
        to_standard_output(_("Everything works."))
    return 1 if problems else 0


def _findings() -> list[Finding]:
    """Return what every check finds, and at last whether a picture can be painted."""
    findings = [_guarded(name, check) for name, check in _CHECKS.items()]
    if any(each.problem for each in findings):
        value = _("not tried, because something else is broken")
        return [*findings, Finding("painting", value)]
    return [*findings, _guarded("painting", _painting)]


def _broken(fault: str) -> str:
    """Return a fault, a whole sentence, with what repairs it."""
    return f"{fault} {_(REPAIR)}"


def measure() -> int:
    """Measure what is quickest on this processor, record it, and print the table."""
    from engine.network import Network
    from engine.rate_trials import measure_rates
    from engine.speed import seconds_per_pixel
    from engine.tuning_trials import measure as measure_choices
    from models.kernels import Kernels
    from models.weights import Weights

    kernels = Kernels(Weights(model_file()))
    tuning = measure_choices(kernels)[0]
    seconds_per_pixel(Network(kernels, tuning=tuning))
    for line in _tuning_table():
        to_standard_output(line)
    heading = _("Other work on this machine, milliseconds for a megapixel")
    to_standard_output("\n" + _("{heading}:").format(heading=heading))
    for kind, rate in measure_rates().items():
        to_standard_output(f"  {padded(_work(kind), 30)}{1e9 * rate:.0f}")
    return 0


def _work(kind: str) -> str:
    """Return a kind of work whose rate is measured in the language in use."""
    first, *details = kind.split(", ")
    verb, *format_ = first.split(" ", 1)
    words = (_(WORK.get(each, each)) for each in (verb, *details))
    return listed((" ".join((next(words), *format_)), *words))


def _tuning() -> Finding:
    """Return the choices that were measured for this processor."""
    from engine.tuning import recorded

    found = recorded()
    if found is None:
        text = _("the usual choices (scumble doctor --measure finds the quickest)")
        return Finding("tuning", text)
    waiting = _("no busy waiting")
    if found.spin:
        waiting = _("busy waiting for {count} microseconds").format(count=found.spin)
    text = ngettext(
        "measured on this processor: {count} thread, {waiting}",
        "measured on this processor: {count} threads, {waiting}",
        found.threads,
    )
    return Finding("tuning", text.format(count=found.threads, waiting=waiting))


def _tuning_table() -> list[str]:
    """Return a line for each choice that was measured: what was taken, and all times."""
    from engine.tuning import recorded_trials, subject_text

    lines = []
    for trial in recorded_trials():
        times = ", ".join(f"{name} {1e3 * value:.1f}" for name, value in trial.seconds.items())
        subject = padded(subject_text(trial.subject), 30)
        lines.append(f"  {subject}{trial.chosen:<11}{times and f'({times} ms)'}".rstrip())
    heading = _("{heading}:").format(heading=_("Quickest on this processor"))
    return ["", heading, *lines] if lines else []


def _scumble() -> Finding:
    return Finding("scumble", _version_in(engine.__version__, Path(engine.__file__).parent))


def _python() -> Finding:
    value = _version_in(platform.python_version(), Path(sys.executable))
    if not relocatable_python.in_use(home(), Path(sys.prefix)):
        return Finding("python", value)
    value = _("{version}, a copy that needs no file outside of the data folder")
    value = value.format(version=_version_in(platform.python_version(), Path(sys.executable)))
    if relocatable_python.find(home()) is None:
        return Finding("python", value, _broken(_("The copy of Python is incomplete.")))
    return Finding("python", value)


def _version_in(version: str, path: Path) -> str:
    return _("{version} in {path}").format(version=version, path=path)


def _system() -> Finding:
    return Finding("system", platform.platform())


def _package(distribution: str) -> Callable[[], Finding]:
    def look() -> Finding:
        try:
            version = metadata.version(distribution)
            import_module(PACKAGES[distribution])
        except metadata.PackageNotFoundError:
            problem = _("{name} is not installed.").format(name=distribution)
            return Finding(distribution, _("missing"), _broken(problem))
        except ImportError as error:
            return Finding(distribution, version, _not_imported(distribution, error))
        return Finding(distribution, version)

    return look


def _not_imported(name: str, error: ImportError) -> str:
    return _broken(_("{name} cannot be imported ({reason}).").format(name=name, reason=error))


def _matplotlib() -> Finding:
    """Look for what draws the curves of reports; it need not be there."""
    try:
        version = metadata.version("matplotlib")
    except metadata.PackageNotFoundError:
        text = _("not installed (install.py --plots adds it, for reports)")
        return Finding("matplotlib", text)
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
        text = _("not installed (install.py --cluster adds it, for several workers)")
        return Finding("distributed", text)


def _onnxruntime() -> Finding:
    found = []
    for name in DISTRIBUTIONS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    value = ", ".join(found) or _("missing")
    if len(found) > 1:
        problem = _("{names} overwrite each other's files; uninstall them all.")
        return Finding("onnxruntime", value, _broken(problem.format(names=value)))
    try:
        import_module("numpy")
    except ImportError:
        return Finding("onnxruntime", value)  # without numpy it prints tracebacks of its own
    try:
        import_module("onnxruntime")
    except ImportError as error:
        return Finding("onnxruntime", value, _not_imported("onnxruntime", error))
    return Finding("onnxruntime", value)


def _providers() -> Finding:
    try:
        import numpy  # noqa: F401 - as above
        import onnxruntime

        from engine.devices import ENTRIES, is_available
    except ImportError:
        return Finding("providers", _("unknown"))  # its own line says what to do
    plugins = [each.provider for each in ENTRIES.values() if each.plugin and is_available(each)]
    return Finding("providers", ", ".join([*plugins, *onnxruntime.get_available_providers()]))


def _device() -> Finding:
    """Run a tiny network where a painting would run."""
    try:
        import numpy as np

        from engine.devices import choose_device, open_session, session_options
        from models.graphs import trial_graph
    except ImportError:
        return Finding("device", _("unknown"))
    device, notice = choose_device("auto")
    session = open_session(trial_graph().model, session_options(1), device)
    picture = np.ones((1, 3, 16, 16), np.float32)
    sums = session.run(None, {"picture": picture})[0]
    value = _("{device}, {provider}, verified with a tiny network")
    value = value.format(device=device, provider=session.get_providers()[0])
    if sums[0, 0, 8, 8] != 27:  # three channels of a full 3x3 window of ones
        problem = _("The network computes wrongly on {device}.").format(device=device)
        return Finding("device", value, _broken(problem))
    if notice:
        text = _("{notice} Check the driver, or run install.py again.")
        notice = text.format(notice=notice)
    return Finding("device", value, notice)


def _model() -> Finding:
    path = model_file()
    if not path.is_file():
        problem = _("The network's weights are not in {path}.").format(path=path)
        value = _("missing ({path})").format(path=path)
        return Finding("model", value, _broken(problem))
    try:
        from models.weights import check_cache
    except ImportError:
        return Finding("model", _("{path}, not checked").format(path=path))
    problem = check_cache(path)
    if problem:
        sentence = _("{sentence}.").format(sentence=problem.rstrip("."))
        return Finding("model", _("{path}, damaged").format(path=path), sentence)
    value = _("{path}, {size} MiB, SHA-256 sums as published")
    return Finding("model", value.format(path=path, size=path.stat().st_size >> 20))


def _blas() -> Finding:
    try:
        import numpy as np
        from threadpoolctl import threadpool_info
    except ImportError:
        return Finding("blas", _("unknown"))
    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    name = f"{blas.get('name') or _('unknown')} {blas.get('version', '')}".strip()
    with single_threaded_blas():
        found = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    # Accelerate is none of the libraries that threadpoolctl can limit.
    threads = str(max(found)) if found else _("not limited")
    value = _("{name}, threads while it computes: {threads}")
    return Finding("blas", value.format(name=name, threads=threads))


def _cores() -> Finding:
    value = _("{usable} usable of {all}")
    return Finding("cores", value.format(usable=thread_count(0), all=os.cpu_count()))


def _memory() -> Finding:
    from engine.memory import memory  # psutil may be what is missing

    total, free = memory()
    if not total:
        return Finding("memory", _("unknown"))
    value = _("{size} GiB, {free} GiB free")
    return Finding("memory", value.format(size=_gibibytes(total), free=_gibibytes(free)))


def _gibibytes(count: float) -> str:
    return number_text(count / 2**30, ".1f")


def _data_folder() -> Finding:
    folder = home()
    if not folder.is_dir():
        problem = _("The data folder {folder} is missing.").format(folder=folder)
        return Finding(
            "data folder", _("{folder}, missing").format(folder=folder), _broken(problem)
        )
    if not _is_open(folder):
        problem = _(
            "The data folder {folder} is closed to you; ask its owner to open it to others, or "
            "name another folder with SCUMBLE_HOME."
        ).format(folder=folder)
        value = _("{folder}, closed to you").format(folder=folder)
        return Finding("data folder", value, problem)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if not _is_own(folder):  # of an installation for all users
            value = _("{folder}, of another user and not writable")
            return Finding("data folder", value.format(folder=folder))
        problem = _(
            "The data folder {folder} cannot be written to ({reason}); make room, change its "
            "permissions, or run install.py again."
        ).format(folder=folder, reason=error.strerror or error)
        return Finding("data folder", _("{folder}, not writable").format(folder=folder), problem)
    try:
        read_record(folder)
    except SetupError as error:
        value = _("{folder}, {file} damaged").format(folder=folder, file=MARKER)
        return Finding("data folder", value, str(error))
    value = _("{folder}, without {file}, {free} GiB free")
    if (folder / MARKER).is_file():
        value = _("{folder}, installed, {free} GiB free")
    free = _gibibytes(shutil.disk_usage(folder).free)
    return Finding("data folder", value.format(folder=folder, file=MARKER, free=free))


def _is_open(folder: Path) -> bool:
    """Return whether this user may read what is in a folder."""
    return os.access(folder, os.R_OK | os.X_OK)


def _is_own(folder: Path) -> bool:
    """Return whether a folder belongs to this user."""
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def _log() -> Finding:
    path = log_file()
    return Finding("log", str(path) if path.is_file() else _("no log yet"))


def _gimp() -> Finding:
    """Return the plug-ins in the user's GIMPs."""
    try:
        from plugin.install_steps import gimps
    except ImportError:  # a checkout without the plug-in
        return Finding("gimp", _("the plug-in is not part of this copy of Scumble"))
    lines = gimps(home())
    wrong = [_("{sentence}.").format(sentence=line) for line, right in lines if not right]
    problem = _broken(" ".join(wrong)) if wrong else ""
    return Finding("gimp", "; ".join(line for line, _right in lines), problem)


def _files() -> Finding:
    """Compare every file of the packages with the sum that its package has recorded."""
    damaged = damaged_packages(Path(sys.executable))
    if not damaged:
        return Finding("files", _("all files of the packages are as they were installed"))
    names = ", ".join(sorted(damaged))
    problem = _("Files of {names} are damaged.").format(names=names)
    return Finding("files", _("damaged: {names}").format(names=names), _broken(problem))


def _painting() -> Finding:
    """Import everything that painting imports, and paint 16x16 pixels."""
    try:
        for module in pkgutil.walk_packages(engine.__path__, "engine."):
            if not module.name.endswith("__main__"):
                _import_unless_extra(module.name)
        seconds = _paint_little()
    except Exception as error:
        failure = describe(error)
        problem = _("16x16 pixels cannot be painted: {reason}").format(reason=failure.message)
        return Finding("painting", _("failed"), _broken(problem))
    value = _("16x16 pixels in {seconds} s").format(seconds=number_text(seconds, ".1f"))
    return Finding("painting", value)


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
            raise OSError(_("no picture was written"))
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
            return Finding(name, _("in the data folder, which is closed to you"))
        log = record(error)
        reason = re.sub(r"\s+", " ", str(error)).strip()[:200] or type(error).__name__
        problem = _("{name} cannot be examined ({reason}).")
        problem = _broken(problem.format(name=_(LABELS.get(name, name)), reason=reason))
        if log:
            problem += " " + _("Details are in {log}.").format(log=log)
        return Finding(name, _("failed"), problem)
