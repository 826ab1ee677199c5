"""The window that sets up the engine where it is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import engine_process
import gimp_run
import installer_process
import python_finder
from gi.repository import GimpUi, GLib, Gtk, Pango

from engine import paths
from engine.engine_location import EngineLocation
from engine.translations import N_, _

TITLE = N_("Set up the engine · Neural Style")
POLL_MS = 100
WIDTH = 560
KEPT = ("GIMP3_DIRECTORY",)
"""GIMP's variables that the installer reads."""

STEPS = {
    "Folder": N_("Making the data folder"),
    "Python": N_("Making an environment"),
    "Packages": N_("Fetching the packages"),
    "Engine": N_("Copying the engine"),
    "Model": N_("Fetching the network"),
    "Command": N_("Writing the command"),
    "Check": N_("Painting a small picture"),
    "Speed": N_("Measuring this computer"),
    "GIMP": N_("Looking for every GIMP"),
    "Ready": N_("Tidying up"),
}
"""Names of the installer's steps, for the painter."""

START, CANCEL = Gtk.ResponseType.OK, Gtk.ResponseType.CANCEL


def set_up(missing: engine_process.NotSetUpError) -> EngineLocation | None:
    """Offer to set up the engine, and do it if the user agrees.

    Parameters
    ----------
    missing : NotSetUpError
        What is missing.

    Returns
    -------
    EngineLocation or None
        The engine; None if the user cancelled.

    Raises
    ------
    NotSetUpError
        The same, if no installer is at hand.
    """
    home = missing.home or paths.home()
    installer = installer_process.find_installer(gimp_run.HERE, home)
    if installer is None:
        raise missing
    window = SetupWindow(installer, home)
    try:
        return window.ask()
    finally:
        window.destroy()


class SetupWindow(Gtk.Dialog):
    """Asks, then shows the installer's progress; after a failure it can be tried again.

    Parameters
    ----------
    installer : Path
        install.py.
    home : Path
        The data folder.
    """

    def __init__(self, installer: Path, home: Path) -> None:
        super().__init__(title=_(TITLE))
        self.set_role("scumble-setup")
        GimpUi.window_set_transient(self)
        self._installer, self._home = installer, home
        self._process: installer_process.InstallerProcess | None = None
        self._location: EngineLocation | None = None
        self._problem = ""
        self._loop = GLib.MainLoop()
        self._build()
        self.connect("response", self._on_response)
        # Gtk has sent the response; the installer is stopped first.
        self.connect("delete-event", lambda *_: True)

    def _build(self) -> None:
        box = self.get_content_area()
        box.set_border_width(12)
        box.set_spacing(12)
        self._headline = Gtk.Label(xalign=0.0)
        bold = Pango.AttrList()
        bold.insert(Pango.attr_weight_new(Pango.Weight.BOLD))
        self._headline.set_attributes(bold)
        self._text = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=64, selectable=True)
        self._bar = Gtk.ProgressBar(show_text=True, no_show_all=True)
        self._now = Gtk.Label(
            xalign=0.0, ellipsize=Pango.EllipsizeMode.END, max_width_chars=1, no_show_all=True
        )
        self._lines = Gtk.TextView(editable=False, cursor_visible=False, monospace=True)
        self._lines.set_wrap_mode(Gtk.WrapMode.WORD_CHAR)
        self._lines.get_accessible().set_name(_("The installer's lines"))
        scrolled = Gtk.ScrolledWindow(min_content_height=160)
        scrolled.add(self._lines)
        self._details = Gtk.Expander.new_with_mnemonic(_("_Details"))
        self._details.add(scrolled)
        self._details.set_no_show_all(True)
        scrolled.show_all()
        for widget in (self._headline, self._text, self._bar, self._now):
            box.pack_start(widget, False, False, 0)
        box.pack_start(self._details, True, True, 0)
        self._cancel = self.add_button(_("_Cancel"), CANCEL)
        self._start_button = self.add_button(_("_Set it up"), START)
        self.set_default_response(START)
        self.set_default_size(WIDTH, -1)

    def ask(self) -> EngineLocation | None:
        """Show the window until the engine is set up, or the user cancels."""
        self._headline.set_text(_("Neural Style needs its engine, which is not set up yet"))
        text = _(
            "The engine paints outside of GIMP. Setting it up fetches its packages and the network "
            "and takes some minutes. It needs a network connection and 1 GB of disk. Everything "
            "goes into {folder}."
        )
        self._text.set_text(text.format(folder=self._home))
        self.show_all()
        self._start_button.grab_focus()
        self._loop.run()
        return self._location

    def _on_response(self, _window: Gtk.Dialog, response: int) -> None:
        if response == START:
            self._start()
            return
        self._stop()
        self._loop.quit()

    def _start(self) -> None:
        """Start the installer, unless the engine was set up in another way meanwhile."""
        self._problem = ""
        self._headline.set_text(_("Setting up the engine"))
        self._text.hide()
        self._bar.set_fraction(0.0)
        self._bar.set_text(_("Looking for Python"))
        self._now.set_text("")
        for widget in (self._bar, self._now, self._details):
            widget.show()
        self._start_button.hide()
        self._cancel.grab_focus()
        self.resize(WIDTH, 1)
        if self._is_there():
            return
        host = {name: os.environ[name] for name in KEPT if name in os.environ}
        variables = python_finder.without_bundle({**engine_process.without_host(), **host})
        try:
            python = python_finder.find_python(self._installer, variables)
            self._process = installer_process.InstallerProcess(
                python, self._installer, variables, self._home
            )
        except (python_finder.NoPythonError, OSError) as error:
            self._fail(str(error))
            return
        GLib.timeout_add(POLL_MS, self._poll)

    def _is_there(self) -> bool:
        """Leave if the engine is set up; return whether it is."""
        try:
            self._location = engine_process.read_location(gimp_run.HERE)
        except engine_process.NotSetUpError:
            return False
        self._loop.quit()
        return True

    def _poll(self) -> bool:
        """Show what the installer says; return whether it is still at work."""
        while self._process is not None and (event := self._process.next_event()):
            if event.get("type") == "end":
                self._stop()
                self._end(event)
            else:
                self._show(event)
        return self._process is not None

    def _show(self, event: dict[str, Any]) -> None:
        kind, text = event.get("type"), str(event.get("text") or "")
        if kind == "step":
            step, number, count = str(event["step"]), int(event["number"]), int(event["count"])
            self._bar.set_fraction((number - 1) / count)
            text = _("{step} ({number} of {count})")
            name = _(STEPS.get(step, step))
            self._bar.set_text(text.format(step=name, number=number, count=count))
            self._now.set_text("")
        elif kind == "error":
            self._problem = text
        else:
            self._now.set_text(text)
            self._note(f"{event.get('step', '')}  {text}".strip())

    def _end(self, event: dict[str, Any]) -> None:
        if event["status"] == 0 and self._is_there():
            return
        said = self._problem or str(event["text"])
        ended = _("The installer ended with status {status}.")
        self._fail(said or ended.format(status=event["status"]))

    def _fail(self, sentence: str) -> None:
        """Show why it did not work, in the installer's words."""
        self._headline.set_text(_("The engine could not be set up"))
        self._text.set_text(sentence)
        self._text.show()
        for widget in (self._bar, self._now):
            widget.hide()
        self._note(sentence)
        self.resize(WIDTH, 1)
        self._start_button.set_label(_("_Try again"))
        self._start_button.show()
        self._start_button.grab_focus()

    def _note(self, line: str) -> None:
        """Add a line to the details."""
        buffer = self._lines.get_buffer()
        buffer.insert(buffer.get_end_iter(), line + "\n")
        self._lines.scroll_to_iter(buffer.get_end_iter(), 0.0, False, 0.0, 0.0)

    def _stop(self) -> None:
        """Stop the installer if it is at work."""
        if self._process is not None:
            self._process.stop()
            self._process = None
