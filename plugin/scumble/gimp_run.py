"""One run of the filter: from the layer in GIMP to the new layers, with or without windows."""

from __future__ import annotations

import dataclasses
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import arguments
import canvas
import earlier_results
import engine_process
import image_items
import interrupted_runs
import kept_masks
import labels
import mask_pixels
import npy
import painting_files
import picture_files
import rendering
import result_layers
import sources
from fingerprint import Fingerprint
from gi.repository import Gimp
from placing import Finished, cannot_place, hindrance
from run_requests import Request

from engine import job, job_checks
from engine.translations import N_, _

HERE = Path(__file__).resolve().parent
CONTENT = "content.npy"
RESULT = "result.npy"
MASK = "mask-{}.npy"
START = "start.npy"
OUT_OF_GAMUT = N_(
    "Some colors of the layer “{layer}” lie outside sRGB, in which Scumble paints. The painting "
    "has the nearest colors of sRGB."
)


@dataclass(frozen=True)
class Exported:
    """A run's job, and what its result needs to know of it.

    Attributes
    ----------
    names : list of str
        The regions' names.
    uncut : bool
        Whether layers with masks are made.
    out_of_gamut : bool
        Whether some colors of the content lie outside sRGB.
    precisions : dict of str to str
        The precision of each mask to carry, by its key: a region's number, or 'protect'.
    masks : dict of str to bytes
        These masks, compressed.
    """

    names: list[str]
    uncut: bool
    out_of_gamut: bool
    precisions: dict[str, str]
    masks: dict[str, bytes]


class GimpRun:
    """A run whose pixels are exported and whose engine is started.

    Parameters
    ----------
    request : Request
    on_progress : callable
    interrupted : Interrupted, optional
        The state of an interrupted run to take up; nothing is exported then.

    Raises
    ------
    sources.RegionError, canvas_error.CanvasError, job.JobError, engine_process.EngineError
        If the run cannot start; no files are left behind then.
    """

    def __init__(
        self,
        request: Request,
        on_progress: canvas.OnProgress = lambda done: None,
        interrupted: interrupted_runs.Interrupted | None = None,
    ) -> None:
        self.request = request
        self.location = engine_process.read_location(HERE)
        # The image may be closed before the painting is finished.
        self._content_name = request.content.get_name()
        self._format = result_layers.format_of(request.image)
        self._fingerprint = Fingerprint.of(request.content)
        self._about_content = earlier_results.about_content(request.content)
        self._steps = 0
        if interrupted is None:
            image_items.check_size(request.content)
        folder = engine_process.RunFolder()
        self.folder = folder.path
        try:
            with ExitStack() as undo:
                undo.callback(folder.remove)
                name = interrupted.name if interrupted else ""
                # The engine loads the network while the pixels are written.
                self.engine = engine_process.EngineProcess(
                    self.location, folder, name, waits=interrupted is None
                )
                undo.callback(self.engine.close)
                if interrupted is None:
                    self.exported = self._export(on_progress)
                    self._write_origin()
                    self.engine.begin()
                else:
                    self.exported = _taken_up(interrupted)
                undo.pop_all()
        except OSError as error:
            message = _(
                "Cannot write the pixels for the engine to {folder}: {reason}. Free some disk "
                "space, then repeat the filter."
            ).format(folder=self.folder.parent, reason=error.strerror or error)
            raise engine_process.EngineError(message) from error

    def _export(self, on_progress: canvas.OnProgress) -> Exported:
        """Write the content, the styles, the masks and the job."""
        request = self.request
        available = earlier_results.Target(request.content, request.result).sources(request.image)
        all_resolved = sources.resolve(request.regions, available)
        protected = sources.resolve_protected(request.options["protect"], available)
        self._precisions: dict[str, str] = {}
        out_of_gamut = canvas.write_pixels(
            request.content, self.folder / CONTENT, _within(on_progress, 0.0, 0.5)
        )
        count, made = len(all_resolved), []
        for number, resolved in enumerate(all_resolved, 1):
            style = resolved.style.path
            if resolved.style.item is not None:
                style = f"style-{number}.npy"
                layer = Gimp.Item.get_by_id(resolved.style.item.number)
                canvas.write_pixels(layer, self.folder / style)
            elif resolved.style.kind == sources.FILE:
                style = self._color_file(style, f"style-{number}.npy")
            share = 0.5 + 0.5 * (number - 1) / count, 0.5 + 0.5 * number / count
            report = _within(on_progress, *share)
            mask = self._export_mask(str(number), resolved.mask, resolved.name, report)
            given = {"style": style, "mask": mask, "name": resolved.name}
            for described in job.options(job.Region):
                path = getattr(resolved.region, described.name)
                if described.metadata["kind"] in job.INPUT_KINDS and path:
                    name = f"{described.name}-{number}.npy"
                    given[described.name] = self._gray_file(sources.local_path(path), name)
            made.append(dataclasses.replace(resolved.region, **given))
            report(1.0)
        options = {**request.options, "protect": ""}
        if protected is not None:
            options["protect"] = self._export_mask("protect", protected)
        if options["init"] == "picture" and options["init_picture"]:
            options["init_picture"] = self._color_file(options["init_picture"], "init.npy")
        if request.goes_on:
            options.update(self._continuation())
        wanted = job.Job(content=CONTENT, output=RESULT, regions=tuple(made), **options)
        job_checks.check(wanted)
        engine_process.write_job(wanted, self.folder)
        masks = {
            key: kept_masks.compressed(self.folder / MASK.format(key), precision)
            for key, precision in self._precisions.items()
        }
        names = [resolved.name for resolved in all_resolved]
        return Exported(names, wanted.uncut, out_of_gamut, self._precisions, masks)

    def _export_mask(
        self,
        key: str,
        mask: sources.Source,
        region: str = "",
        on_progress: canvas.OnProgress = lambda done: None,
    ) -> str:
        """Write a mask; `region` is the name of its region, empty for the protected part."""
        request = self.request
        if mask.kind in (sources.ALL, sources.REST):
            return mask.kind
        if mask.kind == sources.FILE:
            return self._gray_file(mask.path, MASK.format(key))
        path = self.folder / MASK.format(key)
        if not mask_pixels.write_mask(request.image, request.content, mask, path, on_progress):
            pixels = request.content.get_width() * request.content.get_height()
            if region:
                raise sources.covers_nothing(region, mask, pixels, self._content_name)
            raise sources.protects_nothing(mask, pixels, self._content_name)
        drawable, _, _ = mask_pixels.mask_drawable(request.image, request.content, mask)
        self._precisions[key] = kept_masks.precision_of(drawable)
        return path.name

    def _color_file(self, path: str, name: str) -> str:
        """Return the file of a picture: its own, or one that the engine reads."""
        if picture_files.engine_reads(path):
            return path
        with rendering.opened_picture(path) as layer:
            canvas.write_pixels(layer, self.folder / name)
        return name

    def _gray_file(self, path: str, name: str) -> str:
        """Return the file of a gray picture: its own, or one that the engine reads."""
        if picture_files.engine_reads(path):
            return path
        with rendering.opened_picture(path) as layer:
            canvas.write_gray(layer, self.folder / name)
        return name

    def _continuation(self) -> dict[str, Any]:
        """Return the options for further steps from the earlier result, at its working size."""
        request = self.request
        assert request.result is not None
        canvas.write_over(request.result, request.content, self.folder / START)
        options = earlier_results.continuation(request.result, request.options["size"])
        return {**options, "init_picture": START}

    def _write_origin(self) -> None:
        """Write what recognizes the layer and finishes the run, if the run is interrupted."""
        request, exported = self.request, self.exported
        origin = {
            "name": self._content_name,
            "look": self._fingerprint.digest(),
            "options": request.options,
            "regions": sources.regions_to_json(request.regions),
            "names": exported.names,
            "out_of_gamut": exported.out_of_gamut,
            "precisions": exported.precisions,
        }
        path = self.folder / interrupted_runs.ORIGIN
        path.write_text(json.dumps(origin), encoding="utf-8")

    def note_progress(self, event: dict[str, Any]) -> None:
        """Remember how many steps the last scale has."""
        if event.get("type") == "progress" and event.get("stage") == "paint":
            self._steps = int(event.get("steps") or 0)

    def build(
        self,
        done: engine_process.EngineResult,
        on_progress: canvas.OnProgress = lambda done: None,
    ) -> Finished:
        """Build the new layer in an image of its own, or save the painting if that fails.

        Raises
        ------
        engine_process.EngineError
            If the engine's picture is damaged, or it cannot be saved either.
        """
        notes = list(done.warnings)
        if self.exported.out_of_gamut:
            notes.append(_(OUT_OF_GAMUT).format(layer=self._content_name))
        painting = self._painting(done, notes)
        finished = Finished(
            self.request,
            self._fingerprint,
            painting.name,
            notes,
            self.location,
            self.engine.state,
        )
        try:
            finished.reason = hindrance(finished)
            content = None if finished.reason else self.request.content
            if content is not None:
                self._format = result_layers.format_of(self.request.image)
            finished.built, missing = result_layers.build(
                painting, self._format, content, on_progress
            )
            notes += missing
        except Exception as error:  # a finished painting is never lost, whatever went wrong
            finished.reason = cannot_place(error)
            try:
                finished.saved = painting_files.save_without_gimp(painting.picture, painting.name)
            except OSError as error_:
                raise self._unsaved(error_) from error_
        return finished

    def _unsaved(self, error: OSError) -> engine_process.EngineError:
        message = _("The painting cannot be saved: {reason}\nThe log is {log}")
        return engine_process.EngineError(message.format(reason=error, log=self.engine.log))

    def _painting(
        self, done: engine_process.EngineResult, notes: list[str]
    ) -> result_layers.FinishedPainting:
        """Return the engine's files, each checked, with the name and settings of the layers."""
        try:
            npy.shape_of(done.files[0])
        except (OSError, ValueError) as error:
            message = _("The engine's picture is damaged: {reason}\nThe log is {log}")
            message = message.format(reason=error, log=self.engine.log)
            raise engine_process.EngineError(message) from error
        options = self.request.options
        parts: tuple[result_layers.MaskedPicture, ...] = ()
        name, settings = _("The painting"), ""
        try:
            blend = labels.blend(options["method"], done.method or options["method"])
            name = result_layers.layer_name(self.exported.names, blend, options["strength"])
            settings = arguments.to_text(
                options,
                sources.regions_to_json(self._carried_regions()),
                self.location.version,
                done.method,
                content=self._about_content,
                painted=self._painted(done),
            )
            if self.exported.uncut:
                parts = self._parts(done)
        except Exception as error:  # the painting itself is there
            note = _("The painting is a plain layer, without masks or settings: {reason}")
            notes.append(note.format(reason=error))
        picture, areas, masks = done.files[0], done.areas, self.exported.masks
        return result_layers.FinishedPainting(name, settings, picture, areas, parts, masks)

    def _carried_regions(self) -> tuple[job.Region, ...]:
        """Return the regions; a mask of the earlier result is now one of the new result."""
        return tuple(
            dataclasses.replace(region, mask=sources.kept(number))
            if region.mask.startswith(sources.kept(""))
            else region
            for number, region in enumerate(self.request.regions, 1)
        )

    def _painted(self, done: engine_process.EngineResult) -> dict[str, int]:
        """Return the working size and the steps of the last scale, to take as many again."""
        known = job.METHODS.get(done.method)
        pictures = known.pictures(len(self.exported.names)) if known else 1
        size = done.about.get("settings", {}).get("job", {}).get("size", 0)
        return {"size": int(size), "steps": self._steps // pictures}

    def _parts(self, done: engine_process.EngineResult) -> tuple[result_layers.MaskedPicture, ...]:
        pictures, names = done.files[1:], self.exported.names
        if len(pictures) == 1:  # a painting made in one piece serves all styles
            pictures = pictures * len(names)
        if not len(pictures) == len(done.masks) == len(names):
            message = _(
                "for {styles} styles the engine returned {pictures} pictures, {masks} masks"
            )
            counts = {"styles": len(names), "pictures": len(pictures), "masks": len(done.masks)}
            raise ValueError(message.format(**counts))
        for path in (*pictures, *filter(None, done.masks)):
            npy.shape_of(path)
        return tuple(
            result_layers.MaskedPicture(name, picture, mask)
            for name, picture, mask in zip(names, pictures, done.masks)
        )


def _within(on_progress: canvas.OnProgress, first: float, last: float) -> canvas.OnProgress:
    """Return a callable for the progress of a part, which runs from `first` to `last`."""
    return lambda done: on_progress(first + (last - first) * done)


def _taken_up(interrupted: interrupted_runs.Interrupted) -> Exported:
    """Return what the result of an interrupted run needs, from the state that the engine kept."""
    origin, kept = interrupted.origin, interrupted.job
    paths = {str(number): each["mask"] for number, each in enumerate(kept["regions"], 1)}
    paths["protect"] = kept["protect"]
    precisions = origin["precisions"]
    masks = {key: kept_masks.compressed(Path(paths[key]), precisions[key]) for key in precisions}
    return Exported(origin["names"], bool(kept["uncut"]), origin["out_of_gamut"], precisions, masks)


def paint_each(
    requests: list[Request],
    paint: Callable[[Request], Finished | None],
) -> tuple[list[Finished], list[str]]:
    """Paint one layer after the other; one that fails does not keep the others from it.

    Parameters
    ----------
    requests : list of Request
    paint : callable
        Paints one of them; returns None to end the queue.

    Returns
    -------
    finished : list of Finished
    failures : list of str
        A sentence on each layer that was not painted.

    Raises
    ------
    Exception
        The first failure, if nothing at all was painted.
    """
    finished: list[Finished] = []
    failures: list[str] = []
    first: Exception | None = None
    for request in requests:
        name = request.content.get_name()
        try:
            made = paint(request)
        except Exception as error:  # those that are finished are never lost, whatever happens
            first = first or error
            reason = str(error) or type(error).__name__
            failure = _("The layer “{layer}” was not painted: {reason}")
            failures.append(failure.format(layer=name, reason=reason))
            continue
        if made is None:
            break
        finished.append(made)
    if first is not None and not finished:
        if len(failures) > 1:
            raise engine_process.EngineError("\n".join(failures)) from first
        raise first
    return finished, failures


def paint_quietly(request: Request) -> Finished:
    """Paint one layer without windows.

    Raises
    ------
    sources.RegionError, canvas_error.CanvasError, job.JobError, engine_process.EngineError
        If it cannot be painted.
    """
    run = GimpRun(request)
    try:
        return run.build(follow(run))
    finally:
        run.engine.close()


def follow(run: GimpRun) -> engine_process.EngineResult:
    """Wait for the engine without windows, and show its progress in GIMP's status bar."""
    Gimp.progress_init(_("Neural style"))
    while True:
        event = run.engine.next_event(0.5)
        if event is None:
            continue
        run.note_progress(event)
        if event.get("type") == "progress":
            Gimp.progress_update(engine_process.fraction(event))
        elif event.get("type") == "done":
            return run.engine.result(event)
