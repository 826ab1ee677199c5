"""Metrics in a gallery's table, measured on the picture files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Callable

import numpy as np

from engine.gallery.figures import RAMP, WHOLE
from engine.loss.targets import layers_of
from engine.metrics import metric_table
from engine.metrics.metric_table import border_metrics, region_style_metric
from engine.pictures.picture import read_mask, read_picture
from engine.sizes import planar
from engine.translations import ENGLISH, N_, in_language

if TYPE_CHECKING:
    from pathlib import Path

    from engine.gallery.inputs import PanelFiles
    from engine.job import Job
    from engine.network import Network

CHANGE = ("change", N_("change from the content"))
"""Name and label of the mean of |picture - content|, 0..255."""

STYLE_LOSS = N_("style loss")
SIDES = {"left": N_("{metric}, left"), "right": N_("{metric}, right")}
OF_FILE = N_("{name}: {text}")

TEXTS = (*metric_table.NOTES.values(), *metric_table.LABELS.values(), *SIDES.values(), OF_FILE)
"""Templates of labels and notes, which are English in the file of numbers."""

Numbers = dict[str, tuple[str, "float | None"]]
"""Label and value by name; None where there is nothing to measure it on."""


@in_language(ENGLISH)  # as the file of numbers is
def measured(
    layout: str, job: Job, result: Path, files: PanelFiles, network: Callable[[], Network]
) -> tuple[Numbers, list[str]]:
    """Measure a picture.

    Parameters
    ----------
    layout : str
        The layout of the panel.
    job : Job
    result : Path
        The picture, of the content's size.
    files : PanelFiles
    network : callable
        Returns the network; it is called for style losses only.

    Returns
    -------
    numbers : dict
        Change from the content and style loss as far as the job asks for content and style; with a
        mask what `engine.metrics.metric_table` gives, and each region's style loss.
    notes : list of str
        Sentences about what a number leaves out.
    """
    after, before = (planar(read_picture(file).rgb) for file in (result, files.content))
    numbers: Numbers = {}
    notes: list[str] = []
    contents, style_layers = layers_of(job)

    def add(name: str, label: str, value: float) -> None:
        numbers[name] = (label, value if math.isfinite(value) else None)

    if files.mask is None:
        region = np.ones(before.shape[1:], np.float32)
        if contents:
            add(*CHANGE, float(np.abs(after - before).mean(dtype=np.float64)))
    else:
        region = read_mask(files.mask)
        metrics, notes = border_metrics(before, after, region)
        for each in metrics:
            add(each.name, each.label, each.value)
    sides = [("", region)]
    if layout == RAMP:
        sides = [("left", 1 - region), ("right", region)]
    for (side, where), file in zip(sides if style_layers else [], files.styles):
        style = read_picture(file)
        loss, more = region_style_metric(network(), after, planar(style.rgb), where, style.alpha)
        name, label = loss.name, STYLE_LOSS if layout == WHOLE else loss.label
        if side:
            name, label = f"{name}_{side}", SIDES[side].format(metric=label)
        add(name, label, loss.value)
        notes += [OF_FILE.format(name=file.name, text=each) for each in more]
    return numbers, notes
