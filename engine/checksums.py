"""Checksums of files. Standard library only, since install.py uses them too."""

from __future__ import annotations

import hashlib
from pathlib import Path


def checksum(path: str | Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits; empty if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()
