from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.models.weight_tools import Layers, refusal, run, same, write_keras


@pytest.fixture(scope="module")
def keras_file(layers: Layers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file laid out as Keras' own vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5."""
    path = tmp_path_factory.mktemp("keras") / "vgg16_notop.h5"
    write_keras(path, layers)
    return path


def test_a_keras_file_gives_the_same_cache(keras_file: Path, model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "vgg16.npz"
    ended = run(cache, keras_file)
    assert ended.returncode == 0, ended.stderr
    assert same(cache, model)


@pytest.mark.parametrize("keep", [0.0001, 0.5, 0.9999])
def test_a_keras_file_that_is_cut_off_is_refused(
    keep: float, keras_file: Path, tmp_path: Path
) -> None:
    source = tmp_path / "cut.h5"
    content = keras_file.read_bytes()
    source.write_bytes(content[: int(len(content) * keep)])
    assert refusal(source, tmp_path) == f"{source} is cut off or damaged."


def test_a_keras_file_with_one_changed_byte_is_refused(keras_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "changed.h5"
    content = bytearray(keras_file.read_bytes())
    content[30_000_000] ^= 0x55
    source.write_bytes(content)
    assert "Missing from" in refusal(source, tmp_path)


def test_a_keras_file_with_a_damaged_structure_is_refused(keras_file: Path, tmp_path: Path) -> None:
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
