"""Placing: finished paintings go into the image as one undo step, or else become files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import result_layers
from gi.repository import Gimp
from run_requests import Request


@dataclass
class Finished:
    """A finished painting that is not in its image yet.

    Attributes
    ----------
    request : Request
    look : result_layers.Look
        The look of the content when the run started.
    name : str
        The name of the new layer.
    notes : list of str
        Sentences for the user.
    built : Gimp.Image or None
        The image that holds the new layer; None if it could not be built.
    reason : str
        Why the painting cannot go into the image; empty if it can.
    saved : Path or None
        The file that holds the painting, if nothing could be built.
    """

    request: Request
    look: result_layers.Look
    name: str
    notes: list[str]
    built: Gimp.Image | None = None
    reason: str = ""
    saved: Path | None = None


@dataclass(frozen=True)
class Delivery:
    """The place of finished paintings.

    Attributes
    ----------
    layers : list of Gimp.Layer
        The new layers; none if every painting went into a file.
    notes : list of str
        Sentences for the user.
    aside : tuple of Gimp.Image
        The images of paintings that could not go into their image; they are to be shown.
    unsaved : str
        Why one of them could not be saved as a file; empty if all were.
    """

    layers: list[Gimp.Layer]
    notes: list[str]
    aside: tuple[Gimp.Image, ...] = ()
    unsaved: str = ""


def deliver(all_finished: list[Finished]) -> Delivery:
    """Put paintings of one image into it as one undo step; what cannot go there becomes a file."""
    notes = [note for finished in all_finished for note in finished.notes]
    layers: list[Gimp.Layer] = []
    aside: list[Gimp.Image] = []
    unsaved = ""
    placeable = []
    for finished in all_finished:
        finished.reason = finished.reason or hindrance(finished)
        if finished.built is not None and not finished.reason:
            placeable.append(finished)
    try:
        plans = [_plan(finished) for finished in placeable]
    except Exception as error:
        plans = []
        for finished in placeable:
            finished.reason = cannot_place(error)
    with result_layers.one_undo_step(all_finished[0].request.image, plans):
        for finished, plan in zip(placeable, plans):
            try:
                layers += result_layers.place(plan)
                notes += plan.notes
            except Exception as error:
                finished.reason = cannot_place(error)
    if layers:
        image = all_finished[0].request.image
        tops = [layer for layer in layers if layer.get_parent() not in layers]
        image.set_selected_layers(tops)
        Gimp.displays_flush()
        notes += _mode_notes(image)
    for finished in all_finished:
        if not finished.reason:
            assert finished.built is not None
            finished.built.delete()
            continue
        if finished.built is not None:
            aside.append(finished.built)
        try:
            path = finished.saved or _save(finished)
            notes.append(f"{finished.reason} The painting was saved as {path}")
        except OSError as error:
            unsaved = f"{finished.reason} The painting cannot be saved: {error}"
            notes.append(unsaved)
    return Delivery(layers, list(dict.fromkeys(notes)), tuple(aside), unsaved)


def _plan(finished: Finished) -> result_layers.Placement:
    request = finished.request
    assert finished.built is not None
    replaced = request.result if request.replaces else None
    return result_layers.Placement.of(
        finished.built, finished.name, request.image, request.content, replaced
    )


def hindrance(finished: Finished) -> str:
    """Return why a painting cannot go into its image any more; empty if it can."""
    image, content = finished.request.image, finished.request.content
    if not result_layers.is_there(image, content):
        return "The layer is gone."
    try:
        finished.look.check(content)
    except result_layers.PlacingError as error:
        return str(error)
    return ""


def cannot_place(error: Exception) -> str:
    """Return the reason for a painting that an error keeps out of its image."""
    return f"The painting cannot be put into the image ({str(error) or type(error).__name__})."


def _save(finished: Finished) -> Path:
    """Save a built painting as a file, as GIMP does it or else without GIMP.

    Raises
    ------
    OSError
        If no file can be written.
    """
    assert finished.built is not None
    try:
        return result_layers.save(finished.built, finished.name)
    except Exception as error:
        print(f"GIMP cannot save the painting: {error}", file=sys.stderr)
    return result_layers.save_built_without_gimp(finished.built, finished.name)


def _mode_notes(image: Gimp.Image) -> list[str]:
    """Return a sentence on the colors that the image's mode does not keep."""
    lost = {
        Gimp.ImageBaseType.INDEXED: "has a palette, so the painting has only its colors",
        Gimp.ImageBaseType.GRAY: "is gray, so the painting is gray",
    }.get(image.get_base_type())
    if not lost:
        return []
    return [f"This image {lost}. Convert it to RGB (Image > Mode) before painting."]
