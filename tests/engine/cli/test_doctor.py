"""The findings of `scumble doctor`, on a machine that works and on machines that do not."""

from __future__ import annotations

import json
import platform
import re
from importlib import metadata

import pytest

from engine import __version__
from engine.memory import memory
from tests.engine.programs import QUICK_DOCTOR, scumble


def doctor(*options, home, folder, before="", **more):
    """Run it; what takes seconds is left to the first test."""
    before += QUICK_DOCTOR
    return scumble("doctor", *options, home=home, folder=folder, before=before, **more)


def test_on_a_machine_that_works_every_line_says_so(model_home, tmp_path):
    done = scumble("doctor", home=model_home, folder=tmp_path, fresh=True)
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[-1] == "Everything works."
    found = dict(re.split(r"  +", line, maxsplit=1) for line in lines[: lines.index("")])
    assert found["scumble"].startswith(__version__)
    assert found["python"].startswith(platform.python_version())
    for name in ("numpy", "scipy", "pillow", "protobuf"):
        assert found[name] == metadata.version(name)
    assert found["onnxruntime"].startswith("onnxruntime")
    assert "CPUExecutionProvider" in found["providers"]
    assert "verified" in found["device"]
    assert "ExecutionProvider" in found["device"]
    assert "SHA-256 sums as published" in found["model"]
    assert found["data folder"].startswith(str(model_home))
    assert "blas" in found["blas"].lower() or "accelerate" in found["blas"].lower()
    assert found["blas"].endswith(("threads while it computes: 1", "not limited"))
    assert "usable of" in found["cores"]
    assert found["files"].startswith("all files")
    assert found["painting"].startswith("16x16 pixels in ")
    # All values begin in the same column.
    starts = {len(line) - len(re.split(r"  +", line, maxsplit=1)[1]) for line in lines[:8]}
    assert len(starts) == 1


def test_json_has_the_same_lines_and_no_problems(model_home, tmp_path):
    done = doctor("--json", home=model_home, folder=tmp_path)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report.pop("problems") == []
    assert str(model_home) in report["model"]
    assert report["numpy"] == metadata.version("numpy")


@pytest.mark.parametrize("damage", ["missing", "cut off", "another file"])
def test_broken_weights_are_one_problem_with_a_remedy(model_home, tmp_path, damage):
    file = model_home / "models" / "vgg16.npz"
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(content[: len(content) // 2] if damage == "cut off" else b"hello")
    done = doctor(home=model_home, folder=tmp_path)
    assert done.returncode == 1
    assert "Everything works." not in done.stdout
    broken = [line for line in done.stdout.splitlines() if line.startswith("Broken: ")]
    assert len(broken) == 1
    assert str(file) in broken[0]
    assert "install.py" in broken[0]
    assert broken[0].endswith(".")


def test_a_missing_data_folder_is_named_and_not_made(tmp_path):
    done = doctor("--json", home=tmp_path / "nowhere", folder=tmp_path)
    assert done.returncode == 1
    problems = json.loads(done.stdout)["problems"]
    assert len(problems) == 2
    assert all(str(tmp_path / "nowhere") in each and "install.py" in each for each in problems)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "package, name", [("numpy", "numpy"), ("scipy", "scipy"), ("PIL", "pillow"),
                      ("onnxruntime", "onnxruntime"), ("psutil", "psutil"),
                      ("threadpoolctl", "threadpoolctl"), ("google.protobuf", "protobuf")]
)  # fmt: skip
def test_a_missing_package_is_the_first_problem(model_home, tmp_path, package, name):
    before = f"""
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, found, path, target=None):
        if found == {package!r} or found.startswith({package + "."!r}):
            raise ImportError("no such thing here")
sys.meta_path.insert(0, Missing())
"""
    done = doctor(home=model_home, folder=tmp_path, before=before, fresh=True)
    assert done.returncode == 1
    assert done.stderr == ""
    broken = [line for line in done.stdout.splitlines() if line.startswith("Broken: ")]
    # Without numpy there is no SciPy, either: the root comes first.
    assert broken[0].startswith(f"Broken: {name} cannot be imported (no such thing here)")
    assert "install.py" in broken[0]


@pytest.mark.parametrize("own", [True, False])
def test_only_a_data_folder_of_ones_own_has_to_be_writable(tmp_path, monkeypatch, own):
    from engine.cli import doctor

    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("SCUMBLE_HOME", str(tmp_path))
    monkeypatch.setattr("engine.cli.doctor.tempfile.TemporaryFile", refuse)
    owner = tmp_path.stat().st_uid + (not own)
    monkeypatch.setattr("engine.cli.doctor.os.getuid", lambda: owner, raising=False)
    found = doctor._data_folder()
    assert "not writable" in found.value
    assert bool(found.problem) is own


def test_a_data_folder_that_is_closed_is_one_problem(tmp_path, monkeypatch):
    from engine.cli import doctor
    from models.weights import Weights, WeightsError

    def closed(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setenv("SCUMBLE_HOME", str(tmp_path))
    monkeypatch.setattr("engine.cli.doctor.os.access", lambda *_: False)
    found = [doctor._guarded("data folder", doctor._data_folder), doctor._guarded("model", closed)]
    assert "SCUMBLE_HOME" in found[0].problem
    assert "closed to you" in found[1].value
    assert not found[1].problem
    monkeypatch.setattr("pathlib.Path.is_file", closed)
    with pytest.raises(WeightsError, match=r"cannot be read: Permission denied.*SCUMBLE_HOME"):
        Weights(tmp_path / "vgg16.npz")


def test_two_onnxruntimes_are_refused(model_home, tmp_path):
    for name in ("onnxruntime", "onnxruntime-gpu"):
        folder = tmp_path / "site" / f"{name.replace('-', '_')}-1.26.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.26.0\n")
    before = f"import sys\nsys.path.insert(0, {str(tmp_path / 'site')!r})\n"
    done = doctor("--json", home=model_home, folder=tmp_path, before=before)
    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert "onnxruntime-gpu 1.26.0" in problem
    assert "uninstall" in problem


@pytest.mark.parametrize(
    "patch, words",
    [
        ("devices.choose_device = lambda asked: ('cpu', 'cuda does not work here.')", "cuda does"),
        ("devices.open_session = lambda *arguments: 1 / 0", "division by zero"),
    ],
)
def test_a_device_that_fails_is_one_problem_with_a_remedy(model_home, tmp_path, patch, words):
    before = f"from engine import devices\n{patch}\n"
    done = doctor(home=model_home, folder=tmp_path, before=before)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    (broken,) = [line for line in done.stdout.splitlines() if line.startswith("Broken: ")]
    assert words in broken
    assert "install.py" in broken


def test_free_memory_is_part_of_all_memory():
    total, free = memory()
    assert 0 <= free <= total


def test_everything_that_painting_imports_is_imported(model_home, tmp_path):
    before = "import sys\nsys.modules['PIL.ImageCms'] = None\n"
    done = doctor(home=model_home, folder=tmp_path, before=before, fresh=True)
    assert done.returncode == 1
    assert "Everything works." not in done.stdout
    (broken,) = [line for line in done.stdout.splitlines() if line.startswith("Broken: ")]
    assert "ImageCms" in broken
    assert "un install.py again" in broken


def test_painting_is_tried_and_a_failure_is_a_problem(model_home, tmp_path):
    before = "from engine import preparation\npreparation.read_stored = lambda *_, **__: 1 / 0\n"
    done = doctor(home=model_home, folder=tmp_path, before=before)
    assert done.returncode == 1
    (broken,) = [line for line in done.stdout.splitlines() if line.startswith("Broken: ")]
    assert "16x16 pixels cannot be painted" in broken


def test_an_extra_that_is_not_installed_is_no_fault(model_home, tmp_path):
    done = doctor(home=model_home, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
