from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models import fetch
from models.reference_weights import SHA256
from models.vgg16 import CONVOLUTIONS, LAYERS
from models.weights import WeightsError, check_cache, load_weights
from tests.models.weight_tools import (
    OLD,
    Layers,
    Sources,
    Trap,
    named,
    on_tmpfs,
    refusal,
    run,
    same,
    save_npz,
    sentence,
    start,
    stop,
    temporaries,
    wait_for,
)


def test_published_values(model: Path) -> None:
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


def test_missing_cache(tmp_path: Path) -> None:
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


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Give a process stopped half way, reading a source that never comes, and its cache."""
    cache = tmp_path / "models" / "vgg16.npz"
    cache.parent.mkdir()
    cache.write_bytes(OLD)
    os.mkfifo(tmp_path / "pipe")
    with start(cache, tmp_path / "pipe") as process:
        wait_for(lambda: temporaries(cache))
        wait_for(lambda: (temporaries(cache)[0] / "owner").read_text())
        yield process, cache
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_behind(
    how: signal.Signals, waiting: tuple[subprocess.Popen[str], Path]
) -> None:
    process, cache = waiting
    output, errors = stop(process, how)
    assert process.returncode == 130
    assert (output, errors) == ("", "Stopped; nothing was changed.\n")
    assert os.listdir(cache.parent) == [cache.name]
    assert cache.read_bytes() == OLD


def test_killed_and_repeated(
    waiting: tuple[subprocess.Popen[str], Path], sources: Sources, model: Path
) -> None:
    process, cache = waiting
    process.kill()
    process.wait()
    assert cache.read_bytes() == OLD
    assert temporaries(cache)
    ended = run(cache, sources["weights.npz"])
    assert ended.returncode == 0, ended.stderr
    assert same(cache, model)
    assert os.listdir(cache.parent) == [cache.name]


def test_another_installation_is_left_alone(
    waiting: tuple[subprocess.Popen[str], Path], sources: Sources, model: Path
) -> None:
    process, cache = waiting
    theirs = temporaries(cache)
    assert run(cache, sources["weights.npz"]).returncode == 0
    assert same(cache, model)
    assert process.poll() is None
    assert temporaries(cache) == theirs


def test_folders_without_an_owner_are_removed_when_old(tmp_path: Path) -> None:
    folders = [tmp_path / f"{fetch.PREFIX}{name}" for name in ("new", "old", "empty")]
    for folder in folders:
        folder.mkdir()
    (folders[2] / "owner").touch()
    for folder in folders[1:]:
        os.utime(folder, (1e9, 1e9))
    fetch.remove_leftovers(tmp_path)
    assert [folder.exists() for folder in folders] == [True, False, False]


def test_two_at_once(sources: Sources, model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "vgg16.npz"
    both = [start(cache, sources["weights.npz"]) for _ in range(2)]
    for process in both:
        with process:
            _, errors = process.communicate()
            assert process.returncode == 0, errors
    assert same(cache, model)
    assert os.listdir(tmp_path) == [cache.name]


def test_full_disk(sources: Sources, tmp_path: Path) -> None:
    said = on_tmpfs("size=40m", "", tmp_path, "--weights", str(sources["weights.npz"]))
    assert "There is not enough space in" in said


def test_read_only_folder(sources: Sources, tmp_path: Path) -> None:
    remount = 'mount -o remount,ro "$disk"'
    said = on_tmpfs("size=200m", remount, tmp_path, "--weights", str(sources["weights.npz"]))
    assert "cannot be written to: Read-only file system" in said


def test_a_file_where_the_folder_should_be(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(OLD)
    ended = run(tmp_path / "models" / "vgg16.npz", sources["weights.npz"])
    assert "cannot be written to" in sentence(ended)
    assert (tmp_path / "models").read_bytes() == OLD


def test_a_folder_where_the_cache_should_be(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "vgg16.npz").mkdir()
    ended = run(tmp_path / "vgg16.npz", sources["weights.npz"])
    assert "cannot be written to" in sentence(ended)
    assert os.listdir(tmp_path) == ["vgg16.npz"]


def test_nobody_reads_what_is_said(model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "vgg16.npz"
    shutil.copyfile(model, cache)
    with start(cache, None) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 1


def test_python_without_the_packages(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    said = refusal(None, tmp_path, python=tmp_path / "bare" / "bin" / "python")
    assert "run install.py again" in said
