#!/usr/bin/env python3
"""Neural style transfer with regions, as a filter of GIMP 3."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

# Before babl is loaded: its tables for conversions would take 350 MB for a moment.
os.environ["BABL_LUT"] = "0"

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")

import arguments  # noqa: E402
import canvas  # noqa: E402
import job  # noqa: E402
import painter  # noqa: E402
import painting  # noqa: E402
import regions  # noqa: E402
from gi.repository import Gegl, Gimp, Gio, GLib, GObject  # noqa: E402

PROCEDURE = "plug-in-scumble"
TITLE = "Neural Style"
ABOUT = (
    "Paints the active layer in the style of one or more pictures, each in its own region, which "
    "the selection, a channel, a layer mask or a layer's transparency marks. The result is a new "
    "layer above it or, where asked for, layers with masks; nothing else is touched. "
    "Run with the last values, it paints with those of the last dialog: what is given besides the "
    "image and its layer counts only where no dialog has been used yet."
)
MISTAKES = (canvas.CanvasError, regions.RegionError, job.JobError)
"""What is wrong with the wish, rather than with the engine."""


def paint(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    data: Any,
) -> Gimp.ValueArray:
    """Run the filter."""
    try:
        canvas.save_memory()
        content = canvas.content_of(image, drawables)
        if run_mode == Gimp.RunMode.INTERACTIVE:
            import dialog

            layers = dialog.run(procedure, config, image, content)
            if layers is None:
                return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
        else:
            layers = paint_quietly(config, image, content)
    except MISTAKES as error:
        return failed(procedure, Gimp.PDBStatusType.CALLING_ERROR, str(error))
    except painter.PainterError as error:
        return failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, str(error))
    except MemoryError:
        what = "Memory ran out. Choose a smaller working size, or close other programs."
        return failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, what)
    except Exception:
        what = f"This should not have happened, please report it:\n{traceback.format_exc()}"
        return failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, what)
    if run_mode != Gimp.RunMode.NONINTERACTIVE and not image.is_valid():
        # After a success GIMP keeps the settings in the image, and complains that it is closed.
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    return returned(procedure, image, layers)


def paint_quietly(
    config: Gimp.ProcedureConfig, image: Gimp.Image, content: Gimp.Layer
) -> list[Gimp.Layer]:
    """Paint without windows, as scripts and Repeat Last do."""
    options = arguments.read(config)
    wish = painting.Wish(image, content, options, painting.chosen_regions(config, image, content))
    under_way = painting.Painting(wish)
    try:
        layers, notes, extra = under_way.finish(painting.follow(under_way))
    finally:
        under_way.painter.close()
    if extra is not None:
        extra.delete()
    for note in notes:
        Gimp.message(note)
    Gimp.progress_end()
    return layers


def returned(
    procedure: Gimp.Procedure, image: Gimp.Image, layers: list[Gimp.Layer]
) -> Gimp.ValueArray:
    """Return success with the new layer or group, and with the painted layers.

    Python cannot make GIMP's arrays of layers, so an answer of GIMP's own that holds the right ones
    is handed on: what is in the group, or what is selected, which is the new layer.
    """
    if not layers:
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    made, group = layers[0], layers[0].is_group()
    asked = "gimp-item-get-children" if group else "gimp-image-get-selected-layers"
    asking = Gimp.get_pdb().lookup_procedure(asked)
    config = asking.create_config()
    config.set_property("item" if group else "image", made if group else image)
    values = asking.run(config)
    values.insert(1, GObject.Value(Gimp.Layer, made))
    return values


def failed(procedure: Gimp.Procedure, status: Gimp.PDBStatusType, message: str) -> Gimp.ValueArray:
    """Return a failure whose message GIMP shows."""
    error = GLib.Error(message, "scumble", 0)
    return procedure.new_return_values(status, error)


class Scumble(Gimp.PlugIn):
    """What GIMP starts."""

    def do_query_procedures(self) -> list[str]:
        """Return the names of the procedures, and say where their help is."""
        pages = os.path.join(os.path.dirname(os.path.realpath(__file__)), "help")
        self.set_help_domain("scumble", Gio.File.new_for_path(pages))
        return [PROCEDURE]

    def do_set_i18n(self, name: str) -> bool:
        """Say that there is no catalogue of translations."""
        return False

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Describe the procedure to GIMP."""
        Gegl.init(None)
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, paint, None)
        procedure.set_image_types("*")
        mask = Gimp.ProcedureSensitivityMask
        procedure.set_sensitivity_mask(mask.DRAWABLE | mask.DRAWABLES | mask.NO_DRAWABLES)
        procedure.set_menu_label("_Neural Style...")
        procedure.add_menu_path("<Image>/Filters/Artistic")
        procedure.set_documentation("Paint in the style of other pictures, by regions", ABOUT, name)
        procedure.set_attribution("The Scumble authors", "The Scumble authors", "2026")
        arguments.declare(procedure)
        return procedure


Gimp.main(Scumble.__gtype__, sys.argv)
