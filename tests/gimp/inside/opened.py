"""Opening the extension, and painting with it; runs inside GIMP, in its own Python."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio  # noqa: E402

TMP = Path(os.environ["TMPDIR"])
FILTER = "plug-in-scumble"


def tell(**seen: Any) -> None:
    """Write what was seen."""
    (TMP / "seen.json").write_text(json.dumps(seen))


def call(name: str, **arguments: Any) -> Any:
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    layers = arguments.pop("drawables", None)
    if layers:
        config.set_core_object_array("drawables", layers)
    for key, value in arguments.items():
        config.set_property(key.replace("_", "-"), value)
    return procedure.run(config)


def open_file(path: str) -> None:
    """Open the extension as GIMP opens any file, and save an image for later."""
    values = call("gimp-file-load", file=Gio.File.new_for_path(path))
    opened = values.index(0) == Gimp.PDBStatusType.SUCCESS
    image, _ = photo()
    file = Gio.File.new_for_path(str(TMP / "for-setup.xcf"))
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    tell(opened=opened, filter=Gimp.get_pdb().procedure_exists(FILTER))


def photo() -> tuple[Any, Any]:
    image = Gimp.Image.new(64, 48, Gimp.ImageBaseType.RGB)
    mode = Gimp.LayerMode.NORMAL
    layer = Gimp.Layer.new(image, "Photo", 64, 48, Gimp.ImageType.RGB_IMAGE, 100.0, mode)
    image.insert_layer(layer, None, 0)
    layer.fill(Gimp.FillType.FOREGROUND)
    return image, layer


def paint(style: str) -> None:
    """Paint a small picture."""
    image, layer = photo()
    values = call(
        FILTER,
        image=image,
        drawables=[layer],
        style=Gio.File.new_for_path(style),
        iterations=2,
    )
    painted = values.index(0) == Gimp.PDBStatusType.SUCCESS and len(image.get_layers()) == 2
    tell(painted=painted or Gimp.get_pdb().get_last_error())
