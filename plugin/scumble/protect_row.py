"""The dialog's row for the protected part of the content: which part, and how firmly."""

from __future__ import annotations

import labels
import pickers
import source_choices
import sources
from gi.repository import Gimp, GObject, Gtk

from engine import job
from engine.translations import _


class ProtectRow(Gtk.Box):
    """The controls of the arguments protect and protect-strength.

    Parameters
    ----------
    config : Gimp.ProcedureConfig
        Has the arguments.
    available : sources.Sources
        Everything that can be chosen.
    """

    def __init__(self, config: Gimp.ProcedureConfig, available: sources.Sources) -> None:
        super().__init__(spacing=6)
        self._config, self._available = config, available
        fields = job.Job.__dataclass_fields__
        now = self._spec()
        self._list = pickers.SourceList(
            source_choices.protected(available, now),
            now,
            _("Choose a gray picture"),
            self._on_choice,
        )
        self._list.set_tooltip_text(
            _("A part of the regions that must stay like the photo, such as a face")
        )
        about = fields["protect_strength"].metadata
        self._firmly = Gtk.SpinButton.new_with_range(about["low"], about["high"], 1)
        self._firmly.set_tooltip_text(labels.help_of(fields["protect_strength"]))
        both = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
        config.bind_property("protect-strength", self._firmly, "value", both)
        self._how = pickers.label_of(labels.marked(fields["protect_strength"]), self._firmly)
        self._share = Gtk.Label(xalign=1.0, width_chars=5)
        self._share.set_tooltip_text(_("Protected share of the layer"))
        self.label = pickers.label_of(labels.marked(fields["protect"]), self._list)
        self.pack_start(self.label, False, False, 0)
        self.pack_start(self._list, True, True, 0)
        for widget in (self._how, self._firmly, self._share):
            self.pack_start(widget, False, False, 0)

    def show_choice(self) -> None:
        """Show the present arguments."""
        spec = self._spec()
        if (self._list.get_active_id() or "") != (spec or pickers.EMPTY):
            self._list.show_sources(source_choices.protected(self._available, spec), spec)
        for widget in (self._how, self._firmly):
            widget.set_sensitive(spec != sources.NOTHING)

    def show_share(self, share: float | None) -> None:
        """Show the protected share of the layer, from 0 to 1; None if nothing is protected."""
        pickers.show_share(self._share, share)

    def _spec(self) -> str:
        return str(self._config.get_property("protect") or sources.NOTHING)

    def _on_choice(self, spec: str) -> None:
        self._config.set_property("protect", spec)
