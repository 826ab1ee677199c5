"""HTTP servers on the loopback interface, as good and as bad as those of the world."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """A server of one file, and the requests that it got.

    Attributes
    ----------
    content : bytes
        The file.
    ranges : bool
        Whether it answers requests for a part of the file.
    cuts : list of int
        For each answer in turn, the bytes after which the connection breaks.
    tag : str
        The file's ETag.
    status : int
        Any other than 200 is an error.
    length : bool
        Whether the answer names the file's length.
    files : dict of str to bytes
        More files by their path.
    """

    content: bytes
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    tag: str = ""
    status: int = 200
    length: bool = True
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def served(site: Site) -> Iterator[Site]:
    """Serve a site until the block is left; its address is in `site.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range") or ""
            site.asked.append(wanted)
            if site.status != 200:
                self.send_response(site.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = site.files.get(self.path, site.content)
            match = re.fullmatch(r"bytes=(\d+)-", wanted)
            same = self.headers.get("If-Range", site.tag) == site.tag
            start = int(match[1]) if match and site.ranges and same else 0
            if match and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            part = content[start:]
            self.send_response(206 if start else 200)
            if start:
                whole = len(content)
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            if site.length:
                self.send_header("Content-Length", str(len(part)))
            kind = "text/html" if content.startswith(b"<") else "application/octet-stream"
            self.send_header("Content-Type", kind)
            if site.tag:
                self.send_header("ETag", site.tag)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(part[: site.cuts.pop(0)] if site.cuts else part)
            self.close_connection = True

        do_CONNECT = do_GET  # noqa: N815 - as a proxy that refuses

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/files/weights.bin?key=1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
