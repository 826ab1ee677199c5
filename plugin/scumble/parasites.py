"""Parasites: texts that GIMP keeps with layers and in itself, such as a result's settings."""

from __future__ import annotations

from gi.repository import Gimp

from engine.translations import _

PARASITE = "scumble-settings"


def settings_of(layer: Gimp.Layer) -> str:
    """Return the settings that a result of Scumble's carries, or nothing."""
    parasite = layer.get_parasite(PARASITE)
    return parasite_text(parasite) if parasite else ""


def attach_settings(layer: Gimp.Layer, settings: str) -> None:
    """Let a layer carry its settings, which are ASCII.

    Raises
    ------
    ValueError
        If the settings are not ASCII, or GIMP does not take them.
    """
    parasite = text_parasite(PARASITE, settings, Gimp.PARASITE_PERSISTENT)
    if not layer.attach_parasite(parasite):
        message = _("GIMP refused them")
        raise ValueError(message)


def text_parasite(name: str, text: str, flags: int = 0) -> Gimp.Parasite:
    """Return a parasite that holds an ASCII text: GIMP's bindings take no byte above 127.

    Raises
    ------
    ValueError
        If the text is not ASCII.
    """
    return Gimp.Parasite.new(name, flags, list(text.encode("ascii")))


def parasite_text(parasite: Gimp.Parasite) -> str:
    """Return the text in a parasite."""
    return bytes(value & 255 for value in parasite.get_data()).decode("utf-8", "replace")
