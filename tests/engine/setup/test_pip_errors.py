"""Errors of pip as one sentence: from recorded output, and from a real pip in trouble."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.setup.pip_errors import explain_pip
from tests.engine.setup.servers import Site, served

NONE_FOUND = (
    "ERROR: Could not find a version that satisfies the requirement onnxruntime<2,>=1.19 "
    "(from versions: none)\nERROR: No matching distribution found for onnxruntime<2,>=1.19\n"
)
OS_ERROR = "ERROR: Could not install packages due to an OSError: "


@pytest.mark.parametrize(
    "output, sentence",
    [
        (NONE_FOUND, "has no onnxruntime<2,>=1.19 for this Python and this machine"),
        (
            NONE_FOUND.replace("none", "1.0, 1.1"),
            "has no onnxruntime<2,>=1.19 among its versions",
        ),
        (OS_ERROR + "[Errno 28] No space left on device\n", "the disk is full"),
        (OS_ERROR + "[WinError 5] Access is denied: 'C:\\\\x.pyd'\n", "close whatever still uses"),
        (
            "There was a problem: SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_",
            "certificate cannot be verified",
        ),
        ("ERROR: ResolutionImpossible: for help visit\n", "exclude each other"),
        ("error: command '/usr/bin/x86_64-linux-gnu-gcc' failed with exit code 1", "compiled"),
        ("ERROR: Failed building wheel for scipy", "compiled"),
        ("error: Microsoft Visual C++ 14.0 or greater is required", "compiled"),
        ("MemoryError", "not enough memory"),
        (
            "Collecting numpy\nERROR: Something quite new happened\nnext line\n",
            "ERROR: Something quite new happened.",
        ),
        (
            "/net/env/bin/python cannot be started: Operation not permitted\n",
            "/net/env/bin/python cannot be started: Operation not permitted.",
        ),
        ("", "pip gave no reason."),
    ],
)
def test_recorded_words_become_a_sentence(output: str, sentence: str) -> None:
    said = explain_pip(output)
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said


def pip(folder: Path, **variables: str) -> str:
    """Let pip fetch a package, and return the explanation of why it could not."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PIP_") and "proxy" not in name.lower()
    }
    given = {"PIP_RETRIES": "0", "PIP_TIMEOUT": "1", "PIP_CONFIG_FILE": os.devnull, **variables}
    log = folder / "pip.log"
    command = [sys.executable, "-I", "-m", "pip", "--log", str(log), "--no-cache-dir", "download"]
    done = subprocess.run(
        [*command, "--no-deps", "--dest", str(folder / "out"), "scumble-no-such-package"],
        env={**kept, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    said = explain_pip(done.stdout + done.stderr + log.read_text())
    log.unlink()
    return said


@pytest.mark.parametrize(
    "status, words",
    [
        (404, "has no scumble-no-such-package"),
        (403, "refuses access"),
        (502, "has a fault"),
    ],
)
def test_the_answers_of_an_index_are_told_apart(status: int, words: str, tmp_path: Path) -> None:
    with served(Site(b"", status=status)) as site:
        assert words in pip(tmp_path, PIP_INDEX_URL=site.url.replace("/files", "/simple"))


def test_a_page_that_is_no_index_has_no_package(tmp_path: Path) -> None:
    with served(Site(b"<html>log in first</html>")) as site:
        assert "has no scumble-no-such-package" in pip(tmp_path, PIP_INDEX_URL=site.url)


def test_proxies_that_do_not_answer_refuse_or_ask_for_a_name(tmp_path: Path) -> None:
    index = {"PIP_INDEX_URL": "https://index.invalid/simple"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "the proxy cannot be reached" in pip(tmp_path, HTTPS_PROXY=address, **index)
        assert "the proxy cannot be reached" in pip(tmp_path, PIP_PROXY=address, **index)
    assert "the proxy cannot be reached" in pip(tmp_path, HTTPS_PROXY=address, **index)
    with served(Site(b"", status=407)) as site:
        address = site.url.partition("/files")[0]
        assert "a name and a password" in pip(tmp_path, HTTPS_PROXY=address, **index)


def test_no_name_no_answer_and_no_tls_are_told_apart(tmp_path: Path) -> None:
    assert "(DNS)" in pip(tmp_path, PIP_INDEX_URL="https://index.invalid/simple")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        said = pip(tmp_path, PIP_INDEX_URL=f"http://{address}/simple")
        assert "does not answer in time" in said
    assert "cannot be reached" in pip(tmp_path, PIP_INDEX_URL=f"http://{address}/simple")
    with served(Site(b"")) as site:
        plain = site.url.replace("http:", "https:")
        assert "does not answer with TLS" in pip(tmp_path, PIP_INDEX_URL=plain)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path: Path, state: str) -> None:
    """The cache is on a disk of its own, which these processes alone see."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    from tests.made_up import write_wheel

    wheel = write_wheel(wheels, "any_thing", "1.0", {"thing.py": "x" * 200_000})
    page = f'<a href="/{wheel.name}">{wheel.name}</a>'.encode()
    own = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
    script = (
        'mount -t tmpfs -o size=32k tmpfs "$1" || exit 90\n'
        + ('mount -o remount,ro "$1"\n' if state == "read-only" else "")
        + 'shift; exec "$@"'
    )
    cache = tmp_path / "cache"
    cache.mkdir()
    with served(Site(page)) as site:
        site.files = {f"/{wheel.name}": wheel.read_bytes()}
        variables = {
            **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": site.url.partition("?")[0],
            "PIP_CACHE_DIR": str(cache),
            "PIP_RETRIES": "0",
        }
        command = [sys.executable, "-I", "-m", "pip", "download", "--dest", str(tmp_path / "out")]
        done = subprocess.run(
            [*own, "sh", "-c", script, "sh", str(cache), *command, "any-thing"],
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / wheel.name).read_bytes() == wheel.read_bytes()
