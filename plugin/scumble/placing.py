"""Placing: finished paintings go into the image as one undo step, or else become files.

A painting is built in an image of its own and then copied into the user's image with a single
insertion. Whatever fails before that leaves the user's image and its undo history untouched, and
the image that was built can still be saved.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import canvas
import earlier_results
import engine_process
import interrupted_runs
import painting_files
import result_layers
from fingerprint import Fingerprint
from gi.repository import Gimp
from image_items import is_there
from run_requests import Request

from engine.engine_location import EngineLocation
from engine.translations import N_, _

HIDDEN = N_(
    "The layer “{layer}” is now hidden: the painting takes its place, with its mode and opacity."
)


@dataclass
class Finished:
    """A finished painting that is not in its image yet.

    Attributes
    ----------
    request : Request
    fingerprint : Fingerprint
        Of the content when the run started.
    name : str
        The name of the new layer.
    notes : list of str
        Sentences for the user.
    location : EngineLocation
        The engine that painted it.
    state : str
        The name of the state that the engine keeps until the painting has its place; may be empty.
    built : Gimp.Image or None
        The image that holds the new layer; None if it could not be built.
    reason : str
        Why the painting cannot go into the image; empty if it can.
    saved : Path or None
        The file that holds the painting, if nothing could be built.
    """

    request: Request
    fingerprint: Fingerprint
    name: str
    notes: list[str]
    location: EngineLocation
    state: str
    built: Gimp.Image | None = None
    reason: str = ""
    saved: Path | None = None

    def forget_state(self) -> list[str]:
        """Remove the state that the engine has kept; return a note if that fails."""
        if not self.state:
            return []
        try:
            interrupted_runs.forget(self.location, self.state)
        except engine_process.EngineError as error:
            note = _("The saved state of the painting “{name}” stays. {reason}")
            return [note.format(name=self.name, reason=error)]
        return []


@dataclass(frozen=True)
class Placement:
    """A built result and its place in the user's image.

    Attributes
    ----------
    built : Gimp.Image
        Holds the result as its only top layer.
    name : str
    image : Gimp.Image
        The user's image.
    content : Gimp.Layer
        The layer that was painted.
    replaced : Gimp.Layer or None
        The earlier result whose place it takes.
    hidden : tuple of Gimp.Layer
        The layers that are hidden, because a translucent result would count twice with them.
    """

    built: Gimp.Image
    name: str
    image: Gimp.Image
    content: Gimp.Layer
    replaced: Gimp.Layer | None = None
    hidden: tuple[Gimp.Layer, ...] = ()

    @classmethod
    def of(
        cls,
        built: Gimp.Image,
        name: str,
        image: Gimp.Image,
        content: Gimp.Layer,
        replaced: Gimp.Layer | None = None,
        on_progress: canvas.OnProgress = lambda done: None,
    ) -> Placement:
        """Return the placement of a result above its content and above earlier results."""
        if replaced is not None and not is_there(image, replaced):
            replaced = None
        hidden = ()
        if canvas.is_translucent(content, on_progress):
            below = (content, *earlier_results.results_of(image, content))
            hidden = tuple(each for each in below if each.get_visible() and each != replaced)
        return cls(built, name, image, content, replaced, hidden)

    @property
    def notes(self) -> list[str]:
        """Sentences for the user about layers that are hidden."""
        return [_(HIDDEN).format(layer=layer.get_name()) for layer in self.hidden]

    @property
    def steps(self) -> int:
        """The number of changes in the image."""
        return 1 + (self.replaced is not None) + len(self.hidden)


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


@contextmanager
def one_undo_step(image: Gimp.Image, placements: list[Placement]) -> Iterator[None]:
    """Make one undo step of several changes; a single insertion is one without help."""
    grouped = sum(each.steps for each in placements) > 1
    if grouped:
        image.undo_group_start()
    try:
        yield
    finally:
        if grouped:
            image.undo_group_end()


def place(placement: Placement) -> list[Gimp.Layer]:
    """Copy the built layers into the image.

    Returns
    -------
    list of Gimp.Layer
        The new layer, or the new group followed by its layers from the top.

    Raises
    ------
    result_layers.PlacingError
        If GIMP refuses; the image is unchanged then.
    """
    image, content = placement.image, placement.content
    (top,) = placement.built.get_layers()
    copy = Gimp.Layer.new_from_drawable(top, image)
    if copy is None:
        raise result_layers.PlacingError(result_layers.refusal())
    copy.set_name(placement.name)
    below = placement.replaced
    if below is None:
        below = next(iter(earlier_results.results_of(image, content)), content)
    if not image.insert_layer(copy, below.get_parent(), image.get_item_position(below)):
        copy.delete()
        raise result_layers.PlacingError(result_layers.refusal())
    if placement.replaced is not None:
        image.remove_layer(placement.replaced)
    for layer in placement.hidden:
        layer.set_visible(False)
    return [copy, *(copy.get_children() if copy.is_group() else ())]


def deliver(
    all_finished: list[Finished], on_progress: canvas.OnProgress = lambda done: None
) -> Delivery:
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
        plans = [_plan(finished, on_progress) for finished in placeable]
    except Exception as error:
        plans = []
        for finished in placeable:
            finished.reason = cannot_place(error)
    with one_undo_step(all_finished[0].request.image, plans):
        for finished, plan in zip(placeable, plans):
            try:
                layers += place(plan)
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
            notes += finished.forget_state()
            continue
        if finished.built is not None:
            aside.append(finished.built)
        try:
            path = finished.saved or _save(finished)
        except OSError as error:
            unsaved = _("{reason} The painting cannot be saved: {error}")
            unsaved = unsaved.format(reason=finished.reason, error=error)
            notes.append(unsaved)
            continue
        note = _("{reason} The painting was saved as {path}")
        notes.append(note.format(reason=finished.reason, path=path))
        notes += finished.forget_state()
    return Delivery(layers, list(dict.fromkeys(notes)), tuple(aside), unsaved)


def _plan(finished: Finished, on_progress: canvas.OnProgress) -> Placement:
    request = finished.request
    assert finished.built is not None
    replaced = request.result if request.replaces else None
    return Placement.of(
        finished.built, finished.name, request.image, request.content, replaced, on_progress
    )


def hindrance(finished: Finished) -> str:
    """Return why a painting cannot go into its image any more; empty if it can."""
    image, content = finished.request.image, finished.request.content
    if not is_there(image, content):
        return _("The layer is gone.")
    return finished.fingerprint.change(content)


def cannot_place(error: Exception) -> str:
    """Return the reason for a painting that an error keeps out of its image."""
    message = _("The painting cannot be put into the image ({reason}).")
    return message.format(reason=str(error) or type(error).__name__)


def _save(finished: Finished) -> Path:
    """Save a built painting as a file, as GIMP does it or else without GIMP.

    Raises
    ------
    OSError
        If no file can be written.
    """
    assert finished.built is not None
    try:
        return painting_files.save(finished.built, finished.name)
    except Exception as error:
        print(f"GIMP cannot save the painting: {error}", file=sys.stderr)
    return painting_files.save_built_without_gimp(finished.built, finished.name)


def _mode_notes(image: Gimp.Image) -> list[str]:
    """Return a sentence on the colors that the image's mode does not keep."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        return [
            _(
                "This image has a palette, so the painting has only its colors. Convert it to RGB "
                "(Image > Mode) before painting."
            )
        ]
    if image.get_base_type() == Gimp.ImageBaseType.GRAY:
        return [
            _(
                "This image is gray, so the painting is gray. Convert it to RGB (Image > Mode) "
                "before painting."
            )
        ]
    return []
