"""The procedure's arguments: made from the job's options, and read back as options.

Each option of a job is an argument with the name, range and default of the command line.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import labels
from gi.repository import Gimp, Gio, GObject

from engine import job, job_checks
from engine.looks import LOOKS
from engine.translations import N_, _

FILE_KINDS = ("picture", "file", "folder")
"""Kinds of options that are a file argument; a mask is a text, since it may be a channel."""

FLAGS = GObject.ParamFlags.READWRITE

FILE = Gimp.FileChooserAction.ANY
"""With OPEN, GIMP refuses a missing file with the message 'success'."""

REGIONS_HELP = N_(
    "The regions as a JSON list of objects with {fields}. "
    "style: the path of a picture, or layer:NAME. mask: the path of a gray picture, selection, "
    "outside, rest, channel:NAME, mask:NAME, alpha:NAME, gray:NAME or own (the layer's own mask); "
    "empty for the whole layer."
)


def property_name(field: str) -> str:
    """Return the argument for a field of a job, which is the option of the command line."""
    return field.replace("_", "-")


def default_of(described: dataclasses.Field) -> Any:
    """Return the default of an option as the value of its argument."""
    value = described.default
    return layers_text(value) if described.metadata["kind"] == "layers" else value


def declare(procedure: Gimp.Procedure) -> None:
    """Give the procedure its arguments and its return values."""
    procedure.add_file_argument(
        "style",
        _("Style"),
        _("The style picture; for several styles use regions."),
        FILE,
        True,
        None,
        FLAGS,
    )
    procedure.add_drawable_argument(
        "mask",
        _("Mask"),
        _("Where the style goes: a channel, a layer mask, the selection, or a gray layer."),
        True,
        FLAGS,
    )
    fields = ", ".join(each.name for each in dataclasses.fields(job.Region))
    text = _(REGIONS_HELP).format(fields=fields)
    procedure.add_string_argument("regions", _("Regions"), text, "", FLAGS)
    for described in labels.options():
        _declare(procedure, described)
    procedure.add_layer_return_value(
        "layer",
        _("Layer"),
        _(
            "The new layer, or the new group with one layer per style; none if the painting was "
            "saved as a file."
        ),
        True,
        FLAGS,
    )
    procedure.add_core_object_array_return_value(
        "layers",
        _("Layers"),
        _("The painted layers: the new layer, or the layers of the new group from the top."),
        Gimp.Layer.__gtype__,
        FLAGS,
    )


def _declare(procedure: Gimp.Procedure, described: dataclasses.Field) -> None:
    about = described.metadata
    name, default = property_name(described.name), default_of(described)
    shown, text = labels.label(described), labels.help_of(described)
    if about["choices"]:
        choice = Gimp.Choice.new()
        for number, nick in enumerate(about["choices"]):
            choice.add(nick, number, labels.choice_label(described, nick), text)
        procedure.add_choice_argument(name, shown, text, choice, default, FLAGS)
    elif isinstance(default, bool):
        procedure.add_boolean_argument(name, shown, text, default, FLAGS)
    elif isinstance(default, float):
        low, high = float(about["low"]), float(about["high"])
        procedure.add_double_argument(name, shown, text, low, high, default, FLAGS)
    elif isinstance(default, int):
        unsigned = about["high"] >= 2**31
        add = procedure.add_uint_argument if unsigned else procedure.add_int_argument
        add(name, shown, text, int(about["low"]), int(about["high"]), default, FLAGS)
    elif about["kind"] in FILE_KINDS:
        procedure.add_file_argument(name, shown, text, FILE, True, None, FLAGS)
    else:
        procedure.add_string_argument(name, shown, text, default, FLAGS)


def read(config: Gimp.ProcedureConfig) -> dict[str, Any]:
    """Return the job's options from the arguments.

    Raises
    ------
    job.JobError
        If a list of layers cannot be read.
    """
    values: dict[str, Any] = {}
    for described in labels.options():
        value = config.get_property(property_name(described.name))
        kind = described.metadata["kind"]
        if kind == "layers":
            value = job_checks.check_value(described, job_checks.layers_from_text(value or ""))
        elif kind in FILE_KINDS:
            value = path_of(value)
        elif value is None:  # GIMP returns None for an empty text
            value = ""
        values[described.name] = value
    values["uncut"] = values["uncut"] and labels.gives_masked_layers(values["method"])
    return values


def write(config: Gimp.ProcedureConfig, values: dict[str, Any]) -> None:
    """Set the arguments to the options that a result carries; the others keep their values."""
    for described in labels.options():
        if described.name not in values:
            continue
        value, kind = values[described.name], described.metadata["kind"]
        if kind == "layers":
            value = layers_text(value)
        elif kind in FILE_KINDS:
            value = _file(value)
        elif described.name == "uncut" and not labels.gives_masked_layers(values.get("method", "")):
            continue
        config.set_property(property_name(described.name), value)


def values_of_look(look: str) -> dict[str, Any]:
    """Return the value that a look gives to each option that any look names."""
    named = {name for values in LOOKS.values() for name in values}
    defaults = {name: job.Job.__dataclass_fields__[name].default for name in named}
    return {**defaults, **LOOKS[look]}


def with_look(options: dict[str, Any]) -> dict[str, Any]:
    """Return a script's options with the values of its look for those that have their defaults."""
    of_look = values_of_look(options["look"])
    defaults = {name: job.Job.__dataclass_fields__[name].default for name in of_look}
    filled = {name: of_look[name] for name in of_look if options[name] == defaults[name]}
    return {**options, **filled}


def path_of(file: Any) -> str:
    """Return the path of a file argument, or nothing."""
    return str(file.get_path() or "") if file is not None else ""


def _file(path: str) -> Any:
    return Gio.File.new_for_path(path) if path else None


def layers_text(layers: Any) -> str:
    """Return layers with weights in the form of the command line."""
    return ",".join(f"{layer}={weight:g}" for layer, weight in layers)


def to_text(
    values: dict[str, Any], regions_text: str, version: str, method: str = "", **more: Any
) -> str:
    """Return the settings as a result carries them, in ASCII.

    Parameters
    ----------
    values : dict
        The options, with 'auto' as the user asked for it.
    regions_text : str
        The regions as JSON.
    version : str
        The version of Scumble.
    method : str
        The method that was used, for people who read the settings; empty before the painting.
    **more : JSON types
        What else a result remembers.
    """
    data = {"scumble": version, "options": values, "regions": json.loads(regions_text), **more}
    if method:
        data["method"] = method
    return json.dumps(data)


def from_text(text: str) -> tuple[dict[str, Any], str]:
    """Return the options and the regions (JSON) that a result carries.

    Raises
    ------
    ValueError
        If the text is not such settings.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("options"), dict):
        message = _("These are not Scumble's settings.")
        raise ValueError(message)
    described = {each.name: each for each in labels.options()}
    values = {}
    for name, value in job.with_new_names(job.Job, data["options"]).items():
        if name in described:
            values[name] = job_checks.check_value(described[name], value)
    return values, json.dumps(data.get("regions", []))


def simple_style(config: Gimp.ProcedureConfig) -> tuple[str, Any]:
    """Return the path and the mask of a call with one style."""
    path = path_of(config.get_property("style"))
    return (os.path.abspath(path) if path else ""), config.get_property("mask")
