"""Checks of jobs: the values of the fields, and what only makes sense together.

Standard library only: the plug-in carries a copy of this file into GIMP's own Python.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from engine.job import LAYERS, MAX_REGIONS, MIN_SIDE, Job, JobError, LayerWeights, Region
from engine.messages import shown, shown_name
from engine.methods import METHODS


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
            message = f"regions[{number}].style is empty; name the style picture."
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
    if job.grow and job.propagation not in ("inside", "all"):
        message = (
            f"grow: {job.grow} needs the propagation 'inside' or 'all', not {job.propagation!r}."
        )
        raise JobError(message)
    if job.uncut and method and not method.paints_past_masks:
        fitting = [f"{each.name!r}" for each in METHODS.values() if each.paints_past_masks]
        fitting = ["'auto'", *fitting]
        message = f"uncut: allowed with the methods {', '.join(fitting)}, not with {job.method!r}."
        raise JobError(message)


def check_value(described: dataclasses.Field, value: Any, where: str = "") -> Any:
    """Check one value against its field's description and return it in the field's type.

    Parameters
    ----------
    described : dataclasses.Field
        A field of `Job` or `Region`.
    value : any
        The value that was given.
    where : str
        What the message puts before the field's name.

    Raises
    ------
    JobError
        If the value has another type or lies out of range.
    """
    name = where + described.name
    kind = type(described.default)
    if described.metadata["kind"] == "layers":
        return _checked_layers(name, value)
    given = value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(value)
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
            f"{name}: {shown(given)} is out of range; "
            f"allowed are {about['low']:g} to {about['high']:g}{unit}."
        )
        raise JobError(message)
    return value


def checked_fields(kind: type, given: dict[str, Any], where: str) -> dict[str, Any]:
    """Check that `Job` or `Region` has these fields, and their values, as `check_value` does."""
    described = {each.name: each for each in dataclasses.fields(kind)}
    for name in given:
        if name not in described:
            allowed = ", ".join(described)
            message = f"{where}{shown_name(name)} is not a field of a job; allowed are {allowed}."
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
        if not number or not math.isfinite(_as_float(weight)) or weight < 0:
            message = f"{name}: the weight {shown(weight)} of {layer} is not a number from 0 up."
            raise JobError(message)
        layers.append((layer, float(weight)))
    names = [layer for layer, _ in layers]
    if len(set(names)) < len(names):
        message = f"{name}: {', '.join(names)} names a layer twice."
        raise JobError(message)
    return tuple(layers)


def _as_float(value: float) -> float:
    """Return a number as a float, infinite if it is an int beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


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
