"""The list of looks in the dialog, which gives other options the values of the chosen look."""

from __future__ import annotations

import arguments
import labels
from gi.repository import Gimp, Gtk

from engine import job
from engine.looks import LOOKS


class LookList(Gtk.ComboBoxText):
    """The looks.

    A choice of the user sets every option that any look names. A change from elsewhere, such as
    saved settings, sets nothing, because it comes with values of its own.

    Parameters
    ----------
    config : Gimp.ProcedureConfig
        Has the arguments.
    """

    def __init__(self, config: Gimp.ProcedureConfig) -> None:
        super().__init__()
        self._config = config
        self._showing = False
        described = job.Job.__dataclass_fields__["look"]
        for look in LOOKS:
            self.append(look, labels.choice_label(described, look))
        self.set_tooltip_text(labels.help_of(described))
        self.show_choice()
        self.connect("changed", self._on_choice)

    def show_choice(self) -> None:
        """Show the present argument."""
        self._showing = True
        self.set_active_id(self._config.get_property("look"))
        self._showing = False

    def _on_choice(self, _list: Gtk.ComboBoxText) -> None:
        look = self.get_active_id()
        if not self._showing and look is not None:
            arguments.write(self._config, {"look": look, **arguments.values_of_look(look)})
