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
from engine.translations import _, number_text


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
            message = _("regions[{number}].style is empty; name the style picture.")
            raise JobError(message.format(number=number))
    if not job.content:
        message = _("content is empty; name the picture to paint.")
        raise JobError(message)
    if not 1 <= len(job.regions) <= MAX_REGIONS:
        message = _("regions: {count} styles given; 1 to {most} are allowed.")
        raise JobError(message.format(count=len(job.regions), most=MAX_REGIONS))
    if 0 < job.size < MIN_SIDE**2:
        message = _("size: {size} is too small; allowed are 0 (full) or {least} and more.")
        raise JobError(message.format(size=job.size, least=MIN_SIDE**2))
    weights = (*job.content_layers, *job.style_layers)
    if not any(weight for _layer, weight in weights):
        message = _("style_layers and content_layers: every weight is 0; give one layer a weight.")
        raise JobError(message)
    if job.init == "picture" and not job.init_picture:
        message = _("init_picture is empty; init 'picture' needs the picture to start from.")
        raise JobError(message)
    method = METHODS.get(job.method)  # auto takes whatever goes with the rest
    if method and job.optimizer not in ("auto", *method.optimizers):
        message = _(
            "optimizer: {optimizer} cannot be used with the method {method}, whose gradient is no "
            "function's gradient; allowed: {allowed}."
        )
        allowed = ", ".join(map(repr, (*method.optimizers, "auto")))
        raise JobError(
            message.format(optimizer=repr(job.optimizer), method=repr(job.method), allowed=allowed)
        )
    if job.grow and job.propagation not in ("inside", "all"):
        message = _("grow: {grow} needs the propagation 'inside' or 'all', not {propagation}.")
        raise JobError(message.format(grow=job.grow, propagation=repr(job.propagation)))
    if job.uncut and method and not method.paints_past_masks:
        fitting = [f"{each.name!r}" for each in METHODS.values() if each.paints_past_masks]
        fitting = ["'auto'", *fitting]
        message = _("uncut: allowed with the methods {methods}, not with {method}.")
        raise JobError(message.format(methods=", ".join(fitting), method=repr(job.method)))


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
        message = {
            str: _("{name}: {value} is not a text."),
            bool: _("{name}: {value} is not true or false."),
            int: _("{name}: {value} is not a whole number."),
            float: _("{name}: {value} is not a number."),
        }[kind]
        raise JobError(message.format(name=name, value=shown(value)))
    about = described.metadata
    if about["choices"] and value not in about["choices"]:
        message = _("{name}: {value} is not one of {choices}.")
        choices = ", ".join(about["choices"])
        raise JobError(message.format(name=name, value=shown(value), choices=choices))
    if about["low"] is not None and not about["low"] <= value <= about["high"]:
        unit = f" {_(about['unit'])}" if about["unit"] else ""
        message = _("{name}: {value} is out of range; allowed are {low} to {high}{unit}.")
        limits = {each: number_text(about[each], "g") for each in ("low", "high")}
        raise JobError(message.format(name=name, value=shown(given), unit=unit, **limits))
    return value


def checked_fields(kind: type, given: dict[str, Any], where: str) -> dict[str, Any]:
    """Check that `Job` or `Region` has these fields, and their values, as `check_value` does."""
    described = {each.name: each for each in dataclasses.fields(kind)}
    for name in given:
        if name not in described:
            allowed = ", ".join(described)
            message = _("{name} is not a field of a job; allowed are {fields}.")
            raise JobError(message.format(name=where + shown_name(name), fields=allowed))
    return {name: check_value(described[name], value, where) for name, value in given.items()}


def _checked_layers(name: str, value: Any) -> LayerWeights:
    """Check `[[layer, weight], ...]`: known layers, each once, weights that are not all zero."""
    if isinstance(value, dict):
        value = list(value.items())
    layers = []
    for entry in value if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            message = _("{name}: {value} is not a layer with a weight.")
            raise JobError(message.format(name=name, value=shown(entry)))
        layer, weight = entry
        if layer not in LAYERS:
            message = _("{name}: {value} is not one of {choices}.")
            choices = ", ".join(LAYERS)
            raise JobError(message.format(name=name, value=shown(layer), choices=choices))
        number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not number or not math.isfinite(_as_float(weight)) or weight < 0:
            message = _("{name}: the weight {weight} of {layer} is not a number from 0 up.")
            raise JobError(message.format(name=name, weight=shown(weight), layer=layer))
        layers.append((layer, float(weight)))
    names = [layer for layer, _weight in layers]
    if len(set(names)) < len(names):
        message = _("{name}: {layers} names a layer twice.")
        raise JobError(message.format(name=name, layers=", ".join(names)))
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
    if not any(equals for _layer, equals, _weight in entries):
        return [(layer, 1.0 / len(entries)) for layer, _equals, _weight in entries]
    layers: list[tuple[str, Any]] = []
    for layer, _equals, weight in entries:
        try:
            layers.append((layer, float(weight)))
        except ValueError:
            layers.append((layer, weight))  # whose check says what is wrong
    return layers
