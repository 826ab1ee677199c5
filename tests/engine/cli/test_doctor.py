"""What `scumble doctor` finds, on a machine that works and on ones that do not."""

from __future__ import annotations

import json
import platform
import re
from importlib import metadata

import pytest

from engine import __version__
from engine.memory import memory
from tests.engine.programs import scumble


def doctor(*options, home, folder, **more):
    return scumble("doctor", *options, home=home, folder=folder, **more)


def test_a_machine_that_works(model_home, tmp_path):
    done = doctor(home=model_home, folder=tmp_path)
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
    # All values begin in the same column.
    starts = {len(line) - len(re.split(r"  +", line, maxsplit=1)[1]) for line in lines[:8]}
    assert len(starts) == 1


def test_json(model_home, tmp_path):
    text = doctor(home=model_home, folder=tmp_path).stdout
    done = doctor("--json", home=model_home, folder=tmp_path)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report.pop("problems") == []
    assert report["model"] in text
    assert report["numpy"] == metadata.version("numpy")


@pytest.mark.parametrize("damage", ["missing", "cut off", "another file"])
def test_a_model_that_is_broken(model_home, tmp_path, damage):
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


def test_an_empty_data_folder(tmp_path):
    done = doctor("--json", home=tmp_path / "nowhere", folder=tmp_path)
    assert done.returncode == 1
    problems = json.loads(done.stdout)["problems"]
    assert len(problems) == 2
    assert all(str(tmp_path / "nowhere") in each and "install.py" in each for each in problems)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "package, name", [("numpy", "numpy"), ("scipy", "scipy"), ("PIL", "pillow"),
                      ("onnxruntime", "onnxruntime")]
)  # fmt: skip
def test_a_package_that_is_missing(model_home, tmp_path, package, name):
    before = f"""
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, found, path, target=None):
        if found.split(".")[0] == {package!r}:
            raise ImportError("no such thing here")
sys.meta_path.insert(0, Missing())
"""
    done = doctor(home=model_home, folder=tmp_path, before=before)
    assert done.returncode == 1
    assert done.stderr == ""
    broken = [line for line in done.stdout.splitlines() if line.startswith("Broken: ")]
    # Without numpy there is no SciPy, either: the root comes first.
    assert broken[0].startswith(f"Broken: {name} cannot be imported (no such thing here)")
    assert "install.py" in broken[0]


def test_two_onnxruntimes(model_home, tmp_path):
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
def test_a_device_that_does_not_work(model_home, tmp_path, patch, words):
    before = f"from engine import devices\n{patch}\n"
    done = doctor(home=model_home, folder=tmp_path, before=before)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    (broken,) = [line for line in done.stdout.splitlines() if line.startswith("Broken: ")]
    assert words in broken
    assert "install.py" in broken


def test_memory():
    total, free = memory()
    assert 0 <= free <= total
