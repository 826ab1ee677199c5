"""The dialog's row for what is kept of the content: which part, and how firmly."""

from __future__ import annotations

import choices
import job
import pickers
import regions
import wording
from gi.repository import Gimp, GObject, Gtk


class KeepRow(Gtk.Box):
    """Shows and sets the arguments protect and protect-strength.

    Parameters
    ----------
    config : Gimp.ProcedureConfig
        Has the arguments.
    scene : regions.Scene
        What there is to choose from.
    """

    def __init__(self, config: Gimp.ProcedureConfig, scene: regions.Scene) -> None:
        super().__init__(spacing=6)
        self._config, self._scene = config, scene
        fields = job.Job.__dataclass_fields__
        now = self._words()
        self._list = pickers.source_list(
            choices.kept(scene, now), now, "Choose a grey picture", self._chosen
        )
        self._list.set_tooltip_text(
            "What is to stay as it is, such as a face; also where a style goes"
        )
        about = fields["protect_strength"].metadata
        self._firmly = Gtk.SpinButton.new_with_range(about["low"], about["high"], 1)
        self._firmly.set_tooltip_text(about["text"])
        both = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
        config.bind_property("protect-strength", self._firmly, "value", both)
        self._how = pickers.label_of(wording.label(fields["protect_strength"]), self._firmly)
        self._share = Gtk.Label(xalign=1.0, width_chars=5)
        self._share.set_tooltip_text("How much of the layer is kept")
        self.label = pickers.label_of(wording.label(fields["protect"]), self._list)
        self.pack_start(self.label, False, False, 0)
        self.pack_start(self._list, True, True, 0)
        for widget in (self._how, self._firmly, self._share):
            self.pack_start(widget, False, False, 0)

    def show_words(self) -> None:
        """Show what the arguments say now."""
        words = self._words()
        if (self._list.get_active_id() or "") != (words or pickers.EMPTY):
            pickers.show_sources(self._list, choices.kept(self._scene, words), words)
        for widget in (self._how, self._firmly):
            widget.set_sensitive(words != regions.NOTHING)

    def show_share(self, share: float | None) -> None:
        """Say how much of the layer is kept, from 0 to 1; None where nothing is asked for."""
        pickers.show_share(self._share, share)

    def _words(self) -> str:
        return str(self._config.get_property("protect") or regions.NOTHING)

    def _chosen(self, words: str) -> None:
        self._config.set_property("protect", words)
