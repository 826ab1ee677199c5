"""Figures of the paper as data: their pictures and settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.paintings.catalog import style_file
from engine.translations import N_

PICTURES = Path(__file__).resolve().parent / "pictures"

SIGMOID = "sigmoid"
"""The word for a generated mask, a horizontal sigmoid."""

STAGES = (1 / 30, 1 / 10, 1 / 3, 1.0)
"""The stages of figure 4, as shares of the iterations."""

AFTER = (N_("After {count} step"), N_("After {count} steps"))
BANDED = N_("Banded, {bands} bands")
CAPTIONS = (*AFTER, BANDED)
"""Captions with numbers. All captions are English in the file of numbers."""

WHOLE, RAMP, REGION = "whole", "ramp", "region"
"""Layouts: one style everywhere; two styles over a soft mask; one style inside a mask."""


@dataclass(frozen=True)
class Variant:
    """One picture of a panel.

    Attributes
    ----------
    name : str
        The name of its file without the extension.
    caption : str
    settings : dict
        The fields of the job that differ from the defaults of the method joint.
    """

    name: str
    caption: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """Pictures with the same content, styles and mask.

    Attributes
    ----------
    layout : str
        WHOLE, RAMP (the first style where the mask is black, the second where it is white) or
        REGION (the style where the mask is white).
    content : str
        A file; empty for the style itself, of which only the size is used.
    styles : tuple of str
        Files; two with RAMP, else one.
    mask : str
        A file, or SIGMOID; empty with WHOLE.
    variants : tuple of Variant
    """

    layout: str
    content: str
    styles: tuple[str, ...]
    mask: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Figure:
    """A figure of the paper.

    Attributes
    ----------
    number : int
    title : str
    paper : str
        What the paper shows.
    here : str
        How the gallery's figure differs.
    panels : tuple of Panel
    """

    number: int
    title: str
    paper: str
    here: str
    panels: tuple[Panel, ...]


NO_STYLE = {"style_layers": (("conv1_1", 0.0),)}
NO_CONTENT = {"content_layers": (("conv3_2", 0.0),)}


def figures(iterations: int) -> dict[int, Figure]:
    """Return the figures by number.

    Parameters
    ----------
    iterations : int
        Steps of every picture except the early stages of figure 4.
    """
    return {
        each.number: each
        for each in (
            _content_alone(iterations),
            _style_alone(iterations),
            _both(iterations),
            _two_styles(iterations),
            _hard_mask(iterations),
        )
    }


def with_own(
    panels: tuple[Panel, ...], content: str, styles: tuple[str, ...], mask: str
) -> tuple[Panel, ...]:
    """Return the panels with the user's pictures in place of theirs, each combination once.

    Parameters
    ----------
    panels : tuple of Panel
    content, mask : str
        Files; empty for the panel's own.
    styles : tuple of str
        Up to two files, in place of as many of the panel's.

    Returns
    -------
    tuple of Panel
    """
    replaced: list[Panel] = []
    for panel in panels:
        kept = panel.styles[len(styles) :]
        own = replace(
            panel,
            content=content if content and panel.content else panel.content,
            styles=(*styles, *kept)[: len(panel.styles)],
            mask=mask if mask and panel.mask else panel.mask,
        )
        if own not in replaced:
            replaced.append(own)
    return tuple(replaced)


def _file(name: str) -> str:
    return str(PICTURES / name)


def _content_alone(iterations: int) -> Figure:
    steps = sorted({max(1, round(part * iterations)) for part in STAGES})
    variants = tuple(
        Variant(
            f"after-{step}",
            AFTER[step > 1].format(count=step),
            {**NO_STYLE, "init": "noise", "iterations": step},
        )
        for step in steps
    )
    panel = Panel(WHOLE, _file("china.jpg"), (style_file("vangogh-auvers"),), "", variants)
    return Figure(
        4,
        N_("Content alone, from noise"),
        N_(
            "The content loss (conv3_2) is minimized alone, started from Gaussian noise; several "
            "stages of the optimization."
        ),
        N_(
            "Each stage is a separate run with fewer steps. The seed fixes the noise, and nothing "
            "else is random, so each run equals that stage of the longest one. The job's style "
            "picture has no weight."
        ),
        (panel,),
    )


def _style_alone(iterations: int) -> Figure:
    variants = tuple(
        Variant(
            layer,
            layer,
            {
                **NO_CONTENT,
                "style_layers": ((layer, 1.0),),
                "init": "noise",
                "iterations": iterations,
            },
        )
        for layer in (f"conv{block}_1" for block in range(1, 6))
    )
    panel = Panel(WHOLE, "", (style_file("vangogh-auvers"),), "", variants)
    return Figure(
        5,
        N_("Style alone, one layer at a time"),
        N_(
            "The style loss of a single layer is minimized, started from Gaussian noise. Deeper "
            "layers hold larger features. The picture of conv5_1 nearly repeats the painting."
        ),
        N_(
            "The pictures have the proportions of the painting. The style loss in the table always "
            "covers all five layers."
        ),
        (panel,),
    )


def _both(iterations: int) -> Figure:
    panel = Panel(
        WHOLE,
        _file("china.jpg"),
        (style_file("vangogh-auvers"),),
        "",
        (Variant("both", N_("Content and style"), {"iterations": iterations}),),
    )
    return Figure(
        6,
        N_("Content and style together"),
        N_(
            "A photograph in the style of a painting: conv3_2 for the content, five layers with "
            "equal weights for the style."
        ),
        N_("The same, with the default strength."),
        (panel,),
    )


def _two_styles(iterations: int) -> Figure:
    steps = {"iterations": iterations, "method": "joint", "propagation": "receptive"}
    variants = (
        Variant("receptive", N_("Receptive averaging, weight T (the paper's)"), steps),
        Variant(
            "squared",
            N_("Weight T², as if the features were multiplied by the mask"),
            {**steps, "propagation": "squared"},
        ),
        *(
            Variant(
                f"banded-{bands}",
                BANDED.format(bands=bands),
                {**steps, "method": "banded", "bands": bands},
            )
            for bands in (3, 5, 7)
        ),
    )
    panels = tuple(
        Panel(RAMP, _file(content), tuple(map(style_file, styles)), SIGMOID, variants)
        for content, styles in (
            ("china.jpg", ("vangogh-auvers", "hokusai-wave")),
            ("flower.jpg", ("cassatt-summertime", "kandinsky-composition-8")),
        )
    )
    return Figure(
        9,
        N_("Two styles over a horizontal sigmoid"),
        N_(
            "Receptive averaging with a soft mask: one style on the left turns slowly into another "
            "on the right. Two contents, each with two styles."
        ),
        N_(
            "The first picture of each row is the paper's method. The others use the same mask: "
            "the Gram matrix weighted with T², and banded guidance, in which each part of the ramp "
            "carries the full style by itself. Evenness is the texture in the middle of the ramp "
            "divided by that at its ends; 1 means no dull band. Compare with the content's own "
            "evenness."
        ),
        panels,
    )


def _hard_mask(iterations: int) -> Figure:
    steps = {"iterations": iterations, "method": "joint", "propagation": "receptive"}
    variants = (
        Variant("gradient", N_("a: gradient masking"), {**steps, "method": "gradient"}),
        Variant("stitch", N_("b: stitching"), {**steps, "method": "stitch"}),
        Variant("receptive", N_("c: receptive averaging"), steps),
        Variant("pinned", N_("Pinned (not in the paper)"), {**steps, "method": "pinned"}),
        Variant(
            "cutout",
            N_("Cutout (not in the paper)"),
            {**steps, "method": "cutout", "propagation": "auto"},
        ),
        Variant("inside", N_("Inside guidance, shrink 0"), {**steps, "propagation": "inside"}),
        Variant(
            "inside-grow-3",
            N_("Inside guidance, grown by 3 positions"),
            {**steps, "propagation": "inside", "grow": 3},
        ),
        Variant("resize", N_("Plain resizing of the mask"), {**steps, "propagation": "resize"}),
    )
    panel = Panel(
        REGION,
        _file("flower.jpg"),
        (style_file("vangogh-auvers"),),
        _file("flower-background.png"),
        variants,
    )
    return Figure(
        10,
        N_("A binary mask"),
        N_(
            "The background is painted, the foreground stays as it is: a, gradient masking (with "
            "Adam); b, stitching; c, receptive averaging. The paper ranks b before c before a."
        ),
        N_(
            "The same three, and five that the paper does not show. Leak is the mean change "
            "outside the region at a distance from its border (best 0). Reach is the change inside "
            "at the border, divided by that deep inside (best 1). Seam is how much a line along "
            "the border stands out (compare with the content's own). Fringe is how much the pixels "
            "right inside the border stand out (best 1). The region's style loss is measured on "
            "the finished picture in the same way for every method."
        ),
        (panel,),
    )
