"""A root folder with nothing in it but a shell, as an ordinary user can have one for a command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ENTER = """
root=$1 seen=$2
shift 2
for folder in /proc /dev "$seen"; do mount --rbind "$folder" "$root$folder" || exit 1; done
exec chroot "$root" /bin/sh -c 'cd "$HOME" && exec "$0" "$@"' "$@"
"""


def run_in_bare_root(
    folder: Path, seen: Path, *command: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run a command that sees one folder of the machine's, and no program but a shell.

    Parameters
    ----------
    folder : Path
        Where the root is made; it is empty.
    seen : Path
        The folder that is seen, in its own place; the command's home.
    command : strings and paths
        What to run.
    """
    shell = Path("/bin/sh").resolve()
    loaded = subprocess.run(["ldd", shell], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", loaded):
        target = folder / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    for place in ("bin", "proc", "dev", str(seen).lstrip("/")):
        (folder / place).mkdir(parents=True, exist_ok=True)
    shutil.copy(shell, folder / "bin" / "sh")
    own = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
    return subprocess.run(
        [*own, "sh", "-c", ENTER, "sh", str(folder), str(seen), *map(str, command)],
        env={"HOME": str(seen), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
