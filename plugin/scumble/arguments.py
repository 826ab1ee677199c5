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
from gi.repository import Gimp, Gio, GObject

NOT_OPTIONS = ("content", "output", "regions")
"""Fields of a job that the image gives."""

DEFAULTS = {"separate": True}
"""Where GIMP departs from the contract: one layer per style can always be merged into one."""

IN_FRONT = ("strength", "method", "separate", "colors", "iterations", "size")
"""The options that a dialog shows first."""

TAKEN_LETTERS = "acdhlnoprst"
"""Mnemonics of GIMP's own buttons, and of ours."""

LABELS = {"separate": "One layer per style"}

FLAGS = GObject.ParamFlags.READWRITE

FILE = Gimp.FileChooserAction.ANY
"""With OPEN, GIMP refuses a file that is not there with the message 'success'."""

REGIONS_HELP = (
    "The regions as a JSON list of objects with style, mask, style_mask, weight, scale and name. "
    "style: a picture's path or layer:NAME. mask: a grey picture's path, selection, outside, rest, "
    "channel:NAME, mask:NAME, alpha:NAME or grey:NAME; empty for the whole layer."
)


def options() -> list[dataclasses.Field]:
    """Return the fields of a job that are options here."""
    return [each for each in dataclasses.fields(job.Job) if each.name not in NOT_OPTIONS]


def property_name(field: str) -> str:
    """Return the argument's name for a job's field: the command line's, without the dashes."""
    return field.replace("_", "-")


def default_of(described: dataclasses.Field) -> Any:
    """Return an option's default as its argument holds it."""
    default = DEFAULTS.get(described.name, described.default)
    return layers_text(default) if described.name.endswith("_layers") else default


def label(described: dataclasses.Field) -> str:
    """Return what a dialog calls a field."""
    named = LABELS.get(described.name) or described.metadata["label"]
    return str(named or described.name.replace("_", " ").capitalize())


def choice_label(described: dataclasses.Field, nick: str) -> str:
    """Return a choice's name with the words that the field's help has for it."""
    for part in described.metadata["text"].rstrip(".").split(";"):
        name, colon, words = part.strip().partition(": ")
        if colon and name == nick:
            return f"{nick.capitalize()}: {words}"
    return nick.capitalize()


def mnemonic_labels() -> dict[str, str]:
    """Return the label of every option, each with a letter of its own as far as they go."""
    taken = set(TAKEN_LETTERS)
    labels = {}
    for described in sorted(options(), key=lambda each: each.name not in IN_FRONT):
        text = label(described)
        free = [letter for letter in text.lower() if letter.isalpha() and letter not in taken]
        if free:
            taken.add(free[0])
            place = text.lower().index(free[0])
            text = text[:place] + "_" + text[place:]
        labels[described.name] = text
    return labels


MNEMONIC_LABELS = mnemonic_labels()


def declare(procedure: Gimp.Procedure) -> None:
    """Give the procedure its arguments and its return value."""
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
    for described in options():
        _declare(procedure, described)
    procedure.add_layer_return_value(
        "layer",
        "Layer",
        "The new layer, or the new group with one layer per style; none if the painting had to go "
        "into a file.",
        True,
        FLAGS,
    )


def _declare(procedure: Gimp.Procedure, described: dataclasses.Field) -> None:
    about = described.metadata
    name, text, default = property_name(described.name), about["text"], default_of(described)
    shown = MNEMONIC_LABELS[described.name]
    if about["choices"]:
        choice = Gimp.Choice.new()
        for number, nick in enumerate(about["choices"]):
            choice.add(nick, number, choice_label(described, nick), text)
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
    elif described.name.endswith("_picture"):
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
    for described in options():
        value = config.get_property(property_name(described.name))
        if described.name.endswith("_layers"):
            value = job.check_value(described, job.layers_from_text(value or ""))
        elif described.name.endswith("_picture"):
            value = path_of(value)
        values[described.name] = value
    values["separate"] = values["separate"] and values["method"] == "stitch"
    return values


def write(config: Gimp.ProcedureConfig, values: dict[str, Any]) -> None:
    """Set the arguments to a job's options, as a result carries them; unknown ones are left."""
    for described in options():
        if described.name not in values:
            continue
        value = values[described.name]
        if described.name.endswith("_layers"):
            value = layers_text(value)
        elif described.name.endswith("_picture"):
            value = _file(value)
        elif described.name == "separate" and values.get("method") != "stitch":
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
    described = {each.name: each for each in options()}
    values = {}
    for name, value in data["options"].items():
        if name in described:
            values[name] = job.check_value(described[name], value)
    return values, json.dumps(data.get("regions", []), ensure_ascii=False)


def simple_style(config: Gimp.ProcedureConfig) -> tuple[str, Any]:
    """Return the path and the mask of the simple case: one style."""
    path = path_of(config.get_property("style"))
    return (os.path.abspath(path) if path else ""), config.get_property("mask")
