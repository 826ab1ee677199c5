"""The question whether to go on with an interrupted painting."""

from __future__ import annotations

from enum import Enum

import interrupted_runs
from gi.repository import GimpUi, Gtk

from engine.durations import duration

TITLE = "An interrupted painting · Neural Style"


class Answer(Enum):
    """The answers to the question."""

    RESUME = Gtk.ResponseType.OK
    ANEW = Gtk.ResponseType.NO
    DISCARD = Gtk.ResponseType.REJECT
    CANCEL = Gtk.ResponseType.CANCEL


def ask(interrupted: interrupted_runs.Interrupted, layer: str) -> Answer:
    """Ask what to do with an interrupted painting of a layer."""
    styles = " + ".join(interrupted.origin["names"])
    spent = duration(interrupted.seconds)
    window = Gtk.MessageDialog(
        message_type=Gtk.MessageType.QUESTION,
        text=f"The painting of “{layer}” was interrupted",
        secondary_text=f"{styles}: {100 * interrupted.share:.0f} % is done, after {spent} of "
        f"painting. It was saved {interrupted.age}. It can go on from there.",
        title=TITLE,
    )
    window.set_role("scumble-interrupted")
    GimpUi.window_set_transient(window)
    window.add_buttons(
        *("_Discard it", Answer.DISCARD.value),
        *("_New painting", Answer.ANEW.value),
        *("_Go on with it", Answer.RESUME.value),
    )
    window.set_default_response(Answer.RESUME.value)
    response = window.run()
    window.destroy()
    try:
        return Answer(Gtk.ResponseType(response))
    except ValueError:  # Esc, or the window was closed
        return Answer.CANCEL
