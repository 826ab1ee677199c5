"""The procedure's arguments, made from the contract, and the job's options made from them again.

Every option of a job is an argument of the same name as on the command line, with the same help,
range and default. No windows here: scripts come this way too.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import job
import wording
from gi.repository import Gimp, Gio, GObject

FILE_KINDS = ("picture", "file", "folder")
"""Kinds of options that are a file argument; a mask is a text, since it may be a channel."""

FLAGS = GObject.ParamFlags.READWRITE

FILE = Gimp.FileChooserAction.ANY
"""With OPEN, GIMP refuses a file that is not there with the message 'success'."""

REGIONS_HELP = (
    "The regions as a JSON list of objects with "
    f"{', '.join(each.name for each in dataclasses.fields(job.Region))}. "
    "style: a picture's path or layer:NAME. mask: a grey picture's path, selection, outside, rest, "
    "channel:NAME, mask:NAME, alpha:NAME or grey:NAME; empty for the whole layer."
)


def property_name(field: str) -> str:
    """Return the argument's name for a job's field: the command line's, without the dashes."""
    return field.replace("_", "-")


def default_of(described: dataclasses.Field) -> Any:
    """Return an option's default as its argument holds it."""
    value = described.default
    return layers_text(value) if described.metadata["kind"] == "layers" else value


def declare(procedure: Gimp.Procedure) -> None:
    """Give the procedure its arguments and its return values."""
    procedure.add_file_argument(
        "style",
        "Style",
        "The picture whose style is taken; for more than one, see regions.",
        FILE,
        True,
        None,
        FLAGS,
    )
    procedure.add_drawable_argument(
        "mask",
        "Mask",
        "Where the style goes: a channel, a layer mask, the selection, or a grey layer.",
        True,
        FLAGS,
    )
    procedure.add_string_argument("regions", "Regions", REGIONS_HELP, "", FLAGS)
    for described in wording.options():
        _declare(procedure, described)
    procedure.add_layer_return_value(
        "layer",
        "Layer",
        "The new layer, or the new group with one layer per style; none if the painting had to go "
        "into a file.",
        True,
        FLAGS,
    )
    procedure.add_core_object_array_return_value(
        "layers",
        "Layers",
        "The new layers that are painted: the layer, or those in the group from the top.",
        Gimp.Layer.__gtype__,
        FLAGS,
    )


def _declare(procedure: Gimp.Procedure, described: dataclasses.Field) -> None:
    about = described.metadata
    name, default = property_name(described.name), default_of(described)
    shown, text = wording.plain_label(described), wording.help_of(described)
    if about["choices"]:
        choice = Gimp.Choice.new()
        for number, nick in enumerate(about["choices"]):
            choice.add(nick, number, wording.choice_label(described, nick), text)
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
    """Return the job's options that the arguments ask for.

    Raises
    ------
    job.JobError
        If a text among them cannot be read.
    """
    values: dict[str, Any] = {}
    for described in wording.options():
        value = config.get_property(property_name(described.name))
        kind = described.metadata["kind"]
        if kind == "layers":
            value = job.check_value(described, job.layers_from_text(value or ""))
        elif kind in FILE_KINDS:
            value = path_of(value)
        elif value is None:  # what GIMP makes of an empty text
            value = ""
        values[described.name] = value
    values["uncut"] = values["uncut"] and wording.makes_layers(values["method"])
    return values


def write(config: Gimp.ProcedureConfig, values: dict[str, Any]) -> None:
    """Set the arguments to a job's options, as a result carries them; unknown ones are left."""
    for described in wording.options():
        if described.name not in values:
            continue
        value, kind = values[described.name], described.metadata["kind"]
        if kind == "layers":
            value = layers_text(value)
        elif kind in FILE_KINDS:
            value = _file(value)
        elif described.name == "uncut" and not wording.makes_layers(values.get("method", "")):
            continue
        config.set_property(property_name(described.name), value)


def path_of(file: Any) -> str:
    """Return the path of a file argument, or nothing."""
    return str(file.get_path() or "") if file is not None else ""


def _file(path: str) -> Any:
    return Gio.File.new_for_path(path) if path else None


def layers_text(layers: Any) -> str:
    """Return layers with weights as the command line takes them."""
    return ",".join(f"{layer}={weight:g}" for layer, weight in layers)


def to_text(values: dict[str, Any], regions_text: str, version: str) -> str:
    """Return the settings as a result carries them."""
    data = {"scumble": version, "options": values, "regions": json.loads(regions_text)}
    return json.dumps(data, ensure_ascii=False)


def from_text(text: str) -> tuple[dict[str, Any], str]:
    """Return the options and the regions (JSON) that a result carries.

    Raises
    ------
    ValueError
        If the text is not such settings.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("options"), dict):
        message = "These are not Scumble's settings."
        raise ValueError(message)
    described = {each.name: each for each in wording.options()}
    values = {}
    for name, value in job.with_new_names(job.Job, data["options"]).items():
        if name in described:
            values[name] = job.check_value(described[name], value)
    return values, json.dumps(data.get("regions", []), ensure_ascii=False)


def simple_style(config: Gimp.ProcedureConfig) -> tuple[str, Any]:
    """Return the path and the mask of the simple case: one style."""
    path = path_of(config.get_property("style"))
    return (os.path.abspath(path) if path else ""), config.get_property("mask")
