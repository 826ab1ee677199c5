"""Regions become masks on the content, each checked to cover something."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from engine.job import MIN_SIDE, REST, Job, JobError, Region
from engine.masks.mask import Everywhere, Mask, Rest
from engine.paintings.catalog import style_file
from engine.pictures.picture import read_stored, read_stored_mask
from engine.pictures.reading_memory import ReadingMemory
from engine.sizes import stroke_size
from engine.translations import _

STYLE_PIXELS = 4_000_000
"""A style picture or a mask of fewer pixels is read whole, whatever the size of the content."""


@dataclass(frozen=True)
class LoadedRegion:
    """One region with its pictures.

    Attributes
    ----------
    name : str
        What messages call it.
    style : ndarray, shape (3, height, width)
        R, G, B from 0 to 255, float32; with no more pixels than can be of use.
    style_mask : ndarray, shape (height, width)
        Where the style is taken from, from 0 to 1, float32.
    mask : Mask
        Where it goes, of the content's size.
    weight, style_size : float
        As in the job.
    """

    name: str
    style: np.ndarray
    style_mask: np.ndarray
    mask: Mask
    weight: float
    style_size: float

    @property
    def coverage(self) -> float:
        """The share of the content that it covers, from 0 to 1."""
        return self.mask.mean()


@dataclass(frozen=True)
class StylePicture:
    """A style picture as it was read.

    Attributes
    ----------
    rgb : ndarray, shape (3, height, width)
        R, G, B from 0 to 255, float32.
    mask : ndarray, shape (height, width)
        Where the style is taken from, from 0 to 1, float32.
    notes : tuple of str
        What the user should know of the file.
    limit : int
        The pixels that it was reduced to; 0 if it is whole.
    """

    rgb: np.ndarray
    mask: np.ndarray
    notes: tuple[str, ...]
    limit: int = 0

    def suits(self, pixels: int) -> bool:
        """Return whether reading it with this limit would give the same."""
        return pixels in (0, self.limit) if self.limit else self.mask.size <= pixels


def read_style(region: Region, pixels: int, reading: ReadingMemory) -> StylePicture:
    """Read the style picture of a region, with its mask.

    Parameters
    ----------
    region : Region
    pixels : int
        The most pixels that can be of use; a larger picture is reduced to them.
    reading : ReadingMemory

    Raises
    ------
    PictureError
        If a file cannot be read.
    """
    stored = read_stored(style_file(region.style), reading=reading, enough=pixels)
    size, limit = stored.size, 0
    if stored.reduced or math.prod(size) > pixels:
        limit = pixels
        shrink = min(math.sqrt(pixels / math.prod(size)), 1.0)
        size = max(round(size[0] * shrink), MIN_SIDE), max(round(size[1] * shrink), MIN_SIDE)
    rgb = stored.resized(size)
    # What is transparent in a style picture is not part of the style.
    mask = np.ones(size, np.float32)
    if stored.opacity is not None:
        mask = Mask(stored.opacity).resized(size)
    if region.style_mask:
        mask = mask * _fitted(region.style_mask, size, reading).whole()
    notes = tuple(f"{region.style}: {note}" for note in stored.notes)
    return StylePicture(rgb, mask, notes, limit)


ReadStyle = Callable[[Region, int, ReadingMemory], StylePicture]


def load_regions(
    job: Job,
    size: tuple[int, int],
    reading: ReadingMemory | None = None,
    read: ReadStyle = read_style,
) -> tuple[list[LoadedRegion], list[str]]:
    """Read the styles and masks of a job.

    Parameters
    ----------
    job : Job
    size : (int, int)
        Height and width of the content.
    reading : ReadingMemory, optional
        The memory that they may take; by default what is free.
    read : callable
        Returns the style picture of a region.

    Returns
    -------
    regions : list of LoadedRegion
    notes : list of str
        What the user should know of the files.

    Raises
    ------
    JobError
        If a region covers nothing, or nothing of its style picture is left.
    PictureError
        If a file cannot be read.
    """
    reading = reading or ReadingMemory()
    masks = region_masks(job, size, reading)
    regions = []
    notes: list[str] = []
    for index, (region, mask) in enumerate(zip(job.regions, masks)):
        name = region_name(job, index)
        style = read(region, _style_pixels(job, size, region), reading)
        reading.keep(style.rgb.nbytes + style.mask.nbytes)
        notes += style.notes
        if not style.mask.any():
            message = _(
                "Region {region}: its style mask leaves 0 of {pixels} pixels of {style}; paint it "
                "white where to take the style from."
            )
            raise JobError(message.format(region=name, pixels=style.mask.size, style=region.style))
        regions.append(
            LoadedRegion(name, style.rgb, style.mask, mask, region.weight, region.style_size)
        )
    return regions, notes


def _style_pixels(job: Job, size: tuple[int, int], region: Region) -> int:
    """Return the most pixels of a style picture that a painting of this content can use."""
    area = min(job.size, math.prod(size)) if job.size > 0 else math.prod(size)
    times = stroke_size(region.style_size, job.brush_size)
    return max(math.ceil(area * times**2), STYLE_PIXELS)


def region_masks(
    job: Job, size: tuple[int, int], reading: ReadingMemory | None = None
) -> list[Mask]:
    """Return each region's mask at the content's size.

    Raises
    ------
    JobError
        If a region covers nothing; the message names it and gives its coverage.
    """
    reading = reading or ReadingMemory()
    given: dict[int, Mask] = {}
    for index, region in enumerate(job.regions):
        if region.mask not in ("", REST):
            given[index] = _fitted(region.mask, size, reading)
            reading.keep(given[index].nbytes)
    everywhere = Everywhere(size)
    if any(region.mask == "" for region in job.regions):
        rest = Mask(np.broadcast_to(np.float32(0), size))
    else:
        rest = Rest(list(given.values()), size)
    masks = []
    for index, region in enumerate(job.regions):
        mask = given.get(index, rest if region.mask == REST else everywhere)
        if not mask.any():
            name = region_name(job, index)
            message = _(
                "Region {region} covers 0 of {pixels} pixels: its mask is black; paint its mask "
                "white where the style should go."
            )
            if region.mask == REST:
                message = _(
                    "Region {region} covers 0 of {pixels} pixels: the other masks leave nothing; "
                    "paint its mask white where the style should go."
                )
            raise JobError(message.format(region=name, pixels=math.prod(size)))
        masks.append(mask)
    return masks


def protect_mask(
    job: Job, size: tuple[int, int], reading: ReadingMemory | None = None
) -> Mask | None:
    """Return where the content is kept, of the content's size; or None.

    Raises
    ------
    JobError
        If the job's `protect` is black.
    PictureError
        If it cannot be read.
    """
    if not job.protect:
        return None
    reading = reading or ReadingMemory()
    mask = _fitted(job.protect, size, reading)
    reading.keep(mask.nbytes)
    if not mask.any():
        message = _(
            "protect: {mask} covers 0 of {pixels} pixels, since it is black; paint it white where "
            "the content must stay."
        )
        raise JobError(message.format(mask=job.protect, pixels=math.prod(size)))
    return mask


def region_name(job: Job, index: int) -> str:
    """Return what messages call region `index`: its own name, or its number and its style."""
    region = job.regions[index]
    return region.name or f"{index + 1} ({Path(region.style).name})"


def _fitted(path: str, size: tuple[int, int], reading: ReadingMemory) -> Mask:
    """Read a mask and bring it to a size."""
    enough = max(math.prod(size), STYLE_PIXELS)
    mask = read_stored_mask(path, reading=reading, enough=enough)
    return mask if mask.size == size else Mask(mask.resized(size))
