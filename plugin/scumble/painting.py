"""One painting, from the layer in GIMP to the new layers; with or without windows around it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arguments
import canvas
import job
import npy
import painter
import regions
import results
from gi.repository import Gimp

HERE = Path(__file__).resolve().parent
CONTENT = "content.npy"
RESULT = "result.npy"
KEPT = "protect.npy"
BEYOND = (
    "Some colours of the layer “{}” lie beyond sRGB, which is painted in; in the painting they are "
    "the nearest that sRGB has, where no style goes, too."
)


@dataclass(frozen=True)
class Wish:
    """What is to be painted: the layer, the options of a job, and the regions."""

    image: Gimp.Image
    content: Gimp.Layer
    options: dict[str, Any]
    regions: tuple[job.Region, ...]


class Painting:
    """A run under way: the pixels are handed over and the engine has been started.

    Raises
    ------
    regions.RegionError, canvas.CanvasError, job.JobError, painter.PainterError
        If it cannot be begun; nothing is left behind then.
    """

    def __init__(self, wish: Wish, told: canvas.Told = lambda done: None) -> None:
        self.wish = wish
        self.place = painter.read_place(HERE)
        scene = canvas.scene_of(wish.image, wish.content)
        self.plans = regions.plan(wish.regions, scene)
        self.kept = regions.kept(wish.options["protect"], scene)
        self.precision = wish.image.get_precision()
        self.name = results.layer_name(self.plans, wish.options["method"], wish.options["strength"])
        self.folder = painter.make_run_folder()
        try:
            self.job = self._hand_over(told)
            painter.write_job(self.job, self.folder)
            self.painter = painter.Painter(self.place, self.folder)
        except OSError as error:
            painter.remove_run_folder(self.folder)
            message = (
                f"The pixels cannot be handed to the engine through {self.folder.parent}: "
                f"{error.strerror or error}. Make room there, then repeat the filter."
            )
            raise painter.PainterError(message) from error
        except BaseException:
            painter.remove_run_folder(self.folder)
            raise

    def _hand_over(self, told: canvas.Told) -> job.Job:
        """Write the content, the styles and the masks, and return the job that names them."""
        wish = self.wish
        self._beyond = canvas.write_pixels(
            wish.content, self.folder / CONTENT, lambda done: told(done / 2)
        )
        made = []
        for number, plan in enumerate(self.plans, 1):
            style = plan.style.path
            if plan.style.item is not None:
                style = f"style-{number}.npy"
                layer = Gimp.Item.get_by_id(plan.style.item.number)
                canvas.write_pixels(layer, self.folder / style)
            mask = self._hand_over_mask(number, plan)
            given = {"style": style, "mask": mask, "name": plan.name}
            for described in job.options(job.Region):
                path = getattr(plan.region, described.name)
                if described.metadata["kind"] in job.INPUT_KINDS and path:
                    given[described.name] = regions.local_path(path)
            made.append(dataclasses.replace(plan.region, **given))
            told(0.5 + 0.5 * number / len(self.plans))
        options = {**wish.options, "protect": self._hand_over_kept()}
        wanted = job.Job(content=CONTENT, output=RESULT, regions=tuple(made), **options)
        job.check(wanted)
        return wanted

    def _hand_over_mask(self, number: int, plan: regions.Plan) -> str:
        wish = self.wish
        if plan.mask.kind in (regions.ALL, regions.REST):
            return plan.mask.kind
        name = f"mask-{number}.npy"
        if plan.mask.kind == regions.FILE:
            if not wish.options["uncut"]:
                return plan.mask.path
            canvas.write_mask_file(wish.content, Path(plan.mask.path), self.folder / name)
            return name
        if not canvas.write_mask(wish.image, wish.content, plan.mask, self.folder / name):
            pixels = wish.content.get_width() * wish.content.get_height()
            raise regions.covers_nothing(plan.name, plan.mask, pixels, wish.content.get_name())
        return name

    def _hand_over_kept(self) -> str:
        wish, mask = self.wish, self.kept
        if mask is None or mask.kind == regions.FILE:
            return mask.path if mask else ""
        if not canvas.write_mask(wish.image, wish.content, mask, self.folder / KEPT):
            pixels = wish.content.get_width() * wish.content.get_height()
            raise regions.keeps_nothing(mask, pixels, wish.content.get_name())
        return KEPT

    def result(self, outcome: painter.Outcome) -> results.Result:
        """Return what is to be put into the image.

        Raises
        ------
        painter.PainterError
            If a picture of the engine's is damaged.
        """
        for path in outcome.files:
            try:
                npy.shape_of(path)
            except (OSError, ValueError) as error:
                message = f"The engine's picture is damaged: {error}\nThe log is {self.painter.log}"
                raise painter.PainterError(message) from error
        parts: tuple[results.Part, ...] = ()
        pictures = outcome.files[1:]
        if len(pictures) == 1:  # of what was painted in one go there is one picture for all styles
            pictures *= len(self.plans)
        if self.job.uncut and len(pictures) == len(self.plans):
            parts = tuple(
                results.Part(
                    name=plan.name,
                    picture=path,
                    mask=self.folder / region.mask if region.mask.endswith(".npy") else None,
                    rest=region.mask == regions.REST,
                )
                for plan, region, path in zip(self.plans, self.job.regions, pictures)
            )
        settings = arguments.to_text(
            self.wish.options, regions.to_json(self.wish.regions), self.place.version
        )
        return results.Result(self.name, settings, outcome.files[0], parts)

    def finish(
        self, outcome: painter.Outcome, told: canvas.Told = lambda done: None
    ) -> tuple[list[Gimp.Layer], list[str], Gimp.Image | None]:
        """Put the result into the image, or into a file where the layer is gone.

        Returns
        -------
        tuple
            The new layers (none where they went into a file), sentences for the user, and the
            image that was made for the file.
        """
        result = self.result(outcome)
        notes = list(outcome.warnings)
        if self._beyond:
            notes.append(BEYOND.format(self.wish.content.get_name()))
        image, content = self.wish.image, self.wish.content
        why = "The layer is gone meanwhile."
        if results.is_there(image, content):
            try:
                return results.place(image, content, result, told), notes + _lost(image), None
            except Exception as error:  # whatever it is, the painting must not be lost
                why = f"The painting cannot be put into the image: {error}."
        try:
            path, extra = results.save_aside(self.name, self.precision, result, told)
        except OSError as error:
            message = f"{why} Nor can it be saved: {error}\nThe log is {self.painter.log}"
            raise painter.PainterError(message) from error
        return [], [*notes, f"{why} The painting was saved as {path}"], extra


def follow(painting: Painting) -> painter.Outcome:
    """Wait for the engine without windows, and show its progress in GIMP's status bar."""
    Gimp.progress_init("Neural style")
    while True:
        event = painting.painter.next_event(0.5)
        if event is None:
            continue
        if event.get("type") == "progress":
            Gimp.progress_update(fraction(event))
        elif event.get("type") == "done":
            return painting.painter.outcome(event)


def fraction(event: dict[str, Any]) -> float:
    """Return how far a progress message says the work is, from 0 to 1."""
    steps = max(int(event.get("steps") or 1), 1)
    done = min(int(event.get("step") or 0) / steps, 1.0)
    if event.get("stage") != "paint":
        return 0.0 if event.get("stage") != "write" else 1.0
    scales = max(int(event.get("scales") or 1), 1)
    # Each scale has four times the pixels of the one before.
    sizes = [4.0**number for number in range(scales)]
    scale = min(max(int(event.get("scale") or 1), 1), scales)
    return (sum(sizes[: scale - 1]) + done * sizes[scale - 1]) / sum(sizes)


def chosen_regions(
    config: Gimp.ProcedureConfig, image: Gimp.Image, content: Gimp.Layer
) -> tuple[job.Region, ...]:
    """Return the regions that a script asks for: the list, the simple case, or prepared layers.

    Raises
    ------
    regions.RegionError
        If they cannot be read.
    """
    style, mask = arguments.simple_style(config)
    given = regions.from_json(config.get_property("regions"))
    if style and given:
        message = "Both style and regions are given; give one of them."
        raise regions.RegionError(message)
    if given:
        return given
    scene = canvas.scene_of(image, content)
    if not style:
        return regions.default_regions(scene) if scene.prepared else ()
    return (job.Region(style=style, mask=canvas.mask_words(image, mask)),)


def _lost(image: Gimp.Image) -> list[str]:
    """Say what the image's mode keeps of the painting's colours."""
    lost = {
        Gimp.ImageBaseType.INDEXED: "has a palette, so the painting has only its colours",
        Gimp.ImageBaseType.GRAY: "is grey, so the painting is grey",
    }.get(image.get_base_type())
    if not lost:
        return []
    cure = "turn it into RGB (Image > Mode) before painting to have all colours"
    return [f"This image {lost}; {cure}."]
