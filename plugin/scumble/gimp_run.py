"""One run of the filter: from the layer in GIMP to the new layers, with or without windows."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arguments
import canvas
import engine_process
import job
import labels
import npy
import result_layers
import sources
from gi.repository import Gimp

HERE = Path(__file__).resolve().parent
CONTENT = "content.npy"
RESULT = "result.npy"
PROTECTED = "protect.npy"
OUT_OF_GAMUT = (
    "Some colors of the layer “{}” lie outside sRGB, in which Scumble paints. The painting has the "
    "nearest colors of sRGB."
)


@dataclass(frozen=True)
class Request:
    """The layer to paint, the options of the job, and the regions."""

    image: Gimp.Image
    content: Gimp.Layer
    options: dict[str, Any]
    regions: tuple[job.Region, ...]


@dataclass(frozen=True)
class Delivery:
    """The place of a finished painting.

    Attributes
    ----------
    layers : list of Gimp.Layer
        The new layers; none if the painting went into a file.
    notes : list of str
        Sentences for the user.
    saved : Gimp.Image or None
        The image that was saved as a file.
    """

    layers: list[Gimp.Layer]
    notes: list[str]
    saved: Gimp.Image | None = None


class GimpRun:
    """A run whose pixels are exported and whose engine is started.

    Raises
    ------
    sources.RegionError, canvas.CanvasError, job.JobError, engine_process.EngineError
        If the run cannot start; no files are left behind then.
    """

    def __init__(
        self, request: Request, on_progress: canvas.OnProgress = lambda done: None
    ) -> None:
        self.request = request
        self.location = engine_process.read_location(HERE)
        available = canvas.available_sources(request.image, request.content)
        self.resolved = sources.resolve(request.regions, available)
        self._protected = sources.resolve_protected(request.options["protect"], available)
        # The image may be closed before the painting is finished.
        self._content_name = request.content.get_name()
        self._format = result_layers.format_of(request.image)
        self._look = result_layers.Look.of(request.content)
        self.folder = engine_process.make_run_folder()
        try:
            self.job = self._export(on_progress)
            engine_process.write_job(self.job, self.folder)
            self.engine = engine_process.EngineProcess(self.location, self.folder)
        except OSError as error:
            engine_process.remove_run_folder(self.folder)
            message = (
                f"Cannot write the pixels for the engine to {self.folder.parent}: "
                f"{error.strerror or error}. Free some disk space, then repeat the filter."
            )
            raise engine_process.EngineError(message) from error
        except BaseException:
            engine_process.remove_run_folder(self.folder)
            raise

    def _export(self, on_progress: canvas.OnProgress) -> job.Job:
        """Write the content, the styles and the masks, and return the job that names them."""
        request = self.request
        self._out_of_gamut = canvas.write_pixels(
            request.content, self.folder / CONTENT, lambda done: on_progress(done / 2)
        )
        made = []
        for number, resolved in enumerate(self.resolved, 1):
            style = resolved.style.path
            if resolved.style.item is not None:
                style = f"style-{number}.npy"
                layer = Gimp.Item.get_by_id(resolved.style.item.number)
                canvas.write_pixels(layer, self.folder / style)
            mask = self._export_mask(number, resolved)
            given = {"style": style, "mask": mask, "name": resolved.name}
            for described in job.options(job.Region):
                path = getattr(resolved.region, described.name)
                if described.metadata["kind"] in job.INPUT_KINDS and path:
                    given[described.name] = sources.local_path(path)
            made.append(dataclasses.replace(resolved.region, **given))
            on_progress(0.5 + 0.5 * number / len(self.resolved))
        options = {**request.options, "protect": self._export_protected()}
        wanted = job.Job(content=CONTENT, output=RESULT, regions=tuple(made), **options)
        job.check(wanted)
        return wanted

    def _export_mask(self, number: int, resolved: sources.ResolvedRegion) -> str:
        request, mask = self.request, resolved.mask
        if mask.kind in (sources.ALL, sources.REST):
            return mask.kind
        if mask.kind == sources.FILE:
            return mask.path
        name = f"mask-{number}.npy"
        if not canvas.write_mask(request.image, request.content, mask, self.folder / name):
            pixels = request.content.get_width() * request.content.get_height()
            raise sources.covers_nothing(resolved.name, mask, pixels, self._content_name)
        return name

    def _export_protected(self) -> str:
        request, mask = self.request, self._protected
        if mask is None or mask.kind == sources.FILE:
            return mask.path if mask else ""
        if not canvas.write_mask(request.image, request.content, mask, self.folder / PROTECTED):
            pixels = request.content.get_width() * request.content.get_height()
            raise sources.protects_nothing(mask, pixels, self._content_name)
        return PROTECTED

    def finish(
        self,
        done: engine_process.EngineResult,
        on_progress: canvas.OnProgress = lambda done: None,
    ) -> Delivery:
        """Put the painting into the image, or into a file if that fails in any way.

        Raises
        ------
        engine_process.EngineError
            If the engine's picture is damaged, or no file can be written either.
        """
        notes = list(done.warnings)
        if self._out_of_gamut:
            notes.append(OUT_OF_GAMUT.format(self._content_name))
        painting = self._painting(done, notes)
        built, reason = None, "The layer is gone."
        try:
            image, content = self.request.image, self.request.content
            there = result_layers.is_there(image, content)
            if there:
                self._format = result_layers.format_of(image)
                try:
                    self._look.check(content)
                except result_layers.PlacingError as error:
                    reason, there = str(error), False
            built, missing = result_layers.build(
                painting, self._format, content if there else None, on_progress
            )
            notes += missing
            if there:
                layers, placing = result_layers.place(built, painting.name, image, content)
                built.delete()
                Gimp.displays_flush()
                return Delivery(layers, [*notes, *placing, *_mode_notes(image)])
        except Exception as error:  # a finished painting is never lost, whatever went wrong
            cause = str(error) or type(error).__name__
            reason = f"The painting cannot be put into the image ({cause})."
        path = self._save(painting, built)
        return Delivery([], [*notes, f"{reason} The painting was saved as {path}"], built)

    def _painting(
        self, done: engine_process.EngineResult, notes: list[str]
    ) -> result_layers.FinishedPainting:
        """Return the engine's files, each checked, with the name and settings of the layers."""
        try:
            npy.shape_of(done.files[0])
        except (OSError, ValueError) as error:
            message = f"The engine's picture is damaged: {error}\nThe log is {self.engine.log}"
            raise engine_process.EngineError(message) from error
        options = self.request.options
        parts: tuple[result_layers.MaskedPicture, ...] = ()
        name, settings = "Painting", ""
        try:
            blend = labels.blend(options["method"], done.method or options["method"])
            name = result_layers.layer_name(self.resolved, blend, options["strength"])
            settings = arguments.to_text(
                options,
                sources.regions_to_json(self.request.regions),
                self.location.version,
                done.method,
            )
            if self.job.uncut:
                parts = self._parts(done)
        except Exception as error:  # the painting itself is there
            notes.append(f"The painting is a plain layer, without masks or settings: {error}")
        picture, areas = done.files[0], done.areas
        return result_layers.FinishedPainting(name, settings, picture, areas, parts)

    def _parts(self, done: engine_process.EngineResult) -> tuple[result_layers.MaskedPicture, ...]:
        pictures = done.files[1:]
        if len(pictures) == 1:  # a painting made in one piece serves all styles
            pictures = pictures * len(self.resolved)
        if not len(pictures) == len(done.masks) == len(self.resolved):
            counts = f"{len(pictures)} pictures and {len(done.masks)} masks"
            message = f"the engine returned {counts} for {len(self.resolved)} styles"
            raise ValueError(message)
        for path in (*pictures, *filter(None, done.masks)):
            npy.shape_of(path)
        return tuple(
            result_layers.MaskedPicture(resolved.name, picture, mask)
            for resolved, picture, mask in zip(self.resolved, pictures, done.masks)
        )

    def _save(self, painting: result_layers.FinishedPainting, built: Gimp.Image | None) -> Path:
        try:
            if built is not None:
                return result_layers.save(built, painting.name)
        except Exception as error:
            print(f"GIMP cannot save the painting: {error}", file=sys.stderr)
        try:
            return result_layers.save_without_gimp(painting)
        except OSError as error:
            message = f"The painting cannot be saved: {error}\nThe log is {self.engine.log}"
            raise engine_process.EngineError(message) from error


def follow(run: GimpRun) -> engine_process.EngineResult:
    """Wait for the engine without windows, and show its progress in GIMP's status bar."""
    Gimp.progress_init("Neural style")
    while True:
        event = run.engine.next_event(0.5)
        if event is None:
            continue
        if event.get("type") == "progress":
            Gimp.progress_update(fraction(event))
        elif event.get("type") == "done":
            return run.engine.result(event)


def fraction(event: dict[str, Any]) -> float:
    """Return the finished share of the work, from 0 to 1, that a progress message reports."""
    steps = max(int(event.get("steps") or 1), 1)
    done = min(int(event.get("step") or 0) / steps, 1.0)
    if event.get("stage") != "paint":
        return 0.0 if event.get("stage") != "write" else 1.0
    scales = max(int(event.get("scales") or 1), 1)
    # Each scale has four times the pixels of the one before, and about half of its steps.
    sizes = [2.0**number for number in range(scales)]
    scale = min(max(int(event.get("scale") or 1), 1), scales)
    return (sum(sizes[: scale - 1]) + done * sizes[scale - 1]) / sum(sizes)


def chosen_regions(
    config: Gimp.ProcedureConfig, image: Gimp.Image, content: Gimp.Layer
) -> tuple[job.Region, ...]:
    """Return the regions of a script: the list, one style, or the layers with layer masks.

    Raises
    ------
    sources.RegionError
        If they cannot be read.
    """
    style, mask = arguments.simple_style(config)
    given = sources.regions_from_json(config.get_property("regions"))
    if style and given:
        message = "Both style and regions are given. Give one of them."
        raise sources.RegionError(message)
    if given:
        return given
    available = canvas.available_sources(image, content)
    if not style:
        return sources.default_regions(available) if available.prepared else ()
    return (job.Region(style=style, mask=canvas.mask_spec(image, mask)),)


def _mode_notes(image: Gimp.Image) -> list[str]:
    """Return a sentence on the colors that the image's mode does not keep."""
    lost = {
        Gimp.ImageBaseType.INDEXED: "has a palette, so the painting has only its colors",
        Gimp.ImageBaseType.GRAY: "is gray, so the painting is gray",
    }.get(image.get_base_type())
    if not lost:
        return []
    return [f"This image {lost}. Convert it to RGB (Image > Mode) before painting."]
