"""Painting files: a painting that cannot go into its image is saved in the user's folders."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import canvas
import canvas_error
import png
import result_layers
from gi.repository import Gimp, Gio, GLib

from engine.translations import _

FILE_NAME_BYTES = 120


def save(built: Gimp.Image, name: str) -> Path:
    """Save the built image as an XCF file in the user's pictures or home folder.

    Raises
    ------
    OSError
        If no file can be written.
    """
    built.resize_to_layers()
    for path in _free_paths(name, "xcf"):
        file = Gio.File.new_for_path(str(path))
        if Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, built, file, None) and path.is_file():
            built.set_file(file)
            built.clean_all()
            return path
    message = result_layers.refusal()
    raise OSError(message)


def save_without_gimp(picture: Path, name: str) -> Path:
    """Save a run's picture as a PNG file, or else move it out of the run's folder as it is.

    Parameters
    ----------
    picture : Path
        The .npy file in the run's folder.
    name : str

    Raises
    ------
    OSError
        If neither is possible.
    """
    saved = _save_png(picture, name)
    if saved is None:
        # Renaming takes no room on a full disk.
        saved = picture.parent.with_name(f"scumble-painting-{os.getpid()}.npy")
        picture.replace(saved)
    return saved


def save_built_without_gimp(built: Gimp.Image, name: str) -> Path:
    """Save a built image as a PNG file.

    Raises
    ------
    OSError
        If no file can be written.
    """
    shown = Gimp.Layer.new_from_visible(built, built, name)
    try:
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "picture.npy"
            canvas.write_pixels(shown, picture)
            saved = _save_png(picture, name)
    except canvas_error.CanvasError as error:
        raise OSError(str(error)) from error
    if saved is None:
        message = _("no folder takes the file")
        raise OSError(message)
    return saved


def _save_png(picture: Path, name: str) -> Path | None:
    """Save a .npy file as a PNG file in the first folder that takes it; None if none does."""
    for path in _free_paths(name, "png"):
        try:
            png.write(picture, path)
        except (OSError, ValueError):
            path.unlink(missing_ok=True)
            continue
        return path
    return None


def _free_paths(name: str, extension: str) -> Iterator[Path]:
    """Yield a path in each folder that may take the file, the user's pictures first."""
    pictures = GLib.get_user_special_dir(GLib.UserDirectory.DIRECTORY_PICTURES)
    folders = [Path(pictures)] if pictures else []
    stem = f"{_file_name(name)} {time.strftime('%Y-%m-%d %H.%M.%S')}"
    for folder in (*folders, Path.home(), Path(GLib.get_tmp_dir())):
        if folder.is_dir():
            path = folder / f"{stem}.{extension}"
            number = 2
            while path.exists():
                path = folder / f"{stem} {number}.{extension}"
                number += 1
            yield path


def _file_name(name: str) -> str:
    """Return a layer's name as a file's name that every file system takes."""
    kept = "".join(letter if letter.isalnum() or letter in " -_+.()," else "_" for letter in name)
    cut = kept.encode("utf-8", "replace")[:FILE_NAME_BYTES].decode("utf-8", "ignore")
    return cut.strip(" .") or _("painting")
