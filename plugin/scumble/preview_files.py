"""Files for the preview: small copies of the photograph, the styles and the masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from pathlib import Path

import npy
import picture_files
import sources
import thumbnails
from canvas_error import CanvasError
from gi.repository import GdkPixbuf, Gimp

from engine.job import Job
from engine.translations import _

LAYER_SIDE = 800
"""Pixels of the longest side of a layer that is a style. A file has those of its thumbnail, because
opening a large one again would block the dialog."""


class PreviewFiles:
    """The writer of the copies, each once, into the run folder.

    Parameters
    ----------
    folder : Path or None
        None if there can be no files.
    small : thumbnails.Thumbnails
        Has the pixels.
    """

    def __init__(self, folder: Path | None, small: thumbnails.Thumbnails) -> None:
        self._folder, self._small = folder, small
        self._names: dict[Hashable, str] = {}

    def job(
        self,
        wanted: Job,
        resolved: list[sources.ResolvedRegion],
        protected: sources.Source | None,
        start: Gimp.Layer | None = None,
    ) -> Job:
        """Return a job with the names of these files in it.

        Parameters
        ----------
        wanted : Job
            The job with its options.
        resolved : list of sources.ResolvedRegion
            Its regions.
        protected : sources.Source or None
            The mask of the protected part.
        start : Gimp.Layer, optional
            The earlier result that the painting starts from, in place of the job's own picture.

        Raises
        ------
        CanvasError
            If a picture cannot be shown.
        OSError
            If a file cannot be written.
        """
        regions = tuple(
            dataclasses.replace(
                each.region,
                style=self._style(each.style),
                mask=self._mask(each.mask),
                style_mask=self._gray(each.region.style_mask),
                name=each.name,
            )
            for each in resolved
        )
        return dataclasses.replace(
            wanted,
            content=self._content(),
            regions=regions,
            protect="" if protected is None else self._mask(protected),
            init_picture=self._start(wanted, start),
            report="",
        )

    def _start(self, wanted: Job, result: Gimp.Layer | None) -> str:
        """Return the name of the picture that the painting starts from; empty if it has none."""
        if result is not None:
            return self._picture(("start", result.get_id()), self._small.over_content(result))
        if wanted.init != "picture" or not wanted.init_picture:
            return ""
        return self._style(sources.Source(sources.FILE, path=wanted.init_picture))

    def _content(self) -> str:
        return self._picture("content", self._small.content())

    def _style(self, style: sources.Source) -> str:
        """Return the name of a style: its own file's, where the engine reads that."""
        if style.kind == sources.PAINTING:
            return style.path
        if style.kind == sources.FILE and picture_files.engine_reads(style.path):
            return style.path
        side = thumbnails.FILE_SIDE if style.item is None else LAYER_SIDE
        return self._picture(style, self._small.style(style, side))

    def _mask(self, mask: sources.Source) -> str:
        if mask.kind in (sources.ALL, sources.REST):
            return mask.kind
        if mask not in self._names:
            values = self._small.mask(mask)
            if values is None:
                message = _("There is no preview, because a mask cannot be shown.")
                raise CanvasError(message)
            self._write(mask, (self._small.height, self._small.width), values)
        return self._names[mask]

    def _gray(self, path: str) -> str:
        """Return the name of the mask over a style: its own file's, where the engine reads that."""
        if not path or picture_files.engine_reads(sources.local_path(path)):
            return path and sources.local_path(path)
        return self._mask(sources.Source(sources.FILE, path=sources.local_path(path)))

    def _picture(self, key: Hashable, pixbuf: GdkPixbuf.Pixbuf | None) -> str:
        if key not in self._names:
            if pixbuf is None:
                message = _("There is no preview, because a picture cannot be shown.")
                raise CanvasError(message)
            width, height = pixbuf.get_width(), pixbuf.get_height()
            pixels, stride, planes = (
                pixbuf.get_pixels(),
                pixbuf.get_rowstride(),
                pixbuf.get_n_channels(),
            )
            rows = (pixels[y * stride : y * stride + planes * width] for y in range(height))
            self._write(key, (height, width, planes), b"".join(rows))
        return self._names[key]

    def _write(self, key: Hashable, shape: tuple[int, ...], values: bytes) -> None:
        name = f"small-{len(self._names) + 1}.npy"
        if self._folder is None:
            message = _("There is no preview, because no temporary folder can be made.")
            raise CanvasError(message)
        (self._folder / name).write_bytes(npy.header(shape, npy.BYTES) + values)
        self._names[key] = name
