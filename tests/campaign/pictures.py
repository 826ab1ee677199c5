"""Pictures of all formats, damaged, with damaged settings in them: each is read or refused."""

from __future__ import annotations

import io
import json
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np
from PIL import Image, PngImagePlugin

from engine.job import Job, Region
from engine.output_files import load
from engine.pictures.picture import (
    Picture,
    read_mask,
    read_picture,
    write_picture,
)
from tests.campaign.case import Case, check, check_failure
from tests.campaign.home import data_folder
from tests.campaign.limits import limited_memory
from tests.campaign.mutations import mutated, value, with_checksums
from tests.engine import made_files

SECONDS = 10
"""No file of a few kilobytes may take longer."""

BYTES = 3 << 30
"""Memory of the process."""

SIDE = 24


@dataclass
class State:
    """The whole files, by name, and the folder to put damaged ones into."""

    place: Path
    whole: list[tuple[str, bytes]]


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Make one file of every kind."""
    data_folder(folder)
    place = folder / "pictures"
    place.mkdir(exist_ok=True)
    with limited_memory(BYTES):
        yield State(place, whole_files(place))


def attempt(state: State, case: Case) -> str:
    """Damage one file and read it in every way."""
    chance = case.chance
    name, data = chance.choice(state.whole)
    if b'{"scumble"' in data and chance.random() < 0.3:
        data = _with_other_settings(chance, state.place, Path(name).suffix)
    else:
        low, high = 0, 0
        start = data.find(b'{"scumble"')
        if start >= 0 and chance.random() < 0.5:
            low, high = start, start + 1500
        elif chance.random() < 0.5:
            high = min(len(data), 200)  # the headers
        data = mutated(chance, data, low, high)
        if name.endswith(".png") and chance.random() < 0.7:
            data = with_checksums(data)
    file = state.place / f"mutant{Path(name).suffix}"
    case.keep(file.name, data)
    file.write_bytes(data)
    ways: tuple[Callable[[Path], Any], ...] = (_read, read_mask, load)
    return f"{Path(name).suffix}: " + ", ".join(_tried(way, file) for way in ways)


def _read(file: Path) -> Picture:
    picture = read_picture(file, min_side=1)
    rgb = picture.rgb
    check(rgb.dtype == np.float32 and rgb.ndim == 3 and rgb.shape[2] == 3, str(rgb.shape))
    check(bool(np.isfinite(rgb).all()), "values that are no numbers")
    check(float(rgb.min()) >= 0 and float(rgb.max()) <= 255.01, f"{rgb.min()} to {rgb.max()}")
    for note in picture.notes:
        check(note.isprintable() and note.endswith("."), f"the note {note!r}")
    return picture


def _tried(way: Callable[[Path], Any], file: Path) -> str:
    """Read a file in one way, in the time that it may take."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        way(file)
    except AssertionError:
        raise
    except Exception as error:
        return check_failure(error, hostile=way is load)
    finally:
        signal.alarm(0)
    return "read"


def _too_long(*_: object) -> None:
    message = f"more than {SECONDS} s"
    raise AssertionError(message)


def _with_other_settings(chance: random.Random, place: Path, suffix: str) -> bytes:
    """Return a whole picture whose settings are valid JSON with anything in it."""
    job = Job(content="content.png", output="out.png", regions=(Region("waves.png"),)).to_dict()
    if chance.random() < 0.5:
        job["regions"][0][chance.choice(list(job["regions"][0]))] = value(chance)
    else:
        job[chance.choice(list(job))] = value(chance)
    settings = {"scumble": "0.1.0", "job": job if chance.random() < 0.9 else value(chance)}
    file = place / f"settings{suffix}"
    write_picture(file, Picture(np.full((16, 16, 3), 90, np.float32)), settings)
    return file.read_bytes()


def whole_files(place: Path) -> list[tuple[str, bytes]]:
    """Return undamaged files: name and content."""
    random_ = np.random.default_rng(7)
    rgb = random_.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    rgba = random_.integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    deep = random_.integers(0, 65536, (SIDE, SIDE, 4), dtype=np.uint16)
    image = Image.fromarray(rgb)
    found: list[tuple[str, bytes]] = []

    def add(name: str, picture: Image.Image, **options: Any) -> None:
        buffer = io.BytesIO()
        picture.save(buffer, **options)
        found.append((name, buffer.getvalue()))

    profile = made_files.linear_profile()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 40, zip=True)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x010F] = 6, "described", "made"
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        picture = Image.fromarray(rgba).convert(mode)
        add(f"{mode}.png", picture, format="PNG", icc_profile=profile, pnginfo=text, exif=exif)
    add("gray16.png", Image.fromarray(deep[..., 0]), format="PNG")
    add("clear.png", image.convert("P"), format="PNG", transparency=3)
    for kind, channels in ((2, 3), (6, 4), (4, 2)):
        found.append((f"deep{kind}.png", made_files.png(deep[..., :channels], 16, kind)))
    add("rgb.jpg", image, format="JPEG", icc_profile=profile, exif=exif)
    add("progressive.jpg", image, format="JPEG", progressive=True, subsampling=2)
    add("gray.jpg", image.convert("L"), format="JPEG")
    ink = made_files.black_ink_profile()
    add("ink.jpg", image.convert("CMYK"), format="JPEG", icc_profile=ink)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd"):
        add(f"{compression}.tif", image, format="TIFF", compression=compression, exif=exif)
    add("gray16.tif", Image.fromarray(deep[..., 0]), format="TIFF")
    add("lab.tif", image.convert("LAB"), format="TIFF")
    add("two.tif", image, format="TIFF", save_all=True, append_images=[image])
    add("bits.tif", image.convert("1"), format="TIFF", compression="group4")
    found += _tifffile_files(deep, rgb)
    add("lossy.webp", Image.fromarray(rgba), format="WEBP", icc_profile=profile, exif=exif)
    add("lossless.webp", image, format="WEBP", lossless=True)
    add("moving.webp", image, format="WEBP", save_all=True, append_images=[image.rotate(90)])
    job = Job("content.png", "out.png", regions=(Region("waves.png", "ramp.png"),)).to_dict()
    settings = {"scumble": "0.1.0", "job": job}
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        file = place / f"made{suffix}"
        write_picture(file, Picture(rgb.astype(np.float32)), json.loads(json.dumps(settings)))
        found.append((file.name, file.read_bytes()))
    return found


def _tifffile_files(deep: np.ndarray, rgb: np.ndarray) -> list[tuple[str, bytes]]:
    """Return TIFF files that Pillow does not write: 16 bits a channel, tiles, planes, floats."""
    tifffile = __import__("tifffile")
    found = []
    ways: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "deep": (deep[..., :3], {"photometric": "rgb"}),
        "deep-alpha": (deep, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
        "deflated": (deep[..., :3], {"photometric": "rgb", "compression": "zlib", "predictor": 2}),
        "tiles": (deep[..., :3], {"photometric": "rgb", "tile": (16, 16)}),
        "planes": (np.moveaxis(rgb, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        "floats": (deep[..., :3].astype(np.float32) / 65535, {"photometric": "rgb"}),
        "big": (deep[..., :3], {"photometric": "rgb", "bigtiff": True}),
    }
    for name, (values, options) in ways.items():
        buffer = io.BytesIO()
        big = options.pop("bigtiff", False)
        with tifffile.TiffWriter(buffer, bigtiff=big) as writer:
            writer.write(values, **options)
        found.append((f"{name}.tif", buffer.getvalue()))
    return found
