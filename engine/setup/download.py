"""Download of a large file over HTTP, which continues where an earlier one was interrupted.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

from engine.setup.pip_errors import explain_connection
from engine.setup.setup_errors import SetupError
from engine.translations import _

MAX_BYTES = 2 << 30
ATTEMPTS = 4
"""Attempts in a row that may fail without a byte more, before the download is given up."""
_TIMEOUT = 30.0
_BLOCK = 1 << 16


def download(
    url: str,
    target: Path,
    show: Callable[[str], None],
    *,
    certificates: Path | None = None,
    pause: float = 1.0,
) -> None:
    """Download a file; it stays beside the target until it is complete.

    An interrupted download continues with a range request, unless the server tells that the file
    has changed. A server without ranges sends the file from the start.

    Parameters
    ----------
    url : str
        An address with https or http.
    target : Path
        The file to make; '.part' is added to its name until it is complete.
    show : callable
        Is called with a line of progress.
    certificates : Path, optional
        A file of certificates to trust beside the system's.
    pause : float
        Seconds before another attempt.

    Raises
    ------
    SetupError
        If the file cannot be fetched; the message is a sentence.
    OSError
        If it cannot be written.
    """
    server = urllib.parse.urlsplit(url).hostname or url
    part = target.with_name(target.name + ".part")
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=_tls_context(certificates))
    )
    failures = 0
    while True:
        before = _size(part)
        try:
            if _fetch(opener, url, part, show):
                os.replace(part, target)
                part.with_name(part.name + ".version").unlink(missing_ok=True)
                return
            reason = "Connection reset"  # the server closed the connection too early
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise SetupError(_explain_status(error.code, server)) from error
            reason = f"{error.code} Server Error"
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.filename == str(part):
                raise
            reason = str(error) or type(error).__name__
            if not _is_temporary(error):
                failures = ATTEMPTS
        failures = 1 if _size(part) > before else failures + 1
        if failures >= ATTEMPTS:
            why = explain_connection(reason, server) or _(
                "{server} does not deliver it: {reason}."
            ).format(server=server, reason=reason)
            raise SetupError(why)
        time.sleep(pause)


def _fetch(
    opener: urllib.request.OpenerDirector, url: str, part: Path, show: Callable[[str], None]
) -> bool:
    """Fetch the missing part of a file; return whether the file is complete."""
    version = part.with_name(part.name + ".version")
    begin = _size(part)
    headers = {"User-Agent": "scumble", "Accept-Encoding": "identity"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
        if version.is_file():
            headers["If-Range"] = version.read_text(encoding="utf-8")
    try:
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and begin:  # nothing is missing, or the file has changed
            part.unlink()
            return False
        raise
    with response:
        start, total = _extent(response.status, response.headers)
        if start not in (0, begin):
            part.unlink()
            return False
        if total > MAX_BYTES:
            message = _("the file is too large ({size} MB).").format(size=total >> 20)
            raise SetupError(message)
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if tag and not tag.startswith("W/"):
            version.write_text(tag, encoding="utf-8")
        else:
            version.unlink(missing_ok=True)
        with part.open("r+b" if part.exists() else "wb") as file:
            file.truncate(start)
            file.seek(start)
            _receive(response, file, part, total, show)
        return not total or _size(part) == total


def _receive(response: Any, file: Any, part: Path, total: int, show: Callable[[str], None]) -> None:
    shown = 0.0
    for block in iter(lambda: response.read(_BLOCK), b""):
        try:
            file.write(block)
        except OSError as error:
            error.filename = str(part)
            raise
        if file.tell() > (total or MAX_BYTES):
            message = _("the file is larger than announced.")
            raise SetupError(message)
        if time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            of = f" of {total / 1e6:.0f}" if total else ""
            show(f"fetching {part.stem}: {file.tell() / 1e6:.0f}{of} MB")


def _extent(status: int, headers: Mapping[str, str]) -> tuple[int, int]:
    """Return where an answer begins, and the whole file's size; 0 if that is unknown."""
    if status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range") or "")
        if match is None:
            return -1, 0
        return int(match[1]), int(match[2]) if match[2] != "*" else 0
    length = headers.get("Content-Length") or ""
    return 0, int(length) if length.isdigit() else 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_temporary(error: Exception) -> bool:
    reason = getattr(error, "reason", error)
    return not isinstance(reason, (ssl.SSLCertVerificationError, ValueError))


def _explain_status(status: int, server: str) -> str:
    if status in (404, 410):
        return _("{server} has no such file ({status}).").format(server=server, status=status)
    return explain_connection(f"{status} Client Error", server) or f"{server} answers {status}."


def _tls_context(certificates: Path | None) -> ssl.SSLContext:
    given = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    context = ssl.create_default_context(cafile=given or None)
    if certificates is not None and certificates.is_file():
        context.load_verify_locations(str(certificates))
    return context
