#!/usr/bin/env python3
"""The filter of GIMP 3: neural style transfer with regions."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

# Before babl is loaded, because its conversion tables would take 350 MB for a moment.
os.environ["BABL_LUT"] = "0"

# In an extension, where Scumble is whole, the engine's modules are not beside the plug-in.
HERE = os.path.dirname(os.path.realpath(__file__))
WHOLE = os.path.dirname(os.path.dirname(HERE))
if os.path.isfile(os.path.join(WHOLE, "install.py")):
    sys.path.append(WHOLE)

import gi  # noqa: E402

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")

from gi.repository import Gegl, Gimp, Gio, GLib, GObject  # noqa: E402

from engine import translations  # noqa: E402

# Before any sentence is made. GIMP's own choice of a language is in the environment.
translations.use(GLib.get_language_names())

import adviser_process  # noqa: E402
import arguments  # noqa: E402
import canvas  # noqa: E402
import earlier_results  # noqa: E402
import engine_process  # noqa: E402
import gimp_run  # noqa: E402
import placing  # noqa: E402
import run_requests  # noqa: E402
import sources  # noqa: E402

from engine.translations import N_, _  # noqa: E402

PROCEDURE = "plug-in-scumble"
MENU_ICON = "scumble-16.png"
ABOUT = N_(
    "Paints the selected layer in the style of one or more pictures, each in its own region. The "
    "selection, a channel, a layer mask or the opacity of a layer marks a region. The result is a "
    "new layer above the painted one or, on request, a group of layers with masks. With the run "
    "mode for last values the filter uses the values of the last dialog and ignores the other "
    "arguments, unless no dialog was used yet."
)


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
        again = run_mode != Gimp.RunMode.NONINTERACTIVE
        targets = run_requests.targets(image, drawables, again=again)
        if again and Gimp.default_display() is not None:
            asked = run_mode == Gimp.RunMode.INTERACTIVE
            # The adviser starts beside Gtk, which takes long.
            engine = adviser_process.start(gimp_run.HERE) if asked else None
            import painting_windows

            if asked:
                layers = painting_windows.ask_and_paint(procedure, config, image, targets, engine)
            else:
                layers = painting_windows.repeat(config, image, targets)
            if layers is None:
                return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
        else:
            layers = paint_quietly(config, image, targets, script=not again)
    except run_requests.MISTAKES as error:
        return failed(procedure, Gimp.PDBStatusType.CALLING_ERROR, str(error))
    except engine_process.EngineError as error:
        return failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, str(error))
    except MemoryError:
        message = _("Memory ran out. Choose a smaller working size, or close other programs.")
        return failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, message)
    except Exception:
        message = _("Internal error; please report it:\n{details}")
        message = message.format(details=traceback.format_exc())
        return failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, message)
    if run_mode != Gimp.RunMode.NONINTERACTIVE and not image.is_valid():
        # After a success GIMP stores the settings in the image, and complains if it is closed.
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    return returned(procedure, image, layers)


def paint_quietly(
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    targets: list[earlier_results.Target],
    *,
    script: bool,
) -> list[Gimp.Layer]:
    """Paint without windows, for scripts and for Repeat Last without a display."""
    finished, failures = gimp_run.paint_each(
        run_requests.quiet_requests(config, image, targets, script=script), gimp_run.paint_quietly
    )
    delivery = placing.deliver(finished)
    for aside in delivery.aside:
        aside.delete()
    if delivery.unsaved:
        raise engine_process.EngineError(delivery.unsaved)
    for note in (*delivery.notes, *failures):
        Gimp.message(sources.valid_unicode(note))
    Gimp.progress_end()
    return delivery.layers


def returned(
    procedure: Gimp.Procedure, image: Gimp.Image, layers: list[Gimp.Layer]
) -> Gimp.ValueArray:
    """Return success with the new layer or group, and with the painted layers.

    Python cannot make GIMP's arrays of layers. A procedure of GIMP that returns the right array is
    called instead: the layers of the group, or the selected layers, which are the new layers.
    """
    tops = [layer for layer in layers if layer.is_valid() and layer.get_parent() not in layers]
    if not tops:
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    top, is_group = tops[0], len(tops) == 1 and tops[0].is_group()
    name = "gimp-item-get-children" if is_group else "gimp-image-get-selected-layers"
    listing = Gimp.get_pdb().lookup_procedure(name)
    config = listing.create_config()
    config.set_property("item" if is_group else "image", top if is_group else image)
    values = listing.run(config)
    values.insert(1, GObject.Value(Gimp.Layer, top))
    return values


def failed(procedure: Gimp.Procedure, status: Gimp.PDBStatusType, message: str) -> Gimp.ValueArray:
    """Return a failure with a message that GIMP shows."""
    error = GLib.Error(sources.valid_unicode(message), "scumble", 0)
    return procedure.new_return_values(status, error)


class Scumble(Gimp.PlugIn):
    """The plug-in."""

    def do_query_procedures(self) -> list[str]:
        """Register the help page, and return the names of the procedures."""
        self.set_help_domain("scumble", Gio.File.new_for_path(os.path.join(HERE, "help")))
        return [PROCEDURE]

    def do_set_i18n(self, name: str) -> bool:
        """Return that GIMP has to bind no catalog: Python's gettext reads those of the engine."""
        return False

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Describe the procedure to GIMP."""
        Gegl.init(None)
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, paint, None)
        procedure.set_image_types("*")
        mask = Gimp.ProcedureSensitivityMask
        procedure.set_sensitivity_mask(mask.DRAWABLE | mask.DRAWABLES | mask.NO_DRAWABLES)
        procedure.set_menu_label(_("_Neural Style..."))
        procedure.set_icon_file(Gio.File.new_for_path(os.path.join(HERE, "icons", MENU_ICON)))
        procedure.add_menu_path("<Image>/Filters/Artistic")
        blurb = _("Paint in the style of other pictures, by regions")
        procedure.set_documentation(blurb, _(ABOUT), name)
        procedure.set_attribution("The Scumble authors", "The Scumble authors", "2026")
        arguments.declare(procedure)
        return procedure


Gimp.main(Scumble.__gtype__, sys.argv)
