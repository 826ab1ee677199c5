"""Borders: how well a painted picture keeps to its regions.

All functions take pictures as arrays of shape (3, height, width), R, G, B from 0 to 255, and one
mask of shape (height, width) from 0 to 1. A pixel is *inside* where the mask is 0.5 or more, and
the *border* is the line between inside and outside. `D` is ``|result - content|``, the mean of the
three channels (0..255), and `d` the distance to the border in pixels, positive inside. Where a
figure has no pixels to be measured on, it is NaN.

`leak`, `reach`, `seam` and `fringe` are for masks with hard borders, `evenness` for soft ramps.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from engine.pictures.colors import LUMA
from engine.translations import _

NEAR, FAR = 8, 32
"""Pixels; up to NEAR is at the border, and beyond FAR is far from it."""

SEAM_BAND = 2
"""Pixels on either side of the border that a visible line would lie in."""

SEAM_SIDES = (4, 16)
"""Pixels from the border; what the band is compared with."""

FRINGE_SIDES = (3, 6)
"""Pixels from the border; what the row of pixels right inside it is compared with."""

TEXTURE_SIGMA = 4
"""Pixels; the Gaussian whose rest is texture: of waves 11 pixels long 93 % are, of 25 pixels 40 %,
of 100 pixels 3 %."""

WINDOW_SIGMA = 8
"""Pixels; the Gaussian window over which texture energy is averaged."""

MIDDLE, LOW, HIGH = (0.4, 0.6), 0.1, 0.9
"""Values of a soft mask: the middle of its ramp, and what lies beyond its two ends."""

NOTHING = 1e-6
"""Less than this is what rounding leaves of 0."""


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Return every pixel's distance to the mask's border.

    The border runs between two pixels, so the pixels on either side of a straight one are at 0.5
    and -0.5; the nearest pixel of the other side is half a pixel farther away than the border.

    Parameters
    ----------
    mask : ndarray, shape (height, width)
        Inside where it is 0.5 or more.

    Returns
    -------
    ndarray, shape (height, width)
        float64, pixels; positive inside, negative outside.

    Raises
    ------
    ValueError
        If the mask has no inside or no outside.
    """
    inside = np.asarray(mask) >= 0.5
    covered = np.count_nonzero(inside)
    if covered in (0, inside.size):
        message = _(
            "the mask covers {covered} of {pixels} pixels, so it has no border to measure at"
        )
        raise ValueError(message.format(covered=covered, pixels=inside.size))
    to_outside = ndimage.distance_transform_edt(inside)
    to_inside = ndimage.distance_transform_edt(~inside)
    return np.where(inside, to_outside - 0.5, 0.5 - to_inside)


def leak(result: np.ndarray, content: np.ndarray, mask: np.ndarray) -> tuple[float, float, float]:
    """Return how much the picture has changed outside of the region.

    Parameters
    ----------
    result, content : ndarray, shape (3, height, width)
    mask : ndarray, shape (height, width)

    Returns
    -------
    tuple of three floats
        Mean `D` over the pixels outside that are up to 8, from 8 to 32, and more than 32 pixels
        from the border, 0..255. 0 is perfect. NaN for a band that has no pixels, such as the third
        where all of the outside is near.

    Raises
    ------
    ValueError
        If the pictures or the mask differ in size, or the mask has no border.
    """
    change = _change(result, content, mask)
    outside = -signed_distance(mask)
    return (
        _mean(change, (outside > 0) & (outside <= NEAR)),
        _mean(change, (outside > NEAR) & (outside <= FAR)),
        _mean(change, outside > FAR),
    )


def reach(result: np.ndarray, content: np.ndarray, mask: np.ndarray) -> float:
    """Return whether the style goes right up to the border.

    Parameters
    ----------
    result, content : ndarray, shape (3, height, width)
    mask : ndarray, shape (height, width)

    Returns
    -------
    float
        Mean `D` inside up to 8 pixels from the border over mean `D` inside deeper than 32 pixels;
        1 is perfect. NaN where the region is nowhere deeper than 32 pixels, or nothing has changed
        at all; infinite where it has changed at the border only.

    Raises
    ------
    ValueError
        If the pictures or the mask differ in size, or the mask has no border.
    """
    change = _change(result, content, mask)
    distance = signed_distance(mask)
    near = _mean(change, (distance > 0) & (distance <= NEAR))
    return _ratio(near, _mean(change, distance > FAR))


def seam(picture: np.ndarray, mask: np.ndarray) -> float:
    """Return how much a line along the border stands out.

    The mean gradient magnitude in the border band over that of the two sides. The gradient is
    taken by central differences in each channel; of each channel's gradient the component along
    the border's normal counts, ``|n . grad X|``, and the channels are averaged. The normal is the
    gradient of `d`, by central differences as well.

    * Only the component along the normal: a line along the border is a jump across it. What runs
      across the border, as strokes may, adds to the other component only and cannot hide it.
    * Channels, not luminance: a colored fringe may be as bright as what is beside it.
    * The band is ``|d| < 2``: it holds both flanks of a line one pixel wide on either side of the
      border.
    * The sides are ``4 < |d| < 16``: near enough to show the same things, and beyond what the
      enlarging of a picture painted at half the size smears.
    * Inside and outside are averaged each by itself, then with equal weights, in the band as in
      the sides. So texture on one side only hardly moves the figure (fine grain beside none:
      1.2), and the longer side of a curved border does not outweigh the other. Strokes that are
      cut off at the border do move it, as they should.

    Left out are pixels without a normal: on the ridge halfway between two borders (`d` rises
    by less than 0.5 per pixel). A side that has no pixels, as in a region nowhere wider than
    8 pixels, is left out of both means.

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
    mask : ndarray, shape (height, width)

    Returns
    -------
    float
        1: no visible line. A step `h` along the border of a picture that rises by `g` per pixel
        across it gives ``1 + h / (4g)``. Borders mostly follow edges that the content has, so
        compare with the content's own. NaN where no side is 4 pixels wide, or the picture is flat
        in band and sides; infinite where it is flat in the sides only.

    Raises
    ------
    ValueError
        If the mask is not of the picture's size or has no border.
    """
    check_sizes(mask, picture)
    distance = signed_distance(mask)
    rise = np.stack(np.gradient(distance))
    length = np.hypot(*rise)
    usable = length >= 0.5
    normal = rise / np.where(usable, length, 1)
    slopes = np.zeros(mask.shape)
    for channel in picture:
        down, right = np.gradient(np.asarray(channel, np.float64))
        slopes += np.abs(normal[0] * down + normal[1] * right) / len(picture)
    band = usable & (np.abs(distance) < SEAM_BAND)
    sides = usable & (np.abs(distance) > SEAM_SIDES[0]) & (np.abs(distance) < SEAM_SIDES[1])
    inside = distance > 0
    pairs = [
        (_mean(slopes, band & here), _mean(slopes, sides & here)) for here in (inside, ~inside)
    ]
    whole = [pair for pair in pairs if not any(map(math.isnan, pair))]
    if not whole:
        return math.nan
    at_border, beside = np.mean(whole, axis=0)
    return _ratio(at_border, beside)


def fringe(picture: np.ndarray, mask: np.ndarray) -> float:
    """Return how much the pixels right inside the border stand out from those beside them.

    A pixel stands out by ``|x - m|``, the mean over the channels, where m is the mean of those of
    the 3x3 pixels around it that are inside: what lies beyond the border does not count.

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
    mask : ndarray, shape (height, width)

    Returns
    -------
    float
        The mean over the pixels inside that are less than 1 pixel from the border, over the mean
        from 3 to 6 pixels. 1: no fringe. NaN where the region is nowhere deeper than 3 pixels, or
        flat; infinite where only its border is not.

    Raises
    ------
    ValueError
        If the mask is not of the picture's size or has no border.
    """
    check_sizes(mask, picture)
    distance = signed_distance(mask)
    inside = (distance > 0).astype(np.float64)
    near = ndimage.uniform_filter(inside, 3, mode="constant")
    stands_out = np.zeros(mask.shape)
    for channel in picture:
        sums = ndimage.uniform_filter(channel * inside, 3, mode="constant")
        # Right outside there is nothing to divide by; these pixels are not used.
        means = sums / np.maximum(near, 1 / 9)
        stands_out += np.abs(channel - means) / len(picture)
    at_border = _mean(stands_out, (distance > 0) & (distance < 1))
    deeper = (distance > FRINGE_SIDES[0]) & (distance < FRINGE_SIDES[1])
    return _ratio(at_border, _mean(stands_out, deeper))


def evenness(picture: np.ndarray, mask: np.ndarray) -> float:
    """Return how strong the texture at the middle of a soft ramp is against its ends.

    Texture is what a Gaussian of 4 pixels takes away from the luminance (weights 0.299, 0.587,
    0.114). Its energy at a pixel is the mean of its square over a Gaussian window of 8 pixels,
    which sees only pixels of the same part of the ramp; the energy of a part is the median over
    its pixels, so that a few strong edges of what is shown do not count as texture.

    Parameters
    ----------
    picture : ndarray, shape (3, height, width)
    mask : ndarray, shape (height, width)

    Returns
    -------
    float
        Energy where the mask is from 0.4 to 0.6, over the mean of the energies where it is below
        0.1 and above 0.9. 1: no dull band; half the amplitude in the middle gives 0.25. NaN where
        one of the three parts has no pixels, or nothing has texture; infinite where the middle
        alone has.

    Raises
    ------
    ValueError
        If the mask is not of the picture's size.
    """
    check_sizes(mask, picture)
    luminance = np.tensordot(LUMA.astype(np.float64), picture, axes=1)
    texture = luminance - ndimage.gaussian_filter(luminance, TEXTURE_SIGMA)
    squares = texture**2
    middle = (mask >= MIDDLE[0]) & (mask <= MIDDLE[1])
    ends = (_energy(squares, mask < LOW) + _energy(squares, mask > HIGH)) / 2
    return _ratio(_energy(squares, middle), ends)


def _change(result: np.ndarray, content: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `D`, shape (height, width)."""
    check_sizes(mask, result, content)
    difference = np.subtract(result, content, dtype=np.float64)
    return np.abs(difference).mean(axis=0)


def check_sizes(mask: np.ndarray, *pictures: np.ndarray) -> None:
    """Refuse pictures that are not of the mask's size.

    Raises
    ------
    ValueError
    """
    for picture in pictures:
        if picture.ndim != 3 or picture.shape[1:] != mask.shape:
            message = (
                f"a picture has shape {picture.shape} and the mask {mask.shape}; "
                "they have to be (3, height, width) and (height, width)"
            )
            raise ValueError(message)


def _mean(values: np.ndarray, where: np.ndarray) -> float:
    """Return the mean over some of the pixels; NaN where there are none."""
    return float(values[where].mean()) if where.any() else math.nan


def _energy(squares: np.ndarray, where: np.ndarray) -> float:
    """Return the median of the local means of some pixels; NaN where there are none."""
    if not where.any():
        return math.nan
    weights = ndimage.gaussian_filter(where.astype(np.float64), WINDOW_SIGMA)
    sums = ndimage.gaussian_filter(np.where(where, squares, 0), WINDOW_SIGMA)
    return float(np.median(sums[where] / weights[where]))


def _ratio(value: float, reference: float) -> float:
    if reference < NOTHING:
        return math.inf if value >= NOTHING else math.nan
    return float(value / reference)
