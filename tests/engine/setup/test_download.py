from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.setup import download as module
from engine.setup.download import download
from engine.setup.setup_errors import SetupError
from tests.engine.setup.servers import Site, served

CONTENT = os.urandom(300_000)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def fetch(site: Site, folder: Path) -> bytes:
    target = folder / "weights"
    download(site.url, target, lambda _line: None, pause=0.0)
    assert os.listdir(folder) == ["weights"]
    return target.read_bytes()


@pytest.mark.parametrize("length", [True, False])
def test_a_file_arrives_as_it_is(tmp_path: Path, length: bool) -> None:
    with served(Site(CONTENT, length=length)) as site:
        assert fetch(site, tmp_path) == CONTENT
    assert site.asked == [""]


def test_a_broken_connection_is_continued_where_it_broke(tmp_path: Path) -> None:
    with served(Site(CONTENT, cuts=[100_000, 50_000], tag='"v1"')) as site:
        assert fetch(site, tmp_path) == CONTENT
    assert site.asked == ["", "bytes=100000-", "bytes=150000-"]


def test_a_server_without_ranges_sends_all_of_it_again(tmp_path: Path) -> None:
    with served(Site(CONTENT, ranges=False, cuts=[100_000])) as site:
        assert fetch(site, tmp_path) == CONTENT
    assert site.asked == ["", "bytes=100000-"]


def test_a_file_that_changed_meanwhile_is_fetched_from_the_start(tmp_path: Path) -> None:
    with served(Site(CONTENT, cuts=[100_000] * 4, tag='"v1"')) as site:
        site.cuts = [100_000, 0, 0, 0, 0, 0, 0]
        with pytest.raises(SetupError, match="broke"):
            fetch(site, tmp_path)
    other = bytes(reversed(CONTENT))
    with served(Site(other, tag='"v2"')) as site:
        assert fetch(site, tmp_path) == other
    assert site.asked == ["bytes=100000-"]


def test_a_part_that_is_longer_than_the_file_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "weights.part").write_bytes(CONTENT + b"more")
    with served(Site(CONTENT)) as site:
        assert fetch(site, tmp_path) == CONTENT
    assert site.asked == [f"bytes={len(CONTENT) + 4}-", ""]


def test_a_process_that_is_killed_continues_later(tmp_path: Path) -> None:
    """The server sends a part and then waits."""
    code = (
        "import sys; from pathlib import Path; from engine.setup.download import download; "
        "download(sys.argv[1], Path(sys.argv[2]), lambda line: None)"
    )
    part = tmp_path / "weights.part"
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()
        url = f"http://127.0.0.1:{slow.getsockname()[1]}/x"
        process = subprocess.Popen(
            [sys.executable, "-c", code, url, str(tmp_path / "weights")],
            cwd=Path(__file__).resolve().parents[3],
        )
        slow.settimeout(60)
        connection, _ = slow.accept()
        with connection:
            connection.recv(1000)
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode()
            connection.sendall(head + CONTENT[:200_000])
            end = time.monotonic() + 30
            while not part.is_file() or part.stat().st_size < 65536:
                assert time.monotonic() < end
                time.sleep(0.02)
            process.kill()
            process.wait()
    arrived = part.stat().st_size
    with served(Site(CONTENT)) as site:
        assert fetch(site, tmp_path) == CONTENT
    assert site.asked == [f"bytes={arrived}-"]


@pytest.mark.parametrize(
    "status, words",
    [
        (404, "has no such file"),
        (403, "refuses access"),
        (500, "has a fault"),
        (400, "answers 400"),
    ],
)
def test_a_servers_refusal_is_explained(tmp_path: Path, status: int, words: str) -> None:
    with served(Site(b"", status=status)) as site, pytest.raises(SetupError, match=words):
        fetch(site, tmp_path)


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    for length in (True, False):
        with served(Site(CONTENT, length=length)) as site, pytest.raises(SetupError, match="large"):
            fetch(site, tmp_path)


def test_no_server_no_name_and_a_proxy_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(url: str) -> str:
        with pytest.raises(SetupError) as caught:
            download(url, tmp_path / "weights", lambda _line: None, pause=0.0)
        return str(caught.value)

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert "127.0.0.1 cannot be reached" in said(f"http://127.0.0.1:{port}/x")
        assert "DNS" in said("http://no-such-host.invalid/x")
        with served(Site(b"", status=407)) as proxy:
            address = proxy.url.partition("/files")[0]
            monkeypatch.setenv("https_proxy", address)
            assert "name and a password" in said("https://example.invalid/x")


def test_a_file_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with served(Site(CONTENT)) as site, pytest.raises(OSError, match="too large") as caught:
            download(site.url, tmp_path / "weights", lambda _line: None, pause=0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "weights.part")
    assert len(site.asked) == 1


def test_a_certificate_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    try:
        subprocess.run(
            [*command, "-keyout", key, "-out", certificate], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("openssl, which makes a certificate, is not on this machine")
    folder = tmp_path / "fetched"
    folder.mkdir()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with served(Site(CONTENT)) as plain:
        port = int(plain.url.split(":")[2].split("/")[0])
        with tls_in_front_of(port, context) as secure:
            url = f"https://localhost:{secure}/x"
            with pytest.raises(SetupError, match="certificate cannot be verified"):
                download(url, folder / "weights", lambda _line: None, pause=0.0)
            download(
                url, folder / "weights", lambda _line: None, certificates=certificate, pause=0.0
            )
    assert (folder / "weights").read_bytes() == CONTENT


class tls_in_front_of:  # noqa: N801 - used as a function
    """Give a TLS port whose requests a plain port answers."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.port, self.context = port, context
        self.socket = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self.serve, daemon=True).start()
        return int(self.socket.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(raw, server_side=True) as client:
                    client.recv(4000)
                    inner = http.client.HTTPConnection("127.0.0.1", self.port)
                    inner.request("GET", "/x")
                    body = inner.getresponse().read()
                    inner.close()
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                    client.sendall(head.encode() + body)
            except (ssl.SSLError, OSError):
                raw.close()

    def __exit__(self, *_error: object) -> None:
        self.socket.close()
