"""Helpers for the checks that run inside GIMP, in its own Python."""

from __future__ import annotations

import json
import os
import sys
import traceback
from array import array
from pathlib import Path
from typing import Any, Callable

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl, Gimp, Gio  # noqa: E402

PLUGIN = Path(Gimp.directory()) / "plug-ins" / "scumble"
TMP = Path(os.environ["TMPDIR"])
RECORD = TMP / "recorded"
WIDTH, HEIGHT = 64, 48
PLACE = (13, -9)
CANVAS = (90, 70)
SHALLOW = {"content_layers": "conv2_2", "style_layers": "conv1_1=0.5,conv2_1=0.5"}
"""Options with which the network takes little time: a sixth of that with all layers."""

NOISE = [(i * i * 31 + i * 7) % 251 for i in range(WIDTH * HEIGHT * 4)]

sys.dont_write_bytecode = True
sys.path.insert(0, str(PLUGIN))
import npy  # noqa: E402


def run_all(checks: dict[str, Callable[[], None]], report: Path) -> None:
    """Run every check; write a traceback for those that fail, nothing for the others."""
    results = {}
    for name, check in checks.items():
        before = Gimp.get_images()
        try:
            check()
            results[name] = ""
        except BaseException:
            results[name] = traceback.format_exc()
        for image in Gimp.get_images():
            if image not in before:
                image.delete()
    report.write_text(json.dumps(results))


def call(image: Any, layers: list, **arguments: Any) -> tuple[Any, Any, str]:
    """Run the filter; return its status, its layer and its message."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", layers)
    for name, value in arguments.items():
        config.set_property(name.replace("_", "-"), value)
    values = procedure.run(config)
    status = values.index(0)
    if status != Gimp.PDBStatusType.SUCCESS:
        return status, None, Gimp.get_pdb().get_last_error()
    return status, values.index(1), ""


def paint(image: Any, layer: Any, **arguments: Any) -> Any:
    """Run the filter, which must do well, with one iteration unless more are asked for."""
    status, made, message = call(image, [layer], **{"iterations": 1, **SHALLOW, **arguments})
    assert status == Gimp.PDBStatusType.SUCCESS, message
    assert not leftovers(), leftovers()
    return made


def put(image: Any, layer: Any, path: Path) -> Any:
    """Put a picture of the engine's above a layer, as the plug-in does; return the new layer."""
    import placing
    import result_layers

    painting = result_layers.FinishedPainting("Painted", "{}", path)
    built, notes = result_layers.build(painting, result_layers.format_of(image), layer)
    assert not notes, notes
    plan = placing.Placement.of(built, "Painted", image, layer)
    with placing.one_undo_step(image, [plan]):
        layers = placing.place(plan)
    built.delete()
    return layers[0]


def leftovers() -> list[str]:
    """Return the folders of runs that were not removed."""
    return [path.name for path in TMP.glob("scumble-run-*")]


def picture(name: str = "style.png") -> Path:
    """Return a picture file to take a style from."""
    path = TMP / name
    if not path.exists():
        image = new_image()
        add_layer(image, "Style")
        image.flatten()
        file = Gio.File.new_for_path(str(path))
        assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
        image.delete()
    return path


def style_file() -> Any:
    """Return the style as the argument takes it."""
    return Gio.File.new_for_path(str(picture()))


def new_image(kind: Any = None, precision: Any = None) -> Any:
    """Return an empty image."""
    kind = Gimp.ImageBaseType.RGB if kind is None else kind
    precision = Gimp.Precision.U8_NON_LINEAR if precision is None else precision
    return Gimp.Image.new_with_precision(*CANVAS, kind, precision)


def add_layer(
    image: Any, name: str, *, alpha: bool = True, place: tuple = PLACE,
    size: tuple = (WIDTH, HEIGHT),
    parent: Any = None, position: int = 0,
) -> Any:  # fmt: skip
    """Add a layer full of noise."""
    number = int(image.get_base_type()) * 2 + alpha
    kind = Gimp.ImageType(number)
    layer = Gimp.Layer.new(image, name, *size, kind, 100.0, Gimp.LayerMode.NORMAL)
    layer.set_offsets(*place)
    image.insert_layer(layer, parent, position)
    pixels = size[0] * size[1]
    data = array("f", (NOISE[i % len(NOISE)] / 255.0 for i in range(4 * pixels)))
    rectangle = Gegl.Rectangle.new(0, 0, *size)
    buffer = layer.get_buffer()
    buffer.set(rectangle, "R'G'B'A float", data.tobytes())
    buffer.flush()
    return layer


def pixel(drawable: Any, x: int, y: int, form: str = "R'G'B'A float") -> list[float]:
    """Return one pixel in sRGB as GIMP itself tells it."""
    data = drawable.get_pixel(x, y).get_bytes(Babl.format(form)).get_data()
    return list(array("f", data))


def selected(image: Any, x: int, y: int) -> float:
    """Return how much a pixel of the canvas is selected, as GIMP itself tells it."""
    return Gimp.Selection.value(image, x, y) / 255.0


def recorded_array(name: str) -> tuple[tuple[int, ...], array]:
    """Return what the engine received in a file: its shape and its values."""
    with (RECORD / name).open("rb") as file:
        shape = npy.read_header(file)
        return shape, array("f", file.read())


def check_recorded(name: str, wanted: tuple[tuple[int, ...], array]) -> None:
    """Check what the engine received in a file against what it received before.

    Colors may differ by a rounding: another process has read them, and babl chooses by timing how
    it converts colors in each.
    """
    shape, values = recorded_array(name)
    assert shape == wanted[0]
    assert max(abs(one - other) for one, other in zip(values, wanted[1])) < 1e-6


def recorded_job() -> dict:
    """Return the job that the engine received."""
    return json.loads((RECORD / "job.json").read_text(encoding="utf-8"))


def samples(step: int = 5) -> list[tuple[int, int]]:
    """Return pixels of a layer of the usual size, its corners among them."""
    inner = [(x, y) for y in range(0, HEIGHT, step) for x in range(0, WIDTH, step)]
    return [*inner, (WIDTH - 1, 0), (0, HEIGHT - 1), (WIDTH - 1, HEIGHT - 1)]


def near(actual: float, desired: float, tolerance: float, what: str) -> None:
    """Check a number."""
    assert abs(actual - desired) <= tolerance, f"{what}: {actual} instead of {desired}"


def region(style: Any = None, mask: str = "", **more: Any) -> dict:
    """Return a region as JSON has it."""
    return {"style": str(style or picture()), "mask": mask, **more}


def names(layers: list) -> list[str]:
    return [layer.get_name() for layer in layers]


def opaque_photo() -> tuple[Any, Any]:
    """Return an image whose only layer has no alpha channel."""
    image = new_image()
    return image, add_layer(image, "Photo", alpha=False)


def photo() -> tuple[Any, Any]:
    image = new_image()
    return image, add_layer(image, "Photo")
