"""The contract between everything that asks for a picture and the engine that paints it.

A `Job` holds all that can be asked for. Every field stands here once, with its default, its range,
its unit and the sentence that explains it; the command line, the plug-in's dialog and its
procedure's arguments are made from these fields. Standard library only: the plug-in carries a copy
of this file into GIMP's own Python.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from engine.methods import METHODS

GUIDANCES = ("receptive", "inside", "all", "resize", "squared")
COLORS = ("style", "luminance", "match")
INITS = ("content", "colors", "noise", "picture")
OPTIMIZERS = ("auto", "lbfgs", "adam")
POOLINGS = ("average", "max")
DEVICES = ("auto", "cpu", "cuda", "directml")
LAYERS = tuple(
    f"conv{b}_{n}" for b, last in enumerate((2, 2, 3, 3, 3), 1) for n in range(1, last + 1)
)

REST = "rest"
"""The mask that takes what the other masks leave."""

MAX_REGIONS = 8
MIN_SIDE = 16
"""Pixels; below this VGG-16's fifth block has no position left."""

LayerWeights = tuple[tuple[str, float], ...]


class JobError(ValueError):
    """A job that cannot be run as it is asked for; the message is one sentence for the user."""


def setting(
    default: Any,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
    label: str = "",
    log: bool = False,
) -> Any:
    """Describe one field: what it means, what it may be, and how a dialog may call it.

    Parameters
    ----------
    default : any
        Its value when nothing is asked for; its type is the field's type.
    text : str
        One sentence of help.
    low, high : float, optional
        The smallest and the largest value allowed, both included.
    choices : tuple of str
        The allowed values of a named choice.
    unit, label : str
        The unit of a number; a short name for a dialog.
    log : bool
        Whether a slider should be logarithmic.
    """
    about = {"text": text, "low": low, "high": high, "choices": choices, "unit": unit}
    return field(default=default, metadata={**about, "label": label, "log": log})


@dataclass(frozen=True)
class Region:
    """One style and the part of the picture that it paints."""

    style: str = setting("", "The picture whose style is taken.", label="Style")
    mask: str = setting(
        "",
        "A grey picture, white where the style goes; 'rest' for what the other masks leave; "
        "empty for the whole picture.",
        label="Mask",
    )
    style_mask: str = setting(
        "",
        "A grey picture over the style picture, white where its style is taken from; "
        "empty for all of it.",
        label="Part of the style",
    )
    weight: float = setting(
        1.0,
        "How much this style counts against the other styles.",
        low=0.001,
        high=1000.0,
        label="Weight",
        log=True,
    )
    scale: float = setting(
        1.0,
        "Size of the style picture's strokes: 1 gives the style as many pixels as the content.",
        low=0.25,
        high=4.0,
        unit="times",
        label="Style size",
        log=True,
    )
    name: str = setting("", "What messages call this region.", label="Name")


@dataclass(frozen=True)
class Job:
    """A picture to paint, and how."""

    content: str = setting("", "The picture to paint.")
    output: str = setting("", "The file to write; its ending says the format.")
    regions: tuple[Region, ...] = setting((), "The styles and where they go.")
    method: str = setting(
        "auto",
        "auto: banded for soft masks over all of it, else cutout; "
        + "; ".join(f"{each.name}: {each.help}" for each in METHODS.values())
        + ".",
        choices=("auto", *METHODS),
        label="Method",
    )
    guidance: str = setting(
        "auto",
        "How a mask is carried to a layer: receptive (average over the receptive field), inside, "
        "all, resize, squared (receptive, squared); auto: resize for cutout, else receptive.",
        choices=("auto", *GUIDANCES),
        label="Guidance",
    )
    grow: int = setting(
        0,
        "Grow (positive) or shrink (negative) the guidance by so many positions; only for the "
        "guidances inside and all.",
        low=-16,
        high=16,
        unit="positions",
        label="Grow",
    )
    bands: int = setting(3, "Bands of the method banded.", low=2, high=9, label="Bands")
    strength: float = setting(
        1.0,
        "Style against content: 1 is the default look, 10 asks for ten times as much style.",
        low=0.01,
        high=100.0,
        label="Strength",
        log=True,
    )
    keep: str = setting(
        "",
        "A grey picture over the content, white where the content is to be kept, such as a face.",
        label="Keep",
    )
    keep_strength: float = setting(
        30.0,
        "How many times as much content counts against style where keep is white.",
        low=1.0,
        high=1000.0,
        unit="times",
        label="Keeping",
        log=True,
    )
    size: int = setting(
        250_000,
        "The area that is worked on; a larger content is made smaller first and the result is "
        "brought back to its size. 0 works at full size.",
        low=0,
        high=100_000_000,
        unit="pixels",
        label="Working size",
    )
    iterations: int = setting(
        150,
        "Steps of the optimiser at each scale.",
        low=1,
        high=10_000,
        unit="steps",
        label="Iterations",
    )
    scales: int = setting(
        1,
        "Sizes to paint at, each half as wide as the next: more give larger strokes and an "
        "early picture.",
        low=1,
        high=6,
        label="Scales",
    )
    init: str = setting(
        "content",
        "What the painting starts from: the content, the content in the colours of the styles, "
        "noise, or a picture.",
        choices=INITS,
        label="Start from",
    )
    init_picture: str = setting("", "The picture to start from.", label="Start picture")
    colors: str = setting(
        "style",
        "style: the styles' colours; luminance: the content's own colours, only lightness is "
        "painted; match: each style is given the content's colours first.",
        choices=COLORS,
        label="Colors",
    )
    optimizer: str = setting(
        "auto",
        "lbfgs: L-BFGS-B; adam: Adam; auto: Adam for the method gradient, else L-BFGS-B.",
        choices=OPTIMIZERS,
        label="Optimizer",
    )
    learning_rate: float = setting(
        5.0,
        "Adam's step.",
        low=0.01,
        high=100.0,
        unit="of 255",
        label="Adam's step",
        log=True,
    )
    history: int = setting(
        10,
        "Steps that L-BFGS-B remembers; each takes 48 bytes of memory per pixel.",
        low=1,
        high=100,
        label="History",
    )
    pooling: str = setting("average", "The network's pooling.", choices=POOLINGS, label="Pooling")
    content_layers: LayerWeights = setting(
        (("conv3_2", 1.0),), "Layers whose features keep the content, with weights."
    )
    style_layers: LayerWeights = setting(
        tuple((f"conv{block}_1", 0.2) for block in range(1, 6)),
        "Layers whose Gram matrices carry the style, with weights.",
    )
    tv: float = setting(
        0.0,
        "Weight of the total variation, which smooths grain; 100 shows clearly.",
        low=0.0,
        high=1e6,
        label="Smoothing",
    )
    seed: int = setting(
        0, "Seed of the noise, reported with every result.", low=0, high=2**32 - 1, label="Seed"
    )
    separate: bool = setting(
        False,
        "Also write what was painted before the masks cut it out; with stitch one for each style.",
    )
    report: str = setting(
        "",
        "A folder for a report on the run: loss curves, guidance, coverage, metrics, times and "
        "memory, to attach to a question.",
        label="Report",
    )
    threads: int = setting(
        0, "Processor threads; 0 takes one per core.", low=0, high=1024, label="Threads"
    )
    device: str = setting(
        "auto",
        "Where the network runs; auto takes a graphics card where there is one that works.",
        choices=DEVICES,
        label="Device",
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON's own types; `jobfile.job_from_dict` is its inverse."""
        return dataclasses.asdict(self)


def check(job: Job) -> None:
    """Check every value, and those that only make sense together.

    Raises
    ------
    JobError
        Names the field, the value it has and what is allowed.
    """
    fields = {name: value for name, value in vars(job).items() if name != "regions"}
    checked_fields(Job, fields, "")
    for number, region in enumerate(job.regions, 1):
        checked_fields(Region, vars(region), f"regions[{number}].")
        if not region.style:
            message = f"regions[{number}].style is empty; name the picture whose style is taken."
            raise JobError(message)
    if not job.content:
        message = "content is empty; name the picture to paint."
        raise JobError(message)
    if not 1 <= len(job.regions) <= MAX_REGIONS:
        message = f"regions: {len(job.regions)} styles given; 1 to {MAX_REGIONS} are allowed."
        raise JobError(message)
    if 0 < job.size < MIN_SIDE**2:
        message = f"size: {job.size} is too small; allowed are 0 (full) or {MIN_SIDE**2} and more."
        raise JobError(message)
    weights = (*job.content_layers, *job.style_layers)
    if not any(weight for _, weight in weights):
        message = "style_layers and content_layers: every weight is 0; give one layer a weight."
        raise JobError(message)
    if job.init == "picture" and not job.init_picture:
        message = "init_picture is empty; init 'picture' needs the picture to start from."
        raise JobError(message)
    method = METHODS.get(job.method)  # auto takes whatever goes with the rest
    if method and job.optimizer not in ("auto", *method.optimizers):
        message = (
            f"optimizer: {job.optimizer!r} cannot be used with the method {job.method!r}, whose "
            "gradient is no function's gradient; allowed are "
            f"{' and '.join(repr(each) for each in (*method.optimizers, 'auto'))}."
        )
        raise JobError(message)
    if job.grow and job.guidance not in ("inside", "all"):
        message = f"grow: {job.grow} goes with guidance 'inside' or 'all', not {job.guidance!r}."
        raise JobError(message)
    if job.separate and method and not method.paints_past_masks:
        fitting = [f"{each.name!r}" for each in METHODS.values() if each.paints_past_masks]
        fitting = ["'auto'", *fitting]
        message = (
            f"separate: allowed with the methods {', '.join(fitting)}, not with {job.method!r}."
        )
        raise JobError(message)


def check_value(described: dataclasses.Field, value: Any, where: str = "") -> Any:
    """Check one value against its field's description and return it in the field's type.

    Parameters
    ----------
    described : dataclasses.Field
        A field of `Job` or `Region`.
    value : any
        What was given.
    where : str
        What the message puts before the field's name.

    Raises
    ------
    JobError
        If the value has another type or lies out of range.
    """
    name = where + described.name
    kind = type(described.default)
    if described.name.endswith("_layers"):
        return _checked_layers(name, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        kinds = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
        message = f"{name}: {shown(value)} is not {kinds[kind]}."
        raise JobError(message)
    about = described.metadata
    if about["choices"] and value not in about["choices"]:
        message = f"{name}: {shown(value)} is not one of {', '.join(about['choices'])}."
        raise JobError(message)
    if about["low"] is not None and not about["low"] <= value <= about["high"]:
        unit = f" {about['unit']}" if about["unit"] else ""
        message = (
            f"{name}: {shown(value)} is out of range; "
            f"allowed are {about['low']:g} to {about['high']:g}{unit}."
        )
        raise JobError(message)
    return value


def checked_fields(kind: type, given: dict[str, Any], where: str) -> dict[str, Any]:
    """Check that `Job` or `Region` has these fields, and their values, as `check_value` does."""
    described = {each.name: each for each in dataclasses.fields(kind)}
    for name in given:
        if name not in described:
            message = f"{where}{name} is not a field of a job; allowed are {', '.join(described)}."
            raise JobError(message)
    return {name: check_value(described[name], value, where) for name, value in given.items()}


def _checked_layers(name: str, value: Any) -> LayerWeights:
    """Check `[[layer, weight], ...]`: known layers, each once, weights that are not all zero."""
    if isinstance(value, dict):
        value = list(value.items())
    layers = []
    for entry in value if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            message = f"{name}: {shown(entry)} is not a layer with a weight."
            raise JobError(message)
        layer, weight = entry
        if layer not in LAYERS:
            message = f"{name}: {shown(layer)} is not one of {', '.join(LAYERS)}."
            raise JobError(message)
        number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight) or weight < 0:
            message = f"{name}: the weight {shown(weight)} of {layer} is not a number from 0 up."
            raise JobError(message)
        layers.append((layer, float(weight)))
    names = [layer for layer, _ in layers]
    if len(set(names)) < len(names):
        message = f"{name}: {', '.join(names)} names a layer twice."
        raise JobError(message)
    return tuple(layers)


def layers_from_text(text: str) -> list[tuple[str, Any]]:
    """Read 'conv3_2' or 'conv3_2=1,conv4_2=0.5'; layers without weights share 1 equally."""
    entries = [each.strip().partition("=") for each in text.split(",")]
    if not any(equals for _, equals, _ in entries):
        return [(layer, 1.0 / len(entries)) for layer, _, _ in entries]
    layers: list[tuple[str, Any]] = []
    for layer, _, weight in entries:
        try:
            layers.append((layer, float(weight)))
        except ValueError:
            layers.append((layer, weight))  # whose check says what is wrong
    return layers


def shown(value: Any) -> str:
    """Return a value as messages quote it, cut where it is long."""
    return repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
