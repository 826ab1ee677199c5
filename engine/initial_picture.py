"""Initial pictures: what the optimization starts from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.job import Job
from engine.masks.regions import LoadedRegion
from engine.pictures.colors import match_colors, to_gray
from engine.pictures.picture import read_stored

NOISE = (127.5, 50.0)
"""Mean and standard deviation of the Gaussian noise."""

BARE = 0.02
"""Most that the sum of masks may lack of 1, by rounding, where they cover a pixel."""


def start_picture(
    job: Job,
    content: np.ndarray,
    regions: Sequence[LoadedRegion],
    masks: Sequence[np.ndarray],
    protect: np.ndarray | None = None,
    *,
    cut_out: bool = False,
) -> np.ndarray:
    """Return the picture that the job's `init` asks for.

    Parameters
    ----------
    job : Job
    content : ndarray, shape (3, height, width)
        0..255, at the size to paint at.
    regions : sequence of LoadedRegion
    masks : sequence of ndarray, shape (height, width)
        The regions' masks at that size.
    protect : ndarray, shape (height, width), optional
        Where the content is protected, from 0 to 1: it keeps its own colors there.
    cut_out : bool
        Whether the masks cut out what is painted. The automatic start is then the content itself
        if they leave a part of it bare: a step of colors along a mask stays to the end, as a fringe
        (docs/spatial-control.md).

    Returns
    -------
    ndarray, shape (3, height, width)
        float32, 0..255.

    Raises
    ------
    PictureError
        If the picture to start from cannot be read.
    """
    if job.init == "noise":
        noise = np.random.default_rng(job.seed).normal(*NOISE, content.shape)
        return np.clip(noise, 0, 255).astype(np.float32)
    if job.init == "picture":
        height, width = content.shape[1:]
        given = read_stored(job.init_picture).resized((height, width))
        return to_gray(given) if job.colors == "luminance" else given
    bare = cut_out and bool((sum(masks, np.zeros(content.shape[1:])) < 1 - BARE).any())
    if job.init == "colors" or (job.init == "auto" and not bare):
        start = _in_style_colors(content, regions, masks)
        if protect is None:
            return start
        return content + np.power(np.float32(job.protect_strength), -protect) * (start - content)
    return content


def _in_style_colors(
    content: np.ndarray, regions: Sequence[LoadedRegion], masks: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the content, in each region with the colors of its style."""
    total = np.maximum(sum(masks, np.zeros_like(masks[0])), 1)
    start = content.copy()
    for region, mask in zip(regions, masks):
        moved = match_colors(content, mask, region.style, region.style_mask)
        start += mask / total * (moved - content)
    return start
