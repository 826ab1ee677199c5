"""Files of Scumble itself: what the data folder and GIMP's extension have of a checkout.

Standard library only, since install.py runs this before there is anything else.
"""

from __future__ import annotations

from pathlib import Path

PACKAGES = ("engine", "models", "plugin")
INSTALLER = "install.py"
BESIDE = (INSTALLER, "pyproject.toml", "LICENSE")
"""The files beside the packages. With them a copy can install itself."""


LEFT_OUT = (".pyc", ".po")


def read_program(folder: Path) -> dict[str, bytes]:
    """Return the files of a checkout, or of a copy, that install and run Scumble.

    Parameters
    ----------
    folder : Path
        The folder with install.py, engine/, models/ and plugin/.

    Returns
    -------
    dict of str to bytes
        The files' contents by their paths with slashes, sorted. Missing files are left out.
    """
    found = {name: folder / name for name in BESIDE}
    files = {name: path.read_bytes() for name, path in found.items() if path.is_file()}
    for package in PACKAGES:
        for path, content in _package_files(folder / package).items():
            files[f"{package}/{path}"] = content
    return dict(sorted(files.items()))


def write_program(files: dict[str, bytes], folder: Path) -> None:
    """Write such files into a folder, which is made."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _package_files(folder: Path) -> dict[str, bytes]:
    """Return a package's files by their path in it.

    Caches, hidden files and the sources of compiled translations are left out.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "__pycache__")) for part in parts)
        if path.is_file() and not hidden and path.suffix not in LEFT_OUT:
            found["/".join(parts)] = path.read_bytes()
    return found
