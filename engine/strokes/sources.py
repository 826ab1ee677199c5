"""Sources: the styles whose strokes a painting gets, and their shares of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from engine.sizes import stroke_size
from engine.strokes.enlarging import StrokeSource

if TYPE_CHECKING:
    from engine.job import Job
    from engine.masks.mask import Mask
    from engine.masks.regions import LoadedRegion
    from engine.methods import Method


def stroke_sources(
    job: Job,
    method: Method,
    regions: Sequence[LoadedRegion],
    size: tuple[int, int],
    protect: Mask | None = None,
) -> list[list[StrokeSource]]:
    """Return the sources of the strokes, for each picture that the method paints.

    Parameters
    ----------
    job : Job
    method : Method
    regions : sequence of LoadedRegion
    size : (int, int)
        Height and width of the pictures.
    protect : Mask, optional
        Where the content is protected, and gets as little of the strokes as of the colors that a
        painting starts with (`initial_picture.start_picture`).
    """
    kept = np.float32(1)
    if protect is not None:
        kept = np.power(np.float32(job.protect_strength), -protect.resized(size))
    masks = np.stack([region.mask.resized(size) for region in regions])
    if method.picture_per_region:
        groups = [[index] for index in range(len(regions))]
    else:
        groups = [list(range(len(regions)))]
    return [
        [
            StrokeSource(
                regions[index].style,
                regions[index].style_mask,
                stroke_size(regions[index].style_size, job.brush_size),
                share * kept,
            )
            for index, share in zip(group, style_shares(masks[group], everywhere=job.uncut))
        ]
        for group in groups
    ]


def style_shares(masks: np.ndarray, *, everywhere: bool) -> np.ndarray:
    """Return the share that each style has in the strokes of a pixel.

    Parameters
    ----------
    masks : ndarray, shape (regions, rows, columns)
        From 0 to 1.
    everywhere : bool
        Whether there are strokes past the masks too. They are those of the nearest masked pixel.

    Returns
    -------
    ndarray, shape (regions, rows, columns)
        They add up to 1 where the masks cover anything and one pixel around it, and to 0 beyond;
        with `everywhere` they add up to 1 all over.
    """
    covered = masks.sum(axis=0) > 0
    if not covered.any():
        return np.zeros_like(masks)
    if not covered.all():
        nearest = ndimage.distance_transform_edt(
            ~covered, return_distances=False, return_indices=True
        )
        masks = masks[:, nearest[0], nearest[1]]
    shares = masks / masks.sum(axis=0)
    if not everywhere:
        shares = shares * ndimage.binary_dilation(covered, np.ones((3, 3)))
    return shares.astype(np.float32)
