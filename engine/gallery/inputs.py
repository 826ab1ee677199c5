"""Input pictures of a gallery, copied into its folder at the size at which they are used."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np
from PIL import Image
from scipy.special import expit

from engine.errors import PictureError
from engine.files import write_file
from engine.gallery.figures import RAMP, SIGMOID, WHOLE, Panel
from engine.job import JobError
from engine.masks.softness import is_soft
from engine.pictures.picture import Picture, read_mask, read_picture, write_picture
from engine.sizes import resize, working_size
from engine.translations import N_, _

FOLDER = "inputs"

STYLE_TIMES = 16
"""A style picture of more than so many times the gallery's pixels is made smaller first."""

SIGMOID_WIDTH = 1 / 16
"""The sigmoid's scale in parts of the width: from 0.1 to 0.9 it rises over 0.27 of the width."""


@dataclass(frozen=True)
class PanelFiles:
    """A panel's pictures in the gallery's folder.

    Attributes
    ----------
    content : Path
    styles : list of Path
    mask : Path or None
    names : dict of str to str
        For each of these files what it is, for a caption.
    """

    content: Path
    styles: list[Path]
    mask: Path | None
    names: dict[Path, str]

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [self.content, *self.styles, *([self.mask] if self.mask else [])]


@dataclass
class Inputs:
    """The pictures in a gallery's folder, each put there once.

    Parameters
    ----------
    folder : Path
        The gallery's.
    size : int
        Pixels of the pictures to paint; 0 leaves them as large as they are.
    note : callable
        Called with each remark about a file that the user should read.
    """

    folder: Path
    size: int
    note: Callable[[str], None]
    _made: dict[tuple[str, ...], Path] = field(default_factory=dict)

    def panel(self, panel: Panel) -> PanelFiles:
        """Put a panel's pictures into the folder, and check that its mask can be used.

        Raises
        ------
        PictureError
            If a picture cannot be read, or a file cannot be written.
        JobError
            If the mask leaves nothing to one of the styles.
        """
        styles = [self._style(style) for style in panel.styles]
        content = self._content(panel.content or panel.styles[0])
        names = {content: N_("content"), **dict.fromkeys(styles, N_("style"))}
        if panel.layout == RAMP:
            sides = N_("style on the left"), N_("style on the right")
            names.update(zip(styles, sides))
        mask = None
        if panel.layout != WHOLE:
            mask = self._mask(panel, content)
            names[mask] = N_("mask")
        return PanelFiles(content, styles, mask, names)

    def _content(self, source: str) -> Path:
        """Keep a picture at the size that is painted, so that nothing is enlarged afterwards."""
        key = ("content", source)
        if key not in self._made:
            picture = self._read(source)
            size = working_size(*_size(picture), self.size)
            name = f"{_plain(source)}-{size[1]}x{size[0]}.png"
            self._write(key, name, _resized(picture, size))
        return self._made[key]

    def _style(self, source: str) -> Path:
        """Keep a style picture as it is, unless it is needlessly large."""
        key = ("style", source)
        if key not in self._made:
            picture = self._read(source)
            size = working_size(*_size(picture), STYLE_TIMES * self.size)
            self._write(key, f"{_plain(source)}.png", _resized(picture, size))
        return self._made[key]

    def _mask(self, panel: Panel, content: Path) -> Path:
        size = _size(read_picture(content))
        key = ("mask", panel.mask, *map(str, size))
        if key in self._made:
            return self._made[key]
        if panel.mask == SIGMOID:
            mask = sigmoid(*size)
        else:
            given = read_mask(panel.mask)
            mask = np.clip(resize(given, size), 0, 1)
            if not is_soft(given):  # what is binary stays so: figure 10 is about that
                mask = (mask >= 0.5).astype(np.float32)
        covered = int((mask >= 0.5).sum())
        if covered in (0, mask.size):
            message = _(
                "{name}: the mask covers {covered} of {pixels} pixels; a gallery compares inside "
                "and outside, so give a mask that is partly white."
            )
            raise JobError(message.format(name=panel.mask, covered=covered, pixels=mask.size))
        name = f"mask-{_plain(panel.mask)}-{size[1]}x{size[0]}.png"
        self._write(key, name, mask)
        return self._made[key]

    def _read(self, source: str) -> Picture:
        picture = read_picture(source)
        for text in picture.notes:
            self.note(f"{source}: {text}")
        return picture

    def _write(self, key: tuple[str, ...], name: str, picture: Picture | np.ndarray) -> None:
        """Write a picture, or a mask from 0 to 1, under a name of its own."""
        folder = self.folder / FOLDER
        path = folder / name
        number = 1
        while path in self._made.values():
            number += 1
            path = folder / f"{Path(name).stem}-{number}.png"
        try:
            folder.mkdir(exist_ok=True)
            if isinstance(picture, np.ndarray):
                buffer = io.BytesIO()
                Image.fromarray(np.rint(255 * picture).astype(np.uint8)).save(buffer, format="PNG")
                write_file(path, buffer.getvalue())
            else:
                write_picture(path, picture)
        except OSError as error:
            message = _("{name} cannot be written: {reason}.")
            message = message.format(name=path, reason=error.strerror or error)
            raise PictureError(message) from error
        self._made[key] = path


def sigmoid(height: int, width: int) -> np.ndarray:
    """Return a mask, shape (height, width), that rises from 0 on the left to 1 on the right."""
    across = (np.arange(width) + 0.5) / width - 0.5
    return np.tile(expit(across / SIGMOID_WIDTH).astype(np.float32), (height, 1))


def _size(picture: Picture) -> tuple[int, int]:
    """Return a picture's height and width."""
    return picture.rgb.shape[0], picture.rgb.shape[1]


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    rgb = np.clip(resize(picture.rgb, size), 0, 255)
    alpha = None if picture.alpha is None else np.clip(resize(picture.alpha, size), 0, 1)
    return Picture(rgb, alpha, ())


def _plain(source: str) -> str:
    """Return a file's name in letters that every system and browser takes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(source).stem)[:40].strip("-") or "picture"
