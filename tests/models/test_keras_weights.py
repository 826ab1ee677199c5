from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.models.weight_tools import Layers, refusal, run, same


@pytest.fixture(scope="module")
def keras_file(layers: Layers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file laid out as Keras' own vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5."""
    path = tmp_path_factory.mktemp("keras") / "vgg16_notop.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", b"block1_conv1", b"block1_pool"]
        file.create_group("block1_pool")
        for name, layer in layers.items():
            keras = f"block{name[4]}_conv{name[6]}"
            group = file.create_group(keras)
            group[f"{keras}_W_1:0"] = layer.kernel.transpose(2, 3, 1, 0)
            group[f"{keras}_b_1:0"] = layer.bias
    return path


def test_keras_file(keras_file: Path, model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "vgg16.npz"
    ended = run(cache, keras_file)
    assert ended.returncode == 0, ended.stderr
    assert same(cache, model)


@pytest.mark.parametrize("keep", [0.0001, 0.5, 0.9999])
def test_cut_off(keep: float, keras_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "cut.h5"
    content = keras_file.read_bytes()
    source.write_bytes(content[: int(len(content) * keep)])
    assert refusal(source, tmp_path) == f"{source} is cut off or damaged."


def test_one_byte_changed(keras_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "changed.h5"
    content = bytearray(keras_file.read_bytes())
    content[30_000_000] ^= 0x55
    source.write_bytes(content)
    assert "is missing from" in refusal(source, tmp_path)


def test_damaged_structure(keras_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "changed.h5"
    content = bytearray(keras_file.read_bytes())
    content[8:2000:7] = bytes(len(content[8:2000:7]))
    source.write_bytes(content)
    assert str(source) in refusal(source, tmp_path)


def test_references_and_texts_are_passed_over(model: Path, layers: Layers, tmp_path: Path) -> None:
    source = tmp_path / "odd.h5"
    with h5py.File(source, "w") as file:
        for name, layer in layers.items():
            file[f"layers/{name}/vars/0"] = layer.kernel.transpose(2, 3, 1, 0)
            file[f"layers/{name}/vars/1"] = layer.bias
        file["text"] = "VGG"
        file["empty"] = h5py.Empty("f4")
        file["reference"] = np.array([file["text"].ref], h5py.ref_dtype)
        file["elsewhere"] = h5py.ExternalLink("no such file.h5", "/x")
        file["around"] = h5py.SoftLink("/")
    cache = tmp_path / "vgg16.npz"
    assert run(cache, source).returncode == 0
    assert same(cache, model)
    assert sorted(os.listdir(tmp_path)) == ["odd.h5", "vgg16.npz"]
