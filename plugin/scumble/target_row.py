"""The row of the dialog that says which layers are painted, and how a result is painted again."""

from __future__ import annotations

from typing import Callable

import earlier_results
from gi.repository import Gimp, Gtk, Pango

from engine.translations import _, ngettext

LISTED = 3
"""Names of layers in the row; the others are counted."""


class TargetRow(Gtk.Box):
    """The row that names the layers to paint, unless it is simply the selected layer.

    Parameters
    ----------
    targets : list of Target
        The layers to paint; if there is only one, its earlier result can be continued.
    """

    def __init__(self, targets: list[earlier_results.Target]) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        self._result = targets[0].result if len(targets) == 1 else None
        self._goes_on: Gtk.RadioButton | None = None
        self._replaces: Gtk.CheckButton | None = None
        if len(targets) > 1:
            self._add_label(_listed([target.content.get_name() for target in targets]))
        elif targets[0].result is not None:
            self._add_choice(targets[0])

    @property
    def goes_on(self) -> bool:
        """Return whether the painting starts from the earlier result."""
        return self._goes_on is not None and self._goes_on.get_active()

    @property
    def start(self) -> Gimp.Layer | None:
        """The earlier result that the painting starts from; None if it begins anew."""
        return self._result if self.goes_on else None

    def on_choice(self, act: Callable[[], None]) -> None:
        """Call a function when another start of the painting is chosen."""
        if self._goes_on is not None:
            self._goes_on.connect("toggled", lambda _button: act())

    @property
    def replaces(self) -> bool:
        """Return whether the new result takes the place of the earlier one."""
        return self._replaces is not None and self._replaces.get_active()

    def _add_label(self, text: str) -> None:
        label = Gtk.Label(label=text, xalign=0.0, ellipsize=Pango.EllipsizeMode.END)
        label.set_max_width_chars(46)
        label.set_tooltip_text(text)
        self.pack_start(label, False, False, 0)

    def _add_choice(self, target: earlier_results.Target) -> None:
        assert target.result is not None
        photo, result = target.content.get_name(), target.result.get_name()
        self._add_label(_("“{layer}” was painted before").format(layer=photo))
        self._goes_on = Gtk.RadioButton.new_with_label(
            None, _("Continue from the earlier painting")
        )
        self._goes_on.set_tooltip_text(
            _(
                "Start from “{result}” and take as many steps as its last size took, with these "
                "settings. The content stays the photo."
            ).format(result=result)
        )
        anew = Gtk.RadioButton.new_with_label_from_widget(self._goes_on, _("Paint it anew"))
        anew.set_tooltip_text(_("Start from “{layer}”").format(layer=photo))
        anew.set_active(True)
        self._replaces = Gtk.CheckButton.new_with_label(_("Replace the earlier painting"))
        self._replaces.set_tooltip_text(
            _("The new layer takes the place of “{result}”; one Ctrl+Z brings it back").format(
                result=result
            )
        )
        box = Gtk.Box(spacing=12)
        for widget in (anew, self._goes_on):
            box.pack_start(widget, False, False, 0)
        self.pack_start(box, False, False, 0)
        self.pack_start(self._replaces, False, False, 0)


def _listed(names: list[str]) -> str:
    """Return the number of several layers, and the names of the first ones."""
    shown = ", ".join(names[:LISTED])
    more = len(names) - LISTED
    if more <= 0:
        return _("{count} layers: {names}").format(count=len(names), names=shown)
    text = ngettext(
        "{count} layers: {names} and {more} more", "{count} layers: {names} and {more} more", more
    )
    return text.format(count=len(names), names=shown, more=more)
