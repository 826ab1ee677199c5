"""Result layers: a finished painting as layers, built in an image of their own.

Whatever fails here leaves the user's image and its undo history untouched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import canvas
import image_items
import kept_masks
import mask_pixels
import npy
import parasites
import rendering
from gi.repository import Gimp

from engine.translations import N_, _, number_text

NAME_LENGTH = 100

UNATTACHED = N_(
    "The layer could not be given its settings, so the filter cannot start from them: {reason}."
)

UNATTACHED_MASKS = N_(
    "The layer could not be given its masks, to paint them again later: {reason}."
)


class PlacingError(Exception):
    """The painting cannot go into the image; the message is one sentence for the user."""


@dataclass(frozen=True)
class MaskedPicture:
    """One style's picture before the masks cut it out, and its region's share of the layer.

    Attributes
    ----------
    name : str
        The name of the layer.
    picture : Path
        The .npy file of the picture under the mask.
    mask : Path or None
        The .npy file of the mask; None for the whole layer. All masks add up to at most 1.
    """

    name: str
    picture: Path
    mask: Path | None


@dataclass(frozen=True)
class FinishedPainting:
    """The files of a finished painting, and the name and settings of its layers.

    Attributes
    ----------
    name, settings : str
    picture : Path
        The .npy file of the whole picture.
    areas : Path or None
        The .npy file of the rectangles that the regions cover; None if they cover the whole layer.
    parts : tuple of MaskedPicture
        For layers with masks, one per style.
    masks : dict of str to bytes
        The compressed masks that the result carries.
    """

    name: str
    settings: str
    picture: Path
    areas: Path | None = None
    parts: tuple[MaskedPicture, ...] = ()
    masks: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageFormat:
    """The color mode, precision and profile that the layers are built in."""

    base: Gimp.ImageBaseType
    precision: Gimp.Precision
    profile: Gimp.ColorProfile | None


def format_of(image: Gimp.Image) -> ImageFormat:
    """Return an image's format; layers for a palette are built in RGB and converted at the end."""
    base = rendering.rgb_or_gray(image)
    return ImageFormat(base, image.get_precision(), image.get_color_profile())


def layer_name(regions: list[str], blend: str, strength: float) -> str:
    """Return the name of a result: its styles, how they were blended, and the strength."""
    styles = " + ".join(regions)
    if len(styles) > NAME_LENGTH:
        styles = styles[: NAME_LENGTH - 1] + "…"
    name = _("{styles} ({blend}, strength {strength})")
    return name.format(styles=styles, blend=blend, strength=number_text(strength, "g"))


def build(
    painting: FinishedPainting,
    format_: ImageFormat,
    content: Gimp.Layer | None = None,
    on_progress: canvas.OnProgress = lambda done: None,
) -> tuple[Gimp.Image, list[str]]:
    """Build the painting's layers in an image of their own.

    Parameters
    ----------
    painting : FinishedPainting
    format_ : ImageFormat
        The format of the new image.
    content : Gimp.Layer, optional
        The painted layer, whose place, transparency and layer mask the result takes over.
    on_progress : callable

    Returns
    -------
    image : Gimp.Image
        Holds the result as its only top layer.
    notes : list of str
        Sentences about what is missing from the layers.
    """
    height, width, planes = npy.shape_of(painting.picture)
    image = Gimp.Image.new_with_precision(width, height, format_.base, format_.precision)
    try:
        image.undo_disable()
        if format_.profile is not None:
            image.set_color_profile(format_.profile)
        builder = _Builder(image, (width, height), planes == 4, content, on_progress)
        builder.add(painting)
    except BaseException:
        image.delete()
        raise
    return image, builder.notes


class _Builder:
    """The builder of a painting's layers in an image.

    If the content lets something through, the result takes its place, with its mode and opacity:
    above the content it would count twice. The caller then hides the content.
    """

    def __init__(
        self,
        image: Gimp.Image,
        size: tuple[int, int],
        alpha: bool,
        content: Gimp.Layer | None,
        on_progress: canvas.OnProgress,
    ) -> None:
        self._image, self._size, self._content = image, size, content
        self._place = (0, 0)
        self._replaces = self._masked = False
        if content is not None:
            alpha = content.has_alpha()
            self._place = image_items.offsets(content)
            self._replaces = canvas.is_translucent(content, on_progress)
            self._masked = bool(content.get_mask() and content.get_apply_mask())
        gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
        plain = Gimp.ImageType.GRAY_IMAGE if gray else Gimp.ImageType.RGB_IMAGE
        self._type = Gimp.ImageType(int(plain) + alpha)
        self._on_progress = on_progress
        self.notes: list[str] = []

    def add(self, painting: FinishedPainting) -> None:
        """Add one layer, or for layers with masks a group with a layer per part.

        A single part needs no group, unless the group has to hold the content's mask or own pixels.
        """
        parts = painting.parts
        if not parts:
            top = self._picture_layer(painting)
        elif len(parts) == 1 and not self._masked and not self._needs_content(parts):
            top = self._masked_layer(painting.name, parts[0], painting.settings, None, 0)
        else:
            top = self._group(painting)
        try:
            kept_masks.attach(top, painting.masks)
        except Exception as error:  # the painting is worth more than its masks
            self.notes.append(_(UNATTACHED_MASKS).format(reason=error))
        if self._content is None:
            return
        if self._masked:
            mask_pixels.copy_mask(self._content, top)
        if self._replaces:
            top.set_mode(self._content.get_mode())
            top.set_opacity(self._content.get_opacity())
            top.set_blend_space(self._content.get_blend_space())
            top.set_composite_space(self._content.get_composite_space())
            top.set_composite_mode(self._content.get_composite_mode())

    def _picture_layer(self, painting: FinishedPainting) -> Gimp.Layer:
        """Add the picture; outside every region the layer keeps the content's own pixels."""
        if self._content is None or painting.areas is None:
            layer = self._layer(painting.name, painting.picture)
            self._insert(layer, None, 0)
        else:
            layer = self._content_layer(painting.name, None, 0)
            canvas.write_areas_into(layer, painting.picture, painting.areas, self._on_progress)
        self._attach(layer, painting.settings)
        return layer

    def _group(self, painting: FinishedPainting) -> Gimp.Layer:
        group = Gimp.GroupLayer.new(self._image, painting.name)
        self._attach(group, painting.settings)
        group.set_composite_space(Gimp.LayerColorSpace.RGB_NON_LINEAR)
        self._insert(group, None, 0)
        for number, part in enumerate(painting.parts):
            self._masked_layer(part.name, part, painting.settings, group, number)
        if self._content is not None and self._needs_content(painting.parts):
            self._content_layer(self._content.get_name(), group, len(painting.parts))
        return group

    def _needs_content(self, parts: tuple[MaskedPicture, ...]) -> bool:
        """Return whether the content's own pixels are needed below the masked layers."""
        return self._replaces and any(part.mask for part in parts)

    def _masked_layer(
        self,
        name: str,
        part: MaskedPicture,
        settings: str,
        parent: Gimp.Layer | None,
        position: int,
    ) -> Gimp.Layer:
        layer = self._layer(name, part.picture)
        self._attach(layer, settings)
        if parent is not None:
            # Merge puts soft borders side by side without a gap: opacities add, up to 1.
            layer.set_mode(Gimp.LayerMode.MERGE)
        # The engine blends its pictures as sRGB values, not as light. A new mode resets the space.
        layer.set_composite_space(Gimp.LayerColorSpace.RGB_NON_LINEAR)
        self._insert(layer, parent, position)
        if part.mask:
            mask_pixels.write_mask_into(layer, part.mask)
        return layer

    def _content_layer(self, name: str, parent: Gimp.Layer | None, position: int) -> Gimp.Layer:
        """Insert the content's own pixels, as they are now and without passing the engine."""
        layer = rendering.insert_flat_copy(self._content, self._image, parent, position)
        layer.set_name(name)
        layer.set_offsets(*self._place)
        return layer

    def _layer(self, name: str, picture: Path) -> Gimp.Layer:
        normal = Gimp.LayerMode.NORMAL
        layer = Gimp.Layer.new(self._image, name, *self._size, self._type, 100.0, normal)
        layer.set_offsets(*self._place)
        canvas.write_into(layer, picture, self._on_progress)
        return layer

    def _insert(self, layer: Gimp.Layer, parent: Gimp.Layer | None, position: int) -> None:
        if not self._image.insert_layer(layer, parent, position):
            raise PlacingError(refusal())

    def _attach(self, layer: Gimp.Layer, settings: str) -> None:
        try:
            parasites.attach_settings(layer, settings)
        except Exception as error:  # the painting is worth more than its settings
            note = _(UNATTACHED).format(reason=error)
            if note not in self.notes:
                self.notes.append(note)


def refusal() -> str:
    """Return GIMP's own words on what it has just refused."""
    return _("GIMP says: {text}").format(text=Gimp.get_pdb().get_last_error())
