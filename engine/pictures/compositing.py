"""What was painted comes together and back to the content's own size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.sizes import resized, resized_unclipped


def composite(
    method: str,
    pictures: list[np.ndarray],
    content: np.ndarray,
    masks: list[np.ndarray],
    kept: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Bring what was painted to the content's size.

    Parameters
    ----------
    method : str
        For 'stitch' there is one picture per mask, else one in all.
    pictures : list of ndarray, shape (3, rows, columns)
        0..255, of the working size.
    content : ndarray, shape (3, height, width)
        0..255, of its own size.
    masks : list of ndarray, shape (height, width)
        From 0 to 1.
    kept : ndarray, shape (height, width)
        How far the content is kept within the masks, from 0 to 1.

    Returns
    -------
    ndarray, shape (3, height, width)
        0..255. Where the masks leave the content alone, and where it is kept, it has the content's
        own detail back; where no mask is it is the content with 'stitch', 'cutout' and
        'pinned'.
    """
    size = content.shape[1:]
    total = sum(masks, np.zeros(size, np.float32))
    covered = np.minimum(total, 1)
    if method == "stitch":
        whole = [_enlarged(picture, content, kept) for picture in pictures]
        return stitched(whole, content, masks)
    if method == "cutout":
        return cut_out(_enlarged(pictures[0], content, kept), content, masks)
    painted = _enlarged(pictures[0], content, 1 - covered * (1 - kept))
    if method == "pinned" and pictures[0].shape[1:] != size:
        painted = np.where(total == 0, content, painted)
    return painted


def _enlarged(picture: np.ndarray, content: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Bring a picture to the content's size, with a share of the detail that the content has."""
    size = content.shape[1:]
    if picture.shape[1:] == size:
        return picture
    enlarged = resized_unclipped(picture, size)
    if np.any(share):
        small = resized(content, picture.shape[1:])
        enlarged += share * (content - resized_unclipped(small, size))
    return np.clip(enlarged, 0, 255)


def cut_out(picture: np.ndarray, content: np.ndarray, masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return ``T X + (1 - T) content``, where T is the masks' sum, at most 1.

    Parameters
    ----------
    picture, content : ndarray, shape (3, height, width)
    masks : sequence of ndarray, shape (height, width)
        From 0 to 1.
    """
    covered = np.minimum(sum(masks, np.zeros_like(masks[0])), 1)
    return stitched([picture], content, [covered])


def stitched(
    pictures: Sequence[np.ndarray], content: np.ndarray, masks: Sequence[np.ndarray]
) -> np.ndarray:
    """Return ``sum T_r X_r + (1 - sum T_r) content`` (section 4.2 of the paper).

    Where masks overlap by more than 1 they are taken as shares of their sum.

    Parameters
    ----------
    pictures : sequence of ndarray, shape (3, height, width)
        One per mask.
    content : ndarray, shape (3, height, width)
    masks : sequence of ndarray, shape (height, width)
        From 0 to 1.
    """
    total = sum(masks, np.zeros_like(masks[0]))
    painted = (1 - np.minimum(total, 1)) * content
    for mask, picture in zip(masks, pictures):
        painted += mask / np.maximum(total, 1) * picture
    return np.clip(painted, 0, 255)
