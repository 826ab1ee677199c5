"""Loss curves as pictures; only this module draws with matplotlib, which is optional.

The words in them are English in every language, since the font that comes with matplotlib has no
Japanese and no Chinese characters.
"""

from __future__ import annotations

import io
import logging
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from engine.files import write_file
from engine.job import JobError
from engine.paths import cache_folder, home, mark_own_folder
from engine.translations import N_, _

if TYPE_CHECKING:
    from pathlib import Path

    from engine.loss.terms import Part
    from engine.loss_curve import LossCurve

MISSING = N_(
    "Loss curves are drawn by matplotlib, which is not installed; "
    "'python3 install.py --plots' in Scumble's folder adds it."
)

WIDTH, HEIGHT = 8.0, 3.6
"""Inches of one picture's curves."""

DPI = 120

FONT = "DejaVu Sans"

# Okabe and Ito's colors, which color-blind people tell apart; those too pale on white are left
# out, and the regions beyond the fourth are dashed as well.
_STYLE_COLORS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00")
_COLORS = {"content": "#0072B2", "smoothing": "#56B4E9"}
_OTHER_COLOR = "#777777"

_DECADES_BELOW = 2
"""Decades shown below the smallest last loss; a curve may start as the rounding of 0."""


def check_plotting() -> None:
    """Make sure, before anything is painted, that curves can be drawn.

    Raises
    ------
    JobError
        If matplotlib is missing or cannot be imported; the message names the command that adds it.
    """
    try:
        _matplotlib()
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "matplotlib":
            raise JobError(_(MISSING)) from error
        message = _(
            "Loss curves are drawn by matplotlib, which cannot be imported ({reason}); "
            "'python3 install.py --plots' in Scumble's folder may repair it."
        ).format(reason=error)
        raise JobError(message) from error


def loss_curves(
    path: str | Path, curves: Sequence[LossCurve], names: Sequence[str], title: str = ""
) -> None:
    """Draw the course of the loss, term by term, as a PNG file 960 pixels wide.

    The plot shows the weighted terms of the loss and their sum over the evaluations on a
    logarithmic axis, one scale after the other, each marked with its size. Line-search trials far
    above the start are clipped. If a run has several pictures, as with the method stitch, each has
    its own panel, one below the other.

    Parameters
    ----------
    path : str or Path
        The file to write.
    curves : sequence of LossCurve
        `Result.curves`, or some of them.
    names : sequence of str
        The name of each region of the job, as `engine.masks.regions.region_name` gives it.
    title : str
        The title above the curves; may be empty.

    Raises
    ------
    JobError
        If matplotlib is not there.
    PictureError
        If the file cannot be written.
    """
    check_plotting()
    matplotlib, figures = _matplotlib()
    pictures = list(dict.fromkeys(curve.region for curve in curves))
    # A user's settings of matplotlib do not change the curves.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.size"] = 9
        size = (WIDTH, HEIGHT * max(len(pictures), 1))
        figure = figures.Figure(figsize=size, dpi=DPI, layout="constrained")
        panels = figure.subplots(max(len(pictures), 1), 1, squeeze=False)[:, 0]
        for panel, picture in zip(panels, pictures):
            own = [curve for curve in curves if curve.region == picture]
            _draw(panel, own, [_drawable(name) for name in names])
            if len(pictures) > 1 and picture is not None:
                panel.set_title(
                    _drawable(f"Picture in the style {names[picture]}", 100), fontsize=9, pad=16
                )
        if title:
            figure.suptitle(_drawable(title, 100), fontsize=10)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", metadata={"Software": None})
    write_file(path, drawn.getvalue())


def font_file() -> str:
    """Return the font that comes with matplotlib, for other drawings of a report."""
    _matplotlib()
    from matplotlib.font_manager import findfont

    return findfont(FONT)


def in_font(text: str) -> str:
    """Return a text in characters that the font has; others become question marks."""
    _matplotlib()
    from matplotlib.font_manager import get_font

    known = get_font(font_file()).get_charmap()
    return "".join(each if ord(each) in known else "?" for each in text)


def parts_of(curves: Sequence[LossCurve]) -> list[Part]:
    """Return the parts that the losses have: content, the styles by number, then the others."""
    found = {part for curve in curves for parts in curve.history for part in parts}
    order = {"content": 0, "style": 1}
    return sorted(found, key=lambda part: (order.get(part.kind, 2), part.region or 0))


def _matplotlib() -> tuple[Any, Any]:
    """Return the modules matplotlib and matplotlib.figure."""
    # Its search for fonts, or for a folder to keep their list in, is of no use to users.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    own = "MPLCONFIGDIR" not in os.environ
    cache = cache_folder(home())
    new = not cache.exists()
    if own:
        # Its list of fonts goes to our own caches, which an installation and its removal clear.
        os.environ["MPLCONFIGDIR"] = str(cache / "matplotlib")
    try:
        import matplotlib
        from matplotlib import figure
        from matplotlib.backends import backend_agg  # noqa: F401 - to find a broken one now
    finally:
        if own:
            del os.environ["MPLCONFIGDIR"]
    if new and cache.is_dir():
        with suppress(OSError):  # then --uninstall leaves it
            mark_own_folder(cache)
    return matplotlib, figure


def _draw(panel: Any, curves: Sequence[LossCurve], names: Sequence[str]) -> None:
    """Draw one picture's curves, scale after scale."""
    parts = parts_of(curves)
    series: dict[Part, list[float]] = {part: [] for part in parts}
    totals: list[float] = []
    starts: list[int] = []
    for curve in curves:
        starts.append(len(totals) + 1)
        for values in curve.history:
            for part in parts:
                series[part].append(values.get(part, math.nan))
            totals.append(sum(values.values()))
    ends = [start - 1 for start in starts[1:]] + [len(totals)]
    positive = [value for values in series.values() for value in _above_zero(values)]
    top = math.inf
    if positive:
        last = [value for values in series.values() for value in _above_zero(values)[-1:]]
        bottom = max(min(positive) / 1.5, min(last) / 10**_DECADES_BELOW)
        # A line search's trial may be a thousand times worse; such peaks are clipped.
        top = 3 * max(totals[start - 1] for start, end in zip(starts, ends) if start <= end)
        if top <= bottom:
            top = 3 * max(positive)
        panel.set_yscale("log")
        panel.set_ylim(bottom, top)

    def line(values: list[float], label: str, **look: Any) -> None:
        # A logarithm has no 0, where the content's loss starts; and no line joins two scales.
        shown = [min(value, 100 * top) if value > 0 else math.nan for value in values]
        for start, end in zip(starts, ends):
            numbers = range(start, end + 1)
            # A stopped run's single evaluation is a point, which a line alone would not show.
            marker = "o" if end - start < 1 else None
            panel.plot(numbers, shown[start - 1 : end], label=label, marker=marker, ms=3, **look)
            label = "_"  # the legend names each line once

    line(totals, "sum", color="black", linewidth=0.9)
    for part in parts:
        line(series[part], part.label(names), linewidth=1.5, **_look(part))
    panel.set_xlim(0.5, max(len(totals), 1) + 0.5)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.set_xlabel("evaluation")
    panel.set_ylabel("weighted loss")
    panel.grid(color="#DDDDDD", linewidth=0.6)
    panel.set_axisbelow(True)
    for curve, start in zip(curves, starts):
        height, width = curve.size
        if start > 1:
            panel.axvline(start - 0.5, color="#999999", linewidth=0.8, linestyle=":")
        panel.annotate(
            f"{width} x {height}",
            (start, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=8,
            color="#555555",
        )
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)


def _above_zero(values: list[float]) -> list[float]:
    return [value for value in values if value > 0]


def _look(part: Part) -> dict[str, str]:
    if part.region is not None:
        rounds, place = divmod(part.region, len(_STYLE_COLORS))
        return {"color": _STYLE_COLORS[place], "linestyle": "--" if rounds else "-"}
    return {"color": _COLORS.get(part.kind, _OTHER_COLOR), "linestyle": "-"}


def _drawable(text: str, most: int = 40) -> str:
    """Return a short text without formulas: matplotlib takes dollar signs for them."""
    short = text if len(text) <= most else text[: most - 3] + "..."
    return in_font(short).replace("$", r"\$")
