"""Files of other programs as styles and masks: the formats that the engine does not read itself.

The pictures in ../formats were not written by GIMP, but for the XCF file. Each is 64 pixels wide
and 48 high, red on the left and blue on the right.
"""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from typing import Any, Callable

import canvas_error
import kit
import picture_files
import thumbnails
from gi.repository import Gimp, Gio, GLib

FOLDER = Path(__file__).resolve().parents[1] / "formats"
ENDINGS = ("avif", "heic", "jxl", "psd", "xcf", "svg", "bmp", "gif")
SIZE = (64, 48)
RED, BLUE = (204, 51, 34), (34, 85, 204)
LEVELS = 3.5
"""The error of 255 levels that a lossy format may make."""

LACKING = "GIMP here opens no such file"


def path_of(ending: str) -> str:
    """Return the path of the picture in a format; the XCF file is made by GIMP."""
    if ending != "xcf":
        return str(FOLDER / f"halves.{ending}")
    path = kit.TMP / "halves.xcf"
    if not path.exists():
        image = opened(path_of("bmp"))
        file = Gio.File.new_for_path(str(path))
        assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
        image.delete()
    return str(path)


def opened(path: str) -> Any:
    """Return the image that GIMP makes of a file; None if it cannot open it."""
    try:
        return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path))
    except GLib.Error:
        return None


@cache
def known() -> list[str]:
    """Return the formats that GIMP opens here."""
    found = []
    for ending in ENDINGS:
        image = opened(path_of(ending))
        if image is not None:
            image.delete()
            found.append(ending)
    return found


@cache
def received() -> dict[str, tuple[Any, Any]]:
    """Paint once with each file as a style and as its mask; return what the engine received."""
    image, layer = kit.photo()
    paths = map(path_of, known())
    kit.paint(image, layer, regions=json.dumps([{"style": path, "mask": path} for path in paths]))
    return {
        ending: (kit.recorded_array(f"style-{n}.npy"), kit.recorded_array(f"mask-{n}.npy"))
        for n, ending in enumerate(known(), 1)
    }


def check_format(ending: str) -> None:
    """A file comes to the engine in its own colors, and its thumbnail shows them, too."""
    assert ending in known(), LACKING
    width, height = SIZE
    (shape, style), (mask_shape, mask) = received()[ending]
    assert (shape, mask_shape) == ((height, width, 4), (height, width, 2))
    picture = picture_files.look_at(path_of(ending))
    assert (picture.thumbnail.get_width(), picture.thumbnail.get_height()) == SIZE
    assert (picture.width, picture.height) == SIZE
    shown, planes = picture.thumbnail.get_pixels(), picture.thumbnail.get_n_channels()
    brightness = []
    for x, color in ((8, RED), (56, BLUE)):
        at = 20 * width + x
        drawn = 20 * picture.thumbnail.get_rowstride() + planes * x
        for plane, level in enumerate(color):
            kit.near(255 * style[4 * at + plane], level, LEVELS, "style")
            kit.near(shown[drawn + plane], level, LEVELS, "thumbnail")
        kit.near(style[4 * at + 3], 1.0, 0.0, "opacity")
        brightness.append(mask[2 * at])
    for seen, color in zip(brightness, (RED, BLUE)):
        kit.near(255 * seen, brightness_of(color), LEVELS, "brightness")


def brightness_of(color: tuple[int, ...]) -> float:
    """Return the gray of a color, in levels: its luminance (IEC 61966-2-1), encoded as sRGB."""
    linear = [((level / 255 + 0.055) / 1.055) ** 2.4 for level in color]
    luminance = sum(part * each for part, each in zip((0.2126, 0.7152, 0.0722), linear))
    return 255 * (1.055 * luminance ** (1 / 2.4) - 0.055)


def check_what_is_no_picture_is_refused_when_it_is_chosen() -> None:
    """Each format's file that is empty, holds words, or ends after its first bytes."""
    image, layer = kit.photo()
    small = thumbnails.Thumbnails(image, layer, 420)
    for ending in known():
        start = Path(path_of(ending)).read_bytes()[:24]
        for number, content in enumerate((b"", b"no picture", start)):
            bad = kit.TMP / f"bad-{number}.{ending}"
            bad.write_bytes(content)
            for choose in (small.add_file, picture_files.look_at):
                said = refusal(choose, str(bad))
                assert f"“{bad.name}” is not a picture that GIMP can open" in said, (bad, said)


def refusal(choose: Callable[[str], Any], path: str) -> str:
    """Return why a file is refused; empty if it is not."""
    try:
        choose(path)
    except canvas_error.CanvasError as error:
        return str(error)
    return ""


CHECKS: dict[str, Callable[[], None]] = {
    **{f"format {ending}": partial(check_format, ending) for ending in ENDINGS},
    "what is no picture": check_what_is_no_picture_is_refused_when_it_is_chosen,
}
