"""The preparation of a run: it reads the files, opens the network and plans the painting."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine import speed, tuning, tuning_trials
from engine.card_lbfgs import CardLbfgs
from engine.errors import StateError
from engine.events import Device, MethodChosen, Notice, OnEvent, Progress
from engine.job import AUTO_SIZE, Job
from engine.job_checks import check
from engine.masks.mask import Mask
from engine.masks.regions import LoadedRegion, load_regions, protect_mask
from engine.masks.softness import survey
from engine.memory import memory, resident
from engine.methods import METHODS, Method, choose_method
from engine.network import Network, open_network
from engine.overhead import Rates, reading_rates
from engine.paths import model_file
from engine.pictures.picture import read_stored
from engine.pictures.reading_memory import ReadingMemory
from engine.pictures.stored import StoredPicture
from engine.run_estimate import FREE_SHARE, Estimate, estimate
from engine.run_shape import RunShape
from engine.scale_resources import Card
from engine.sizes import working_size
from engine.threads import thread_notice
from engine.translations import _, number_text
from engine.warm import Warm
from models.forms import KINDS
from models.kernels import Kernels
from models.weights import Weights

SURVEY_AREA = 190_000
"""Most pixels of the size at which masks are surveyed."""

MEASURED_AREA = 190_000
"""Pixels of a painting up to which the speed of a new machine is assumed, not measured."""

LARGE_AREA = 380_000
"""Pixels of a painting from which a notice tells about style pictures that are smaller."""


@dataclass(frozen=True)
class Conditions:
    """The conditions that a run's plan and its last bits depend on, besides its job.

    Attributes
    ----------
    device, losses : str
        As `Network` has them.
    threads : int
    budget : int
        Bytes that the whole process may have.
    seconds_per_pixel : float
        Of one evaluation.
    card_bytes : int
        Bytes of memory that a graphics card had free; 0 without one, or where it is not known.
    forms : dict of str to str
        How each kind of convolution is computed.
    rates : dict of str to float
        Seconds per pixel of all other work that was measured; the automatic size depends on them.
    """

    device: str
    losses: str
    threads: int
    budget: int
    seconds_per_pixel: float
    card_bytes: int
    forms: dict[str, str]
    rates: dict[str, float]


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to paint: its files are read, its time and its memory are estimated.

    Attributes
    ----------
    job : Job
        With the method and the size that were chosen.
    method : Method
    content : StoredPicture
    regions : list of LoadedRegion
    protect : Mask or None
    network : Network
    estimated : Estimate
    shape : RunShape
    conditions : Conditions
    reading_rates : dict of str to float
        How fast each kind of file was read, in seconds per pixel; empty beside other work.
    read, opened : float
        When the files were read and the network was opened, as `time.perf_counter` has it.
    """

    job: Job
    method: Method
    content: StoredPicture
    regions: list[LoadedRegion]
    protect: Mask | None
    network: Network
    estimated: Estimate
    shape: RunShape
    conditions: Conditions
    reading_rates: dict[str, float]
    read: float
    opened: float


def prepare(
    job: Job,
    on_event: OnEvent,
    method: Method | None = None,
    *,
    warm: Warm | None = None,
    area: int | None = None,
    conditions: Conditions | None = None,
) -> Prepared:
    """Read the files of a job, open the network, and plan the run.

    Parameters
    ----------
    job : Job
    on_event : callable
        Is called with events; the last ones say the method, what the run will take, and notices.
    method : Method, optional
        A method to try, in place of the one that the job names.
    warm, area
        As for `stylize`.
    conditions : Conditions, optional
        Those of an interrupted run, which is resumed.

    Raises
    ------
    JobError, PictureError, WeightsError, StateError
        As `stylize` does.
    """
    check(job)
    warm = warm or Warm()
    warm.begin(job)
    on_event(Progress("model", 0, 1))
    clocks = speed.Clocks()
    reading = ReadingMemory(memory_budget(job) - resident(), limited=bool(job.memory))
    content = read_stored(job.content, reading=reading)
    reading.keep(content.nbytes)
    height, width = content.size
    for note in content.notes:
        on_event(Notice(f"{job.content}: {note}"))
    regions, notes = load_regions(job, (height, width), reading, warm.style)
    for note in notes:
        on_event(Notice(note))
    protect = protect_mask(job, (height, width), reading)
    rates = reading_rates(reading.reads, speed.RATE_PIXELS) if clocks.undisturbed() else {}
    read = time.perf_counter()
    outdated = tuning.outdated() if conditions is None else ""
    if outdated:
        on_event(Notice(outdated))
        tuning_trials.measure(Kernels(Weights(model_file())))
    network = warm.network(job) if conditions is None else _open_network(job, conditions)
    for text in (network.notice, thread_notice(job.threads)):
        if text:
            on_event(Notice(text))
    on_event(Device(network.device, network.provider, network.threads, network.losses))
    on_event(Progress("model", 1, 1))
    opened = time.perf_counter()
    shape = RunShape(
        (height, width),
        [region.style.shape[1:] for region in regions],
        protect is not None,
        held=reading.held,
        reading=reading.most,
        depth=4 if in_float(job) else content.numbers.itemsize,
        planes=3 if content.srgb is not None else content.numbers.shape[2],
        masks=sum(region.mask != "" for region in job.regions),
        converted=content.srgb is not None and not in_float(job),
        reads=reading.reads,
    )
    if method is None:
        size = survey_size(job, (height, width))
        method = METHODS.get(job.method) or choose_method(
            survey([region.mask.resized(size) for region in regions])
        )
    resumed = conditions is not None
    if conditions is None:
        conditions = present_conditions(job, shape, network)
    if area is None or job.size != AUTO_SIZE:
        area = job.size
    estimated = plan(replace(job, size=area), method, shape, network, conditions)
    short = estimated.bytes - memory_budget(job)
    if resumed and short > 0:
        text = _(
            "The painting was planned for {gigabytes} GB more memory than is free now; close other "
            "programs if it is slow."
        )
        on_event(Notice(text.format(gigabytes=number_text(short / 1e9, ".1f"))))
    job = replace(job, method=method.name, size=estimated.area)
    on_event(MethodChosen(method.name))
    on_event(estimated.event)
    if estimated.size != (height, width):
        text = _(
            "The picture of {width} x {height} pixels is painted at {columns} x {rows} and then "
            "enlarged."
        )
        rows, columns = estimated.size
        text = text.format(width=width, height=height, columns=columns, rows=rows)
        on_event(Notice(text))
    if estimated.lacks_strokes:
        text = _(
            "There is not enough memory to give the enlarged painting fine strokes; it is enlarged "
            "smoothly."
        )
        on_event(Notice(text))
    for notice in _small_styles(regions, math.prod(estimated.size)):
        on_event(Notice(notice))
    return Prepared(
        job=job,
        method=method,
        content=content,
        regions=regions,
        protect=protect,
        network=network,
        estimated=estimated,
        shape=shape,
        conditions=conditions,
        reading_rates=rates,
        read=read,
        opened=opened,
    )


def _open_network(job: Job, conditions: Conditions) -> Network:
    """Open the network for a run that is resumed, under the conditions that it began with.

    Raises
    ------
    StateError
        If the device is not there.
    """
    names = {tuning.name(kind): kind for kind in KINDS}
    forms = {names[name]: form for name, form in conditions.forms.items()}
    measured = tuning.recorded()
    spin = measured.spin if measured else 0
    network = open_network(
        replace(job, device=conditions.device, threads=conditions.threads),
        tuning.Tuning(forms, conditions.threads, spin),
    )
    if (network.device, network.losses) != (conditions.device, conditions.losses):
        message = _(
            "The painting began on {device}, which does not work now; it cannot be resumed on "
            "another device."
        )
        raise StateError(message.format(device=conditions.device))
    return network


def present_conditions(job: Job, shape: RunShape, network: Network) -> Conditions:
    """Return the conditions on which the plan of a run depends, as they are now."""
    return Conditions(
        network.device,
        network.losses,
        network.threads,
        memory_budget(job),
        machine_speed(job, shape, network),
        network.entry.free_memory() if network.losses == "card" else 0,
        {tuning.name(kind): form for kind, form in network.forms.items()},
        speed.rates().measured,
    )


def plan(
    job: Job, method: Method, shape: RunShape, network: Network, conditions: Conditions
) -> Estimate:
    """Return what a run will take under some conditions.

    Raises
    ------
    DoesNotFitError
        If it does not fit.
    """
    card = None
    if network.losses == "card":
        # Where the free memory is not known, the tiles shrink to what it is.
        card = Card(conditions.card_bytes or math.inf, partial(CardLbfgs, network))
    budget, seconds = conditions.budget, conditions.seconds_per_pixel
    rates = Rates(conditions.rates)
    threads, forms = conditions.threads, network.forms
    return estimate(job, method, shape, budget, seconds, threads, card, rates, forms)


def in_float(job: Job) -> bool:
    """Return whether the result is float32 in sRGB, instead of the content's own numbers."""
    return Path(job.output).suffix.lower() in ("", ".npy")


def memory_budget(job: Job) -> int:
    """Return the bytes that the whole process may have: what is free, and what it has already."""
    budget = int(FREE_SHARE * memory().free) + resident()
    return min(budget, int(job.memory * 1e9)) if job.memory else budget


def machine_speed(job: Job, shape: RunShape, network: Network) -> float:
    """Return the seconds per pixel of an evaluation, measured only where much depends on it."""
    known = speed.recorded(network)
    if known is not None:
        return known
    area = shape.pixels if job.size <= 0 else min(job.size, shape.pixels)
    return speed.seconds_per_pixel(network) if area > MEASURED_AREA else speed.TYPICAL


def survey_size(job: Job, content: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which the masks choose the method that `auto` stands for.

    It is the working size, with automatic scales or an automatic size at most `SURVEY_AREA`, since
    the large strokes are laid at coarse scales.
    """
    if job.scales and job.size >= 0:
        return working_size(*content, job.size)
    return working_size(*content, min(job.size, SURVEY_AREA) if job.size > 0 else SURVEY_AREA)


def _small_styles(regions: list[LoadedRegion], area: int) -> list[str]:
    """Return a sentence for each style picture that is smaller than the painting would use."""
    notices = []
    for region in regions:
        pixels = math.prod(region.style.shape[1:])
        wanted = area * region.style_size**2
        if pixels < 0.8 * wanted and area > LARGE_AREA:
            text = _(
                "Region {region}: the style picture has {megapixels} megapixels, and the painting "
                "{painted}; a larger scan would give finer strokes."
            )
            sizes = [number_text(each / 1e6, ".2g") for each in (pixels, area)]
            text = text.format(region=region.name, megapixels=sizes[0], painted=sizes[1])
            notices.append(text)
    return notices
