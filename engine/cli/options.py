"""Jobs and requests, made from the options of a command line."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any

from engine.gallery.request import ITERATIONS, NUMBERS, SIZE, GalleryRequest
from engine.job import Job, JobError, Region, options
from engine.job_checks import check, check_value, layers_from_text
from engine.looks import filled
from engine.paintings.catalog import near_names, style_file
from engine.translations import _

GALLERY_OPTIONS = ("size", "iterations", "seed", "threads", "device")
"""Options of `scumble gallery` that are fields of a job."""


def job_from_options(given: argparse.Namespace) -> Job:
    """Make a checked job from the options of `scumble stylize`.

    Raises
    ------
    JobError
        Names the option, the value it has and what is allowed.
    """
    values: dict[str, Any] = {}
    for described in dataclasses.fields(Job):
        text = getattr(given, described.name, None)
        if described.metadata["kind"] != "regions" and text is not None:
            values[described.name] = _value(described, text, option_name(described))
    for described in options():
        needs = described.metadata["needs"]
        if needs is None or described.name not in values:
            continue
        name, value = needs
        if values.setdefault(name, value) != value:
            option = option_name(Job.__dataclass_fields__[name])
            message = _("{option}: needs {needed}, not {value}.").format(
                option=option_name(described),
                needed=f"{option} {value}",
                value=repr(values[name]),
            )
            raise JobError(message)
    regions = []
    for texts in given.regions or []:
        region = {}
        for described in dataclasses.fields(Region):
            if described.name in texts:
                option = "--style" if described.metadata["positional"] else option_name(described)
                region[described.name] = _value(described, texts[described.name], option)
        regions.append(Region(**region))
    if not regions:
        raise JobError(_("--style is missing; name the style picture."))
    job = Job(**filled(values), regions=tuple(regions))
    check(job)
    return job


def gallery_request(given: argparse.Namespace) -> GalleryRequest:
    """Make what `scumble gallery` is asked for.

    Raises
    ------
    JobError
        Names the option, the value it has and what is allowed.
    """
    described = {each.name: each for each in dataclasses.fields(Job)}
    values: dict[str, Any] = {"size": SIZE, "iterations": ITERATIONS}
    for name in GALLERY_OPTIONS:
        values.setdefault(name, described[name].default)
        if getattr(given, name) is not None:
            values[name] = _value(
                described[name], getattr(given, name), option_name(described[name])
            )
    styles = tuple(style_file(style) for style in given.style or ())
    if len(styles) > 2:
        message = _("--style: given {count} times; a gallery takes one or two styles.")
        raise JobError(message.format(count=len(styles)))
    for option, file in (
        ("--content", given.content),
        *(("--style", style) for style in styles),
        ("--mask", given.mask),
    ):
        if file is not None and not os.path.exists(file):
            near = near_names(file) if option == "--style" else ""
            message = _("{option}: there is no file {name}.").format(option=option, name=repr(file))
            raise JobError(f"{message} {near}".rstrip())
    content = given.content or str(given.folder)
    try:
        check(Job(content=content, regions=(Region(content),), size=values["size"]))
    except JobError as error:
        raise JobError("--" + str(error)) from error
    asked = given.figure or ["all"]
    return GalleryRequest(
        figures=NUMBERS if "all" in asked else tuple(n for n in NUMBERS if str(n) in asked),
        content=given.content or "",
        styles=styles,
        mask=given.mask or "",
        **values,
    )


def option_name(described: dataclasses.Field) -> str:
    """Return the option of a field of `Job` or `Region`, or the placeholder if it has none."""
    return described.metadata["positional"] or "--" + described.name.replace("_", "-")


def _value(described: dataclasses.Field, text: Any, option: str) -> Any:
    """Turn an option's text into the field's value; the message names the option."""
    value, about = text, described.metadata
    try:
        if about["kind"] == "layers":
            value = layers_from_text(text)
        elif about["kind"] == "number":
            value = about["named"].get(text, text)
            value = _number(described, value) if isinstance(value, str) else value
    except ValueError:
        pass  # check_value says what the text should have been
    try:
        return check_value(described, value)
    except JobError as error:
        message = option + str(error)[len(described.name) :]
        raise JobError(message) from error


def _number(described: dataclasses.Field, text: str) -> float:
    if described.metadata["unit"] == "GB":  # 3, 3G and 3GB
        text = text.upper().removesuffix("B").removesuffix("G")
    return int(text) if isinstance(described.default, int) else float(text)
