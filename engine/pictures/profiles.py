"""Color profiles: from the numbers of a file to sRGB, in which Scumble paints, and back.

Profiles of a matrix and three curves, which cameras and editors write, are applied in float.
Others go through LittleCMS, of which Pillow passes on 8 bits. Both as GIMP does: relative
colorimetric, with black point compensation. (ICC.1:2022, sections 8.4, 10.6 and 10.18.)
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Callable

import numpy as np
from PIL import Image, ImageCms

from engine.translations import _

Curve = Callable[[np.ndarray], np.ndarray]
"""Function from a device's number to linear light, both from 0 to 1."""

SAME = 0.5 / 255
"""A profile that changes no number by more is sRGB under another name."""

_STEPS = 4097
"""Points at which a curve is tabulated for its inverse; linear in between."""

_SRGB_TO_XYZ = np.array(
    [
        [0.43607, 0.38515, 0.14307],
        [0.22249, 0.71687, 0.06061],
        [0.01392, 0.09708, 0.71410],
    ]
)
"""Matrix from linear light to the connection space with its white of D50, of the ICC's sRGB."""


class ProfileError(ValueError):
    """A profile that cannot be used."""


class OneWayProfileError(ProfileError):
    """A profile, such as a scanner's, that leads to sRGB but not back."""


@dataclass(frozen=True)
class ColorSpace:
    """A color space: the map from a picture's numbers to sRGB and back; this one is sRGB.

    Attributes
    ----------
    icc : bytes
        The profile that a file with such numbers carries; empty for sRGB without one.
    """

    icc: bytes = b""

    @property
    def is_srgb(self) -> bool:
        """Return whether numbers are sRGB colors already."""
        return type(self) is ColorSpace

    def to_srgb(self, numbers: np.ndarray) -> np.ndarray:
        """Return colors, cut to sRGB.

        Parameters
        ----------
        numbers : ndarray, shape (..., 3)
            From 0 to 1.

        Returns
        -------
        ndarray, shape (..., 3)
            float32, from 0 to 1.
        """
        return numbers

    def from_srgb(self, colors: np.ndarray) -> np.ndarray:
        """Return the numbers of colors; beyond 0..1 where the space does not have the color."""
        return colors


@dataclass(frozen=True)
class MatrixSpace(ColorSpace):
    """A profile of a matrix and a curve per channel.

    Attributes
    ----------
    matrix : ndarray, shape (3, 3)
        From linear light to that of sRGB.
    curves : tuple of Curve
        Of red, green and blue.
    """

    matrix: np.ndarray = field(default_factory=lambda: np.eye(3))
    curves: tuple[Curve, ...] = ()

    def to_srgb(self, numbers: np.ndarray) -> np.ndarray:
        """Return colors, cut to sRGB."""
        planes = [curve(numbers[..., k]) for k, curve in enumerate(self.curves)]
        linear = np.stack(planes, axis=-1).astype(np.float32) @ self.matrix.T.astype(np.float32)
        return _encoded(np.clip(linear, 0, 1))

    def from_srgb(self, colors: np.ndarray) -> np.ndarray:
        """Return the numbers of colors; beyond 0..1 where the space does not have the color."""
        inverse = np.linalg.inv(self.matrix).T.astype(np.float32)
        linear = _linear(np.asarray(colors, np.float32)) @ inverse
        steps = np.linspace(0, 1, _STEPS) ** 2  # close together in the shadows
        planes = []
        for k, curve in enumerate(self.curves):
            plane = np.interp(linear[..., k], curve(steps), steps)
            planes.append(plane + np.minimum(linear[..., k], 0) + np.maximum(linear[..., k] - 1, 0))
        return np.stack(planes, axis=-1).astype(np.float32)


@dataclass(frozen=True)
class TableSpace(ColorSpace):
    """A profile that LittleCMS applies, in 8 bits."""

    def to_srgb(self, numbers: np.ndarray) -> np.ndarray:
        """Return colors, cut to sRGB."""
        return _in_8_bits(_transform(self.icc, "RGB", back=False), numbers)

    def from_srgb(self, colors: np.ndarray) -> np.ndarray:
        """Return the numbers of colors."""
        return _in_8_bits(_transform(self.icc, "RGB", back=True), colors)


_FAILURES = (ImageCms.PyCMSError, LookupError, OSError, ValueError, TypeError, struct.error)


def space_of(icc: bytes) -> ColorSpace:
    """Return the color space of a profile for red, green and blue, or for gray.

    A gray profile becomes one for three channels with its curve: a gray has the same number in it.

    Parameters
    ----------
    icc : bytes
        Empty stands for sRGB.

    Raises
    ------
    ProfileError
        If it cannot be used.
    OneWayProfileError
        If `TableSpace` can use it to get to sRGB only.
    """
    if not icc:
        return ColorSpace()
    try:
        if _description(icc).startswith("sRGB") and icc[16:20] == b"RGB ":
            return ColorSpace(icc)
        tags = _tags(icc)
        if icc[16:20] == b"GRAY":
            return _gray_space(tags[b"kTRC"])
        if icc[16:20] != b"RGB ":
            message = _("it is for {colors}").format(colors=repr(icc[16:20]))
            raise ProfileError(message)
        if b"A2B0" in tags or b"rXYZ" not in tags:
            space: ColorSpace = TableSpace(icc)
        else:
            space = _matrix_space(icc, tags)
        grid = _grid()
        space.to_srgb(grid)
    except _FAILURES as error:
        raise ProfileError(str(error)) from error
    try:
        same = np.abs(space.from_srgb(grid) - grid).max() < SAME
    except _FAILURES as error:
        raise OneWayProfileError(str(error)) from error
    return ColorSpace(icc) if same else space


@lru_cache(maxsize=8)
def _transform(icc: bytes, mode: str, *, back: bool) -> ImageCms.ImageCmsTransform:
    """Return LittleCMS's transform to sRGB or back."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    from_profile, to_profile = (srgb, profile) if back else (profile, srgb)
    return ImageCms.buildTransform(
        from_profile,
        to_profile,
        "RGB" if back else mode,
        mode if back else "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def to_srgb_image(image: Image.Image, icc: bytes) -> Image.Image:
    """Return a picture in CMYK or Lab in sRGB, by its profile.

    Raises
    ------
    ProfileError
        If the profile cannot be used.
    """
    try:
        converted = _transform(icc, image.mode, back=False).apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ProfileError(str(error)) from error
    return converted


def srgb_profile() -> bytes:
    """Return an sRGB profile that does not hold the time at which it was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07EA00010001000000000000")  # the header's date and time
    return bytes(profile)


def _description(icc: bytes) -> str:
    return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc)))


def _in_8_bits(transform: ImageCms.ImageCmsTransform, values: np.ndarray) -> np.ndarray:
    flat = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8).reshape(1, -1, 3)
    applied = np.asarray(transform.apply(Image.fromarray(flat)), np.float32)
    return (applied / np.float32(255)).reshape(values.shape)


def _tags(icc: bytes) -> dict[bytes, bytes]:
    """Return the tags of a profile."""
    (count,) = struct.unpack_from(">I", icc, 128)
    found = {}
    for number in range(min(count, 100)):
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * number)
        found[name] = icc[offset : offset + size]
    return found


def _matrix_space(icc: bytes, tags: dict[bytes, bytes]) -> ColorSpace:
    columns = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    to_xyz = np.array(columns).T / 65536
    curves = tuple(_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
    matrix = np.linalg.inv(_SRGB_TO_XYZ) @ to_xyz
    if abs(np.linalg.det(matrix)) < 1e-6:
        message = _("its primaries are no base")
        raise ProfileError(message)
    return MatrixSpace(icc, matrix, curves)


def _gray_space(curve: bytes) -> ColorSpace:
    grays = np.linspace(0, 1, 1025, dtype=np.float32)
    light = _curve(curve)(grays)
    if np.abs(_encoded(light) - grays).max() < SAME:
        return ColorSpace()
    return MatrixSpace(_rgb_profile(curve), np.eye(3), (_curve(curve),) * 3)


def _curve(tag: bytes) -> Curve:
    """Return the curve that a tag holds; a table is linear between its points."""
    kind = tag[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return lambda x: x
        if count == 1:
            gamma = struct.unpack_from(">H", tag, 12)[0] / 256
            return lambda x: np.power(x, gamma)
        table = np.frombuffer(tag, ">u2", count, 12).astype(np.float64) / 65535
        if (np.diff(table) < 0).any() or table[0] == table[-1]:
            message = _("one of its curves falls")
            raise ProfileError(message)
        return lambda x: np.interp(x, np.linspace(0, 1, count), table)
    if kind != b"para":
        message = _("it has a curve of the kind {kind}").format(kind=repr(kind))
        raise ProfileError(message)
    (function,) = struct.unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[function]
    numbers = [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
    g, a, b, c, d, e, f = numbers + [0.0] * (7 - count)
    if function == 0:
        return lambda x: np.power(x, g)
    if function == 1:
        return lambda x: np.power(np.maximum(a * x + b, 0), g)
    if function == 2:
        return lambda x: np.power(np.maximum(a * x + b, 0), g) + c
    return lambda x: np.where(x >= d, np.power(np.maximum(a * x + b, 0), g) + e, c * x + f)


def _encoded(linear: np.ndarray) -> np.ndarray:
    """Return linear light as sRGB has it (IEC 61966-2-1)."""
    values = np.asarray(linear, np.float32)
    bright = np.float32(1.055) * np.power(np.maximum(values, 0), np.float32(1 / 2.4))
    return np.where(values <= 0.0031308, values * np.float32(12.92), bright - np.float32(0.055))


def _linear(colors: np.ndarray) -> np.ndarray:
    """Return the linear light of sRGB colors."""
    bright = np.power((colors + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(colors <= 0.04045, colors / np.float32(12.92), bright)


def _grid() -> np.ndarray:
    """Return colors from all over sRGB, shape (n, 3)."""
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)


def _rgb_profile(curve: bytes) -> bytes:
    """Return a profile with the primaries of sRGB and one curve for all channels."""

    def text(name: bytes) -> bytes:
        return b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name + bytes(79)

    def xyz(values: np.ndarray) -> bytes:
        return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))

    white = np.array([0.9642, 1.0, 0.8249])
    tags = [(b"desc", text(b"RGB with the curve of a gray profile")), (b"wtpt", xyz(white))]
    tags += [(b"cprt", b"text" + bytes(4) + b"No copyright, use freely\0")]
    tags += [(name, xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"),
                                                         _SRGB_TO_XYZ.T)]  # fmt: skip
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, data = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, content in tags:
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(data), bytes(4), 0x02400000, b"mntr", b"RGB ",
                         b"XYZ ")  # fmt: skip
    header += bytes.fromhex("07EA00010001000000000000") + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(value * 65536) for value in white)) + bytes(48)
    return header + table + data
