"""Picture files: which of them the engine reads itself, and the last styles with thumbnails.

The engine reads PNG, JPEG, TIFF and WebP, and NumPy's arrays. Every other file passes through GIMP,
so whatever GIMP opens can be a style or a mask. TIFF does not, because GIMP may take the thumbnail
in a file for its picture.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import Any

import canvas_error
import remembered
import rendering
import small_pictures
from gi.repository import GdkPixbuf, Gio, GLib

from engine.translations import _

SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", b""),
    (b"\xff\xd8\xff", b""),
    (b"RIFF", b"WEBP"),
    (b"II*\0", b""),
    (b"MM\0*", b""),
    (b"\x93NUMPY", b""),
)
"""The first bytes of the engine's formats, and those from the ninth on."""

THUMBNAIL_SIDE = 144
"""Device pixels of a remembered thumbnail."""

LAST_STYLES = 12


@dataclass(frozen=True)
class PictureFile:
    """A picture file as it is shown.

    Attributes
    ----------
    path : str
    width, height : int
        Of the whole picture.
    thumbnail : GdkPixbuf.Pixbuf
    """

    path: str
    width: int
    height: int
    thumbnail: GdkPixbuf.Pixbuf

    def has_thumbnail_of(self, side: int) -> bool:
        """Return whether the thumbnail fills a square of `side` pixels, or has all the picture."""
        longest = max(self.thumbnail.get_width(), self.thumbnail.get_height())
        return longest >= min(side, self.width, self.height)


def within(pixbuf: GdkPixbuf.Pixbuf, side: int) -> GdkPixbuf.Pixbuf:
    """Return a picture that fits into a square of `side` pixels."""
    width, height = pixbuf.get_width(), pixbuf.get_height()
    scale = side / max(width, height)
    if scale >= 1:
        return pixbuf
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return pixbuf.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)


def engine_reads(path: str) -> bool:
    """Return whether the engine reads a file of this format; else its pixels come from GIMP.

    Raises
    ------
    canvas_error.CanvasError
        If the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(12)
    except OSError as error:
        message = _("{path} cannot be read: {reason}. Choose another picture.")
        message = message.format(path=path, reason=error.strerror or error)
        raise canvas_error.CanvasError(message) from error
    return any(
        start.startswith(first) and start[8:].startswith(ninth) for first, ninth in SIGNATURES
    )


def look_at(path: str, side: int = THUMBNAIL_SIDE) -> PictureFile:
    """Return a picture with a thumbnail within a square of `side` pixels.

    Raises
    ------
    canvas_error.CanvasError
        If neither the engine's formats nor GIMP can read it.
    """
    form, width, height = GdkPixbuf.Pixbuf.get_file_info(path)
    if engine_reads(path) and form is not None:
        least = min(side, max(width, height))  # GdkPixbuf would enlarge it
        try:
            found = GdkPixbuf.Pixbuf.new_from_file_at_scale(path, least, least, True)
        except GLib.Error:
            pass  # GIMP may still read it
        else:
            upright = found.apply_embedded_orientation() or found
            if (upright.get_width() > upright.get_height()) != (width > height):
                width, height = height, width
            return PictureFile(path, width, height, upright)
    with rendering.opened_picture(path) as layer:
        return PictureFile(
            path,
            layer.get_width(),
            layer.get_height(),
            small_pictures.small_picture(layer, (side, side)),
        )


def last_styles() -> list[PictureFile]:
    """Return the styles that were chosen last, the newest first, without files that are gone."""
    found = (_remembered(each) for each in remembered.read("styles", []))
    return [each for each in found if each is not None]


def remember_style(picture: PictureFile) -> None:
    """Put a style in front of the last ones."""
    ok, data = within(picture.thumbnail, THUMBNAIL_SIDE).save_to_bufferv("png", [], [])
    about = {
        "path": picture.path,
        "changed": os.path.getmtime(picture.path),
        "size": [picture.width, picture.height],
        "thumbnail": base64.b64encode(bytes(data)).decode("ascii") if ok else "",
    }
    others = [each for each in remembered.read("styles", []) if _path(each) != picture.path]
    remembered.write("styles", [about, *others][:LAST_STYLES])


def _path(about: Any) -> str:
    return str(about.get("path", "")) if isinstance(about, dict) else ""


def _remembered(about: Any) -> PictureFile | None:
    """Return a remembered picture; None if its file is gone or has changed."""
    try:
        path = str(about["path"])
        if os.path.getmtime(path) != about["changed"]:
            return look_at(path)
        stream = Gio.MemoryInputStream.new_from_data(base64.b64decode(about["thumbnail"]), None)
        thumbnail = GdkPixbuf.Pixbuf.new_from_stream(stream, None)
        width, height = about["size"]
    except (OSError, KeyError, TypeError, ValueError, GLib.Error, canvas_error.CanvasError):
        return None
    return PictureFile(path, int(width), int(height), thumbnail)
