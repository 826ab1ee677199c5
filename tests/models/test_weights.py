from __future__ import annotations

import hashlib
import os
import random
import shutil
import venv
from pathlib import Path

import numpy as np

from models.reference_weights import SHA256
from models.vgg16 import CONVOLUTIONS, LAYERS
from models.weights import WeightsError, check_cache, load_weights
from models.weights_errors import DISK_FULL, NOT_THERE
from tests.models.weight_tools import (
    OLD,
    Layers,
    Sources,
    Trap,
    named,
    on_tmpfs,
    refusal,
    run,
    save_npz,
    sentence,
)


def test_the_weights_are_those_that_keras_publishes(model: Path) -> None:
    layers = load_weights(model)
    first = layers["conv1_1"]
    # Published in Keras' order: row, column, input (blue), outputs.
    keras = first.kernel.transpose(2, 3, 1, 0)
    np.testing.assert_allclose(keras[0, 0, 0, :3], [0.42947057, 0.11727387, 0.03401296], rtol=1e-7)
    np.testing.assert_allclose(first.bias[:3], [0.73429835, 0.093403675, 0.06775674], rtol=1e-7)
    deepest = {
        "conv5_1": (-0.0006068934, 0.09722325),
        "conv5_2": (-0.0011261065, 0.21327873),
        "conv5_3": (0.00040788297, 0.18837857),
    }
    for name, (weight, bias) in deepest.items():
        np.testing.assert_allclose(layers[name].kernel[0, 0, 0, 0], weight, rtol=1e-7)
        np.testing.assert_allclose(layers[name].bias[0], bias, rtol=1e-7)


def test_loaded_arrays_fit_the_network(model: Path) -> None:
    layers = load_weights(model)
    assert tuple(layers) == LAYERS
    for each in CONVOLUTIONS:
        kernel, bias = layers[each.name]
        assert kernel.shape == (each.outputs, each.inputs, 3, 3)
        assert bias.shape == (each.outputs,)
        for values in (kernel, bias):
            assert values.dtype == np.float32
            assert values.flags.c_contiguous
            assert values.flags.writeable


def test_recorded_sums_are_those_of_the_arrays(model: Path) -> None:
    with np.load(model, allow_pickle=False) as arrays:
        sums = {
            name: hashlib.sha256(
                arrays[f"{name}.kernel"].astype("<f4").tobytes()
                + arrays[f"{name}.bias"].astype("<f4").tobytes()
            ).hexdigest()
            for name in LAYERS
        }
    assert sums == SHA256


def test_a_good_cache_is_called_good(model: Path) -> None:
    assert check_cache(model) == ""


def test_a_missing_cache_is_named(tmp_path: Path) -> None:
    problem = check_cache(tmp_path / "vgg16.npz")
    assert "is missing" in problem
    assert "run install.py again" in problem


def test_any_damage_is_found(model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "vgg16.npz"
    shutil.copyfile(model, cache)
    original = load_weights(model)
    size = cache.stat().st_size
    rng = random.Random(2)
    places = [rng.randrange(size) for _ in range(6)]  # the values
    places += [rng.randrange(200) for _ in range(6)]  # the first member's headers
    places += [size - 1 - rng.randrange(2500) for _ in range(12)]  # the archive's directory
    said = []
    with cache.open("r+b") as file:
        for place in places:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ rng.randrange(1, 256)]))
            file.flush()
            try:
                layers = load_weights(cache)
            except WeightsError as error:
                said.append(str(error))
            else:
                # A byte that says nothing of the values, a date for instance.
                assert all(
                    np.array_equal(layers[name][part], original[name][part])
                    for name in LAYERS
                    for part in (0, 1)
                )
            file.seek(place)
            file.write(bytes([byte]))
            file.flush()
    assert len(said) >= 12
    assert all(each.endswith("run install.py again") for each in said)
    assert check_cache(cache) == ""
    for length in (0, 10, size // 2, size - 1):
        os.truncate(cache, length)
        assert "cut off or damaged" in check_cache(cache)
        shutil.copyfile(model, cache)


def test_a_layer_of_another_type_or_shape_is_refused(layers: Layers, tmp_path: Path):
    cache = tmp_path / "vgg16.npz"
    arrays = named(layers)
    for key, other in (
        ("conv1_1.bias", arrays["conv1_1.bias"].astype(np.float64)),
        ("conv1_1.bias", arrays["conv1_1.bias"].reshape(1, 64)),
        ("conv1_2.kernel", arrays["conv1_2.kernel"].reshape(3, 3, 64, 64)),
        ("conv1_1.kernel", arrays["conv1_1.kernel"][:, ::-1]),
    ):
        save_npz(cache, {**arrays, key: other})
        assert f"{key[:7]} in {cache} is not the original" in check_cache(cache)
    del arrays["conv4_2.bias"]
    save_npz(cache, arrays)
    assert "conv4_2 is missing" in check_cache(cache)


def test_a_pickled_array_in_the_cache_is_refused(layers: Layers, tmp_path: Path) -> None:
    cache, mark = tmp_path / "vgg16.npz", tmp_path / "mark"
    arrays = named(layers)
    arrays["conv1_1.bias"] = np.array([Trap(mark)], object)
    save_npz(cache, arrays)
    assert "pickles are never loaded" in check_cache(cache)
    assert not mark.exists()


def test_a_full_disk_is_named_and_the_old_cache_stays(sources: Sources, tmp_path: Path) -> None:
    said = on_tmpfs("size=40m", "", tmp_path, sources["weights.npz"], DISK_FULL)
    assert "The disk is full; the weights need 59 MB in" in said


def test_a_read_only_folder_is_named_and_the_old_cache_stays(
    sources: Sources, tmp_path: Path
) -> None:
    remount = 'mount -o remount,ro "$disk"'
    said = on_tmpfs("size=200m", remount, tmp_path, sources["weights.npz"])
    assert "cannot be written to: Read-only file system" in said


def test_a_file_in_place_of_the_folder_is_named_and_stays(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(OLD)
    ended = run(tmp_path / "models" / "vgg16.npz", sources["weights.npz"])
    assert "cannot be written to" in sentence(ended)
    assert (tmp_path / "models").read_bytes() == OLD


def test_a_folder_in_place_of_the_cache_is_named(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "vgg16.npz").mkdir()
    ended = run(tmp_path / "vgg16.npz", sources["weights.npz"])
    assert "cannot be written to" in sentence(ended)
    assert os.listdir(tmp_path) == ["vgg16.npz"]


def test_without_good_weights_and_without_a_file_the_status_says_so(tmp_path: Path) -> None:
    assert "is missing" in sentence(run(tmp_path / "vgg16.npz"), NOT_THERE)
    (tmp_path / "vgg16.npz").write_bytes(OLD)
    assert "cut off or damaged" in sentence(run(tmp_path / "vgg16.npz"), NOT_THERE)


def test_without_the_packages_install_py_is_advised(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    said = refusal(None, tmp_path, python=tmp_path / "bare" / "bin" / "python")
    assert "run install.py again" in said
