from __future__ import annotations

import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.onnx_format import GraphBuilder
from models.weights import Layer, ensure_weights
from models.weights_errors import NEEDS_H5PY
from tests.models.weight_tools import (
    WRITERS,
    Layers,
    Sources,
    Trap,
    named,
    refusal,
    run,
    same,
    to_onnx,
    write_npz,
    write_onnx,
)


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_gives_the_same_cache(
    name: str, sources: Sources, model: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "new" / "folder" / "vgg16.npz"
    ended = run(cache, sources[name])
    assert ended.returncode == 0, ended.stderr
    assert str(sources[name]) in ended.stdout
    assert same(cache, model)
    assert os.listdir(cache.parent) == [cache.name]


def test_names_order_and_layout_do_not_matter(layers: Layers, model: Path, tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"unrelated": np.zeros((512, 1000)), "text": np.array("VGG")}
    for index, layer in enumerate(reversed(list(layers.values()))):
        kernel = layer.kernel.transpose(2, 3, 1, 0)  # a view: saved in Fortran's order or not
        if kernel.shape[2] == 3:
            kernel = kernel[:, :, ::-1]
        arrays[f"b{index}"] = layer.bias.reshape(1, -1, 1, 1).astype(np.float64)
        arrays[f"a{index}"] = np.asfortranarray(kernel) if index % 2 else kernel.copy()
    source = tmp_path / "any name at all"
    with zipfile.ZipFile(source, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            # As numpy.savez_compressed, but for the largest, which would take seconds.
            if array.size < 1_000_000:
                member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array)
    cache = tmp_path / "vgg16.npz"
    assert str(source) in ensure_weights(cache, source, tmp_path)
    assert same(cache, model)


def test_onnx_with_other_data_than_raw(layers: Layers, model: Path, tmp_path: Path) -> None:
    graph = GraphBuilder("any")
    graph.node("Relu", graph.input("x", (1,)))
    for name, values in named(layers).items():
        turned = values.transpose(2, 3, 1, 0) if values.ndim == 4 else values
        tensor = graph.graph.initializer.add(name=name, dims=turned.shape, data_type=1)
        if turned.size < 1_000_000:
            tensor.float_data.extend(turned.ravel().tolist())
        else:  # the largest, which would take seconds as single numbers
            tensor.raw_data = np.ascontiguousarray(turned, "<f4").tobytes()
    source = tmp_path / "model.onnx"
    source.write_bytes(graph.to_bytes())
    cache = tmp_path / "vgg16.npz"
    ensure_weights(cache, source, tmp_path)
    assert same(cache, model)


def test_a_good_cache_is_kept(model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "vgg16.npz"
    shutil.copyfile(model, cache)
    before = cache.stat()
    said = ensure_weights(cache, tmp_path / "no such file", tmp_path)
    assert "are there already" in said
    assert "was not needed" in said
    assert cache.stat().st_ino == before.st_ino
    assert cache.stat().st_mtime_ns == before.st_mtime_ns


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x55]))


def cut(path: Path, keep: float) -> None:
    os.truncate(path, int(path.stat().st_size * keep))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    "harm",
    [
        partial(cut, keep=0.0),
        partial(cut, keep=0.4),
        partial(cut, keep=0.999999),
        partial(flip, place=30_000_000),
    ],
    ids=["empty", "cut in the middle", "cut at the end", "one byte changed"],
)
def test_cut_off_and_damaged_files(
    name: str, harm: Callable[[Path], None], sources: Sources, tmp_path: Path
) -> None:
    source = tmp_path / name
    shutil.copyfile(sources[name], source)
    harm(source)
    assert str(source) in refusal(source, tmp_path)


def test_a_missing_layer_is_named(layers: Layers, tmp_path: Path) -> None:
    source = tmp_path / "weights.onnx"
    write_onnx(source, {name: each for name, each in layers.items() if name != "conv4_2"})
    assert "the original there: conv4_2" in refusal(source, tmp_path)


def test_layers_with_the_biases_of_others_are_named(layers: Layers, tmp_path: Path) -> None:
    changed = dict(layers)
    changed["conv3_1"] = Layer(layers["conv3_1"].kernel, layers["conv3_1"].bias[::-1])
    changed["conv5_3"] = Layer(layers["conv5_3"].kernel[::-1], layers["conv5_3"].bias)
    source = tmp_path / "weights.npz"
    write_npz(source, changed)
    assert "the original there: conv3_1, conv5_3" in refusal(source, tmp_path)


def test_another_training_is_refused(layers: Layers, tmp_path: Path) -> None:
    source = tmp_path / "weights.npz"
    write_npz(source, {name: Layer(-each.kernel, each.bias) for name, each in layers.items()})
    assert "holds other weights than the original ones" in refusal(source, tmp_path)


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(path.with_name("mark")), protocol=2))


def pickled_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vgg16/data.pkl", pickle.dumps(Trap(path.with_name("mark")), protocol=2))
        archive.writestr("vgg16/data/0", bytes(64))


def pickled_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, weights=np.array([Trap(path.with_name("mark"))], object))


def pickled_npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array({"conv1_1": Trap(path.with_name("mark"))}, object))


def encrypted(path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("model.onnx", b"x" * 100)
    content = bytearray(archive.getvalue())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def of_a_later_format(path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("model.onnx", b"x" * 100)
    content = bytearray(archive.getvalue())
    content[content.index(b"PK\x01\x02") + 6] = 99
    path.write_bytes(content)


def other_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


@pytest.mark.parametrize(
    ("name", "write", "expected"),
    [
        ("vgg16.pth", pickled, "pickles are never loaded"),
        ("vgg16.npz", pickled, "pickles are never loaded"),
        ("vgg16.pth", pickled_zip, "pickles are never loaded"),
        ("vgg16.npz", pickled_npz, "pickles are never loaded"),
        ("vgg16.npy", pickled_npy, "single NumPy array or a pickle"),
        ("a.whl", other_archive, "neither an ONNX file nor NumPy arrays"),
        ("a.whl", encrypted, "cut off or damaged"),
        ("a.whl", of_a_later_format, "cut off or damaged"),
        ("a.onnx", lambda path: path.write_bytes(to_onnx({})), "none of VGG-16's convolutions"),
        (
            "text.onnx",
            lambda path: path.write_text("a text\n" * 100),
            "none of a wheel, an ONNX file",
        ),
        ("zeros.onnx", lambda path: path.write_bytes(bytes(1000)), "none of a wheel, an ONNX file"),
        ("a.jpg", lambda path: path.write_bytes(b"\xff\xd8\xff\xe0" * 9), "none of a wheel"),
        ("folder", lambda path: path.mkdir(), "cannot be read: Is a directory"),
        ("nothing", lambda path: None, "There is no file"),
    ],
)
def test_a_file_without_weights_is_refused_with_the_reason(
    name: str, write: Callable[[Path], object], expected: str, tmp_path: Path
) -> None:
    source = tmp_path / name
    write(source)
    assert expected in refusal(source, tmp_path)
    assert not (tmp_path / "mark").exists()


def test_a_keras_file_without_h5py_has_a_status_of_its_own(tmp_path: Path) -> None:
    source = tmp_path / "vgg16_notop.h5"
    source.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))
    (tmp_path / "h5py.py").write_text("raise ModuleNotFoundError('No module named h5py')\n")
    assert "needs h5py" in refusal(
        source, tmp_path, environment={"PYTHONPATH": str(tmp_path)}, status=NEEDS_H5PY
    )
