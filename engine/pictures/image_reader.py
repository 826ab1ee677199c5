"""What a picture file holds, as numbers: formats, depths, transparency, colour profiles."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
MAX_PIXELS = 178_956_970
"""Where Pillow suspects a file that was made to fill the memory."""


class PictureError(ValueError):
    """A picture that cannot be read or written; the message is one sentence for the user."""


def decode(path: Path, *, managed: bool = True) -> tuple[np.ndarray, list[str]]:
    """Read a picture file's values, upright.

    Parameters
    ----------
    path : Path
        A PNG, JPEG, TIFF, WebP or .npy file.
    managed : bool
        Whether the file's colour profile is applied, which gives sRGB.

    Returns
    -------
    values : numpy.ndarray
        float32, shape (height, width, channels), 0..1; the last of two or four channels is alpha.
    notes : list of str
        What was lost or assumed, a sentence each, to be put behind the file's name.

    Raises
    ------
    PictureError
        If the file cannot be read or is no picture.
    """
    if path.suffix.lower() == ".npy":
        return _read_array(path)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        image, notes = _open(path)
    skipped = (Image.DecompressionBombWarning, DeprecationWarning)
    said = [_reason(each.message) for each in warned if not issubclass(each.category, skipped)]
    notes += [f"{each}." for each in dict.fromkeys(said)]
    if managed or image.mode in ("CMYK", "LAB"):
        return _managed_values(image, notes), notes
    return _values(image), notes


def identify(path: Path) -> ImageFile.ImageFile:
    """Open a file of one of the known formats, without reading its pixels.

    Raises
    ------
    PictureError
        If there is no such file or it is no picture.
    """
    if path.is_dir():
        message = f"{path} is a folder, not a picture."
        raise PictureError(message)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=FORMATS)
    except FileNotFoundError as error:
        message = f"There is no file {path}."
        raise PictureError(message) from error
    except UnidentifiedImageError as error:
        message = f"{path} is not a picture that Scumble reads (PNG, JPEG, TIFF, WebP)."
        raise PictureError(message) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except MemoryError:
        raise
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}."
        raise PictureError(message) from error
    except Exception as error:
        # Pillow's readers raise whatever their parsing stumbles on: SyntaxError, KeyError, ...
        message = f"{path} is not a picture that can be read: {_reason(error)}."
        raise PictureError(message) from error


def _open(path: Path) -> tuple[Image.Image, list[str]]:
    """Read a file's pixels, upright, and say what was lost."""
    notes: list[str] = []
    with identify(path) as image:
        # Pillow keeps the upper eight of a colour channel's sixteen bits; its raw mode tells.
        raw = str(image.tile[0][3]) if image.tile else ""
        halved = ";16" in raw and not image.mode.startswith("I")
        try:
            # What follows the first picture of an MPO is its maker's, such as a smaller copy.
            frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
            image.seek(0)
            image.load()
        except MemoryError:
            raise
        except Exception as error:  # as above: a damaged file may raise anything
            message = f"{path} is damaged or cut off: {_reason(error)}."
            raise PictureError(message) from error
    if image.mode in ("I", "F") and ";16" not in raw:
        message = f"{path} has 32 bits per value; save it with 8 or 16."
        raise PictureError(message)
    if halved:
        notes.append("its 16 bits per channel were read as 8.")
        key = image.info.get("transparency")
        if isinstance(key, tuple):
            image.info["transparency"] = tuple(value >> 8 for value in key)
    if frames > 1:
        notes.append(f"it holds {frames} pictures; the first is used.")
    try:
        return ImageOps.exif_transpose(image), notes
    except MemoryError:
        raise
    except Exception:  # a broken EXIF block must not cost the picture
        notes.append("its EXIF block cannot be read; it is taken as it lies.")
        return image, notes


def _managed_values(image: Image.Image, notes: list[str]) -> np.ndarray:
    """Return the picture's values in sRGB: its own colour profile is applied."""
    profile = image.info.get("icc_profile")
    if not profile:
        if image.mode == "CMYK":
            notes.append("its CMYK colours have no profile; they are approximate.")
        return _values(image)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if ImageCms.getProfileDescription(source).startswith("sRGB"):
            return _values(image)
        if image.mode.startswith("I"):
            return _managed_deep_grey(image, source)
        flat = _unpacked(image)
        if source.profile.xcolor_space.strip() == "GRAY" and flat.mode in ("RGB", "RGBA"):
            flat = flat.convert("LA" if flat.mode == "RGBA" else "L")
        alpha = flat.getchannel("A") if flat.mode in ("RGBA", "LA") else None
        if alpha is not None:
            flat = flat.convert(flat.mode[:-1])
        converted = _transformed(flat, source)
        if alpha is not None:
            converted.putalpha(alpha)
        return _values(converted)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("its colour profile cannot be used; it is taken as sRGB.")
        return _values(image)


def _managed_deep_grey(image: Image.Image, source: ImageCms.ImageCmsProfile) -> np.ndarray:
    """Apply a profile to sixteen-bit greys, between the 256 greys that ImageCms can convert."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    table = np.asarray(_transformed(ramp, source), dtype=np.float32)[0] / np.float32(255.0)
    values = _values(image)
    steps = np.linspace(0.0, 1.0, 256)
    colour = np.stack([np.interp(values[..., 0], steps, table[:, k]) for k in range(3)], axis=-1)
    return np.concatenate([colour, values[..., 1:]], axis=-1).astype(np.float32)


def _transformed(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    """Return the picture in sRGB: relative colorimetric with black point, as GIMP does it."""
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(
        image,
        source,
        target,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # None is for inPlace only
    return converted


def _unpacked(image: Image.Image) -> Image.Image:
    """Return the picture as L, LA, RGB, RGBA, CMYK or LAB."""
    clear = "transparency" in image.info
    if image.mode in ("1", "L"):
        return image.convert("LA" if clear else "L")
    if image.mode in ("LA", "RGBA", "CMYK", "LAB"):
        return image
    if image.mode == "La":
        return image.convert("LA")
    if clear or image.mode in ("PA", "RGBa"):
        return image.convert("RGBA")
    return image.convert("RGB")


def _values(image: Image.Image) -> np.ndarray:
    """Return the picture as float32, shape (height, width, 1 to 4), 0..1."""
    if image.mode.startswith("I"):
        numbers = np.asarray(image)
        values = numbers.astype(np.float32)[..., None] / np.float32(65535.0)
        key = image.info.get("transparency")
        if isinstance(key, int):
            opaque = (numbers != key).astype(np.float32)[..., None]
            values = np.concatenate([values, opaque], axis=2)
        return values
    flat = _unpacked(image)
    if flat.mode in ("CMYK", "LAB"):
        flat = flat.convert("RGB")
    values = np.asarray(flat, dtype=np.float32) / np.float32(255.0)
    return values[..., None] if values.ndim == 2 else values


def _read_array(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read a .npy file as float32, shape (height, width, 1 to 4), 0..1."""
    if path.is_dir():
        message = f"{path} is a folder, not a picture."
        raise PictureError(message)
    try:
        # Mapping compares the header with the file's length before any memory is taken, and
        # refuses Python objects, which would have to be unpickled.
        array = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError as error:
        message = f"There is no file {path}."
        raise PictureError(message) from error
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}."
        raise PictureError(message) from error
    except MemoryError:
        raise
    except Exception as error:  # numpy parses the header as Python, and so raises anything
        message = f"{path} is not a .npy file that can be read: {_reason(error)}."
        raise PictureError(message) from error
    shape = array.shape
    if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and shape[2] > 4):
        message = (
            f"{path} has the shape {shape}; allowed are (height, width) and "
            "(height, width, 1 to 4)."
        )
        raise PictureError(message)
    if shape[0] * shape[1] > MAX_PIXELS:
        raise _too_large(path)
    if array.dtype.kind == "u" and array.dtype.itemsize in (1, 2):
        values = array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)
    elif array.dtype.kind == "f" and array.dtype.itemsize == 4:
        values = np.array(array, dtype=np.float32)
    else:
        message = (
            f"{path} holds {array.dtype} values; allowed are uint8, uint16 and float32 (0 to 1)."
        )
        raise PictureError(message)
    if not np.isfinite(values).all():
        message = f"{path} holds values that are not numbers (NaN or infinite)."
        raise PictureError(message)
    notes = []
    low, high = float(values.min()), float(values.max())
    if low < 0.0 or high > 1.0:
        notes.append(f"its values from {low:g} to {high:g} were cut to 0 to 1.")
        values = np.clip(values, 0.0, 1.0)
    return (values[..., None] if values.ndim == 2 else values), notes


def _too_large(path: Path) -> PictureError:
    return PictureError(f"{path} has more pixels than can be read; allowed are {MAX_PIXELS}.")


def _reason(error: Exception | str) -> str:
    """Return what an exception says, on one line and without its final stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
