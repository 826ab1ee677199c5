"""The working size in the dialog: the sizes on offer, each with its time, and what a run takes."""

from __future__ import annotations

from typing import Any

import labels
import pickers
from gi.repository import Gimp, Gtk, Pango

from engine import job
from engine.translations import N_, _, number_text

SIZES = (
    (job.AUTO_SIZE, N_("As large as 5 minutes allow")),
    (90_000, N_("Sketch")),
    (250_000, N_("Standard")),
    (600_000, N_("Fine")),
    (1_500_000, N_("Very fine")),
    (0, N_("Full size")),
)

TEXT, NUMBER, FITS = range(3)
"""Columns of the list."""


class SizeRow(Gtk.Box):
    """A list of sizes, and a note on the chosen one below it.

    Parameters
    ----------
    config : Gimp.ProcedureConfig
        Has the argument.
    full : (int, int)
        Width and height of the layer.
    """

    def __init__(self, config: Gimp.ProcedureConfig, full: tuple[int, int]) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=2)
        self._config, self._full = config, full
        self._estimates: dict[int, dict[str, Any]] = {}
        self._largest = 0
        self._problem = ""
        self._filling = False
        self._list = Gtk.ListStore(str, str, bool)
        self._combo = Gtk.ComboBox(model=self._list, id_column=NUMBER)
        text = Gtk.CellRendererText(ellipsize=Pango.EllipsizeMode.END)
        self._combo.pack_start(text, True)
        self._combo.add_attribute(text, "text", TEXT)
        self._combo.add_attribute(text, "sensitive", FITS)
        self._combo.connect("changed", self._on_choice)
        self._combo.set_tooltip_text(_(job.Job.__dataclass_fields__["size"].metadata["text"]))
        self._note = pickers.dim_label()
        self.pack_start(self._combo, False, False, 0)
        self.pack_start(self._note, False, False, 0)
        self.show_choice()

    @property
    def control(self) -> Gtk.Widget:
        """The list itself, for its label."""
        return self._combo

    @property
    def problem(self) -> str:
        """The reason why the chosen size cannot be painted; empty if it can or is not known."""
        return str(self._estimates.get(self._size(), {}).get("problem", ""))

    def sizes(self) -> list[int]:
        """Return the sizes on offer, without the largest that fits."""
        area = self._full[0] * self._full[1]
        offered = [size for size, _name in SIZES if size <= 0 or size < area]
        now = self._size()
        return offered if now in offered else [*offered, now]

    def show_advice(self, advice: dict[str, Any], sizes: list[int]) -> None:
        """Show what the engine has estimated for the sizes that it was asked for."""
        self._problem = str(advice.get("problem", ""))
        self._estimates = dict(zip(sizes, advice.get("sizes", [])))
        self._largest = advice.get("largest") or 0
        self.show_choice()

    def show_choice(self) -> None:
        """Show the present argument."""
        self._filling = True
        self._list.clear()
        for size, name in self._offered():
            estimate = self._estimates.get(size, {})
            fits = "problem" not in estimate
            self._list.append([self._entry(size, name), str(size), fits])
        self._combo.set_active_id(str(self._size()))
        self._filling = False
        self._note.set_text(self._about())

    def _offered(self) -> list[tuple[int, str]]:
        names = {size: _(name) for size, name in SIZES}
        names[self._largest] = names.get(self._largest, _("The largest that fits"))
        sizes = self.sizes()
        if self._largest not in sizes:
            sizes.insert(sizes.index(0), self._largest)
        return [(size, names.get(size, _("Last used"))) for size in sizes]

    def _entry(self, size: int, name: str) -> str:
        estimate = self._estimates.get(size)
        if estimate is None:
            if size == job.AUTO_SIZE:
                return name
            width, height = _sides(size or self._full[0] * self._full[1], self._full)
            return _("{size}: {width} × {height}").format(size=name, width=width, height=height)
        if "problem" in estimate:
            missing = labels.gigabytes(estimate["missing"])
            return _("{size}: needs {memory} more memory").format(size=name, memory=missing)
        return _("{size}: {width} × {height}, {time}").format(
            size=name,
            width=estimate["width"],
            height=estimate["height"],
            time=labels.about_time(estimate["seconds"]),
        )

    def _about(self) -> str:
        """Return a sentence on the chosen size."""
        estimate = self._estimates.get(self._size())
        if estimate is None:
            return self._problem or _("Estimating time and memory…")
        if "problem" in estimate:
            return str(estimate["problem"])
        times = self._full[0] / estimate["width"]
        if times > 1.01:
            text = _("Painted at {width} × {height}, enlarged {times} times; {time}, {memory}")
        else:
            text = _("Painted at {width} × {height}; {time}, {memory}")
        return text.format(
            width=estimate["width"],
            height=estimate["height"],
            times=number_text(times, ".2g"),
            time=labels.about_time(estimate["seconds"]),
            memory=labels.gigabytes(estimate["bytes"]),
        )

    def _size(self) -> int:
        size = int(self._config.get_property("size"))
        return 0 if size >= self._full[0] * self._full[1] else size

    def _on_choice(self, combo: Gtk.ComboBox) -> None:
        size = combo.get_active_id()
        if size is not None and not self._filling:
            self._config.set_property("size", int(size))


def _sides(area: int, full: tuple[int, int]) -> tuple[int, int]:
    """Return width and height of a picture of this area and the content's aspect ratio."""
    scale = min((area / (full[0] * full[1])) ** 0.5, 1.0)
    return round(full[0] * scale), round(full[1] * scale)
