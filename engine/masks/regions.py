"""Regions become masks on the content, each checked to cover something."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from engine.job import REST, Job, JobError, Region
from engine.paintings.catalog import style_file
from engine.pictures.picture import read_mask, read_picture
from engine.sizes import planar, resized_mask

_ROUNDING = 1e-6
"""The most that masks that add up to 1 leave as float32; 16-bit masks have steps of 1.5e-5."""


@dataclass(frozen=True)
class LoadedRegion:
    """One region with its pictures.

    Attributes
    ----------
    name : str
        What messages call it.
    style : ndarray, shape (3, height, width)
        R, G, B from 0 to 255, float32.
    style_mask : ndarray, shape (height, width)
        Where the style is taken from, from 0 to 1, float32.
    mask : ndarray, shape (height, width)
        Where it goes, of the content's size, from 0 to 1, float32.
    weight, style_size : float
        As in the job.
    """

    name: str
    style: np.ndarray
    style_mask: np.ndarray
    mask: np.ndarray
    weight: float
    style_size: float

    @property
    def coverage(self) -> float:
        """The share of the content that it covers, from 0 to 1."""
        return float(self.mask.mean(dtype=np.float64))


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
    """

    rgb: np.ndarray
    mask: np.ndarray
    notes: tuple[str, ...]


def read_style(region: Region) -> StylePicture:
    """Read the style picture of a region, with its mask.

    Raises
    ------
    PictureError
        If a file cannot be read.
    """
    style = read_picture(style_file(region.style))
    rgb = planar(style.rgb)
    # What is transparent in a style picture is not part of the style.
    mask = np.ones(rgb.shape[1:], np.float32) if style.alpha is None else style.alpha
    if region.style_mask:
        mask = mask * _fitted(read_mask(region.style_mask), rgb.shape[1:])
    return StylePicture(rgb, mask, tuple(f"{region.style}: {note}" for note in style.notes))


def load_regions(
    job: Job, size: tuple[int, int], read: Callable[[Region], StylePicture] = read_style
) -> tuple[list[LoadedRegion], list[str]]:
    """Read the styles and masks of a job.

    Parameters
    ----------
    job : Job
    size : (int, int)
        Height and width of the content.
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
    masks = region_masks(job, size)
    regions = []
    notes: list[str] = []
    for index, (region, mask) in enumerate(zip(job.regions, masks)):
        name = region_name(job, index)
        style = read(region)
        notes += style.notes
        if not style.mask.any():
            message = (
                f"Region {name}: its style mask leaves 0 of {style.mask.size} pixels of "
                f"{region.style}; paint it white where to take the style from."
            )
            raise JobError(message)
        regions.append(
            LoadedRegion(name, style.rgb, style.mask, mask, region.weight, region.style_size)
        )
    return regions, notes


def region_masks(job: Job, size: tuple[int, int]) -> list[np.ndarray]:
    """Return each region's mask at the content's size, float32 from 0 to 1.

    Raises
    ------
    JobError
        If a region covers nothing; the message names it and gives its coverage.
    """
    given = {
        index: _fitted(read_mask(region.mask), size)
        for index, region in enumerate(job.regions)
        if region.mask not in ("", REST)
    }
    everywhere = np.ones(size, np.float32)
    if any(region.mask == "" for region in job.regions):
        rest = np.zeros(size, np.float32)
    else:
        rest = np.clip(1 - sum(given.values(), np.zeros(size, np.float32)), 0, 1)
        rest[rest < _ROUNDING] = 0
    masks = []
    for index, region in enumerate(job.regions):
        mask = given.get(index, rest if region.mask == REST else everywhere)
        if not mask.any():
            name = region_name(job, index)
            why = "the other masks leave nothing" if region.mask == REST else "its mask is black"
            message = (
                f"Region {name} covers 0 of {mask.size} pixels: {why}; "
                "paint its mask white where the style should go."
            )
            raise JobError(message)
        masks.append(mask)
    return masks


def protect_mask(job: Job, size: tuple[int, int]) -> np.ndarray | None:
    """Return where the content is kept, of the content's size, float32 from 0 to 1; or None.

    Raises
    ------
    JobError
        If the job's `protect` is black.
    PictureError
        If it cannot be read.
    """
    if not job.protect:
        return None
    mask = _fitted(read_mask(job.protect), size)
    if not mask.any():
        message = (
            f"protect: {job.protect} covers 0 of {mask.size} pixels, since it is black; paint it "
            "white where the content must stay."
        )
        raise JobError(message)
    return mask


def region_name(job: Job, index: int) -> str:
    """Return what messages call region `index`: its own name, or its number and its style."""
    region = job.regions[index]
    return region.name or f"{index + 1} ({Path(region.style).name})"


def _fitted(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return resized_mask(np.asarray(mask, np.float32), size)
