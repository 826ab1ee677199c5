"""The question whether to continue an interrupted painting."""

from __future__ import annotations

from enum import Enum

import interrupted_runs
from gi.repository import GimpUi, Gtk

from engine.durations import duration
from engine.translations import N_, _

TITLE = N_("An interrupted painting · Neural Style")


class Answer(Enum):
    """The answers to the question."""

    RESUME = Gtk.ResponseType.OK
    ANEW = Gtk.ResponseType.NO
    DISCARD = Gtk.ResponseType.REJECT
    CANCEL = Gtk.ResponseType.CANCEL


def ask(interrupted: interrupted_runs.Interrupted, layer: str) -> Answer:
    """Ask what to do with an interrupted painting of a layer."""
    styles = " + ".join(interrupted.origin["names"])
    window = Gtk.MessageDialog(
        message_type=Gtk.MessageType.QUESTION,
        text=_("The painting of “{layer}” was interrupted").format(layer=layer),
        secondary_text=_(
            "{styles}: {percent} % is done, after {time} of painting. It was saved {when}. It can "
            "continue from there."
        ).format(
            styles=styles,
            percent=round(100 * interrupted.share),
            time=duration(interrupted.seconds),
            when=interrupted.age,
        ),
        title=_(TITLE),
    )
    window.set_role("scumble-interrupted")
    GimpUi.window_set_transient(window)
    window.add_buttons(
        *(_("_Discard it"), Answer.DISCARD.value),
        *(_("_New painting"), Answer.ANEW.value),
        *(_("C_ontinue it"), Answer.RESUME.value),
    )
    window.set_default_response(Answer.RESUME.value)
    response = window.run()
    window.destroy()
    try:
        return Answer(Gtk.ResponseType(response))
    except ValueError:  # Esc, or the window was closed
        return Answer.CANCEL
