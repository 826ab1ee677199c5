"""Items of images: the layers to paint, and what can be a style or a mask."""

from __future__ import annotations

from collections.abc import Iterator

import parasites
import sources
from canvas_error import CanvasError
from gi.repository import Gimp

from engine.job import MIN_SIDE
from engine.translations import _


def available_sources(
    image: Gimp.Image,
    content: Gimp.Layer,
    kept: tuple[sources.Item, ...] = (),
    others: tuple[int, ...] = (),
) -> sources.Sources:
    """Return what the user can choose from.

    Parameters
    ----------
    image : Gimp.Image
    content : Gimp.Layer
    kept : tuple of Item
        The masks that an earlier result carries.
    others : tuple of int
        The numbers of other layers that are painted after this one.
    """
    elsewhere = []
    for other in Gimp.get_images():
        if other.get_id() != image.get_id():
            elsewhere += [item_of(layer, other.get_name()) for layer in all_layers(other)]
    return sources.Sources(
        content=item_of(content),
        layers=tuple(item_of(layer) for layer in all_layers(image)),
        channels=tuple(item_of(channel) for channel in image.get_channels()),
        elsewhere=tuple(elsewhere),
        has_selection=not Gimp.Selection.is_empty(image),
        kept=kept,
        others=others,
    )


def all_layers(image: Gimp.Image) -> Iterator[Gimp.Layer]:
    """Yield the image's layers from the top, each group before its layers."""

    def inside(layers: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
        for layer in layers:
            yield layer
            if layer.is_group():
                yield from inside(layer.get_children())

    yield from inside(image.get_layers())


def layers_to_paint(image: Gimp.Image | None, drawables: list[Gimp.Drawable]) -> list[Gimp.Layer]:
    """Return the layers to paint.

    Raises
    ------
    CanvasError
        If no layer is selected, or anything else. One layer that is too small is refused, too.
    """
    if image is None or not drawables:
        message = _("Select the layer to paint first.")
        raise CanvasError(message)
    for drawable in drawables:
        if isinstance(drawable, Gimp.LayerMask):
            message = _("A layer mask is selected. Click the layer itself to paint it.")
            raise CanvasError(message)
        if not isinstance(drawable, Gimp.Layer):
            message = _("“{name}” is a channel and cannot be painted. Select a layer.")
            raise CanvasError(message.format(name=drawable.get_name()))
    if len(drawables) == 1:
        check_size(drawables[0])
    return list(drawables)


def check_size(layer: Gimp.Layer) -> None:
    """Check that the network can see a layer.

    Raises
    ------
    CanvasError
        If it is too small.
    """
    width, height = layer.get_width(), layer.get_height()
    if min(width, height) < MIN_SIDE:
        message = _(
            "The layer “{layer}” is {width}x{height} pixels; at least {least}x{least} are needed."
        )
        about = {"width": width, "height": height, "least": MIN_SIDE}
        raise CanvasError(message.format(layer=layer.get_name(), **about))


def is_there(image: Gimp.Image, layer: Gimp.Layer) -> bool:
    """Return whether a layer is still in its image."""
    return bool(image.is_valid() and layer.is_valid() and layer.get_image() == image)


def mask_spec(image: Gimp.Image, drawable: Gimp.Drawable | None) -> str:
    """Return the text for a mask that was given as a drawable.

    Raises
    ------
    CanvasError
        If the drawable belongs to another image.
    """
    if drawable is None:
        return sources.SELECTION if not Gimp.Selection.is_empty(image) else sources.ALL
    if isinstance(drawable, Gimp.Selection):
        return sources.SELECTION
    if drawable.get_image().get_id() != image.get_id():
        message = _("The mask “{name}” belongs to another image. Give a mask of this image.")
        raise CanvasError(message.format(name=drawable.get_name()))
    if isinstance(drawable, Gimp.LayerMask):
        layer = Gimp.Layer.from_mask(drawable)
        return sources.reference(sources.MASK, item_of(layer))
    kind = sources.CHANNEL if isinstance(drawable, Gimp.Channel) else sources.GRAY
    return sources.reference(kind, item_of(drawable))


def offsets(drawable: Gimp.Drawable) -> tuple[int, int]:
    """Return the place of a drawable on the canvas."""
    if isinstance(drawable, Gimp.Selection):
        return 0, 0
    found = drawable.get_offsets()
    return found.offset_x, found.offset_y


def item_of(item: Gimp.Item, image: str = "") -> sources.Item:
    """Return what the regions know of an item; `image` names another image that it is of."""
    layer = isinstance(item, Gimp.Layer)
    return sources.Item(
        number=item.get_id(),
        name=item.get_name(),
        has_mask=layer and item.get_mask() is not None,
        has_alpha=layer and item.has_alpha(),
        ours=layer and item.get_parasite(parasites.PARASITE) is not None,
        image=image,
    )
