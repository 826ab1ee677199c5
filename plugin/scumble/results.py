"""What the engine painted becomes layers, in one undo step; or a file, where the image is gone."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import canvas
import npy
import regions
from gi.repository import Gimp, Gio, GLib

NAME_LENGTH = 100
MASK_VALUES = 2**20


@dataclass(frozen=True)
class Part:
    """One style's picture before its region was cut out, and where the region's mask is.

    Attributes
    ----------
    name : str
        What its layer is called.
    picture : Path
        The picture that the mask is for.
    mask : Path or None
        The mask, as the engine got it; None for the whole layer.
    rest : bool
        Whether it takes what the other masks leave.
    """

    name: str
    picture: Path
    mask: Path | None
    rest: bool = False


@dataclass(frozen=True)
class Result:
    """All that is to be put into the image."""

    name: str
    settings: str
    picture: Path
    parts: tuple[Part, ...] = ()


def layer_name(plans: tuple[regions.Plan, ...], method: str, strength: float) -> str:
    """Return what a result is called: its styles and its settings."""
    styles = " + ".join(plan.name for plan in plans)
    if len(styles) > NAME_LENGTH:
        styles = styles[: NAME_LENGTH - 1] + "…"
    return f"{styles} ({method}, strength {strength:g})"


def is_there(image: Gimp.Image, content: Gimp.Layer) -> bool:
    """Whether the content is still in its image."""
    return bool(image.is_valid() and content.is_valid())


def place(
    image: Gimp.Image,
    content: Gimp.Layer,
    result: Result,
    told: canvas.Told = lambda done: None,
) -> list[Gimp.Layer]:
    """Put the result above the content, as one undo step.

    Returns
    -------
    list of Gimp.Layer
        The new layer; or the new group and the layers in it, from the top.
    """
    x, y = canvas.offsets(content)
    size = content.get_width(), content.get_height()
    parent = content.get_parent()
    position = image.get_item_position(content)
    image.undo_group_start()
    try:
        masked = content.get_mask() is not None and content.get_apply_mask()
        made = _insert(
            image, result, (x, y), size, parent, position, content.has_alpha(), told, masked
        )
        if masked:
            canvas.copy_mask(content, made[0])
        image.set_selected_layers([made[0]])
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return made


def save_aside(
    name: str, precision: Gimp.Precision, result: Result, told: canvas.Told = lambda done: None
) -> tuple[Path, Gimp.Image]:
    """Save the result as a picture of its own, since its image or its layer is gone.

    Returns
    -------
    tuple of Path and Gimp.Image
        The XCF file in the user's pictures or home folder, and the image that it holds.

    Raises
    ------
    OSError
        If no file can be written.
    """
    height, width, planes = npy.shape_of(result.picture)
    image = Gimp.Image.new_with_precision(width, height, Gimp.ImageBaseType.RGB, precision)
    image.undo_disable()
    _insert(image, result, (0, 0), (width, height), None, 0, planes == 4, told)
    image.undo_enable()
    for folder in _picture_folders():
        path = folder / f"{_file_name(name)} {time.strftime('%Y-%m-%d %H.%M.%S')}.xcf"
        file = Gio.File.new_for_path(str(path))
        if Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None) and path.is_file():
            image.set_file(file)
            image.clean_all()
            return path, image
    message = f"{Gimp.get_pdb().get_last_error()}"
    raise OSError(message)


def _insert(
    image: Gimp.Image,
    result: Result,
    place_: tuple[int, int],
    size: tuple[int, int],
    parent: Gimp.Layer | None,
    position: int,
    alpha: bool,
    told: canvas.Told,
    to_mask: bool = False,
) -> list[Gimp.Layer]:
    """Insert one layer, with a mask if there is one part, or a group with a layer for each part.

    With `to_mask` another mask is to follow, so that a single part, too, is put into a group. The
    engine puts its pictures together as sRGB's values, not as light, and so do masked layers here.
    """
    if len(result.parts) <= 1 and not (result.parts and to_mask):
        picture = result.parts[0].picture if result.parts else result.picture
        layer = _layer(image, result.name, picture, place_, size, alpha, told)
        _attach(layer, result.settings)
        image.insert_layer(layer, parent, position)
        if result.parts and result.parts[0].mask:
            layer.set_composite_space(Gimp.LayerColorSpace.RGB_NON_LINEAR)
            canvas.write_mask_into(layer, _shares(result.parts, 0, size))
        return [layer]
    group = Gimp.GroupLayer.new(image, result.name)
    _attach(group, result.settings)
    group.set_composite_space(Gimp.LayerColorSpace.RGB_NON_LINEAR)
    image.insert_layer(group, parent, position)
    made = []
    for number, part in enumerate(result.parts):
        layer = _layer(image, part.name, part.picture, place_, size, alpha, told)
        _attach(layer, result.settings)
        # Merge puts soft borders side by side without a gap: opacities add, up to 1.
        layer.set_mode(Gimp.LayerMode.MERGE)
        layer.set_composite_space(Gimp.LayerColorSpace.RGB_NON_LINEAR)
        image.insert_layer(layer, group, number)
        canvas.write_mask_into(layer, _shares(result.parts, number, size))
        made.append(layer)
    return [group, *made]


def _layer(
    image: Gimp.Image,
    name: str,
    picture: Path,
    place_: tuple[int, int],
    size: tuple[int, int],
    alpha: bool,
    told: canvas.Told,
) -> Gimp.Layer:
    base = {
        Gimp.ImageBaseType.RGB: Gimp.ImageType.RGB_IMAGE,
        Gimp.ImageBaseType.GRAY: Gimp.ImageType.GRAY_IMAGE,
        Gimp.ImageBaseType.INDEXED: Gimp.ImageType.INDEXED_IMAGE,
    }[image.get_base_type()]
    kind = Gimp.ImageType(int(base) + 1) if alpha else base
    layer = Gimp.Layer.new(image, name, *size, kind, 100.0, Gimp.LayerMode.NORMAL)
    layer.set_offsets(*place_)
    canvas.write_into(layer, picture, told)
    return layer


def _attach(layer: Gimp.Layer, settings: str) -> None:
    data = list(settings.encode("utf-8"))
    parasite = Gimp.Parasite.new(canvas.PARASITE, Gimp.PARASITE_PERSISTENT, data)
    layer.attach_parasite(parasite)


def _shares(parts: tuple[Part, ...], number: int, size: tuple[int, int]) -> Iterator[array[float]]:
    """Yield part `number`'s share of the picture in strips, so that all shares add up to at most 1.

    A mask that overlaps no other is its own share.
    """
    width, height = size
    rows = max(MASK_VALUES // width, 1)
    files = []
    for part in parts:
        file = part.mask.open("rb") if part.mask else None
        if file:
            npy.read_header(file)
        files.append(file)
    try:
        for first in range(0, height, rows):
            count = min(rows, height - first) * width
            values = [
                array("f", file.read(4 * count)) if file else array("f", [1.0]) * count
                for file, part in zip(files, parts)
                if not part.rest
            ]
            yield _share(parts, number, values, count)
    finally:
        for file in files:
            if file:
                file.close()


def _share(
    parts: tuple[Part, ...], number: int, values: list[array[float]], count: int
) -> array[float]:
    total = values[0] if len(values) == 1 else array("f", map(sum, zip(*values)))
    if parts[number].rest:
        sharing = sum(part.rest for part in parts)
        return array("f", (max(1.0 - all_, 0.0) / sharing for all_ in total))
    own = values[sum(not part.rest for part in parts[:number])]
    if not total or max(total) <= 1.0:
        return own
    return array("f", (value / max(all_, 1.0) for value, all_ in zip(own, total)))


def _picture_folders() -> list[Path]:
    pictures = GLib.get_user_special_dir(GLib.UserDirectory.DIRECTORY_PICTURES)
    folders = [Path(pictures)] if pictures else []
    return [
        folder for folder in (*folders, Path.home(), Path(GLib.get_tmp_dir())) if folder.is_dir()
    ]


def _file_name(name: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in " -_+.()," else "_" for letter in name)
    return kept.strip() or "painting"
